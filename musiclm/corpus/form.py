"""The form of a piece: sections that return, players who enter and leave, an ending.

A clip of ten seconds is a stretch of a longer piece, so most have one section and a third or more
have a change that is heard; clips of sixteen seconds and more have an arc.

>>> rng = np.random.default_rng(3)
>>> sections = make_sections(rng, heard=24.0, bars=25, arc=True)
>>> [(s.name, s.start, s.bars) for s in sections][:2], sum(s.bars for s in sections)
([('intro', 0, 4), ('a', 4, 4)], 25)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CHANGES = 0.36  # of short clips of two bars and more whose music changes within
_INTRO, _BREAK, _OUTRO = 0.5, 0.55, 0.35
_BODIES = ("aab", "aba", "abab", "aabb", "aaba", "abac")
_LEVELS = {"intro": 0.86, "a": 1.0, "b": 1.08, "c": 1.0, "break": 0.84, "outro": 0.86}


@dataclass(frozen=True)
class Section:
    """Some bars under one name; `level` scales how hard they are played."""

    name: str
    start: int
    bars: int
    level: float = 1.0

    @property
    def letter(self) -> str:
        """Whose chords and tunes it has: an intro and an outro share those of a, a break of b."""
        return {"intro": "a", "outro": "a", "break": "b"}.get(self.name, self.name)


def make_sections(
    rng: np.random.Generator, heard: float | int, bars: int, arc: bool = False
) -> tuple[Section, ...]:
    """Sections that cover `bars`, of which `heard` sound in the clip; an arc has several."""
    if heard < 2.0:
        return (Section("a", 0, bars),)
    if not arc or heard < 4.0:
        return _short(rng, heard, bars)
    return _long(rng, heard, bars)


def _short(rng: np.random.Generator, heard: float | int, bars: int) -> tuple[Section, ...]:
    if rng.random() >= CHANGES:
        return (Section("a", 0, bars),)
    first = max(1, round(heard * float(rng.uniform(0.38, 0.55))))
    if first > 2 and first % 2:
        first -= 1
    kinds = (("a", "b"), ("a", "b"), ("intro", "a"), ("intro", "a"), ("a", "break"), ("break", "a"))
    return _lay_out([(name, first) for name in kinds[int(rng.integers(len(kinds)))]], bars, rng)


def _long(rng: np.random.Generator, heard: float | int, bars: int) -> tuple[Section, ...]:
    unit = 4 if heard >= 12 else 2
    count = max(2, round(heard / unit))
    names = ["intro"] if rng.random() < _INTRO else []
    body = _BODIES[int(rng.integers(len(_BODIES)))]
    broken = count >= 6 and rng.random() < _BREAK
    place = len(names) + count // 2
    letters = 0
    while len(names) < count:
        if broken and len(names) == place:
            names.append("break")
        else:
            names.append(body[letters % len(body)])
            letters += 1
    if count >= 5 and rng.random() < _OUTRO:
        names[-1] = "outro"
    return _lay_out([(name, unit) for name in names], bars, rng)


def _lay_out(
    plan: Sequence[tuple[str, int]], bars: int, rng: np.random.Generator
) -> tuple[Section, ...]:
    """Neighbours of one name become one section; the last is as long as is left."""
    merged: list[tuple[str, int]] = []
    for name, length in plan:
        if merged and merged[-1][0] == name:
            merged[-1] = (name, merged[-1][1] + length)
        else:
            merged.append((name, length))
    wide = float(rng.choice([0.3, 1.0, 1.6]))  # how much louder and softer sections are
    sections, start = [], 0
    for i, (name, length) in enumerate(merged):
        length = bars - start if i == len(merged) - 1 else length
        if length > 0:
            level = float(np.clip(1 + (_LEVELS[name] - 1) * wide, 0.7, 1.15))
            sections.append(Section(name, start, length, level))
        start += length
    return tuple(sections)


Cast = Sequence[str]  # the role of each part


def silences(
    rng: np.random.Generator, sections: Sequence[Section], roles: Cast, extras: Sequence[int]
) -> list[frozenset[int]]:
    """The parts that rest in each section; `extras` are those that may wait for section b."""
    waiting = frozenset(extras) if any(s.name == "b" for s in sections) else frozenset[int]()
    arrived = False
    rests = []
    for section in sections:
        arrived = arrived or section.name == "b"
        quiet: frozenset[int] = frozenset()
        if section.name in ("intro", "break", "outro") and len(sections) > 1:
            quiet = _resting(rng, section.name, roles)
        if not arrived or section.name in ("intro", "outro"):
            quiet |= waiting
        rests.append(quiet if len(quiet) < len(roles) else frozenset())
    return rests


def _resting(rng: np.random.Generator, name: str, roles: Cast) -> frozenset[int]:
    """Who rests: each choice is a set of roles, and one that leaves somebody playing is drawn."""
    options = {
        "intro": (
            {"melody", "counter"}, {"melody", "counter"}, {"drums"}, {"drums", "bass"},
            {"drums", "melody", "counter"}, {"melody", "chords", "pad", "counter", "arpeggio"},
            {"drums", "bass", "melody", "counter"},
        ),
        "break": (
            {"drums"}, {"drums", "bass"}, {"drums", "melody", "counter"}, {"bass", "melody"},
            {"melody", "counter"},
        ),
        "outro": ({"melody", "counter"}, {"drums"}, {"drums", "melody"}, {"counter", "pad"}),
    }[name]  # fmt: skip
    sets = [frozenset(i for i, role in enumerate(roles) if role in option) for option in options]
    fitting = [s for s in sets if 0 < len(s) < len(roles)]
    if name != "intro":  # something must carry the chords
        harmonic = {i for i, role in enumerate(roles) if role not in ("melody", "drums")}
        fitting = [s for s in fitting if not harmonic or harmonic - s]
    return fitting[int(rng.integers(len(fitting)))] if fitting else frozenset()
