"""Claim: tokens serve a language model if it can predict them (MusicLM section 3.2 lives on it).

Fidelity alone prefers tokens that nothing can predict. So beside it stands what one small, fixed
decoder pays, in nats a second, for held-out tokens once it has heard a fixed amount of music: the
same decoder, the same optimiser and the same crops for every tokenizer, and no clock anywhere.

So that half a minute of one core tells tokenizers apart, the decoder begins with what can be
counted in three quarters of the train clips: how often a code follows another in its level
(order 1). It reads the other quarter, and where it did not get below the counts there, they stand.

>>> codes = torch.arange(200).expand(2, 200)[..., None] % 4  # 0 1 2 3 0 1 2 3 ...
>>> found = predictability(codes, codes, rate=50.0, size=4, budget=Budget(100.0, 1.0, batch=2))
>>> found.total.value < 0.1 * found.uniform
True

Shapes: b and m clips, n frames, q levels, s steps, v vocabulary, d width.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from einops import einsum
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor, nn

from musiclm.device import autocast
from musiclm.errors import UserError
from musiclm.evaluate.intervals import Estimate, mean
from musiclm.evaluate.sound import Progress, quiet
from musiclm.lm.decoder import Decoder, DecoderConfig
from musiclm.lm.sequence import PATTERNS
from musiclm.train.config import TrainConfig
from musiclm.train.optim import Optimizer, learning_rate

# Changing any of the following makes all earlier figures incomparable.
DECODER = DecoderConfig(
    dim=128, layers=3, heads=4, hidden=384, dropout=0.0, positions="rotary", embed_dim=32
)
DELAY = PATTERNS["delay"]
WEIGHTS = tuple(4.0**k for k in range(-2, 10)) + (1e9,)  # of order 0 in order 1; the last: only it
COUNTED = 0.75  # of the train clips
UNSEEN = 0.5  # how often a code is counted in advance (Krichevsky and Trofimov)


@dataclass(frozen=True)
class Budget:
    """What the decoder may hear, in seconds of music: not in tokens, which tokenizers choose."""

    seconds: float = 1600.0  # heard in all, some of it more than once
    window: float = 4.0  # of a crop, and of what it remembers
    batch: int = 2
    lr: float = 3e-3

    def __post_init__(self) -> None:
        """Refuse budgets without a step."""
        if min(self.seconds, self.window, self.batch, self.lr) <= 0 or self.steps < 2:
            raise UserError(f"predictability: no budget for two steps in {self}")

    @property
    def steps(self) -> int:
        """Updates of the decoder."""
        return round(self.seconds / self.window / self.batch)


@dataclass(frozen=True)
class Predictability:
    """Nats a second on held-out tokens, by clip and level."""

    paid: Float64[np.ndarray, "m q"]  # by the decoder, or by order 1 where that is not trusted
    trusted: Bool[np.ndarray, " q"]  # the levels where the decoder got below order 1 in training
    order_0: Float64[np.ndarray, " q"]  # by the shares of the codes
    order_1: Float64[np.ndarray, " q"]  # by what followed the code before, which is less if it can
    rate: float
    size: int

    @cached_property
    def total(self) -> Estimate:
        """All levels together, with the interval of the clips."""
        return mean(self.paid.sum(axis=1))

    @property
    def levels(self) -> list[Estimate]:
        """Each level; their values sum up to the total."""
        return [mean(level) for level in self.paid.T]

    def first(self, levels: int) -> Estimate:
        """The first levels together, each after those before it."""
        return mean(self.paid[:, :levels].sum(axis=1))

    @property
    def uniform(self) -> float:
        """What knowing nothing costs."""
        return self.rate * self.paid.shape[1] * math.log(self.size)


def predictability(
    train: Int[Tensor, "b n q"],
    test: Int[Tensor, "m n2 q"],
    *,
    rate: float,
    size: int,
    budget: Budget | None = None,
    seed: int = 0,
    progress: Progress = quiet,
) -> Predictability:
    """What the fixed decoder pays for `test` after it has heard `budget` seconds of `train`."""
    budget = budget or Budget()
    window = round(budget.window * rate)
    for codes in (train, test):
        if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < size:
            raise UserError(f"predictability: tokens must lie in [0, {size})")
    if not len(train) or not len(test) or train.shape[1] < window:
        longest = train.shape[1] / rate if len(train) else 0.0
        raise UserError(
            f"predictability: clips of {budget.window:g} s are needed, got {len(train)} of "
            f"{longest:g} s to learn from and {len(test)} to be judged on"
        )
    assert train.shape[-1] == test.shape[-1]
    most = math.ceil(COUNTED * len(train))
    counted, read = train[:most], train[most:] if most < len(train) else train
    prior = order_1(counted, read, size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        reader = Reader(prior)
    trusted = learn(reader, read, window, budget, np.random.default_rng(seed), progress)
    paid, counts = _paid(reader.eval(), test, window)
    level = torch.arange(test.shape[-1])
    order_0 = -prior[level, size][level, test].double().mean(dim=(0, 1))
    return Predictability(
        np.where(trusted, paid, counts) * rate,
        trusted,
        order_0.numpy() * rate,
        counts.mean(axis=0) * rate,
        rate,
        size,
    )


class Reader(nn.Module):
    """The fixed decoder: from the steps before it, what each cell of a table of tokens costs.

    A stage's decoder, made to learn from little: every level keeps to a subspace of its own, a
    code is scored by the vector that it is read as, and "the same again" is told to it (which
    levels just repeated their code) and can be said by it (one more score for the code before).
    """

    prior: Tensor

    def __init__(self, prior: Float[Tensor, "q v2 v"]) -> None:
        super().__init__()
        levels, _, self.size = prior.shape
        dim, width = DECODER.dim, DECODER.embed_dim
        self.codebooks = nn.Parameter(torch.randn(levels, self.size + 1, width))
        self.read = nn.Parameter(torch.randn(levels, width, dim) * (levels * width) ** -0.5)
        self.start = nn.Parameter(torch.randn(dim))
        self.decoder = Decoder(DECODER)
        self.again = nn.Parameter(torch.randn(levels, dim) * levels**-0.5)
        # Nothing to add to the prior, at first.
        self.heads = nn.Parameter(torch.zeros(levels, dim, width))
        self.repeat = nn.Parameter(torch.zeros(levels, dim, 1))
        self.register_buffer("prior", prior)

    def forward(
        self, codes: Int[Tensor, "b n q"]
    ) -> tuple[Float[Tensor, "b n q"], Float[Tensor, "b n q"]]:
        """Nats of every token: for the decoder, and for the counts alone."""
        batch, frames, levels = codes.shape
        grid = DELAY.pack(codes, empty=self.size)[:, :-1]
        same = F.pad(grid[:, 1:] == grid[:, :-1], (0, 0, 1, 0)).float()
        vectors = self.codebooks[torch.arange(levels), grid]
        steps = einsum(vectors, self.read, "b s q w, q w d -> b s d") + same @ self.again
        start = self.start.expand(batch, 1, -1)
        hidden = self.decoder(torch.cat([start, steps], dim=1))
        before = F.pad(codes[:, :-1], (0, 0, 1, 0), value=self.size)
        costs, counts = [], []
        for q in range(levels):
            seen, last = hidden[:, DELAY.span(q, frames, levels)], before[..., q : q + 1]
            prior, target = self.prior[q, last[..., 0]], codes[..., q].flatten()
            scores = F.linear(seen @ self.heads[q] / DECODER.embed_dim, self.codebooks[q, :-1])
            more = (seen @ self.repeat[q]).float().masked_fill(last == self.size, 0.0)
            scores = (scores.float() + prior).scatter_add(2, last.clamp(max=self.size - 1), more)
            costs.append(F.cross_entropy(scores.flatten(0, 1), target, reduction="none"))
            counts.append(F.nll_loss(prior.flatten(0, 1), target, reduction="none"))
        return tuple(torch.stack(x, dim=-1).unflatten(0, (batch, frames)) for x in (costs, counts))


def order_1(
    counted: Int[Tensor, "b n q"], judge: Int[Tensor, "c n q"], size: int
) -> Float[Tensor, "q v2 v"]:
    """Log share of every code after every other; row `size` is order 0, after nothing.

    What follows a code is its count over the shares of order 0, these weighted as suits `judge`.
    """
    tables = []
    for ids, others in zip(counted.unbind(dim=-1), judge.unbind(dim=-1), strict=True):
        shares = ids.flatten().bincount(minlength=size).double() + UNSEEN
        shares /= shares.sum()
        pairs = (ids[:, :-1] * size + ids[:, 1:]).flatten().bincount(minlength=size * size)
        pairs = pairs.view(size, size).double()
        times = pairs.sum(dim=1, keepdim=True)
        x, y = others[:, :-1].flatten(), others[:, 1:].flatten()
        fit = [((pairs[x, y] + w * shares[y]) / (times[x, 0] + w)).log().mean() for w in WEIGHTS]
        weight = WEIGHTS[int(torch.stack(fit).argmax())]
        follows = (pairs + weight * shares) / (times + weight)
        tables.append(torch.cat([follows, shares[None]]).log().float())
    return torch.stack(tables)


def learn(
    reader: Reader,
    codes: Int[Tensor, "b n q"],
    window: int,
    budget: Budget,
    rng: np.random.Generator,
    progress: Progress = quiet,
) -> Bool[np.ndarray, " q"]:
    """Spend the budget, and say at which levels the decoder got below the counts.

    That is judged on the last half of the crops, each before the decoder learned from it.
    """
    config = TrainConfig(
        steps=budget.steps,
        warmup=min(20, budget.steps // 4),
        lr=budget.lr,
        schedule="linear",
    )
    optimizer = Optimizer(reader.train(), config)
    gain = torch.zeros(codes.shape[-1])
    for step, batch in enumerate(_crops(codes, window, budget, rng)):
        optimizer.zero_grad()
        with autocast(torch.device("cpu"), "bf16"):
            costs, counts = reader(batch)
        costs.mean().backward()
        nn.utils.clip_grad_norm_(optimizer.parameters, config.clip_norm)
        optimizer.step(learning_rate(config, step))
        if 2 * step >= budget.steps:
            gain += (counts - costs.detach()).mean(dim=(0, 1))
        progress("decoder", step + 1, budget.steps)
    return (gain > 0).numpy()


def _crops(
    codes: Tensor, window: int, budget: Budget, rng: np.random.Generator
) -> Iterator[Int[Tensor, "b n q"]]:
    """Crops of the clips in random order, all of them once before any twice."""
    needed = budget.steps * budget.batch
    rounds = -(-needed // len(codes))
    order = np.concatenate([rng.permutation(len(codes)) for _ in range(rounds)])[:needed]
    starts = rng.integers(0, codes.shape[1] - window + 1, size=needed)
    for first in range(0, needed, budget.batch):
        chosen = range(first, first + budget.batch)
        yield torch.stack([codes[order[i], starts[i] : starts[i] + window] for i in chosen])


@torch.no_grad()
def _paid(
    reader: Reader, codes: Int[Tensor, "m n q"], window: int
) -> tuple[Float64[np.ndarray, "m q"], Float64[np.ndarray, "m q"]]:
    """Mean nats of a frame by clip and level, each window read from its own beginning."""
    totals = torch.zeros(2, len(codes), codes.shape[-1], dtype=torch.float64)
    for piece in codes.split(window, dim=1):
        for rows in torch.arange(len(codes)).split(16):
            for total, nats in zip(totals, reader(piece[rows]), strict=True):
                total[rows] += nats.double().sum(dim=1)
    paid, counts = (totals / codes.shape[1]).numpy()
    return paid, counts
