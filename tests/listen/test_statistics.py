"""Known strengths are found again, small examples come out as printed, and nothing breaks."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

from musiclm.listen.davidson import chances, fit
from musiclm.listen.krippendorff import alpha, coincidences
from musiclm.listen.opinions import (
    Rating,
    compare,
    friedman,
    means,
    refused,
    screened,
)
from musiclm.listen.signed_rank import signed_rank
from musiclm.listen.statistics import (
    Check,
    Strengths,
    Vote,
    agreement,
    attention,
    attentive,
    bradley_terry,
    clustered,
    firsts,
    left,
    missing,
    repeats,
    wilcoxon,
    wins,
)

SYSTEMS = {"musiclm": 0.4, "riffusion": -0.4, "mubert": -0.8, "real": 0.8}  # log-strengths
NAMES = sorted(SYSTEMS)
PAIRS = [(a, b) for i, a in enumerate(NAMES) for b in NAMES[i + 1 :]]
INDICES = [(NAMES.index(a), NAMES.index(b)) for a, b in PAIRS]
NU = 0.4


def simulated(seed: int, each: int = 200, raters: int = 20, apart: float = 0.0) -> list[Vote]:
    """`each` votes a pair; raters differ from the truth by `apart` in each log-strength."""
    rng = np.random.default_rng(seed)
    tastes = apart * rng.standard_normal((raters, len(NAMES)))
    votes = []
    for number in range(each):
        for pair in PAIRS:
            who = int(rng.integers(raters))
            a, b = (SYSTEMS[name] + tastes[who, NAMES.index(name)] for name in pair)
            outcome = rng.choice(3, p=chances(a, b, math.log(NU)))
            answer = (outcome - 1) * int(rng.choice([1, 2]))  # negative: the first of the pair
            vote = Vote(f"rater {who}", f"prompt {number}", *pair, answer)
            votes.append(swapped(vote) if rng.random() < 0.5 else vote)
    return votes


def swapped(vote: Vote) -> Vote:
    return replace(vote, left=vote.right, right=vote.left, answer=-vote.answer)


def numbers(value: Any) -> Iterator[float]:
    """Every number in results, however deep."""
    if is_dataclass(value):
        value = [getattr(value, field.name) for field in fields(value)]
    if isinstance(value, float):
        yield value
    elif isinstance(value, Iterable) and not isinstance(value, str):
        for one in value:
            yield from numbers(one)


def truth(systems: dict[str, float]) -> dict[str, float]:
    middle = sum(systems.values()) / len(systems)
    return {name: value - middle for name, value in systems.items()}


def covered(strengths: Strengths, true: dict[str, float]) -> list[bool]:
    return [row.low <= true[row.system] <= row.high for row in strengths.systems]


def test_known_strengths_lie_in_their_intervals():
    found = [bradley_terry(simulated(seed)) for seed in range(12)]
    assert np.mean([hit for one in found for hit in covered(one, truth(SYSTEMS))]) > 0.85
    assert [row.system for row in found[0].systems] == ["real", "musiclm", "riffusion", "mubert"]
    assert abs(found[0].ties - NU) < 0.15 and found[0].joined
    assert max(row.high - row.low for row in found[0].systems) < 0.5


def test_intervals_cover_when_raters_have_tastes_of_their_own():
    # What a world of such raters would say together.
    world = bradley_terry(simulated(999, each=1500, raters=100_000, apart=1.0))
    true = {row.system: row.value for row in world.systems}
    worlds = [simulated(seed, apart=1.0) for seed in range(12)]
    assert np.mean([hit for one in worlds for hit in covered(bradley_terry(one), true)]) > 0.8
    # Intervals that forget raters do not cover: the spread of independent votes alone.
    alone = []
    for votes in worlds:
        found = fit(np.array(INDICES), tally(votes), len(NAMES))
        off = abs(found.strengths[0] - [true[name] for name in NAMES])
        alone += (off < 1.96 * found.deviations[0]).tolist()
    assert np.mean(alone) < 0.7


def tally(votes: list[Vote]) -> np.ndarray:
    counts = np.zeros((1, len(PAIRS), 3))
    for vote in votes:
        counts[0, PAIRS.index(vote.pair), 1 - np.sign(vote.toward_first)] += 1
    return counts


def test_the_fit_is_the_likeliest():
    from scipy.optimize import minimize

    rng = np.random.default_rng(0)
    pairs = np.array([(i, j) for i in range(4) for j in range(i + 1, 4)])
    counts = rng.integers(5, 400, (6, 3)).astype(float)

    def loss(x):
        logs = [np.log(chances(x[i], x[j], x[4])) for i, j in pairs]
        return -(counts * np.array(logs)).sum() + (x**2).sum() / 18

    best = minimize(loss, np.zeros(5), method="BFGS", options={"gtol": 1e-8}).x
    found = fit(pairs, counts[None], 4)
    assert np.allclose(found.strengths[0], best[:4] - best[:4].mean(), atol=1e-5)
    assert found.ties[0] == pytest.approx(best[4], abs=1e-5)


def test_two_systems_have_the_odds_of_their_wins():
    counts = np.array([[[3000.0, 1500.0, 1000.0]]])
    found = fit(np.array([[0, 1]]), counts, 2)
    first, neither, second = chances(*found.strengths[0], found.ties[0])
    assert (first, neither, second) == pytest.approx((6 / 11, 3 / 11, 2 / 11), abs=1e-3)


def test_wins_are_preferences_strong_or_weak():
    answers = [-2, -1, 0, 1, 2, 2]
    votes = [Vote("r", f"p{i}", "a", "b", answer) for i, answer in enumerate(answers)]
    votes.append(Vote("r", "p9", "b", "c", -1))
    found = {row.system: (row.wins, row.comparisons) for row in wins(votes)}
    assert found == {"a": (2, 6), "b": (4, 7), "c": (0, 1)}
    assert all(0 <= row.share.low <= row.share.value <= row.share.high <= 1 for row in wins(votes))


def test_swapping_sides_changes_nothing_but_the_side():
    votes = simulated(1, each=40)
    other = [swapped(vote) for vote in votes]
    for statistic in (wins, wilcoxon, bradley_terry, agreement, repeats):
        assert statistic(votes) == statistic(other)
    assert left(votes).value == pytest.approx(1 - left(other).value)


def test_renaming_systems_renames_the_results():
    votes = simulated(2, each=40)
    names = dict(zip(NAMES, ["zeta", "beta", "omega", "alpha"], strict=True))
    other = [replace(v, left=names[v.left], right=names[v.right]) for v in votes]
    before = {names[r.system]: r for r in bradley_terry(votes).systems}
    for row in bradley_terry(other).systems:
        assert row.value == pytest.approx(before[row.system].value, abs=1e-6)
        assert row.low == pytest.approx(before[row.system].low, abs=1e-6)
    decided = {(frozenset((names[p.first], names[p.second])), p.p) for p in wilcoxon(votes)}
    assert {key for key, _ in decided} == {frozenset((p.first, p.second)) for p in wilcoxon(other)}
    assert sorted(p for _, p in decided) == pytest.approx(sorted(p.p for p in wilcoxon(other)))


def test_the_order_of_votes_does_not_matter():
    votes = simulated(3, each=40)
    mixed = [votes[i] for i in np.random.default_rng(0).permutation(len(votes))]
    assert wilcoxon(votes) == wilcoxon(mixed)
    assert [(r.system, r.wins) for r in wins(votes)] == [(r.system, r.wins) for r in wins(mixed)]
    one, other = bradley_terry(votes), bradley_terry(mixed)
    for row, again in zip(one.systems, other.systems, strict=True):
        assert row.value == pytest.approx(again.value, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_signed_rank_test_counts_all_signs(seed):
    """Against every one of the 2^n ways to draw signs."""
    from scipy.stats import rankdata

    rng = np.random.default_rng(seed)
    d = rng.choice([-2, -1, 0, 1, 2], 11, p=[0.1, 0.1, 0.2, 0.3, 0.3])
    ranks = rankdata(abs(d))[d != 0]
    signs = np.array(np.meshgrid(*[[-1, 1]] * len(ranks))).reshape(len(ranks), -1)
    seen = abs(np.sign(d[d != 0]) @ ranks)
    assert signed_rank(d) == pytest.approx((abs(ranks @ signs) >= seen - 1e-9).mean())


@pytest.mark.parametrize("n", [99, 400])
def test_the_signed_rank_test_is_scipys(n):
    from scipy.stats import wilcoxon as theirs

    rng = np.random.default_rng(n)
    d = rng.choice([-2, -1, 0, 1, 2], n, p=[0.15, 0.2, 0.2, 0.25, 0.2])
    normal = theirs(d, zero_method="pratt", correction=False, method="asymptotic").pvalue
    assert signed_rank(d) == pytest.approx(normal, rel=0.05, abs=0.01)
    distinct = rng.standard_normal(40) + 0.3
    assert signed_rank(distinct) == pytest.approx(theirs(distinct, method="exact").pvalue)


def test_false_alarms_are_as_rare_as_promised():
    rng = np.random.default_rng(0)
    p = [signed_rank(rng.choice([-2, -1, 0, 1, 2], 60)) for _ in range(400)]
    assert 0.02 < np.mean(np.array(p) < 0.05) < 0.08


def test_the_papers_thresholds():
    pairs = wilcoxon(simulated(0))
    assert len(pairs) == 6 and pairs[0].threshold == pytest.approx(0.01 / 6)
    assert wilcoxon(simulated(0), comparisons=15)[0].threshold == pytest.approx(0.01 / 15)
    best = {(p.first, p.second): p.better for p in pairs}
    assert best["mubert", "real"] == "real" and best["musiclm", "riffusion"] == "musiclm"
    assert sum(pair.votes for pair in pairs) == 1200


def test_the_needed_number_of_votes_gives_the_power():
    rng = np.random.default_rng(0)
    pool = [-2] * 10 + [-1] * 20 + [0] * 20 + [1] * 30 + [2] * 20
    threshold = 0.01 / 6
    more = missing(pool, threshold)
    assert more is not None
    decided = [signed_rank(rng.choice(pool, len(pool) + more)) < threshold for _ in range(300)]
    assert 0.72 < np.mean(decided) < 0.88
    assert missing([1, -1, 2, -2, 0], threshold) is None


def test_only_undecided_pairs_need_votes():
    votes = simulated(0, each=60)
    pairs = wilcoxon(votes)
    undecided = [pair for pair in pairs if pair.better is None]
    assert undecided and len(undecided) < len(pairs)
    assert all((pair.more is None) == (pair.better is not None) for pair in pairs)
    assert all(pair.more > 0 for pair in undecided)


def test_alpha_is_krippendorffs():
    """Computing Krippendorff's Alpha-Reliability (2011), section E: ordinal data."""
    raters = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]
    units = [[int(r[i]) - 1 for r in raters if r[i] != "."] for i in range(12)]
    assert alpha(coincidences(units, 5).sum(axis=0)) == pytest.approx(0.815, abs=5e-4)


def test_agreement_knows_echoes_from_noise():
    rng = np.random.default_rng(0)
    told = [int(a) for a in rng.integers(-2, 3, 60)]
    same = [Vote(r, f"p{i}", "a", "b", told[i]) for r in "xyz" for i in range(60)]
    # One of them hears the clips on the other sides.
    same = [swapped(vote) if vote.rater == "y" else vote for vote in same]
    assert agreement(same).alpha == pytest.approx(1.0)
    noise = [replace(vote, answer=int(rng.integers(-2, 3))) for vote in same]
    found = agreement(noise)
    assert found.low < 0 < found.high and found.questions == 60 and found.ratings == 180


def test_repeats_count_once_and_tell_consistency():
    first = [Vote("r", f"p{i}", "a", "b", -1) for i in range(6)]
    again = [swapped(first[0]), replace(first[1], answer=1), replace(first[2], answer=-2)]
    votes = first + again
    assert firsts(votes) == first
    assert wins(votes) == wins(first) and wilcoxon(votes) == wilcoxon(first)
    found = repeats(votes)
    assert found.n == 3
    assert found.same.value == pytest.approx(1 / 3) and found.turned.value == pytest.approx(1 / 3)


def test_inattentive_raters_are_found_and_left_out():
    checks = [Check("a", True), Check("a", True), Check("b", False), Check("b", True)]
    assert [(r.rater, r.passed, r.checks) for r in attention(checks)] == [("b", 1, 2), ("a", 2, 2)]
    votes = [Vote("a", "p", "x", "y", 1), Vote("b", "p", "x", "y", 1), Vote("c", "p", "x", "y", 1)]
    assert [vote.rater for vote in attentive(votes, checks)] == ["a", "c"]
    assert len(attentive(votes, checks, fail=2)) == 3


def one_sided(n: int, raters: int) -> list[Vote]:
    return [Vote(f"r{i % raters}", f"p{i}", "a", "b", -2) for i in range(n)]


DEGENERATE = {
    "no vote": [],
    "one vote": one_sided(1, 1),
    "one rater": simulated(0, each=5, raters=1),
    "never wins": one_sided(50, 10),
    "all ties": [replace(vote, answer=0) for vote in one_sided(50, 10)],
    "islands": one_sided(9, 3) + [Vote("r0", "p", "c", "d", 1)],
    "only repeats": one_sided(1, 1) * 5,
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_odd_experiments_give_clean_numbers(name):
    votes = DEGENERATE[name]
    everything = [
        *wins(votes),
        *wilcoxon(votes),
        *bradley_terry(votes).systems,
        agreement(votes),
        repeats(votes),
    ]
    assert all(math.isfinite(number) for number in numbers([*everything, left(votes)]))
    strengths = bradley_terry(votes)
    assert all(row.low <= row.value <= row.high for row in strengths.systems)
    if votes and name not in ("one rater", "islands"):
        assert len(strengths.systems) == 2
    assert strengths.joined == (name != "islands")


def test_a_system_that_never_wins_is_last_and_uncertain():
    best, worst = bradley_terry(one_sided(50, 10)).systems
    assert best.system == "a" and best.low > 0 > worst.high
    assert 1.0 < best.value < 10.0 and best.high - best.low > 1.0
    tied = bradley_terry(DEGENERATE["all ties"])
    assert tied.ties > 10 and tied.systems[0].value == pytest.approx(0, abs=1e-9)


def test_one_rater_is_not_certain():
    few = clustered([True, False] * 10, ["only"] * 20)
    assert few.low < 0.4 and few.high > 0.6
    wide = clustered([True] * 10 + [False] * 10, ["x"] * 10 + ["y"] * 10)
    assert (wide.low, wide.high) == (0.0, 1.0)  # two raters who disagree about everything


def rated(seed: int = 0, raters: int = 20, prompts: int = 6) -> list[Rating]:
    rng = np.random.default_rng(seed)
    true = {"reference": 97.0, "ours": 60.0, "theirs": 57.0, "anchor": 20.0}
    return [
        Rating(f"r{r}", f"p{p}", name, float(np.clip(score + 6 * rng.standard_normal(), 0, 100)))
        for r in range(raters)
        for p in range(prompts)
        for name, score in true.items()
    ]


def test_means_and_tests_of_ratings():
    ratings = rated()
    found = means(ratings)
    assert [row.system for row in found] == ["reference", "ours", "theirs", "anchor"]
    assert found[1].mean.low < 60 < found[1].mean.high and found[1].ratings == 120
    better = {(row.first, row.second): row.better for row in compare(ratings)}
    assert better["anchor", "ours"] == "ours" and len(better) == 6
    few = {(row.first, row.second): row for row in compare(rated(raters=2, prompts=3))}
    assert few["ours", "theirs"].better is None and few["ours", "theirs"].more


def test_friedman_is_scipys():
    from scipy.stats import friedmanchisquare

    rng = np.random.default_rng(0)
    scores = rng.integers(1, 6, (30, 4)) + np.array([0, 0, 1, 1])
    ratings = [
        Rating("r", str(i), "abcd"[j], int(scores[i, j])) for i in range(30) for j in range(4)
    ]
    theirs = friedmanchisquare(*scores.T)
    ours = friedman(ratings)
    assert (ours.statistic, ours.p) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert ours.blocks == 30


def test_raters_who_miss_the_reference_are_refused():
    ratings = rated(raters=3, prompts=20)
    ratings = [replace(r, score=95.0) if r.system == "reference" else r for r in ratings]

    def low(rater: str, missed: int) -> list[Rating]:
        prompts = {f"p{i}" for i in range(missed)}
        return [
            replace(r, score=89.0)
            if r.rater == rater and r.system == "reference" and r.prompt in prompts
            else r
            for r in ratings
        ]

    assert refused(low("r1", 3), "reference") == []  # 15 % exactly may be missed
    out = refused(low("r1", 4), "reference")
    assert [(one.rater, one.missed, one.trials) for one in out] == [("r1", 4, 20)]
    assert {r.rater for r in screened(low("r1", 4), "reference")} == {"r0", "r2"}


@pytest.mark.parametrize("ratings", [[], rated()[:1], [replace(r, score=3) for r in rated()]])
def test_odd_ratings_give_clean_numbers(ratings):
    everything = [*means(ratings), *compare(ratings), friedman(ratings)]
    assert all(math.isfinite(number) for number in numbers(everything))
    assert friedman(ratings).p == 1.0
