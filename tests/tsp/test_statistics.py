import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from tsp.statistics import Estimate, estimate_crossed, estimate_mean, format_number


@pytest.mark.parametrize("n", [2, 5, 29, 30, 400])
def test_the_interval_of_paired_differences_is_that_of_the_t_test(n):
    rng = np.random.default_rng(n)
    a, b = rng.random(n), rng.random(n)
    estimate = estimate_mean(a - b)
    expected = ttest_rel(a, b).confidence_interval(0.95)
    assert estimate.mean == pytest.approx((a - b).mean())
    assert estimate.interval == pytest.approx((expected.low, expected.high))


def test_the_estimates_of_degenerate_samples_are_defined_and_never_nan():
    assert estimate_mean([]) is None
    assert estimate_mean([3.0]) == Estimate(3.0, None)
    assert estimate_mean([3.0, 3.0, 3.0]) == Estimate(3.0, (3.0, 3.0))
    assert estimate_mean([0.0, 0.0]) == Estimate(0.0, (0.0, 0.0))


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40))
def test_the_mean_is_in_the_middle_of_its_confidence_interval(values):
    estimate = estimate_mean(values)
    low, high = estimate.interval
    assert math.isfinite(low)
    assert math.isfinite(high)
    assert low <= estimate.mean <= high
    assert (low + high) / 2 == pytest.approx(estimate.mean, abs=1e-6)


def test_the_crossed_estimate_of_one_seed_is_the_plain_estimate():
    values = np.random.default_rng(0).random(20)
    assert estimate_crossed(values[None]) == estimate_mean(values)


def test_seeds_with_equal_values_have_the_interval_of_one_seed():
    values = np.random.default_rng(0).random(20)
    one, three = estimate_mean(values), estimate_crossed(np.stack([values] * 3))
    assert three.mean == pytest.approx(one.mean)
    assert three.interval == pytest.approx(one.interval)


def test_seeds_that_differ_equally_on_all_instances_have_the_interval_of_a_sample_of_seeds():
    seeds = np.array([0.0, 1.0, 5.0])
    estimate = estimate_crossed(np.tile(seeds[:, None], 30))
    assert estimate.interval == pytest.approx(estimate_mean(seeds).interval)


@pytest.mark.parametrize("spread", [0.0, 0.2, 1.0])
def test_crossed_intervals_over_seeds_and_instances_cover_the_true_mean(spread):
    rng, covered = np.random.default_rng(0), 0
    for _ in range(400):
        values = spread * rng.normal(size=(3, 1)) + rng.normal(size=(1, 40)) + rng.normal(size=(3, 40))
        low, high = estimate_crossed(values).interval
        covered += low <= 0.0 <= high
    assert 0.9 <= covered / 400 <= 0.985


def test_values_that_are_all_equal_have_an_interval_without_width():
    assert estimate_crossed(np.ones((3, 5))) == Estimate(1.0, (1.0, 1.0))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_the_mean_of_a_value_that_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match="not all finite"):
        estimate_mean([1.0, value])


@pytest.mark.parametrize(
    ("values", "significant"), [([1.0, 1.1, 0.9], True), ([-1.0, 1.0, 0.5], False), ([0.0, 0.0], False), ([5.0], False)]
)
def test_an_estimate_is_significant_where_its_interval_does_not_contain_zero(values, significant):
    assert estimate_mean(values).significant is significant


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.0, 5, "0"),
        (7542.0, 5, "7542"),
        (66048945.0, 5, "66048945"),
        (123456.7, 5, "123457"),
        (5.69031, 5, "5.6903"),
        (0.000123456, 3, "0.000123"),
        (-2.5, 2, "-2.5"),
        (1.0, 2, "1"),
        (-0.25, 3, "-0.250"),
    ],
)
def test_numbers_are_formatted_without_exponents(value, digits, text):
    assert format_number(value, digits) == text
