"""Composes one piece: style, key and tempo, then the parts of its texture.

Textures are a solo instrument, a small ensemble without drums, a band with drums, or drums alone.

>>> piece = compose_piece(np.random.default_rng(0), seconds=10.0, texture="solo")
>>> len({part.program for part in piece.parts}), piece.has_drums
(1, False)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from musiclm.corpus.accompany import inner_voice, play_bass, play_comp
from musiclm.corpus.drums import drum_bars
from musiclm.corpus.melody import Shape, compose_melody
from musiclm.corpus.piece import BEATS_PER_BAR, Note, Part, Piece
from musiclm.corpus.styles import (
    BAND_STYLES,
    DRUM_STYLES,
    ENSEMBLE_STYLES,
    STYLES,
    TEMPO_RANGES,
    Style,
)
from musiclm.corpus.theory import NOTE_NAMES, SCALES, Chord, progression
from musiclm.corpus.vocabulary import FAMILIES, INSTRUMENTS, SHORT

T = TypeVar("T")

TEXTURES = {"solo": 0.40, "ensemble": 0.20, "band": 0.35, "drums": 0.05}
POOLS = {
    "solo": tuple(name for name, style in STYLES.items() if style.solo),
    "ensemble": ENSEMBLE_STYLES,
    "band": BAND_STYLES,
    "drums": DRUM_STYLES,
}

_BUSY = {"slow": 0.9, "medium": 1.4, "fast": 2.0}
_LEGATO = {"slow": 0.97, "medium": 0.9, "fast": 0.78}
_QUIET = ("ambient", "lo-fi", "bossa nova")
_LOUD = ("metal", "rock", "techno", "march")

# Comping when the instrument plays alone: both hands, so the low root is in the pattern.
_HANDS = {
    "slow": ("r - c - c - c -", "0 - 1 - 2 - 1 -", "r - - - c - - -", "0 1 2 1 0 1 2 1"),
    "medium": ("r - c - r - c -", "0 1 2 1 0 1 2 1", "0 2 1 2 0 2 1 2", "r - c - c - c -"),
    "fast": ("r c r c r c r c", "0 2 1 2 0 2 1 2", "r - c - r - c -", "c - - c - - c -"),
}
_ARPEGGIOS = {
    "slow": ("0 - 1 - 2 - 3 -", "0 1 2 3 4 3 2 1"),
    "medium": ("0 1 2 3 4 3 2 1", "0 2 1 3 2 4 3 1", "0 1 2 3 0 1 2 3"),
    "fast": ("0 1 2 3 4 3 2 1", "0 1 2 3 0 1 2 3", "0 2 1 2 3 2 1 2"),
}
_CHORDS = {
    "slow": ("c - - - - - - -", "c - - - c - - -"),
    "medium": ("c - c - c - c -", "c - - - c - c -", "c - - c - - c -"),
    "fast": ("c . c . c . c .", "c c . c c . c c", "c . c c . c c ."),
}


@dataclass(frozen=True)
class Plan:
    """The decisions that all parts of a piece share."""

    style: Style
    tempo_class: str
    bpm: float
    metre: str
    tonic: int
    mode: str
    chords: tuple[Chord, ...]
    scale: tuple[int, ...]
    bars: int

    @property
    def legato(self) -> float:
        """How long notes are held: short when fast, so that tempo is heard."""
        return _LEGATO[self.tempo_class]


def pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """One of some choices, evenly (faster than `rng.choice`, and of any type)."""
    return choices[int(rng.integers(len(choices)))]


def compose_piece(
    rng: np.random.Generator,
    seconds: float,
    texture: str | None = None,
    styles: Sequence[str] | None = None,
) -> Piece:
    """Compose a piece at least `seconds` long, starting on a downbeat.

    Without `texture` it is drawn from those that the styles have.
    """
    pools = {name: [s for s in pool if not styles or s in styles] for name, pool in POOLS.items()}
    texture = texture or _pick_texture(rng, pools)
    names = pools[texture]
    program = -1
    if texture == "solo":
        program, style, tempo_class = _pick_solo(rng, [STYLES[name] for name in names])
    else:
        style = STYLES[pick(rng, names)]
        tempo_class = pick(rng, style.tempos)
    plan = make_plan(rng, style, tempo_class, seconds)
    parts = {
        "solo": lambda: _solo(rng, plan, program),
        "ensemble": lambda: _ensemble(rng, plan),
        "band": lambda: _band(rng, plan),
        "drums": lambda: (_drums(rng, plan),),
    }[texture]()
    return _piece(rng, plan, texture, parts)


def _pick_texture(rng: np.random.Generator, pools: dict[str, list[str]]) -> str:
    shares = np.array([TEXTURES[name] if pools[name] else 0.0 for name in TEXTURES])
    return str(rng.choice(list(TEXTURES), p=shares / shares.sum()))


def _pick_solo(rng: np.random.Generator, styles: Sequence[Style]) -> tuple[int, Style, str]:
    """A tempo evenly, a family evenly, a program of it, and a style that suits them all."""
    tempo_class = pick(rng, [t for t in TEMPO_RANGES if any(t in s.tempos for s in styles)])
    fitting: dict[str, dict[int, list[Style]]] = {}
    for style in styles:
        for program in dict.fromkeys(style.solo) if tempo_class in style.tempos else ():
            if not (tempo_class == "slow" and program in SHORT):
                family = fitting.setdefault(INSTRUMENTS[program].family, {})
                family.setdefault(program, []).append(style)
    players = fitting[pick(rng, [family for family in FAMILIES if family in fitting])]
    program = pick(rng, sorted(players))
    return program, pick(rng, players[program]), tempo_class


def make_plan(rng: np.random.Generator, style: Style, tempo_class: str, seconds: float) -> Plan:
    """Decide tempo, metre, key and chords."""
    low, high = TEMPO_RANGES[tempo_class]
    low, high = max(low, style.bpm[0]), min(high, style.bpm[1])
    bpm = float(rng.integers(low, high + 1)) if high >= low else float(low)
    metre = pick(rng, style.metres)
    mode = pick(rng, [m for m, rows in (("major", style.major), ("minor", style.minor)) if rows])
    tonic = int(rng.integers(12))
    rows = style.major if mode == "major" else style.minor
    scale_name = (style.scale or {}).get(mode, mode)
    bars = int(np.ceil(seconds * bpm / 60 / BEATS_PER_BAR[metre])) + 1
    return Plan(
        style=style,
        tempo_class=tempo_class,
        bpm=bpm,
        metre=metre,
        tonic=tonic,
        mode=mode,
        chords=tuple(progression(pick(rng, rows), tonic, mode)),
        scale=tuple((tonic + step) % 12 for step in SCALES[scale_name]),
        bars=bars,
    )


def _piece(rng: np.random.Generator, plan: Plan, texture: str, parts: Sequence[Part]) -> Piece:
    style = plan.style
    levels = ["soft", "medium", "medium", "loud"]
    if style.name in _QUIET:
        levels = ["soft", "soft", "medium"]
    elif style.name in _LOUD:
        levels = ["medium", "loud", "loud"]
    pitched = texture != "drums"
    return Piece(
        parts=tuple(parts),
        bpm=plan.bpm,
        metre=plan.metre,
        swing=style.swing,
        looseness=style.looseness,
        texture=texture,
        style=style.name,
        key=NOTE_NAMES[plan.tonic] if pitched else None,
        mode=plan.mode if pitched else None,
        tempo_class=plan.tempo_class,
        dynamics=pick(rng, levels),
        moods=style.moods,
    )


def melody_part(
    rng: np.random.Generator, plan: Plan, program: int, volume: float = 1.0, above: int = 0
) -> Part:
    """A melody in a random fifth-wider-than-octave window of the instrument's range."""
    instrument = INSTRUMENTS[program]
    low, high = max(instrument.low, above), instrument.high
    width = min(17, high - low)
    low += int(rng.integers(0, max(high - low - width, 0) + 1))
    busy = _BUSY[plan.tempo_class] + 0.6 * plan.style.busy
    busy = float(np.clip(busy + rng.uniform(-0.3, 0.3), 0.2, 2.3))
    shape = Shape(low, low + width, plan.metre, busy, plan.legato)
    notes = compose_melody(rng, list(plan.chords), plan.scale, shape, plan.bars)
    return Part(program, "melody", notes, volume=volume * instrument.volume)


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
    power = program == 30
    middle = min(max(61, instrument.low + 8), instrument.high - 8)
    centre = 42.0 if power else float(middle + rng.integers(-2, 3))
    notes = play_comp(
        pick(rng, patterns),
        list(plan.chords),
        bars=plan.bars,
        metre=plan.metre,
        centre=centre,
        num_tones=4 if program in (0, 4, 27, 46) else 3,
        legato=1.0 if role == "pad" else plan.legato,
        power=power,
    )
    return Part(program, role, notes, volume=volume * instrument.volume)


def bass_part(rng: np.random.Generator, plan: Plan, program: int, volume: float = 0.95) -> Part:
    """The bass line of a style."""
    instrument = INSTRUMENTS[program]
    low = instrument.low + (0 if instrument.family != "bass" else int(rng.integers(0, 5)))
    pattern = pick(rng, plan.style.bass)
    notes = play_bass(
        pattern, list(plan.chords), bars=plan.bars, metre=plan.metre, low=low, rng=rng
    )
    return Part(program, "bass", notes, volume=volume * instrument.volume)


def _solo(rng: np.random.Generator, plan: Plan, program: int) -> tuple[Part, ...]:
    form = pick(rng, INSTRUMENTS[program].forms)
    tempo = plan.tempo_class
    if form == "melody":
        return (melody_part(rng, plan, program),)
    if form == "arpeggio":
        return (chord_part(rng, plan, program, _ARPEGGIOS[tempo], "arpeggio", 1.0),)
    if form in ("chords", "power"):
        own = plan.style.comp if form == "power" else _CHORDS[tempo]
        return (chord_part(rng, plan, program, own, "chords", 1.0),)
    hand = chord_part(rng, plan, program, _HANDS[tempo], "chords", 0.6)
    return (melody_part(rng, plan, program, above=62), hand)


def _ensemble(rng: np.random.Generator, plan: Plan) -> tuple[Part, ...]:
    parts = []
    for player in pick(rng, plan.style.ensembles).split(", "):
        role, number = player.split()
        program = int(number)
        instrument = INSTRUMENTS[program]
        if role == "melody":
            parts.append(melody_part(rng, plan, program, above=instrument.low + 5))
        elif role == "bass":
            parts.append(bass_part(rng, plan, program))
        elif role == "counter":
            low, high = instrument.low, min(instrument.low + 19, instrument.high)
            notes = inner_voice(
                list(plan.chords),
                bars=plan.bars,
                metre=plan.metre,
                low=low,
                high=high,
                tempo_class=plan.tempo_class,
            )
            parts.append(Part(program, role, notes, volume=0.75 * instrument.volume))
        elif role == "pad":
            parts.append(chord_part(rng, plan, program, ("c - - - - - - -",), "pad", 0.65))
        else:
            table = _ARPEGGIOS[plan.tempo_class] if role == "arpeggio" else plan.style.comp
            if not instrument.poly:  # a viola "plays chords" as a second inner voice
                notes = inner_voice(
                    list(plan.chords), bars=plan.bars, metre=plan.metre,
                    low=instrument.low, high=instrument.low + 15, tempo_class=plan.tempo_class,
                )  # fmt: skip
                parts.append(Part(program, "counter", notes, volume=0.75))
            else:
                parts.append(chord_part(rng, plan, program, table, role, 0.7))
    return tuple(parts)


def _drums(rng: np.random.Generator, plan: Plan, volume: float = 1.0) -> Part:
    notes = drum_bars(pick(rng, plan.style.grooves), plan.bars, plan.metre, rng)
    return Part(pick(rng, plan.style.kits), "drums", notes, drums=True, volume=volume)


def _band(rng: np.random.Generator, plan: Plan) -> tuple[Part, ...]:
    style = plan.style
    comp = chord_part(rng, plan, pick(rng, style.comp_programs), style.comp, "chords", 0.62)
    parts = [_drums(rng, plan, 0.9), bass_part(rng, plan, pick(rng, style.bass_programs)), comp]
    if rng.random() < 0.75:
        leads = [p for p in style.lead_programs if p != comp.program or p == 30]
        lead = pick(rng, leads or style.lead_programs)
        parts.append(melody_part(rng, plan, lead, above=INSTRUMENTS[lead].low + 7))
    pads = [p for p in style.pad_programs if p not in {part.program for part in parts}]
    if pads and rng.random() < 0.4:
        parts.append(chord_part(rng, plan, pick(rng, pads), ("c - - - - - - -",), "pad", 0.5))
    return tuple(parts)


def onset_notes(parts: Sequence[Part]) -> list[Note]:
    """All notes of all parts, in time order."""
    return sorted(note for part in parts for note in part.notes)
