"""Cuts a few bars out of a score: where it starts, what sounds, in which key.

>>> start = np.arange(64.0)
>>> track = Track(0, False, start, np.ones(64), np.full(64, 60), np.full(64, 90))
>>> score = Excerpt((track,), ((0.0, "3/4"),))
>>> find_window(score, np.random.default_rng(0), beats=20.0).metre
'3/4'
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from musiclm.corpus.theory import NOTE_NAMES, estimate_key

# Metres we keep: (name of the metre, quarters in a bar, quarters in a beat).
METRES = {
    "4/4": ("4/4", 4.0, 1.0),
    "2/2": ("4/4", 4.0, 1.0),
    "3/4": ("3/4", 3.0, 1.0),
    "2/4": ("2/4", 2.0, 1.0),
    "6/8": ("6/8", 3.0, 1.5),
    "9/8": ("9/8", 4.5, 1.5),
    "12/8": ("12/8", 6.0, 1.5),
}
_LONGEST_GAP = 3.0  # beats without a new note
_TRIES = 8


@dataclass(frozen=True)
class Track:
    """Notes of one instrument as arrays, times in quarters."""

    program: int
    drums: bool
    start: Float[np.ndarray, " n"]
    length: Float[np.ndarray, " n"]
    pitch: Int[np.ndarray, " n"]
    velocity: Int[np.ndarray, " n"]


@dataclass(frozen=True)
class Excerpt:
    """A score: its tracks and its time signatures as (quarter, name)."""

    tracks: tuple[Track, ...]
    signatures: tuple[tuple[float, str], ...]

    @property
    def quarters_per_beat(self) -> float:
        """Of the first time signature: 1.5 in compound metres."""
        return METRES.get(self.signatures[0][1], ("", 4.0, 1.0))[2]


@dataclass(frozen=True)
class Window:
    """A stretch of a score that starts on a bar line."""

    start: float  # quarters
    beats: float
    metre: str
    quarters_per_beat: float


def find_window(score: Excerpt, rng: np.random.Generator, beats: float) -> Window | None:
    """A random stretch with a note on its first beat, no long gap, and one metre."""
    metre, bar, beat = METRES.get(score.signatures[0][1], ("", 0.0, 0.0))
    if not metre or not score.tracks:
        return None
    onsets = np.unique(np.concatenate([track.start for track in score.tracks]))
    end = score.signatures[1][0] if len(score.signatures) > 1 else float(onsets[-1]) + 1.0
    bars = np.arange(score.signatures[0][0], end - beats * beat, bar)
    for _ in range(_TRIES if len(bars) else 0):
        start = float(rng.choice(bars))
        inside = onsets[(onsets >= start - 0.02) & (onsets < start + beats * beat)]
        if not len(inside) or inside[0] > start + 0.02:
            continue
        if np.diff([*inside, start + beats * beat]).max() <= _LONGEST_GAP * beat:
            return Window(start, beats, metre, beat)
    return None


def cut(score: Excerpt, window: Window, semitones: int) -> list[Track]:
    """The tracks of a window, from time 0, in beats, transposed; empty tracks are dropped."""
    last = window.start + window.beats * window.quarters_per_beat
    tracks = []
    for track in score.tracks:
        inside = (track.start >= window.start - 0.02) & (track.start < last)
        if track.drums or not inside.any():
            continue
        start = np.clip(track.start[inside] - window.start, 0.0, None) / window.quarters_per_beat
        tracks.append(
            Track(
                program=track.program,
                drums=False,
                start=start,
                length=track.length[inside] / window.quarters_per_beat,
                pitch=track.pitch[inside] + semitones,
                velocity=track.velocity[inside],
            )
        )
    return tracks


def key_of(
    tracks: list[Track], key: str | None, semitones: int
) -> tuple[str, str] | tuple[None, None]:
    """The key of an excerpt, only where the score's own key and its notes agree."""
    weights: dict[int, float] = dict.fromkeys(range(12), 0.0)
    for track in tracks:
        for pitch, length in zip(track.pitch.tolist(), track.length.tolist(), strict=True):
            weights[pitch % 12] += min(length, 2.0)
    heard = estimate_key(weights)
    written = parse_key(key)
    if written is None or (NOTE_NAMES[(written[0] + semitones) % 12], written[1]) != heard:
        return None, None
    return heard


def parse_key(key: str | None) -> tuple[int, str] | None:
    """Pitch class of the tonic and the mode of a key such as "Bb minor"; nothing if it is none."""
    tonic, _, mode = (key or "").partition(" ")
    written = _NAMES.get(tonic)
    return None if written is None or mode not in ("major", "minor") else (written, mode)


_NAMES = {name: i for i, name in enumerate(NOTE_NAMES)} | {
    "Db": 1, "D#": 3, "Gb": 6, "G#": 8, "A#": 10, "Cb": 11, "B#": 0, "E#": 5, "Fb": 4,
}  # fmt: skip
