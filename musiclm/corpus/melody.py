"""Melodies with phrases: a motif, its repetition, a variation and a cadence.

Four-bar phrases such as AABC place one-bar motifs over the chords; a motif keeps its rhythm and
contour and moves with the harmony, so repetition is heard. A riff stays where it is instead.

>>> rng = np.random.default_rng(0)
>>> from musiclm.corpus.theory import SCALES, harmony
>>> bars = harmony("I IV V I", 0, "major")
>>> notes = compose_melody(rng, bars, SCALES["major"], Shape(60, 76, "4/4", 1.0))
>>> notes[0].start, all(60 <= n.pitch <= 76 for n in notes)
(0.0, True)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from musiclm.corpus.piece import BEATS_PER_BAR, Note
from musiclm.corpus.theory import Bar, chord_at, nearest, scale_over

# How four bars are made of motifs; "-" rests, which only a lead with company may do.
_PLANS = {
    "tune": ("AABC", "ABAC", "AAAC", "ABCC", "AABC", "ABAB"),
    "riff": ("AAAB", "ABAB", "AAAA", "AABA"),
    "long": ("AABC", "ABAC", "ABAB"),
    "bebop": ("ABDC", "AABC", "ABAC", "ABCD"),
    "sing": ("ABAC", "AABC", "ABAB", "AADC"),
}
_BREATHING = ("A-BC", "A-A-", "AB-C", "A-AC", "ABC-")

# Rhythms of one beat by busyness: lengths in sixths of a beat times two (12 = a beat).
_SIMPLE: dict[int, tuple[tuple[int, ...], ...]] = {
    0: ((24,), (12,), (24,), (36,)),
    1: ((12,), (12,), (6, 6), (24,), (18, 6)),
    2: ((6, 6), (12,), (6, 6), (6, 6)),
    3: ((6, 6), (6, 3, 3), (3, 3, 6), (6, 6), (3, 3, 3, 3)),
}
_SYNCOPATED: dict[int, tuple[tuple[int, ...], ...]] = {
    0: ((24,), (18, 18), (36,)),
    1: ((9, 9, 6), (18, 6), (6, 12, 6), (12,)),
    2: ((9, 9, 6), (6, 12, 6), (6, 6), (3, 6, 3)),
    3: ((3, 6, 3), (3, 3, 6), (9, 9, 6), (6, 6)),
}
_COMPOUND: dict[int, tuple[tuple[int, ...], ...]] = {
    0: ((24,), (12,), (12,)),
    1: ((12,), (8, 4), (8, 4), (4, 4, 4)),
    2: ((4, 4, 4), (8, 4), (4, 4, 4)),
    3: ((4, 4, 4), (4, 4, 4), (8, 4)),
}
_STEPS = (-3, -2, -1, -1, -1, 0, 1, 1, 1, 2, 3)
_RIFF_STEPS = (-2, -1, -1, 0, 0, 1, 1, 2)


@dataclass(frozen=True)
class Shape:
    """Where and how a melody moves: range, metre, busyness 0 to 3, how legato, of which kind."""

    low: int
    high: int
    metre: str
    busy: float
    legato: float = 0.92
    rests: float = 0.06
    kind: str = "tune"  # one of style.LEADS
    breathes: bool = False  # may leave whole bars to others


@dataclass(frozen=True)
class Motif:
    """One bar: (onset, length) in beats and the scale steps between its notes."""

    rhythm: tuple[tuple[float, float], ...]
    steps: tuple[int, ...]
    anchor: float  # a pitch near which it starts
    fixed: bool = False  # a riff: it starts from the same pitch whatever the chord


def compose_melody(
    rng: np.random.Generator, bars: Sequence[Bar], scale: tuple[int, ...], shape: Shape
) -> list[Note]:
    """A melody over bars of chords; `scale` holds pitch classes."""
    plans = _BREATHING if shape.breathes and rng.random() < 0.35 else _PLANS[shape.kind]
    plan = plans[int(rng.integers(len(plans)))]
    motifs = {letter: _motif(rng, shape, cadence=letter == "C") for letter in "ABCD"}
    beats = BEATS_PER_BAR[shape.metre]
    notes: list[Note] = []
    for number, bar in enumerate(bars):
        letter = plan[number % 4]
        if letter == "-":
            continue
        motif = motifs[letter]
        if number >= 4 and rng.random() < 0.2:
            steps = _contour(rng, len(motif.rhythm), shape.kind)
            motif = Motif(motif.rhythm, steps, motif.anchor, motif.fixed)
        notes += _realise(motif, float(number * beats), bar, scale, shape, swell=number % 4)
    return _lean(notes, rng) if shape.kind == "bebop" else notes


def _motif(rng: np.random.Generator, shape: Shape, cadence: bool) -> Motif:
    rhythm = _rhythm(rng, shape, cadence)
    span = shape.high - shape.low
    anchor = shape.low + span * float(rng.uniform(0.3, 0.7))
    return Motif(rhythm, _contour(rng, len(rhythm), shape.kind), anchor, shape.kind == "riff")


def _contour(rng: np.random.Generator, num_notes: int, kind: str) -> tuple[int, ...]:
    steps = _RIFF_STEPS if kind in ("riff", "sing") else _STEPS
    drawn = rng.integers(len(steps), size=max(num_notes - 1, 0))
    return tuple(steps[int(i)] for i in drawn)


def _rhythm(
    rng: np.random.Generator, shape: Shape, cadence: bool
) -> tuple[tuple[float, float], ...]:
    beats = BEATS_PER_BAR[shape.metre] * 12
    table = _COMPOUND if shape.metre in ("6/8", "9/8", "12/8") else _SIMPLE
    if table is _SIMPLE and shape.kind in ("riff", "sing"):
        table = _SYNCOPATED
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
    motif: Motif, start: float, bar: Bar, scale: tuple[int, ...], shape: Shape, swell: int
) -> list[Note]:
    beats = BEATS_PER_BAR[shape.metre]
    notes: list[Note] = []
    pitch = 0
    arch = (0, 3, 5, 1)[swell]  # a phrase of four bars grows and ebbs
    for i, (onset, length) in enumerate(motif.rhythm):
        chord = chord_at(bar, onset, beats)
        strong = chord.pitches(shape.low, shape.high)
        if i == 0:
            pitch = nearest(strong, motif.anchor)
        else:
            allowed = scale_over(scale, chord)
            ladder = [p for p in range(shape.low, shape.high + 1) if p % 12 in allowed]
            index = ladder.index(nearest(ladder, pitch)) + motif.steps[i - 1]
            pitch = ladder[_reflect(index, len(ladder))]
            if onset % 1 == 0 and length >= 0.99 and not motif.fixed:
                pitch = nearest(strong, pitch)
        velocity = 92 if onset == 0 else 85 if onset % 1 == 0 else 78
        velocity += arch + round(6 * (pitch - shape.low) / max(shape.high - shape.low, 1))
        notes.append(Note(start + onset, length * shape.legato, pitch, velocity))
    return notes


def _lean(notes: list[Note], rng: np.random.Generator) -> list[Note]:
    """Chromatic approach: some short notes lean on the note that follows from a semitone below."""
    bent = list(notes)
    for i, (note, after) in enumerate(zip(notes, notes[1:], strict=False)):
        close = after.start - note.start <= 0.51 and abs(after.pitch - note.pitch) <= 3
        if close and note.start % 1 and rng.random() < 0.3:
            bent[i] = note._replace(pitch=after.pitch - 1)
    return bent


def _reflect(index: int, size: int) -> int:
    if index < 0:
        index = -index
    if index >= size:
        index = 2 * (size - 1) - index
    return min(max(index, 0), size - 1)
