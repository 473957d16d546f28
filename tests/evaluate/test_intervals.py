"""Intervals that cover."""

import math

import numpy as np

from musiclm.evaluate.intervals import mean, share


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(150):
        estimate = mean(rng.exponential(2.0, size=60))
        covered.append(estimate.low <= 2.0 <= estimate.high)
    assert 0.88 <= np.mean(covered) <= 0.99


def test_more_examples_narrow_the_interval():
    rng = np.random.default_rng(1)
    few, many = mean(rng.standard_normal(30)), mean(rng.standard_normal(3000))
    assert many.high - many.low < 0.25 * (few.high - few.low)


def test_a_share_of_one_is_not_certain():
    estimate = share([True] * 20)
    assert estimate.value == estimate.high == 1.0
    assert 0.8 < estimate.low < 0.9
    assert share([False] * 20).low == 0.0 < share([False] * 20).high


def test_the_same_values_have_the_same_interval():
    assert mean([1.0, 2.0, 5.0]) == mean([1.0, 2.0, 5.0])


def test_what_is_not_a_number_is_not_counted():
    assert mean([1.0, math.nan, 3.0]).n == 2
    nothing = mean([])
    assert nothing.n == 0 and math.isnan(nothing.value)
