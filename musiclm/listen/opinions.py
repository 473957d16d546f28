"""Ratings on a scale, one clip at a time (MOS) or all beside a hidden reference (MUSHRA).

Not in the paper, which compares pairs. MUSHRA is ITU-R BS.1534-3, with its post-screening.

>>> ratings = [Rating(f"r{i}", "p", name, score + i % 3) for i in range(9)
...     for name, score in (("real", 90), ("ours", 60))]
>>> [(row.system, row.mean.value) for row in means(ratings)]
[('real', 91.0), ('ours', 61.0)]
>>> [pair.better for pair in compare(ratings)]
['real']
"""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch

from musiclm.evaluate.intervals import Estimate
from musiclm.listen.signed_rank import midranks, signed_rank
from musiclm.listen.statistics import LEVEL, clustered, missing, surplus

REFERENCE, REFUSALS = 90.0, 0.15  # BS.1534-3: below 90 in more than 15 % of trials


@dataclass(frozen=True)
class Rating:
    """One score that one rater gave to a system's clip for a prompt."""

    rater: str
    prompt: str
    system: str
    score: float | int


@dataclass(frozen=True)
class Mean:
    """A system's scores."""

    system: str
    mean: Estimate
    median: float
    ratings: int


@dataclass(frozen=True)
class Contrast:
    """Two systems rated by the same raters for the same prompts."""

    first: str
    second: str
    difference: Estimate  # mean of first - second
    p: float  # of Wilcoxon's signed-rank test
    threshold: float
    better: str | None
    more: int | None  # pairs of ratings still needed to decide


@dataclass(frozen=True)
class Friedman:
    """Whether any system differs, over raters and prompts that rated them all."""

    statistic: float
    p: float
    blocks: int
    systems: int


@dataclass(frozen=True)
class Refused:
    """A rater who does not recognise the hidden reference."""

    rater: str
    missed: int
    trials: int


def firsts(ratings: Sequence[Rating]) -> list[Rating]:
    """Without hidden repeats: of each rater's scores for a clip, the earliest."""
    seen: dict[tuple[str, str, str], Rating] = {}
    for rating in ratings:
        seen.setdefault((rating.rater, rating.prompt, rating.system), rating)
    return list(seen.values())


def means(ratings: Sequence[Rating]) -> list[Mean]:
    """Of each system, the best first; intervals redraw raters, repeats are left out."""
    scores: dict[str, list[Rating]] = defaultdict(list)
    for rating in firsts(ratings):
        scores[rating.system].append(rating)
    found = []
    for system, own in scores.items():
        values = [float(rating.score) for rating in own]
        mean = clustered(values, [rating.rater for rating in own])
        found.append(Mean(system, mean, float(statistics.median(values)), len(own)))
    return sorted(found, key=lambda row: (-row.mean.value, row.system))


def compare(ratings: Sequence[Rating], comparisons: int | None = None) -> list[Contrast]:
    """Each pair of systems, over raters and prompts that rated both; Bonferroni as for votes."""
    blocks = _blocks(ratings)
    systems = sorted({rating.system for rating in ratings})
    together = {
        pair: [(rater, scores) for (rater, _), scores in blocks.items() if set(pair) <= set(scores)]
        for pair in combinations(systems, 2)
    }
    together = {pair: both for pair, both in together.items() if both}
    threshold = LEVEL / (comparisons or max(1, len(together)))
    found = []
    for (first, second), both in together.items():
        apart = [scores[first] - scores[second] for _, scores in both]
        p, toward = signed_rank(apart), surplus(apart)
        decided = p < threshold and toward != 0
        found.append(
            Contrast(
                first,
                second,
                clustered(apart, [rater for rater, _ in both]),
                p,
                threshold,
                (first if toward > 0 else second) if decided else None,
                None if decided else missing(apart, threshold),
            )
        )
    return found


def friedman(ratings: Sequence[Rating]) -> Friedman:
    """Friedman's test with his correction for ties; p is 1 where nothing can be told."""
    systems = sorted({rating.system for rating in ratings})
    whole = [scores for scores in _blocks(ratings).values() if len(scores) == len(systems)]
    count, size = len(whole), len(systems)
    if count == 0 or size < 2:
        return Friedman(0.0, 1.0, count, size)
    ranks = np.stack([midranks(np.array([s[name] for name in systems])) for s in whole])
    spread = float(np.square(ranks - (size + 1) / 2).sum()) / (size - 1)
    if spread == 0:
        return Friedman(0.0, 1.0, count, size)
    statistic = float(np.square(ranks.sum(axis=0) - count * (size + 1) / 2).sum()) / spread
    # The chi-square distribution's tail, as an incomplete gamma function.
    half = torch.tensor([(size - 1) / 2, statistic / 2], dtype=torch.float64)
    p = float(torch.special.gammaincc(half[0], half[1]))
    return Friedman(statistic, p, count, size)


def refused(
    ratings: Sequence[Rating],
    reference: str,
    below: float | int = REFERENCE,
    most: float = REFUSALS,
) -> list[Refused]:
    """Raters who rate the hidden reference below 90 in more than 15 % of trials."""
    scores: dict[str, list[bool]] = defaultdict(list)
    for rating in firsts(ratings):
        if rating.system == reference:
            scores[rating.rater].append(rating.score < below)
    return [
        Refused(rater, sum(low), len(low))
        for rater, low in sorted(scores.items())
        if sum(low) > most * len(low)
    ]


def screened(ratings: Sequence[Rating], reference: str) -> list[Rating]:
    """The ratings of all other raters: what MUSHRA reports."""
    out = {one.rater for one in refused(ratings, reference)}
    return [rating for rating in ratings if rating.rater not in out]


def _blocks(ratings: Sequence[Rating]) -> dict[tuple[str, str], dict[str, float]]:
    blocks: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for rating in firsts(ratings):
        blocks[rating.rater, rating.prompt][rating.system] = float(rating.score)
    return blocks
