"""`metrics.csv`: the log of a training run, a line for each measurement."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING

from tsp.files import read_utf8
from tsp.formats.text import quote, reason

if TYPE_CHECKING:
    import os

SECONDS = "seconds"
"""The column that every log has: the time of training."""


def read_training_log(path: str | os.PathLike[str]) -> list[dict[str, float]]:
    """The values of each line by column, NaN where a cell is empty; a last line that is not finished is left out.

    Raises:
        ValueError: with the file, the line, the column and what was expected.
        OSError: for a file that cannot be read.
    """
    lines = [line for line in read_utf8(path).splitlines(keepends=True) if line.endswith(("\n", "\r"))]
    reader = csv.reader(lines)
    try:
        rows = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise ValueError(f"{path}:{reader.line_num}: not readable as CSV ({reason(error)})") from None
    if not rows:
        return []
    (first, header), *rows = rows
    if SECONDS not in header or len(set(header)) < len(header):
        listed = quote(", ".join(header))
        raise ValueError(f"{path}:{first}: columns {listed}, expected different names with {SECONDS} among them")
    return [_values(f"{path}:{line}", header, cells) for line, cells in rows]


def _values(place: str, header: list[str], cells: list[str]) -> dict[str, float]:
    """The values of a line by column."""
    if len(cells) != len(header):
        raise ValueError(f"{place}: {len(cells)} cells, expected {len(header)}")
    out: dict[str, float] = {}
    for name, cell in zip(header, cells, strict=True):
        try:
            out[name] = float(cell) if cell.strip() else math.nan
        except ValueError:
            raise ValueError(f"{place}: column {name}: {quote(cell)}, expected a number") from None
    if not 0 <= out[SECONDS] < math.inf:
        raise ValueError(f"{place}: column {SECONDS}: {out[SECONDS]:g}, expected a number of 0 or more")
    return out
