"""Chords for a tune that has none: one a bar, the likeliest path through those of its key.

>>> pitches = (60, 64, 67, 64, 67, 71, 74, 71)
>>> tune = [Note(float(i), 1.0, pitch, 90) for i, pitch in enumerate(pitches)]
>>> [chord.name for chord, in harmonise(tune, bars=2, beats=4, tonic=0, mode="major")]
['C', 'G']
"""

from collections.abc import Sequence

import numpy as np

from musiclm.corpus.piece import Note
from musiclm.corpus.theory import Bar, Chord, parse_chord, scale_of

# Numerals and how welcome each is before a note is heard.
_CHORDS = {
    "major": {"I": 0.30, "IV": 0.18, "V": 0.22, "vi": 0.10, "ii": 0.10, "iii": 0.0},
    "minor": {"i": 0.30, "iv": 0.18, "V": 0.14, "VI": 0.10, "VII": 0.16, "III": 0.10},
}
_RICHER = {
    "I": "Imaj7", "IV": "IVmaj7", "V": "V7", "vi": "vi7", "ii": "ii7", "iii": "iii7",
    "i": "i7", "iv": "iv7", "VI": "VImaj7", "VII": "VII7", "III": "IIImaj7",
}  # fmt: skip
# Steps between roots, up, that lead on: a fourth up most of all.
_MOVES = {0: 0.05, 5: 0.18, 2: 0.10, 7: 0.10, 10: 0.04, 9: 0.08, 8: 0.04, 3: 0.02}
_STRONG = 1.6  # weight of a note on a downbeat
_CLASH = 0.35  # of a note outside the chord
_LEAST_IN_KEY = 0.9


def in_key(tune: Sequence[Note], tonic: int, mode: str) -> bool:
    """Whether nearly all of a tune lies on its scale; in minor sixth and seventh may be raised."""
    scale = set(scale_of(tonic, mode))
    if mode == "minor":
        scale |= {(tonic + step) % 12 for step in (9, 11)}
    total = sum(note.length for note in tune)
    inside = sum(note.length for note in tune if note.pitch % 12 in scale)
    return total > 0 and inside / total >= _LEAST_IN_KEY


def harmonise(
    tune: Sequence[Note], *, bars: int, beats: int, tonic: int, mode: str, rich: bool = False
) -> tuple[Bar, ...]:
    """The best path (Viterbi) of chords, one a bar; it starts and rests on the tonic if it can."""
    table = _CHORDS[mode]
    chords = [parse_chord(numeral, tonic, mode) for numeral in table]
    fit = _fits(tune, chords, bars, beats) + np.array(list(table.values()))
    moves = np.array([[_move(a, b) for b in chords] for a in chords])
    score = fit[0] + np.array([0.15 if chord.root == tonic else 0.0 for chord in chords])
    back = np.zeros((bars, len(chords)), int)
    for bar in range(1, bars):
        paths = score[:, None] + moves
        back[bar] = paths.argmax(axis=0)
        score = paths.max(axis=0) + fit[bar]
    path = [int(score.argmax())]
    for bar in range(bars - 1, 0, -1):
        path.append(int(back[bar, path[-1]]))
    names = list(table)
    played = [_RICHER[names[i]] if rich else names[i] for i in reversed(path)]
    return tuple((parse_chord(name, tonic, mode),) for name in played)


def _move(before: Chord, after: Chord) -> float:
    return _MOVES.get((after.root - before.root) % 12, 0.0)


def _fits(tune: Sequence[Note], chords: Sequence[Chord], bars: int, beats: int) -> np.ndarray:
    """How well each chord carries the notes of each bar, from -0.35 to 1."""
    weights = np.zeros((bars, 12))
    for note in tune:
        bar = int(note.start // beats)
        if bar < bars:
            inside = note.start - bar * beats
            strong = _STRONG if inside < 0.1 else 1.0
            weights[bar, note.pitch % 12] += min(note.length, beats - inside) * strong
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-6)
    carries = np.array([[1.0 if pc in c.tones else -_CLASH for pc in range(12)] for c in chords])
    return weights @ carries.T
