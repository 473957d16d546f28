"""Where a set of recordings comes from and under which licences: what a model card must say.

>>> clips = [Clip("a", "a.wav", 1800.0, licence="CC0-1.0"), Clip("b", "b.wav", 1800.0)]
>>> provenance(clips)["licences"]
{'CC0-1.0': 0.5, 'not stated': 0.5}
"""

from collections.abc import Iterable
from typing import Any

from musiclm.data.manifest import Clip

NOT_STATED = "not stated"


def provenance(clips: Iterable[Clip]) -> dict[str, Any]:
    """Clips and hours in all, and hours by licence and by source, the largest first."""
    clips = list(clips)
    return {
        "clips": len(clips),
        "hours": _hours(clips),
        "licences": _by(clips, "licence"),
        "sources": _by(clips, "source"),
    }


def _by(clips: list[Clip], field: str) -> dict[str, float]:
    groups: dict[str, list[Clip]] = {}
    for clip in clips:
        groups.setdefault(getattr(clip, field) or NOT_STATED, []).append(clip)
    hours = {name: _hours(group) for name, group in groups.items()}
    return dict(sorted(hours.items(), key=lambda item: (-item[1], item[0])))


def _hours(clips: list[Clip]) -> float:
    return round(sum(clip.seconds for clip in clips) / 3600, 4)
