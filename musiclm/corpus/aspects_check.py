"""Reads a finished caption and says what in it is not so; knows nothing of how it was written.

Every phrase with a known meaning is looked up in the labels, the longest first, and denied ones
("no drums") must not be so. Figures, keys and metres, who plays what, and who enters or leaves are
read by pattern.

>>> labels = dict(texture="solo", instruments=[dict(program=73, name="flute", family="winds",
...     role="melody")], families=["winds"], drums=False, style="folk", bpm=150.0, key="D",
...     tempo_class="fast", mode="major", metre="6/8", moods=["happy"])
>>> untruths(labels, "A fast folk tune on a flute without drums, 150 bpm, in D major.")
[]
>>> untruths(labels, "A slow piano with drums at 90 bpm in D minor.")
['slow', 'piano', 'drums', 'minor', '90 bpm', 'D minor']
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from musiclm.corpus.aspects import PLAYABLE, REASONS, Facts, facts_of, meaning
from musiclm.corpus.aspects_words import NEVER, WORDS
from musiclm.corpus.styles import STYLES
from musiclm.corpus.vocabulary import INSTRUMENTS, KIT_NAMES
from musiclm.corpus.wording import WORDINGS

_TOKEN = re.compile(r"[a-z0-9]+|[^\sa-z0-9]")
_DENIED_BEFORE = re.compile(
    r"\b(?:no|without|not|free of|nor|lacks|never)(?: any| a| an| a single)?"
    r"(?: [a-z]+(?: [a-z]+)? (?:or|nor))? $"
)
_DENIED_AFTER = re.compile(r"^(?:[- ]free\b| (?:is|are) absent)")
_BPM = re.compile(r"\b(\d+) (?:bpm|beats (?:per|a) minute)")
_KEY = re.compile(r"(?:\bin |\bis |^|, |key of )([A-G](?: sharp| flat)?) (major|minor)\b")
_METRE = re.compile(r"\b(\d{1,2}/\d)\b")

_ENTERS = r"(?:only )?(?:enters?|joins?|comes? in|joining|arrives?|only arrives?|starts? playing)\b"
_LEAVES = r"(?:drops? out|stops?|stops? playing|go(?:es)? quiet|falls? silent)\b"
_WHENS = {
    r"after a few seconds|early on|soon after|a moment later": (0.0, 0.45),
    r"halfway|in the middle|at the midpoint": (0.35, 0.65),
    r"towards the end|near the end|late in|near the close": (0.55, 1.0),
}
_ROLES = {
    r"(?:plays?|carr(?:y|ies)|takes?) the (?:lead|melody|lead melody|tune)\b": ("melody",),
    r"(?:plays?|picks? out) (?:arpeggios|broken chords|the chords)": ("arpeggio",),
    r"(?:plays?|accompan(?:y|ies) with) chords": ("chords",),
    r"holds? long chords": ("pad",),
    r"plays? the bass line": ("bass",),
    r"(?:keeps?|drives?) (?:the beat|the rhythm|it along)": ("drums",),
}
_ROLES_BEFORE = {
    r"(?:melody is played by|tune is on|tune is given to) (?:the )?$": ("melody",),
    r"(?:chords come from|chords on) (?:the )?$": ("chords",),
    r"bass line is played by (?:the )?$": ("bass",),
}


class Claim(NamedTuple):
    """A phrase found in a caption, its meanings (one must hold), and whether it is denied."""

    phrase: str
    rules: tuple[str, ...]
    denied: bool
    start: int
    end: int

    def holds(self, facts: Facts) -> bool:
        """Whether it is so."""
        return any(meaning(rule).holds(facts) for rule in self.rules) != self.denied


@lru_cache(maxsize=1)
def lexicon() -> dict[str, dict[tuple[str, ...], tuple[str, ...]]]:
    """The meanings of every known phrase, as tokens, by its first token."""
    rules: dict[tuple[str, ...], dict[str, None]] = {}
    for phrase, rule in _phrases():
        tokens = tuple(_TOKEN.findall(phrase.lower()))
        rules.setdefault(tokens, {})[rule] = None
    found: dict[str, dict[tuple[str, ...], tuple[str, ...]]] = {}
    for tokens in sorted(rules, key=len, reverse=True):
        found.setdefault(tokens[0], {})[tokens] = tuple(rules[tokens])
    return found


def _phrases() -> Iterator[tuple[str, str]]:
    yield from ((phrase, aspect.rule) for phrase, aspect in PLAYABLE.items())
    yield from ((aspect.phrase, "never") for rows in REASONS.values() for aspect in rows)
    yield from ((phrase, "never") for phrase in NEVER.split(", "))
    for rule, phrases in WORDS.items():
        yield from ((phrase, rule) for phrase in phrases.split(", "))
    for program, instrument in INSTRUMENTS.items():
        for name in (*instrument.names, *instrument.heldout):
            yield name, f"program:{program}"
    for kit, names in KIT_NAMES.items():
        yield from ((name, f"kit_program:{kit}") for name in names)
    for style in STYLES.values():
        yield from ((mood, _style(style.name)) for mood in style.moods if mood not in PLAYABLE)
    for words in WORDINGS.values():
        for table in (words.styles, words.uses):
            for name, listed in table.items():
                yield from ((phrase, _style(name)) for phrase in listed)
        for table in (words.subgenres, words.mood_uses):
            for rule, listed in table.items():
                yield from ((phrase, rule) for phrase in listed)


def _style(name: str) -> str:
    return "style:" + name.replace(" ", "_")


def claims(text: str) -> list[Claim]:
    """The phrases of known meaning in a caption, leftmost and longest first, none overlapping."""
    low, known = text.lower(), lexicon()
    matches = list(_TOKEN.finditer(low))
    tokens = [match[0] for match in matches]
    found, at = [], 0
    while at < len(tokens):
        for phrase, rules in known.get(tokens[at], {}).items():
            if tuple(tokens[at : at + len(phrase)]) == phrase:
                start, end = matches[at].start(), matches[at + len(phrase) - 1].end()
                denied = bool(_DENIED_BEFORE.search(low[:start]) or _DENIED_AFTER.match(low[end:]))
                found.append(Claim(low[start:end], rules, denied, start, end))
                at += len(phrase)
                break
        else:
            at += 1
    return found


def untruths(labels: Mapping[str, Any], text: str) -> list[str]:
    """What a caption says that its labels do not bear out; empty if all is so."""
    facts = facts_of(labels)
    found = claims(text)
    wrong = [claim.phrase for claim in found if not claim.holds(facts)]
    wrong += [m[0] for m in _BPM.finditer(text.lower()) if abs(int(m[1]) - labels["bpm"]) > 1]
    key = f"{labels.get('key')} {labels.get('mode')}".replace("#", " sharp").replace("b ", " flat ")
    wrong += [f"{m[1]} {m[2]}" for m in _KEY.finditer(text) if f"{m[1]} {m[2]}" != key]
    wrong += [m[1] for m in _METRE.finditer(text) if m[1] != labels["metre"]]
    for claim in found:
        programs = _programs(claim)
        if programs:
            wrong += _wrong_changes(labels, text.lower(), claim, programs)
            wrong += _wrong_roles(labels, text.lower(), claim, programs)
    return wrong


def _programs(claim: Claim) -> set[tuple[int, bool]]:
    """The programs (and whether they are kits) that a claim may mean, if it names a player."""
    players = set()
    for rule in claim.rules:
        kind, _, number = rule.partition(":")
        if kind in ("program", "kit_program") and number.isdigit():
            players.add((int(number), kind == "kit_program"))
    return players


def _wrong_changes(
    labels: Mapping[str, Any], text: str, claim: Claim, players: set[tuple[int, bool]]
) -> list[str]:
    """Entries and exits after a player's name that did not happen, or not then."""
    rest = re.split(r"[.,]", text[claim.end :])[0].strip()
    before = re.split(r"[.]", text[: claim.start])[-1]
    wrong = []
    for what, verbs in (("enters", _ENTERS), ("leaves", _LEAVES)):
        if not re.match(verbs, rest):
            continue
        shares = [
            change["share"]
            for change in labels.get("changes", ())
            if change["what"] == what and (change["program"], change["drums"]) in players
        ]
        window = next((w for pattern, w in _WHENS.items() if re.search(pattern, rest)), None)
        window = window or next((w for p, w in _WHENS.items() if re.search(p, before)), (0.0, 1.0))
        if not any(window[0] <= share <= window[1] for share in shares):
            wrong.append(f"{claim.phrase} {rest}")
    return wrong


def _wrong_roles(
    labels: Mapping[str, Any], text: str, claim: Claim, players: set[tuple[int, bool]]
) -> list[str]:
    """Roles given to a player that has another."""
    roles = {
        row["role"]
        for row in labels["instruments"]
        if (row["program"], row["family"] == "drums") in players
    }
    after, before = text[claim.end :].lstrip(), text[: claim.start]
    said = [allowed for pattern, allowed in _ROLES.items() if re.match(pattern, after)]
    said += [allowed for pattern, allowed in _ROLES_BEFORE.items() if re.search(pattern, before)]
    return [f"{claim.phrase}: {allowed[0]}" for allowed in said if not roles & set(allowed)]
