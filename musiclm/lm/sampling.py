"""From scores to ids: temperature, top-k, top-p, guidance.

MusicLM samples at temperature 1.0, 0.95 and 0.4 in its three stages (section 4.2) and says nothing
of the rest.

>>> logits = torch.tensor([[[0.0, 2.0, 1.0]]])
>>> sample(logits, torch.tensor([[0.5]]), Sampling(temperature=0.0)).tolist()
[[1]]

A token is drawn by inverting the cumulative distribution at one uniform number. The numbers of a
whole window are drawn beforehand on the CPU, one generator for each sequence: what a sequence
becomes does not hang on what else is in its batch.

Shapes: b batch, s steps, q levels, v vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from musiclm.errors import UserError


@dataclass(frozen=True)
class Sampling:
    """How to draw the tokens of a stage."""

    temperature: float = 1.0  # 0 takes the likeliest
    top_k: int = 0  # only the k likeliest; 0 takes all
    top_p: float = 1.0  # only the likeliest that together have this probability
    cfg_scale: float = 1.0  # how far to go from what nothing given would give; 1 is no guidance
    mulan_levels: int = 12  # MuLan levels to believe: text and audio agree best on the first

    def __post_init__(self) -> None:
        """Refuse settings that draw nothing."""
        if not 0 <= self.temperature < 100:
            raise UserError(f"temperature must be at least 0, not {self.temperature}")
        if self.top_k < 0:
            raise UserError(f"top-k must be at least 0, not {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise UserError(f"top-p must be in (0, 1], not {self.top_p}")
        if not 0 <= self.cfg_scale < 100:
            raise UserError(f"cfg-scale must be at least 0, not {self.cfg_scale}")
        if not 0 <= self.mulan_levels <= 12:
            raise UserError(f"mulan-levels must be between 0 and 12, not {self.mulan_levels}")


def uniforms(
    generators: Sequence[torch.Generator], steps: int, levels: int
) -> Float[Tensor, "b s q"]:
    """One number in (0, 1] for every cell of every sequence, each row from its own generator."""
    rows = [torch.rand(steps, levels, generator=generator) for generator in generators]
    return 1 - torch.stack(rows)


def guide(logits: Float[Tensor, "b q v"], scale: float) -> Float[Tensor, "half q v"]:
    """Classifier-free guidance: the first half of the batch is conditioned, the second is not."""
    conditioned, null = logits.chunk(2)
    return torch.lerp(null, conditioned, scale)


def sample(
    logits: Float[Tensor, "b q v"], uniform: Float[Tensor, "b q"], sampling: Sampling
) -> Int[Tensor, "b q"]:
    """Draw one id for each level of each sequence."""
    if sampling.temperature == 0:
        return logits.argmax(-1)
    logits = logits / sampling.temperature
    if 0 < sampling.top_k < logits.shape[-1]:
        least = logits.topk(sampling.top_k).values[..., -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    chances = logits.softmax(-1)
    if sampling.top_p < 1:
        chances = _nucleus(chances, sampling.top_p)
    heights = chances.cumsum(-1)
    # uniform > 0 and <= 1: the first height that reaches it belongs to an id that has a chance.
    return (heights < uniform.unsqueeze(-1) * heights[..., -1:]).sum(-1)


def _nucleus(chances: Float[Tensor, "b q v"], share: float) -> Float[Tensor, "b q v"]:
    ranked, order = chances.sort(descending=True)
    ranked = ranked.masked_fill(ranked.cumsum(-1) - ranked >= share, 0.0)
    return torch.zeros_like(chances).scatter(-1, order, ranked)
