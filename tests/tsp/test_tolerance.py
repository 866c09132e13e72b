import numpy as np
import pytest

from tsp.tolerance import SINGLE, TOLERANCE, allowance, exceeds, inner_limit, outer_limit


@pytest.mark.parametrize("origin", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("limit", [-1e12, -0.5, 1e-12, 0.5, 1.0, 1e6])
def test_the_checker_accepts_the_inner_limit_and_rejects_the_outer_one(limit, origin):
    origin *= limit
    assert limit < inner_limit(limit, origin) < outer_limit(limit, origin)
    assert not exceeds(inner_limit(limit, origin), limit, origin)
    assert exceeds(outer_limit(limit, origin), limit, origin)


def test_the_tolerance_is_relative_in_every_unit():
    for unit in (1e-12, 1.0, 1e12):
        assert not exceeds(unit * (1 + 0.9 * TOLERANCE), unit)
        assert exceeds(unit * (1 + 1.1 * TOLERANCE), unit)
    assert not exceeds(0.0, 0.0)
    assert exceeds(5e-324, 0.0)


def test_the_tolerance_of_a_time_is_relative_to_the_time_since_the_first_opening():
    opening = 1.7e9
    assert not exceeds(opening + 3600 + 3e-6, opening + 3600, opening)
    assert exceeds(opening + 3600 + 2e-5, opening + 3600, opening)
    assert exceeds(opening + 1e-5, opening, opening)


@pytest.mark.parametrize("relaxed", [inner_limit, outer_limit])
def test_an_array_of_limits_is_relaxed_elementwise_and_infinity_stays(relaxed):
    limits = np.array([0.0, 2e3, np.inf])
    assert relaxed(limits).tolist() == [relaxed(limit) for limit in limits.tolist()]
    assert relaxed(limits)[2] == np.inf


def test_the_allowance_is_a_billionth_and_sixteen_last_digits():
    digits = 16 * 2**-52
    assert allowance(2.0) == pytest.approx(2e-9 + 2 * digits, rel=1e-12)
    assert allowance(2.0, 1.5) == pytest.approx(0.5e-9 + 2 * digits, rel=1e-12)
    assert inner_limit(1.0) - 1.0 == pytest.approx(0.5e-9 + digits / 2, abs=3e-16)
    assert outer_limit(1.0) - 1.0 == pytest.approx(2e-9 + 2 * digits, abs=3e-16)
    assert inner_limit(0.0) == outer_limit(0.0) == allowance(0.0) == 0.0
    assert 8 * float(np.finfo(np.float32).eps) < SINGLE < 1e-5


def test_everything_exceeds_an_infinitely_low_limit_and_nothing_an_infinitely_high_one():
    assert exceeds(0.0, -np.inf)
    assert not exceeds(-np.inf, -np.inf)
    assert not exceeds(1e300, np.inf)
    assert not exceeds(np.inf, np.inf)
