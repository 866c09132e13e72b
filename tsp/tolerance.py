"""How far sums of floats may exceed a limit: the checker's tolerance, and a limit inside and one outside of it.

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
"""The same where generated instances are counted in float32."""


def allowance(limit: N) -> N:
    """By how much the checker lets a value exceed a limit."""
    return cast("N", TOLERANCE * np.maximum(1.0, np.abs(limit)))


def inner_limit(limit: N) -> N:
    """A limit for searches and models: what keeps it is accepted by the checker, which sums in another order."""
    return limit + 0.5 * allowance(limit)


def outer_limit(limit: N) -> N:
    """A limit for bounds and proofs: whatever the checker accepts keeps it, summed in any order."""
    return limit + 2.0 * allowance(limit)


def exceeds(value: float, limit: float) -> bool:
    """Whether the checker rejects a value above a limit."""
    return bool(value > limit + allowance(limit))
