"""The amount by which sums of floats may exceed a limit: the checker's tolerance, and a limit inside and outside it.

All functions take floats and arrays. A lower limit is negated: `-inner_limit(-limit)`.
"""

from __future__ import annotations

from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

N = TypeVar("N", float, NDArray[np.float64])

TOLERANCE = 1e-9
"""Relative excess over a limit that the checker accepts: sums of floats may miss it by the last digits."""

SINGLE = 1e-6
"""The tolerance where generated instances are summed in float32."""


def allowance(limit: N) -> N:
    """The amount by which a value may exceed a limit in the checker."""
    return cast("N", TOLERANCE * np.maximum(1.0, np.abs(limit)))


def inner_limit(limit: N) -> N:
    """A limit for searches and models: the checker, which sums in another order, accepts values that keep it."""
    return limit + 0.5 * allowance(limit)


def outer_limit(limit: N) -> N:
    """A limit for bounds and proofs: every value that the checker accepts keeps it, summed in any order."""
    return limit + 2.0 * allowance(limit)


def exceeds(value: float, limit: float) -> bool:
    """Whether the checker rejects a value above a limit."""
    return bool(value > limit + allowance(limit))
