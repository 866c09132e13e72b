"""Files of instances and solutions: one module for each format; here the format is chosen."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from tsp.best_known import best_known
from tsp.composition import problem_of
from tsp.files import atomic_write, require_readable, write_text
from tsp.formats import (
    concorde,
    csv_file,
    cvrplib,
    foreign,
    geojson,
    itinerary_file,
    json_file,
    kool,
    npz,
    optw,
    orienteering,
    pctsp,
    point_list,
    solomon,
    tsplib,
    tsptw,
)
from tsp.formats.csv_file import read_walls
from tsp.formats.json_content import describe_json, is_matrix, read_json
from tsp.formats.matrix_file import is_table, read_table
from tsp.formats.number_table import rows
from tsp.formats.plan import Plan
from tsp.formats.text import TextFile, read_text, without_gz
from tsp.problems import get_problem
from tsp.solution import check
from tsp.units import refuse_units, require_speed, require_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tsp.instance import Array, Instance, Realization
    from tsp.solution import Solution

__all__ = [
    "INSTANCE_ENDINGS",
    "SOLUTION_ENDINGS",
    "Plan",
    "open_set",
    "read",
    "read_matrix",
    "read_plan",
    "read_plans",
    "read_realizations",
    "read_solution",
    "read_walls",
    "walls_beside",
    "with_best_known",
    "write_instances",
    "write_solution",
]

T = TypeVar("T")
StrPath = str | os.PathLike[str]

WALLS = ".walls.csv"
"""Ending of the file of walls beside a CSV file of nodes."""

_READERS: dict[str, Callable[[Path], list[Instance]]] = {
    ".tsp": lambda path: [tsplib.read_instance(path)],
    ".csv": lambda path: [csv_file.read_instance(path)],
    ".npy": lambda path: [read_table(path).instance()],
    ".json": lambda path: [read_table(path).instance()],
    "matrix": lambda path: [read_table(path).instance()],
    ".npz": npz.read_instances,
    ".pkl": kool.read_instances,
    ".geojson": lambda path: [geojson.read_instance(path)],
    "points": lambda path: [point_list.read_instance(path)],
    "op": lambda path: [orienteering.read_paths(path)],
    "top": lambda path: [orienteering.read_team(path)],
    "optw": lambda path: [optw.read_instance(path)],
    "cvrptw": lambda path: [solomon.read_instance(path)],
    "tsptw": lambda path: [tsptw.read_instance(path)],
    "pctsp": lambda path: [pctsp.read_instance(path)],
}
"""Readers by the file's ending; where a format has no ending of its own, by the problem."""
_EARTH_READERS: dict[str, Callable[[Path, str | None, float | None], Instance]] = {
    ".csv": lambda path, unit, speed: csv_file.read_instance(path, unit=unit, speed=speed),
    ".geojson": lambda path, unit, speed: geojson.read_instance(path, unit=unit, speed=speed),
}
"""Those of `_READERS` that read places on the Earth, with a unit of length and a speed."""
_SAME_AS = {
    ".pickle": ".pkl",
    **dict.fromkeys((".atsp", ".vrp", ".oplib", ".sop", ".hcp"), ".tsp"),
    ".tw": "tsptw",
    ".pctsp": "pctsp",
}
_BINARY = (".npz", ".pkl")
"""Kinds of files that are not text, and that nothing unpacks."""
_NUMBER_TABLES = {"tsptw": (1, None), "op": (2, 3), "optw": (4, 2)}
"""Problem → the count of numbers in the first line of a file, and in the second (None: any)."""

_SOLUTION_READERS: dict[str, Callable[[Path, Instance], Plan]] = {
    ".tour": lambda path, instance: Plan(tsplib.read_tours(path, instance)),
    ".sol": cvrplib.read_plan,
    ".json": json_file.read_plan,
    ".csv": itinerary_file.read_plan,
    "concorde": lambda path, instance: Plan(concorde.read_tour(path, instance)),
    "edges": lambda path, instance: Plan(concorde.read_edges(path, instance)),
}
"""Readers by the file's ending; Concorde's files, which have various endings, are recognized by their content."""
_SOLUTION_FORMATS: dict[str, Callable[[Instance, Solution], str]] = {
    ".tour": tsplib.format_tours,
    ".sol": cvrplib.format_routes,
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


def read(
    path: StrPath,
    *,
    problem: str | None = None,
    matrix: StrPath | None = None,
    unit: str | None = None,
    speed: float | None = None,
    walls: StrPath | Literal[False] | None = None,
) -> list[Instance]:
    """Read the instances in a file, whose format follows from its ending or else from its content.

    A text file may be packed with gzip; its name without `.gz` counts. A set (NPZ, pickle) gives its
    instances in order, named `set[0]`, `set[1]`, … after the file; any other file gives one, named after
    the file too. `best_known` is filled in from the table of `tsp.best_known`.

    Args:
        path: the file.
        problem: the problem of the instances, instead of the one that the file names or its data imply
            (`tsp.composition.implied_problem`); it also decides the format of a file whose content fits several.
        matrix: a table of distances (see `read_matrix`) that replaces those of the one instance.
        unit: unit of distances between places on the Earth (`m`, `km` or `mi`; default km).
        speed: kilometres an hour (default 50), where times of such a file come from a clock.
        walls: a file of walls (see `read_walls`), around which ways lead; None: the one beside a CSV file, if there is
            one (`NAME.walls.csv` beside `NAME.csv`); False: none.

    Raises:
        ValueError: in one sentence, with the file, the line or field and what was expected.
        OSError: for a file that cannot be read.
    """
    source = Path(path)
    if problem is not None:
        get_problem(problem)
    unit = None if unit is None else require_unit(unit)
    speed = None if speed is None else require_speed(speed)
    kind = _kind(source, problem)
    name = without_gz(source)
    if name != source and kind in _BINARY:
        raise ValueError(f"{source}: a packed {name.suffix} file, expected a text file in .gz; unpack it first")
    if matrix is not None or kind not in _EARTH_READERS:
        try:
            refuse_units("expected CSV with lat and lon, or GeoJSON, without a matrix", unit, speed)
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from None
    if matrix is not None:
        instances = [_with_matrix(source, kind, Path(matrix))]
    elif kind in _EARTH_READERS:
        instances = [_EARTH_READERS[kind](source, unit, speed)]
    elif kind == ".pkl":
        instances = kool.read_instances(source, problem)
    else:
        instances = _READERS[kind](source)
    if name != source:
        instances = [replace(instance, name=name.stem) for instance in instances]
    if walls is None and kind == ".csv" and _name_of_walls(source).exists():
        walls = _name_of_walls(source)
    if walls:
        instances = _with_walls(instances, Path(walls))
    return [_completed(instance, problem or instance.problem) for instance in instances]


def read_realizations(path: StrPath) -> list[Realization] | None:
    """Read the hidden attributes of a set's instances, which solvers must not see; None for a file without them.

    Raises:
        ValueError: in one sentence, with the file and what was expected.
        OSError: for a file that cannot be read.
    """
    source = Path(path)
    readers = {".npz": npz.read_realizations, ".pkl": kool.read_realizations}
    reader = readers.get(_kind(source, None))
    return None if reader is None else reader(source)


def open_set(path: StrPath, *, problem: str | None = None) -> npz.NpzSet | None:
    """Open an NPZ set whose instances are made one by one; None for a file of another format.

    What `read` adds to an instance beside its `problem`, `with_best_known` adds.

    Raises:
        ValueError: in one sentence, with the file and what was expected.
        OSError: for a file that cannot be read.
    """
    source = require_readable(path)
    ending = without_gz(source).suffix.lower()
    if ending in _READERS.keys() | _SAME_AS.keys() and ending != ".npz":
        return None
    if _kind(source, problem) != ".npz":
        return None
    if problem is not None:
        get_problem(problem)
    found = npz.read_set(source, mapped=True)
    found.words["problem"] = problem or found.words["problem"]
    return found


def with_best_known(instance: Instance) -> Instance:
    """The instance with its best known value, where the table of `tsp.best_known` has one."""
    return _completed(instance, instance.problem)


def _kind(path: Path, problem: str | None) -> str:
    """The key in `_READERS` for a file."""
    ending = without_gz(path).suffix.lower()
    ending = _SAME_AS.get(ending, ending)
    if ending == ".json":
        return _json_kind(path)
    if ending == ".csv":
        return _csv_kind(read_text(path))
    if ending in _READERS:
        return ending
    if ending in _SOLUTION_READERS:
        raise ValueError(f"{path}: holds a solution, expected an instance")
    with require_readable(path).open("rb") as file:
        start = file.read(2)
    if start == b"PK":
        foreign.refuse_foreign(path, path.read_bytes())
        return ".npz"
    if start[:1] == b"\x80":
        return ".pkl"
    return _text_kind(read_text(path), problem)


def _json_kind(path: Path) -> str:
    """The key in `_READERS` for a JSON file; one that holds no instance is refused by what it is."""
    content = read_json(path)
    if geojson.is_geojson(content):
        return ".geojson"
    if is_matrix(content):
        return ".json"
    raise ValueError(
        f"{path}: holds {describe_json(content)}, expected an instance, such as points in GeoJSON or a matrix"
    )


def _csv_kind(file: TextFile) -> str:
    """The key in `_READERS` for a CSV file; without a header it is a table of distances or a list of points."""
    if csv_file.is_header(file.text.lstrip().split("\n", 1)[0]):
        return ".csv"
    if is_table(file) or point_list.has_zero_diagonal(file):
        return "matrix"
    return "points" if point_list.begins_with_point(file) else ".csv"


def _text_kind(file: TextFile, problem: str | None) -> str:
    first = file.text.lstrip().split("\n", 1)[0]
    if first.startswith(("{", "[")):
        return _json_kind(file.path)
    if solomon.is_fleet(file):
        return "cvrptw"
    if csv_file.is_header(first):
        return ".csv"
    if problem not in _READERS and point_list.is_list(file):
        return "points"
    if tsplib.is_header(first):
        return ".tsp"
    if orienteering.is_team_header(file):
        return "top"
    if is_table(file):
        return "matrix"
    widths = [len(row.words) for row in rows(file, 2) if row.is_numeric]
    for kind, (width, following) in _NUMBER_TABLES.items():
        if widths[:1] == [width] and (problem == kind or following in (None, *widths[1:])):
            return kind
    if pctsp.is_table(file):
        return "pctsp"
    if problem in _READERS:
        return problem
    if point_list.resembles_list(file):
        return "points"
    raise ValueError(
        f"{file.path}: unknown format, expected TSPLIB, CSV with x and y, a list of points x y, GeoJSON, NPZ, "
        "a pickled set, or numbers of a set of the literature"
    )


def _with_matrix(path: Path, kind: str, matrix: Path) -> Instance:
    table = read_table(matrix)
    distances = table.values
    if kind == ".csv":
        made = csv_file.read_instance(path, distances)
        return replace(made, matrix=table.matched(made.names, path), names=made.names or table.names)
    instances = _READERS[kind](path)
    if len(instances) != 1 or instances[0].matrix is not None:
        found = f"{len(instances)} instances" if len(instances) != 1 else "distances of its own"
        raise ValueError(f"{path}: has {found}, expected one instance without distances beside {matrix}")
    if len(distances) != instances[0].size:
        raise ValueError(f"{matrix}: distances of {len(distances)} nodes, expected the {instances[0].size} of {path}")
    found = instances[0]
    return replace(found, matrix=table.matched(found.names, path), names=found.names or table.names)


def walls_beside(path: StrPath, *, problem: str | None = None) -> Path | None:
    """The file of walls beside a CSV file of nodes, if there is one; arguments as in `read`."""
    beside = _name_of_walls(Path(path))
    return beside if beside.exists() and _kind(Path(path), problem) == ".csv" else None


def _name_of_walls(path: Path) -> Path:
    """The file beside another that may hold its walls."""
    return without_gz(path).with_suffix(WALLS)


def _with_walls(instances: Sequence[Instance], path: Path) -> list[Instance]:
    """The instances with the walls of a file."""
    walls = read_walls(path)
    try:
        return [replace(instance, walls=walls) for instance in instances]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def read_matrix(path: StrPath) -> Array:
    """Read a table of distances `[n, n]`, row = from, column = to; infinity where there is no road.

    Raises:
        ValueError: with the file, the line or entry and what was expected.
        OSError: for a file that cannot be read.
    """
    return read_table(Path(path)).values


def _completed(instance: Instance, problem: str) -> Instance:
    if instance.problem != problem:
        instance = replace(instance, problem=problem)
    value = best_known(instance)
    return instance if value is None else replace(instance, best_known=value)


def read_plan(path: StrPath, instance: Instance) -> Plan:
    """Read a solution's tours, as nodes from 0, and the amounts delivered, where the file has them.

    Reads TSPLIB's `.tour`, CVRPLIB's and OPLib's `.sol`, Concorde's lists of nodes and of edges under any
    ending, and the itineraries in `.csv` and the `.json` that `tsp solve` writes; packed with gzip, too. The
    checker decides whether the tours are feasible.

    Raises:
        ValueError: in one sentence, with the file, the line or field and what was expected; also for tours with a free
            end where those of the instance return.
        OSError: for a file that cannot be read.
    """
    source = Path(path)
    return _with_end(source, instance, _SOLUTION_READERS[_solution_kind(source)](source, instance))


def _with_end(source: Path, instance: Instance, plan: Plan) -> Plan:
    """The plan, refused where its tours have a free end and those of the instance return."""
    if plan.free_end and not instance.free_end:
        name = instance.name or "instance"
        raise ValueError(f"{source}: its tours end anywhere, those of {name} do not; expected a free end (--end any)")
    return plan


def read_plans(path: StrPath, instances: Sequence[Instance]) -> list[Plan]:
    """Read a solution of each instance from one file: for several, JSON with an entry of each instance's name.

    Raises:
        ValueError: as for `read_plan`, and for a file of another format, or without an entry of an instance's name.
        OSError: for a file that cannot be read.
    """
    source = Path(path)
    if len(instances) == 1:
        return [read_plan(source, instances[0])]
    if _solution_kind(source) != ".json":
        raise ValueError(
            f"{source}: holds one solution, but there are {len(instances)} instances; expected the JSON of "
            "`tsp solve --json`, with a solution of each"
        )
    plans = json_file.read_plans(source, instances)
    return [_with_end(source, instance, plan) for instance, plan in zip(instances, plans, strict=True)]


def read_solution(path: StrPath, instance: Instance) -> list[NDArray[np.int64]]:
    """Read a solution's tours alone; see `read_plan`."""
    return read_plan(path, instance).tours


def _solution_kind(path: Path) -> str:
    """The key in `_SOLUTION_READERS` for a file."""
    file, ending = read_text(path), without_gz(path).suffix.lower()
    if concorde.is_tour(file):
        return "concorde"
    if concorde.is_edge_list(file):
        return "edges"
    if ending in _SOLUTION_READERS:
        return ending
    first = file.text.lstrip().split("\n", 1)[0]
    if first.startswith("{"):
        return ".json"
    if cvrplib.is_route(first):
        return ".sol"
    if tsplib.is_header(first):
        return ".tour"
    raise ValueError(f"{path}: ending {ending!r}, expected .tour or .sol or .csv or .json for a solution")


def write_solution(path: StrPath, instance: Instance, solution: Solution, *, force: bool = False) -> None:
    """Write a solution as TSPLIB's `.tour`, CVRPLIB's `.sol` or a `.csv` itinerary, by the ending of `path`.

    Raises:
        ValueError: for another ending, a solution without a tour, split deliveries that the format
            cannot hold, an existing file without `force`, or a path that cannot be written.
    """
    target = Path(path)
    text = _of_ending(target, _SOLUTION_FORMATS, SOLUTION_ENDINGS, "a solution")
    if not solution.tours:
        raise ValueError(f"{target}: not written, since {instance.name or 'the instance'} has no tour")
    if solution.amounts is not None and target.suffix.lower() != ".csv":
        implied = check(problem_of(instance), instance, solution.tours)
        if solution.feasible and not implied.feasible:
            raise ValueError(f"{target}: {target.suffix} cannot hold how deliveries are split; write .json or .csv")
    write_text(target, text(instance, solution), force=force)


def write_instances(
    path: StrPath,
    instances: Sequence[Instance],
    realizations: Sequence[Realization] | None = None,
    *,
    force: bool = False,
) -> None:
    """Write instances of one kind as an `.npz` set, or a single one as `.tsp`, `.atsp` or `.csv`.

    Args:
        path: the file; its ending chooses the format.
        instances: the instances to write.
        realizations: the hidden values of each instance, for an `.npz` set.
        force: whether to overwrite a file.

    Raises:
        ValueError: for another ending, instances that the format cannot hold, an existing file
            without `force`, or a path that cannot be written.
    """
    target = Path(path)
    if not instances:
        raise ValueError(f"{target}: no instance to write")
    if target.suffix.lower() == ".npz":
        with atomic_write(target, force=force) as temporary:
            npz.write_instances(temporary, instances, realizations)
        return
    text = _of_ending(target, _INSTANCE_FORMATS, INSTANCE_ENDINGS, "instances")
    if realizations is not None:
        raise ValueError(f"{target}: {target.suffix} cannot hold hidden values; write .npz")
    if len(instances) > 1:
        raise ValueError(f"{target}: {len(instances)} instances, expected one for {target.suffix}; write .npz")
    write_text(target, text(instances[0]), force=force)


def _of_ending(path: Path, table: Mapping[str, T], endings: Sequence[str], what: str) -> T:
    ending = path.suffix.lower()
    if ending not in table:
        raise ValueError(f"{path}: ending {ending!r}, expected {' or '.join(endings)} for {what}")
    return table[ending]
