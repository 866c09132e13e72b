"""Vehicle routing with time windows: Solomon's files (1987), and Gehring's and Homberger's (1999).

After a title come the fleet, under `VEHICLE` and `NUMBER CAPACITY`, and under `CUSTOMER` a line of headings
and one for each node: its number, x, y, demand, ready time, due date and service time. The first node is the
depot, usually number 0, and its due date ends the day.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from tsp.formats.number_table import (
    FileLine,
    make_instance,
    read_rows,
    require_nonnegative,
    require_windows,
    table,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tsp.formats.text import TextFile
    from tsp.instance import Instance

FIELDS = "customer number, x, y, demand, ready time, due date, service time"

_FLEET = re.compile(r"^\s*VEHICLES?\s*:?\s*\n\s*NUMBER\s+CAPACITY\b", re.MULTILINE | re.IGNORECASE)
_HEADINGS = re.compile(r"cust.*x.*y.*demand.*ready.*due.*service", re.IGNORECASE)


def is_fleet(file: TextFile) -> bool:
    """Whether a file states a fleet as Solomon's do."""
    return _FLEET.search(file.text) is not None


def read_instance(path: Path) -> Instance:
    """Read a file of Solomon's layout.

    Distances are Euclidean and not rounded, the NUMBER of vehicles is a limit, and nodes are called by their
    numbers.

    Raises:
        ValueError: with the file, the line and what was expected.
    """
    lines = read_rows(path)
    start, customers = _find(lines, "VEHICLE"), _find(lines, "CUSTOMER")
    fleet, headings, nodes = lines[start + 1 : customers], lines[customers + 1 : customers + 2], lines[customers + 2 :]
    if len(fleet) != 2:
        raise lines[start].error("expected two lines after it: NUMBER CAPACITY, and both numbers")
    vehicles, capacity = fleet[1].numbers(2, "NUMBER, CAPACITY")
    require_nonnegative(fleet[1:], np.array([capacity]), "CAPACITY")
    if not headings or not _HEADINGS.search(" ".join(headings[0].words)):
        raise lines[customers].error(f"expected a line of headings after it: {FIELDS}")
    if not nodes:
        raise headings[0].error("the file ends here, expected the nodes")
    values = table(nodes, 7, FIELDS)
    demands, windows, service = values[:, 3], values[:, 4:6], values[:, 6]
    require_nonnegative(nodes, demands, "demand")
    require_nonnegative(nodes, service, "service time")
    require_windows(nodes, windows)
    return make_instance(
        path,
        coordinates=values[:, 1:3],
        names=_names(nodes, values[:, 0].tolist()),
        demands=demands,
        time_windows=windows,
        service_times=service,
        capacity=capacity,
        num_tours=fleet[1].whole(vehicles, "NUMBER"),
        problem="cvrptw",
    )


def _find(lines: list[FileLine], word: str) -> int:
    """Index of the line that is this word alone, or its plural."""
    for k, row in enumerate(lines):
        if row.words[0].upper().rstrip(":") in (word, f"{word}S") and len(row.words) == 1:
            return k
    raise lines[-1].error(f"the file ends without a line {word}")


def _names(nodes: list[FileLine], numbers: list[float]) -> tuple[str, ...]:
    """The nodes' numbers, which must differ."""
    names: dict[str, int] = {}
    for row, number in zip(nodes, numbers, strict=True):
        name = str(row.whole(number, "customer number", 0))
        if name in names:
            raise row.error(f"customer number {name} is given twice, first in line {names[name]}")
        names[name] = row.line
    return tuple(names)
