"""The data sets of Kool et al. (ICLR 2019), read from their pickles; `envs.kool_sets` makes them.

Node 0 is the depot, if there is one; the values that are drawn for customers are 0 at the depot.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tsp.files import MOST_INSTANCES
from tsp.formats.plain_pickle import read_pickle
from tsp.instance import Array, Instance, Realization
from tsp.problems import get_problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

QUOTA = 1.0
"""Least prize to collect in the prize-collecting TSP."""

RECORDS = {
    "cvrp": ("depot", "loc", "demands", "capacity"),
    "op": ("depot", "loc", "prizes", "max_length"),
    "pctsp": ("depot", "loc", "penalties", "prizes", "real_prizes"),
}
"""Fields of an instance's tuple in a pickle, by the kind of set; an instance of the TSP is a list of points."""


def make_instance(record: Mapping[str, Any], problem: str, name: str) -> Instance:
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


def make_realization(record: Mapping[str, Any]) -> Realization:
    """The hidden values of an instance: its real prizes."""
    return Realization(np.concatenate([[0.0], record["real_prizes"]]))


def read_instances(path: Path, problem: str | None = None) -> list[Instance]:
    """Read a pickled set: a list of instances.

    A TSP is a list (or array) of n points `[x, y]`, any other instance a tuple as in `RECORDS`.

    Args:
        path: the file.
        problem: the problem of the instances, which distinguishes tuples of the same length; None: the
            numbers decide (demands are whole and mostly larger than 1, prizes at most 1).

    Raises:
        ValueError: for a file that is not such a set, or that would run code.
    """
    return [
        _pickled_instance(path, k, item, problem) if _is_record(item) else _pickled_tsp(path, k, item)
        for k, item in enumerate(_items(path))
    ]


def read_realizations(path: Path) -> list[Realization] | None:
    """Read the real prizes of a pickled set of the prize-collecting TSP; None for any other set.

    Raises:
        ValueError: for a file that is not a set, or that would run code.
    """
    items = _items(path)
    fields = RECORDS["pctsp"]
    if not all(_is_record(item) and len(cast("list[object]", item)) == len(fields) for item in items):
        return None
    return [make_realization(_pickled_record(path, k, item, fields)) for k, item in enumerate(items)]


def _items(path: Path) -> Sequence[object]:
    content = read_pickle(path, depth=4)
    if isinstance(content, np.ndarray) and content.ndim:
        content = list(cast("Array", content))
    if not isinstance(content, list | tuple) or not content:
        raise ValueError(f"{path}: expected a pickled list of instances, each a list of points [x, y] or a tuple")
    items = cast("list[object]", content)
    if len(items) > MOST_INSTANCES:
        raise ValueError(f"{path}: {len(items)} instances, expected at most {MOST_INSTANCES} in a file")
    return items


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
    matching = [kind for kind in kinds if set(RECORDS[kind][2:4]) <= {*needs}]
    kind = (matching or kinds)[0]
    record = _pickled_record(path, index, item, RECORDS[kind])
    if not matching and kind == "cvrp" and record["demands"].max() <= 1:
        kind, record = "op", dict(zip(RECORDS["op"], record.values(), strict=True))
    try:
        return make_instance(record, kind, f"{path.stem}[{index}]")
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
