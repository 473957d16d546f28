"""The one decoder-only Transformer behind all three stages, and what turns tokens into its inputs.

MusicLM, section 4.1: 24 layers, 16 heads, width 1024, feed-forward width 4096, dropout 0.1, the
relative positions of T5; 430 M parameters, which fits a gated feed-forward.

>>> decoder = Decoder(DecoderConfig(dim=32, layers=2, heads=4, hidden=64))
>>> decoder(torch.zeros(1, 7, 32)).shape
torch.Size([1, 7, 32])

Shapes: b batch, s sequence, n frames, q levels, d width, v vocabulary.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from musiclm.errors import UserError
from musiclm.lm.sequence import flatten
from musiclm.nn.transformer import Block, RelativeBias, RMSNorm


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of the Transformer of one stage."""

    dim: int = 1024
    layers: int = 24
    heads: int = 16
    hidden: int = 4096
    gated: bool = True  # not in the paper; without it 24 such layers have 302 M parameters, not 430
    dropout: float = 0.1
    positions: str = "t5"  # or "rotary"
    embed_dim: int = 0  # width of the token tables where less than `dim`; not in the paper

    def __post_init__(self) -> None:
        """Refuse sizes that no Transformer has."""
        if min(self.dim, self.layers, self.heads, self.hidden) < 1 or self.dim % self.heads:
            raise UserError(f"decoder: dim {self.dim} must be a multiple of heads {self.heads}")
        if self.positions not in ("t5", "rotary"):
            raise UserError(f"decoder: positions must be t5 or rotary, not {self.positions!r}")
        if self.positions == "rotary" and self.dim // self.heads % 2:
            raise UserError(f"decoder: rotary heads must be even, not {self.dim // self.heads}")
        if not 0 <= self.dropout < 1 or self.embed_dim < 0:
            raise UserError("decoder: dropout must be in [0, 1) and embed_dim at least 0")


class Decoder(nn.Module):
    """Causal Transformer over vectors: each position sees itself and what came before it."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.blocks = nn.ModuleList(
            Block(
                config.dim,
                config.heads,
                config.hidden,
                gated=config.gated,
                dropout=config.dropout,
                positions=config.positions,
            )
            for _ in range(config.layers)
        )
        self.norm = RMSNorm(config.dim)
        self.bias = RelativeBias(config.heads) if config.positions == "t5" else None
        self._initialise()

    def _initialise(self) -> None:
        """Unit gain everywhere, and a residual stream that does not grow with depth (GPT-2)."""
        for name, weight in self.blocks.named_parameters():
            if weight.ndim == 2:
                deep = name.endswith(("attention.out.weight", "feed.down.weight"))
                gain = (2 * self.config.layers) ** -0.5 if deep else 1.0
                nn.init.normal_(weight, std=gain * weight.shape[1] ** -0.5)

    def forward(self, x: Float[Tensor, "b s d"]) -> Float[Tensor, "b s d"]:
        """All positions at once, as in training."""
        steps = x.shape[1]
        bias = None if self.bias is None else self.bias(steps, steps, causal=True)
        for block in self.blocks:
            x = block(x, causal=True, bias=bias)
        return self.norm(x)


class TokenEmbedding(nn.Module):
    """A table for each level, each with one more row for "nothing here" (id `size`)."""

    def __init__(self, levels: int, size: int, config: DecoderConfig) -> None:
        super().__init__()
        width = config.embed_dim or config.dim
        self.levels, self.size = levels, size
        self.table = nn.Embedding(levels * (size + 1), width)
        self.project = nn.Linear(width, config.dim, bias=False) if config.embed_dim else None
        # Unit scale once the levels are summed; a tenth of it learned more slowly.
        nn.init.normal_(self.table.weight, std=levels**-0.5)
        if self.project is not None:
            nn.init.normal_(self.project.weight, std=width**-0.5)

    def forward(self, codes: Int[Tensor, "b s q"]) -> Float[Tensor, "b s d"]:
        """One vector for each step: the sum over levels."""
        ids = flatten(codes, self.size + 1).unflatten(1, (-1, self.levels))
        return self._project(self.table(ids).sum(-2))

    def each(self, codes: Int[Tensor, "b n q"]) -> Float[Tensor, "b s d"]:
        """One vector for each code, frame after frame."""
        return self._project(self.table(flatten(codes, self.size + 1)))

    def rows(self) -> Float[Tensor, "v d"]:
        """The vector of every id of every level."""
        return self._project(self.table.weight)

    def _project(self, x: Tensor) -> Tensor:
        return x if self.project is None else self.project(x)


class MuLanEmbedding(nn.Module):
    """MuLan tokens as what they stand for: the embedding, quantised ever more finely.

    The vector of level k is a projection of the sum of the first k centroids, so a combination of
    codes that training never met lands between those that it did. Not in the paper, which trains a
    plain table. A level without a token (id `size`) has a learned vector of its own.
    """

    codebooks: Tensor

    def __init__(self, levels: int, size: int, mulan_dim: int, dim: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("codebooks", torch.zeros(levels, size, mulan_dim))
        self.project = nn.Linear(mulan_dim, dim, bias=False)
        self.level = nn.Parameter(torch.empty(levels, dim))
        self.null = nn.Parameter(torch.empty(levels, dim))
        # Embeddings have length 1: at this scale the projection has about unit entries.
        nn.init.normal_(self.project.weight)
        nn.init.normal_(self.level, std=0.1)
        nn.init.normal_(self.null)

    def each(self, codes: Int[Tensor, "b n q"]) -> Float[Tensor, "b s d"]:
        """One vector for each level."""
        ids, level = codes.flatten(1), torch.arange(codes.shape[-1], device=codes.device)
        dropped = (ids == self.size).unsqueeze(-1)
        centroids = self.codebooks[level, ids.clamp(max=self.size - 1)].masked_fill(dropped, 0.0)
        known = self.project(centroids.cumsum(1)) + self.level
        return torch.where(dropped, self.null.to(known.dtype), known)
