"""The data sets of Kool et al. (ICLR 2019): made bit for bit, and read from their pickles."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, cast

import numpy as np

from tsp.formats.plain_pickle import read_pickle
from tsp.instance import Array, Instance

if TYPE_CHECKING:
    from pathlib import Path

SET_SIZE = 10_000
"""Instances in each of Kool et al.'s test and validation sets."""

TEST_SEED = 1234
VALIDATION_SEED = 4321


def generate_tsp(count: int, size: int, seed: int = TEST_SEED) -> Array:
    """The first `count` TSP instances of Kool et al.'s set of `SET_SIZE` for this size and seed.

    Args:
        count: how many instances, at most `SET_SIZE`.
        size: nodes of each.
        seed: theirs is `TEST_SEED` for tests and `VALIDATION_SEED` for validation.

    Returns:
        coordinates `[count, size, 2]` in the unit square.

    Raises:
        ValueError: for a count or size out of range.
    """
    if not 1 <= count <= SET_SIZE:
        raise ValueError(f"{count} instances, expected 1 to {SET_SIZE}: Kool et al.'s sets hold {SET_SIZE}")
    if size < 1:
        raise ValueError(f"size {size}, expected 1 or more")
    # The legacy generator is the protocol. For TSP, drawing fewer gives a prefix of the whole set.
    return np.random.RandomState(seed).uniform(size=(count, size, 2))


def read_instances(path: Path) -> list[Instance]:
    """Read a pickled TSP set: a list of instances, each a list (or array) of n points `[x, y]`.

    Raises:
        ValueError: for a file that is not such a set, or that would run code.
    """
    content = read_pickle(path, depth=3)
    if isinstance(content, np.ndarray) and content.ndim:
        content = list(cast("Array", content))
    if not isinstance(content, list | tuple) or not content:
        raise ValueError(f"{path}: expected a pickled list of instances, each a list of points [x, y]")
    return [_instance(path, k, nodes) for k, nodes in enumerate(cast("list[object]", content))]


def _instance(path: Path, index: int, nodes: object) -> Instance:
    points = cast("list[list[float]]", nodes)
    try:
        if {len(point) for point in points} != {2}:
            raise TypeError
        coordinates = np.fromiter(chain.from_iterable(points), dtype=np.float64).reshape(-1, 2)
    except (OverflowError, TypeError, ValueError):
        raise ValueError(
            f"{path}: instance {index} is not a list of points [x, y] (other sets than TSP are not supported yet)"
        ) from None
    try:
        return Instance(coordinates=coordinates, name=f"{path.stem}[{index}]")
    except ValueError as error:
        raise ValueError(f"{path}: instance {index}: {error}") from None
