"""Orienteering with time windows: Solomon's and Cordeau's instances as Righini and Salani (2009) use them.

A line `k v N t`, a line `D Q`, then for the depot and each of N customers
`i x y d S f a list… O C`: d is the duration of a visit, S the score, the list has a entries, and the
last two fields are the time window. The depot's closing time limits the tour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsp.formats.number_table import (
    FileLine,
    make_instance,
    read_rows,
    require_count,
    require_nonnegative,
    require_windows,
)
from tsp.instance import LARGEST_NUMBER

if TYPE_CHECKING:
    from pathlib import Path

    from tsp.instance import Array, Instance

FIELDS = "i, x, y, d, S, f, a, a list of a entries, O, C"


def read_instance(path: Path) -> Instance:
    """Read a file of a tour with time windows.

    The objectives in the literature are for distances rounded **down**: to one decimal for Solomon's
    instances, to two for Cordeau's, which have several days or depots (t > 1). Therefore the instance
    has a matrix, and its coordinates are used for drawing only.

    Raises:
        ValueError: with the file, the line and what was expected.
    """
    header, *lines = read_rows(path)
    _, _, customers, days = header.numbers(4, "k, v, N, t")
    if not lines:
        raise header.error("the file ends here, expected D, Q and the nodes")
    lines[0].numbers(2, "D, Q")
    nodes = lines[1:]
    if not nodes:
        raise lines[0].error("the file ends here, expected the nodes")
    require_count(nodes, header.whole(customers, "N", 0) + 1, "nodes")
    values = np.array([_fields(row) for row in nodes])
    points, service, scores, windows = values[:, :2], values[:, 2], values[:, 3], values[:, 4:]
    for row, place in zip(nodes, points, strict=True):
        if np.abs(place).max() > LARGEST_NUMBER:
            raise row.error(f"x, y {place[0]:g}, {place[1]:g}, expected numbers up to {LARGEST_NUMBER:g}")
    require_nonnegative(nodes, service, "d")
    require_nonnegative(nodes, scores, "S")
    require_windows(nodes, windows)
    return make_instance(
        path,
        coordinates=points,
        matrix=_rounded_down(points, 1 if days == 1 else 2),
        prizes=scores,
        service_times=service,
        time_windows=windows,
        problem="optw",
    )


def _fields(row: FileLine) -> list[float]:
    """x, y, d, S, O and C of a node's line."""
    values = row.numbers()
    if len(values) < 9:
        raise row.error(f"{len(values)} number(s), expected {FIELDS}")
    listed = row.whole(values[6], "a", 0)
    if len(values) != 9 + listed:
        raise row.error(f"{len(values)} number(s), expected {9 + listed}: {FIELDS}")
    return [*values[1:5], *values[-2:]]


def _rounded_down(points: Array, decimals: int) -> Array:
    legs = points[:, None] - points[None]
    lengths = np.sqrt((legs**2).sum(-1))
    # Rounding errors can make a length that is exact in decimals slightly too short.
    return np.floor(lengths * 10**decimals + 1e-9) / 10**decimals
