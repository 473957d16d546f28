"""Precision, recall, density, coverage and diversity: what a distance adds up, told apart.

Precision (Kynkaanniemi et al. 2019): how many generated clips lie among the reference's; recall:
how much of the reference the generated clips reach. Density and coverage (Naeem et al. 2020) ask
the same less at the mercy of outliers. Diversity (the Vendi score, Friedman and Dieng 2023): how
many different clips the generated set is worth. One row a clip, the mean of its windows: windows
of one clip would be each other's neighbours. Intervals are over the clips that are counted.

>>> rng = np.random.default_rng(0)
>>> clips = list(rng.standard_normal((60, 2, 3)))
>>> precision(clips, clips).value, recall(clips, clips).value, coverage(clips, clips).value
(1.0, 1.0, 1.0)
>>> 1.0 < diversity(clips, clips).value < 60.0
True
"""

import numpy as np
import torch
from jaxtyping import Float, Int

from musiclm.evaluate.distances.kernel import bandwidth, gaussian_kernel
from musiclm.evaluate.distances.sets import Clips, centres, check, jackknife
from musiclm.evaluate.intervals import Estimate, mean, share

NEIGHBOURS = 5  # of each clip, as in Naeem et al.; fewer if there are no more


def precision(reference: Clips, generated: Clips, k: int = NEIGHBOURS) -> Estimate:
    """Share of generated clips within reach of a reference clip."""
    apart, ours, _ = _measured(reference, generated, k)
    return share(np.any(apart <= ours[:, None], axis=0))


def recall(reference: Clips, generated: Clips, k: int = NEIGHBOURS) -> Estimate:
    """Share of reference clips within reach of a generated one."""
    apart, _, theirs = _measured(reference, generated, k)
    return share(np.any(apart <= theirs, axis=1))


def density(reference: Clips, generated: Clips, k: int = NEIGHBOURS) -> Estimate:
    """Reference clips that reach a generated one, of k expected: about 1 for equal sets."""
    apart, ours, _ = _measured(reference, generated, k)
    return mean((apart <= ours[:, None]).sum(axis=0) / min(k, len(reference) - 1))


def coverage(reference: Clips, generated: Clips, k: int = NEIGHBOURS) -> Estimate:
    """Share of reference clips that reach a generated one; fewer generated clips cover less."""
    apart, ours, _ = _measured(reference, generated, k)
    return share(apart.min(axis=1) <= ours)


def diversity(reference: Clips, generated: Clips) -> Estimate:
    """How many different clips the generated set is worth: from 1 to their number.

    Likeness is the kernel of KAD, whose width the reference gives, so that two systems beside one
    reference compare; only sets of one size do.
    """
    check("diversity", reference, generated)
    width = bandwidth([row[None] for row in centres(reference)])
    rows = centres(generated)
    likeness = gaussian_kernel(rows - rows.mean(axis=0), rows - rows.mean(axis=0), width)

    def vendi(left: Int[np.ndarray, " n"]) -> float:
        values = np.linalg.eigvalsh(likeness[np.ix_(left, left)] / len(left))
        values = values[values > 0.0]
        return float(np.exp(-(values * np.log(values)).sum()))

    told = jackknife(vendi, len(generated))
    most = float(len(generated))
    low, high = np.clip((told.low, told.high), 1.0, most)
    return Estimate(min(most, max(1.0, told.value)), float(low), float(high), told.n)


def _measured(
    reference: Clips, generated: Clips, k: int
) -> tuple[Float[np.ndarray, "c g"], Float[np.ndarray, " c"], Float[np.ndarray, " g"]]:
    """Distances of reference and generated clips, and how far each of either set reaches."""
    check("neighbours", reference, generated)
    ours, theirs = (torch.from_numpy(centres(clips)) for clips in (reference, generated))
    return _distances(ours, theirs), _reach(ours, k), _reach(theirs, k)


def _reach(rows: torch.Tensor, k: int) -> np.ndarray:
    """To the k-th nearest other clip of the same set."""
    return np.sort(_distances(rows, rows), axis=1)[:, min(k, len(rows) - 1)]


def _distances(one: torch.Tensor, other: torch.Tensor) -> np.ndarray:
    # By differences: equal clips are at exactly 0, and reach each other.
    return torch.cdist(one, other, compute_mode="donot_use_mm_for_euclid_dist").numpy()
