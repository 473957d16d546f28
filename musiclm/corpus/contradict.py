"""Captions that are untrue of a clip: its own labels, changed in one fact that the caption says.

MuLan's batches hold other clips, which differ in everything; a caption of the same instruments at
another tempo, in another mood or without its drums teaches (and tests) what those leave out. Not
in the paper. Every such caption is read by `aspects_check`, which must find it untrue of the clip
and true of the changed labels.

>>> labels = dict(texture="solo", instruments=[dict(program=73, name="flute", family="winds",
...     role="melody")], families=["winds"], drums=False, bass=False, style="classical", bpm=70.0,
...     tempo_class="slow", key="A", mode="minor", metre="4/4", density="sparse", register="high",
...     dynamics="soft", moods=["sad"])
>>> right, wrong, what = contradiction(labels, np.random.default_rng(0))
>>> what in KINDS, untruths(labels, right), untruths(labels, wrong) != []
(True, [], True)
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from musiclm.corpus.aspects import facts_of
from musiclm.corpus.aspects_check import untruths
from musiclm.corpus.captions import captions
from musiclm.corpus.labels import MOODS, agreeing_moods, energy
from musiclm.corpus.vocabulary import FAMILIES, INSTRUMENTS, PROGRAMS_BY_FAMILY
from musiclm.errors import UserError

LONG = 3  # the place of the long description among a clip's captions
KINDS = ("tempo", "mood", "drums", "mode", "lead")
_BPM = {"slow": (60.0, 85.0), "medium": (95.0, 125.0), "fast": (135.0, 175.0)}
_FAR = {"slow": ("fast",), "medium": ("slow", "fast"), "fast": ("slow",)}
_TRIES = 6  # captions of the changed labels, before another fact is changed
_NAMED = re.compile(r"\b(?:major|minor)\b", re.IGNORECASE)
_KIT = {"program": 0, "name": "drums", "family": "drums", "role": "drums"}
_STRUCK = ("hi-hat", "kick", "snare")

Labels = Mapping[str, Any]


def contradiction(
    labels: Labels,
    rng: np.random.Generator,
    *,
    kinds: Sequence[str] = KINDS,
    wording: str = "train",
) -> tuple[str, str, str]:
    """A true caption, one that is untrue of the clip in one fact, and which fact: one of `kinds`.

    Both are written with the same dice, so that they differ in little else. The same labels and
    generator give the same captions. UserError if no fact can be changed.
    """
    for kind in [kinds[i] for i in rng.permutation(len(kinds)).tolist()]:
        changed = change(labels, kind, rng)
        for _ in range(_TRIES if changed else 0):
            assert changed is not None
            dice = int(rng.integers(2**32))
            right, wrong = (
                captions(told, np.random.default_rng(dice), wording=wording)
                for told in (labels, changed)
            )
            pairs = [
                pair
                for pair in zip(right, wrong, strict=True)
                if _tells(pair[0], labels, changed, kind) and _tells(pair[1], changed, labels, kind)
            ]
            if pairs:
                return (*pairs[int(rng.integers(len(pairs)))], kind)
    raise UserError(f"no caption contradicts these labels in {', '.join(kinds)}")


def rival_captions(
    labels: Labels,
    rng: np.random.Generator,
    kind: str,
    *,
    form: int = LONG,
    wording: str = "train",
) -> tuple[str, str] | None:
    """A true caption and one that contradicts it: the two most alike of a few of each.

    Each is untrue of the other's labels, so the fact that differs decides between them. `form` is
    the place among `captions`: the long one is the like of MusicCaps. None if it cannot be changed.
    """
    changed = change(labels, kind, rng)
    if changed is None:
        return None

    def drawn(told: Labels, other: Labels) -> list[str]:
        texts = [captions(told, rng, wording=wording)[form] for _ in range(_TRIES)]
        return [text for text in texts if _tells(text, told, other, kind)]

    pairs = list(itertools.product(drawn(labels, changed), drawn(changed, labels)))
    return max(pairs, key=lambda pair: alike(*pair)) if pairs else None


def first_rivals(
    labels: Labels,
    rng: np.random.Generator,
    kinds: Sequence[str],
    *,
    form: int = LONG,
    wording: str = "train",
) -> tuple[str, str, str] | None:
    """`rival_captions` of the first of these kinds that has any, and which; None if none has."""
    for kind in kinds:
        pair = rival_captions(labels, rng, kind, form=form, wording=wording)
        if pair:
            return (*pair, kind)
    return None


def alike(one: str, other: str) -> float:
    """The share of their words that two texts have in common.

    >>> alike("A slow song.", "a fast song.")
    0.5
    """
    ours, theirs = set(one.lower().split()), set(other.lower().split())
    return len(ours & theirs) / len(ours | theirs)


def _tells(text: str, labels: Labels, other: Labels, kind: str) -> bool:
    """Whether a caption is true of the labels and not of the other ones, about this fact."""
    return bool(untruths(other, text)) and not untruths(labels, text) and _about(kind, text)


def change(labels: Labels, kind: str, rng: np.random.Generator) -> dict[str, Any] | None:
    """The labels with one fact made another, and what follows from it; None if it has none."""
    change_one = {
        "tempo": _other_tempo,
        "mood": _other_mode,
        "drums": _other_drums,
        "mode": _other_mode,
        "lead": _other_lead,
    }[kind]
    changed = change_one(labels, rng)
    return changed and changed | {"energy": energy(changed)}


def _about(kind: str, text: str) -> bool:
    """Mood and mode are one change; a caption that names the mode is about the mode."""
    return kind not in ("mood", "mode") or bool(_NAMED.search(text)) == (kind == "mode")


def _other_tempo(labels: Labels, rng: np.random.Generator) -> dict[str, Any]:
    far = _FAR[labels["tempo_class"]]
    tempo = far[int(rng.integers(len(far)))]
    bpm = float(round(rng.uniform(*_BPM[tempo])))
    return _in_mood(labels, {"tempo_class": tempo, "bpm": bpm})


def _other_mode(labels: Labels, rng: np.random.Generator) -> dict[str, Any] | None:
    mode = labels.get("mode")
    if mode not in ("major", "minor"):
        return None
    return _in_mood(labels, {"mode": "minor" if mode == "major" else "major"})


def _in_mood(labels: Labels, changes: dict[str, Any]) -> dict[str, Any]:
    """The changes, with moods that agree with them: the style's own stay where they can."""
    plain = MOODS[labels.get("mode"), labels["tempo_class"]]
    changed = dict(labels) | changes
    more = [mood for mood in labels["moods"] if mood not in plain]
    facts = facts_of(changed | {"energy": energy(changed)})
    return changed | {"moods": agreeing_moods(changed, more, facts)}


def _other_drums(labels: Labels, rng: np.random.Generator) -> dict[str, Any] | None:
    rows = list(labels["instruments"])
    pitched = [row for row in rows if row["family"] != "drums"]
    if not pitched:
        return None
    if not labels["drums"]:
        return dict(labels) | {
            "instruments": [*rows, dict(_KIT)],
            "drums": True,
            "texture": "band",
            "percussion": list(_STRUCK),
        }
    changes = [change for change in labels.get("changes", ()) if not change["drums"]]
    return dict(labels) | {
        "instruments": pitched,
        "drums": False,
        "texture": "solo" if len(pitched) == 1 else "ensemble",
        "percussion": [],
        "four_on_the_floor": False,
        "changes": changes,
    }


def _other_lead(labels: Labels, rng: np.random.Generator) -> dict[str, Any] | None:
    """The first player on an instrument of a family that does not play."""
    rows = [dict(row) for row in labels["instruments"]]
    lead = rows[0]
    if lead["family"] in ("drums", "bass"):
        return None
    free = [family for family in FAMILIES if family not in labels["families"]]
    family = free[int(rng.integers(len(free)))]
    programs = PROGRAMS_BY_FAMILY[family]
    program = programs[int(rng.integers(len(programs)))]
    name = INSTRUMENTS[program].name
    rows[0] = lead | {"program": program, "name": name, "family": family}
    changes = [
        change | {"program": program, "name": name}
        if not change["drums"] and change["program"] == lead["program"]
        else change
        for change in labels.get("changes", ())
    ]
    families = sorted({row["family"] for row in rows} - {"drums", "bass"})
    return dict(labels) | {"instruments": rows, "families": families, "changes": changes}
