"""The usual file of the TSP with time windows: n, the n × n matrix, and a window for each node.

Service times are inside the matrix (the way from a node begins with the service there), `#` begins
a comment, and node 0 is the depot, whose window is the horizon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsp.formats.number_table import make_instance, read_rows, require_count, require_windows, square, table

if TYPE_CHECKING:
    from pathlib import Path

    from tsp.instance import Instance

DECIMALS_KEPT = 1e-4
"""Rounding error of times in a file with fractions: such sets have four decimals or fewer."""


def read_instance(path: Path) -> Instance:
    """Read a file of one tour with time windows.

    Where distances have fractions, every window closes later by `DECIMALS_KEPT`, so that the
    file's rounding does not make an arrival at the closing time late.

    Raises:
        ValueError: with the file, the line and what was expected.
    """
    header, *lines = read_rows(path)
    (nodes,) = header.numbers(1, "n")
    n = header.whole(nodes, "n")
    if not lines:
        raise header.error("the file ends here, expected the matrix")
    require_count(lines, 2 * n, "lines (matrix and windows)")
    matrix = square(lines[:n])
    windows = table(lines[n:], 2, "opens, closes")
    require_windows(lines[n:], windows)
    np.fill_diagonal(matrix, 0.0)
    if (matrix != np.floor(matrix)).any():
        windows[:, 1] += DECIMALS_KEPT
    return make_instance(path, matrix=matrix, time_windows=windows, problem="tsptw")
