"""Short phrases that are true of a clip, as listeners tag music: instruments, style, mood and more.

A caption says a few of them. MuLan learns from all, so that what one caption leaves out is not held
against the clip.

>>> labels = dict(texture="solo", instruments=[dict(program=73, name="flute", family="winds",
...     role="melody")], families=["winds"], drums=False, style="folk", bpm=150.0,
...     tempo_class="fast", mode="major", moods=["happy"])
>>> {"flute", "folk", "uptempo", "happy", "major key"} <= tags(labels)
True
>>> tags(labels) & {"drums", "slow tempo", "minor key"}
set()
"""

from collections.abc import Mapping
from typing import Any

from musiclm.corpus.aspects import GENRE, MOOD, SOUND, facts_of, said
from musiclm.corpus.vocabulary import INSTRUMENTS
from musiclm.corpus.wording import WORDINGS

MODES = ("major key", "minor key")
_WORDS = WORDINGS["train"]


def tags(labels: Mapping[str, Any]) -> set[str]:
    """Every phrase that is so; KeyError for labels that are not of our corpus."""
    facts = facts_of(labels)
    found = {phrase for kind in (MOOD, GENRE, SOUND) for phrase in said(kind, facts)}
    for player in labels["instruments"]:
        if player["family"] != "drums":
            found.update(INSTRUMENTS[player["program"]].names)
    found.update(_WORDS.styles.get(str(labels.get("style")), ()))
    found.update(labels["moods"])
    # Without those that hold a figure: nobody's tag is 119 bpm.
    tempo = _WORDS.tempo_tags[labels["tempo_class"]]
    found.update(phrase for phrase in tempo if "{" not in phrase)
    found.update(name for name in MODES if name.split()[0] == labels.get("mode"))
    return found
