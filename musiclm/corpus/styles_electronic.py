"""Styles made with machines: techno and house, drum and bass, synth-pop, hip hop, chiptune...

>>> {style.name for style in ELECTRONIC} >= {"drum and bass", "chiptune", "lo-fi"}
True
"""

from musiclm.corpus.style import Style

ELECTRONIC = (
    Style(
        "techno", tempos=("medium", "fast"), minor=("i i i i", "i i VI VI", "i i VII VII"),
        looseness=0.0, grooves=("techno", "techno hard", "techno rumble"), kits=(24, 25),
        bass=(
            ". . r r . . r r . . r r . . r r", ". r . r . r . r", "r . r r . r r . r . r r . r r .",
        ),
        bass_programs=(38, 39),
        comp=(
            ". . c . . . c .", "0 2 1 2 0 2 1 2 0 2 1 2 0 2 1 2", "c . . c . . c . . . c . . c . .",
        ),
        comp_programs=(81, 80, 90), lead_programs=(81, 80, 87), pad_programs=(89, 95),
        extra_programs=(80, 88), solo=(81, 80, 87, 90), busy=0.3, lead="riff",
        ensembles=("arpeggio 81, pad 95, bass 38",),
        bpm=(120, 150), moods=("hypnotic", "driving"), production="club",
    ),
    Style(
        "house", tempos=("medium",),
        major=("Imaj7 vi7 IVmaj7 V", "IVmaj7 V vi7 Imaj7", "IVmaj7 iii7 vi7 vi7"),
        minor=("i7 VI iv7 VII", "i7 iv7 i7 VII", "VI VII i7 i7"), looseness=0.2,
        grooves=("house", "house clap", "house shaker"), kits=(24, 25),
        bass=(". r . r . r . r", ". r . 8 . r . 8", "r . . r . . r ."), bass_programs=(38, 39),
        comp=("c . . c . . c . . c . . c . . .", ". c . c . c . c", "c . . c . . . ."),
        comp_programs=(0, 4, 16, 90), lead_programs=(81, 80, 53, 54, 65),
        pad_programs=(89, 48, 50, 95), extra_programs=(53, 11, 50), solo=(81, 80, 90), lead="riff",
        ensembles=("melody 53, chords 4, pad 50",),
        bpm=(118, 124), moods=("groovy", "uplifting"), production="club",
    ),
    Style(
        "drum and bass", tempos=("fast",), major=("Imaj7 Imaj7 vi7 vi7", "IVmaj7 IVmaj7 vi7 V"),
        minor=("i7 i7 VI VI", "i i VII VI", "i7 i7 iv7 iv7", "VI VI VII i"), looseness=0.3,
        grooves=("two-step", "breakbeat", "two-step ride"), kits=(25, 0),
        bass=(
            "r - - - - - r -", "r - - - . . r - . . 8 - r - - -",
            "r - - - - - - - | 5 - - - r - - -",
            "r - r . . r - - . . r - 8 . . .",
        ),
        bass_programs=(39, 38, 87),
        comp=("c - - - - - - -", "c . . . . . c . . . . . . . . .", "0 . 1 . 2 . 1 ."),
        comp_programs=(89, 4, 95, 88), lead_programs=(81, 54, 80, 11, 82),
        pad_programs=(95, 91, 89), extra_programs=(54, 55), lead="long",
        busy=-0.3, bpm=(164, 178), moods=("driving", "futuristic"), era="90s", production="club",
    ),
    Style(
        "synth-pop", tempos=("medium", "medium", "fast"),
        major=("I V vi IV", "IV V vi I", "I vi IV V", "vi IV I V"),
        minor=("i VI III VII", "i VII VI VII", "i III VII VI", "i VI VII i"), looseness=0.2,
        grooves=("synth-pop", "synth-pop sixteenths"), kits=(24, 25),
        bass=("r 8 r 8 r 8 r 8", "r r r r r r r r", "r r 8 r r r 8 r",
            "r . r r . r r . r . r r . r r ."),
        bass_programs=(38, 39),
        comp=("0 1 2 1 0 1 2 1", "c . . c . . c .", "c - - - c - - -",
            "0 2 1 2 0 2 1 2 0 2 1 2 0 2 1 2"),
        comp_programs=(90, 50, 62, 81), lead_programs=(81, 80, 62, 82, 54, 87),
        pad_programs=(50, 89, 91, 95), extra_programs=(62, 55, 14, 80),
        solo=(81, 80, 90, 62, 50, 82, 54), lead="sing",
        ensembles=(
            "melody 81, chords 50, bass 38", "melody 82, arpeggio 90, pad 89",
            "melody 62, chords 90, bass 38",
        ),
        bpm=(98, 150), moods=("nostalgic", "catchy"), era="80s", production="plate",
    ),
    Style(
        "ambient", tempos=("slow",),
        major=("I IV I IV", "Imaj7 IVmaj7 vi7 IVmaj7", "I vi IV I", "Iadd9 IVmaj9 Iadd9 vi7"),
        minor=("i VI i VI", "i7 VI III VII", "i iv i VI"), looseness=2.0, grooves=("ambient",),
        kits=(24,), bass=("r - - - - - - -",), bass_programs=(38, 35),
        comp=("c - - - - - - -", "0 - 1 - 2 - 1 -", "0 1 2 3 2 1 2 1"),
        comp_programs=(89, 52, 46, 88), lead_programs=(11, 4, 0, 80, 75, 82, 14, 108),
        pad_programs=(89, 48, 52, 95, 91, 88), extra_programs=(9, 14, 8, 53), lead="long",
        solo=(
            89, 52, 53, 48, 46, 4, 0, 11, 19, 60, 80, 9, 88, 91, 95, 14, 75, 104, 107, 10, 8, 54,
            50,
            44,
        ),
        ensembles=(
            "melody 0, pad 89", "melody 11, pad 89", "arpeggio 46, pad 52", "melody 4, pad 89",
            "melody 60, pad 48", "melody 80, pad 89, bass 38", "pad 89, chords 52",
            "melody 75, pad 95", "melody 104, pad 89", "melody 14, pad 91", "arpeggio 108, pad 88",
            "melody 107, pad 95", "pad 91, arpeggio 8",
        ),
        busy=-0.6, bpm=(60, 84), moods=("ethereal", "dreamy", "meditative"), production="hall",
    ),
    Style(
        "lo-fi", tempos=("slow",),
        major=("Imaj7 vi7 ii7 V7", "ii9 V7 Imaj9 vi7", "IVmaj7 iii7 ii7 Imaj7",
            "IVmaj7 iv7 Imaj7 VI7"),
        minor=("i7 iv7 VI V7", "VI V7 i7 i7", "i9 iv9 i9 VImaj7"), swing=0.58, late=0.018,
        grooves=("lofi", "lofi two"), kits=(25, 0), looseness=1.3,
        bass=("r - - . . r - -", "r - - - 5 - r -", "r - - . . . r - . . 5 - . . . ."),
        bass_programs=(33, 32, 35),
        comp=("c - - - . . c -", "c - - c - - - -", "c - - - - - . c - - - - . . . ."),
        comp_programs=(4, 0, 26, 4), lead_programs=(26, 11, 4, 0, 108, 59, 65), pad_programs=(89,
            48),
        extra_programs=(10, 108, 53), solo=(4, 26, 11, 0), busy=-0.2, bpm=(66, 85),
        ensembles=("melody 26, chords 4", "melody 11, chords 4, bass 32", "melody 59, chords 0"),
        moods=("mellow", "chilled", "nostalgic"), production="lofi",
    ),
    Style(
        "hip hop", tempos=("slow", "slow", "medium"),
        major=("ii7 V7 Imaj7 vi7", "Imaj7 Imaj7 IVmaj7 IVmaj7"),
        minor=("i7 i7 iv7 iv7", "i VI i V", "i i VI VII", "i7 VI i7 V7"), swing=0.56, late=0.014,
        grooves=("boom bap", "boom bap two", "trap"), kits=(25, 25, 0), looseness=0.8,
        bass=(
            "r - - . . . r . . . r - . . 5 .", "r - - - . . . . . . r - . . . .",
            "r - - . . . r - | r - - . 5 - . .",
        ),
        bass_programs=(38, 39, 33, 36),
        comp=(
            "c - - - . . . . c - . . . . . .", "c . . . . . c . . . . . . . . .",
            "0 . 1 . 2 . 1 . 0 . 1 . 2 . 1 .",
        ),
        comp_programs=(4, 0, 48, 45, 10), lead_programs=(73, 45, 0, 56, 10, 80, 8, 104),
        pad_programs=(48, 91, 52), extra_programs=(55, 61, 14), lead="riff", solo=(4,),
        ensembles=("melody 73, chords 4, bass 33", "melody 10, arpeggio 0"),
        busy=-0.3, bpm=(68, 100), moods=("cool", "gritty"), production="dry",
    ),
    Style(
        "chiptune", tempos=("medium", "fast", "fast"),
        major=("I V vi IV", "I IV V I", "vi IV V I", "I bVII IV V"),
        minor=("i VI VII i", "i VII VI V", "i iv VII III", "i VI III VII"), looseness=0.0,
        grooves=("chip", "chip march"), kits=(25, 24),
        bass=("r 8 r 8 r 8 r 8", "r r 8 r r r 8 r", "r . r r 5 . 5 5"), bass_programs=(38, 39),
        comp=(
            "0 1 2 0 1 2 0 1 2 0 1 2 0 1 2 1", "0 1 2 3 0 1 2 3 0 1 2 3 0 1 2 3",
            "2 1 0 1 2 1 0 1 2 1 0 1 2 1 0 1",
        ),
        comp_programs=(80, 80, 82), lead_programs=(80, 80, 81, 82), extra_programs=(81, 82),
        solo=(80, 80, 82), lead="tune",
        ensembles=(
            "melody 80, arpeggio 82, bass 38", "melody 80, thirds 81, bass 38",
            "melody 81, arpeggio 80",
        ),
        busy=0.5, moods=("playful", "quirky"), era="80s", production="dry",
    ),
)  # fmt: skip
