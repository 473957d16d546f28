"""The styles as data: harmony, groove, instruments and moods of each.

A pattern divides its bar evenly. In comping patterns `c` strikes the chord, `r` its low root,
`0`-`4` one tone of it, `-` holds and `.` rests; in bass patterns `r` is the root, `5` the fifth,
`8` the octave, `3` the third, `a` a step toward the next root, `w` a walking tone.

>>> sorted(STYLES)[:3], len(STYLES) >= 10
(['ambient', 'baroque', 'blues'], True)
"""

from dataclasses import dataclass

TEMPO_RANGES = {"slow": (60, 85), "medium": (94, 124), "fast": (136, 178)}


@dataclass(frozen=True)
class Style:
    """One row of the table."""

    name: str
    tempos: tuple[str, ...]
    major: tuple[str, ...] = ()
    minor: tuple[str, ...] = ()
    metres: tuple[str, ...] = ("4/4",)
    scale: dict[str, str] | None = None  # other scale for a mode
    swing: float = 0.5
    looseness: float = 1.0
    grooves: tuple[str, ...] = ()
    kits: tuple[int, ...] = (0,)
    bass: tuple[str, ...] = ("r - - - r - - -",)
    bass_programs: tuple[int, ...] = (33,)
    comp: tuple[str, ...] = ("c - c - c - c -",)
    comp_programs: tuple[int, ...] = (0,)
    lead_programs: tuple[int, ...] = (0,)
    pad_programs: tuple[int, ...] = ()
    solo: tuple[int, ...] = ()  # programs that play this style alone
    ensembles: tuple[str, ...] = ()  # roles and their programs
    busy: float = 0.0  # added to the melody's density
    bpm: tuple[int, int] = (60, 178)
    moods: tuple[str, ...] = ()


_POP = ("I V vi IV", "vi IV I V", "I vi IV V", "I IV vi V", "I iii IV V")
_POP_MINOR = ("i VI III VII", "i VII VI VII", "i iv VI VII", "i VI iv VII")
_CLASSIC = ("I IV V I", "I vi ii V", "I V I V", "I ii V I", "I IV I V7")
_CLASSIC_MINOR = ("i iv V i", "i VI iv V", "i V i V", "i iv i V7")

_TABLE = (
    Style(
        "pop", tempos=("slow", "medium", "medium"), major=_POP, minor=_POP_MINOR,
        grooves=("pop", "pop open", "rock light"),
        bass=("r - - r r - - -", "r r r r r r r r", "r - - - r - 5 -"),
        comp=("c - - - c - - -", "c - c - c - c -", "0 1 2 1 0 1 2 1", "c . . c . . c ."),
        comp_programs=(0, 25, 27), lead_programs=(0, 80, 73, 40, 53), pad_programs=(48, 89),
        solo=(0, 4, 25, 27, 24, 53, 12),
        ensembles=(
            "melody 53, chords 0", "melody 40, chords 25", "melody 73, chords 0",
            "melody 0, chords 25, pad 48",
        ),
        moods=("catchy", "feel-good"),
    ),
    Style(
        "rock", tempos=("medium", "fast"),
        major=("I IV V IV", "I V IV I", "I bVII IV I", "I IV I V"),
        minor=("i VII VI VII", "i VI VII i", "i III VII IV"),
        grooves=("rock", "rock light", "rock driving"), kits=(0, 16),
        bass=("r r r r r r r r", "r - r r - r r -", "r - - r r - r -"),
        comp=("c c c c c c c c", "c - c c - c c -", "c - - c c - - -"), comp_programs=(30, 30, 27),
        lead_programs=(30, 27, 16), pad_programs=(16,), solo=(27, 30), busy=0.2,
        moods=("energetic", "gritty"),
    ),
    Style(
        "metal", tempos=("medium", "fast", "fast"),
        minor=("i bII i VI", "i i VI VII", "i VI i bII", "i VII VI V"), looseness=0.5,
        grooves=("metal", "metal double kick"), kits=(16,), bass=("r r r r r r r r",),
        comp=("r r c - r r c -", "c r r c r r c r", "c - - r r r r r", "r r r r c - c -"),
        comp_programs=(30,), lead_programs=(30,), solo=(30,), busy=0.5,
        moods=("aggressive", "heavy", "dark"),
    ),
    Style(
        "funk", tempos=("medium",), major=("I7 IV7 I7 IV7", "I9 I9 IV9 I9"),
        minor=("i7 IV7 i7 IV7", "i7 i7 IV7 i7", "i7 VII7 i7 IV7"),
        scale={"minor": "dorian", "major": "mixolydian"}, grooves=("funk", "funk linear"),
        bass=(
            "r . . r . r 8 . . r . 5 . 8 . .", "r . r . . . 8 r . . r . 5 . 3 .",
            "r . . 8 . . r . . r . . 8 . 5 .",
        ),
        comp=(". . c . . c . . . . c . . c c .", "c . . c . . c . . . c . . . c ."),
        comp_programs=(27, 4, 16), lead_programs=(61, 65, 16), solo=(4, 27), busy=0.3,
        bpm=(94, 116), moods=("groovy", "funky"),
    ),
    Style(
        "jazz", tempos=("slow", "medium", "fast"),
        major=("ii7 V7 Imaj7 vi7", "Imaj7 vi7 ii7 V7", "iii7 vi7 ii7 V7"),
        minor=("i7 iim7b5 V7 i7", "i7 iv7 V7 i7"), swing=0.64, grooves=("swing", "swing ride"),
        kits=(32, 40), bass=("w w w w",), bass_programs=(32,),
        comp=("c . . c . . . .", ". c . . . c . .", "c . . . . c . ."), comp_programs=(0, 27, 11),
        lead_programs=(65, 56, 11, 0, 71, 57), solo=(0, 27, 11, 65, 56, 57, 71, 16),
        ensembles=(
            "melody 11, chords 0, bass 32", "melody 65, chords 0, bass 32", "melody 27, bass 32",
            "melody 56, chords 0", "melody 71, chords 27, bass 32",
        ),
        busy=0.4, moods=("smooth", "sophisticated"),
    ),
    Style(
        "bossa nova", tempos=("medium", "fast"),
        major=("Imaj7 vi7 ii7 V7", "Imaj7 II7 ii7 V7", "Imaj7 Imaj7 ii7 V7"),
        minor=("i7 iv7 iim7b5 V7", "i7 i7 iv7 V7"), grooves=("bossa",), kits=(0, 40),
        bass=("r - - 5 5 - - r", "r - - 5 5 - - 5"), bass_programs=(32,),
        comp=("c - . c - . c -", "c - . c . c - ."), comp_programs=(24,),
        lead_programs=(73, 65, 24, 0, 53), solo=(24,),
        ensembles=("melody 73, chords 24", "melody 65, chords 24, bass 32", "melody 53, chords 24"),
        bpm=(112, 150), moods=("breezy", "smooth"),
    ),
    Style(
        "blues", tempos=("slow", "medium"),
        major=("I7 I7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7", "I7 IV7 I7 I7 IV7 IV7 I7 V7"),
        minor=("i7 i7 iv7 i7", "i7 iv7 i7 V7"), scale={"major": "mixolydian", "minor": "minor"},
        swing=0.66, grooves=("shuffle",), bass=("r - 3 - 5 - 6 -", "r r 5 5 6 6 5 5"),
        bass_programs=(33, 32), comp=("c . c c . c c .", ". . c . . . c .", "c - - c - - c -"),
        comp_programs=(27, 0, 16), lead_programs=(27, 65, 0, 16), solo=(0, 27, 25, 16, 65),
        ensembles=("melody 65, chords 0", "melody 27, chords 0, bass 32", "melody 27, chords 16"),
        busy=0.1, moods=("soulful", "gritty"),
    ),
    Style(
        "country", tempos=("medium", "fast"),
        major=("I IV V I", "I I IV V", "I V IV I", "I IV I V"), scale={"major": "major"},
        grooves=("train", "country"), bass=("r - - - 5 - - -",), bass_programs=(33, 32),
        comp=("r - c - r - c -", "r c c c r c c c"), comp_programs=(25,),
        lead_programs=(40, 27, 25), solo=(25, 40),
        ensembles=("melody 40, chords 25", "melody 40, chords 25, bass 32"),
        moods=("cheerful", "rustic"),
    ),
    Style(
        "techno", tempos=("medium", "fast"), minor=("i i i i", "i i VI VI", "i i VII VII"),
        looseness=0.0, grooves=("techno", "techno hard"), kits=(24, 25),
        bass=(
            ". . r r . . r r . . r r . . r r", ". r . r . r . r", "r . r r . r r . r . r r . r r .",
        ),
        bass_programs=(38,),
        comp=(
            ". . c . . . c .", "0 2 1 2 0 2 1 2 0 2 1 2 0 2 1 2", "c . . c . . c . . . c . . c . .",
        ),
        comp_programs=(81, 80), lead_programs=(81, 80), pad_programs=(89,), solo=(81, 80), busy=0.3,
        bpm=(120, 150), moods=("hypnotic", "driving"),
    ),
    Style(
        "house", tempos=("medium",), major=("Imaj7 vi7 IVmaj7 V", "IVmaj7 V vi7 Imaj7"),
        minor=("i7 VI iv7 VII", "i7 iv7 i7 VII", "VI VII i7 i7"), looseness=0.2,
        grooves=("house", "house clap"), kits=(24, 25),
        bass=(". r . r . r . r", ". r . 8 . r . 8", "r . . r . . r ."), bass_programs=(38,),
        comp=("c . . c . . c . . c . . c . . .", ". c . c . c . c", "c . . c . . . ."),
        comp_programs=(0, 4, 16), lead_programs=(81, 80, 53), pad_programs=(89, 48), solo=(81, 80),
        bpm=(118, 124), moods=("groovy", "uplifting"),
    ),
    Style(
        "ambient", tempos=("slow",), major=("I IV I IV", "Imaj7 IVmaj7 vi7 IVmaj7", "I vi IV I"),
        minor=("i VI i VI", "i7 VI III VII", "i iv i VI"), looseness=2.0, grooves=("ambient",),
        kits=(24,), bass=("r - - - - - - -",), bass_programs=(38,),
        comp=("c - - - - - - -", "0 - 1 - 2 - 1 -", "0 1 2 3 2 1 2 1"), comp_programs=(89, 52, 46),
        lead_programs=(11, 4, 0, 80), pad_programs=(89, 48, 52),
        solo=(89, 52, 53, 48, 46, 4, 0, 11, 19, 60, 80, 9),
        ensembles=(
            "melody 0, pad 89", "melody 11, pad 89", "arpeggio 46, pad 52", "melody 4, pad 89",
            "melody 60, pad 48", "melody 80, pad 89, bass 38", "pad 89, chords 52",
        ),
        busy=-0.6, bpm=(60, 84), moods=("ethereal", "dreamy", "meditative"),
    ),
    Style(
        "lo-fi", tempos=("slow",),
        major=("Imaj7 vi7 ii7 V7", "ii7 V7 Imaj7 vi7", "IVmaj7 iii7 ii7 Imaj7"),
        minor=("i7 iv7 VI V7", "VI V7 i7 i7"), swing=0.58, grooves=("lofi",), kits=(25, 0),
        bass=("r - - . . r - -", "r - - - 5 - r -"), bass_programs=(33, 32),
        comp=("c - - - . . c -", "c - - c - - - -"), comp_programs=(4, 0),
        lead_programs=(27, 11, 4, 0), solo=(4, 27, 11), busy=-0.2, bpm=(66, 85),
        moods=("mellow", "chilled", "nostalgic"),
    ),
    Style(
        "reggae", tempos=("slow", "medium"), major=("I IV I IV", "I V vi IV", "I ii I ii"),
        minor=("i VII i VII", "i iv i iv", "i VI VII i"), grooves=("one drop", "steppers"),
        bass=("r . r 3 5 . . .", "r - . r . 5 3 .", ". r r . 5 - . r"),
        comp=(". . c . . . c .", ". c . c . c . c"), comp_programs=(27, 16, 0),
        lead_programs=(57, 16, 65, 61), solo=(27, 16), ensembles=("melody 16, chords 27, bass 33",),
        bpm=(62, 112), moods=("laid-back", "sunny"),
    ),
    Style(
        "waltz", tempos=("medium", "fast"), major=_CLASSIC, minor=_CLASSIC_MINOR, metres=("3/4",),
        grooves=("waltz",), kits=(40, 0), bass=("r - - - - -",), bass_programs=(32,),
        comp=("r - c - c -", ". . c - c -"), comp_programs=(0, 21),
        lead_programs=(40, 21, 71, 73, 0), solo=(0, 21, 46, 24, 12, 9, 13, 19),
        ensembles=(
            "melody 40, chords 0", "melody 21, chords 25", "melody 73, chords 46",
            "melody 40, counter 41, chords 48",
        ),
        busy=-0.2, moods=("elegant", "graceful"),
    ),
    Style(
        "march", tempos=("medium", "medium", "fast"),
        major=("I IV V I", "I I V V", "I V V I", "I vi IV V"), minor=("i V i V", "i iv V i"),
        looseness=0.5, grooves=("march",), bass=("r - 5 - r - 5 -", "r - . . 5 - . ."),
        bass_programs=(32, 32), comp=(". . c . . . c .", "c . c . c . c ."), comp_programs=(61, 60),
        lead_programs=(56, 61, 73, 57), solo=(56, 61, 57, 60, 13),
        ensembles=(
            "melody 56, chords 61", "melody 56, counter 60, bass 57", "melody 57, chords 60",
        ),
        bpm=(100, 144), moods=("proud", "triumphant"),
    ),
    Style(
        "baroque", tempos=("slow", "medium", "fast"),
        major=("I IV V I", "I V vi IV", "I vi ii V", "I ii V I", "vi ii V I"),
        minor=("i iv V i", "i VII III VI", "i iv VII III", "i VI iv V"),
        metres=("4/4", "4/4", "3/4"), looseness=0.7,
        bass=("r - 5 - r - 3 -", "r - 3 - 5 - 3 -", "r 3 5 3 r 3 5 3"), bass_programs=(42,),
        comp=("0 1 2 1 0 1 2 1", "r c c c r c c c"), comp_programs=(6, 19),
        lead_programs=(40, 73, 68, 56), solo=(6, 6, 6, 19, 19, 40, 42, 73, 68, 24, 56),
        ensembles=(
            "melody 40, chords 6, bass 42", "melody 73, chords 6", "melody 68, counter 40, bass 42",
            "melody 56, chords 19", "melody 40, counter 40, chords 6, bass 42",
            "melody 52, chords 19",
        ),
        busy=0.6, moods=("stately", "ornate"),
    ),
    Style(
        "classical", tempos=("slow", "medium", "fast"), major=_CLASSIC, minor=_CLASSIC_MINOR,
        metres=("4/4", "4/4", "3/4"), bass=("r - - - r - 5 -", "r - - - 5 - - -"),
        bass_programs=(42,),
        comp=("0 2 1 2 0 2 1 2", "r - c - c - c -", "0 1 2 1 0 1 2 1", "c - - - c - - -"),
        comp_programs=(0, 48), lead_programs=(40, 73, 71, 68),
        solo=(0, 0, 46, 40, 42, 48, 73, 71, 68, 60, 56, 57, 61, 52, 24, 12, 13, 9, 41),
        ensembles=(
            "melody 40, counter 40, chords 41, bass 42", "melody 40, chords 0",
            "melody 42, chords 0", "melody 73, chords 0", "melody 71, chords 0",
            "melody 73, counter 71, bass 42", "melody 68, chords 48", "melody 73, arpeggio 46",
            "melody 60, chords 48", "melody 52, chords 19", "melody 40, counter 42, chords 0",
            "melody 56, counter 60, bass 57",
        ),
        moods=("elegant", "refined"),
    ),
    Style(
        "folk", tempos=("slow", "medium", "fast"),
        major=("I IV I V", "I V IV I", "I vi IV V", "I bVII IV I"),
        minor=("i VII i VII", "i VII VI VII", "i iv VII i", "i III VII i"),
        metres=("4/4", "6/8", "6/8", "3/4"), scale={"minor": "dorian"}, grooves=("folk",),
        kits=(40,), bass=("r - - - 5 - - -",), bass_programs=(32,),
        comp=("r - c - r - c -", "0 1 2 1 0 1 2 1", "c - c c - c c -"), comp_programs=(25, 21, 46),
        lead_programs=(40, 73, 21, 25), solo=(25, 24, 21, 21, 40, 73, 46, 71, 53, 12, 41),
        ensembles=(
            "melody 40, chords 25", "melody 73, arpeggio 46", "melody 21, chords 25",
            "melody 73, counter 40, chords 25", "melody 40, counter 21, chords 25",
            "melody 53, chords 24",
        ),
        busy=0.3, moods=("rustic", "traditional"),
    ),
)  # fmt: skip

STYLES: dict[str, Style] = {style.name: style for style in _TABLE}

BAND_STYLES: tuple[str, ...] = tuple(s.name for s in _TABLE if s.grooves)
DRUM_STYLES: tuple[str, ...] = tuple(
    s for s in BAND_STYLES if s not in ("ambient", "folk", "waltz")
)
ENSEMBLE_STYLES: tuple[str, ...] = tuple(s.name for s in _TABLE if s.ensembles)
