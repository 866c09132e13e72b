"""The amount by which sums of floats may exceed a limit: the checker's tolerance, and a limit inside and outside it.

The tolerance is relative, so that it is the same in every unit. For limits in time it is relative to the time since
the `origin`, the first opening (`Instance.first_opening`): timestamps are large, but what happens between them is not.
All functions take floats and arrays. A lower limit is negated: `-inner_limit(-limit)`.
"""

from __future__ import annotations

from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

N = TypeVar("N", float, NDArray[np.float64])

TOLERANCE = 1e-9
"""Relative excess over a limit that the checker accepts: sums of floats may miss it by the last digits."""

LAST_DIGITS = 16 * float(np.finfo(np.float64).eps)
"""Relative error of a value itself, however near to the origin it is."""

SINGLE = 1e-6
"""The tolerance where generated instances are summed in float32."""


def allowance(limit: N, origin: float = 0.0) -> N:
    """The amount by which a value may exceed a limit in the checker."""
    return cast("N", TOLERANCE * np.abs(limit - origin) + LAST_DIGITS * np.abs(limit))


def inner_limit(limit: N, origin: float = 0.0) -> N:
    """A limit for searches and models: the checker, which sums in another order, accepts values that keep it."""
    return limit + 0.5 * allowance(limit, origin)


def outer_limit(limit: N, origin: float = 0.0) -> N:
    """A limit for bounds and proofs: every value that the checker accepts keeps it, summed in any order."""
    return limit + 2.0 * allowance(limit, origin)


def exceeds(value: float, limit: float, origin: float = 0.0) -> bool:
    """Whether the checker rejects a value above a limit."""
    if np.isinf(limit):
        return bool(value > limit)
    return bool(value > limit + allowance(limit, origin))
