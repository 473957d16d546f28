"""The instruments of the corpus: over eighty programs in nine families, basses and drum kits.

Names are what captions may call an instrument; `poly` says whether it may play chords. The rows
are in `instruments.py`.

>>> INSTRUMENTS[73].family
'winds'
>>> sorted({i.family for i in INSTRUMENTS.values()} - {"bass"}) == sorted(FAMILIES)
True
"""

from dataclasses import dataclass

from musiclm.corpus.instruments import TABLE

FAMILIES = (
    "keys",
    "plucked",
    "bowed",
    "winds",
    "brass",
    "organ",
    "mallets",
    "voice",
    "synth",
)


@dataclass(frozen=True)
class Instrument:
    """One General MIDI program as we use it; the range is where it sounds well."""

    program: int
    name: str
    family: str
    low: int
    high: int
    poly: bool
    names: tuple[str, ...]  # what training captions call it
    heldout: tuple[str, ...]  # what evaluation prompts call it
    forms: tuple[str, ...] = ("melody",)  # what it may play alone
    volume: float = 1.0
    sustained: bool = False  # holds a note at full level, so long notes do not fade


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


INSTRUMENTS: dict[int, Instrument] = {
    row[0]: Instrument(*row[:6], _names(row[6]), _names(row[7]), *row[8:]) for row in TABLE
}

# Their notes die within a second on some soundfont: no slow piece is theirs alone.
SHORT = (12, 13, 28, 45, 55, 105, 106, 108, 114)

PROGRAMS_BY_FAMILY: dict[str, tuple[int, ...]] = {
    family: tuple(p for p, i in INSTRUMENTS.items() if i.family == family and i.forms)
    for family in FAMILIES
}

KITS = {
    0: "drums",
    16: "rock drums",
    24: "electronic drums",
    25: "drum machine",
    32: "jazz drums",
    40: "brushed drums",
}

# What captions call each kit; a word used for one kit is never true of none.
KIT_NAMES: dict[int, tuple[str, ...]] = {
    0: ("drums", "acoustic drums", "a drum kit"),
    16: ("drums", "punchy acoustic drums", "hard-hitting drums"),
    24: ("drums", "electronic drums", "digital drums"),
    25: ("drums", "electronic drums", "a drum machine"),
    32: ("drums", "jazz drums", "acoustic drums"),
    40: ("drums", "brushed drums", "drums played with brushes"),
}

# Programs of real scores that we do not use, played by their nearest neighbour.
NEAREST: dict[int, int] = {
    1: 0, 2: 0, 3: 0, 5: 4, 17: 16, 18: 16, 20: 19, 31: 27, 37: 36, 49: 48, 51: 50, 63: 62,
    76: 75, 77: 74, 83: 81, 84: 81, 85: 54, 86: 81, 92: 89, 93: 89, 94: 91, 96: 88, 97: 89, 98: 88,
    99: 89, 100: 88, 101: 91, 102: 89, 103: 89, 111: 68, 112: 9, 113: 14, 115: 13,
}  # fmt: skip
