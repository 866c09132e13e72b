"""The data sets of Kool et al. (ICLR 2019), bit for bit.

Node 0 is the depot, where there is one; attributes of customers are 0 there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsp.formats.kool import make_instance, make_realization
from tsp.instance import Instance, Realization
from tsp.problems import get_problem, unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tsp.instance import Array

    Arrays = dict[str, NDArray[Any]]

SET_SIZE = 10_000
"""Instances in each of Kool et al.'s test and validation sets."""

TEST_SEED = 1234
VALIDATION_SEED = 4321


def max_length(size: int) -> float:
    """Longest orienteering tour: 2, 3, 4 for 20, 50, 100 customers (1.4 for 10), linearly interpolated between."""
    return float(np.interp(size, (10, 20, 50, 100), (1.4, 2.0, 3.0, 4.0)))


def capacity(size: int) -> float:
    """Capacity of a vehicle: 20, 30, 40, 50 for 10, 20, 50, 100 customers, linearly interpolated between, rounded."""
    return float(np.rint(np.interp(size, (10, 20, 50, 100), (20, 30, 40, 50))))


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
    _require_range(count, size)
    # Their sets come from numpy's legacy generator. For TSP, drawing fewer gives a prefix of the whole set.
    return np.random.RandomState(seed).uniform(size=(count, size, 2))


def generate(
    problem: str, distribution: str, count: int, size: int, seed: int = TEST_SEED
) -> tuple[list[Instance], list[Realization] | None]:
    """The first `count` instances of Kool et al.'s set of `SET_SIZE`, named after it, and the values that they hide.

    Their constants are for 20, 50 and 100 customers (CVRP: also 10); for other sizes see
    `max_length` and `capacity`.

    Args:
        problem: a name in `SETS`.
        distribution: `kool`; of orienteering `kool-const`, `kool-unif` or `kool-dist`, by its prizes.
        count: how many instances, at most `SET_SIZE`.
        size: number of customers; for TSP, of nodes.
        seed: theirs is `TEST_SEED` for tests and `VALIDATION_SEED` for validation.

    Raises:
        ValueError: for a problem or distribution without a set, or numbers out of range.
    """
    _require_range(count, size)
    if problem not in SETS:
        raise ValueError(f"Kool et al. have no set of {problem!r}, expected {', '.join(SETS)}")
    if distribution not in SETS[problem]:
        raise ValueError(unknown(f"distribution of {problem}", distribution, SETS[problem]))
    name = f"{distribution}{size}"
    if problem == "tsp":
        points = generate_tsp(count, size, seed)
        return [Instance(nodes, name=f"{name}[{k}]") for k, nodes in enumerate(points)], None
    arrays = draw(problem, distribution, size, seed)
    constants = {"capacity": capacity(size), "max_length": max_length(size)}
    instances: list[Instance] = []
    real: list[Realization] = []
    for k in range(count):
        here = {key: array[k] for key, array in arrays.items()}
        if "real_prizes" in here:
            real.append(make_realization(here))
        given = {key: value for key, value in constants.items() if key in get_problem(problem).needs}
        instances.append(make_instance({**here, **given}, problem, f"{name}[{k}]"))
    return instances, real if get_problem(problem).reveals else None


def draw(problem: str, distribution: str, size: int, seed: int = TEST_SEED) -> Arrays:
    """Every array of a whole set `[SET_SIZE, ...]`, in the order in which they are drawn.

    Args:
        problem: a name in `SETS`, of those with a depot.
        distribution: one of that problem's.
        size: number of customers.
        seed: of the legacy generator.
    """
    random = np.random.RandomState(seed)
    arrays: Arrays = {
        "depot": random.uniform(size=(SET_SIZE, 2)),
        "loc": random.uniform(size=(SET_SIZE, size, 2)),
    }
    return arrays | SETS[problem][distribution](random, arrays, size)


def _draw_demands(random: np.random.RandomState, arrays: Arrays, size: int) -> Arrays:
    return {"demands": random.randint(1, 10, (SET_SIZE, size))}


def _draw_penalties_and_prizes(random: np.random.RandomState, arrays: Arrays, size: int) -> Arrays:
    penalties = random.uniform(size=(SET_SIZE, size)) * (max_length(size) * 3 / size)
    expected = random.uniform(size=(SET_SIZE, size)) * 4 / size
    return {
        "penalties": penalties,
        "prizes": expected,
        "real_prizes": random.uniform(size=(SET_SIZE, size)) * expected * 2,
    }


def _draw_constant_prizes(random: np.random.RandomState, arrays: Arrays, size: int) -> Arrays:
    return {"prizes": np.ones((SET_SIZE, size))}


def _draw_uniform_prizes(random: np.random.RandomState, arrays: Arrays, size: int) -> Arrays:
    return {"prizes": (1 + random.randint(0, 100, (SET_SIZE, size))) / 100}


def _draw_distant_prizes(random: np.random.RandomState, arrays: Arrays, size: int) -> Arrays:
    far = np.linalg.norm(arrays["depot"][:, None, :] - arrays["loc"], axis=-1)
    return {"prizes": (1 + (far / far.max(axis=-1, keepdims=True) * 99).astype(int)) / 100}


SETS: dict[str, dict[str, Callable[[np.random.RandomState, Arrays, int], Arrays]]] = {
    "tsp": {"kool": lambda random, arrays, size: {}},
    "op": {
        "kool-const": _draw_constant_prizes,
        "kool-unif": _draw_uniform_prizes,
        "kool-dist": _draw_distant_prizes,
    },
    "cvrp": {"kool": _draw_demands},
    "sdvrp": {"kool": _draw_demands},
    "pctsp": {"kool": _draw_penalties_and_prizes},
    "spctsp": {"kool": _draw_penalties_and_prizes},
}
"""Each problem's distributions, and the function that draws the attributes after depot and customers."""


def _require_range(count: int, size: int) -> None:
    if not 1 <= count <= SET_SIZE:
        raise ValueError(f"{count} instances, expected 1 to {SET_SIZE}: Kool et al.'s sets hold {SET_SIZE}")
    if size < 1:
        raise ValueError(f"size {size}, expected 1 or more")
