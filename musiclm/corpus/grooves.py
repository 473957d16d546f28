"""Drum grooves as strings, one lane a drum of the General MIDI kit.

A lane divides its bar evenly: `x` a stroke, `X` an accent, `o` a ghost, `.` nothing; bars of a
longer lane are parted by `|`.

>>> {KICK, SNARE} <= set(GROOVES["two-step"])
True
"""

KICK, RIM, SNARE, CLAP, HAT, PEDAL, OPEN, CRASH, RIDE = 36, 37, 38, 39, 42, 44, 46, 49, 51
FLOOR_TOM, LOW_TOM, MID_TOM, HIGH_TOM, TAMBOURINE, COWBELL = 41, 45, 47, 50, 54, 56
SLAP_CONGA, HIGH_CONGA, LOW_CONGA, HIGH_TIMBALE, LOW_TIMBALE = 62, 63, 64, 65, 66
CABASA, SHAKER, GUIRO, CLAVES = 69, 70, 73, 75

Groove = dict[int, str]

GROOVES: dict[str, Groove] = {
    "pop": {KICK: "X...x...", SNARE: "..X...X.", HAT: "xoxoxoxo"},
    "pop open": {KICK: "X..xx...", SNARE: "..X...X.", HAT: "xxxxxxx.", OPEN: ".......x"},
    "pop half": {KICK: "X..x.x..", SNARE: "....X...", HAT: "xoxoxoxo", TAMBOURINE: "..x...x."},
    "rock light": {KICK: "X..xX...", SNARE: "..X...X.", HAT: "XxXxXxXx"},
    "rock": {KICK: "X..xXx..", SNARE: "..X...X.", HAT: "XxXxXxXx"},
    "rock driving": {KICK: "X.x.X.xx", SNARE: "..X...X.", RIDE: "XxXxXxXx"},
    "rock half": {KICK: "X..x..x.", SNARE: "....X...", OPEN: "X.X.X.X."},
    "metal": {KICK: "XxxxXxxx", SNARE: "..X...X.", CRASH: "X.......", RIDE: "..X.X.X."},
    "metal double kick": {KICK: "xxxxxxxxxxxxxxxx", SNARE: "....X.......X...", RIDE: "X.X.X.X."},
    "metal half": {KICK: "X.xxX.xx", SNARE: "....X...", CRASH: "X...X..."},
    "funk": {KICK: "X..x..x...x..x..", SNARE: "....X..o.o..X..o", HAT: "XoxoXoxoXoxoXoxo"},
    "funk linear": {KICK: "X.x....x..x.....", SNARE: "....X..o....X.o.", HAT: "x.xox.x.x.xox.x."},
    "funk two": {
        KICK: "X.x.......x..x..|X.x....x..x.....", SNARE: "....X..o.o..X...|....X..o.o.oX..o",
        HAT: "XxxxXxxxXxxxXxx.", OPEN: "...............x|................",
    },
    "swing": {KICK: "o.o.o.o.", PEDAL: "..x...x.", RIDE: "X.XxX.Xx"},
    "swing ride": {
        KICK: "o...o...", SNARE: ".....o..|...o...o", PEDAL: "..x...x.", RIDE: "X.XxX.Xx",
    },
    "swing brushes": {KICK: "o...o...", SNARE: "x.xox.xo", PEDAL: "..x...x.", RIDE: "..o...o."},
    "bossa": {KICK: "X..xX..x", RIM: "X.....X.....X...", HAT: "xoxoxoxo"},
    "bossa two": {KICK: "X..xX..x", RIM: "X..X..X.|..X..X..", HAT: "xxxxxxxx", SHAKER: "oxoxoxox"},
    "shuffle": {KICK: "X..xX...", SNARE: "..X...X.", HAT: "XxXxXxXx"},
    "shuffle ride": {KICK: "X...X..x", SNARE: "..X..oX.", RIDE: "XxXxXxXx", PEDAL: "..x...x."},
    "train": {KICK: "X...X...", SNARE: "ooXoooXo"},
    "country": {KICK: "X...X...", SNARE: "..X...X.", HAT: "xoxoxoxo"},
    "techno": {KICK: "X.X.X.X.", OPEN: ".x.x.x.x", CLAP: "..x...x."},
    "techno hard": {KICK: "X.X.X.X.", HAT: "o.x.o.x.o.x.o.xo", CLAP: "..X...X.", RIDE: ".x.x.x.x"},
    "techno rumble": {KICK: "X.X.X.X.", OPEN: ".X.X.X.X", LOW_TOM: "..oo..oo..oo..ox",
        RIM: "...x..x."},
    "house": {KICK: "X.X.X.X.", OPEN: ".x.x.x.x", CLAP: "..X...X.", SHAKER: "o.o.o.o.o.o.o.o."},
    "house clap": {KICK: "X.X.X.X.", HAT: ".X.X.X.X", CLAP: "..X...X."},
    "house shaker": {
        KICK: "X.X.X.X.", OPEN: ".X.X.X.X", CLAP: "..X...X.", SHAKER: "xoxoxoxoxoxoxoxo",
        HIGH_CONGA: "......x...x.....|......x..x....x.",
    },
    "disco": {
        KICK: "X.X.X.X.", SNARE: "..X...X.", HAT: "x.x.x.x.", OPEN: ".x.x.x.x",
    },
    "disco tambourine": {
        KICK: "X.X.X.X.", SNARE: "..X...X.", HAT: "xx.xxx.xxx.xxx.x", OPEN: ".X.X.X.X",
        TAMBOURINE: "oxoxoxox",
    },
    "ambient": {KICK: "x.......", RIM: "......o.", HAT: "..o...o."},
    "lofi": {KICK: "X....x..x.......", SNARE: "....X.......X...", HAT: "x.x.x.x.x.x.x.x."},
    "lofi two": {
        KICK: "X......x..x.....|X..x...x..x.....", SNARE: "....X.......X...",
        HAT: "x.xox.x.x.x.x.xo",
    },
    "boom bap": {
        KICK: "X.....x.x.x.....|X.....x.x....x..", SNARE: "....X.......X...",
        HAT: "x.x.x.x.x.x.x.xo",
    },
    "boom bap two": {
        KICK: "X..x....x.x.....|X..x...x..x.....", SNARE: "....X..o....X..o",
        HAT: "xoxoxoxoxoxoxoxo",
        OPEN: "................|..............x.",
    },
    "trap": {
        KICK: "X......x..x.....|X.....x...x..x..", CLAP: "........X.......",
        HAT: "x.x.x.x.x.x.x.x.x.x.x.x.xxxxx.x.|x.x.x.x.xxxxx.x.x.x.x.x.x.xxxxxx",
    },
    "two-step": {
        KICK: "X.........x.....", SNARE: "....X..o....X..o|....X..o.o..X...",
        HAT: "x.x.x.x.x.x.x.x.",
    },
    "two-step ride": {
        KICK: "X.........x.....", SNARE: "....X.......X...", RIDE: "X.x.X.x.X.x.X.x.",
        SHAKER: "oxoxoxoxoxoxoxox",
    },
    "breakbeat": {  # after the drum break that made the style
        KICK: "X.x.......xx....|X.x.......x.....", SNARE: "....X..o.o..X..o|....X..o.o..o.X.",
        RIDE: "x.x.x.x.x.x.x.x.",
    },
    "synth-pop": {KICK: "X...X...", SNARE: "..X...X.", CLAP: "..x...x.", HAT: "xoxoxoxo"},
    "synth-pop sixteenths": {
        KICK: "X..xX...|X..xX..x", SNARE: "..X...X.", HAT: "xoxoxoxoxoxoxoxo", OPEN: ".......x",
    },
    "one drop": {KICK: "....X...", RIM: "....X...", HAT: "xoxoxoxo"},
    "steppers": {KICK: "X.X.X.X.", RIM: "....X...", HAT: "xoxoxoxo"},
    "salsa": {  # son clave, three then two; congas in tumbao; the bombo of the bass drum
        CLAVES: "x..x..x.|..x.x...", COWBELL: "X.xoX.xo", HIGH_CONGA: "......xx",
        SLAP_CONGA: "..X.....", LOW_CONGA: "........|...xx...", KICK: "...x....",
        HIGH_TIMBALE: "o.o.oo.o|oo.o.o.o",
    },
    "cha cha": {
        KICK: "x...x...", COWBELL: "X.X.X.X.", GUIRO: "x.ooX.oo", HIGH_CONGA: "......xx",
        SLAP_CONGA: "..X.....", LOW_TIMBALE: "........|......x.",
    },
    "songo": {
        KICK: "...x..x.", SNARE: "..o.x..o|..o.x.o.", HAT: "x.x.x.x.", COWBELL: "X.x.X.x.",
        HIGH_CONGA: "......xx", LOW_CONGA: "........|...xx...", CLAVES: "x..x..x.|..x.x...",
    },
    "chip": {KICK: "X...X.x.", SNARE: "..X...X.", HAT: "x.x.x.x.x.x.x.xx"},
    "chip march": {KICK: "X.x.X.x.", SNARE: "..X...Xo", HAT: "oxoxoxox"},
    "waltz": {KICK: "X.....", SNARE: "..o.o.", HAT: "..x.x."},
    "march": {KICK: "X...X...", SNARE: "X.oox.o.X.oox.oo", CRASH: "X......."},
    "march rolls": {
        KICK: "X...X...", SNARE: "x.x.x.oox.x.x.oo|x.oox.oox.oooooo", CRASH: "X...x...",
    },
    "folk": {KICK: "X...x...", RIM: "..x...x.", SHAKER: "xoxoxoxo"},
    "taiko": {
        KICK: "X...X...", FLOOR_TOM: "X..x..x.|X..x.xx.", LOW_TOM: "........|......xx",
        CRASH: "X.......|........",
    },
    "taiko sixteenths": {
        KICK: "X.....X.", FLOOR_TOM: "XooxooxoXooxooxo", LOW_TOM: "............x.xx",
        SNARE: "....x...",
    },
}  # fmt: skip

# Grooves of other metres, by the metre that a style may ask for.
OTHER_METRES: dict[str, Groove] = {
    "6/8": {KICK: "X..x..", SNARE: "...o..", SHAKER: "xooxoo"},
    "3/4": {KICK: "X.....", SNARE: "..x.x.", HAT: "x.x.x."},
    "2/4": {KICK: "X...", SNARE: "..X.", HAT: "xoxo"},
}

# What a style's own fill is made of; others roll over the toms.
FILLS: dict[str, tuple[int, ...]] = {
    "latin": (HIGH_TIMBALE, LOW_TIMBALE, HIGH_TIMBALE),
    "march": (SNARE,),
    "hip hop": (SNARE, KICK),
    "lo-fi": (SNARE, RIM),
    "house": (CLAP, SNARE),
    "techno": (CLAP, SNARE),
    "drum and bass": (SNARE,),
    "jazz": (SNARE, HIGH_TOM, LOW_TOM),
    "bossa nova": (RIM, SNARE),
    "cinematic": (LOW_TOM, FLOOR_TOM),
    "chiptune": (SNARE,),
}
STEADY = ("ambient", "techno", "house", "disco", "lo-fi", "hip hop")  # fill only before a change
CRASHING = ("pop", "rock", "metal", "funk", "country", "synth-pop", "disco", "drum and bass")
