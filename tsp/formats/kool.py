"""The data sets of Kool et al. (ICLR 2019): made bit for bit, and read from their pickles.

Node 0 is the depot, where there is one; what they draw for customers is 0 for it.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from tsp.formats.plain_pickle import read_pickle
from tsp.instance import Array, Instance, Realization
from tsp.problems import get_problem, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

Arrays = dict[str, NDArray[Any]]

SET_SIZE = 10_000
"""Instances in each of Kool et al.'s test and validation sets."""

TEST_SEED = 1234
VALIDATION_SEED = 4321

QUOTA = 1.0
"""Least prize to collect in the prize-collecting TSP."""

RECORDS = {
    "cvrp": ("depot", "loc", "demands", "capacity"),
    "op": ("depot", "loc", "prizes", "max_length"),
    "pctsp": ("depot", "loc", "penalties", "prizes", "real_prizes"),
}
"""What an instance's tuple in a pickle holds, of each kind of set with a depot; a TSP is a list of points."""


def max_length(size: int) -> float:
    """Longest orienteering tour: 2, 3, 4 for 20, 50, 100 customers (and 1.4 for 10), on straight lines in between."""
    return float(np.interp(size, (10, 20, 50, 100), (1.4, 2.0, 3.0, 4.0)))


def capacity(size: int) -> float:
    """Capacity of a vehicle: 20, 30, 40, 50 for 10, 20, 50, 100 customers, on straight lines in between, rounded."""
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
    # The legacy generator is the protocol. For TSP, drawing fewer gives a prefix of the whole set.
    return np.random.RandomState(seed).uniform(size=(count, size, 2))


def generate(
    problem: str, distribution: str, count: int, size: int, seed: int = TEST_SEED
) -> tuple[list[Instance], list[Realization] | None]:
    """The first `count` instances of Kool et al.'s set of `SET_SIZE`, named after it, and what they hide.

    Their constants are for 20, 50 and 100 customers (CVRP: also 10); for other sizes see
    `max_length` and `capacity`.

    Args:
        problem: a name in `SETS`.
        distribution: `kool`; of orienteering `kool-const`, `kool-unif` or `kool-dist`, by its prizes.
        count: how many instances, at most `SET_SIZE`.
        size: number of customers; for TSP, of nodes.
        seed: theirs is `TEST_SEED` for tests and `VALIDATION_SEED` for validation.

    Raises:
        ValueError: for a problem or distribution that they have no set of, or numbers out of range.
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
            real.append(_realization(here))
        given = {key: value for key, value in constants.items() if key in get_problem(problem).needs}
        instances.append(_instance({**here, **given}, problem, f"{name}[{k}]"))
    return instances, real if get_problem(problem).hides_prizes else None


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
"""Each problem's distributions, and what is drawn there after depot and customers."""


def _require_range(count: int, size: int) -> None:
    if not 1 <= count <= SET_SIZE:
        raise ValueError(f"{count} instances, expected 1 to {SET_SIZE}: Kool et al.'s sets hold {SET_SIZE}")
    if size < 1:
        raise ValueError(f"size {size}, expected 1 or more")


def _instance(record: Mapping[str, Any], problem: str, name: str) -> Instance:
    """An instance with a depot from its parts, named as in `RECORDS`."""
    parts: dict[str, Any] = {
        key: value if np.ndim(value) == 0 else np.concatenate([[0.0], value])
        for key, value in record.items()
        if key not in ("depot", "loc", "real_prizes")
    }
    points = np.vstack([record["depot"], record["loc"]])
    if "penalties" in parts:
        parts["min_prize"] = QUOTA
    return Instance(points, problem=problem, name=name, **parts)


def _realization(record: Mapping[str, Any]) -> Realization:
    return Realization(np.concatenate([[0.0], record["real_prizes"]]))


def read_instances(path: Path, problem: str | None = None) -> list[Instance]:
    """Read a pickled set: a list of instances.

    A TSP is a list (or array) of n points `[x, y]`, any other instance a tuple as in `RECORDS`.

    Args:
        path: the file.
        problem: what the instances are of, which tells tuples of the same length apart; without it
            their numbers do (demands are whole and mostly larger than 1, prizes at most 1).

    Raises:
        ValueError: for a file that is not such a set, or that would run code.
    """
    return [
        _pickled_instance(path, k, item, problem) if _is_record(item) else _pickled_tsp(path, k, item)
        for k, item in enumerate(_items(path))
    ]


def read_realizations(path: Path) -> list[Realization] | None:
    """Read the real prizes of a pickled set of the prize-collecting TSP; None for any other.

    Raises:
        ValueError: for a file that is not a set, or that would run code.
    """
    items = _items(path)
    fields = RECORDS["pctsp"]
    if not all(_is_record(item) and len(cast("list[object]", item)) == len(fields) for item in items):
        return None
    return [_realization(_pickled_record(path, k, item, fields)) for k, item in enumerate(items)]


def _items(path: Path) -> Sequence[object]:
    content = read_pickle(path, depth=4)
    if isinstance(content, np.ndarray) and content.ndim:
        content = list(cast("Array", content))
    if not isinstance(content, list | tuple) or not content:
        raise ValueError(f"{path}: expected a pickled list of instances, each a list of points [x, y] or a tuple")
    return cast("list[object]", content)


def _is_record(item: object) -> bool:
    """Whether an instance is a tuple whose second entry is a list of points."""
    try:
        parts = cast("list[list[list[float]]]", item)
        return len(parts) in map(len, RECORDS.values()) and len(parts[1][0]) == 2
    except (IndexError, KeyError, TypeError):
        return False


def _pickled_instance(path: Path, index: int, item: object, problem: str | None) -> Instance:
    length = len(cast("list[object]", item))
    kinds = [kind for kind, fields in RECORDS.items() if len(fields) == length]
    needs = () if problem is None else get_problem(problem).needs
    asked = [kind for kind in kinds if set(RECORDS[kind][2:4]) <= {*needs}]
    kind = (asked or kinds)[0]
    record = _pickled_record(path, index, item, RECORDS[kind])
    if not asked and kind == "cvrp" and record["demands"].max() <= 1:
        kind, record = "op", dict(zip(RECORDS["op"], record.values(), strict=True))
    try:
        return _instance(record, kind, f"{path.stem}[{index}]")
    except ValueError as error:
        raise ValueError(f"{path}: instance {index}: {error}") from None


def _pickled_record(path: Path, index: int, item: object, fields: Sequence[str]) -> dict[str, Any]:
    """The parts of an instance's tuple, by name."""
    try:
        parts = [np.array(part, dtype=np.float64) for part in cast("list[Any]", item)]
    except (OverflowError, TypeError, ValueError):
        parts = []
    record = dict(zip(fields, parts, strict=False))
    shapes = {name: (len(parts[1]),) for name in fields} if parts else {}
    shapes |= {"depot": (2,), "loc": (len(parts[1]), 2) if parts else (), "capacity": (), "max_length": ()}
    if len(record) < len(fields) or any(record[name].shape != shapes[name] for name in fields):
        raise ValueError(f"{path}: instance {index} is not a tuple of {', '.join(fields)}, as Kool et al. write it")
    return {name: float(part) if part.ndim == 0 else part for name, part in record.items()}


def _pickled_tsp(path: Path, index: int, nodes: object) -> Instance:
    points = cast("list[list[float]]", nodes)
    try:
        if {len(point) for point in points} != {2}:
            raise TypeError
        coordinates = np.fromiter(chain.from_iterable(points), dtype=np.float64).reshape(-1, 2)
    except (OverflowError, TypeError, ValueError):
        raise ValueError(
            f"{path}: instance {index} is not a list of points [x, y], nor a tuple as Kool et al. write them"
        ) from None
    try:
        return Instance(coordinates=coordinates, name=f"{path.stem}[{index}]")
    except ValueError as error:
        raise ValueError(f"{path}: instance {index}: {error}") from None
