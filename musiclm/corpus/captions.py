"""Captions from exact labels: tags, a sentence, a few sentences, and one that leaves things out.

MuLan learned from noisy text (paper section 3.1, MuLan section 3.2); ours is exact and never says
what is not so.

>>> labels = dict(texture="solo", instruments=[dict(program=73, name="flute", family="winds",
...     role="melody")], families=["winds"], drums=False, bass=False, style="classical", bpm=70.0,
...     tempo_class="slow", key="A", mode="minor", metre="4/4", density="sparse", register="high",
...     dynamics="soft", moods=["sad"])
>>> [bool(text) for text in captions(labels, np.random.default_rng(0))]
[True, True, True, True]
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from musiclm.corpus.vocabulary import INSTRUMENTS, KIT_NAMES
from musiclm.corpus.wording import USES, WORDINGS, Wording

Labels = Mapping[str, Any]

_VOWEL = re.compile(r"[aeio8]|u(?!ni|s)")
_SLOT = re.compile(r"\{(\w+)\}")


def captions(
    labels: Labels, rng: np.random.Generator, *, wording: str = "train"
) -> tuple[str, ...]:
    """Four captions of one clip; `wording` is train or heldout, which share no template."""
    words = WORDINGS[wording]
    facts = _facts(labels, rng, words, wording)
    texture = str(labels["texture"])
    return (
        _tags(labels, facts, rng),
        _sentence(words.sentences[texture], facts, rng),
        _paragraph(labels, words, facts, rng, wording),
        _partial(labels, facts, rng),
    )


def _pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _with_article(noun: str) -> str:
    return noun if _is_plural(noun) or noun.startswith("a ") else _indefinite(noun)


def _indefinite(words: str) -> str:
    return f"{'an' if _VOWEL.match(words) else 'a'} {words}"


def _is_plural(noun: str) -> bool:
    return noun.endswith("s") and not noun.endswith(("bass", "brass"))


def _facts(
    labels: Labels, rng: np.random.Generator, words: Wording, wording: str
) -> dict[str, str]:
    """Everything a template may say of this clip; what is unknown or untrue is not there."""
    names = [_name(row, rng, wording) for row in labels["instruments"]]
    moods = [str(mood) for mood in rng.permutation(labels["moods"])]
    drums = bool(labels["drums"])
    facts = {
        "tempo": _pick(rng, words.tempo[labels["tempo_class"]]),
        "pace": _pick(rng, words.pace[labels["tempo_class"]]),
        "style": _pick(rng, words.styles[labels["style"]]),
        "mood": moods[0],
        "lead": names[0].removeprefix("a "),
        "all": _list([_with_article(name) for name in names]),
        "bpm": str(round(labels["bpm"])),
        "metre": str(labels["metre"]),
        "use": _pick(rng, USES[labels["style"]]),
    }
    if not _is_plural(facts["lead"]):
        facts["one_lead"] = facts["lead"]
    if len(moods) > 1:
        facts["mood2"] = moods[1]
    if labels["mode"]:
        facts["mode"] = str(labels["mode"])
        key = str(labels["key"]).replace("#", " sharp").replace("b", " flat")
        facts["key"] = f"{key} {labels['mode']}"
    if drums:
        facts["kit"] = names[-1]
        facts["drums"] = _pick(rng, words.drums)
    else:
        quiet = words.no_drums
        if "mallets" not in labels["families"]:
            quiet += words.no_percussion
            facts["when_no_percussion"] = ""
        facts["quiet"] = _pick(rng, quiet)
        facts["when_quiet"] = ""
    for name, table in (
        ("density", words.density),
        ("register", words.register),
        ("dynamics", words.dynamics),
    ):
        if labels[name] in table:
            facts[name] = _pick(rng, table[labels[name]])
    articles = {f"a_{k}": _indefinite(facts[k]) for k in _ADJECTIVES if k in facts}
    return facts | articles | {"a_lead": _with_article(facts["lead"])}


_ADJECTIVES = ("tempo", "mood", "style", "mode")


def _name(row: Mapping[str, Any], rng: np.random.Generator, wording: str) -> str:
    if row["family"] == "drums":
        return _pick(rng, KIT_NAMES[row["program"]])
    instrument = INSTRUMENTS[row["program"]]
    names = instrument.names if wording == "train" else instrument.heldout
    if wording == "train" and rng.random() < 0.5:
        return names[0]  # the plain name is the most common one
    return _pick(rng, names)


def _list(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _fill(template: str, facts: Mapping[str, str]) -> str | None:
    """The template with its slots filled, or nothing if a slot is not known."""
    slots = _SLOT.findall(template)
    if any(slot not in facts for slot in slots):
        return None
    text = _SLOT.sub(lambda match: facts[match[1]], template)
    text = re.sub(rf"\b([Aa]) (?={_VOWEL.pattern})", r"\1n ", text)  # after "A {mood}"
    return text[0].upper() + text[1:]


def _sentence(templates: Sequence[str], facts: Mapping[str, str], rng: np.random.Generator) -> str:
    filled = [text for text in (_fill(template, facts) for template in templates) if text]
    return _pick(rng, filled)


def _tag_pool(labels: Labels, facts: Mapping[str, str], rng: np.random.Generator) -> list[str]:
    lead = facts["lead"]
    first = {"solo": f"solo {lead}", "drums": "solo drums"}.get(labels["texture"], facts["all"])
    pool = [first, facts["tempo"], facts["mood"], facts["style"]]
    if "mode" in facts:
        pool.append(facts["mode"] if rng.random() < 0.5 else f"{facts['mode']} key")
    if labels["texture"] != "drums":
        pool.append(facts["drums"] if labels["drums"] else facts["quiet"])
    pool += [facts[name] for name in ("density", "register", "dynamics") if name in facts]
    if rng.random() < 0.3:
        pool.append(f"{facts['bpm']} bpm")
    return pool


def _tags(labels: Labels, facts: Mapping[str, str], rng: np.random.Generator) -> str:
    """All of the main facts and some of the rest, in any order after the instruments."""
    pool = _tag_pool(labels, facts, rng)
    rest = [str(tag) for tag in rng.permutation(pool[1:])]
    keep = max(3, int(rng.integers(3, len(rest) + 1)))
    return ", ".join(dict.fromkeys([pool[0], *rest[:keep]]))


def _partial(labels: Labels, facts: Mapping[str, str], rng: np.random.Generator) -> str:
    """One to three facts only."""
    pool = _tag_pool(labels, facts, rng)
    if rng.random() < 0.5:
        keep = int(rng.integers(1, 4))
        return ", ".join(dict.fromkeys(str(tag) for tag in rng.permutation(pool)[:keep]))
    shapes = (
        "{tempo} {style} music", "{mood} music", "{lead}", "{mood} {lead}", "{tempo} {lead}",
        "{style} with {all}", "{mood} {style} music, {quiet}", "{style} music in {a_mode} key",
        "{lead}, {quiet}", "{tempo} and {mood} {style}", "{all}",
    )  # fmt: skip
    text = _sentence(shapes, facts, rng)
    return text[0].lower() + text[1:] if rng.random() < 0.5 else text


def _paragraph(
    labels: Labels, words: Wording, facts: dict[str, str], rng: np.random.Generator, wording: str
) -> str:
    """An opening, what the instruments do, and some of the other facts."""
    texture = str(labels["texture"])
    sentences = [_sentence(words.openings[texture], facts, rng)]
    if texture in ("ensemble", "band"):
        rows = list(labels["instruments"])
        order = sorted(int(i) for i in rng.permutation(len(rows))[: int(rng.integers(1, 4))])
        sentences += [_role(rows[i], words, facts, rng, wording) for i in order]
    closings = [text for text in (_fill(t, facts) for t in words.closings) if text]
    # At most one of each kind: two that begin alike say the same thing twice.
    kinds = {" ".join(str(text).split()[:2]): str(text) for text in rng.permutation(closings)}
    sentences += list(kinds.values())[: int(rng.integers(1, 4))]
    return " ".join(sentences)


def _role(
    row: Mapping[str, Any],
    words: Wording,
    facts: Mapping[str, str],
    rng: np.random.Generator,
    wording: str,
) -> str:
    noun = _name(row, rng, wording)
    plural = _is_plural(noun)
    the = noun if noun.startswith("a ") else f"the {noun}"
    grammar = {
        "The": the[0].upper() + the[1:],
        "the": the,
        "s": "" if plural else "s",
        "ies": "y" if plural else "ies",
    }
    return _sentence(words.roles[row["role"]], {**facts, **grammar}, rng)
