"""Random numbers for compiled searches, from a state in an array, so that the seed determines all of them."""

# pyright: reportReturnType=false

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .geometry import part

Random = NDArray[np.uint64]
"""The generator's state `[1]`."""

RANGE = float(1 << 53)
"""Number of different values of `random_bits`."""


@part
def random_bits(state: Random) -> int:
    """The next 53 random bits (splitmix64: Steele, Lea, Flood, OOPSLA 2014)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64((z ^ (z >> np.uint64(31))) >> np.uint64(11))


@part
def random_below(state: Random, limit: int) -> int:
    """A random number from 0 to `limit` - 1."""
    return random_bits(state) % np.int64(limit)
