"""What votes of a listening test say: wins, significance, strengths, agreement, what is missing.

MusicLM, appendix B: two clips for one caption, five answers, 1,200 of them; a win is a strong or a
weak preference; pairs are decided by Wilcoxon's signed-rank test with Bonferroni's correction.
Strengths, intervals that respect raters, agreement and the number of votes still needed are ours.

>>> votes = [Vote(f"r{i}", f"p{i}", "ours", "theirs", -1 if i % 4 else 2) for i in range(40)]
>>> [(row.system, row.wins, row.comparisons) for row in wins(votes)]
[('ours', 30, 40), ('theirs', 10, 40)]
>>> [(pair.first, pair.second, pair.better) for pair in wilcoxon(votes)]
[('ours', 'theirs', None)]
>>> [row.system for row in bradley_terry(votes).systems]
['ours', 'theirs']

Ratings on a scale (MOS, MUSHRA) are in opinions.py.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeVar

import numpy as np

from musiclm.evaluate.intervals import NORMAL, Estimate, redrawn, tails
from musiclm.listen.davidson import chances, fit
from musiclm.listen.krippendorff import alpha, coincidences
from musiclm.listen.signed_rank import midranks, signed_rank

LEVEL = 0.01  # of the paper, divided by the number of pairs that are compared
POWER = 0.8
STRONGEST = 2  # answers run from -2, strongly the left one, to 2, strongly the right one
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Vote:
    """One answer of one rater: which of two systems' clips fits the prompt."""

    rater: str
    prompt: str
    left: str
    right: str
    answer: int

    def __post_init__(self) -> None:
        assert -STRONGEST <= self.answer <= STRONGEST and self.left != self.right, self

    @property
    def pair(self) -> tuple[str, str]:
        """The two systems in order of name: no statistic knows which was on the left."""
        return (self.left, self.right) if self.left < self.right else (self.right, self.left)

    @property
    def toward_first(self) -> int:
        """The answer, positive where the first of `pair` is preferred."""
        return -self.answer if self.left < self.right else self.answer


@dataclass(frozen=True)
class Check:
    """One attention check: a question whose answer is known."""

    rater: str
    passed: bool


@dataclass(frozen=True)
class Wins:
    """One row of the paper's table."""

    system: str
    wins: int
    comparisons: int
    share: Estimate


@dataclass(frozen=True)
class Pair:
    """Two systems: their answers from strongly the first to strongly the second, and the test."""

    first: str
    second: str
    answers: tuple[int, int, int, int, int]
    p: float
    threshold: float
    better: str | None  # None: undecided
    more: int | None  # ratings still needed to decide; None where decided, or no difference is seen

    @property
    def votes(self) -> int:
        """How many answers."""
        return sum(self.answers)


@dataclass(frozen=True)
class Strength:
    """Log-strength about a mean of zero, and how often it is preferred to an average system."""

    system: str
    value: float
    low: float
    high: float
    preferred: float  # ties count as half


@dataclass(frozen=True)
class Strengths:
    """All systems, the strongest first."""

    systems: tuple[Strength, ...]
    ties: float  # nu: how much likelier a tie of equals is than that the first of them wins
    joined: bool  # whether a chain of votes links all systems: else some cannot be compared
    raters: int
    votes: int


@dataclass(frozen=True)
class Agreement:
    """Krippendorff's alpha; None where no question was answered twice or all answers are one."""

    alpha: float | None
    low: float | None
    high: float | None
    questions: int  # answered by more than one rater
    ratings: int  # of them


@dataclass(frozen=True)
class Repeats:
    """What raters said when they were asked the same again, the sides perhaps swapped."""

    same: Estimate  # the very same answer
    turned: Estimate  # preferred the one, then the other
    n: int


@dataclass(frozen=True)
class Attention:
    """One rater's checks."""

    rater: str
    passed: int
    checks: int


def firsts(votes: Iterable[Vote]) -> list[Vote]:
    """Without the hidden repeats: of each rater's votes on a question, the earliest."""
    seen: dict[tuple[str, str, tuple[str, str]], Vote] = {}
    for vote in votes:
        seen.setdefault((vote.rater, vote.prompt, vote.pair), vote)
    return list(seen.values())


def wins(votes: Sequence[Vote]) -> list[Wins]:
    """Of each system, the most often preferred first; repeats are left out, as everywhere below."""
    won, raters = defaultdict(list), defaultdict(list)
    for vote in firsts(votes):
        for system, toward in zip(vote.pair, (vote.toward_first, -vote.toward_first), strict=True):
            won[system].append(toward > 0)
            raters[system].append(vote.rater)
    rows = [
        Wins(system, sum(hits), len(hits), clustered(hits, raters[system]))
        for system, hits in won.items()
    ]
    return sorted(rows, key=lambda row: (-row.share.value, row.system))


def wilcoxon(votes: Sequence[Vote], comparisons: int | None = None) -> list[Pair]:
    """Each pair that was compared; `comparisons`: Bonferroni's, the number of such pairs if None.

    As in the paper votes count as independent; those of one rater may not be.
    """
    answers: dict[tuple[str, str], list[int]] = defaultdict(list)
    for vote in firsts(votes):
        answers[vote.pair].append(vote.toward_first)
    threshold = LEVEL / (comparisons or max(1, len(answers)))
    pairs = []
    for (first, second), found in sorted(answers.items()):
        p, toward = signed_rank(found), surplus(found)
        decided = p < threshold and toward != 0
        counts = Counter(found)
        pairs.append(
            Pair(
                first,
                second,
                (counts[2], counts[1], counts[0], counts[-1], counts[-2]),
                p,
                threshold,
                (first if toward > 0 else second) if decided else None,
                None if decided else missing(found, threshold),
            )
        )
    return pairs


def surplus(values: Sequence[float | int] | np.ndarray) -> float:
    """The signed-rank statistic: its sign tells who is preferred."""
    sample = np.asarray(values, dtype=np.float64)
    return float(np.sign(sample) @ midranks(np.abs(sample)))


def missing(
    answers: Sequence[float | int] | np.ndarray, threshold: float, power: float = POWER
) -> int | None:
    """Further votes until the test decides with this power, if answers stay as they are.

    None where both sides are equal: no number would do.
    """
    sample = np.asarray(answers, dtype=np.float64)
    have = len(sample)
    scores = np.sign(sample) * midranks(np.abs(sample)) / max(1, have)  # do not grow with votes
    effect = abs(scores.mean()) if have else 0.0
    if effect < 1e-12:
        return None
    under_null = float(np.square(scores).mean()) ** 0.5
    as_seen = float(scores.std())
    normal = NormalDist()
    reach = normal.inv_cdf(1 - threshold / 2) * under_null + normal.inv_cdf(power) * as_seen
    return max(1, math.ceil((reach / effect) ** 2) - have)


def bradley_terry(votes: Sequence[Vote]) -> Strengths:
    """Strengths with 95 % intervals: raters are redrawn whole.

    Where that is narrower than independent votes would be (few raters, a system that never wins),
    the interval of independent votes stands in.
    """
    votes = firsts(votes)
    names = sorted({name for vote in votes for name in vote.pair})
    pairs = sorted({vote.pair for vote in votes})
    raters = _numbers(vote.rater for vote in votes)
    if not votes:
        return Strengths((), 1.0, True, 0, 0)
    index, place = _numbers(names), _numbers(pairs)
    counts = np.zeros((len(raters), len(pairs), 3))
    for vote in votes:
        outcome = 1 - int(np.sign(vote.toward_first))
        counts[raters[vote.rater], place[vote.pair], outcome] += 1
    table = np.array([[index[name] for name in pair] for pair in pairs])
    whole = fit(table, counts.sum(axis=0, keepdims=True), len(names))
    draws = np.einsum("rn,npc->rpc", redrawn(len(raters)).astype(np.float64), counts)
    again = fit(table, draws, len(names)).strengths
    rows, ties = [], float(whole.ties[0])
    for name, column in index.items():
        value, spread = float(whole.strengths[0, column]), float(whole.deviations[0, column])
        low, high = tails(again[:, column])
        low, high = min(low, value - NORMAL * spread), max(high, value + NORMAL * spread)
        better, neither, _ = chances(value, 0.0, ties)
        rows.append(Strength(name, value, low, high, better + neither / 2))
    rows.sort(key=lambda row: (-row.value, row.system))
    return Strengths(tuple(rows), math.exp(ties), _joined(names, pairs), len(raters), len(votes))


def agreement(votes: Sequence[Vote]) -> Agreement:
    """Of raters who heard the same question; the interval redraws questions."""
    questions: dict[tuple[str, tuple[str, str]], list[int]] = defaultdict(list)
    for vote in firsts(votes):
        questions[vote.prompt, vote.pair].append(vote.toward_first + STRONGEST)
    units = [answers for answers in questions.values() if len(answers) > 1]
    tables = coincidences(units, 2 * STRONGEST + 1)
    value = alpha(tables.sum(axis=0))
    low = high = None
    if value is not None:
        draws = np.einsum("ru,ucd->rcd", redrawn(len(units)).astype(np.float64), tables)
        low, high = tails(np.array([one for d in draws if (one := alpha(d)) is not None]))
    return Agreement(value, low, high, len(units), sum(map(len, units)))


def repeats(votes: Sequence[Vote]) -> Repeats:
    """Self-consistency: a rater's second vote on a question beside the first."""
    asked: dict[tuple[str, str, tuple[str, str]], list[int]] = defaultdict(list)
    for vote in votes:
        asked[vote.rater, vote.prompt, vote.pair].append(vote.toward_first)
    again = {key: answers for key, answers in asked.items() if len(answers) > 1}
    raters = [rater for rater, _, _ in again]
    same = clustered([one[0] == one[1] for one in again.values()], raters)
    turned = clustered([one[0] * one[1] < 0 for one in again.values()], raters)
    return Repeats(same, turned, len(again))


def left(votes: Sequence[Vote]) -> Estimate:
    """How often the left clip is preferred, of the preferences: far from a half, sides matter."""
    told = [vote for vote in votes if vote.answer]
    return clustered([vote.answer < 0 for vote in told], [vote.rater for vote in told])


def attention(checks: Sequence[Check]) -> list[Attention]:
    """Of each rater, those who failed most first."""
    passed, asked = Counter(c.rater for c in checks if c.passed), Counter(c.rater for c in checks)
    rows = [Attention(rater, passed[rater], count) for rater, count in asked.items()]
    return sorted(rows, key=lambda row: (row.passed - row.checks, row.rater))


def attentive(votes: Sequence[Vote], checks: Sequence[Check], fail: int = 1) -> list[Vote]:
    """The votes of raters who failed fewer than `fail` checks."""
    out = {row.rater for row in attention(checks) if row.checks - row.passed >= fail}
    return [vote for vote in votes if vote.rater not in out]


def clustered(values: Sequence[bool | int | float], raters: Sequence[str]) -> Estimate:
    """Mean whose interval redraws raters, whose values belong together.

    Never narrower than if all values were independent: a single rater, or few who agree, would
    otherwise seem certain. Of no value: n = 0, and all that a share can be. Booleans are a share.
    """
    is_share = np.asarray(values).dtype == bool
    sample = np.asarray(values, dtype=np.float64)
    n = len(sample)
    if n == 0:
        return Estimate(0.0, 0.0, 1.0, 0)
    value = float(sample.mean())
    numbers = _numbers(raters)
    who = np.array([numbers[rater] for rater in raters])
    draws = redrawn(len(numbers)).astype(np.float64)
    drawn, votes = draws @ np.bincount(who, weights=sample), draws @ np.bincount(who)
    low, high = tails(drawn / votes)
    if is_share:  # Agresti and Coull's interval, which has a width at 0 and 1
        about, count = (sample.sum() + 2) / (n + 4), n + 4
        half = NORMAL * math.sqrt(about * (1 - about) / count)
        one, other = max(0.0, about - half), min(1.0, about + half)
    else:
        half = NORMAL * float(sample.std()) / math.sqrt(max(1, n - 1))
        one, other = value - half, value + half
    return Estimate(value, min(low, one, value), max(high, other, value), n)


def _numbers(names: Iterable[Key]) -> dict[Key, int]:
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def _joined(names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether every system is linked to the first one."""
    reached = {names[0]}
    for _ in names:
        reached |= {name for pair in pairs if reached & set(pair) for name in pair}
    return len(reached) == len(names)
