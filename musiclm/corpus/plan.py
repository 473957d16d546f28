"""What all parts of a piece share: style, tempo, key, sections, and the chords of every bar.

>>> from musiclm.corpus.styles import STYLES
>>> plan = make_plan(np.random.default_rng(0), STYLES["house"], "medium", 10.0)
>>> len(plan.harmony) == plan.bars == sum(section.bars for section in plan.sections)
True
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from musiclm.corpus.form import Section, make_sections
from musiclm.corpus.piece import BEATS_PER_BAR, Note
from musiclm.corpus.styles import TEMPO_RANGES, Style
from musiclm.corpus.theory import Bar, Chord, harmony, parse_chord, scale_of

T = TypeVar("T")

_LEGATO = {"slow": 0.97, "medium": 0.9, "fast": 0.78}
_ENDING = 0.4  # of pieces of twenty seconds and more that end in the clip
_ENDING_SECONDS = 20.0
_ARC_SECONDS = 16.0  # from here on a piece has several sections
_LAST_RING = (2.2, 4.4)  # seconds that a final chord is given


@dataclass(frozen=True)
class Plan:
    """The decisions that all parts of a piece share."""

    style: Style
    tempo_class: str
    bpm: float
    metre: str
    tonic: int
    mode: str
    scale: tuple[int, ...]
    sections: tuple[Section, ...]
    harmony: tuple[Bar, ...]  # one a bar
    heard: float  # beats that sound in the clip
    ending: int | None = None  # the bar of the final chord
    tune: tuple[Note, ...] = ()  # a melody that is given, not composed

    @property
    def legato(self) -> float:
        """How long notes are held: short when fast, so that tempo is heard."""
        return _LEGATO[self.tempo_class]

    @property
    def bars(self) -> int:
        """How many bars are written; the last may end after the clip."""
        return len(self.harmony)

    @property
    def beats(self) -> int:
        """Beats in a bar."""
        return BEATS_PER_BAR[self.metre]

    def chords_of(self, section: Section) -> tuple[Bar, ...]:
        """The bars of a section."""
        return self.harmony[section.start : section.start + section.bars]

    @property
    def home(self) -> Chord:
        """The chord on which the piece comes to rest."""
        first = self.harmony[0][0]
        return first if first.root == self.tonic else _tonic_chord(self.tonic, self.mode)


def _tonic_chord(tonic: int, mode: str) -> Chord:
    return parse_chord("I" if mode == "major" else "i", tonic, mode)


def pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """One of some choices, evenly (faster than `rng.choice`, and of any type)."""
    return choices[int(rng.integers(len(choices)))]


def extent(seconds: float | int, bpm: float | int, beats: int) -> tuple[float, int]:
    """Beats that are heard in so many seconds, and bars of `beats` that surely fill them.

    >>> extent(10.0, 120.0, 4)
    (20.0, 6)
    """
    heard = seconds * bpm / 60
    return heard, int(np.ceil(heard / beats)) + 1


def make_plan(rng: np.random.Generator, style: Style, tempo_class: str, seconds: float) -> Plan:
    """Decide tempo, metre, key, form and chords."""
    low, high = TEMPO_RANGES[tempo_class]
    low, high = max(low, style.bpm[0]), min(high, style.bpm[1])
    bpm = float(rng.integers(low, high + 1)) if high >= low else float(low)
    metre = pick(rng, style.metres)
    mode = pick(rng, [m for m, rows in (("major", style.major), ("minor", style.minor)) if rows])
    tonic = int(rng.integers(12))
    scale_name = (style.scale or {}).get(mode, mode)
    beats = BEATS_PER_BAR[metre]
    heard, bars = extent(seconds, bpm, beats)
    ending = None
    if seconds >= _ENDING_SECONDS and rng.random() < _ENDING:
        last = int((heard - _LAST_RING[0] * bpm / 60) // beats)
        if heard - last * beats <= _LAST_RING[1] * bpm / 60:
            ending, bars = last, last + 1
    arc = seconds >= _ARC_SECONDS
    sections = make_sections(rng, min(heard / beats, bars), bars, arc)
    plan = Plan(
        style=style,
        tempo_class=tempo_class,
        bpm=bpm,
        metre=metre,
        tonic=tonic,
        mode=mode,
        scale=scale_of(tonic, scale_name),
        sections=sections,
        harmony=_write_harmony(rng, style, mode, tonic, sections, beats),
        heard=heard,
        ending=ending,
    )
    return replace(plan, harmony=(*plan.harmony[:-1], (plan.home,))) if ending else plan


def _write_harmony(
    rng: np.random.Generator,
    style: Style,
    mode: str,
    tonic: int,
    sections: Sequence[Section],
    beats: int,
) -> tuple[Bar, ...]:
    """Each letter of the form has a progression of its own, which starts anew in each section."""
    rows = list(style.major if mode == "major" else style.minor)
    texts: dict[str, str] = {}
    bars: list[Bar] = []
    for section in sections:
        if section.letter not in texts:
            fresh = [row for row in rows if row not in texts.values()]
            texts[section.letter] = pick(rng, fresh or rows)
        cycle = harmony(texts[section.letter], tonic, mode)
        if beats == 3:  # no chord changes in the middle of a bar of three
            cycle = [bar[:1] for bar in cycle]
        bars += [cycle[i % len(cycle)] for i in range(section.bars)]
    return tuple(bars)
