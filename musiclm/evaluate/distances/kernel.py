"""Kernel audio distance (Chung et al. 2025): the squared MMD, steady from a hundred clips on.

A Gaussian kernel whose width is the median distance of the reference's windows, so the distance is
not symmetric. Unbiased: for two sets of one kind it is about 0, also a little below. Pairs within
one clip are left out, for windows of one clip are alike; with one window a clip it is the published
formula. As published, times 100.

>>> rng = np.random.default_rng(0)
>>> near, far = (list(rng.standard_normal((50, 4, 3)) + shift) for shift in (0.0, 1.0))
>>> kad(near[:25], near[25:]).low < 0.0 < kad(near, far).low
True
"""

import numpy as np
from jaxtyping import Float

from musiclm.errors import UserError
from musiclm.evaluate.distances.sets import Clips, check, pooled
from musiclm.evaluate.frechet import interval
from musiclm.evaluate.intervals import RESAMPLES, Estimate, weights

SCALE = 100.0
ROWS_AT_ONCE = 1024  # bounds the table of distances
LEAST = 3  # clips; of two there is one pair, and no telling how sure it is
MOST = 2000  # windows that the median is taken over: two million pairs


def kad(reference: Clips, generated: Clips) -> Estimate:
    """The distance, and its bootstrap interval over the clips of both sets."""
    return interval(draws(reference, generated), len(generated), least=-np.inf)


def draws(
    reference: Clips, generated: Clips, resamples: int = RESAMPLES
) -> Float[np.ndarray, " r"]:
    """The distance over all clips, then over each redrawn set, paired as in `fad.draws`.

    A redrawn set that is one clip over and over has no pairs; all clips stand in for it.
    """
    check("KAD", reference, generated, LEAST)
    width = bandwidth(reference)
    ours = weights(len(reference), resamples)
    theirs = weights(len(generated), resamples)
    within = _apart(reference, width, ours) + _apart(generated, width, theirs)
    between = ((ours @ _sums(reference, generated, width)) * theirs).sum(axis=1)
    windows = (ours @ _sizes(reference)) * (theirs @ _sizes(generated))
    return SCALE * (within - 2.0 * between / windows)


def bandwidth(reference: Clips) -> float:
    """The median distance of two different windows, over at most 2,000 evenly chosen ones."""
    rows = pooled(reference)
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST)).astype(int)]
    squared = squares(rows, rows)[np.triu_indices(len(rows), 1)]
    apart = squared[squared > 1e-12 * max(1e-300, float(squared.max(initial=0.0)))]
    if not len(apart):
        raise UserError("all windows of the reference are the same: there is no distance to go by")
    return float(np.sqrt(np.median(apart)))


def gaussian_kernel(
    one: Float[np.ndarray, "n d"], other: Float[np.ndarray, "m d"], width: float
) -> Float[np.ndarray, "n m"]:
    """exp(-|x - y|^2 / (2 width^2))."""
    return np.exp(squares(one, other) / (-2.0 * width**2))


def squares(
    one: Float[np.ndarray, "n d"], other: Float[np.ndarray, "m d"]
) -> Float[np.ndarray, "n m"]:
    """Squared distances of rows."""
    lengths = np.square(one).sum(axis=1)[:, None] + np.square(other).sum(axis=1)
    return (lengths - 2.0 * one @ other.T).clip(0.0)


def _apart(clips: Clips, width: float, times: Float[np.ndarray, "r c"]) -> Float[np.ndarray, " r"]:
    """The mean kernel of windows of two different clips, for each redrawn set."""
    sums, sizes = _sums(clips, clips, width), _sizes(clips)
    np.fill_diagonal(sums, 0.0)
    total = ((times @ sums) * times).sum(axis=1)
    pairs = np.square(times @ sizes) - np.square(times * sizes).sum(axis=1)
    return np.divide(total, pairs, out=np.full_like(total, total[0] / pairs[0]), where=pairs > 0)


def _sums(one: Clips, other: Clips, width: float) -> Float[np.ndarray, "c k"]:
    """The kernel summed over all pairs of windows of each pair of clips."""
    left, right = pooled(one), pooled(other)
    centre = left.mean(axis=0)  # keeps lengths small, and so their differences exact
    left, right = left - centre, right - centre
    starts = _starts(other)
    rows = [
        np.add.reduceat(gaussian_kernel(part, right, width), starts, axis=1)
        for part in np.split(left, range(ROWS_AT_ONCE, len(left), ROWS_AT_ONCE))
    ]
    return np.add.reduceat(np.concatenate(rows), _starts(one), axis=0)


def _starts(clips: Clips) -> np.ndarray:
    return np.concatenate([[0], np.cumsum([len(clip) for clip in clips])[:-1]])


def _sizes(clips: Clips) -> np.ndarray:
    return np.array([float(len(clip)) for clip in clips])
