"""Keys, chords and progressions: the harmony that styles are written in.

Chords are Roman numerals relative to the major or natural minor scale of the key, with a suffix:
minor is spelt in lower case; `b` or `#` before a numeral moves it. Suffixes: 7, maj7, m7b5, 9, sus,
5 and more. A bar holds one chord, or several joined by slashes.

>>> [sorted(c.tones) for c in progression("I V vi IV", tonic=0, mode="major")][0]
[0, 4, 7]
>>> [[chord.name for chord in bar] for bar in harmony("ii7/V7 Imaj7", tonic=9, mode="major")]
[['Bm7', 'E7'], ['Amaj7']]
>>> estimate_key({0: 3.0, 2: 1.0, 4: 2.0, 5: 1.0, 7: 2.0, 9: 1.0, 11: 1.0})
('C', 'major')
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

NOTE_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "major pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
}


def scale_of(tonic: int, name: str) -> tuple[int, ...]:
    """The pitch classes of a scale on a tonic, from the tonic up.

    >>> scale_of(7, "major")
    (7, 9, 11, 0, 2, 4, 6)
    """
    return tuple((tonic + step) % 12 for step in SCALES[name])


_NUMERALS = {"i": 0, "ii": 1, "iii": 2, "iv": 3, "v": 4, "vi": 5, "vii": 6}

_QUALITIES: dict[str, tuple[int, ...]] = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "7": (0, 4, 7, 10),
    "m7": (0, 3, 7, 10),
    "maj7": (0, 4, 7, 11),
    "9": (0, 4, 10, 2),
    "m9": (0, 3, 10, 2),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "add9": (0, 4, 7, 2),
    "maj9": (0, 4, 11, 2),
    "dim": (0, 3, 6),
    "dim7": (0, 3, 6, 9),
    "aug": (0, 4, 8),
    "m7b5": (0, 3, 6, 10),
    "sus": (0, 5, 7),
    "7sus": (0, 5, 7, 10),
    "5": (0, 7),
}
_SUFFIXES = {steps: name for name, steps in _QUALITIES.items()} | {
    _QUALITIES["sus"]: "sus4",
    _QUALITIES["7sus"]: "7sus4",
}

_CHORD = re.compile(r"([b#]?)([ivIV]+)(.*)")


@dataclass(frozen=True)
class Chord:
    """A root and its tones as pitch classes, root first."""

    root: int
    tones: tuple[int, ...]

    def pitches(self, low: int, high: int) -> list[int]:
        """All of its tones in a range, ascending."""
        return [p for p in range(low, high + 1) if p % 12 in self.tones]

    @property
    def name(self) -> str:
        """As players write it: "C", "F#m7", "Bbmaj7"."""
        steps = tuple((tone - self.root) % 12 for tone in self.tones)
        return NOTE_NAMES[self.root] + _SUFFIXES[steps]

    @property
    def power(self) -> "Chord":
        """Its root and fifth only, as a distorted guitar plays it."""
        return Chord(self.root, (self.root, (self.root + 7) % 12))


Bar = tuple[Chord, ...]  # the chords of one bar, which share it evenly


def parse_chord(numeral: str, tonic: int, mode: str) -> Chord:
    """Read one Roman numeral; `mode` is major or minor and places the degrees."""
    match = _CHORD.fullmatch(numeral)
    assert match, numeral
    sign, degree, suffix = match.groups()
    # In minor, III, VI and VII already lie on the flattened degrees.
    scale = SCALES["minor" if mode == "minor" else "major"]
    root = (tonic + scale[_NUMERALS[degree.lower()]] + {"": 0, "b": -1, "#": 1}[sign]) % 12
    lower = degree.islower() and suffix in ("", "7", "9", "6")
    quality = {"": "m", "7": "m7", "9": "m9", "6": "m6"}[suffix] if lower else suffix
    return Chord(root, tuple((root + step) % 12 for step in _QUALITIES[quality]))


def progression(text: str, tonic: int, mode: str) -> list[Chord]:
    """Read a progression of one chord a bar."""
    return [parse_chord(numeral, tonic, mode) for numeral in text.split()]


def harmony(text: str, tonic: int, mode: str) -> list[Bar]:
    """Read a progression whose bars may hold several chords."""
    return [
        tuple(parse_chord(numeral, tonic, mode) for numeral in bar.split("/"))
        for bar in text.split()
    ]


def chord_at(bar: Bar, onset: float | int, beats: int | float) -> Chord:
    """The chord that sounds at a beat of a bar."""
    return bar[min(int(onset / beats * len(bar) + 1e-6), len(bar) - 1)]


def scale_over(scale: Sequence[int], chord: Chord) -> frozenset[int]:
    """The scale bent to a chord: a scale tone beside a foreign chord tone gives way to it."""
    foreign = [tone for tone in chord.tones if tone not in scale]
    clash = {(tone + step) % 12 for tone in foreign for step in (-1, 1)} - set(chord.tones)
    return frozenset(set(scale) - clash | set(foreign))


@lru_cache(maxsize=4096)
def voice(chord: Chord, centre: float, num_tones: int = 3) -> tuple[int, ...]:
    """Close voicing of a chord around a centre: the same chord gets the same hand."""
    tones = chord.tones if len(chord.tones) <= num_tones else chord.tones[1:] or chord.tones
    best: tuple[int, ...] = ()
    for rotation in range(len(tones)):
        order = tones[rotation:] + tones[:rotation]
        for octave in range(1, 9):
            pitches = [order[0] + 12 * octave]
            for tone in order[1:]:
                pitches.append(pitches[-1] + (tone - pitches[-1]) % 12)
            if not best or _off(pitches, centre) < _off(best, centre):
                best = tuple(pitches)
    return best


def _off(pitches: Sequence[int], centre: float) -> float:
    return abs(sum(pitches) / len(pitches) - centre)


def nearest(pitches: Sequence[int], target: int | float) -> int:
    """The pitch closest to a target, the lower of two."""
    return min(pitches, key=lambda p: (abs(p - target), p))


# Krumhansl and Kessler 1982, probe-tone ratings.
_PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}


def estimate_key(weights: Mapping[int, float]) -> tuple[str, str]:
    """Tonic name and mode whose profile correlates best with pitch-class weights."""
    counts = [weights.get(pc, 0.0) for pc in range(12)]
    mean = sum(counts) / 12
    best, key = -2.0, ("C", "major")
    norm = sum((c - mean) ** 2 for c in counts) ** 0.5 or 1.0
    for mode, profile in _PROFILES.items():
        centre = sum(profile) / 12
        size = sum((p - centre) ** 2 for p in profile) ** 0.5
        for tonic in range(12):
            dot = sum((counts[(tonic + i) % 12] - mean) * (profile[i] - centre) for i in range(12))
            if dot / (norm * size) > best:
                best, key = dot / (norm * size), (NOTE_NAMES[tonic], mode)
    return key
