"""Accompaniment: comping, bass and inner voices from patterns and chords.

>>> from musiclm.corpus.theory import harmony
>>> bars = harmony("I V", 0, "major")
>>> [n.pitch for n in play_bass("r - 5 -", bars[:1], metre="4/4", low=36)]
[36, 43]
"""

from collections.abc import Sequence

import numpy as np

from musiclm.corpus.piece import BEATS_PER_BAR, Note
from musiclm.corpus.theory import Bar, Chord, chord_at, nearest, voice

COMPOUND = ("6/8", "9/8", "12/8")
_COMPOUND_COMP = ("r - c r - c", "0 1 2 1 2 1", "c - - c - c")
_COMPOUND_BASS = ("r - - 5 - -", "r - - r - 5")
_ROLLING = "r 5 0 1 0 5"  # a wide left hand in compound time


def fit(pattern: str, metre: str, bar: int = 0) -> list[str]:
    """The tokens of a pattern for one bar of a metre: 4/4 patterns are cut to 3/4 and 2/4."""
    cycle = pattern.split("|")
    tokens = cycle[bar % len(cycle)].split()
    if metre in COMPOUND and len(tokens) % 3:
        if "c" not in pattern and "5" in pattern and "1" in pattern:
            tokens = _ROLLING.split()
        else:
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
    bars: Sequence[Bar],
    *,
    metre: str,
    centre: float,
    num_tones: int = 3,
    legato: float = 0.9,
    power: bool = False,
) -> list[Note]:
    """Comp a pattern around a centre; `power` plays root and fifth only, low, as a rock guitar."""
    beats = BEATS_PER_BAR[metre]
    notes = []
    for number, bar in enumerate(bars):
        strokes = _split(_strokes(fit(pattern, metre, number), beats), bar, beats)
        for onset, length, token in strokes:
            chord = chord_at(bar, onset, beats)
            hand = _power(chord, centre) if power else voice(chord, centre, num_tones)
            velocity = 84 if onset == 0 else 78 if onset % 1 == 0 else 72
            start = number * beats + onset
            for pitch in _fingers(token, hand, chord, centre, power):
                notes.append(Note(start, length * legato, pitch, velocity))
    return notes


def _fingers(
    token: str, hand: tuple[int, ...], chord: Chord, centre: float, power: bool
) -> tuple[int, ...]:
    if token == "c":
        return hand
    if token in "r5":
        if power:
            return (hand[0],)
        roots = [p for p in range(24, 90) if p % 12 == chord.root]
        root = nearest(roots, centre - 16)
        if token == "r":
            return (root,)
        fifth = next((t for t in chord.tones if (t - chord.root) % 12 in (6, 7, 8)), chord.root)
        return (root + (fifth - chord.root) % 12 or 12,)
    index = int(token)
    return (hand[index % len(hand)] + 12 * (index // len(hand)),)


def _split(
    strokes: list[tuple[float, float, str]], bar: Bar, beats: int
) -> list[tuple[float, float, str]]:
    """Strike again where the chord changes under a stroke that is held."""
    if len(bar) == 1:
        return strokes
    edges = [beats * i / len(bar) for i in range(1, len(bar))]
    parts = []
    for onset, length, token in strokes:
        cuts = [e for e in edges if onset < e < onset + length - 1e-6]
        points = [onset, *cuts, onset + length]
        parts += [(a, b - a, token) for a, b in zip(points, points[1:], strict=False)]
    return parts


def _power(chord: Chord, centre: float) -> tuple[int, ...]:
    root = nearest([p for p in range(36, 62) if p % 12 == chord.root], centre)
    return (root, root + 7, root + 12)


def play_bass(
    pattern: str,
    bars: Sequence[Bar],
    *,
    metre: str,
    low: int,
    rng: np.random.Generator | None = None,
    legato: float = 0.85,
    after: Chord | None = None,
) -> list[Note]:
    """A bass line; walking tones need a generator. `after` is the chord of the bar that follows."""
    beats = BEATS_PER_BAR[metre]
    notes = []
    for number, bar in enumerate(bars):
        coming = bars[number + 1][0] if number + 1 < len(bars) else after or bars[0][0]
        strokes = _split(_strokes(fit(pattern, metre, number), beats), bar, beats)
        for i, (onset, length, token) in enumerate(strokes):
            chord = chord_at(bar, onset, beats)
            root = low + (chord.root - low) % 12
            changed = i > 0 and chord != chord_at(bar, strokes[i - 1][0], beats)
            leap = low + (coming.root - low) % 12 - root
            if token == "w" and changed:
                token = "r"
            pitch = root + _interval(token, chord, i, i == len(strokes) - 1, leap, rng)
            velocity = 94 if onset == 0 else 88 if onset % 1 == 0 else 82
            notes.append(Note(number * beats + onset, length * legato, pitch, velocity))
    return notes


def _interval(
    token: str, chord: Chord, i: int, last: bool, leap: int, rng: np.random.Generator | None
) -> int:
    steps = [(tone - chord.root) % 12 for tone in chord.tones]
    third = next((s for s in steps if s in (3, 4)), 5 if 5 in steps else 7)
    fifth = next((s for s in steps if s in (6, 7, 8)), 7)
    if token == "w" and i:  # walk over chord tones, then lean on the next root
        assert rng is not None
        if last:
            return leap + int(rng.choice([-1, 1, -2]))
        return int(rng.choice([third, fifth, 12 if leap > 0 else 10 if 10 in steps else 9]))
    if token in "an":
        return leap - (token == "a")
    table = {"r": 0, "w": 0, "5": fifth, "8": 12, "3": third, "6": 7 if third == 3 else 9, "7": -2}
    return table[token]


def inner_voice(
    bars: Sequence[Bar], *, metre: str, low: int, high: int, tempo_class: str
) -> list[Note]:
    """A counter voice in half bars (whole bars when fast), moving as little as it can."""
    beats = BEATS_PER_BAR[metre]
    pitch = (low + high) / 2
    notes = []
    for number, bar in enumerate(bars):
        parts = max(len(bar), 1 if tempo_class == "fast" or beats % 2 else 2)
        for part in range(parts):
            onset = part * beats / parts
            tones = chord_at(bar, onset, beats).pitches(low, high)
            choices = [p for p in tones if p != pitch] if part else tones
            pitch = nearest(choices, pitch)
            length = beats / parts
            notes.append(Note(number * beats + onset, length * 0.95, int(pitch), 78))
    return notes


def second_voice(
    tune: Sequence[Note], scale: tuple[int, ...], low: int, high: int, steps: int = -2
) -> list[Note]:
    """The tune again, some scale steps away: thirds below it, or sixths."""
    ladder = [p for p in range(low - 12, high + 13) if p % 12 in scale]
    notes = []
    for note in tune:
        index = ladder.index(nearest(ladder, note.pitch)) + steps
        pitch = ladder[min(max(index, 0), len(ladder) - 1)]
        while pitch < low:
            pitch += 12
        while pitch > high:
            pitch -= 12
        notes.append(note._replace(pitch=pitch, velocity=max(note.velocity - 10, 20)))
    return notes


def answers(
    tune: Sequence[Note], bars: Sequence[Bar], metre: str, low: int, high: int
) -> list[Note]:
    """Short figures on chord tones where the tune holds still for a beat or more."""
    beats = BEATS_PER_BAR[metre]
    notes: list[Note] = []
    starts = [note.start for note in tune] + [float(len(bars) * beats)]
    for note, until in zip(tune, starts[1:], strict=True):
        begin = float(np.ceil(note.start + 0.5))
        if until - begin < 1.0:
            continue
        number = int(begin // beats)
        if number >= len(bars):
            break
        tones = chord_at(bars[number], begin % beats, beats).pitches(low, high)
        middle = len(tones) // 2
        for i in range(min(int((until - begin) * 2), 3)):
            pitch = tones[min(middle + i, len(tones) - 1)]
            notes.append(Note(begin + i / 2, 0.45, pitch, 80 - 4 * i))
    return notes
