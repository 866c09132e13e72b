"""Files of instances and solutions: one module for each format, and the choice among them here."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tsp.best_known import best_known
from tsp.files import atomic_write, write_text
from tsp.formats import csv_file, cvrplib, json_file, kool, npz, tsplib
from tsp.formats.csv_file import read_matrix
from tsp.formats.text import read_text
from tsp.problems import get_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tsp.instance import Instance
    from tsp.solution import Solution

__all__ = [
    "INSTANCE_ENDINGS",
    "SOLUTION_ENDINGS",
    "read",
    "read_matrix",
    "read_solution",
    "write_instances",
    "write_solution",
]

T = TypeVar("T")
StrPath = str | os.PathLike[str]

_READERS: dict[str, Callable[[Path], list[Instance]]] = {
    ".tsp": lambda path: [tsplib.read_instance(path)],
    ".csv": lambda path: [csv_file.read_instance(path)],
    ".npz": npz.read_instances,
    ".pkl": kool.read_instances,
}
_SAME_AS = {".pickle": ".pkl"} | dict.fromkeys((".atsp", ".vrp", ".oplib", ".sop", ".hcp"), ".tsp")

_SOLUTION_READERS: dict[str, Callable[[Path, Instance], list[NDArray[np.int64]]]] = {
    ".tour": tsplib.read_tours,
    ".sol": cvrplib.read_routes,
    ".json": json_file.read_tours,
}
_SOLUTION_FORMATS: dict[str, Callable[[Instance, Solution], str]] = {
    ".tour": tsplib.format_tours,
    ".csv": csv_file.format_itinerary,
}
SOLUTION_ENDINGS = (*_SOLUTION_FORMATS, ".json")
"""Endings of files that a solution can be written to; JSON is the command line's own, see `tsp solve --json`."""

_INSTANCE_FORMATS: dict[str, Callable[[Instance], str]] = {
    ".tsp": tsplib.format_instance,
    ".atsp": tsplib.format_instance,
    ".csv": csv_file.format_instance,
}
INSTANCE_ENDINGS = (".npz", *_INSTANCE_FORMATS)
"""Endings of files that instances can be written to."""


def read(path: StrPath, *, problem: str | None = None, matrix: StrPath | None = None) -> list[Instance]:
    """Read the instances in a file, told by its ending or else by its content.

    A set (NPZ, pickle) gives its instances in order, named `set[0]`, `set[1]`, … after the file;
    any other file gives one, named after the file too. `best_known` is filled in where the toolkit
    knows it.

    Args:
        path: the file.
        problem: what the instances are of, where the file does not say or says otherwise.
        matrix: a table of distances (see `read_matrix`) that replaces those of the one instance.

    Raises:
        ValueError: in one sentence, with the file, the line or field and what was expected.
        OSError: for a file that cannot be read.
    """
    source = Path(path)
    if problem is not None:
        get_problem(problem)
    kind = _kind(source)
    instances = _READERS[kind](source) if matrix is None else [_with_matrix(source, kind, Path(matrix))]
    return [_completed(instance, problem or instance.problem) for instance in instances]


def _kind(path: Path) -> str:
    """The key in `_READERS` for a file."""
    ending = path.suffix.lower()
    ending = _SAME_AS.get(ending, ending)
    if ending in _READERS:
        return ending
    if ending in _SOLUTION_READERS:
        raise ValueError(f"{path}: holds a solution, expected an instance")
    with path.open("rb") as file:
        start = file.read(2)
    if start == b"PK":
        return ".npz"
    if start[:1] == b"\x80":
        return ".pkl"
    first = read_text(path).text.lstrip().split("\n", 1)[0]
    if csv_file.is_header(first):
        return ".csv"
    if tsplib.is_header(first):
        return ".tsp"
    raise ValueError(f"{path}: of no known format, expected TSPLIB, CSV with x and y, NPZ or a pickled set")


def _with_matrix(path: Path, kind: str, matrix: Path) -> Instance:
    distances = read_matrix(matrix)
    if kind == ".csv":
        return csv_file.read_instance(path, distances)
    instances = _READERS[kind](path)
    if len(instances) != 1 or instances[0].matrix is not None:
        found = f"{len(instances)} instances" if len(instances) != 1 else "distances of its own"
        raise ValueError(f"{path}: has {found}, expected one instance without distances beside {matrix}")
    if len(distances) != instances[0].size:
        raise ValueError(f"{matrix}: distances of {len(distances)} nodes, expected the {instances[0].size} of {path}")
    return replace(instances[0], matrix=distances)


def _completed(instance: Instance, problem: str) -> Instance:
    if instance.problem != problem:
        instance = replace(instance, problem=problem)
    value = best_known(instance)
    return instance if value is None else replace(instance, best_known=value)


def read_solution(path: StrPath, instance: Instance) -> list[NDArray[np.int64]]:
    """Read a solution's tours, as nodes from 0; whether they are allowed is the checker's to say.

    Reads TSPLIB's `.tour`, CVRPLIB's `.sol` and the `.json` that `tsp solve` prints.

    Raises:
        ValueError: in one sentence, with the file, the line or field and what was expected.
        OSError: for a file that cannot be read.
    """
    source = Path(path)
    return _of_ending(source, _SOLUTION_READERS, tuple(_SOLUTION_READERS), "a solution")(source, instance)


def write_solution(path: StrPath, instance: Instance, solution: Solution, *, force: bool = False) -> None:
    """Write a solution as a TSPLIB `.tour` or as a `.csv` itinerary, by the ending of `path`.

    Raises:
        ValueError: for another ending, a solution without a tour, an existing file without
            `force`, or a path that cannot be written.
    """
    target = Path(path)
    text = _of_ending(target, _SOLUTION_FORMATS, SOLUTION_ENDINGS, "a solution")
    if not solution.tours:
        raise ValueError(f"{target}: not written, since {instance.name or 'the instance'} has no tour")
    write_text(target, text(instance, solution), force=force)


def write_instances(path: StrPath, instances: Sequence[Instance], *, force: bool = False) -> None:
    """Write instances of one kind as an `.npz` set, or a single one as `.tsp`, `.atsp` or `.csv`.

    Raises:
        ValueError: for another ending, instances that the format cannot hold, an existing file
            without `force`, or a path that cannot be written.
    """
    target = Path(path)
    if not instances:
        raise ValueError(f"{target}: no instance to write")
    if target.suffix.lower() == ".npz":
        with atomic_write(target, force=force) as temporary:
            npz.write_instances(temporary, instances)
        return
    text = _of_ending(target, _INSTANCE_FORMATS, INSTANCE_ENDINGS, "instances")
    if len(instances) > 1:
        raise ValueError(f"{target}: {len(instances)} instances, expected one for {target.suffix}; write .npz")
    write_text(target, text(instances[0]), force=force)


def _of_ending(path: Path, table: Mapping[str, T], endings: Sequence[str], what: str) -> T:
    ending = path.suffix.lower()
    if ending not in table:
        raise ValueError(f"{path}: ending {ending!r}, expected {' or '.join(endings)} for {what}")
    return table[ending]
