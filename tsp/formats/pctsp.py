"""The format of Mecler's instances of the prize-collecting TSP: prizes, penalties, matrix, but not the quota."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsp.formats.number_table import make_instance, read_rows, require_count, rows, square

if TYPE_CHECKING:
    from pathlib import Path

    from tsp.formats.text import TextFile
    from tsp.instance import Instance

LEAST_NODES = 3
"""The fewest nodes: with two, the numbers could also be four points."""


def is_table(file: TextFile) -> bool:
    """Whether a file is n + 2 lines of n numbers, the last n of them with zeros on the diagonal."""
    lines = rows(file)
    n = len(lines) - 2
    return (
        n >= LEAST_NODES
        and all(len(row.words) == n and row.is_numeric for row in lines)
        and all(float(row.words[k]) == 0 for k, row in enumerate(lines[2:]))
    )


def read_instance(path: Path) -> Instance:
    """Read a line of prizes, a line of penalties, then the n × n matrix; node 0 is the depot.

    The depot's prize and penalty are ignored and become 0. The instance has no `min_prize`, because
    the file does not contain it.

    Raises:
        ValueError: with the file, the line and what was expected.
    """
    lines = read_rows(path)
    n = len(lines[0].words)
    require_count(lines, n + 2, "lines (prizes, penalties, matrix)")
    values: list[list[float]] = []
    for row, what in zip(lines, ("prize", "penalty"), strict=False):
        numbers = row.numbers(n, f"a {what} for each node")
        if min(numbers) < 0:
            raise row.error(f"{what} {min(numbers):g}, expected 0 or more")
        values.append([0.0, *numbers[1:]])
    prizes, penalties = np.array(values)
    matrix = square(lines[2:])
    return make_instance(path, matrix=matrix, prizes=prizes, penalties=penalties, problem="pctsp")
