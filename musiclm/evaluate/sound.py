"""Held-out recordings as batches of waves: what every evaluation begins with.

>>> list(chunks([1, 2, 3], 2))
[[1, 2], [3]]
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from musiclm.audio import read_crop
from musiclm.data.manifest import Clip
from musiclm.errors import UserError

T = TypeVar("T")
Progress = Callable[[str, int, int], None]  # (what, done, total)
SECONDS = 10.0  # of each recording that is judged
MOST_SOURCES = 12  # named in a header


def quiet(what: str, done: int, total: int) -> None:
    """Report nothing."""


def held_out(clips: Sequence[Clip], splits: Sequence[str] = ("test",)) -> list[Clip]:
    """The clips of these splits; UserError if there are none."""
    chosen = [clip for clip in clips if clip.split in splits]
    if not chosen:
        raise UserError(f"the manifest has no clip of split {' or '.join(splits)}")
    return chosen


def sample(clips: Sequence[Clip], most: int, seed: int) -> list[Clip]:
    """At most so many clips, chosen by the seed, in their own order."""
    if len(clips) <= most:
        return list(clips)
    chosen = np.random.default_rng(seed).choice(len(clips), most, replace=False)
    return [clips[i] for i in sorted(chosen)]


def whole(clips: Sequence[Clip], seconds: float = SECONDS) -> list[Clip]:
    """Those long enough that no silence need be added; UserError if there are none."""
    chosen = [clip for clip in clips if clip.seconds > seconds - 0.1]
    if not chosen:
        raise UserError(f"no recording of the manifest is {seconds:g} s long")
    return chosen


def origin(clips: Sequence[Clip]) -> str:
    """How many clips, of how many works, and whose: the header of a report.

    >>> origin([Clip("a", "a.wav", 10.0, "test", "suite", "musopen", "CC0-1.0")])
    '1 test clip of 1 work; musopen (CC0-1.0): 1'
    """
    splits = "/".join(sorted({clip.split for clip in clips}))
    works = len({clip.work or clip.id for clip in clips})
    whose = Counter(
        f"{clip.source or 'source not named'} ({clip.licence or 'licence not named'})"
        for clip in clips
    )
    named = ", ".join(f"{name}: {count}" for name, count in whose.most_common(MOST_SOURCES))
    more = f", {len(whose) - MOST_SOURCES} more sources" if len(whose) > MOST_SOURCES else ""
    fonts = soundfonts(clips)
    played = f"; played by {', '.join(fonts)}" if fonts else ""
    count = f"{len(clips)} {splits} clip{'s' if len(clips) > 1 else ''}"
    return f"{count} of {works} work{'s' if works > 1 else ''}; {named}{more}{played}"


def soundfonts(clips: Sequence[Clip]) -> list[str]:
    """Those that played them; none of recordings."""
    return sorted({str(clip.labels["soundfont"]) for clip in clips if clip.labels.get("soundfont")})


def chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """Consecutive lists of at most `size`."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def load(
    clips: Sequence[Clip], seconds: float = SECONDS, *, middle: bool = False
) -> Float[Tensor, "b 1 t"]:
    """The first seconds of each recording, or the middle; zeros after the end of a shorter one."""
    begins = [max(0.0, clip.seconds - seconds) / 2 if middle else 0.0 for clip in clips]
    waves = [read_crop(c.path, begin, seconds) for c, begin in zip(clips, begins, strict=True)]
    return torch.from_numpy(np.stack(waves))[:, None]
