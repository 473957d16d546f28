"""What may be said of a clip: a phrase is true if its meaning holds of the labels.

The phrases are the most frequent aspects of MusicCaps (the paper's section 4.3), with a meaning for
each that can be played and a reason for each that cannot; docs/vocabulary.md lists the latter.

>>> labels = dict(texture="solo", instruments=[dict(program=73, name="flute", family="winds",
...     role="melody")], families=["winds"], drums=False, style="folk", bpm=150.0,
...     tempo_class="fast", mode="major", dynamics="soft", density="dense")
>>> facts = facts_of(labels)
>>> true("uptempo", facts), true("slow tempo", facts), true("no percussion", facts)
(True, False, True)
>>> "flute" in said(SOUND, facts), "drums" in said(SOUND, facts)
(True, False)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from musiclm.corpus.aspects_table import GENRES, MEANINGS, MOODS_AND_TEMPO, SOUNDS, UNPLAYABLE

Facts = frozenset[str]

MOOD, GENRE, SOUND = "mood", "genre", "sound"

# Words for groups of General MIDI programs.
CLASSES: dict[str, tuple[int, ...]] = {
    "piano": (0,), "electric_piano": (4,), "harpsichord": (6,), "clavinet": (7,), "celesta": (8,),
    "keyboard": (0, 4, 6, 7), "glockenspiel": (9,), "music_box": (10,), "marimba": (12,),
    "xylophone": (13,), "tubular_bells": (14,), "dulcimer": (15,), "hammond": (16,),
    "church_organ": (19,), "organ": (16, 19), "accordion": (21, 23), "harmonica": (22,),
    "nylon_guitar": (24,), "steel_guitar": (25,), "acoustic_guitar": (24, 25),
    "electric_guitar": (26, 27, 28, 29, 30), "distorted_guitar": (29, 30),
    "guitar": (24, 25, 26, 27, 28, 29, 30), "upright_bass": (32,), "contrabass": (43,),
    "electric_bass": (33, 34, 35, 36), "synth_bass": (38, 39, 87), "violin": (40,), "viola": (41,),
    "cello": (42,), "tremolo_strings": (44,), "pizzicato": (45,), "strings": (44, 45, 48, 49),
    "harp": (46,), "timpani": (47,), "choir": (52,), "voices": (53,), "trumpet": (56, 59),
    "trombone": (57,), "tuba": (58,), "french_horn": (60,), "brass_section": (61,),
    "saxophone": (64, 65, 66, 67), "bassoon": (70,), "clarinet": (71,), "piccolo": (72,),
    "flute": (73,), "sitar": (104,), "banjo": (105,), "shamisen": (106,), "koto": (107,),
    "fiddle": (110,), "steel_drums": (114,), "synth_pad": (88, 89, 90, 91, 95),
    "synth_lead": (80, 81, 82, 87),
}  # fmt: skip
_ORCHESTRAL = {*range(40, 50), *range(56, 59), 60, 61, *range(68, 74), 9, 13, 14, 52}
_ACOUSTIC = {
    0, 6, *range(8, 16), *range(19, 26), 32, *range(40, 50), 52, 53, *range(56, 62),
    *range(64, 76), *range(104, 111), 114,
}  # fmt: skip
_ELECTRONIC_KITS = (24, 25)
_LIKE_DRUMS = {47, 114}  # timpani and steel drums are drums to some
QUICK = 112.0  # beats a minute from which a medium tempo is on the quick side

_CLASSES_OF = {
    program: tuple(name for name, programs in CLASSES.items() if program in programs)
    for program in range(128)
}


def facts_of(labels: Mapping[str, Any]) -> Facts:
    """The labels as words such as `tempo:slow` or `plays:flute@melody`; absent labels give none."""
    facts = {"always"}
    for key, label in _PLAIN.items():
        if labels.get(label):
            facts.add(f"{key}:{labels[label]}".replace(" ", "_"))
    for flag in ("drums", "bass", "swing"):
        if labels.get(flag):
            facts.add(flag)
    facts.update(f"family:{family}" for family in labels.get("families", ()))
    facts.update(f"perc:{name}" for name in labels.get("percussion", ()))
    facts.update(f"section:{name}" for _, name in labels.get("sections", ()))
    facts.update(f"change:{change['what']}" for change in labels.get("changes", ()))
    if labels.get("four_on_the_floor"):
        facts.add("four")
    if len(labels.get("percussion", ())) >= 5:
        facts.add("perc:many")
    bpm = float(labels.get("bpm") or 0.0)
    if labels.get("tempo_class") == "medium" and bpm >= QUICK:
        facts.add("quick")
    facts.update(f"mark:{mark}" for mark in tempo_marks(str(labels.get("tempo_class")), bpm))
    return frozenset(facts | _players(labels.get("instruments", ())))


_PLAIN = {
    "tempo": "tempo_class", "mode": "mode", "style": "style", "dynamics": "dynamics",
    "density": "density", "register": "register", "texture": "texture", "metre": "metre",
    "energy": "energy", "era": "era", "production": "production",
}  # fmt: skip


def _players(rows: Any) -> set[str]:
    """Facts about who plays what."""
    facts = {f"parts:{len(rows)}"}
    pitched = [row for row in rows if row["family"] != "drums"]
    for row in pitched:
        facts.add(f"program:{row['program']}")
        facts.add("melody" if row["role"] == "melody" else f"role:{row['role']}")
        for name in _CLASSES_OF[row["program"]]:
            facts.update((f"plays:{name}", f"plays:{name}@{row['role']}"))
        if row["family"] == "bass":
            facts.add("bass")
    kits = {row["program"] for row in rows if row["family"] == "drums"}
    for kit in kits:
        facts.add(f"kit:{'electronic' if kit in _ELECTRONIC_KITS else 'acoustic'}")
        facts.add(f"kit_program:{kit}")
        if kit == 25:
            facts.add("kit:machine")
    programs = {row["program"] for row in pitched}
    families = {row["family"] for row in pitched}
    if programs <= _ACOUSTIC and not kits & set(_ELECTRONIC_KITS):
        facts.add("acoustic")
    if (
        programs <= _ORCHESTRAL
        and len(programs) >= 3
        and programs & set(CLASSES["strings"])
        and families & {"winds", "brass"}
    ):
        facts.add("orchestra")
    if len(families) == 1:
        facts.add(f"only:{min(families)}")
    if "mallets" in families or programs & _LIKE_DRUMS:
        facts.add("perc_like")
    return facts


def tempo_marks(tempo_class: str, bpm: float) -> list[str]:
    """The Italian words for a tempo, and what a body would do to it."""
    ranges = {
        "slow": {"largo": (40, 66), "adagio": (60, 78), "lento": (40, 80), "larghetto": (60, 70)},
        "medium": {"andante": (90, 106), "moderato": (104, 122), "allegretto": (112, 126)},
        "fast": {"allegro": (130, 168), "vivace": (150, 180), "presto": (168, 210),
                 "running": (150, 185)},
    }  # fmt: skip
    return [name for name, (low, high) in ranges.get(tempo_class, {}).items() if low <= bpm <= high]


class Clause(NamedTuple):
    """One alternative of a meaning: one fact of each group, and none of the banned ones."""

    groups: tuple[Facts, ...]
    banned: Facts
    named: tuple["Meaning", ...]  # other meanings that must hold

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        # Loops, not any(): this runs some thousand times a clip.
        for group in self.groups:
            if group.isdisjoint(facts):
                return False
        if not self.banned.isdisjoint(facts):
            return False
        for meaning in self.named:  # noqa: SIM110
            if not meaning.holds(facts):
                return False
        return True


@dataclass(frozen=True)
class Meaning:
    """A compiled meaning."""

    clauses: tuple[Clause, ...]

    def holds(self, facts: Facts) -> bool:
        """Whether one of its alternatives is so."""
        for clause in self.clauses:  # noqa: SIM110
            if clause.holds(facts):
                return True
        return False


@cache
def meaning(text: str) -> Meaning:
    """Compile a meaning as aspects_table.py writes them."""
    return Meaning(tuple(_clause(part) for part in text.split(" / ")))


def _clause(text: str) -> Clause:
    groups: list[Facts] = []
    banned: set[str] = set()
    named: list[Meaning] = []
    for condition in text.split():
        if condition.startswith("@"):
            named.append(meaning(MEANINGS[condition[1:]]))
        elif condition.startswith("!@"):
            raise ValueError(f"a named meaning cannot be denied: {condition}")
        elif condition.startswith("!"):
            banned |= _any_of(condition[1:])
        else:
            groups.append(_any_of(condition))
    return Clause(tuple(groups), frozenset(banned), tuple(named))


def _any_of(condition: str) -> Facts:
    """`key:a|b@c` is a set of facts: `key:a@c` and `key:b@c`; each of c may be given with |."""
    key, colon, rest = condition.partition(":")
    if not colon:
        return frozenset([condition])
    values, _, roles = rest.partition("@")
    return frozenset(
        f"{key}:{value}{'@' if role else ''}{role}"
        for value in values.split("|")
        for role in roles.split("|")
    )


@dataclass(frozen=True)
class Aspect:
    """One phrase of MusicCaps: how many captions have it, its meaning (source), and its kind."""

    phrase: str
    count: int
    rule: str
    kind: str


def _rows(table: Mapping[str, str], kind: str) -> list[Aspect]:
    rows = []
    for rule, phrases in table.items():
        for phrase in phrases.split(", "):
            name, _, count = phrase.rpartition(" ")
            rows.append(Aspect(name, int(count), rule, kind))
    return rows


PLAYABLE: dict[str, Aspect] = {
    aspect.phrase: aspect
    for table, kind in ((MOODS_AND_TEMPO, MOOD), (GENRES, GENRE), (SOUNDS, SOUND))
    for aspect in _rows(table, kind)
}
REASONS: dict[str, tuple[Aspect, ...]] = {
    reason: tuple(_rows({reason: phrases}, "none")) for reason, phrases in UNPLAYABLE.items()
}

_BY_RULE = {
    kind: [
        (meaning(rule), tuple(a.phrase for a in _rows({rule: phrases}, kind)))
        for rule, phrases in table.items()
    ]
    for table, kind in ((MOODS_AND_TEMPO, MOOD), (GENRES, GENRE), (SOUNDS, SOUND))
}


def true(phrase: str, facts: Facts) -> bool:
    """Whether a phrase of the table is so."""
    return meaning(PLAYABLE[phrase].rule).holds(facts)


def said(kind: str, facts: Facts) -> list[str]:
    """All phrases of a kind that may be said of a clip."""
    return [phrase for rule, phrases in _BY_RULE[kind] if rule.holds(facts) for phrase in phrases]
