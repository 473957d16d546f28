"""Melodies with phrases: a motif, its repetition, a variation and a cadence.

Four-bar phrases such as AABC place one-bar motifs over the chords; a motif keeps its rhythm and
contour and moves with the harmony, so repetition is heard.

>>> rng = np.random.default_rng(0)
>>> from musiclm.corpus.theory import SCALES, progression
>>> chords = progression("I IV V I", 0, "major")
>>> notes = compose_melody(rng, chords, SCALES["major"], Shape(60, 76, "4/4", 1.0), bars=4)
>>> notes[0].start, all(60 <= n.pitch <= 76 for n in notes)
(0.0, True)
"""

from dataclasses import dataclass

import numpy as np

from musiclm.corpus.piece import BEATS_PER_BAR, Note
from musiclm.corpus.theory import Chord, nearest, scale_over

_PLANS = ("AABC", "ABAC", "AAAC", "ABCC", "AABC", "ABAB")

# Rhythms of one beat by busyness: lengths in sixths of a beat times two (12 = a beat).
_SIMPLE: dict[int, tuple[tuple[int, ...], ...]] = {
    0: ((24,), (12,), (24,), (36,)),
    1: ((12,), (12,), (6, 6), (24,), (18, 6)),
    2: ((6, 6), (12,), (6, 6), (6, 6)),
    3: ((6, 6), (6, 3, 3), (3, 3, 6), (6, 6), (3, 3, 3, 3)),
}
_COMPOUND: dict[int, tuple[tuple[int, ...], ...]] = {
    0: ((24,), (12,), (12,)),
    1: ((12,), (8, 4), (8, 4), (4, 4, 4)),
    2: ((4, 4, 4), (8, 4), (4, 4, 4)),
    3: ((4, 4, 4), (4, 4, 4), (8, 4)),
}
_STEPS = (-3, -2, -1, -1, -1, 0, 1, 1, 1, 2, 3)


@dataclass(frozen=True)
class Shape:
    """Where and how a melody moves: range, metre, busyness 0 to 3, and how legato."""

    low: int
    high: int
    metre: str
    busy: float
    legato: float = 0.92
    rests: float = 0.06


@dataclass(frozen=True)
class Motif:
    """One bar: (onset, length) in beats and the scale steps between its notes."""

    rhythm: tuple[tuple[float, float], ...]
    steps: tuple[int, ...]
    anchor: float  # a pitch near which it starts


def compose_melody(
    rng: np.random.Generator, chords: list[Chord], scale: tuple[int, ...], shape: Shape, bars: int
) -> list[Note]:
    """A melody over one chord a bar; `scale` holds pitch classes."""
    plan = _PLANS[int(rng.integers(len(_PLANS)))]
    motifs = {letter: _motif(rng, shape, cadence=letter == "C") for letter in "ABC"}
    beats = BEATS_PER_BAR[shape.metre]
    notes: list[Note] = []
    for bar in range(bars):
        motif = motifs[plan[bar % 4]]
        if bar >= 4 and rng.random() < 0.25:
            motif = Motif(motif.rhythm, _contour(rng, len(motif.rhythm)), motif.anchor)
        notes += _realise(motif, float(bar * beats), chords[bar % len(chords)], scale, shape)
    return notes


def _motif(rng: np.random.Generator, shape: Shape, cadence: bool) -> Motif:
    rhythm = _rhythm(rng, shape, cadence)
    span = shape.high - shape.low
    anchor = shape.low + span * float(rng.uniform(0.3, 0.7))
    return Motif(rhythm, _contour(rng, len(rhythm)), anchor)


def _contour(rng: np.random.Generator, num_notes: int) -> tuple[int, ...]:
    drawn = rng.integers(len(_STEPS), size=max(num_notes - 1, 0))
    return tuple(_STEPS[int(i)] for i in drawn)


def _rhythm(
    rng: np.random.Generator, shape: Shape, cadence: bool
) -> tuple[tuple[float, float], ...]:
    beats = BEATS_PER_BAR[shape.metre] * 12
    table = _COMPOUND if shape.metre in ("6/8", "9/8", "12/8") else _SIMPLE
    end = beats // 2 if cadence else beats  # a cadence rests on its last note
    now, rhythm = 0, []
    while now < end:
        level = int(np.clip(round(shape.busy + rng.normal() * 0.35), 0, 3))
        cells = table[level]
        for length in cells[int(rng.integers(len(cells)))]:
            length = min(length, beats - now)
            rest = now > 0 and length <= 6 and rng.random() < shape.rests
            if length > 0 and not rest:
                rhythm.append((now / 12, length / 12))
            now += length
    if now < beats:
        rhythm.append((now / 12, (beats - now) / 12))
    return tuple(rhythm)


def _realise(
    motif: Motif, start: float, chord: Chord, scale: tuple[int, ...], shape: Shape
) -> list[Note]:
    allowed = scale_over(scale, chord)
    ladder = [p for p in range(shape.low, shape.high + 1) if p % 12 in allowed]
    strong = chord.pitches(shape.low, shape.high)
    pitch = nearest(strong, motif.anchor)
    notes = []
    for i, (onset, length) in enumerate(motif.rhythm):
        if i:
            index = ladder.index(nearest(ladder, pitch)) + motif.steps[i - 1]
            index = _reflect(index, len(ladder))
            pitch = ladder[index]
            if onset % 1 == 0 and length >= 0.99:
                pitch = nearest(strong, pitch)
        velocity = 96 if onset == 0 else 88 if onset % 1 == 0 else 80
        notes.append(Note(start + onset, length * shape.legato, pitch, velocity))
    return notes


def _reflect(index: int, size: int) -> int:
    if index < 0:
        index = -index
    if index >= size:
        index = 2 * (size - 1) - index
    return min(max(index, 0), size - 1)
