"""Conformer blocks (Gulati et al. 2020): the trunk of w2v-BERT.

Half a feed-forward, self-attention, a convolution, the other half of the feed-forward. Batch norm
of the original is a layer norm here: what a clip becomes does not depend on its neighbours in a
batch.

>>> block = Conformer(dim=16, heads=2, hidden=32, kernel=5)
>>> import torch
>>> block(torch.zeros(1, 7, 16)).shape
torch.Size([1, 7, 16])
"""

import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from musiclm.nn.transformer import Attention, FeedForward


class Convolution(nn.Module):
    """Gated pointwise, depthwise over time, pointwise: what neighbouring frames have in common."""

    def __init__(self, dim: int, kernel: int) -> None:
        super().__init__()
        assert kernel % 2, kernel
        self.enter = nn.Linear(dim, 2 * dim)
        self.depthwise = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.leave = nn.Linear(dim, dim)

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """Mix each frame with its neighbours."""
        x = rearrange(F.glu(self.enter(x), dim=-1), "b n d -> b d n")
        x = rearrange(self.depthwise(x), "b d n -> b n d")
        return self.leave(F.silu(self.norm(x)))


class Conformer(nn.Module):
    """One macaron block; its output is normalised."""

    def __init__(
        self, dim: int, heads: int, hidden: int, kernel: int, *, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.norm_first = nn.LayerNorm(dim)
        self.feed_first = FeedForward(dim, hidden, gated=False, dropout=dropout)
        self.norm_attention = nn.LayerNorm(dim)
        self.attention = Attention(dim, heads, dropout=dropout, positions="rotary")
        self.norm_convolution = nn.LayerNorm(dim)
        self.convolution = Convolution(dim, kernel)
        self.norm_second = nn.LayerNorm(dim)
        self.feed_second = FeedForward(dim, hidden, gated=False, dropout=dropout)
        self.norm_out = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """[b n d] -> [b n d]; every frame sees the whole clip."""
        x = x + 0.5 * self.dropout(self.feed_first(self.norm_first(x)))
        x = x + self.dropout(self.attention(self.norm_attention(x)))
        x = x + self.dropout(self.convolution(self.norm_convolution(x)))
        x = x + 0.5 * self.dropout(self.feed_second(self.norm_second(x)))
        return self.norm_out(x)
