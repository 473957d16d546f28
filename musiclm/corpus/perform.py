"""From beats to seconds: swing, a human's looseness and dynamics.

>>> from musiclm.corpus.piece import Note, Part
>>> flute = Part(73, "melody", [Note(0.0, 1.0, 72, 90), Note(1.0, 1.0, 74, 90)])
>>> piece = Piece(parts=(flute,), bpm=120.0)
>>> strokes = perform(piece, np.random.default_rng(0), seconds=10.0)
>>> [round(s.start, 1) for s in strokes]
[0.0, 0.5]
"""

from typing import NamedTuple

import numpy as np

from musiclm.corpus.piece import DRUM_CHANNEL, Piece

LEAD_IN = 0.02  # seconds: the latest that a first note may fall
_TIMING = 0.006  # seconds, standard deviation of a player's onsets
_VELOCITY = 5.0
_DYNAMICS = {"soft": 0.58, "medium": 0.82, "loud": 1.08}


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
        size = len(part.notes)
        loose = 0.0 if part.human else piece.looseness
        at = 0.5 if part.human else piece.swing
        drift = np.clip(rng.normal(0, _TIMING, size), -0.015, 0.015) * loose
        touch = rng.normal(0, _VELOCITY, size)
        spoken: dict[float, float] = {}  # notes written together drift together
        for note, late, force in zip(part.notes, drift.tolist(), touch.tolist(), strict=True):
            late = spoken.setdefault(note.start, late)
            start = swing(note.start, at) * piece.seconds_per_beat + late
            start = min(max(start, 0.0), LEAD_IN) if note.start == 0 else start
            end = swing(note.start + note.length, at) * piece.seconds_per_beat + late
            if 0 <= start < seconds - 0.05:
                velocity = int(np.clip(note.velocity * scale + force, 12, 127))
                end = max(end, start + 0.06)
                strokes.append(Stroke(start, end, channel, note.pitch, velocity, index))
    return sorted(strokes)
