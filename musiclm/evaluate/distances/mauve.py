"""MAD-style divergence: MAUVE (Pillutla et al. 2021) on embeddings, as -log (Huang et al. 2025).

Both sets are cut into clusters together; from how often each set falls into each cluster comes a
curve of what one lacks and what it has too much, and MAUVE is the area below it: 1 for equal sets.
MAD as published hears with MERT-v1-330M; ours with whatever embedder it is given. It ends at about
5.5, where the sets have nothing in common. Equal kinds of clips are above 0, by an amount that
changes with their number, as the number of clusters does: compare sets of one size.

>>> rng = np.random.default_rng(0)
>>> near, far = (list(rng.standard_normal((50, 4, 3)) + shift) for shift in (0.0, 9.0))
>>> round(mad(near, near).value, 9), round(mad(near, far).value, 1)
(0.0, 5.5)
"""

import numpy as np
import torch
from jaxtyping import Float

from musiclm.evaluate.distances.sets import Clips, check, pooled
from musiclm.evaluate.frechet import interval
from musiclm.evaluate.intervals import RESAMPLES, Estimate, weights
from musiclm.nn.kmeans import kmeans, nearest

ROWS_A_CLUSTER = 10  # of the smaller set
MOST_CLUSTERS = 500
ITERATIONS = 30
STEEPNESS = 5.0  # of the curve: coordinates are exp(-5 KL)
POINTS = 25  # of the curve


def mad(reference: Clips, generated: Clips) -> Estimate:
    """-log of MAUVE, and its bootstrap interval over clips; the clusters stay."""
    return interval(draws(reference, generated), len(generated))


def draws(
    reference: Clips, generated: Clips, resamples: int = RESAMPLES
) -> Float[np.ndarray, " r"]:
    """The divergence over all clips, then over each redrawn set, paired as in `fad.draws`."""
    check("MAD", reference, generated)
    counted = []
    for counts in _counts(reference, generated):
        drawn = weights(len(counts), resamples) @ counts
        counted.append(drawn / drawn.sum(axis=1, keepdims=True))
    return np.maximum(0.0, -np.log(area(*counted)))


def area(p: Float[np.ndarray, "r k"], q: Float[np.ndarray, "r k"]) -> Float[np.ndarray, " r"]:
    """MAUVE of pairs of distributions, in (0, 1].

    >>> float(area(np.array([[0.5, 0.5]]), np.array([[0.5, 0.5]]))[0])
    1.0
    """
    shares = np.linspace(1e-6, 1.0 - 1e-6, POINTS)[:, None, None]
    mixed = shares * q + (1.0 - shares) * p
    across = np.exp(-STEEPNESS * _divergence(q, mixed))  # rises with the share
    along = np.exp(-STEEPNESS * _divergence(p, mixed))
    across, along = (_ended(axis, first) for axis, first in ((across, 0.0), (along, 1.0)))
    return np.trapezoid(along, across, axis=0)


def _counts(reference: Clips, generated: Clips) -> list[Float[np.ndarray, "c k"]]:
    """How many windows of each clip fall into each cluster."""
    rows = [pooled(clips) for clips in (reference, generated)]
    clusters = min(MOST_CLUSTERS, max(2, min(map(len, rows)) // ROWS_A_CLUSTER))
    pool = np.concatenate(rows)
    both = torch.from_numpy((pool - pool.mean(axis=0)) / max(1e-12, float(pool.std()))).float()
    # Sorted, so that the order of the clips has no say in where the clusters begin.
    order = np.lexsort(both.numpy().T[::-1])
    generator = torch.Generator().manual_seed(0)
    ids = nearest(both, kmeans(both[order], clusters, ITERATIONS, generator)).numpy()
    owners = np.repeat(np.arange(len(reference) + len(generated)), _sizes(reference, generated))
    counts = np.zeros((len(reference) + len(generated), clusters))
    np.add.at(counts, (owners, ids), 1.0)
    return [counts[: len(reference)], counts[len(reference) :]]


def _sizes(*sets: Clips) -> list[int]:
    return [len(clip) for clips in sets for clip in clips]


def _divergence(p: np.ndarray, mixed: np.ndarray) -> np.ndarray:
    """Kullback-Leibler, of p from mixtures that have all that p has."""
    terms = np.where(p > 0.0, p * np.log(np.where(p > 0.0, p, 1.0) / np.maximum(mixed, 1e-300)), 0)
    return terms.sum(axis=-1).clip(0.0)


def _ended(axis: np.ndarray, first: float) -> np.ndarray:
    """With the corners that the curve goes to: (0, 1) and (1, 0)."""
    corner = np.full_like(axis[:1], first)
    return np.concatenate([corner, axis, 1.0 - corner])
