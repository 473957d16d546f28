"""From beats to seconds: swing, a human's looseness, strummed chords and dynamics.

>>> from musiclm.corpus.piece import Note, Part
>>> flute = Part(73, "melody", [Note(0.0, 1.0, 72, 90), Note(1.0, 1.0, 74, 90)])
>>> piece = Piece(parts=(flute,), bpm=120.0)
>>> strokes = perform(piece, np.random.default_rng(0), seconds=10.0)
>>> [round(s.start, 1) for s in strokes]
[0.0, 0.5]
"""

from typing import NamedTuple

import numpy as np

from musiclm.corpus.piece import DRUM_CHANNEL, Part, Piece
from musiclm.corpus.styles import STYLES

LEAD_IN = 0.02  # seconds: the latest that a first note may fall
_TIMING = 0.006  # seconds, standard deviation of a player's onsets
_LATEST = 0.015
_VELOCITY = 5.0
_DYNAMICS = {"soft": 0.58, "medium": 0.82, "loud": 1.08}

# Seconds between the strings of a strummed or rolled chord.
_STRUMS = {24: 0.012, 25: 0.011, 26: 0.008, 27: 0.007, 28: 0.004, 105: 0.008, 15: 0.012, 46: 0.022}
_ROLLED = ("romantic", "ambient", "lo-fi")  # where a pianist rolls chords a little
_ROLL = 0.014
_BACKBEAT = (37, 38, 39)  # rim, snare, clap: what lies back behind the beat
_TICKING = (42, 44, 46, 51, 70)  # hats, ride, shaker: what a hand plays unevenly


class Stroke(NamedTuple):
    """One note in seconds on a channel, with the index of its part."""

    start: float
    end: float
    channel: int
    pitch: int
    velocity: int
    part: int


def channels(piece: Piece) -> list[int]:
    """A MIDI channel for each part; parts of one program and volume may share a player."""
    free = iter([c for c in range(16) if c != DRUM_CHANNEL])
    return [DRUM_CHANNEL if part.drums else next(free) for part in piece.parts]


def swing(beat: float, at: float) -> float:
    """Delay the second half of every beat to `at` (0.5 is straight, 2/3 a triplet)."""
    whole, part = divmod(beat, 1.0)
    bent = part * at / 0.5 if part < 0.5 else at + (part - 0.5) * (1 - at) / 0.5
    return whole + bent


def perform(piece: Piece, rng: np.random.Generator, seconds: float) -> list[Stroke]:
    """All strokes that start inside the clip, in order of time."""
    scale = _DYNAMICS[piece.dynamics]
    strokes = []
    for index, (part, channel) in enumerate(zip(piece.parts, channels(piece), strict=True)):
        at = 0.5 if part.human else piece.swing
        late = _lateness(piece, part, rng)
        touch = _touch(part, rng)
        for note, delay, force in zip(part.notes, late, touch, strict=True):
            start = swing(note.start, at) * piece.seconds_per_beat + delay
            start = min(max(start, 0.0), LEAD_IN) if note.start == 0 else max(start, 0.0)
            end = swing(note.start + note.length, at) * piece.seconds_per_beat + delay
            if start < seconds - 0.05:
                velocity = int(np.clip(note.velocity * scale + force, 12, 127))
                end = max(end, start + 0.06)
                strokes.append(Stroke(start, end, channel, note.pitch, velocity, index))
    return sorted(strokes)


def _lateness(piece: Piece, part: Part, rng: np.random.Generator) -> list[float]:
    """Seconds by which each note of a part is late: a hand's looseness, its style, its strum."""
    size = len(part.notes)
    loose = 0.0 if part.human else piece.looseness
    drift = (np.clip(rng.normal(0, _TIMING, size), -_LATEST, _LATEST) * loose).tolist()
    if part.human:
        return list(drift)
    style = STYLES.get(piece.style)
    behind = style.late if style else 0.0
    if behind and part.drums:
        drift = [
            d + behind * (note.pitch in _BACKBEAT)
            for d, note in zip(drift, part.notes, strict=True)
        ]
    elif behind and part.role in ("melody", "counter"):
        drift = [d + behind for d in drift]
    if part.drums:
        return drift
    return _strum(piece, part, drift)


def _strum(piece: Piece, part: Part, drift: list[float]) -> list[float]:
    """Notes written together move together; strings are struck one after another, down then up."""
    gap = _STRUMS.get(part.program, 0.0)
    if part.program in (0, 4) and piece.style in _ROLLED and piece.tempo_class == "slow":
        gap = _ROLL
    together: dict[float, list[int]] = {}
    for i, note in enumerate(part.notes):
        together.setdefault(note.start, []).append(i)
    late = list(drift)
    for start, group in together.items():
        upward = gap != _ROLL and start % 1.0 >= 0.5  # an upstroke between the beats
        ordered = sorted(group, key=lambda i: part.notes[i].pitch, reverse=upward)
        for place, i in enumerate(ordered):
            late[i] = drift[group[0]] + place * gap * piece.looseness
    return late


def _touch(part: Part, rng: np.random.Generator) -> list[float]:
    """How much harder each note is struck than written; a hat's hand is the least even."""
    force = rng.normal(0, _VELOCITY, len(part.notes))
    if part.drums and not part.human:
        uneven = np.array([1.6 if note.pitch in _TICKING else 0.8 for note in part.notes])
        force = force * uneven
    return force.tolist()
