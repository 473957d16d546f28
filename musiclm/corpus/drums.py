"""Bars of a drum groove and the fills before something changes.

>>> import numpy as np
>>> notes = drum_bars("rock", bars=1, metre="4/4", rng=np.random.default_rng(0), crash=False)
>>> {n.pitch for n in notes} >= {KICK, SNARE}
True
"""

from collections.abc import Sequence

import numpy as np

from musiclm.corpus.grooves import (
    CRASH,
    CRASHING,
    FILLS,
    GROOVES,
    HIGH_TOM,
    KICK,
    LOW_TOM,
    MID_TOM,
    OTHER_METRES,
    SNARE,
    STEADY,
    Groove,
)
from musiclm.corpus.piece import BEATS_PER_BAR, Note

_LEVELS = {"X": 112, "x": 92, "o": 48}
_TOMS = (SNARE, HIGH_TOM, MID_TOM, LOW_TOM)


def groove(name: str, metre: str) -> Groove:
    """The lanes of a groove, or of its metre's own groove where it does not fit."""
    lanes = GROOVES[name]
    beats = 3 if name == "waltz" else 4
    return lanes if BEATS_PER_BAR[metre] == beats else OTHER_METRES[metre]


def drum_bars(
    name: str,
    bars: int,
    metre: str,
    rng: np.random.Generator,
    crash: bool = True,
    style: str = "rock",
    fill_last: bool = False,
) -> list[Note]:
    """Play a groove for some bars; a fill may end every fourth, and ends the last if asked to."""
    beats = BEATS_PER_BAR[metre]
    lanes = groove(name, metre)
    notes: list[Note] = []
    for bar in range(bars):
        last = fill_last and bar == bars - 1
        fill = last or (style not in STEADY and bar % 4 == 3 and rng.random() < 0.7)
        until = beats - (1 if beats < 4 or rng.random() < 0.5 else 2) if fill else beats
        notes += _play(lanes, bar, beats, float(until))
        if fill:
            drums = FILLS.get(style, _TOMS)
            notes += _fill(float(bar * beats + until), float(beats - until), drums, rng)
        if crash and style in CRASHING and bar % 4 == 0 and rng.random() < 0.8:
            notes.append(Note(float(bar * beats), 1.0, CRASH, 100))
    return sorted(set(notes))


def _play(lanes: Groove, bar: int, beats: int, until: float) -> list[Note]:
    notes = []
    for pitch, lane in lanes.items():
        cycle = lane.split("|")
        own = cycle[bar % len(cycle)]
        step = beats / len(own)
        for i, char in enumerate(own):
            if char != "." and i * step < until - 1e-6:
                notes.append(Note(bar * beats + i * step, min(step, 0.5), pitch, _LEVELS[char]))
    return notes


def _fill(start: float, beats: float, drums: Sequence[int], rng: np.random.Generator) -> list[Note]:
    """Sixteenths down the drums, louder toward the end."""
    steps = int(beats * 4)
    notes = [Note(start, 0.5, KICK, 96)]
    for i in range(steps):
        if rng.random() < 0.8 or i % 4 == 0:
            drum = drums[min(len(drums) * i // steps, len(drums) - 1)]
            notes.append(Note(start + i / 4, 0.25, drum, 84 + 4 * (i * 8 // steps)))
    return notes
