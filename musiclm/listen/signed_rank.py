"""Wilcoxon's signed-rank test, exact where ties are many: what the paper decides its pairs by.

MusicLM, appendix B. Votes take two sizes (weak, strong), so almost all of them tie; tables and
normal approximations are made for samples without ties. Here the null distribution is that of
random signs on the very ranks that were seen, counted out in full for small samples.

Zeros (no preference) are ranked and then left out, as Pratt proposed (1959). Left out before, a
strong preference would weigh twice a weak one however many raters hear no difference; split
between both sides ("zsplit"), they would add a chance that was never drawn, and the test would be
too timid.

>>> signed_rank([1, 1, 2, 2, 2, 1])  # six for one side: 2 of the 64 ways to draw signs
0.03125
>>> signed_rank([0, 0, 0])
1.0
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

EXACT = 100  # differences that are not zero; above, the normal distribution is as good


def signed_rank(differences: Sequence[float | int] | np.ndarray) -> float:
    """Two-sided p-value of "the differences are symmetric about zero"; 1 where there are none."""
    sample = np.asarray(differences, dtype=np.float64).ravel()
    ranks = midranks(np.abs(sample))
    signs, ranks = np.sign(sample[sample != 0]), ranks[sample != 0]
    if len(ranks) == 0:
        return 1.0
    surplus = abs(float(signs @ ranks))  # of one side over the other
    if len(ranks) <= EXACT:
        return min(1.0, 2.0 * _tail(ranks, surplus))
    return math.erfc(surplus / math.sqrt(2.0 * float(ranks @ ranks)))


def midranks(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Ranks from 1; equal values share the mean of theirs.

    >>> midranks(np.array([5.0, 1.0, 5.0, 3.0])).tolist()
    [3.5, 1.0, 3.5, 2.0]
    """
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[which]


def _tail(ranks: Float[np.ndarray, " n"], surplus: float) -> float:
    """The chance that random signs give one side at least this surplus."""
    steps = np.rint(2 * ranks).astype(int)  # midranks are halves: their doubles are whole
    total = int(steps.sum())
    chances = np.zeros(total + 1)  # of the doubled sum of one side's ranks
    chances[0] = 1.0
    for step in steps:
        chances[step:] += chances[:-step]  # its slices overlap: numpy copies before it adds
        chances /= 2
    least = round((total + 2 * surplus) / 2)
    return float(chances[least:].sum())
