"""Ground truth of a clip, measured on the notes that sound in it.

>>> from musiclm.corpus.arrange import compose_piece
>>> from musiclm.corpus.perform import perform
>>> rng = np.random.default_rng(1)
>>> piece = compose_piece(rng, 10.0, texture="drums")
>>> facts = describe(piece, perform(piece, rng, 10.0), 10.0)
>>> facts["drums"], facts["families"], facts["key"]
(True, [], None)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from musiclm.corpus.perform import Stroke
from musiclm.corpus.piece import Part, Piece
from musiclm.corpus.vocabulary import INSTRUMENTS, KITS

_SPARSE, _DENSE = 2.2, 5.5  # onsets a second
_LOW, _HIGH = 55.0, 72.0  # mean pitch of the melody

_MOODS = {
    ("major", "slow"): ("calm", "peaceful", "gentle", "tender", "relaxing", "soothing"),
    ("major", "medium"): ("warm", "cheerful", "pleasant", "optimistic", "content"),
    ("major", "fast"): ("happy", "joyful", "lively", "playful", "energetic", "exciting"),
    ("minor", "slow"): ("sad", "melancholic", "somber", "wistful", "mournful"),
    ("minor", "medium"): ("moody", "pensive", "mysterious", "brooding"),
    ("minor", "fast"): ("tense", "urgent", "dramatic", "restless", "intense"),
    (None, "slow"): ("steady", "laid-back"),
    (None, "medium"): ("steady", "rhythmic"),
    (None, "fast"): ("energetic", "intense"),
}
# A loud or quick piece is not called these, whatever its style says.
_CALM = {"mellow", "meditative", "chilled", "laid-back", "gentle", "dreamy", "ethereal", "smooth"}
_WILD = {"aggressive", "heavy", "driving", "energetic", "exciting", "intense", "triumphant"}
_BRIGHT = {"feel-good", "sunny", "cheerful", "uplifting", "breezy"}  # not in minor


def describe(piece: Piece, strokes: Sequence[Stroke], seconds: float) -> dict[str, Any]:
    """The labels of a clip; parts without a note in it are not named."""
    heard = {stroke.part for stroke in strokes}
    parts = [part for i, part in enumerate(piece.parts) if i in heard]
    drums = any(part.drums for part in parts)
    rate = len({round(stroke.start / 0.03) for stroke in strokes}) / seconds
    families = sorted({_family(part) for part in parts} - {"drums", "bass"})
    return {
        "texture": piece.texture,
        "instruments": _instruments(parts),
        "families": families,
        "bass": any(part.role == "bass" for part in parts),
        "drums": drums,
        "style": piece.style,
        "bpm": piece.bpm,
        "tempo_class": piece.tempo_class,
        "key": piece.key,
        "mode": piece.mode,
        "metre": piece.metre,
        "density": "sparse" if rate < _SPARSE else "dense" if rate > _DENSE else "medium",
        "onsets_per_second": round(rate, 2),
        "register": _register(piece, strokes),
        "dynamics": piece.dynamics,
        "moods": moods(piece),
        "source": piece.source,
        **piece.extra,
    }


def moods(piece: Piece) -> list[str]:
    """Mood words that mode, tempo, style and dynamics agree on, plainest first."""
    words = list(dict.fromkeys([*_MOODS[piece.mode, piece.tempo_class], *piece.moods]))
    if piece.mode == "minor":
        words = [word for word in words if word not in _BRIGHT]
    if piece.tempo_class == "fast" or piece.dynamics == "loud":
        words = [word for word in words if word not in _CALM]
    if piece.tempo_class == "slow" or piece.dynamics == "soft":
        words = [word for word in words if word not in _WILD]
    return words or ["steady"]


def _family(part: Part) -> str:
    return "drums" if part.drums else INSTRUMENTS[part.program].family


def _instruments(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """One entry a program, with its most prominent role; lead first, drums last."""
    order = ("melody", "counter", "arpeggio", "chords", "pad", "bass", "drums")
    rows: list[dict[str, Any]] = []
    for part in sorted(parts, key=lambda p: order.index(p.role)):
        name = KITS[part.program] if part.drums else INSTRUMENTS[part.program].name
        row = {
            "program": part.program,
            "name": name,
            "family": _family(part),
            "role": part.role,
        }
        if not any(old["program"] == part.program and old["name"] == name for old in rows):
            rows.append(row)
    return rows


def _register(piece: Piece, strokes: Sequence[Stroke]) -> str | None:
    pitched = [s for s in strokes if not piece.parts[s.part].drums]
    leading = [s for s in pitched if piece.parts[s.part].role == "melody"] or pitched
    if not leading:
        return None
    mean = float(np.mean([s.pitch for s in leading]))
    return "low" if mean < _LOW else "high" if mean > _HIGH else "mid"
