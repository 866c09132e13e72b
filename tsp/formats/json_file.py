"""Solutions as `tsp solve --json` prints them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tsp.formats.text import read_text
from tsp.problems import get_problem

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tsp.instance import Instance
    from tsp.solution import Solution


def read_tours(path: Path, instance: Instance) -> list[NDArray[np.int64]]:
    """Read the tours of the entry whose `instance` is this one's name, or of the only entry.

    Raises:
        ValueError: with the file, what is wrong and what was expected.
    """
    file = read_text(path)
    try:
        content: Any = json.loads(file.text)
    except json.JSONDecodeError as error:
        raise file.error(error.lineno, f"not JSON ({error.msg})") from None
    except RecursionError:
        raise ValueError(f"{path}: nested too deeply, expected what `tsp solve --json` prints") from None
    try:
        entries: dict[str, object] = {str(entry["instance"]): entry["tours"] for entry in content["solutions"]}
    except (KeyError, TypeError):
        raise ValueError(f"{path}: no solutions with instance and tours, as `tsp solve --json` prints them") from None
    tours = entries.get(instance.name, next(iter(entries.values())) if len(entries) == 1 else None)
    if tours is None:
        raise ValueError(f"{path}: {len(entries)} solutions, none of an instance named {instance.name!r}")
    if not isinstance(tours, list) or not all(map(_is_tour, cast("list[object]", tours))):
        raise ValueError(f"{path}: tours of {instance.name!r}: expected lists of node numbers from 0")
    return [np.array(tour, dtype=np.int64) for tour in cast("list[list[int]]", tours)]


def _is_tour(tour: object) -> bool:
    return isinstance(tour, list) and all(
        type(node) is int and abs(node) < 2**53 for node in cast("list[object]", tour)
    )


def solution_entry(instance: Instance, solution: Solution) -> dict[str, Any]:
    """One solution as `tsp solve --json` prints it; no value in it is NaN or infinite."""
    best, gap = instance.best_known, None
    if best is not None and solution.objective is not None:
        gap = get_problem(instance.problem).objective.gap(solution.objective, best)
    return {
        "instance": instance.name,
        "problem": instance.problem,
        "size": instance.size,
        "solver": solution.solver,
        "objective": solution.objective,
        "feasible": solution.feasible,
        "violations": list(solution.violations),
        "tours": [tour.tolist() for tour in solution.tours],
        "seconds": solution.seconds,
        "bound": solution.bound,
        "best_known": best,
        "gap": gap,
        "proved_optimal": solution.proved_optimal,
    }
