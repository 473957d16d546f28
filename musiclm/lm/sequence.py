"""In which order the cells of a frame-by-level table are predicted: patterns as data.

AudioLM flattens acoustic tokens row by row (arXiv 2209.03143); MusicGen shifts level k by k steps
and pays one step a frame (the delay pattern, arXiv 2306.05284). Both, and the parallel pattern,
are two numbers: how many steps a frame takes, and how many steps later the next level comes.

>>> from musiclm.lm.sequence import PATTERNS
>>> PATTERNS["delay"].cells(3, 2).tolist()  # the step of each (frame, level)
[[0, 1], [1, 2], [2, 3]]
>>> codes = torch.tensor([[[1, 2], [3, 4], [5, 6]]])
>>> PATTERNS["delay"].pack(codes, empty=9).tolist()
[[[1, 9], [3, 2], [5, 4], [9, 6]]]

Because a level's steps are evenly spaced, every move between codes and steps is a slice, and is
invertible as long as a frame takes at least one step.

Shapes: b batch, n frames, q levels, s steps, d width.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Int, Shaped
from torch import Tensor


@dataclass(frozen=True)
class Pattern:
    """Level k of frame n is predicted at step `n * stride + k * shift`."""

    name: str
    by_level: bool  # a frame takes as many steps as it has levels, or else one
    shift: int  # steps by which each level comes after the level before it

    def stride(self, levels: int) -> int:
        """Steps that a frame takes."""
        return levels if self.by_level else 1

    def steps(self, frames: int, levels: int) -> int:
        """Steps that predict everything."""
        return (frames - 1) * self.stride(levels) + (levels - 1) * self.shift + 1 if frames else 0

    def span(self, level: int, frames: int, levels: int) -> slice:
        """The steps of one level, frame after frame."""
        start, stride = level * self.shift, self.stride(levels)
        return slice(start, start + max(0, (frames - 1) * stride + 1) * (frames > 0), stride)

    def active(self, step: int, frames: int, levels: int, known: int = 0) -> slice:
        """The levels whose frame at a step is one of `frames` and not among the `known` first."""
        stride = self.stride(levels)
        if not self.shift:
            return slice(0, levels)
        if self.by_level:
            return slice(step % stride, step % stride + 1)
        return slice(max(0, step - frames + 1), min(levels, step - known + 1))

    def cells(self, frames: int, levels: int) -> Int[Tensor, "n q"]:
        """The step at which each cell is predicted."""
        frame, level = torch.arange(frames)[:, None], torch.arange(levels)
        return frame * self.stride(levels) + level * self.shift

    def pack(self, codes: Shaped[Tensor, "b n q"], empty: int) -> Shaped[Tensor, "b s q"]:
        """Lay codes out by step; cells that no step fills hold `empty`."""
        batch, frames, levels = codes.shape
        grid = codes.new_full((batch, self.steps(frames, levels), levels), empty)
        for level in range(levels):
            grid[:, self.span(level, frames, levels), level] = codes[:, :, level]
        return grid

    def unpack(self, grid: Shaped[Tensor, "b s q"], frames: int) -> Shaped[Tensor, "b n q"]:
        """Read codes back: the inverse of `pack`."""
        levels = grid.shape[-1]
        spans = (self.span(level, frames, levels) for level in range(levels))
        return torch.stack([grid[:, span, level] for level, span in enumerate(spans)], dim=-1)

    def align(
        self, codes: Shaped[Tensor, "b m p"], places: Int[Tensor, " n"], levels: int, empty: int
    ) -> Shaped[Tensor, "b s p"]:
        """Give each step the codes that belong to the frame whose first level it predicts.

        `places[n]` is the row of `codes` for frame n; past the end of either, cells are `empty`.
        """
        frames = len(places)
        frame = torch.arange(self.steps(frames, levels), device=codes.device) // self.stride(levels)
        row = places.to(codes.device)[frame.clamp(max=frames - 1)]
        beyond = (frame >= frames) | (row >= codes.shape[1])
        return codes[:, row.clamp(max=codes.shape[1] - 1)].masked_fill(beyond[:, None], empty)


PATTERNS = {
    pattern.name: pattern
    for pattern in (
        Pattern("flat", by_level=True, shift=1),
        Pattern("delay", by_level=False, shift=1),
        Pattern("parallel", by_level=False, shift=0),
    )
}


def flatten(codes: Int[Tensor, "b n q"], size: int) -> Int[Tensor, "b s"]:
    """Lay frames out row by row, each level in its own range of ids (AudioLM's offsets).

    >>> flatten(torch.tensor([[[1, 2], [3, 4]]]), size=10).tolist()
    [[1, 12, 3, 14]]
    """
    return (codes + size * torch.arange(codes.shape[-1], device=codes.device)).flatten(1)


def unflatten(ids: Int[Tensor, "b s"], levels: int, size: int) -> Int[Tensor, "b n q"]:
    """Undo `flatten`."""
    codes = ids.unflatten(1, (-1, levels))
    return codes - size * torch.arange(levels, device=ids.device)
