"""The parts of a piece, each written section by section from the shared plan.

>>> from musiclm.corpus.plan import make_plan
>>> from musiclm.corpus.styles import STYLES
>>> rng = np.random.default_rng(0)
>>> bass_part(rng, make_plan(rng, STYLES["rock"], "medium", 10.0), 34).role
'bass'
"""

from collections.abc import Sequence

import numpy as np

from musiclm.corpus.accompany import answers, inner_voice, play_bass, play_comp, second_voice
from musiclm.corpus.drums import drum_bars
from musiclm.corpus.melody import Shape, compose_melody
from musiclm.corpus.piece import Note, Part
from musiclm.corpus.plan import Plan, pick
from musiclm.corpus.vocabulary import INSTRUMENTS

POWER = (29, 30)  # guitars whose chords are roots and fifths
_BUSY = {"slow": 0.9, "medium": 1.4, "fast": 2.0}
_WHOLE = ("c - - - - - - -",)
_RICH = (0, 4, 26, 27, 46)  # play four tones of a chord
_WIDEST = 17  # semitones of a melody
_HALFSPACE = 0.6  # how much of a style's business is heard


def shifted(notes: Sequence[Note], beats: float | int) -> list[Note]:
    """The same notes, later."""
    return [note._replace(start=note.start + beats) for note in notes]


def melody_part(
    rng: np.random.Generator,
    plan: Plan,
    program: int,
    volume: float = 1.0,
    above: int = 0,
    breathes: bool = False,
) -> Part:
    """A melody in a window of the instrument's range; a section that returns brings its tune."""
    instrument = INSTRUMENTS[program]
    low, high = max(instrument.low, above), instrument.high
    volume *= instrument.volume
    if plan.tune:
        return Part(program, "melody", _octaved(plan.tune, low, high), volume=volume)
    width = min(_WIDEST, high - low)
    room = max(high - low - width, 0)
    low += int(rng.integers(0, room + 1))
    busy = _BUSY[plan.tempo_class] + _HALFSPACE * plan.style.busy + float(rng.uniform(-0.3, 0.3))
    legato = 0.98 if plan.style.lead == "long" else plan.legato
    tunes: dict[str, list[Note]] = {}
    notes: list[Note] = []
    for section in plan.sections:
        if section.letter not in tunes:
            alike = [s for s in plan.sections if s.letter == section.letter]
            longest = max(alike, key=lambda s: s.bars)
            lift = 0 if not tunes else int(rng.integers(-3, 6))
            floor = int(np.clip(low + lift, instrument.low, high - width))
            other = 0.0 if not tunes else float(rng.choice([-0.6, -0.3, 0.4]))
            shape = Shape(
                floor, floor + width, plan.metre, float(np.clip(busy + other, 0.2, 2.3)), legato,
                kind=plan.style.lead, breathes=breathes,
            )  # fmt: skip
            tunes[section.letter] = compose_melody(rng, plan.chords_of(longest), plan.scale, shape)
        end = section.bars * plan.beats
        own = [note for note in tunes[section.letter] if note.start < end]
        notes += shifted(own, section.start * plan.beats)
    return Part(program, "melody", notes, volume=volume)


def _octaved(tune: Sequence[Note], low: int, high: int) -> list[Note]:
    """The tune in the octave where most of it is in range; strays come back by octaves."""
    middle = float(np.mean([note.pitch for note in tune]))
    lift = 12 * round(((low + high) / 2 - middle) / 12)
    notes = []
    for note in tune:
        pitch = note.pitch + lift
        pitch += 12 * max(0, -(-(low - pitch) // 12)) - 12 * max(0, -(-(pitch - high) // 12))
        notes.append(note._replace(pitch=pitch))
    return notes


def chord_part(
    rng: np.random.Generator,
    plan: Plan,
    program: int,
    patterns: Sequence[str],
    role: str = "chords",
    volume: float = 0.7,
) -> Part:
    """Chords, an arpeggio or a pad, in the middle of the instrument's range."""
    instrument = INSTRUMENTS[program]
    power = program in POWER
    middle = min(max(61, instrument.low + 8), instrument.high - 8)
    centre = 42.0 if power else float(middle + rng.integers(-2, 3))
    own = {"a": pick(rng, patterns)}
    notes: list[Note] = []
    for section in plan.sections:
        if section.letter not in own:
            own[section.letter] = pick(rng, patterns) if rng.random() < 0.6 else own["a"]
        played = play_comp(
            own[section.letter],
            plan.chords_of(section),
            metre=plan.metre,
            centre=centre,
            num_tones=4 if program in _RICH else 3,
            legato=1.0 if role == "pad" else plan.legato,
            power=power,
        )
        notes += shifted(played, section.start * plan.beats)
    if role == "pad":
        notes = _swell(notes, plan)
    return Part(program, role, notes, volume=volume * instrument.volume)


def _swell(notes: Sequence[Note], plan: Plan) -> list[Note]:
    """Pads grow over four bars."""
    span = 4 * plan.beats
    return [n._replace(velocity=n.velocity - 8 + int(20 * (n.start % span) / span)) for n in notes]


def pad_part(rng: np.random.Generator, plan: Plan, program: int, volume: float = 0.5) -> Part:
    """Chords held for whole bars."""
    return chord_part(rng, plan, program, _WHOLE, "pad", volume)


def bass_part(rng: np.random.Generator, plan: Plan, program: int, volume: float = 0.78) -> Part:
    """The bass line of a style."""
    instrument = INSTRUMENTS[program]
    low = instrument.low + (0 if instrument.family != "bass" else int(rng.integers(0, 5)))
    pattern = pick(rng, plan.style.bass)
    notes: list[Note] = []
    for section in plan.sections:
        following = section.start + section.bars
        played = play_bass(
            pattern,
            plan.chords_of(section),
            metre=plan.metre,
            low=low,
            rng=rng,
            after=plan.harmony[following][0] if following < plan.bars else None,
        )
        notes += shifted(played, section.start * plan.beats)
    notes = [n._replace(pitch=_inside(n.pitch, instrument.low, instrument.high)) for n in notes]
    return Part(program, "bass", notes, volume=volume * instrument.volume)


def _inside(pitch: int, low: int, high: int) -> int:
    while pitch < low:
        pitch += 12
    while pitch > high:
        pitch -= 12
    return pitch


def timpani_part(rng: np.random.Generator, plan: Plan, program: int) -> Part:
    """Roots on downbeats, and a roll into every fourth bar."""
    instrument = INSTRUMENTS[program]
    notes: list[Note] = []
    doubled = bool(rng.random() < 0.5) and plan.beats == 4
    for bar, chords in enumerate(plan.harmony):
        start = bar * plan.beats
        pitch = instrument.low + (chords[0].root - instrument.low) % 12
        notes.append(Note(float(start), 0.9, pitch, 96))
        if doubled:
            notes.append(Note(start + 2.0, 0.9, pitch, 84))
        if bar % 4 == 3:
            last = start + plan.beats - 1
            notes += [Note(last + i / 8, 0.12, pitch, 58 + 5 * i) for i in range(8)]
    return Part(program, "bass", sorted(notes), volume=0.6 * instrument.volume)


def counter_part(plan: Plan, program: int, high: int = 19, volume: float = 0.75) -> Part:
    """An inner voice low in the instrument's range."""
    instrument = INSTRUMENTS[program]
    notes = inner_voice(
        plan.harmony,
        metre=plan.metre,
        low=instrument.low,
        high=min(instrument.low + high, instrument.high),
        tempo_class=plan.tempo_class,
    )
    return Part(program, "counter", notes, volume=volume * instrument.volume)


def thirds_part(plan: Plan, program: int, lead: Part) -> Part:
    """The lead's tune a third lower."""
    instrument = INSTRUMENTS[program]
    notes = second_voice(lead.notes, plan.scale, instrument.low, instrument.high)
    return Part(program, "counter", notes, volume=0.7 * instrument.volume)


def answering_part(plan: Plan, program: int, lead: Part) -> Part:
    """Figures that fill the gaps of the lead."""
    instrument = INSTRUMENTS[program]
    low, high = max(instrument.low, 55), min(instrument.high, 84)
    notes = answers(lead.notes, plan.harmony, plan.metre, low, max(high, low + 12))
    return Part(program, "counter", notes, volume=0.7 * instrument.volume)


def drum_part(rng: np.random.Generator, plan: Plan, volume: float = 1.0) -> Part:
    """The grooves of a style, another one for another section, with a fill into each change."""
    style = plan.style
    own = {"a": pick(rng, style.grooves)}
    notes: list[Note] = []
    for i, section in enumerate(plan.sections):
        if section.letter not in own:
            own[section.letter] = pick(rng, style.grooves) if rng.random() < 0.4 else own["a"]
        fill_last = i + 1 < len(plan.sections) and style.name != "ambient"
        played = drum_bars(
            own[section.letter], section.bars, plan.metre, rng, style=style.name,
            fill_last=fill_last,
        )  # fmt: skip
        notes += shifted(played, section.start * plan.beats)
    return Part(pick(rng, style.kits), "drums", notes, drums=True, volume=volume)
