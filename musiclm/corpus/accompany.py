"""Accompaniment: comping, bass and inner voices from patterns and chords.

>>> from musiclm.corpus.theory import progression
>>> chords = progression("I V", 0, "major")
>>> [n.pitch for n in play_bass("r - 5 -", chords, bars=1, metre="4/4", low=36)]
[36, 43]
"""

import numpy as np

from musiclm.corpus.piece import BEATS_PER_BAR, Note
from musiclm.corpus.theory import Chord, nearest, voice

_COMPOUND_COMP = ("r - c r - c", "0 1 2 1 2 1", "c - - c - c")
_COMPOUND_BASS = ("r - - 5 - -", "r - - r - 5")


def fit(pattern: str, metre: str) -> list[str]:
    """The tokens of a pattern for one bar of a metre: 4/4 patterns are cut to 3/4 and 2/4."""
    tokens = pattern.split()
    if metre in ("6/8", "9/8", "12/8") and len(tokens) % 3:
        table = _COMPOUND_BASS if "r" in tokens and "c" not in tokens else _COMPOUND_COMP
        tokens = table[len(pattern) % len(table)].split()
    beats = BEATS_PER_BAR[metre]
    if metre in ("3/4", "2/4") and len(tokens) % 6:
        tokens = tokens[: len(tokens) * beats // 4]
    return tokens


def _strokes(tokens: list[str], beats: int) -> list[tuple[float, float, str]]:
    """(onset, length, token) in beats, holds merged into the stroke before them."""
    step = beats / len(tokens)
    strokes: list[tuple[float, float, str]] = []
    for i, token in enumerate(tokens):
        if token == "-" and strokes:
            onset, length, held = strokes[-1]
            strokes[-1] = (onset, length + step, held)
        elif token not in ".-":
            strokes.append((i * step, step, token))
    return strokes


def play_comp(
    pattern: str,
    chords: list[Chord],
    *,
    bars: int,
    metre: str,
    centre: float,
    num_tones: int = 3,
    legato: float = 0.9,
    power: bool = False,
) -> list[Note]:
    """Comp a pattern around a centre; `power` plays root and fifth only, low, as a rock guitar."""
    beats = BEATS_PER_BAR[metre]
    strokes = _strokes(fit(pattern, metre), beats)
    notes = []
    for bar in range(bars):
        chord = chords[bar % len(chords)]
        hand = _power(chord, centre) if power else voice(chord, centre, num_tones)
        roots = [p for p in range(24, 90) if p % 12 == chord.root]
        low = hand[0] if power else nearest(roots, centre - 14)
        for onset, length, token in strokes:
            velocity = 84 if onset == 0 else 76
            pitches = {"c": hand, "r": (low,)}.get(token) or (_tone(hand, int(token)),)
            start = bar * beats + onset
            notes += [Note(start, length * legato, pitch, velocity) for pitch in pitches]
    return notes


def _power(chord: Chord, centre: float) -> tuple[int, ...]:
    root = nearest([p for p in range(36, 62) if p % 12 == chord.root], centre)
    return (root, root + 7, root + 12)


def _tone(hand: tuple[int, ...], index: int) -> int:
    return hand[index % len(hand)] + 12 * (index // len(hand))


def play_bass(
    pattern: str,
    chords: list[Chord],
    *,
    bars: int,
    metre: str,
    low: int,
    rng: np.random.Generator | None = None,
    legato: float = 0.85,
) -> list[Note]:
    """A bass line; walking tones need a generator."""
    beats = BEATS_PER_BAR[metre]
    strokes = _strokes(fit(pattern, metre), beats)
    notes = []
    for bar in range(bars):
        chord, after = chords[bar % len(chords)], chords[(bar + 1) % len(chords)]
        root = low + (chord.root - low) % 12
        target = low + (after.root - low) % 12
        for i, (onset, length, token) in enumerate(strokes):
            last = i == len(strokes) - 1
            pitch = root + _interval(token, chord, i, last, target - root, rng)
            velocity = 94 if onset == 0 else 84
            notes.append(Note(bar * beats + onset, length * legato, pitch, velocity))
    return notes


def _interval(
    token: str, chord: Chord, i: int, last: bool, leap: int, rng: np.random.Generator | None
) -> int:
    third = (chord.tones[1] - chord.root) % 12
    minor = third == 3
    if token == "w" and i:  # walk over chord tones, then lean on the next root
        assert rng is not None
        if last:
            return leap + int(rng.choice([-1, 1, -2]))
        return int(rng.choice([third, 7, 12 if leap > 0 else 9 - minor]))
    if token == "a":
        return leap - 1
    steps = {"r": 0, "w": 0, "5": 7, "8": 12, "3": third, "6": 7 if minor else 9}
    return steps[token]


def inner_voice(
    chords: list[Chord], *, bars: int, metre: str, low: int, high: int, tempo_class: str
) -> list[Note]:
    """A counter voice in half bars (whole bars when fast), moving as little as it can."""
    beats = BEATS_PER_BAR[metre]
    parts = 1 if tempo_class == "fast" or beats % 2 else 2
    pitch = (low + high) / 2
    notes = []
    for bar in range(bars):
        tones = chords[bar % len(chords)].pitches(low, high)
        for part in range(parts):
            choices = [p for p in tones if p != pitch] if part else tones
            pitch = nearest(choices, pitch)
            length = beats / parts
            notes.append(Note(bar * beats + part * length, length * 0.95, int(pitch), 78))
    return notes
