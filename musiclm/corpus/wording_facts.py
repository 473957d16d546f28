"""What a template may say of a clip: its slots and the words that fill them.

>>> labels = dict(texture="solo", instruments=[dict(program=73, name="flute", family="winds",
...     role="melody")], families=["winds"], drums=False, style="folk", bpm=70.0,
...     tempo_class="slow", metre="6/8", moods=["calm"])
>>> slots = Clip(labels, "train").slots(np.random.default_rng(0))
>>> slots["lead"], slots["bpm"], "kit" in slots
('flute', '70', False)
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from musiclm.corpus.aspects import GENRE, MOOD, PLAYABLE, SOUND, facts_of, meaning, said
from musiclm.corpus.vocabulary import INSTRUMENTS, KIT_NAMES
from musiclm.corpus.wording import WORDINGS

Labels = Mapping[str, Any]

VOWEL = re.compile(r"[aeio8]|u(?!ni|s)", re.IGNORECASE)
_ADJECTIVES = ("tempo", "mood", "style", "mode", "genre", "era")
_PLURALS = ("timpani",)
# Aspects of mood that are nouns: tags only, since nothing "sounds ballad".
_NOUNS = {
    "adrenaline rush", "ballad", "lullaby", "meditation", "nostalgia", "suspense", "tension",
    "uplifting energy", "medium to uptempo", "acoustic", "distorted", "uptempo",
    "reverb",
    *(p for p in PLAYABLE if p.split()[-1] in ("tempo", "music", "mood", "theme", "soundtrack",
                                               "rhythm", "pitch", "notes")),
}  # fmt: skip
# Tags that name a kind of music; the other GENRE aspects are facts about players.
_KINDS = {p for p, a in PLAYABLE.items() if a.kind == GENRE and a.rule[0] in "s@"}
_WHENS = (
    ("quiet", "!drums"), ("no_percussion", "!drums !perc_like"), ("drums", "drums"),
    ("swing", "swing"), ("no_voice", "!family:voice"), ("intro", "section:intro"),
    ("break", "section:break"), ("outro", "section:outro"), ("high", "register:high melody"),
    ("low", "register:low melody"), ("acoustic", "acoustic"), ("electronic", "@electronic"),
    ("hall", "production:hall"), ("crackle", "production:lofi"),
)  # fmt: skip


def pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    """One of some words, evenly."""
    return choices[int(rng.integers(len(choices)))]


def shuffled(rng: np.random.Generator, words: Sequence[str]) -> list[str]:
    """The words in any order."""
    return [words[i] for i in rng.permutation(len(words)).tolist()]


def is_plural(noun: str) -> bool:
    """Whether "the" noun play or plays."""
    return noun.endswith(_PLURALS) or (noun.endswith("s") and not noun.endswith(("bass", "brass")))


def indefinite(words: str) -> str:
    """The words with a or an."""
    return f"{'an' if VOWEL.match(words) else 'a'} {words}"


def with_article(noun: str) -> str:
    """The noun with a or an, where it takes one."""
    return noun if is_plural(noun) or noun.startswith("a ") else indefinite(noun)


def listed(items: Sequence[str]) -> str:
    """Items joined by commas and a last "and"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


class Clip:
    """What is known of one clip, ready to be put into words of one wording."""

    def __init__(self, labels: Labels, wording: str) -> None:
        self.labels, self.wording = labels, wording
        self.words = WORDINGS[wording]
        self.texture = str(labels["texture"])
        self.rows = list(labels["instruments"])
        self.facts = facts_of(labels)
        self.moods = [str(mood) for mood in labels["moods"]]
        style = str(labels["style"])
        self.genres = list(self.words.styles.get(style, (style,)))
        self.genres += self._true(self.words.subgenres)
        self.uses = list(self.words.uses.get(style, ())) + 2 * self._true(self.words.mood_uses)
        self.tags: list[str] = []
        self.kinds: list[str] = []
        self.sounds: list[str] = []
        if wording == "train":  # the aspects are training words
            moods = said(MOOD, self.facts)
            self.tags = [*moods, *(p for p in said(GENRE, self.facts) if p not in _HELDOUT)]
            self.kinds = [phrase for phrase in self.tags if phrase in _KINDS]
            self.adjectives = [phrase for phrase in moods if phrase not in _NOUNS]
            self.sounds = said(SOUND, self.facts)
        else:
            self.adjectives = []
        self.fixed = self._fixed()

    def _true(self, table: Mapping[str, Sequence[str]]) -> list[str]:
        held = (words for rule, words in table.items() if meaning(rule).holds(self.facts))
        return [word for words in held for word in words]

    def _fixed(self) -> dict[str, str]:
        """The slots that have one filling only."""
        labels = self.labels
        slots = {"bpm": str(round(labels["bpm"])), "metre": str(labels["metre"])}
        if labels.get("mode"):
            slots["mode"] = str(labels["mode"])
            key = str(labels["key"]).replace("#", " sharp").replace("b", " flat")
            slots["key"] = f"{key} {labels['mode']}"
        for name, rule in _WHENS:
            if meaning(rule).holds(self.facts):
                slots[f"when_{name}"] = ""
        if labels["drums"] and not any(change["drums"] for change in labels.get("changes", ())):
            slots["when_beat"] = ""
        if "bass" in self.facts and self.rows[0]["family"] != "bass":
            slots["when_bass"] = ""
        return slots

    def name(self, row: Mapping[str, Any], rng: np.random.Generator) -> str:
        """One of the names of an instrument; the plain one is the most common."""
        if row["family"] == "drums":
            return pick(rng, KIT_NAMES.get(row["program"], ("drums",)))
        instrument = INSTRUMENTS[row["program"]]
        if self.wording != "train":
            return pick(rng, instrument.heldout)
        return instrument.names[0] if rng.random() < 0.5 else pick(rng, instrument.names)

    def own_name(self, program: int, drums: bool, rng: np.random.Generator) -> str | None:
        """A name that no other instrument of the clip could be meant by."""
        rows = [(row["program"], row["family"] == "drums") for row in self.rows]
        if drums:
            alone = sum(kit for _, kit in rows) == 1
            return pick(rng, KIT_NAMES.get(program, ("drums",))) if alone else None
        others = {
            name
            for number, kit in rows
            if not kit and number != program
            for name in (*INSTRUMENTS[number].names, *INSTRUMENTS[number].heldout)
        }
        instrument = INSTRUMENTS[program]
        names = instrument.names if self.wording == "train" else instrument.heldout
        free = [name for name in names if not any(name in other for other in others)]
        return pick(rng, free) if free else None

    def slots(self, rng: np.random.Generator) -> dict[str, str]:
        """Everything that a template may say; what is unknown or untrue is not there."""
        labels, words, tempo = self.labels, self.words, str(self.labels["tempo_class"])
        names = list(dict.fromkeys(self.name(row, rng) for row in self.rows))
        moods = self._moods(rng)
        figure = pick(rng, words.figure).format(bpm=self.fixed["bpm"])
        slots = {
            **self.fixed,
            "figure": figure,
            "tempo": pick(rng, words.tempo[tempo]),
            "pace": pick(rng, words.pace[tempo]),
            "at_tempo": pick(rng, words.at_tempo[tempo]).format(figure=figure),
            "tempo_tag": pick(rng, words.tempo_tags[tempo]).format(figure=figure),
            "style": pick(rng, words.styles.get(str(labels["style"]), (str(labels["style"]),))),
            "genre": pick(rng, self.genres),
            "lead": names[0].removeprefix("a "),
            "all": listed([with_article(name) for name in names]),
            **dict(zip(("mood", "mood2", "mood3"), moods, strict=False)),
        }
        self._pick_marks(slots, rng)
        self._pick_drums(slots, names, rng)
        self._pick_rest(slots, rng)
        if len(names) > 1:
            slots["several"] = slots["all"]
        if not is_plural(slots["lead"]):
            slots["one_lead"] = slots["lead"]
        articles = {f"a_{key}": indefinite(slots[key]) for key in _ADJECTIVES if key in slots}
        return slots | articles | {"a_lead": with_article(slots["lead"])}

    def _moods(self, rng: np.random.Generator) -> list[str]:
        plain = shuffled(rng, self.moods)[:3]
        if not self.adjectives:
            return plain
        more = [pick(rng, self.adjectives) for _ in range(3)]
        return list(dict.fromkeys(shuffled(rng, [*plain, *more])))

    def _pick_marks(self, slots: dict[str, str], rng: np.random.Generator) -> None:
        """Sometimes an Italian word or the like in place of the plain one."""
        marks = [word for mark, all_ in self.words.marks.items() if f"mark:{mark}" in self.facts
                 for word in all_]  # fmt: skip
        if marks:
            slots["mark"] = pick(rng, marks)
            for key in ("tempo_tag", "pace"):
                if rng.random() < 0.15:
                    slots[key] = pick(rng, marks)

    def _pick_drums(
        self, slots: dict[str, str], names: Sequence[str], rng: np.random.Generator
    ) -> None:
        words = self.words
        if self.labels["drums"]:
            slots["kit"] = names[-1]
            slots["drums"] = pick(rng, words.drums)
            slots["with_drums"] = pick(rng, words.with_drums)
            return
        quiet = words.no_drums
        if "perc_like" not in self.facts:
            quiet += words.no_percussion
        elif not self.facts.isdisjoint(("plays:timpani", "plays:steel_drums")):
            quiet = words.no_kit
            slots.pop("when_quiet", None)
        slots["quiet"] = pick(rng, quiet)

    def _pick_rest(self, slots: dict[str, str], rng: np.random.Generator) -> None:
        """Facts that only some clips have."""
        labels, words = self.labels, self.words
        for key, table in (
            ("density", words.density),
            ("register", words.register),
            ("dynamics", words.dynamics),
            ("energy", words.energy),
            ("era", words.eras),
        ):
            if labels.get(key) in table:
                slots[key] = pick(rng, table[labels[key]])
        pools = {
            "use": self.uses,
            "genre_tag": self.kinds,
            "sound": self.sounds,
            "swing": words.swing if "swing" in self.facts else (),
            "metre_word": words.metres.get(str(labels["metre"]), ()),
            "group": words.groups.get(len(self.rows), ()),
        }
        slots.update({key: pick(rng, pool) for key, pool in pools.items() if pool})


_HELDOUT = {word for words in WORDINGS["heldout"].styles.values() for word in words}
