"""Tables of distances: text with or without labels, `.npy`, `.npz` and JSON.

A cell for a missing road (`MISSING`) becomes infinity, as in `Instance.matrix`.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tsp.files import DAMAGED_ARRAYS, require_readable
from tsp.formats.json_content import read_json
from tsp.formats.text import TextFile, parse_number, quote, read_text, reason, without_gz
from tsp.instance import Array, Instance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MISSING = frozenset({"", "-", "inf", "+inf", "infinity", "nan", "null", "none", "na", "n/a", "#n/a"})
"""Cells, in lower case, that mean that there is no road."""

SMALL = 3
"""A square of at most this many lines may also be a list of points; a matrix has equal numbers on its diagonal."""

Row = tuple[int, list[str]]


@dataclass(frozen=True, eq=False)
class Table:
    """A table of distances.

    Attributes:
        path: the file.
        values: distances `[n, n]`, row = from; infinity where there is no road.
        names: the nodes' labels, None where the table has none.
    """

    path: Path
    values: Array
    names: tuple[str, ...] | None = None

    def instance(self) -> Instance:
        """The table alone as an instance, named after the file."""
        try:
            made = Instance(matrix=self.values, names=self.names, name=self.path.stem)
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from None
        return made if made.symmetric else replace(made, problem="atsp")

    def matched(self, names: Sequence[str] | None, source: Path) -> Array:
        """The distances in the order of nodes with these names, from the file `source`.

        Labels that only count the lines, from 0 or 1, are positions where they are no names.

        Raises:
            ValueError: naming the names that only one of the files has.
        """
        if self.names is None or names is None:
            return self.values
        unknown = [name for name in self.names if name not in names]
        lacking = [name for name in names if name not in self.names]
        if unknown and _counts(self.names) and len(names) == len(self.names):
            return self.values
        for these, holder, other in ((unknown, self.path, source), (lacking, source, self.path)):
            if these:
                listed = ", ".join(map(quote, these[:3])) + (f" and {len(these) - 3} more" if len(these) > 3 else "")
                raise ValueError(f"{holder}: names {listed}, which {other} does not have; expected the same names")
        place = {name: k for k, name in enumerate(self.names)}
        order = np.array([place[name] for name in names], dtype=np.int64)
        return self.values[np.ix_(order, order)]


def _counts(labels: Sequence[str]) -> bool:
    """Whether labels are the numbers of their positions, from 0 or from 1."""
    return any(list(labels) == [str(k + first) for k in range(len(labels))] for first in (0, 1))


def read_table(path: Path) -> Table:
    """Read a table of distances; row = from, column = to, and the diagonal is ignored.

    Text has n lines of n cells, separated by commas, semicolons, tabs or blanks, with or without a line and
    a column of labels. NumPy's files hold the array, in `.npz` under the name `matrix`, perhaps with `names`.
    JSON holds a list of lists, or an object with `matrix` and `names`.

    Raises:
        ValueError: with the file, the line or entry and what was expected.
        OSError: for a file that cannot be read.
    """
    reader = {".npy": _read_npy, ".npz": _read_npz, ".json": _read_json}.get(without_gz(path).suffix.lower())
    if reader is not None:
        return reader(path)
    file = read_text(path)
    return _table_of_rows(file, *_rows(file))


def is_table(file: TextFile) -> bool:
    """Whether a text file is a table of distances rather than a list of nodes or another set of numbers."""
    rows, delimiter = _rows(file)
    body, columns, labels = _split(rows, delimiter)
    n = len(body)
    if n < 2 or any(len(cells) != n for _, cells in body):
        return False
    if columns and labels:
        return sorted(columns) == sorted(labels)
    for k, (_, row) in enumerate(body):
        if not _are_distances(row[:k] + row[k + 1 :], delimiter):
            return False
    equal = len({_number(row[k], delimiter) for k, (_, row) in enumerate(body)}) == 1
    return (equal and n > SMALL) if columns or labels else (equal or n > SMALL)


def _rows(file: TextFile) -> tuple[list[Row], str | None]:
    """The number and the cells of each line that is not blank, and what separates cells (None: blanks)."""
    lines = [
        (number, line)
        for number, line in enumerate(file.text.split("\n"), 1)
        if line.strip() and not line.startswith("#")
    ]
    if not lines:
        raise file.error(1, "no line of distances")
    for mark in ";,\t":
        if mark not in lines[0][1].strip(" ") and mark not in lines[-1][1].strip(" "):
            continue
        try:
            rows = [(number, next(csv.reader([line], delimiter=mark, strict=True))) for number, line in lines]
        except csv.Error:
            continue
        rows = [(number, [cell.strip() for cell in cells]) for number, cells in rows]
        if mark != "\t" or len({len(cells) for _, cells in rows}) == 1:
            return _without_last_blank(rows), mark
    rows = [(number, line.split()) for number, line in lines]
    counted = len(rows) > 2 and rows[0][1] == [str(len(rows) - 1)]
    return rows[counted:], None


def _without_last_blank(rows: list[Row]) -> list[Row]:
    """The rows without a last cell that is blank in all of them, where lines end with a separator."""
    widths = {len(cells) for _, cells in rows}
    if len(widths) == 1 and widths.pop() > len(rows) and not any(cells[-1] for _, cells in rows):
        return [(number, cells[:-1]) for number, cells in rows]
    return rows


def _split(rows: list[Row], delimiter: str | None) -> tuple[list[Row], list[str], list[str]]:
    """The distances' cells, the labels of the columns and those of the rows; empty lists without labels."""
    first, rest = rows[0][1], rows[1:]
    if not rest:
        return rows, [], []
    wide = all(len(cells) == len(rest) + 1 for _, cells in rest)
    beside = [cells[0] for _, cells in rest if cells]
    if wide and len(first) == len(rest):  # no cell in the corner
        return [(number, cells[1:]) for number, cells in rest], first, beside
    square = wide and len(first) == len(rest) + 1
    if square and _is_labelled(first, beside, rest, delimiter):
        return [(number, cells[1:]) for number, cells in rest], first[1:], beside
    everything = [cells[0] for _, cells in rows]
    if all(len(cells) == len(rows) + 1 for _, cells in rows) and not _are_distances(everything, delimiter):
        return [(number, cells[1:]) for number, cells in rows], [], everything
    if len(first) == len(rest) and not _are_distances(first, delimiter):
        return rest, first, []
    return rows, [], []


def _is_labelled(first: list[str], beside: list[str], rest: list[Row], delimiter: str | None) -> bool:
    """Whether the first line and column of a square of cells are labels."""
    if parse_number(first[0]) is not None:  # as no label of the corner is
        return False
    if not _are_distances([*first, *beside], delimiter):
        return True
    if first[1:] != beside:
        return False
    return _counts(beside) or any(cells[k + 1] for k, (_, cells) in enumerate(rest))


def _are_distances(cells: Sequence[str], delimiter: str | None) -> bool:
    return all(_is_distance(cell, delimiter) for cell in cells)


def _is_distance(cell: str, delimiter: str | None) -> bool:
    return _number(cell, delimiter) is not None


def _number(cell: str, delimiter: str | None) -> float | None:
    """The distance in a cell, infinity where there is no road; None for anything else."""
    if cell.lower() in MISSING:
        return np.inf
    if delimiter in (";", "\t") and cell.count(",") == 1:
        cell = cell.replace(",", ".")
    return parse_number(cell)


def _table_of_rows(file: TextFile, rows: list[Row], delimiter: str | None) -> Table:
    body, columns, labels = _split(rows, delimiter)
    n = len(body)
    if n != len(body[0][1]):
        raise file.error(body[-1][0], f"{n} lines of {len(body[0][1])} numbers, expected as many lines as columns")
    names = labels or columns
    _require_names(file.path, names)
    place = {name: k for k, name in enumerate(names)}
    for name in (*columns, *labels):
        if name not in place or (columns and name not in columns):
            labelled = f"{quote(name)} labels only a row or only a column"
            raise file.error(rows[0][0], f"{labelled}, expected the same labels for both")
    order = [place[name] for name in columns] or list(range(n))
    values = np.empty((n, n))
    for i, (line, cells) in enumerate(body):
        if len(cells) != n:
            raise file.error(line, f"{len(cells)} numbers, expected {n}")
        for column, (j, cell) in enumerate(zip(order, cells, strict=True), 1 + bool(labels)):
            value = 0.0 if i == j else _number(cell, delimiter)
            if value is None or value < 0:
                wanted = "expected a distance of 0 or more, or no road (nan)"
                raise file.error(line, f"column {column}: {quote(cell)}, {wanted}")
            values[i, j] = value
    return Table(file.path, values, tuple(names) or None)


def _require_names(path: Path, names: Sequence[str]) -> None:
    twice = next((name for k, name in enumerate(names) if not name or name in names[:k]), None)
    if twice is not None:
        raise ValueError(f"{path}: label {quote(twice)}, expected a different name for each node")


def _read_npy(path: Path) -> Table:
    require_readable(path)
    try:
        array = np.load(path, allow_pickle=False)
    except DAMAGED_ARRAYS as error:
        raise ValueError(f"{path}: not readable as an array of numpy ({reason(error)})") from None
    return table_of_arrays(path, array, None)


def _read_npz(path: Path) -> Table:
    from tsp.formats.npz import load_arrays

    arrays, held = load_arrays(path, ("matrix", "names"))
    if "matrix" not in arrays:
        raise ValueError(f"{path}: arrays {quote(', '.join(held))}, expected matrix")
    matrix = arrays["matrix"]
    return table_of_arrays(path, matrix[0] if matrix.ndim == 3 and len(matrix) == 1 else matrix, arrays.get("names"))


def table_of_arrays(path: Path, matrix: NDArray[Any], names: NDArray[Any] | None) -> Table:
    """The table in arrays of numpy: `matrix [n, n]` and, where there are any, `names [n]`.

    Raises:
        ValueError: with the file, the array and what was expected.
    """
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.dtype.kind not in "iuf" or not matrix.size:
        found = f"{matrix.dtype} of shape {matrix.shape}"
        raise ValueError(f"{path}: array matrix: {found}, expected numbers (n, n)")
    if names is None:
        return Table(path, _distances(path, matrix))
    if names.shape != matrix.shape[:1] or names.dtype.kind not in "Uiu":
        raise ValueError(f"{path}: array names: {names.dtype} of shape {names.shape}, expected {len(matrix)} names")
    listed = tuple(map(str, names.tolist()))
    _require_names(path, listed)
    return Table(path, _distances(path, matrix), listed)


def _distances(path: Path, values: NDArray[Any]) -> Array:
    """The array as distances: infinity for NaN, and zeros on the diagonal."""
    matrix = values.astype(np.float64)
    np.fill_diagonal(matrix, 0.0)
    matrix[np.isnan(matrix)] = np.inf
    if (matrix < 0).any():
        i, j = np.argwhere(matrix < 0)[0]
        raise ValueError(f"{path}: matrix[{i}, {j}]: {matrix[i, j]:g}, expected a distance of 0 or more")
    return matrix


def _read_json(path: Path) -> Table:
    return table_of_json(path, read_json(path))


def table_of_json(path: Path, content: object) -> Table:
    """The table in JSON's values: lists of distances, or an object with `matrix` and perhaps `names`.

    Raises:
        ValueError: with the file, the entry and what was expected.
    """
    names: list[str] = []
    if isinstance(content, dict):
        entries = cast("dict[str, object]", content)
        if "solutions" in entries:
            raise ValueError(f"{path}: holds a solution, expected an instance")
        other = next((key for key in entries if key not in ("matrix", "names")), None)
        if "matrix" not in entries or other is not None:
            found = f"entry {quote(other)}" if other is not None else "no matrix"
            raise ValueError(f"{path}: {found}, expected matrix and names")
        content = entries["matrix"]
        listed = entries.get("names")
        if listed is not None and not isinstance(listed, list):
            raise ValueError(f"{path}: names: {quote(str(listed))}, expected a list of names")
        names = [str(name) for name in cast("list[object]", listed or [])]
    if not isinstance(content, list) or not content:
        raise ValueError(f"{path}: expected a list of lists of distances")
    rows = cast("list[object]", content)
    n = len(rows)
    values = np.empty((n, n))
    for i, row in enumerate(rows):
        if not isinstance(row, list) or len(cast("list[object]", row)) != n:
            found = f"{len(cast('list[object]', row))} distances" if isinstance(row, list) else quote(str(row))
            raise ValueError(f"{path}: row {i}: {found}, expected {n} distances")
        for j, cell in enumerate(cast("list[object]", row)):
            values[i, j] = 0.0 if i == j else _json_number(path, i, j, cell)
    if names and len(names) != n:
        raise ValueError(f"{path}: {len(names)} names, expected {n}")
    _require_names(path, names)
    return Table(path, _distances(path, values), tuple(names) or None)


def _json_number(path: Path, i: int, j: int, cell: object) -> float:
    """A distance in JSON: a number, null, or a text that says that there is no road."""
    if cell is None or (isinstance(cell, str) and cell.strip().lower() in MISSING):
        return np.inf
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        try:
            return float(cell)
        except OverflowError:
            pass
    raise ValueError(f"{path}: row {i}, column {j}: {quote(str(cell))}, expected a distance, or null for no road")
