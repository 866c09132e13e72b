import numpy as np
import pytest

from tsp.tolerance import TOLERANCE, exceeds, inner_limit, outer_limit


@pytest.mark.parametrize("limit", [-1e6, -0.5, 0.0, 0.5, 1.0, 1e6])
def test_the_checker_accepts_the_inner_limit_and_rejects_the_outer_one(limit):
    assert limit < inner_limit(limit) < outer_limit(limit)
    assert not exceeds(inner_limit(limit), limit)
    assert exceeds(outer_limit(limit), limit)


def test_limits_below_one_have_the_absolute_tolerance_of_one():
    assert not exceeds(0.9 * TOLERANCE, 0.0)
    assert exceeds(1.1 * TOLERANCE, 0.0)


@pytest.mark.parametrize("relaxed", [inner_limit, outer_limit])
def test_an_array_of_limits_is_relaxed_elementwise_and_infinity_stays(relaxed):
    limits = np.array([0.0, 2e3, np.inf])
    assert relaxed(limits).tolist() == [relaxed(limit) for limit in limits.tolist()]
    assert relaxed(limits)[2] == np.inf
