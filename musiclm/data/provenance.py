"""Where a set of recordings comes from and under which licences: what a model card must say.

>>> clips = [Clip("a", "a.wav", 1800.0, licence="CC0-1.0"), Clip("b", "b.wav", 1800.0)]
>>> provenance(clips)["licences"]
{'CC0-1.0': 0.5, 'not stated': 0.5}
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from musiclm.data.manifest import Clip

NOT_STATED = "not stated"
COMPOSED = "procedural"  # the source of a piece that our corpus composed
SEEDED = re.compile(r" (\d+)-\d+(-\d+)?$")  # the end of its name: `musiclm.corpus.compose`


def provenance(clips: Iterable[Clip]) -> dict[str, Any]:
    """Clips and hours in all, and hours by licence and by source, the largest first.

    Of clips of our corpus also hours by soundfont, and the seeds that composed them.
    """
    clips = list(clips)
    facts = {
        "clips": len(clips),
        "hours": _hours(clips),
        "licences": _by(clips, lambda clip: clip.licence),
        "sources": _by(clips, lambda clip: clip.source),
    }
    rendered = [clip for clip in clips if clip.labels.get("soundfont")]
    if rendered:
        facts["soundfonts"] = _by(rendered, lambda clip: str(clip.labels["soundfont"]))
    names = (SEEDED.search(clip.work) for clip in clips if clip.source == COMPOSED)
    if seeds := sorted({int(name[1]) for name in names if name}):
        facts["seeds"] = seeds
    return facts


def _by(clips: list[Clip], answer: Callable[[Clip], str]) -> dict[str, float]:
    groups: dict[str, list[Clip]] = {}
    for clip in clips:
        groups.setdefault(answer(clip) or NOT_STATED, []).append(clip)
    hours = {name: _hours(group) for name, group in groups.items()}
    return dict(sorted(hours.items(), key=lambda item: (-item[1], item[0])))


def _hours(clips: list[Clip]) -> float:
    return round(sum(clip.seconds for clip in clips) / 3600, 4)
