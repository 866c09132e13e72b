import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.models.ortools_cpsat.scale import FINEST, LARGEST_SUM, RESOLUTION, make_scale

numbers = st.lists(st.floats(0, 1e12, allow_subnormal=False), min_size=1, max_size=30)


@given(numbers, st.integers(1, 1000))
def test_steps_are_rounded_down_or_up_by_less_than_one_and_never_overflow(values, count):
    values = np.array(values)
    scale = make_scale(values, count)
    down, up = scale.down(values), scale.up(values)
    assert (down <= values * scale.per * (1 + 1e-14)).all()
    assert (up >= values * scale.per * (1 - 1e-14)).all()
    assert ((up - down) <= 1).all()
    assert count * int(up.max()) <= LARGEST_SUM * (1 + 1e-9)
    if scale.exact:
        assert (down == up).all()
        np.testing.assert_allclose(down / scale.per, values, rtol=1e-15)
    elif scale.per < FINEST and count * scale.per * values.max() < LARGEST_SUM / 2:
        assert count / scale.per <= values.max() / RESOLUTION


@settings(max_examples=30)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30), st.integers(0, 6))
def test_decimal_numbers_stay_exact(values, digits):
    decimals = np.array(values) / 10.0**digits
    scale = make_scale(decimals, 10)
    assert scale.exact
    assert (scale.down(decimals) / scale.per == decimals).all()
