"""The instruments of the corpus: thirty programs in nine families, basses and drum kits.

Few timbres, each common, make a world that a small model can learn. Names are what captions may
call an instrument; `poly` says whether it may play chords.

>>> INSTRUMENTS[73].family
'winds'
>>> sorted({i.family for i in INSTRUMENTS.values()} - {"bass"}) == sorted(FAMILIES)
True
"""

from dataclasses import dataclass

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


_HANDS = ("hands", "hands", "chords", "arpeggio")

# program, name, family, low, high, poly, training names, held-out names, forms, volume, sustained
_TABLE: tuple[tuple[int, str, str, int, int, bool, str, str, tuple[str, ...], float, bool], ...] = (
    (0, "piano", "keys", 48, 86, True, "piano, grand piano, acoustic piano", "concert piano",
     _HANDS, 1.0, False),
    (4, "electric piano", "keys", 48, 84, True, "electric piano, Rhodes piano, e-piano",
     "Rhodes keyboard", _HANDS, 1.0, False),
    (6, "harpsichord", "keys", 50, 84, True, "harpsichord", "antique harpsichord",
     ("hands", "hands", "arpeggio"), 0.9, False),
    (24, "nylon guitar", "plucked", 48, 76, True, "nylon guitar, classical guitar, Spanish guitar",
     "nylon-string guitar", ("hands", "arpeggio", "chords", "melody"), 1.0, False),
    (25, "acoustic guitar", "plucked", 48, 76, True, "acoustic guitar, steel-string guitar",
     "steel-strung acoustic guitar", ("hands", "arpeggio", "chords", "chords"), 1.0, False),
    (27, "electric guitar", "plucked", 48, 78, True, "electric guitar, clean electric guitar",
     "clean guitar", ("melody", "arpeggio", "chords"), 1.0, False),
    (46, "harp", "plucked", 48, 88, True, "harp, concert harp", "orchestral harp",
     ("hands", "arpeggio", "arpeggio"), 1.0, False),
    (30, "distorted guitar", "plucked", 45, 76, True,
     "distorted guitar, distorted electric guitar, overdriven guitar", "fuzz guitar",
     ("melody", "power"), 0.8, True),
    (40, "violin", "bowed", 60, 93, False, "violin, fiddle", "bowed violin", ("melody",), 1.0,
     True),
    (42, "cello", "bowed", 40, 69, False, "cello, violoncello", "bowed cello", ("melody",), 1.0,
     True),
    (41, "viola", "bowed", 52, 79, False, "viola", "bowed viola", ("melody",), 1.0, True),
    (48, "strings", "bowed", 45, 84, True,
     "strings, string section, string ensemble, orchestral strings", "string orchestra",
     ("chords", "melody"), 0.95, True),
    (73, "flute", "winds", 62, 94, False, "flute", "transverse flute", ("melody",), 1.0, True),
    (71, "clarinet", "winds", 52, 86, False, "clarinet", "B-flat clarinet", ("melody",), 1.0, True),
    (68, "oboe", "winds", 60, 86, False, "oboe", "double-reed oboe", ("melody",), 1.0, True),
    (65, "saxophone", "winds", 52, 80, False, "saxophone, alto saxophone, sax", "alto sax",
     ("melody",), 1.0, True),
    (56, "trumpet", "brass", 56, 82, False, "trumpet", "B-flat trumpet", ("melody",), 0.95, True),
    (57, "trombone", "brass", 42, 69, False, "trombone", "tenor trombone", ("melody",), 1.0, True),
    (60, "french horn", "brass", 45, 74, False, "french horn, horn", "orchestral horn", ("melody",),
     1.0, True),
    (61, "brass section", "brass", 48, 79, True, "brass section, horn section, brass ensemble",
     "brass group", ("chords", "melody"), 0.9, True),
    (19, "church organ", "organ", 45, 84, True, "church organ, pipe organ", "cathedral organ",
     ("hands", "chords"), 0.85, True),
    (16, "drawbar organ", "organ", 48, 84, True, "drawbar organ, Hammond organ, electric organ",
     "tonewheel organ", ("hands", "chords"), 0.85, True),
    (21, "accordion", "organ", 53, 84, True, "accordion, squeezebox", "button accordion",
     ("melody", "hands"), 0.9, True),
    (11, "vibraphone", "mallets", 53, 88, True, "vibraphone, vibes", "metal-bar vibraphone",
     ("melody", "hands", "arpeggio"), 1.0, False),
    (12, "marimba", "mallets", 48, 88, True, "marimba", "wooden marimba",
     ("melody", "hands", "arpeggio"), 1.1, False),
    (9, "glockenspiel", "mallets", 67, 100, True, "glockenspiel, bells", "orchestral bells",
     ("melody", "arpeggio"), 0.9, False),
    (13, "xylophone", "mallets", 65, 98, True, "xylophone", "wooden xylophone",
     ("melody", "arpeggio"), 1.0, False),
    (52, "choir", "voice", 48, 79, True, "choir, vocal choir, choir aahs", "wordless chorus",
     ("chords", "chords", "melody"), 1.0, True),
    (53, "voices", "voice", 50, 79, True, "voices, wordless voices, vocal oohs", "humming vocals",
     ("melody", "chords"), 1.0, True),
    (81, "saw lead synth", "synth", 52, 88, True,
     "saw synth lead, sawtooth synthesizer, synth lead", "buzzy synth", ("melody", "arpeggio"), 0.8,
     True),
    (80, "square lead synth", "synth", 52, 88, True,
     "square-wave synth, chiptune synth, retro synth lead", "8-bit synth", ("melody", "arpeggio"),
     0.7, True),
    (89, "synth pad", "synth", 48, 79, True, "synth pad, warm synth pad", "analog pad", ("chords",),
     1.0, True),
    (32, "upright bass", "bass", 28, 52, False, "upright bass, double bass, acoustic bass",
     "contrabass", (), 1.25, False),
    (33, "electric bass", "bass", 28, 52, False, "bass guitar, electric bass, e-bass",
     "fingered bass guitar", (), 1.15, False),
    (38, "synth bass", "bass", 28, 52, False, "synth bass, electronic bass", "analog bass synth",
     (), 1.0, False),
)  # fmt: skip

INSTRUMENTS: dict[int, Instrument] = {
    row[0]: Instrument(*row[:6], _names(row[6]), _names(row[7]), *row[8:]) for row in _TABLE
}

SHORT = (12, 13)  # their notes die within half a second: no slow piece is theirs alone

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
    1: 0, 2: 0, 3: 0, 5: 4, 7: 6, 8: 9, 10: 9, 14: 9, 15: 46,
    17: 16, 18: 16, 20: 19, 22: 21, 23: 21,
    26: 27, 28: 27, 29: 30, 31: 27, 34: 33, 35: 33, 36: 33, 37: 33, 39: 38,
    43: 32, 44: 48, 45: 46, 49: 48, 50: 48, 51: 48, 54: 53,
    58: 57, 59: 56, 62: 61, 63: 61, 64: 65, 66: 65, 67: 65, 69: 68, 70: 71, 72: 73, 74: 73, 75: 73,
    77: 73, 78: 73, 79: 73, 105: 25, 109: 21, 110: 40, 111: 68,
}  # fmt: skip
