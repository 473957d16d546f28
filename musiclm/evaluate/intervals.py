"""Estimates with their 95 % bootstrap intervals: every figure that an evaluation prints.

The paper gives point estimates; ours carry the uncertainty of the clips they were measured on.

>>> estimate = mean([0.0, 1.0, 1.0, 1.0] * 25)
>>> estimate.value, estimate.n, estimate.low < 0.75 < estimate.high
(0.75, 100, True)
>>> share([True] * 50).low < 1.0
True
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

RESAMPLES = 1000
CONFIDENCE = 0.95
SEED = 0  # an interval of the same values is the same interval
NORMAL = 1.96  # the two-sided 95 % point of the normal distribution


@dataclass(frozen=True)
class Estimate:
    """A figure, its interval, and how many examples it was measured on."""

    value: float
    low: float
    high: float
    n: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}


def mean(values: Sequence[float] | np.ndarray) -> Estimate:
    """Mean and percentile bootstrap interval; examples that are not numbers are left out."""
    sample = np.asarray(values, dtype=np.float64).ravel()
    sample = sample[np.isfinite(sample)]
    n = len(sample)
    if n == 0:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    return Estimate(float(sample.mean()), *tails(redrawn(n) @ sample / n), n)


def share(hits: Sequence[bool] | np.ndarray) -> Estimate:
    """How often something is true.

    Where all examples agree the bootstrap has no width, so Wilson's interval stands in.
    """
    sample = np.asarray(hits, dtype=np.float64).ravel()
    estimate = mean(sample)
    if estimate.n and estimate.value in (0.0, 1.0):
        low, high = _wilson(estimate.value, estimate.n)
        return Estimate(estimate.value, low, high, estimate.n)
    return estimate


def redrawn(n: int, resamples: int = RESAMPLES) -> Int[np.ndarray, "r n"]:
    """How often each of `n` examples is in each bootstrap sample; always the same samples."""
    return np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), size=resamples)


def weights(n: int, resamples: int = RESAMPLES) -> Float[np.ndarray, "r1 n"]:
    """How often each of `n` examples counts: once each, then as in each bootstrap sample.

    >>> weights(3, 5).shape, weights(3, 5)[0].tolist()
    ((6, 3), [1.0, 1.0, 1.0])
    """
    return np.concatenate([np.ones((1, n)), redrawn(n, resamples)])


def tails(draws: Float[np.ndarray, " r"]) -> tuple[float, float]:
    """Between which the middle 95 % of the draws lie; those that are no numbers are left out."""
    low, high = np.nanquantile(draws, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return float(low), float(high)


def _wilson(value: float, n: int) -> tuple[float, float]:
    centre = (value + NORMAL**2 / (2 * n)) / (1 + NORMAL**2 / n)
    half = NORMAL / (1 + NORMAL**2 / n) * (value * (1 - value) / n + (NORMAL / (2 * n)) ** 2) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)
