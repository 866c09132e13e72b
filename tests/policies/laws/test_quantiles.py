import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.laws.quantiles import (
    LEVELS,
    Sample,
    Scale,
    complete,
    pinball,
    survivors,
    weighted_quantiles,
)


def sample(values):
    values = np.array(values, dtype=float)
    count = len(values)
    return Sample(np.zeros((count, 0)), np.zeros((count, 0), int), values, np.ones(count), np.arange(count))


def test_weights_of_censored_values_pass_to_all_greater_ones():
    weights = survivors(np.array([3.0, 1.0, 2.0, 4.0]), np.array([False, False, True, False]))
    assert weights == pytest.approx([1.5, 1.0, 0.0, 1.5])


def test_survivors_are_the_product_limit_of_kaplan_and_meier():
    values = np.array([6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35.0])
    censored = np.array([0, 0, 0, 1, 0, 1, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1], dtype=bool)
    weights = survivors(values, censored) / len(values)
    surviving = [1 - weights[values <= t].sum() for t in (6, 7, 10, 13, 16, 22, 23)]
    assert surviving == pytest.approx([0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], abs=6e-4)


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), min_size=1, max_size=30))
def test_no_weight_is_lost(pairs):
    values, censored = np.array([v for v, _ in pairs]), np.array([c for _, c in pairs])
    weights = survivors(values, censored)
    assert weights.sum() == pytest.approx(len(pairs))
    assert (weights >= 0).all()


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20), st.integers(0, 3))
def test_values_come_back_from_the_scale(values, absent):
    array = np.array([*values, *[np.inf] * absent])
    scale = Scale.of(array)
    assert scale.back(scale.into(array)) == pytest.approx(array, rel=1e-6, abs=1e-6 * scale.unit)


def test_only_logs_with_absences_give_infinite_values():
    far = np.array([100.0])
    assert np.isinf(Scale.of(np.array([1.0, np.inf])).back(far)).all()
    assert np.isfinite(Scale.of(np.array([1.0, 2.0])).back(far)).all()


def test_quantiles_of_equal_weights_are_those_of_the_values_and_weights_count_as_copies():
    values = np.arange(100.0)
    assert weighted_quantiles(values, np.ones(100)) == pytest.approx(values)
    copies = weighted_quantiles(np.array([1.0, 1.0, 1.0, 2.0]), np.ones(4), np.array([0.2, 0.9]))
    assert copies == pytest.approx(
        weighted_quantiles(np.array([1.0, 2.0]), np.array([3.0, 1.0]), np.array([0.2, 0.9])), abs=0.8
    )


def test_a_censored_visit_becomes_equally_likely_values_above_it():
    quantiles = np.tile(LEVELS * 10, (2, 1))
    completed = complete(sample([2.0, 6.0]), np.array([False, True]), quantiles)
    assert completed.values[0] == 2.0
    assert completed.values[1:] == pytest.approx([6.4, 7.2, 8.0, 8.8, 9.6])
    assert completed.weights.tolist() == pytest.approx([1.0, *[0.2] * 5])


def test_a_censored_value_above_its_law_stays():
    completed = complete(sample([6.0]), np.array([True]), LEVELS[None])
    assert set(completed.values.tolist()) == {6.0}


@given(st.floats(-3, 3))
def test_no_constant_has_a_smaller_pinball_loss_than_the_quantiles(shift):
    values = np.random.default_rng(0).normal(size=200)
    best = np.quantile(values, LEVELS)
    ones = np.ones(200)
    moved = pinball(np.tile(best + shift, (200, 1)), values, ones)
    assert pinball(np.tile(best, (200, 1)), values, ones) <= moved + 1e-3
