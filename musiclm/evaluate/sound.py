"""Held-out recordings as batches of waves: what every evaluation begins with.

>>> list(chunks([1, 2, 3], 2))
[[1, 2], [3]]
"""

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


def chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """Consecutive lists of at most `size`."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def load(clips: Sequence[Clip], seconds: float = SECONDS) -> Float[Tensor, "b 1 t"]:
    """The first seconds of each recording; zeros after the end of a shorter one."""
    waves = [read_crop(clip.path, 0.0, seconds) for clip in clips]
    return torch.from_numpy(np.stack(waves))[:, None]
