"""Drum grooves as strings, and the bars and fills made from them.

A lane divides its bar evenly: `x` a stroke, `X` an accent, `o` a ghost, `.` nothing.

>>> import numpy as np
>>> notes = drum_bars("rock", bars=1, metre="4/4", rng=np.random.default_rng(0), crash=False)
>>> {n.pitch for n in notes} >= {KICK, SNARE}
True
"""

import numpy as np

from musiclm.corpus.piece import BEATS_PER_BAR, Note

KICK, RIM, SNARE, CLAP, HAT, PEDAL, OPEN, CRASH, RIDE = 36, 37, 38, 39, 42, 44, 46, 49, 51
LOW_TOM, MID_TOM, HIGH_TOM, TAMBOURINE, SHAKER = 45, 47, 50, 54, 70

_LEVELS = {"X": 112, "x": 92, "o": 48}

Groove = dict[int, str]

GROOVES: dict[str, Groove] = {
    "pop": {KICK: "X...x...", SNARE: "..X...X.", HAT: "xoxoxoxo"},
    "pop open": {KICK: "X..xx...", SNARE: "..X...X.", HAT: "xxxxxxx.", OPEN: ".......x"},
    "rock light": {KICK: "X..xX...", SNARE: "..X...X.", HAT: "XxXxXxXx"},
    "rock": {KICK: "X..xXx..", SNARE: "..X...X.", HAT: "XxXxXxXx"},
    "rock driving": {KICK: "X.x.X.xx", SNARE: "..X...X.", RIDE: "XxXxXxXx"},
    "metal": {KICK: "XxxxXxxx", SNARE: "..X...X.", CRASH: "X.......", RIDE: "..X.X.X."},
    "metal double kick": {KICK: "xxxxxxxxxxxxxxxx", SNARE: "....X.......X...", RIDE: "X.X.X.X."},
    "funk": {KICK: "X..x..x...x..x..", SNARE: "....X..o.o..X..o", HAT: "XoxoXoxoXoxoXoxo"},
    "funk linear": {KICK: "X.x....x..x.....", SNARE: "....X..o....X.o.", HAT: "x.xox.x.x.xox.x."},
    "swing": {KICK: "o.o.o.o.", PEDAL: "..x...x.", RIDE: "X.XxX.Xx"},
    "swing ride": {KICK: "o...o...", SNARE: ".....o..", PEDAL: "..x...x.", RIDE: "X.XxX.Xx"},
    "bossa": {KICK: "X..xX..x", RIM: "X.....X.....X...", HAT: "xoxoxoxo"},
    "shuffle": {KICK: "X..xX...", SNARE: "..X...X.", HAT: "XxXxXxXx"},
    "train": {KICK: "X...X...", SNARE: "ooXoooXo"},
    "country": {KICK: "X...X...", SNARE: "..X...X.", HAT: "xoxoxoxo"},
    "techno": {KICK: "X.X.X.X.", OPEN: ".x.x.x.x", CLAP: "..x...x."},
    "techno hard": {KICK: "X.X.X.X.", HAT: "o.x.o.x.o.x.o.xo", CLAP: "..X...X.", RIDE: ".x.x.x.x"},
    "house": {KICK: "X.X.X.X.", OPEN: ".x.x.x.x", CLAP: "..X...X.", SHAKER: "o.o.o.o.o.o.o.o."},
    "house clap": {KICK: "X.X.X.X.", HAT: ".X.X.X.X", CLAP: "..X...X."},
    "ambient": {KICK: "x.......", RIM: "......o.", HAT: "..o...o."},
    "lofi": {KICK: "X....x..x.......", SNARE: "....X.......X...", HAT: "x.x.x.x.x.x.x.x."},
    "one drop": {KICK: "....X...", RIM: "....X...", HAT: "xoxoxoxo"},
    "steppers": {KICK: "X.X.X.X.", RIM: "....X...", HAT: "xoxoxoxo"},
    "waltz": {KICK: "X.....", SNARE: "..o.o.", HAT: "..x.x."},
    "march": {KICK: "X...X...", SNARE: "X.oox.o.X.oox.oo", CRASH: "X......."},
    "folk": {KICK: "X...x...", RIM: "..x...x.", SHAKER: "xoxoxoxo"},
}  # fmt: skip

# Grooves of other metres, by the metre that a style may ask for.
_OTHER_METRES: dict[str, Groove] = {
    "6/8": {KICK: "X..x..", SNARE: "...o..", SHAKER: "xooxoo"},
    "3/4": {KICK: "X.....", SNARE: "..x.x.", HAT: "x.x.x."},
}

_CRASHING = ("pop", "pop open", "rock", "rock light", "rock driving", "metal", "funk", "country")


def groove(name: str, metre: str) -> Groove:
    """The lanes of a groove, or of its metre's own groove where it does not fit."""
    lanes = GROOVES[name]
    beats = 3 if name == "waltz" else 4
    return lanes if BEATS_PER_BAR[metre] == beats else _OTHER_METRES[metre]


def drum_bars(
    name: str, bars: int, metre: str, rng: np.random.Generator, crash: bool = True
) -> list[Note]:
    """Play a groove for some bars, with a fill before every fourth."""
    beats = BEATS_PER_BAR[metre]
    lanes = groove(name, metre)
    fills = name not in ("ambient", "techno", "house", "techno hard", "house clap", "lofi")
    crash = crash and name in _CRASHING
    notes: list[Note] = []
    for bar in range(bars):
        fill = fills and bar % 4 == 3 and rng.random() < 0.7
        until = beats - (1 if beats < 4 or rng.random() < 0.5 else 2) if fill else beats
        notes += _play(lanes, float(bar * beats), beats, float(until))
        if fill:
            notes += _fill(float(bar * beats + until), float(beats - until), rng)
        if crash and bar % 4 == 0 and rng.random() < 0.8:
            notes.append(Note(float(bar * beats), 1.0, CRASH, 100))
    return sorted(notes)


def _play(lanes: Groove, start: float, beats: int, until: float) -> list[Note]:
    notes = []
    for pitch, lane in lanes.items():
        step = beats / len(lane)
        for i, char in enumerate(lane):
            if char != "." and i * step < until - 1e-6:
                notes.append(Note(start + i * step, min(step, 0.5), pitch, _LEVELS[char]))
    return notes


def _fill(start: float, beats: float, rng: np.random.Generator) -> list[Note]:
    steps = int(beats * 4)
    order = [SNARE, HIGH_TOM, MID_TOM, LOW_TOM]
    notes = [Note(start, 0.5, KICK, 96)]
    for i in range(steps):
        if rng.random() < 0.8 or i % 4 == 0:
            drum = order[min(len(order) * i // steps, len(order) - 1)]
            notes.append(Note(start + i / 4, 0.25, drum, 84 + 4 * (i * 8 // steps)))
    return notes
