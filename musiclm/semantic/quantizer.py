"""The codebook that gives w2v-BERT its targets: a choice made differentiable by Gumbel noise.

One codebook of 1024 codes (w2v-BERT section 3.1; the quantiser is wav2vec 2.0's, section 2).

>>> quantizer = GumbelQuantizer(dim=8, size=16, code_dim=4)
>>> picked = quantizer(torch.zeros(1, 5, 8), torch.Generator().manual_seed(0))
>>> picked.vectors.shape, picked.ids.shape
(torch.Size([1, 5, 4]), torch.Size([1, 5]))
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn


class Picked(NamedTuple):
    """What the quantiser says of each frame."""

    vectors: Float[
        Tensor, "b n d"
    ]  # codes drawn with Gumbel noise; gradients pass straight through
    ids: Int[Tensor, "b n"]  # the codes drawn
    best: Int[Tensor, "b n"]  # the likeliest codes, without noise
    probabilities: Float[Tensor, "b n v"]  # without noise


class GumbelQuantizer(nn.Module):
    """Frames -> codes of one codebook."""

    def __init__(self, dim: int, size: int, code_dim: int, temperature: float = 1.0) -> None:
        super().__init__()
        self.temperature = temperature
        self.logits = nn.Linear(dim, size)
        # As in wav2vec 2.0: logits far above the noise make each choice a random projection's from
        # the first step. Of small logits all choices are noise, with nothing to learn from them.
        nn.init.normal_(self.logits.weight)
        nn.init.zeros_(self.logits.bias)
        self.codebook = nn.Parameter(torch.empty(size, code_dim))
        nn.init.uniform_(self.codebook, -1.0, 1.0)

    def forward(
        self, x: Float[Tensor, "b n d"], generator: torch.Generator | None = None
    ) -> Picked:
        """Draw a code for each frame; without noise in evaluation mode."""
        logits = self.logits(x).float()
        best = logits.argmax(dim=-1)
        noisy = logits + gumbel(logits, generator) if self.training else logits
        soft = (noisy / self.temperature).softmax(dim=-1)
        ids = noisy.argmax(dim=-1)
        hard = F.one_hot(ids, logits.shape[-1]).to(soft)
        vectors = (hard + soft - soft.detach()) @ self.codebook
        return Picked(vectors, ids, best, logits.softmax(dim=-1))


def gumbel(like: Float[Tensor, "..."], generator: torch.Generator | None) -> Float[Tensor, "..."]:
    """Standard Gumbel noise of the shape of `like`."""
    home = torch.device("cpu") if generator is None else generator.device
    noise = torch.empty(like.shape, device=home).exponential_(generator=generator)
    return -noise.clamp_min(torch.finfo(torch.float32).tiny).log().to(like)
