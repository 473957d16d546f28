"""Notes, parts and pieces: what the composer writes and the renderer plays.

Not in the paper, which had 280,000 hours of recordings. Times are in beats, where a beat is what
a listener taps: the dotted quarter in 6/8, the quarter elsewhere.

>>> part = Part(program=73, role="melody", notes=[Note(0.0, 1.0, 72, 90)])
>>> Piece(parts=(part,), bpm=120.0, metre="4/4").seconds_per_beat
0.5
"""

from dataclasses import dataclass, field
from typing import NamedTuple

DRUM_CHANNEL = 9  # channel 10 of General MIDI, counted from zero

BEATS_PER_BAR = {"4/4": 4, "3/4": 3, "2/4": 2, "6/8": 2, "9/8": 3, "12/8": 4}


class Note(NamedTuple):
    """One note; start and length in beats."""

    start: float
    length: float
    pitch: int
    velocity: int


@dataclass(frozen=True)
class Part:
    """The notes of one instrument in one role; `program` is the kit if `drums`."""

    program: int
    role: str  # melody, counter, chords, pad, arpeggio, bass, drums
    notes: list[Note]
    drums: bool = False
    volume: float = 1.0
    human: bool = False  # a person played it: its timing and swing are left alone


@dataclass(frozen=True)
class Piece:
    """A piece as composed, with the facts its composer knows; captions are made from these."""

    parts: tuple[Part, ...]
    bpm: float
    metre: str = "4/4"
    swing: float = 0.5  # where in the beat its second half falls
    looseness: float = 1.0  # how far from the grid a humanised note may fall
    texture: str = "solo"
    style: str = "pop"
    key: str | None = None
    mode: str | None = None
    tempo_class: str = "medium"
    dynamics: str = "medium"
    moods: tuple[str, ...] = ()
    source: str = "procedural"
    licence: str = "CC0-1.0"
    work: str = ""
    chords: tuple[tuple[float, str], ...] = ()  # (beat where it begins, name such as "F#m7")
    sections: tuple[tuple[float, str], ...] = ()  # (beat where it begins, intro, a, b, break...)
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def seconds_per_beat(self) -> float:
        """How long a beat lasts."""
        return 60.0 / self.bpm

    @property
    def has_drums(self) -> bool:
        """Whether a drum kit plays."""
        return any(part.drums and part.notes for part in self.parts)
