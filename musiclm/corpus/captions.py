"""Captions from exact labels: tags, a sentence, a paragraph, a long description and a bare hint.

MuLan learned from noisy text (paper section 3.1, MuLan section 3.2); ours is exact, and never says
what is not so. The long description aims at the 48 words of a MusicCaps caption (section 4.3).

>>> labels = dict(texture="solo", instruments=[dict(program=73, name="flute", family="winds",
...     role="melody")], families=["winds"], drums=False, bass=False, style="classical", bpm=70.0,
...     tempo_class="slow", key="A", mode="minor", metre="4/4", density="sparse", register="high",
...     dynamics="soft", moods=["sad"])
>>> [bool(text) for text in captions(labels, np.random.default_rng(0))]
[True, True, True, True, True]
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from musiclm.corpus.wording_facts import (
    VOWEL,
    Clip,
    Labels,
    is_plural,
    listed,
    pick,
    shuffled,
)

_SLOT = re.compile(r"\{(\w+)\}")
_BEFORE_VOWEL = re.compile(rf"\b([Aa]) (?={VOWEL.pattern})")
_TEMPO = {"tempo", "a_tempo", "pace", "at_tempo", "tempo_tag", "figure", "bpm"}
_DRUMS = re.compile("drum|percussion")
_EARLY, _LATE = 0.4, 0.6  # shares of the clip between which it is "halfway"
# The shares of captions that say the tempo, and whether there are drums, whatever else they say:
# both are what listeners ask for first and what a model follows worst.
_SAY_TEMPO = {"tags": 0.8, "sentence": 0.88, "paragraph": 0.9, "long": 0.97, "partial": 0.62}
_SAY_DRUMS = {"tags": 0.6, "sentence": 0.6, "paragraph": 0.6, "long": 0.75, "partial": 0.35}

_BARE = "{all}, {tempo} and {mood}."  # where no template of a wording fits

Slots = dict[str, str]


def captions(
    labels: Labels, rng: np.random.Generator, *, wording: str = "train"
) -> tuple[str, ...]:
    """Five captions of one clip; `wording` is train or heldout, which share no template."""
    clip = Clip(labels, wording)
    return (
        _tags(clip, rng),
        _sentence(clip, rng),
        _paragraph(clip, rng),
        _long(clip, rng),
        _partial(clip, rng),
    )


@cache
def _slots_of(template: str) -> frozenset[str]:
    return frozenset(_SLOT.findall(template))


def _fill(template: str, slots: Slots) -> str:
    text = _SLOT.sub(lambda match: slots[match[1]], template)
    text = _BEFORE_VOWEL.sub(r"\1n ", text)  # after "A {mood}"
    return text[0].upper() + text[1:]


def _known(templates: Sequence[str], slots: Slots) -> list[str]:
    """The templates all of whose slots are known."""
    return [template for template in templates if _slots_of(template) <= slots.keys()]


def _write(
    templates: Sequence[str], slots: Slots, rng: np.random.Generator, tempo: float = 0.0
) -> str:
    """One template, filled; with the chance `tempo`, one that says the tempo if there is any."""
    known = _known(templates, slots) or [_BARE]
    if rng.random() < tempo:
        known = [template for template in known if _slots_of(template) & _TEMPO] or known
    return _fill(pick(rng, known), slots)


def _sentence(clip: Clip, rng: np.random.Generator) -> str:
    slots = clip.slots(rng)
    text = _write(clip.words.sentences[clip.texture], slots, rng, _SAY_TEMPO["sentence"])
    told = slots.get("quiet") or slots.get("with_drums")
    plain = clip.wording == "train" and not _DRUMS.search(text)
    if told and plain and rng.random() < _SAY_DRUMS["sentence"]:
        text = f"{text.removesuffix('.')}, {told}."
    return text


def _tag_pool(clip: Clip, slots: Slots, rng: np.random.Generator) -> list[str]:
    """Tags other than the instruments, the tempo and the drums; the first are the likeliest."""
    pool = [slots["mood"], slots["genre"]]
    for key, chance in (
        ("mood2", 0.6), ("style", 0.4), ("sound", 0.5), ("genre_tag", 0.4), ("density", 0.4),
        ("register", 0.3), ("dynamics", 0.5), ("energy", 0.3), ("era", 0.5), ("swing", 0.5),
        ("metre_word", 0.15), ("group", 0.3), ("use", 0.2), ("mark", 0.15),
    ):  # fmt: skip
        if key in slots and rng.random() < chance:
            pool.append(slots[key])
    if "mode" in slots and rng.random() < 0.5:
        forms = (slots["mode"], f"{slots['mode']} key", f"{slots['mode']} mode", slots["key"])
        pool.append(pick(rng, forms))
    pool += shuffled(rng, clip.tags)[: int(rng.integers(0, 3))]
    pool += shuffled(rng, clip.sounds)[: int(rng.integers(0, 3))]
    pool += _changes(clip, clip.words.change_tags, rng)[: int(rng.random() < 0.5)]
    return pool


def _core(clip: Clip, slots: Slots, rng: np.random.Generator, kind: str) -> list[str]:
    """Tags of the tempo and the drums, as often as such a caption says them."""
    core = []
    if rng.random() < _SAY_TEMPO[kind]:
        core.append(slots["tempo_tag"])
    if clip.texture != "drums" and rng.random() < _SAY_DRUMS[kind]:
        core.append(slots.get("drums") or slots["quiet"])
    return core


def _tags(clip: Clip, rng: np.random.Generator) -> str:
    """The instruments, mostly first, and a few to many other facts in any order."""
    slots = clip.slots(rng)
    lead = slots["lead"]
    first = {"solo": f"solo {lead}", "drums": "solo drums"}.get(clip.texture, slots["all"])
    pool = shuffled(rng, _tag_pool(clip, slots, rng))[: int(rng.integers(2, 10))]
    rest = shuffled(rng, [*_core(clip, slots, rng, "tags"), *pool])
    tags = [first, *rest] if rng.random() < 0.8 else shuffled(rng, [first, *rest])
    return ", ".join(dict.fromkeys(tags))


def _partial(clip: Clip, rng: np.random.Generator) -> str:
    """Two to four facts; very rarely one."""
    slots = clip.slots(rng)
    if rng.random() < 0.5:
        pool = _tag_pool(clip, slots, rng)
        pool += [slots["lead"] if clip.texture != "drums" else slots["kit"]]
        core = _core(clip, slots, rng, "partial")
        keep = 1 if rng.random() < 0.02 else int(rng.integers(2, 5))
        tags = [*core, *shuffled(rng, pool)][:keep]
        return ", ".join(dict.fromkeys(shuffled(rng, tags)))
    text = _write(clip.words.partials, slots, rng, 0.55)
    return text[0].lower() + text[1:] if rng.random() < 0.5 and text[1:2].islower() else text


def _paragraph(clip: Clip, rng: np.random.Generator) -> str:
    """An opening, what some instruments do, the tempo, and some of the other facts."""
    slots, words = clip.slots(rng), clip.words
    lines = [_write(words.openings[clip.texture], slots, rng, 0.5)]
    lines += _roles(clip, slots, rng)[: int(rng.integers(0, 3))]
    more = []
    if rng.random() < _SAY_TEMPO["paragraph"]:
        more.append(_write(words.tempo_lines[str(clip.labels["tempo_class"])], slots, rng))
    if rng.random() < 0.5:
        more += _changes(clip, words.changes, rng)[:1]
    told = ("tempo",) if more else ()
    more += _closings(clip, slots, rng, "paragraph", told)[: int(rng.integers(1, 3))]
    return " ".join([*lines, *shuffled(rng, more)][:5])


def _long(clip: Clip, rng: np.random.Generator) -> str:
    """Four to eight sentences, as MusicCaps has them."""
    slots, words = clip.slots(rng), clip.words
    opening = _write(words.openings[clip.texture], slots, rng, 0.3)
    lines = [opening]
    if clip.texture in ("ensemble", "band") and slots["all"] not in opening:
        lines.append(_write(words.features, slots, rng))
    lines += _roles(clip, slots, rng)[: int(rng.integers(1, 3))]
    if clip.sounds and rng.random() < 0.6:
        lines.append(_fill(pick(rng, words.sounds), {"sounds": _sounds(clip, rng)}))
    more = []
    if rng.random() < _SAY_TEMPO["long"]:
        more.append(_write(words.tempo_lines[str(clip.labels["tempo_class"])], slots, rng))
    more.append(_write(words.moods, slots, rng))
    if rng.random() < 0.8:
        more += _changes(clip, words.changes, rng)[:2]
    closings = _closings(clip, slots, rng, "long", ("mood", "tempo"))
    more += closings[: int(rng.integers(1, 4))]
    return " ".join(list(dict.fromkeys([*lines, *shuffled(rng, more)]))[:8])


def _sounds(clip: Clip, rng: np.random.Generator) -> str:
    """Two or three sounds, none of which says what another says too."""
    chosen: list[str] = []
    for sound in shuffled(rng, clip.sounds):
        if not any(sound in other or other in sound for other in chosen):
            chosen.append(sound)
        if len(chosen) == 3:
            break
    return listed(chosen[: int(rng.integers(2, 4))])


_TOPICS = {
    "mood2": "mood", "a_mood": "mood", "pace": "tempo", "bpm": "tempo", "key": "mode",
    "a_mode": "mode", "metre_word": "metre", "a_era": "era", "when_quiet": "drums",
    "when_no_percussion": "drums", "when_drums": "drums", "when_beat": "drums",
    "when_high": "register", "when_low": "register", "when_no_voice": "voice",
}  # fmt: skip


def _topic(template: str) -> str:
    """What a closing is about: its first slot, or what stands for it."""
    first = _SLOT.search(template)
    return _TOPICS.get(first[1], first[1]) if first else template


def _closings(
    clip: Clip, slots: Slots, rng: np.random.Generator, kind: str, told: Sequence[str] = ()
) -> list[str]:
    """Sentences on topics that are not told yet, in any order but for the drums, which go first."""
    topics: dict[str, str] = {}
    for template in shuffled(rng, _known(clip.words.closings, slots)):
        topics.setdefault(_topic(template), template)
    drums = topics.pop("drums", None)
    lines = [_fill(text, slots) for topic, text in topics.items() if topic not in told]
    first = drums and clip.texture != "drums" and rng.random() < _SAY_DRUMS[kind]
    return [_fill(drums, slots), *lines] if drums and first else lines


def _grammar(noun: str) -> Slots:
    """The noun with its article, and the endings of its verbs."""
    plural = is_plural(noun)
    the = noun if noun.startswith("a ") else f"the {noun}"
    return {
        "The": the[0].upper() + the[1:],
        "the": the,
        "noun": noun.removeprefix("a "),
        "s": "" if plural else "s",
        "es": "" if plural else "es",
        "ies": "y" if plural else "ies",
    }


def _roles(clip: Clip, slots: Slots, rng: np.random.Generator) -> list[str]:
    """What each player does, lead first; nothing for one who plays alone."""
    if clip.texture not in ("ensemble", "band"):
        return []
    rows = [row for row in clip.rows if row["role"] in clip.words.roles]
    kept = sorted(rng.permutation(len(rows)).tolist()[: int(rng.integers(1, 4))])
    return [
        _write(
            clip.words.roles[rows[i]["role"]], {**slots, **_grammar(clip.name(rows[i], rng))}, rng
        )
        for i in kept
    ]


def _changes(
    clip: Clip, templates: Mapping[str, Sequence[str]], rng: np.random.Generator
) -> list[str]:
    """What enters, leaves, swells or fades, if the player can be named beyond doubt."""
    lines = []
    for change in clip.labels.get("changes", ()):
        share = change.get("share")
        if change["what"] not in templates or share is None:
            continue
        slots: Slots = {}
        if change["name"]:
            name = clip.own_name(change["program"], change["drums"], rng)
            if name is None:
                continue
            place = "early" if share < _EARLY else "late" if share > _LATE else "halfway"
            when = pick(rng, clip.words.whens[place])
            slots = {**_grammar(name), "when": when, "When": when[0].upper() + when[1:]}
        lines.append(pick(rng, templates[change["what"]]).format(**slots))
    return shuffled(rng, lines)
