"""`.sol` files: CVRPLIB's, with a line `Route #k: 3 1 2` for each route, and OPLib's, which resemble TSPLIB's.

A line `End any` is our own: routes end at their last customer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from tsp.composition import problem_of
from tsp.formats import tsplib
from tsp.formats.plan import ANY, Plan
from tsp.formats.text import format_number, quote, read_text

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tsp.instance import Instance
    from tsp.solution import Solution

_ROUTE = re.compile(r"\s*route\s*#?\s*\d+\s*:(.*)", re.IGNORECASE)
_END = re.compile(rf"\s*end\s+{ANY}\s*", re.IGNORECASE)
_COST = re.compile(r"\s*cost\b", re.IGNORECASE)


def read_plan(path: Path, instance: Instance) -> Plan:
    """Read a `.sol` file: a tour for each route, from the instance's depot.

    CVRPLIB numbers the customers from 1 in the order of the file and leaves the depot out, wherever it is in the
    file. OPLib lists the one tour's nodes from 1, depot included.

    Raises:
        ValueError: with the file, the line, what is wrong and what was expected.
    """
    file = read_text(path)
    if tsplib.is_header(file.text.lstrip().split("\n", 1)[0]):
        return Plan(tsplib.read_tours(path, instance))
    start, customers = _start(instance), _customers(instance)
    tours: list[NDArray[np.int64]] = []
    free_end = False
    for number, line in enumerate(file.text.split("\n"), 1):
        if route := _ROUTE.fullmatch(line):
            tokens = route[1].split()
            bad = next((token for token in tokens if not _is_number(token, len(customers))), None)
            if bad is not None:
                raise file.error(number, f"{quote(bad)}, expected a customer's number, from 1 to {len(customers)}")
            tours.append(np.array([*start, *(customers[int(token) - 1] for token in tokens)], dtype=np.int64))
        elif _END.fullmatch(line):
            free_end = True
        elif line.strip() and not _COST.match(line):
            raise file.error(number, f"{quote(line.strip())}, expected a line 'Route #k: …' or 'Cost …'")
    if not tours:
        raise file.error(file.last_line, "the file ends without a route")
    return Plan(tours, free_end=free_end)


def format_routes(instance: Instance, solution: Solution) -> str:
    """The solution as a `.sol` file, with its cost if the problem minimizes, and its end if that is free."""
    numbers = {node: str(number) for number, node in enumerate(_customers(instance), 1)}
    lines = [
        f"Route #{k}: {' '.join(numbers[node] for node in tour.tolist() if node in numbers)}"
        for k, tour in enumerate(solution.tours, 1)
    ]
    if solution.objective is not None and problem_of(instance).objective.sense == "min":
        lines.append(f"Cost {format_number(solution.objective)}")
    if instance.free_end:
        lines.append(f"End {ANY}")
    return "\n".join((*lines, ""))


def _start(instance: Instance) -> list[int]:
    """The nodes at the start of a tour that a route omits: the depot, unless a path may start anywhere."""
    return [] if instance.free_start else [instance.depot]


def _customers(instance: Instance) -> list[int]:
    """The nodes that a route may hold, in the order of their numbers from 1: all but what `_start` omits."""
    omitted = _start(instance)
    return [node for node in range(instance.size) if node not in omitted]


def _is_number(token: str, most: int) -> bool:
    return re.fullmatch("[0-9]{1,15}", token) is not None and 1 <= int(token) <= most


def is_route(line: str) -> bool:
    """Whether a line is a route, as CVRPLIB writes it."""
    return _ROUTE.fullmatch(line) is not None
