"""Held-out crops: the same ones at every validation, read once."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from musiclm.data.dataset import crop
from musiclm.data.manifest import Clip


def held_out(clips: Sequence[Clip], split: str, most: int) -> list[Clip]:
    """At most so many clips of a split, spread evenly over the manifest."""
    rows = [clip for clip in clips if clip.split == split]
    return [
        rows[place * len(rows) // min(most, len(rows))] for place in range(min(most, len(rows)))
    ]


def middles(clips: Sequence[Clip], seconds: float) -> Float[Tensor, "b 1 t"]:
    """The middle of each clip."""
    starts = [max(0.0, (clip.seconds - seconds) / 2) for clip in clips]
    waves = [crop(clip, start, seconds) for clip, start in zip(clips, starts, strict=True)]
    return torch.stack([torch.from_numpy(wave) for wave in waves])[:, None]
