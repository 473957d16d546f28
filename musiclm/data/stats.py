"""What a corpus holds: hours, styles, instruments, tempos, modes, and how it is captioned.

Any manifest will do; labels that a corpus does not have are left out.

>>> clips = [Clip("a", "a.wav", 10.0, captions=("calm piano",), labels={"style": "pop", "bpm": 90})]
>>> facts = statistics(clips)
>>> facts["labels"]["style"], facts["bpm"]["median"], facts["captions"]["distinct"]
({'pop': 1}, 90.0, 1.0)
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from musiclm.data.manifest import Clip
from musiclm.data.provenance import provenance

COUNTED = (
    "style", "texture", "tempo_class", "mode", "metre", "density", "energy", "dynamics", "era",
    "soundfont",
)  # fmt: skip


def statistics(clips: Iterable[Clip]) -> dict[str, Any]:
    """Everything `musiclm data stats` prints."""
    clips = list(clips)
    facts: dict[str, Any] = provenance(clips)
    facts["seconds"] = _spread([clip.seconds for clip in clips])
    facts["splits"] = _counts(clip.split for clip in clips)
    facts["works"] = len({clip.work for clip in clips})
    facts["labels"] = {
        name: counts for name in COUNTED if (counts := _counts(_answers(clips, name)))
    }
    facts["instruments"] = _counts(name for clip in clips for name in _instruments(clip))
    facts["bpm"] = _spread([c.labels["bpm"] for c in clips if c.labels.get("bpm")])
    facts["captions"] = _captions(clips)
    return facts


def _answers(clips: list[Clip], name: str) -> Iterator[str]:
    return (str(clip.labels[name]) for clip in clips if clip.labels.get(name) is not None)


def _instruments(clip: Clip) -> set[str]:
    rows = clip.labels.get("instruments") or ()
    return {row["name"] if isinstance(row, dict) else str(row) for row in rows}


def _captions(clips: list[Clip]) -> dict[str, Any]:
    texts = [caption for clip in clips for caption in clip.captions]
    return {
        "clips_with": sum(bool(clip.captions) for clip in clips),
        "count": len(texts),
        "distinct": round(len(set(texts)) / max(1, len(texts)), 4),
        "words": _spread([len(text.split()) for text in texts]),
        "vocabulary": len({word for text in texts for word in text.lower().split()}),
    }


def _counts(items: Iterable[str]) -> dict[str, int]:
    """How often each comes, the commonest first."""
    return dict(sorted(Counter(items).items(), key=lambda item: (-item[1], item[0])))


def _spread(values: list[float] | list[int]) -> dict[str, float]:
    if not values:
        return {}
    low, first, middle, third, high = np.percentile(values, [0, 25, 50, 75, 100]).tolist()
    return {
        "least": low, "quarter": first, "median": middle, "three_quarters": third, "most": high,
        "mean": round(float(np.mean(values)), 3),
    }  # fmt: skip
