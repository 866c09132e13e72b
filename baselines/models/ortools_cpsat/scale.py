"""Numbers as integer steps, rounded in the direction that loses no solution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsp.tolerance import outer_limit

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsp.instance import Array, Integers

RESOLUTION = 2.0**20
"""Steps in the largest number, for each number of a sum, so that rounding changes the sum by 1e-6 of it at most."""

LARGEST_SUM = 2.0**52
"""The largest sum in integer steps: exact as a float, and far from overflow."""

NO_LIMIT = 2.0**60
"""Steps for limits that no sum reaches."""

FINEST = 2.0**1000
"""The most steps in a unit, near the largest float; it is reached by numbers below 1e-295 alone."""

DECIMALS = 6
"""Decimal places up to which numbers stay exact."""


class Scale(NamedTuple):
    """A scale on which numbers become integer steps.

    Attributes:
        per: steps in one unit.
        exact: whether the numbers that it was made for are whole numbers of steps.
    """

    per: float
    exact: bool

    def down(self, values: Array | float) -> Integers:
        """Steps, rounded down."""
        return self._steps(values, np.floor)

    def up(self, values: Array | float) -> Integers:
        """Steps, rounded up."""
        return self._steps(values, np.ceil)

    def _steps(self, values: Array | float, rounded: np.ufunc) -> Integers:
        steps = np.asarray(values) * self.per
        nearest = np.rint(steps)
        # 0.29 * 100 is 28.999999999999996
        return np.where(np.abs(nearest - steps) <= 4e-15 * np.abs(steps), nearest, rounded(steps)).astype(np.int64)

    def most(self, limit: float, relaxed: Callable[[float, float], float] = outer_limit, origin: float = 0.0) -> int:
        """The most steps within an upper limit, which the checker's sums may exceed by its tolerance."""
        steps = relaxed(limit, origin) * self.per
        return math.floor(min(max(steps, -NO_LIMIT), NO_LIMIT))

    def least(self, limit: float) -> int:
        """The fewest steps that reach a lower limit."""
        return math.ceil(min(-outer_limit(-limit) * self.per, NO_LIMIT))


def make_scale(numbers: Array, count: int, refinement: float = 1.0) -> Scale:
    """The scale for sums of `count` of these numbers.

    Args:
        numbers: any number of them; infinite ones are ignored.
        count: how many a sum may have.
        refinement: how many times finer than usual numbers are rounded, where they must be.
    """
    numbers = np.abs(numbers[np.isfinite(numbers)])
    largest = float(numbers.max(initial=0.0))
    if largest == 0:
        return Scale(1.0, exact=True)
    for digits in range(DECIMALS + 1):
        per = 10.0**digits
        if largest * per * count > LARGEST_SUM:
            break
        if (np.rint(numbers * per) / per == numbers).all():
            return Scale(per, exact=True)
    wanted = math.log2(refinement * RESOLUTION * count) - math.log2(largest)
    most = math.log2(LARGEST_SUM / count) - math.log2(largest)
    # Scaling by a power of two is exact.
    return Scale(math.ldexp(1.0, min(math.ceil(wanted), math.floor(most), int(math.log2(FINEST)))), exact=False)
