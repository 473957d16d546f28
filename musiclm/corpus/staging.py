"""Who plays when, and how loud: sections are staged, tempo is bent, the piece may come to an end.

>>> from musiclm.corpus.plan import make_plan
>>> from musiclm.corpus.styles import STYLES
>>> rng = np.random.default_rng(0)
>>> plan = make_plan(rng, STYLES["pop"], "medium", 10.0)
>>> [len(name) > 0 for _, name in chord_names(plan, [])]
[]
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from musiclm.corpus.form import Section, silences
from musiclm.corpus.grooves import CRASH, KICK
from musiclm.corpus.piece import Note, Part
from musiclm.corpus.plan import Plan
from musiclm.corpus.theory import nearest, voice
from musiclm.corpus.vocabulary import INSTRUMENTS

_HARMONIC = ("chords", "pad", "arpeggio", "bass")
_SOUNDS_BY = 0.8  # beats before the end of the clip by which every part has entered
_LONGEST = 8.0  # beats that a final chord is held


def stage(
    rng: np.random.Generator, plan: Plan, parts: Sequence[Part], extras: Sequence[int] = ()
) -> tuple[Part, ...]:
    """Let parts rest and sections differ in level; a part that would never play is left out."""
    rests = silences(rng, plan.sections, [part.role for part in parts], extras)
    if not _at_once([_played(p, plan, rests, i) for i, p in enumerate(parts)]):
        rests = [frozenset(), *rests[1:]]
    staged = []
    for i, part in enumerate(parts):
        notes = _played(part, plan, rests, i)
        until = plan.heard - _SOUNDS_BY
        if plan.ending is not None:
            until = min(until, plan.ending * plan.beats - 0.1)
        if not any(note.start < until for note in notes):
            notes = part.notes
        if any(note.start < until for note in notes):
            staged.append(replace(part, notes=_levelled(notes, plan)))
    if not _at_once([part.notes for part in staged]):
        staged = _begin(staged)
    if plan.style.rubato:
        staged = _bend(rng, plan, staged)
    return tuple(_close(plan, staged) if plan.ending is not None else staged)


def _section_of(plan: Plan, beat: float | int) -> int:
    """The index of the section in which a beat falls."""
    for i in range(len(plan.sections) - 1, 0, -1):
        if beat >= plan.sections[i].start * plan.beats - 1e-6:
            return i
    return 0


def _played(part: Part, plan: Plan, rests: Sequence[frozenset[int]], index: int) -> list[Note]:
    """The notes outside the sections where a part rests; it does not ring on into a rest."""
    if not any(index in quiet for quiet in rests):
        return part.notes
    ends = [(s.start + s.bars) * plan.beats for s in plan.sections]
    kept = []
    for note in part.notes:
        here = _section_of(plan, note.start)
        if index in rests[here]:
            continue
        if here + 1 < len(ends) and index in rests[here + 1]:
            note = note._replace(length=max(0.1, min(note.length, ends[here] - note.start)))
        kept.append(note)
    return kept


def _levelled(notes: Sequence[Note], plan: Plan) -> list[Note]:
    levels = [section.level for section in plan.sections]
    if all(level == 1.0 for level in levels):
        return list(notes)
    return [
        note._replace(
            velocity=int(np.clip(note.velocity * levels[_section_of(plan, note.start)], 1, 127))
        )
        for note in notes
    ]


def _at_once(tracks: Sequence[Sequence[Note]]) -> bool:
    return any(note.start == 0.0 for notes in tracks for note in notes)


def _begin(parts: Sequence[Part]) -> list[Part]:
    """A clip starts with sound: where all would come in late, the first chord is also struck."""
    first = min(
        (part for part in parts if part.notes), key=lambda part: min(n.start for n in part.notes)
    )
    onset = min(note.start for note in first.notes)
    chord = [note._replace(start=0.0) for note in first.notes if note.start == onset]
    return [
        replace(part, notes=sorted([*chord, *part.notes])) if part is first else part
        for part in parts
    ]


def _bend(rng: np.random.Generator, plan: Plan, parts: Sequence[Part]) -> list[Part]:
    """Rubato: beats inside a bar come early or late, bar lines stay."""
    depth = plan.style.rubato * rng.uniform(-0.5, 1.0, plan.bars + 1)

    def bent(beat: float) -> float:
        bar, inside = divmod(beat, plan.beats)
        amount = depth[min(int(bar), plan.bars)]
        return beat + float(amount * np.sin(2 * np.pi * inside / plan.beats))

    memo: dict[float, float] = {}
    result = []
    for part in parts:
        notes = []
        for note in part.notes:
            start = memo.setdefault(note.start, bent(note.start))
            notes.append(note._replace(start=max(start, 0.0)))
        result.append(replace(part, notes=notes))
    return result


def _close(plan: Plan, parts: Sequence[Part]) -> list[Part]:
    """End on a long chord: whatever would sound after its downbeat gives way to it."""
    assert plan.ending is not None
    last = float(plan.ending * plan.beats)
    length = min(max(plan.heard - last, 1.0), _LONGEST)
    closed = []
    for part in parts:
        before = [
            note._replace(length=min(note.length, last - note.start))
            for note in part.notes
            if note.start < last - 0.05
        ]
        final = [Note(last, length, pitch, 92) for pitch in _last_pitches(plan, part, before)]
        closed.append(replace(part, notes=[*before, *final]))
    return closed


def _last_pitches(plan: Plan, part: Part, before: Sequence[Note]) -> tuple[int, ...]:
    if part.drums:
        return (KICK, CRASH) if any(note.pitch == KICK for note in before) else (KICK,)
    instrument = INSTRUMENTS[part.program]
    recent = float(np.mean([note.pitch for note in before[-8:]])) if before else 60.0
    low, high = instrument.low, instrument.high
    home = plan.home
    if part.role in ("chords", "pad", "arpeggio") and instrument.poly:
        return tuple(pitch for pitch in voice(home, recent) if pitch <= high)
    tones = [p for p in range(low, high + 1) if p % 12 == home.root]
    if part.role == "counter":
        tones = [p for p in range(low, high + 1) if p % 12 == home.tones[-1]]
    return (nearest(tones, recent),)


def chord_names(plan: Plan, parts: Sequence[Part]) -> tuple[tuple[float, str], ...]:
    """Chords as the accompaniment plays them, from where it begins; nothing without one."""
    harmonic = [part for part in parts if part.role in _HARMONIC and not part.drums]
    if not harmonic:
        return ()
    heard: dict[int, set[int]] = {}
    for part in harmonic:
        for note in part.notes:
            heard.setdefault(int((note.start + 0.1) // plan.beats), set()).add(note.pitch % 12)
    thirds = any(
        len(chord.tones) > 2 and chord.tones[1] in heard.get(number, ())
        for number, bar in enumerate(plan.harmony)
        for chord in bar
    )
    names: list[tuple[float, str]] = []
    for number in range(min(heard), plan.bars):
        bar = plan.harmony[number]
        for i, chord in enumerate(bar):
            name = chord.name if thirds else chord.power.name
            beat = number * plan.beats + i * plan.beats / len(bar)
            if beat < plan.heard and (not names or names[-1][1] != name):
                names.append((float(beat), name))
    return tuple(names)


def section_names(sections: Sequence[Section], plan: Plan) -> tuple[tuple[float, str], ...]:
    """Where sections begin in the clip."""
    starts = ((float(s.start * plan.beats), s.name) for s in sections)
    return tuple((beat, name) for beat, name in starts if beat < plan.heard)
