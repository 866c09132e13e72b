"""Instances of tables, points and matrices in memory, read and checked as those in files are.

No library of data frames is imported: a table is anything that has columns by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tsp.best_known import recognize
from tsp.composition import implied_problem
from tsp.formats.columns import canonical
from tsp.formats.csv_file import in_one_line, instance_of_rows
from tsp.formats.text import TextFile, format_number
from tsp.instance import Instance
from tsp.problems import get_problem, unknown
from tsp.units import require_speed, require_unit
from tsp.validation import shown

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tsp.instance import Array

UNNAMED = "table"
"""The name of a table in messages, where the instance has none."""

EXPECTED = "expected a data frame, a dict of columns or a list of dicts"


@dataclass(frozen=True)
class _Rows(TextFile):
    """Makes the errors of a table in memory, which name its row, from 0."""

    unit = "row"

    def error(self, line: int, message: str) -> ValueError:
        """An error that names the row; the headings are line -1."""
        where = f"{self.path}: row {line}" if line >= 0 else str(self.path)
        return ValueError(f"{where}: {message}")


def from_dataframe(
    table: object,
    *,
    matrix: ArrayLike | None = None,
    unit: str | None = None,
    speed: float | None = None,
    **attributes: Any,  # noqa: ANN401 - each has its own type
) -> Instance:
    """See `Instance.from_dataframe`."""
    columns = _columns(table)
    headings, cells = list(columns), [[_cell(heading, value) for value in columns[heading]] for heading in columns]
    counts = {len(column) for column in cells}
    if len(counts) != 1 or counts == {0}:
        lengths = ", ".join(f"{heading!r} {len(column)}" for heading, column in zip(headings, cells, strict=True))
        raise ValueError(f"{UNNAMED}: rows of columns {lengths or 'none'}, expected the same number, 1 or more")
    source = _Rows(Path(str(attributes.get("name") or UNNAMED)), "")
    rows = [(-1, [in_one_line(heading) for heading in headings]), *enumerate(map(list, zip(*cells, strict=True)))]
    distances = None if matrix is None else _distances(matrix)[0]
    unit, speed = None if unit is None else require_unit(unit), None if speed is None else require_speed(speed)
    instance = instance_of_rows(source, rows, ",", distances, unit=unit, speed=speed)
    return _completed(instance, {"name": "", **attributes})


def from_points(points: ArrayLike, **attributes: Any) -> Instance:  # noqa: ANN401 - each has its own type
    """See `Instance.from_points`."""
    return _completed(Instance(coordinates=cast("Array", points)), attributes)


def from_matrix(matrix: ArrayLike, **attributes: Any) -> Instance:  # noqa: ANN401 - each has its own type
    """See `Instance.from_matrix`."""
    values, names = _distances(matrix)
    made = Instance(matrix=values, names=names)
    return _completed(made, attributes, otherwise="tsp" if made.symmetric else "atsp")


def _completed(instance: Instance, attributes: Mapping[str, Any], *, otherwise: str = "tsp") -> Instance:
    """The instance with further attributes and its problem: the one that is given or implied, or `otherwise`."""
    known = [field.name for field in fields(Instance)]
    for name in attributes:
        if name not in known:
            raise ValueError(unknown("attribute", name, known))
    problem = attributes.get("problem")
    if problem is not None:
        get_problem(problem)
    changed = replace(instance, **{name: value for name, value in attributes.items() if name != "problem"})
    implied = implied_problem(changed)
    made = replace(changed, problem=problem or (otherwise if implied == "tsp" else implied))
    return made if made.best_known is not None else recognize(made)


def _distances(matrix: ArrayLike) -> tuple[Array, tuple[str, ...] | None]:
    """The distances of an array or a data frame, and the names of the nodes, if its labels are those of its rows."""
    labels = getattr(matrix, "columns", None)
    values = cast("Array", np.asanyarray(matrix))  # a mask is kept, and refused
    if labels is None:
        return values, None
    columns = [str(label) for label in labels]
    index: object = getattr(matrix, "index", None)
    rows = [str(label) for label in cast("Sequence[object]", index)] if index is not None else columns
    if rows == columns:
        counted = columns == [str(k) for k in range(len(columns))]
        return values, None if counted else tuple(columns)
    if rows != [str(k) for k in range(len(rows))]:
        raise ValueError(
            f"matrix: rows {rows[:3]} and columns {columns[:3]}, expected the same labels in the same order"
        )
    return values, tuple(columns)


def _columns(table: object) -> dict[str, Sequence[object]]:
    """The columns of a table by their headings, each as a list of Python's own values."""
    if isinstance(table, Mapping):
        given = cast("Mapping[object, object]", table)
        return {str(heading): _values(str(heading), column) for heading, column in given.items()}
    if isinstance(table, list | tuple):
        return _columns_of_records(cast("Sequence[object]", table))
    kind = getattr(table, "dtype", None)
    headings: object = getattr(table, "column_names", None)  # of PyArrow, whose `columns` have no names
    if headings is None:
        headings = getattr(table, "columns", None) if kind is None else kind.names
    if headings is None or isinstance(table, str):
        raise ValueError(f"table: {shown(table)}, {EXPECTED}")
    named, known = cast("Mapping[object, object]", table), list(cast("Sequence[object]", headings))
    texts = list(map(str, known))
    twice = next((text for text in texts if texts.count(text) > 1), None)
    if twice is not None:
        raise ValueError(f"table: two columns {twice!r}, expected different names")
    columns = {text: _values(text, named[heading]) for text, heading in zip(texts, known, strict=True)}
    return _named_levels(table) | columns


def _named_levels(table: object) -> dict[str, Sequence[object]]:
    """The labels of the rows of a pandas table, where they have a name, as if they were columns."""
    index: Any = getattr(table, "index", None)
    levels = cast("Sequence[object]", getattr(index, "names", ()))
    return {str(level): _values(str(level), index.get_level_values(level)) for level in levels if level is not None}


def _columns_of_records(records: Sequence[object]) -> dict[str, Sequence[object]]:
    """The columns of a list of dicts; a key that some of them do not have is an empty cell there."""
    rows: list[Mapping[object, object]] = []
    for k, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise ValueError(f"table: {shown(record)} in row {k}, {EXPECTED}")
        rows.append(cast("Mapping[object, object]", record))
    headings = dict.fromkeys(heading for row in rows for heading in row)
    return {str(heading): [row.get(heading) for row in rows] for heading in headings}


def _values(heading: str, column: object) -> Sequence[object]:
    """The values of a column."""
    for name in ("to_pylist", "to_list", "tolist"):
        convert = getattr(column, name, None)
        if convert is not None:
            values = convert()
            return cast("Sequence[object]", values if isinstance(values, list) else [values])
    if isinstance(column, str) or not isinstance(column, Sequence):
        raise ValueError(f"table: column {heading!r}: {shown(column)}, expected a list of values")
    return cast("Sequence[object]", column)


def _cell(heading: str, value: object) -> str:
    """A value as the text of a cell in a CSV file; missing values are empty cells."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, np.generic):
        value = cast("object", value.item())
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        is_missing = math.isnan(value) or (value == math.inf and canonical(heading) == "closes")
        return "" if is_missing else format_number(value) if math.isfinite(value) else str(value)
    if isinstance(value, timedelta):
        minutes, seconds = divmod(value.total_seconds(), 60)
        hours, minutes = divmod(int(minutes), 60)
        return f"{hours}:{minutes:02d}" + (f":{seconds:09.6f}" if seconds else "")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value).strip()
