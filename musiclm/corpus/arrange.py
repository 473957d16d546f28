"""Composes one piece: style, key, tempo and form, then the parts of its texture.

Textures are a solo instrument, a small ensemble without drums, a band with drums, or drums alone.

>>> piece = compose_piece(np.random.default_rng(0), seconds=10.0, texture="solo")
>>> len({part.program for part in piece.parts}), piece.has_drums
(1, False)
"""

from collections.abc import Sequence

import numpy as np

from musiclm.corpus.piece import Part, Piece
from musiclm.corpus.plan import Plan, make_plan, pick
from musiclm.corpus.players import (
    answering_part,
    bass_part,
    chord_part,
    counter_part,
    drum_part,
    melody_part,
    pad_part,
    thirds_part,
    timpani_part,
)
from musiclm.corpus.staging import chord_names, section_names, stage
from musiclm.corpus.styles import (
    BAND_STYLES,
    DRUM_STYLES,
    ENSEMBLE_STYLES,
    STYLES,
    TEMPO_RANGES,
    Style,
)
from musiclm.corpus.theory import NOTE_NAMES
from musiclm.corpus.vocabulary import FAMILIES, INSTRUMENTS, SHORT

TEXTURES = {"solo": 0.38, "ensemble": 0.21, "band": 0.36, "drums": 0.05}
POOLS = {
    "solo": tuple(name for name, style in STYLES.items() if style.solo),
    "ensemble": ENSEMBLE_STYLES,
    "band": BAND_STYLES,
    "drums": DRUM_STYLES,
}

_QUIET = ("ambient", "lo-fi", "bossa nova")
_LOUD = ("metal", "rock", "techno", "march", "drum and bass")
_LEADS, _PADS, _EXTRAS = 0.78, 0.4, 0.35  # of bands that have one

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
# Strings under film music: one chord tone driven on.
_OSTINATI = ("0 0 1 0 2 0 1 0", "0 0 0 1 0 0 0 2", "0 1 2 1 0 1 2 1 0 1 2 1 0 1 2 1")


def compose_piece(
    rng: np.random.Generator,
    seconds: float,
    texture: str | None = None,
    styles: Sequence[str] | None = None,
) -> Piece:
    """Compose a piece that fills `seconds`, starting on a downbeat.

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
    return arrange(rng, make_plan(rng, style, tempo_class, seconds), texture, program)


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
    program = pick(rng, list(players))
    return program, pick(rng, players[program]), tempo_class


def arrange(rng: np.random.Generator, plan: Plan, texture: str, program: int = -1) -> Piece:
    """Give a plan its players; `program` is who plays alone."""
    extras: Sequence[int] = ()
    if texture == "solo":
        parts: Sequence[Part] = _solo(rng, plan, program)
    elif texture == "ensemble":
        parts = _ensemble(rng, plan)
        extras = [i for i, part in enumerate(parts) if i and part.role in ("counter", "pad")]
        extras = extras if len(parts) - len(extras) > 1 else ()
    elif texture == "band":
        parts = _band(rng, plan)
        extras = range(4, len(parts)) if rng.random() < 0.6 else ()
    else:
        parts = (drum_part(rng, plan),)
    return _piece(rng, plan, texture, stage(rng, plan, parts, extras))


def _piece(rng: np.random.Generator, plan: Plan, texture: str, parts: tuple[Part, ...]) -> Piece:
    style = plan.style
    levels = ["soft", "medium", "medium", "loud"]
    if style.name in _QUIET:
        levels = ["soft", "soft", "medium"]
    elif style.name in _LOUD:
        levels = ["medium", "loud", "loud"]
    pitched = texture != "drums"
    return Piece(
        parts=parts,
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
        chords=chord_names(plan, parts),
        sections=section_names(plan.sections, plan),
    )


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
    hands = plan.style.hands or _HANDS[tempo]
    left = chord_part(rng, plan, program, hands, "chords", 0.6)
    return (melody_part(rng, plan, program, above=62), left)


def _ensemble(rng: np.random.Generator, plan: Plan) -> list[Part]:
    parts: list[Part] = []
    rows = [row for row in plan.style.ensembles if "melody" in row or not plan.tune]
    for player in pick(rng, rows).split(", "):
        role, number = player.split()
        parts.append(_player(rng, plan, role, int(number), parts))
    return parts


def _player(
    rng: np.random.Generator, plan: Plan, role: str, program: int, before: Sequence[Part]
) -> Part:
    """One member of an ensemble; thirds follow the first of those before."""
    instrument = INSTRUMENTS[program]
    if role == "melody":
        return melody_part(rng, plan, program, above=instrument.low + 5)
    if role == "bass":
        return bass_part(rng, plan, program)
    if role == "counter":
        return counter_part(plan, program)
    if role == "thirds":
        return thirds_part(plan, program, before[0])
    if role == "timpani":
        return timpani_part(rng, plan, program)
    if role == "pad":
        return pad_part(rng, plan, program, 0.65)
    if role == "ostinato":
        return chord_part(rng, plan, program, _OSTINATI, "arpeggio", 0.75)
    if not instrument.poly:  # a viola "plays chords" as a second inner voice
        return counter_part(plan, program, high=15)
    hands = plan.style.hands if program in (0, 4) and plan.style.hands else plan.style.comp
    table = _ARPEGGIOS[plan.tempo_class] if role == "arpeggio" else hands
    return chord_part(rng, plan, program, table, role, 0.7)


def _band(rng: np.random.Generator, plan: Plan) -> list[Part]:
    """Drums, bass, chords, mostly a lead, and sometimes a pad and a second voice."""
    style = plan.style
    comp = chord_part(rng, plan, pick(rng, style.comp_programs), style.comp, "chords", 0.62)
    parts = [drum_part(rng, plan, 0.9), bass_part(rng, plan, pick(rng, style.bass_programs)), comp]
    lead = None
    if plan.tune or rng.random() < _LEADS:
        leads = [p for p in style.lead_programs if p != comp.program or p == 30]
        program = pick(rng, leads or style.lead_programs)
        above = INSTRUMENTS[program].low + 7
        lead = melody_part(rng, plan, program, above=above, breathes=True)
        parts.append(lead)
    used = {part.program for part in parts}
    pads = [p for p in style.pad_programs if p not in used]
    if pads and rng.random() < _PADS:
        parts.append(pad_part(rng, plan, pick(rng, pads)))
    extra = [p for p in style.extra_programs if p not in used | {part.program for part in parts}]
    if lead is not None and extra and rng.random() < _EXTRAS:
        answer = answering_part(plan, pick(rng, extra), lead)
        double = thirds_part(plan, answer.program, lead)
        parts.append(double if not answer.notes or rng.random() < 0.5 else answer)
    return parts
