"""Residual vector quantiser: SoundStream section III-C; also MuLan's tokens (MusicLM section 3.1).

Each level names what the levels before it left over. Codebooks follow the vectors by exponential
moving averages; `code_dim` gives factorised codes, which need far fewer frames to train well (Kumar
et al. 2023, arXiv 2306.06546, section 3.2): a level looks at a small projection of the residual.

>>> quantiser = ResidualVQ(dim=16, levels=4, size=32, code_dim=8)
>>> result = quantiser(torch.randn(2, 50, 16), torch.Generator().manual_seed(0))
>>> result.vectors.shape, result.codes.shape
(torch.Size([2, 50, 16]), torch.Size([2, 50, 4]))
>>> quantiser.decode(result.codes[..., :2]).shape
torch.Size([2, 50, 16])
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from musiclm.nn.kmeans import kmeans, nearest

START_ITERATIONS = 10  # of k-means on the first batch
FAIR_SHARE = 0.1  # a code is dead below this share of the mean usage, however small the batch


@dataclass(frozen=True)
class Quantised:
    """What the quantiser makes of a batch of vectors."""

    vectors: Float[Tensor, "b n d"]  # straight-through: the gradient passes as if not quantised
    codes: Int[Tensor, "b n q"]
    commitment: Float[Tensor, ""]  # how far the vectors lie from their codes


def straight_through(x: Tensor, quantised: Tensor) -> Tensor:
    """Exactly the quantised values, with the gradient of `x`."""
    return quantised.detach() + (x - x.detach())


def _projections(dim: int, code_dim: int) -> tuple[nn.Linear, nn.Linear]:
    # Up undoes down, so that from the first step each level lessens the residual.
    down, up = nn.Linear(dim, code_dim, bias=False), nn.Linear(code_dim, dim, bias=False)
    nn.init.orthogonal_(down.weight)
    up.weight.data.copy_(down.weight.data.T)
    return down, up


class ResidualVQ(nn.Module):
    """Levels of codebooks, each on the residual of the levels before.

    All that training changes outside the gradient (averages, whether started) is in buffers, and
    all randomness comes from the generator that is passed in: a resumed run repeats the same bits.
    The arithmetic is float32 also under autocast.
    """

    codebooks: Float[Tensor, "q size c"]
    counts: Float[Tensor, "q size"]  # moving average of vectors per batch that chose each code
    started: Tensor
    revived: Int[Tensor, " q"]

    def __init__(
        self,
        dim: int,
        levels: int = 12,
        size: int = 1024,
        *,
        code_dim: int | None = None,  # factorised codes; None: the paper's, as wide as the vectors
        cosine: bool = False,  # choose codes by direction alone
        decay: float = 0.99,
        revive_below: float = 2.0,  # vectors per batch, as the paper; see FAIR_SHARE
        dropout: float = 1.0,  # share of examples cut to n levels, n ~ U{1..levels}
    ):
        super().__init__()
        self.dim, self.levels, self.size = dim, levels, size
        self.cosine, self.decay, self.revive_below = cosine, decay, revive_below
        self.dropout = float(dropout)
        width = code_dim or dim
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        if code_dim is not None:
            for _ in range(levels):
                down, up = _projections(dim, code_dim)
                self.down.append(down)
                self.up.append(up)
        self.register_buffer("codebooks", torch.randn(levels, size, width))
        self.register_buffer("counts", torch.ones(levels, size))
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))
        # Dead codes replaced in the last training pass, for whoever watches: no part of the state.
        self.register_buffer("revived", torch.zeros(levels, dtype=torch.int64), persistent=False)

    def forward(
        self, x: Float[Tensor, "b n d"], generator: torch.Generator | None = None
    ) -> Quantised:
        """Quantise; in training mode also move the codebooks and drop levels."""
        with torch.autocast(x.device.type, enabled=False):
            x = x.float()
            residual, total = x, torch.zeros_like(x)
            keep = self.levels_kept(x, generator)
            codes, misfits = [], []
            for level in range(self.levels):
                small = self.down[level](residual) if self.down else residual
                if self.training and not self.started:
                    self._start(level, small.detach(), generator)
                ids = self._choose(level, small.detach())
                found = F.embedding(ids, self.codebooks[level])
                misfits.append((small - found).square().mean(dim=(1, 2)))
                if self.training:
                    self._follow(level, small.detach(), ids, generator)
                # Without projections `found` carries no gradient: levels see detached residuals.
                step = self.up[level](straight_through(small, found)) if self.up else found
                total = total + step * keep[:, level, None, None]
                residual = residual - step
                codes.append(ids)
            if self.training:
                self.started.fill_(True)
            vectors = total if self.up else straight_through(x, total)
            commitment = (torch.stack(misfits, dim=1) * keep).sum() / keep.sum()
        return Quantised(vectors, torch.stack(codes, dim=-1), commitment)

    @torch.no_grad()
    def encode(self, x: Float[Tensor, "b n d"], levels: int | None = None) -> Int[Tensor, "b n q"]:
        """Codes of the first `levels` levels; never changes the codebooks."""
        codes = []
        with torch.autocast(x.device.type, enabled=False):
            residual = x.float()
            for level in range(levels or self.levels):
                ids = self._choose(level, self.down[level](residual) if self.down else residual)
                residual = residual - self._lookup(level, ids)
                codes.append(ids)
        return torch.stack(codes, dim=-1)

    def decode(
        self, codes: Int[Tensor, "b n q"], keep: Float[Tensor, "b q"] | None = None
    ) -> Float[Tensor, "b n d"]:
        """Vectors of codes; the first levels alone give a coarser answer, as `keep` does by row."""
        with torch.autocast(self.codebooks.device.type, enabled=False):
            parts = [self._lookup(level, ids) for level, ids in enumerate(codes.unbind(dim=-1))]
            if keep is not None:
                parts = [part * keep[:, i, None, None] for i, part in enumerate(parts)]
            return torch.stack(parts).sum(dim=0)

    @torch.no_grad()
    def fit(
        self, rows: Float[Tensor, "n d"], batch: int, generator: torch.Generator | None = None
    ) -> None:
        """Start every level by k-means of what the levels before leave of many rows.

        `batch` is how many rows a step of training will bring; not for factorised codes.
        """
        assert not self.down, "factorised codes start from their first batch"
        residual = rows.float()
        for level in range(self.levels):
            centroids = kmeans(residual, self.size, START_ITERATIONS, generator)
            ids = nearest(residual, centroids)
            counts = torch.bincount(ids, minlength=self.size).float() * (batch / len(rows))
            self.counts[level] = counts.clamp_min(1e-6)
            self.codebooks[level] = centroids
            residual = residual - centroids[ids]
        self.started.fill_(True)

    def usage(self) -> Float[Tensor, " q"]:
        """Share of codes in use, per level."""
        return (self.counts >= self._dead_below().unsqueeze(1)).float().mean(dim=1)

    def levels_kept(self, x: Tensor, generator: torch.Generator | None) -> Float[Tensor, "b q"]:
        """One for the levels that each row of a batch is left in training, zero for the others."""
        b = x.shape[0]
        if not self.training or self.dropout == 0:
            return x.new_ones(b, self.levels)
        home = x.device if generator is None else generator.device
        first = torch.randint(1, self.levels + 1, (b,), generator=generator, device=home)
        spared = torch.rand(b, generator=generator, device=home) >= self.dropout
        first = first.masked_fill(spared, self.levels).to(x.device)
        return (torch.arange(self.levels, device=x.device) < first.unsqueeze(1)).float()

    def _directions(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=-1) if self.cosine else x

    def _choose(self, level: int, small: Float[Tensor, "b n c"]) -> Int[Tensor, "b n"]:
        rows = rearrange(self._directions(small), "b n c -> (b n) c")
        ids = nearest(rows, self._directions(self.codebooks[level]))
        return rearrange(ids, "(b n) -> b n", b=small.shape[0])

    def _lookup(self, level: int, ids: Int[Tensor, "b n"]) -> Float[Tensor, "b n d"]:
        found = F.embedding(ids, self.codebooks[level])
        return self.up[level](found) if self.up else found

    def _dead_below(self) -> Float[Tensor, " q"]:
        # The paper's 2 vectors per batch supposes a batch of many times `size` vectors.
        return (FAIR_SHARE * self.counts.mean(dim=1)).clamp(max=self.revive_below)

    @torch.no_grad()
    def _start(self, level: int, small: Tensor, generator: torch.Generator | None) -> None:
        rows = rearrange(small, "b n c -> (b n) c")
        directions = self._directions(rows)
        centroids = kmeans(directions, self.size, START_ITERATIONS, generator)
        ids = nearest(directions, centroids)
        counts = torch.bincount(ids, minlength=self.size).float()
        sums = torch.zeros_like(self.codebooks[level]).index_add_(0, ids, rows)
        self._settle(level, counts, sums, rows, generator)

    @torch.no_grad()
    def _follow(
        self, level: int, small: Tensor, ids: Tensor, generator: torch.Generator | None
    ) -> None:
        rows = rearrange(small, "b n c -> (b n) c")
        flat = ids.flatten()
        counts = torch.bincount(flat, minlength=self.size).float()
        sums = torch.zeros_like(self.codebooks[level]).index_add_(0, flat, rows)
        # A code is the mean of its vectors: their average sum need not be kept beside it.
        before = self.codebooks[level] * self.counts[level].unsqueeze(1)
        counts = self.counts[level].lerp(counts, 1 - self.decay)
        self._settle(level, counts, before.lerp(sums, 1 - self.decay), rows, generator)

    def _settle(
        self,
        level: int,
        counts: Float[Tensor, " size"],
        sums: Float[Tensor, "size c"],
        rows: Float[Tensor, "n c"],
        generator: torch.Generator | None,
    ) -> None:
        """Take new averages, with a vector at random in place of each code that is dead."""
        home = rows.device if generator is None else generator.device
        # Drawn for every code, dead or not: the stream of random numbers never depends on the data.
        picks = torch.randint(rows.shape[0], (self.size,), generator=generator, device=home)
        self.counts[level] = counts
        threshold = self._dead_below()[level]
        dead = counts < threshold
        self.revived[level] = dead.sum()
        fresh = rows[picks.to(rows.device)]
        count = 2 * threshold  # time to prove itself, and light enough to move quickly
        self.counts[level] = torch.where(dead, count, counts)
        sums = torch.where(dead.unsqueeze(1), count * fresh, sums)
        self.codebooks[level] = sums / self.counts[level].unsqueeze(1)
