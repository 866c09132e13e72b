"""The instances of a command: read from files and completed by its options, or generated."""

from __future__ import annotations

import sys
import warnings
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from tsp.best_known import recognize
from tsp.cli.options import GENERATED
from tsp.composition import BRINGS, implied_problem, problem_of, require_used_read
from tsp.files import LARGEST_FILE
from tsp.formats import read_plans, read_realizations, walls_beside
from tsp.formats.appearances import APPEARANCE
from tsp.formats.columns import canonical
from tsp.formats.csv_file import COLUMNS, WINDOW, UnreadColumns, warn_of_numbers
from tsp.instance import USED, Underway
from tsp.problems import get_problem, unknown
from tsp.shortcuts import initial_solution, read, read_set
from tsp.underway import validate_underway
from tsp.walls import Walls

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator, Sequence

    from policies.laws.law import Law
    from tsp.instance import Instance, Realization
    from tsp.solution import Solution

LIMITS = ("max_length", "capacity", "min_prize", "num_tours", "late_price")
"""Options that replace attributes of an instance."""

TIMES = ("time_windows", "service_times")
"""Attributes that a speed converts into lengths."""

STANDARD_INPUT = "-"
"""The name of standard input in the place of a file."""

ENDINGS = {"csv": ".csv", "tsplib": ".tsp", "json": ".json", None: ""}
"""Format of standard input → the ending of such a file; without one, the content decides."""

WALLS = "walls"
"""What `--ignore` calls the file of walls beside an instance."""


def read_instances(
    files: Sequence[str], arguments: argparse.Namespace
) -> tuple[list[Instance], list[Realization | None]]:
    """Read files and complete their instances; return with each instance its realization, if prizes are hidden."""
    laws = _read_laws(arguments)
    with warnings.catch_warnings():
        if laws:  # they read further columns
            warnings.simplefilter("ignore", UnreadColumns)
        instances, realizations = _read_files(files, arguments)
    return [_with_laws(instance, arguments, laws) for instance in instances], realizations


def _read_files(files: Sequence[str], arguments: argparse.Namespace) -> tuple[list[Instance], list[Realization | None]]:
    """Read files and complete their instances by options; arguments as in `read_instances`."""
    instances: list[Instance] = []
    realizations: list[Realization | None] = []
    with _with_standard_input(files, arguments) as paths:
        for file in paths:
            found = read_set(file, **reading(arguments))
            hides = any(problem_of(instance).reveals for instance in found)
            instances += found
            realizations += (read_realizations(file) if hides else None) or [None] * len(found)
        require_ignored(instances, arguments, paths)
    return [complete_instance(instance, arguments) for instance in instances], realizations


@contextmanager
def _with_standard_input(files: Sequence[str], arguments: argparse.Namespace) -> Generator[list[str]]:
    """The files, with what standard input holds as a file in the place of `-`; messages do not name that file.

    Raises:
        ValueError: for a format without standard input, and standard input that is read twice or is too large.
    """
    if STANDARD_INPUT not in files:
        if arguments.format is not None:
            raise ValueError(f"--format {arguments.format}: of standard input, expected - as the file")
        yield list(files)
        return
    if files.count(STANDARD_INPUT) > 1:
        raise ValueError(f"{STANDARD_INPUT}: given twice, expected standard input once")
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"stdin{ENDINGS[arguments.format]}"

        def renamed(text: object) -> str:
            return str(text).replace(str(path), "standard input")

        path.write_bytes(sys.stdin.buffer.read(LARGEST_FILE + 1))
        try:
            with warnings.catch_warnings(record=True) as caught:
                yield [str(path) if file == STANDARD_INPUT else file for file in files]
        except ValueError as error:
            raise ValueError(renamed(error)) from None
        for one in caught:
            warnings.warn(renamed(one.message), one.category, stacklevel=2)


def _read_laws(arguments: argparse.Namespace) -> list[Law]:
    """The laws of `--law`, each of another target."""
    paths: Sequence[str] = getattr(arguments, "law", None) or ()
    if not paths:
        return []
    from policies.laws.law import load_law

    laws = [load_law(path) for path in paths]
    for i, law in enumerate(laws):
        if law.target in (other.target for other in laws[:i]):
            raise ValueError(f"--law {paths[i]}: a second law of the {law.target}, expected one")
    return laws


def _with_laws(instance: Instance, arguments: argparse.Namespace, laws: Sequence[Law]) -> Instance:
    """The instance with what the laws say of its nodes; a warning names the columns of numbers that nothing reads."""
    if not laws:
        return instance
    from policies.laws.days import with_laws

    features = {name for law in laws for name in law.encoder.names}
    unread = {heading: column for heading, column in instance.extras.items() if canonical(heading) not in features}
    warn_of_numbers(instance.name, unread, None)
    named = arguments.problem is not None or instance.problem != implied_problem(instance)
    return with_laws(instance, laws, named=named)


def read_one(arguments: argparse.Namespace) -> Instance:
    """Read the only instance of `arguments.file` and complete it; tours under way that cannot be are refused."""
    with _with_standard_input([arguments.file], arguments) as (path,):
        instance = read(path, **reading(arguments))
        require_ignored([instance], arguments, [path])
    instance = complete_instance(instance, arguments)
    if instance.underway is not None:
        problem = problem_of(instance)
        require_used_read(problem, instance)
        validate_underway(problem, instance)
    return instance


def reading(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options that count when a file is read."""
    ignores = WALLS in _ignored(arguments.ignore)
    if ignores and arguments.walls is not None:
        raise ValueError(f"--walls {arguments.walls}: beside --ignore {WALLS}, expected one of them")
    given = {name: getattr(arguments, name) for name in ("problem", "matrix", "unit", "speed", "walls")}
    return {**given, "walls": False} if ignores else given


def complete_instance(instance: Instance, arguments: argparse.Namespace, *, is_generated: bool = False) -> Instance:
    """The instance with the changes that options ask for; a generated one has no matrix but that of its hall."""
    if instance.walls is not None and WALLS in _ignored(arguments.ignore):
        instance = _without_walls(instance, is_generated=is_generated)
    named = arguments.problem is not None or instance.problem != implied_problem(instance)
    ignored = dict.fromkeys(_ignored_attributes(arguments.ignore).values())
    changes: dict[str, Any] = ignored | {
        name: value for name in LIMITS if (value := getattr(arguments, name)) is not None
    }
    if ignored:
        instance = _without_clock(replace(instance, **ignored), arguments)
    if arguments.start == "any":
        changes["free_start"] = True
    elif arguments.start is not None:
        changes["depot"] = instance.find_node(arguments.start)
    if arguments.end == "any":  # of a path: where no end is named
        changes |= {"end": None, "free_end": not get_problem(instance.problem).shape.is_path}
    elif arguments.end is not None:
        changes |= {"end": instance.find_node(arguments.end), "free_end": False}
    if (objective := getattr(arguments, "objective", None)) is not None:
        changes["objective"] = objective
    if (underway := _underway(instance, arguments, changes.get("depot", instance.depot))) is not None:
        changes["underway"] = underway
    if not changes:
        return instance
    changed = replace(instance, **changes)
    return recognize(changed if named else replace(changed, problem=implied_problem(changed)))


def _without_walls(instance: Instance, *, is_generated: bool) -> Instance:
    """The instance without its walls, and without its matrix where that holds the ways around them."""
    walls, points, matrix = instance.walls, instance.coordinates, instance.matrix
    if walls is None or points is None or matrix is None:
        return replace(instance, walls=None)
    is_own = not is_generated and not np.allclose(matrix, Walls(walls).distances(points), rtol=1e-9, atol=0.0)
    if is_own:
        sentence = f"--ignore {WALLS}: the walls are left out, and the matrix stays: it has not the ways around them"
        warnings.warn(sentence, stacklevel=2)
        return replace(instance, walls=None)
    return replace(instance, walls=None, matrix=None, metric="euclidean")


def _without_clock(instance: Instance, arguments: argparse.Namespace) -> Instance:
    """The instance: without windows no time in it has a date, and without any times none comes from a clock."""
    if instance.time_windows is None:
        instance = replace(instance, day=None)
    if not instance.is_clock or any(getattr(instance, name) is not None for name in TIMES):
        return instance
    if arguments.speed is not None:
        raise ValueError(f"--speed {arguments.speed:g}: expected times from a clock, and --ignore leaves none")
    return replace(instance, is_clock=False, speed=None)


def _underway(instance: Instance, arguments: argparse.Namespace, start: int) -> Underway | None:
    """The tours that options say are under way: the first `--visited` with the first of each other option, and so on.

    Args:
        instance: knows the nodes by name, and how times are written.
        arguments: lists of values of `--visited` and of the options of `USED`, or None.
        start: of all tours, which may be given, but is not needed.
    """
    visited: list[str] | None = getattr(arguments, "visited", None)
    used: dict[str, Any] = {name: values for name in USED if (values := getattr(arguments, name, None))}
    if visited is None and not used:
        return None
    visited = visited or [""]
    for name, values in used.items():
        if len(values) != len(visited):
            raise ValueError(f"--{name}: {len(values)} given, expected {len(visited)}: one for each --visited")
    if "elapsed" in used:
        used["elapsed"] = [instance.units.parse_time(time, "--elapsed") for time in used["elapsed"]]
    tours: list[Underway] = []
    for i, text in enumerate(visited):
        nodes = tuple(instance.find_node(name.strip()) for name in text.split(",") if name.strip())
        if nodes[:1] == (start,) and not get_problem(instance.problem).shape.is_path:
            nodes = nodes[1:]
        tours.append(Underway(nodes, **{name: values[i] for name, values in used.items()}))
    return replace(tours[0], others=tuple(tours[1:]))


def read_initial(arguments: argparse.Namespace, instances: Sequence[Instance]) -> list[Solution] | None:
    """The solutions to start from, of the file of `--initial`, checked; None without the option."""
    if arguments.initial is None:
        return None
    plans, source = read_plans(arguments.initial, instances), str(arguments.initial)
    return [
        initial_solution(instance, plan.tours, plan.amounts, source=source)
        for instance, plan in zip(instances, plans, strict=True)
    ]


def _ignored(text: str | None) -> list[str]:
    """The names that `--ignore` lists."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _ignored_attributes(text: str | None) -> dict[str, str]:
    """The columns, or other names, that are left out, and their attributes; the walls have none of these."""
    out: dict[str, str] = {}
    known = {
        **COLUMNS,
        **dict.fromkeys(WINDOW, "time_windows"),
        **dict.fromkeys(APPEARANCE, "law_appears"),
        **{name: name for name in BRINGS},
    }
    for part in _ignored(text):
        name = part if part in BRINGS else canonical(part)
        if name not in known and name != WALLS:
            raise ValueError(f"--ignore: {unknown('column', part, [*known, WALLS])}")
        if name != WALLS:
            out[part] = known[name]
    return out


def require_ignored(instances: Sequence[Instance], arguments: argparse.Namespace, files: Sequence[str] = ()) -> None:
    """Refuse to ignore what no instance has.

    Args:
        instances: as they were read or generated.
        arguments: of the command.
        files: from which they were read, beside which there may be walls that were not.

    Raises:
        ValueError: naming it.
    """
    names = _ignored_attributes(arguments.ignore)
    for part in _ignored(arguments.ignore):
        is_there = any(getattr(instance, names.get(part, part)) is not None for instance in instances)
        is_beside = part == WALLS and any(walls_beside(file, problem=arguments.problem) for file in files)
        if not is_there and not is_beside:
            raise ValueError(f"--ignore {part}: no instance here has it, expected what is to be left out")


def generate_instances(
    arguments: argparse.Namespace, *, default_count: int
) -> tuple[list[Instance], list[Realization] | None]:
    """Generate the instances that options describe and, where prizes are hidden, their realizations."""
    from envs.generators import generate_set

    size, instances, distribution = (getattr(arguments, name) for name in GENERATED)
    return generate_set(
        "tsp" if arguments.problem is None else arguments.problem,
        "uniform" if distribution is None else distribution,
        size or 50,
        instances or default_count,
        arguments.seed,
    )
