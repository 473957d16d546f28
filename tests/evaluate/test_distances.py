"""The distances: right by independent formulas, blind to order, and about 0 between equals."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch

from musiclm.errors import UserError
from musiclm.evaluate.distances import fad, kernel, kld, mauve, neighbours
from musiclm.evaluate.distances.sets import jackknife
from musiclm.evaluate.intervals import Estimate

RNG = np.random.default_rng


def made(clips, windows=6, width=5, seed=0, shift=0.0, spread=1.0):
    """Clips whose windows are alike."""
    rng = RNG(seed)
    own = rng.standard_normal((clips, 1, width))
    return list(shift + spread * (own + 0.5 * rng.standard_normal((clips, windows, width))))


DISTANCES = {
    "fad": fad.fad,
    "shrunk fad": lambda one, other: fad.fad(one, other, shrink=True),
    "kad": kernel.kad,
    "mad": mauve.mad,
}
NEIGHBOURS = {
    "precision": neighbours.precision,
    "recall": neighbours.recall,
    "density": neighbours.density,
    "coverage": neighbours.coverage,
}
ALL = DISTANCES | NEIGHBOURS | {"diversity": neighbours.diversity}


def by_scipy(one, other):
    """The textbook FAD of rows."""
    first, second = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    shared = scipy.linalg.sqrtm(first @ second)
    apart = np.square(one.mean(axis=0) - other.mean(axis=0)).sum()
    return float(apart + np.trace(first + second - 2 * np.real(shared)))


@pytest.mark.parametrize(("width", "seed"), [(1, 0), (2, 1), (16, 2), (64, 3)])
def test_fad_is_what_scipy_makes_of_the_definition(width, seed):
    one = made(40, 6, width, seed)
    other = made(50, 4, width, seed + 9, shift=0.3, spread=1.4)
    if width == 1:
        one, other = ([np.hstack([c, c**2]) for c in clips] for clips in (one, other))
    told = fad.fad(one, other)
    assert told.value == pytest.approx(by_scipy(np.vstack(one), np.vstack(other)), abs=1e-6)
    assert told.low < told.value < told.high


def test_kad_of_one_window_a_clip_is_the_published_formula():
    one, other = made(30, 1, 4, 0), made(40, 1, 4, 1, shift=0.5)
    x, y = np.vstack(one), np.vstack(other)

    def squared(a, b):
        return np.square(a[:, None] - b[None]).sum(axis=-1)

    width = np.median(np.sqrt(squared(x, x)[np.triu_indices(30, 1)]))

    def k(a, b):
        return np.exp(-squared(a, b) / (2 * width**2))

    xx = (k(x, x).sum() - 30) / (30 * 29)
    yy = (k(y, y).sum() - 40) / (40 * 39)
    assert kernel.bandwidth(one) == pytest.approx(width, rel=1e-9)
    expected = 100 * (xx + yy - 2 * k(x, y).mean())
    assert kernel.kad(one, other).value == pytest.approx(expected, abs=1e-9)


def test_kad_leaves_pairs_within_a_clip_out():
    clips = made(12, 5, 3)
    width = kernel.bandwidth(clips)
    terms = [
        kernel.gaussian_kernel(a, b, width).sum()
        for i, a in enumerate(clips)
        for j, b in enumerate(clips)
        if i != j
    ]
    other = [clip + 100.0 for clip in clips]  # nothing between the two sets
    expected = 100 * 2 * sum(terms) / (12 * 11 * 25)
    assert kernel.kad(clips, other).value == pytest.approx(expected, rel=1e-9)


def test_mauve_of_two_clusters_is_the_area_below_the_curve():
    p, q = np.array([[0.8, 0.2]]), np.array([[0.3, 0.7]])
    share = np.linspace(0.0, 1.0, 20_001)[1:-1, None]
    mixed = share * p + (1 - share) * q
    x = np.exp(-5 * (q * np.log(q / mixed)).sum(axis=1))
    y = np.exp(-5 * (p * np.log(p / mixed)).sum(axis=1))
    order = np.argsort(x)
    x, y = np.append(x[order], 1.0), np.append(y[order], 0.0)
    first = x[0] * (1.0 + y[0]) / 2
    assert mauve.area(p, q)[0] == pytest.approx(first + np.trapezoid(y, x), abs=5e-3)
    assert mauve.area(p, p)[0] == pytest.approx(1.0) == mauve.area(q, q)[0]
    assert mauve.area(p, q)[0] == pytest.approx(mauve.area(q, p)[0], abs=1e-9)
    nothing = mauve.area(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))[0]
    assert nothing == pytest.approx(5 * math.gamma(5) * math.gamma(6) / math.gamma(11), rel=0.05)


@pytest.mark.parametrize("name", DISTANCES)
def test_equal_sets_are_at_no_distance(name):
    clips = made(30)
    told = DISTANCES[name](clips, [clip.copy() for clip in clips])
    if name == "kad":  # unbiased: the pairs of a set leave out what the pairs of both have
        assert told.value <= 0.0
    else:
        assert told.value == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_the_order_of_the_clips_does_not_matter(name):
    one, other = made(24), made(30, seed=1, shift=0.4)
    shuffled = [other[i] for i in RNG(3).permutation(30)]
    mixed = [one[i] for i in RNG(4).permutation(24)]
    told, again = ALL[name](one, other).value, ALL[name](mixed, shuffled).value
    assert told == pytest.approx(again, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", DISTANCES)
def test_more_noise_is_further(name):
    clips, others = made(60), made(60, seed=1)
    rng = RNG(2)
    noise = [rng.standard_normal(clip.shape) for clip in others]
    told = [
        DISTANCES[name](clips, [c + s * n for c, n in zip(others, noise, strict=True)])
        for s in (0.0, 2.0, 4.0, 8.0)
    ]
    assert all(b.value > a.value for a, b in zip(told, told[1:], strict=False)), told
    assert told[3].low > told[0].high


def test_kad_of_two_halves_is_about_nothing_on_average_and_fad_is_not():
    kads, fads = [], []
    for seed in range(30):
        clips = made(40, 6, 8, seed)
        kads.append(kernel.draws(clips[:20], clips[20:], resamples=0)[0])
        fads.append(fad.draws(clips[:20], clips[20:], resamples=0)[0])
    assert abs(np.mean(kads)) < 3 * np.std(kads) / math.sqrt(30)
    assert min(fads) > 0.0


def test_windows_of_one_clip_would_have_made_kad_larger():
    """The published formula on windows that are alike is above 0 for equal kinds of clips."""
    biased = []
    for seed in range(10):
        clips = [row[None] for clip in made(40, 6, 8, seed) for row in clip]
        biased.append(kernel.draws(clips[:120], clips[120:], resamples=0)[0])
    assert np.mean(biased) > 3 * np.std(biased) / math.sqrt(10)


def test_fad_infinity_takes_the_bias_of_few_clips_away():
    plain, infinite = [], []
    for seed in range(6):
        clips = made(120, 5, 16, seed)
        plain.append(fad.draws(clips[:60], clips[60:], resamples=0)[0])
        infinite.append(fad.fad_infinity(clips[:60], clips[60:]))
    assert abs(np.mean([one.value for one in infinite])) < 0.25 * np.mean(plain)
    assert sum(one.low < 0.0 < one.high for one in infinite) >= 4


def test_fad_infinity_finds_the_distance_of_the_distributions():
    """Normal clips moved by 0.5 in each of 8 dimensions are at 2.0, however few there are."""
    one, other = made(100, 5, 8), made(160, 5, 8, 1, shift=0.5)
    told = fad.fad_infinity(one, other)
    assert told.low < 2.0 < told.high
    assert told.high - told.low < 3.0


def test_shrinkage_is_ledoit_and_wolfs_where_a_clip_is_one_window():
    rows = RNG(0).standard_normal((30, 12)) @ RNG(1).standard_normal((12, 12))
    x = rows - rows.mean(axis=0)
    s = x.T @ x / 30
    level = np.trace(s) / 12
    spread = np.square(s - level * np.eye(12)).sum()
    error = sum(np.square(np.outer(r, r) - s).sum() for r in x) / 30**2
    told = fad.shrinkage([row[None] for row in rows])
    assert told == pytest.approx(min(1.0, error / spread), rel=1e-9)
    assert 0.0 < told < 1.0


def test_alike_windows_ask_for_more_shrinkage_and_more_clips_for_less():
    few, many = ([clip * np.arange(1, 13) for clip in made(clips, 10, 12)] for clips in (20, 400))
    loose = [row[None] for clip in few for row in clip]
    assert fad.shrinkage(few) > 1.5 * fad.shrinkage(loose)
    assert fad.shrinkage(many) < 0.3 * fad.shrinkage(few)
    assert fad.shrinkage([np.ones((3, 4))] * 5) == 1.0


def test_shrinkage_lowers_the_floor_of_few_clips():
    one, other = made(20, 5, 60, 0), made(20, 5, 60, 1)
    plain, shrunk = fad.fad(one, other), fad.fad(one, other, shrink=True)
    assert shrunk.value < 0.6 * plain.value


def test_a_strange_clip_stands_out():
    reference, clips = made(40, 6, 8), made(20, 6, 8, 1)
    clips[7] = clips[7] + 6.0
    told = fad.outliers(reference, clips)
    assert told.measure == "mahalanobis" and told.distances.argmax() == 7
    assert told.distances[7] > 3 * np.median(told.distances)
    long = [np.tile(clip, (4, 1)) for clip in clips]
    told = fad.outliers(reference, long)
    assert told.measure == "fad" and told.distances.argmax() == 7
    assert np.isfinite(fad.outliers([np.ones((3, 4))] * 2, [np.zeros((3, 4))]).distances).all()


def test_an_interval_narrows_with_more_clips():
    for measure in (*DISTANCES.values(), fad.fad_infinity, neighbours.precision):
        few = measure(made(25), made(25, seed=1, shift=0.6))
        many = measure(made(200), made(200, seed=1, shift=0.6))
        assert many.high - many.low < 0.7 * (few.high - few.low), measure
        assert few.n == 25


def test_draws_of_two_systems_are_paired():
    """Two systems that differ by little are told apart where their clips are redrawn together."""
    reference, one = made(60), made(60, seed=1, shift=0.4)
    rng = RNG(5)
    other = [1.1 * clip + 0.1 + 0.05 * rng.standard_normal(clip.shape) for clip in one]
    for draws in (fad.draws, kernel.draws):
        first, second = draws(reference, one), draws(reference, other)
        assert np.std((first - second)[1:]) < 0.6 * np.std(second[1:])


def test_precision_and_recall_tell_quality_from_variety():
    rng = RNG(0)
    reference = [rng.standard_normal((1, 4)) for _ in range(100)]
    narrow = [0.2 * rng.standard_normal((1, 4)) for _ in range(100)]
    wide = [4.0 * rng.standard_normal((1, 4)) for _ in range(100)]
    assert neighbours.precision(reference, narrow).value > 0.95
    assert neighbours.recall(reference, narrow).value < 0.5
    assert neighbours.precision(reference, wide).value < 0.6
    assert neighbours.coverage(reference, wide).value < 0.6
    assert neighbours.diversity(reference, wide).low > neighbours.diversity(reference, narrow).high


def test_density_and_coverage_are_what_they_count():
    reference = [np.array([[float(x)]]) for x in (0, 1, 2, 3, 10)]
    generated = [np.array([[float(x)]]) for x in (0.5, 100.0)]
    # To the second nearest other clip: 2, 1, 1, 2 and 8 far.
    assert neighbours.density(reference, generated, k=2).value == pytest.approx((2 / 2 + 0) / 2)
    assert neighbours.coverage(reference, generated, k=2).value == pytest.approx(2 / 5)
    assert neighbours.precision(reference, generated, k=2).value == 0.5


def test_diversity_counts_different_clips():
    reference = made(40)
    apart = [np.full((2, 5), 1000.0 * k) for k in range(6)]
    assert neighbours.diversity(reference, apart).value == pytest.approx(6.0, rel=1e-6)
    twice = neighbours.diversity(reference, apart + apart).value
    assert twice == pytest.approx(6.0, rel=1e-6)
    same = neighbours.diversity(reference, [apart[0]] * 9)
    assert (same.value, same.low, same.high) == pytest.approx((1.0, 1.0, 1.0))


def test_kld_is_the_definition_and_the_mean_over_questions():
    p, q = np.array([[0.7, 0.3, 0.9, 0.1]]), np.array([[0.4, 0.6, 0.5, 0.5]])
    groups = ((0, 1), (2, 3))
    first = 0.7 * math.log(0.7 / 0.4) + 0.3 * math.log(0.3 / 0.6)
    second = 0.9 * math.log(0.9 / 0.5) + 0.1 * math.log(0.1 / 0.5)
    assert kld.paired(p, q, groups).value == pytest.approx((first + second) / 2, abs=1e-9)
    assert kld.marginal(p, q, groups).value == pytest.approx((first + second) / 2, abs=1e-9)
    one = kld.paired(p[:, :2], q[:, :2]).value
    assert one == pytest.approx(first, abs=1e-9)


def test_kld_agrees_with_torch_and_bounds_what_never_happens():
    rng = RNG(0)
    p, q = rng.dirichlet(np.ones(7), 50), rng.dirichlet(np.ones(7), 50)
    theirs = torch.nn.functional.kl_div(
        torch.from_numpy(q).log(), torch.from_numpy(p), reduction="none"
    )
    assert kld.each(p, q) == pytest.approx(theirs.sum(dim=1).numpy(), abs=1e-4)
    never = kld.paired(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))
    assert never.value == pytest.approx(-math.log(1e-6), abs=1e-3)


def test_shuffled_pairs_change_paired_kld_and_not_marginal():
    rng = RNG(0)
    p = rng.dirichlet(np.full(5, 0.3), 80)
    order = rng.permutation(80)
    assert kld.paired(p, p).value == pytest.approx(0.0, abs=1e-9)
    assert kld.paired(p, p[order]).low > 0.3
    assert kld.marginal(p, p[order]).value == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_sets_without_a_meaning_are_refused_by_name(name):
    good = made(5)
    measure = ALL[name]
    with pytest.raises(UserError, match="[23] reference clips or more; there are 0"):
        measure([], good)
    with pytest.raises(UserError, match="[23] generated clips or more; there are 1"):
        measure(good, good[:1])
    broken = [clip.copy() for clip in good]
    broken[2][0, 0] = np.nan
    with pytest.raises(UserError, match="of the generated set is not finite"):
        measure(good, broken)
    with pytest.raises(UserError, match="two embedders"):
        measure(good, made(5, width=7))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("clips", ["two", "identical", "constant"])
def test_odd_sets_have_a_number_or_a_clear_line(name, clips):
    sets = {"two": made(2), "identical": [made(1)[0]] * 6, "constant": [np.ones((4, 5))] * 6}
    for one, other in ((made(8), sets[clips]), (sets[clips], made(8)), (sets[clips],) * 2):
        try:
            told = ALL[name](one, other)
        except UserError as error:
            if clips == "two":
                assert name == "kad" and "there are 2" in str(error)
            else:
                assert "all windows of the reference are the same" in str(error)
                assert clips == "constant" or name == "diversity"
        else:
            assert all(map(math.isfinite, (told.value, told.low, told.high))), told
            assert told.low <= told.high


def test_too_few_clips_are_not_extrapolated():
    with pytest.raises(UserError, match="FAD-infinity needs 8 generated clips or more"):
        fad.fad_infinity(made(20), made(5))


def test_pairs_that_do_not_match_are_refused():
    p = np.full((4, 2), 0.5)
    with pytest.raises(UserError, match="there are 4 and 3"):
        kld.paired(p, p[:3])
    with pytest.raises(UserError, match="two taggers"):
        kld.marginal(p, np.full((4, 3), 1 / 3))
    with pytest.raises(UserError, match="there are none"):
        kld.paired(p[:0], p[:0])


def test_a_jackknife_of_the_mean_has_the_textbook_interval():
    values = RNG(0).standard_normal(20)
    told = jackknife(lambda left: float(values[left].mean()), 20)
    half = 1.96 * values.std(ddof=1) / math.sqrt(20)
    assert isinstance(told, Estimate)
    assert (told.high - told.low) / 2 == pytest.approx(half, rel=1e-9)
