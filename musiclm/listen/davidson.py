"""Bradley-Terry strengths with Davidson's ties (1970), fitted to many tables of counts at once.

System i is preferred to j with a chance proportional to pi_i, j to i to pi_j, and neither to
nu sqrt(pi_i pi_j): ties are a third answer with a frequency of its own. Half a win for each would
make a pair that always ties look like one that is decided by coin flips, with as little certainty.

A normal prior on the log-strengths and on log nu keeps them finite where a system never wins or
nobody ever ties; among a hundred votes it is not felt.

>>> pairs = np.array([[0, 1]])
>>> found = fit(pairs, np.array([[[60.0, 20.0, 20.0]]]), 2)
>>> bool(abs(found.strengths[0, 0] - found.strengths[0, 1] - np.log(3)) < 0.05)
True

Shapes: r tables, p pairs, k systems.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

PRIOR = 3.0  # deviation of log-strengths: 19 of 20 within a factor of 400 of the average
STEPS, STEP, CLOSE = 100, 1.0, 1e-9  # of Newton's method: how many, how far, when to stop


@dataclass(frozen=True)
class Fit:
    """Log-strengths with mean zero, the log of nu, and how sure the counts alone make them."""

    strengths: Float[np.ndarray, "r k"]
    ties: Float[np.ndarray, " r"]
    deviations: Float[np.ndarray, "r k"]  # as if every vote were independent


def fit(pairs: Int[np.ndarray, "p 2"], counts: Float[np.ndarray, "r p 3"], systems: int) -> Fit:
    """Most likely parameters; `counts`: first preferred, neither, second preferred."""
    design = _design(pairs, systems)
    x = np.zeros((len(counts), systems + 1))
    for _ in range(STEPS):
        slope, curve = _derivatives(design, counts, x)
        step = np.linalg.solve(curve, slope[..., None])[..., 0]
        longest = np.abs(step).max(axis=1, keepdims=True)
        x = x + step * np.minimum(1.0, STEP / np.maximum(longest, STEP))
        if longest.max(initial=0.0) < CLOSE:
            break
    _, curve = _derivatives(design, counts, x)
    strengths = x[:, :systems] - x[:, :systems].mean(axis=1, keepdims=True)
    # Only differences mean anything: the spread of the common mean is taken out.
    centre = np.eye(systems + 1)
    centre[:systems, :systems] -= 1 / systems
    spread = centre @ np.linalg.inv(curve) @ centre
    variances = np.diagonal(spread, axis1=1, axis2=2)[:, :systems]
    return Fit(strengths, x[:, -1], np.sqrt(np.maximum(variances, 0.0)))


def chances(one: float | int, other: float | int, ties: float | int) -> tuple[float, float, float]:
    """That the first is preferred, neither, the second; from log-strengths and the log of nu.

    >>> chances(0.0, 0.0, 0.0)
    (0.3333333333333333, 0.3333333333333333, 0.3333333333333333)
    """
    logits = np.array([one, ties + (one + other) / 2, other], dtype=np.float64)
    odds = np.exp(logits - logits.max())
    first, neither, second = (odds / odds.sum()).tolist()
    return first, neither, second


def _design(pairs: Int[np.ndarray, "p 2"], systems: int) -> Float[np.ndarray, "p 3 k1"]:
    """What each outcome's logit is made of: k strengths, and the frequency of ties."""
    design = np.zeros((len(pairs), 3, systems + 1))
    row = np.arange(len(pairs))
    for column, outcome in ((0, 0), (1, 2)):
        design[row, outcome, pairs[:, column]] = 1.0
        design[row, 1, pairs[:, column]] = 0.5
    design[:, 1, -1] = 1.0
    return design


def _derivatives(
    design: Float[np.ndarray, "p 3 k1"],
    counts: Float[np.ndarray, "r p 3"],
    x: Float[np.ndarray, "r k1"],
) -> tuple[Float[np.ndarray, "r k1"], Float[np.ndarray, "r k1 k1"]]:
    """Slope of the log posterior, and minus its curvature."""
    logits = np.einsum("pck,rk->rpc", design, x)
    odds = np.exp(logits - logits.max(axis=2, keepdims=True))
    likely = odds / odds.sum(axis=2, keepdims=True)
    voted = counts.sum(axis=2)
    slope = np.einsum("rpc,pck->rk", counts - voted[..., None] * likely, design) - x / PRIOR**2
    flat = design.reshape(-1, design.shape[2])
    weights = (voted[..., None] * likely).reshape(len(counts), -1, 1)
    centre = np.einsum("rpc,pck->rpk", likely, design)
    curve = flat.T @ (weights * flat)
    curve -= np.swapaxes(centre, 1, 2) @ (voted[..., None] * centre)
    return slope, curve + np.eye(x.shape[1]) / PRIOR**2
