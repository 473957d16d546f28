"""Krippendorff's alpha on an ordinal scale: how far raters agree beyond chance.

1 is full agreement, 0 what shuffled answers give, below 0 less than that. It takes units that
some raters skipped, and as many raters as come.

>>> round(alpha(coincidences([[1, 1], [2, 2], [3, 3], [3, 3]], 4).sum(axis=0)), 3)
1.0

Shapes: u units, c values of the scale.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def coincidences(units: Sequence[Sequence[int]], values: int) -> Float[np.ndarray, "u c c"]:
    """For each unit, how often two raters gave each pair of values; answers from 0 to values - 1.

    A unit that one rater judged has no pair and counts nothing.
    """
    table = np.zeros((len(units), values, values))
    for index, answers in enumerate(units):
        if len(answers) < 2:
            continue
        seen = np.bincount(np.asarray(answers), minlength=values).astype(np.float64)
        table[index] = (np.outer(seen, seen) - np.diag(seen)) / (len(answers) - 1)
    return table


def alpha(table: Float[np.ndarray, "c c"]) -> float | None:
    """From the sum over units; None where nothing was judged twice, or all answers are one."""
    often = table.sum(axis=1)
    total = often.sum()
    if total == 0:
        return None
    # Values are as far apart as there are answers between them, half of each end included.
    middle = np.cumsum(often) - often / 2
    far = np.square(middle[:, None] - middle)
    expected = float(often @ far @ often) / (total - 1)
    if expected == 0:
        return None
    return float(1.0 - (table * far).sum() / expected)
