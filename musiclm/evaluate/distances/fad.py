"""Frechet audio distance (Kilgour et al. 2019; MusicLM section 4.4), with its uncertainty and bias.

FAD grows as clips become fewer, whatever they sound like: `fad_infinity` extrapolates to endlessly
many, as Gui et al. 2023 propose; `shrink` steadies the covariances of small sets instead. Plain
`fad` is the one to compare with published figures. Intervals are over clips, not windows.

>>> rng = np.random.default_rng(0)
>>> clips = list(rng.standard_normal((40, 10, 4)))
>>> round(fad(clips, clips).value, 9)
0.0
>>> round(fad(clips, [clip + 1.0 for clip in clips]).value, 9)  # apart by 1 in each of four
4.0
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from musiclm.evaluate.distances.sets import Clips, centres, check, jackknife, pooled
from musiclm.evaluate.frechet import RESAMPLES, Gaussian, frechet, gaussian, interval
from musiclm.evaluate.intervals import Estimate, redrawn

LEAST_INFINITE = 8  # clips that can be extrapolated from
SHARES = (1.0, *(0.75, 0.6, 0.5) * 3)  # of the clips, evenly apart in 1 / n, three subsets each
WINDOWS_A_DIMENSION = 2  # from which on the windows of one clip describe a normal distribution


@dataclass(frozen=True)
class Outliers:
    """How far each clip is from the reference, by one measure for all."""

    measure: str  # "fad" of the clip's windows, or "mahalanobis" of its mean
    distances: Float[np.ndarray, " c"]


def fad(reference: Clips, generated: Clips, *, shrink: bool = False) -> Estimate:
    """The distance, and its bootstrap interval over the clips of both sets."""
    return interval(draws(reference, generated, shrink=shrink), len(generated))


def draws(
    reference: Clips, generated: Clips, *, shrink: bool = False, resamples: int = RESAMPLES
) -> Float[np.ndarray, " r"]:
    """The distance over all clips, then over each redrawn set.

    Sets of one size are always redrawn alike, so differences of the draws of two systems that were
    given the same prompts in the same order have paired intervals.
    """
    check("FAD", reference, generated)
    sets = [_redrawn(clips, shrink, resamples) for clips in (reference, generated)]
    return np.array([frechet(one, other) for one, other in zip(*sets, strict=True)])


def fad_infinity(reference: Clips, generated: Clips) -> Estimate:
    """The distance that endlessly many clips would have; of equal sets about 0, also below it.

    The straight line through distances over 1 / n, at 0. Both sets are thinned alike, so that the
    size of the reference does not matter either. The interval is a jackknife's.
    """
    check("FAD-infinity", reference, generated, LEAST_INFINITE)
    smaller = min(len(reference), len(generated))
    thinned = [_Thinned(reference, smaller), _Thinned(generated, smaller)]

    def extrapolated(left: Int[np.ndarray, " n"]) -> float:
        told = [frechet(*(one.part(left, k) for one in thinned)) for k in range(len(SHARES))]
        return float(np.polyfit(1.0 / np.array(SHARES), told, 1)[1])

    return jackknife(extrapolated, smaller)


def outliers(reference: Clips, generated: Clips) -> Outliers:
    """Per clip: FAD of its windows if all clips have enough of them, else Mahalanobis of its mean.

    A clip of ten seconds has far fewer windows than dimensions; then its mean is compared with the
    means of the reference's clips, by their shrunk covariance.
    """
    check("outliers", reference, generated, least=1)
    check("outliers", reference, reference)
    enough = WINDOWS_A_DIMENSION * reference[0].shape[1]
    if min(len(clip) for clip in generated) >= enough:
        whole = gaussian(pooled(reference))
        told = [frechet(whole, gaussian(clip.astype(np.float64))) for clip in generated]
        return Outliers("fad", np.array(told))
    typical = centres(reference)
    near = gaussian(typical, shrinkage([row[None] for row in typical]))
    apart = centres(generated) - near.mean
    # Directions in which the reference never varies are measured as if it did a little.
    steady = near.covariance + 1e-9 * max(1.0, float(np.trace(near.covariance))) * np.eye(
        apart.shape[1]
    )
    squared = (apart * np.linalg.solve(steady, apart.T).T).sum(axis=1)
    return Outliers("mahalanobis", np.sqrt(squared.clip(0.0)))


def shrinkage(clips: Clips) -> float:
    """How far to draw a covariance towards a sphere (Ledoit and Wolf 2004), in [0, 1].

    The error of the covariance is taken over clips: windows of one clip are alike, and would make
    it look smaller than it is. With one window a clip it is their formula.
    """
    rows = pooled(clips)
    n, size = rows.shape
    centred = rows - rows.mean(axis=0)
    covariance = centred.T @ centred / n
    level = np.trace(covariance) / size
    spread = float(np.square(covariance).sum() - size * level**2)  # distance to the sphere
    error, start = 0.0, 0
    for clip in clips:
        x = centred[start : start + len(clip)]
        start += len(clip)
        # |X'X - w S|^2 without the d x d matrix of each clip.
        own = np.square(x @ x.T).sum() - 2 * len(x) * ((x @ covariance) * x).sum()
        error += float(own + len(x) ** 2 * np.square(covariance).sum())
    return 1.0 if spread <= 0.0 else min(1.0, error / n**2 / spread)


def _redrawn(clips: Clips, shrink: bool, resamples: int) -> Iterator[Gaussian]:
    strength = shrinkage(clips) if shrink else 0.0
    yield gaussian(pooled(clips), strength)
    for times in redrawn(len(clips), resamples):
        chosen = np.repeat(np.arange(len(clips)), times).tolist()
        yield gaussian(pooled([clips[i] for i in chosen]), strength)


class _Thinned:
    """A set of clips, and the order in which each subset of it loses them.

    The orders stay while a jackknife leaves clips out: other subsets each time would look like an
    effect of the clips.
    """

    def __init__(self, clips: Clips, smaller: int) -> None:
        rng = np.random.default_rng(0)
        self.clips = clips
        self.orders = [rng.permutation(len(clips)) for _ in SHARES]
        self.partner = np.arange(len(clips)) * smaller // len(clips)  # in the smaller set

    def part(self, left: Int[np.ndarray, " n"], number: int) -> Gaussian:
        """A subset of what is left, where `left` are places of the smaller set."""
        order = self.orders[number]
        order = order[np.isin(self.partner[order], left)]
        kept = order[: max(2, round(SHARES[number] * len(order)))]
        return gaussian(pooled([self.clips[i] for i in kept.tolist()]))
