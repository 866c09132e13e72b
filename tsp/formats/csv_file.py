"""CSV files: nodes, one on each line; itineraries.

Beside `name`, `x` and `y` a node may have a `prize`, a `penalty`, a `demand`, a time window from
`opens` to `closes`, a `duration` (of the visit), and a time from `appears` to `appears_by` at which it appears, with a
chance of `chance_percent`.

All variants that spreadsheets write are read: commas, semicolons (then often with decimal commas) or
tabs between the cells, a byte order mark, blank lines at the end.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tsp.clock import MINUTES_OF_DAY, format_day, parse_clock
from tsp.composition import implied_problem, problem_of
from tsp.earth import degrees, earth_instance
from tsp.formats.appearances import APPEARANCE, read_law
from tsp.formats.attributes import require_held
from tsp.formats.clock_columns import DURATION, EMPTY, WINDOW, read_clock_columns
from tsp.formats.columns import canonical
from tsp.formats.text import TextFile, format_number, parse_number, quote, read_text
from tsp.instance import Array, Instance
from tsp.itinerary import make_itinerary
from tsp.problems import TimeWindows
from tsp.solution import left_out
from tsp.units import refuse_units

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tsp.solution import Solution

DELIMITERS = ",;\t"

COLUMNS = {
    "prize": "prizes",
    "penalty": "penalties",
    "demand": "demands",
    "duration": "service_times",
    "required": "required",
}
"""Columns with a number for each node, and the attributes that they become."""
NAMED = ("name", "id")
SHORTEST_TIME = 1e-7
"""Minutes to which times of day are written."""


class UnreadColumns(UserWarning):
    """A file has columns of numbers or times that nothing reads."""


def is_header(line: str) -> bool:
    """Whether `line` could be the first of a CSV file of nodes."""
    cells = {canonical(cell.strip().strip('"')) for cell in re.split(f"[{DELIMITERS}]", line)}
    return {"x", "y"} <= cells or {"lat", "lon"} <= cells


def read_instance(
    path: Path, matrix: Array | None = None, *, unit: str | None = None, speed: float | None = None
) -> Instance:
    """Read a CSV file of nodes: a header with `x`, `y` (or `lat`, `lon`) and usually `name`, then a line for each node.

    The first node is the depot. Columns are known by the names of `tsp.formats.columns`. Those of `COLUMNS`,
    `WINDOW` and `APPEARANCE` become attributes: an empty cell means 0, or infinity in `closes`, and a column with only
    empty cells is ignored. Without names, a column `id` names the nodes. Any other column is kept in `extras`; a
    warning names those of numbers. The problem is the one that the attributes imply.

    Args:
        path: the file.
        matrix: distances `[n, n]` from elsewhere; then `x` and `y` may be missing.
        unit: unit of great-circle distances, for `lat` and `lon`.
        speed: kilometres an hour there, for times of day.

    Raises:
        ValueError: with the file, the line, the column and what was expected.
    """
    file = read_text(path)
    delimiter = _delimiter(file)
    return instance_of_rows(file, _rows(file, delimiter), delimiter, matrix, unit=unit, speed=speed)


def instance_of_rows(
    file: TextFile,
    table_rows: Sequence[tuple[int, list[str]]],
    delimiter: str,
    matrix: Array | None = None,
    *,
    unit: str | None = None,
    speed: float | None = None,
) -> Instance:
    """The instance of a table of nodes; see `read_instance`.

    Args:
        file: has the name, and makes the errors.
        table_rows: the number and the cells of each line, the header first, its headings by `in_one_line`.
        delimiter: what separates the cells; a number may have a decimal comma where a comma does not.
        matrix: as for `read_instance`.
        unit: the same.
        speed: the same.
    """
    (header_line, header), *rows = table_rows
    while header and not header[-1]:
        header.pop()
    names = set(map(canonical, header))
    axes = _axes(names)
    if not axes and (matrix is None or names & {"x", "y", "lat", "lon"}):
        found = f"columns {quote(', '.join(header))}"
        if all(_number(cell, delimiter) is not None for cell in header):
            raise file.error(header_line, f"{found}, expected a first line that names them, such as name,x,y,demand")
        raise file.error(header_line, f"{found}, expected a header with name, x, y")
    columns = _columns(file, header_line, header)
    table: list[list[str]] = []
    lines: list[int] = []
    for line, cells in rows:
        if any(cells[len(header) :]) or len(cells) < len(header):
            raise file.error(line, f"{len(cells)} cells, expected {len(header)} ({', '.join(header)})")
        table.append(cells[: len(header)])
        lines.append(line)
    if not table:
        raise file.error(header_line, "no node after the header, expected a line for each")
    texts = {name: tuple(row[k] for row in table) for name, k in columns.items()}
    points = [_numbers(file, lines, name, texts[name], delimiter) for name in axes]
    if "name" in texts:
        _require_distinct(file, lines, texts["name"])
    naming = "id" if "name" not in texts and _can_name(texts.get("id", ())) else "name"
    attributes = _attributes(file, lines, texts, delimiter)
    known = (naming, *axes, *COLUMNS, *WINDOW, *APPEARANCE)
    extras = {header[k]: texts[name] for name, k in columns.items() if name not in known}
    warn_of_numbers(file.path, extras, delimiter)
    if "name" not in texts and naming == "name" and "id" in texts:
        _warn_of_ids(file, lines, texts["id"])
    attributes |= {"name": file.path.stem, "names": texts.get(naming), "extras": extras}
    is_earth = "lat" in axes
    if is_earth:
        _require_degrees(file, lines, points[0], points[1])
    if axes and (not is_earth or matrix is not None):
        attributes["coordinates"] = degrees(points[0], points[1]) if is_earth else np.column_stack(points)
    try:
        if is_earth and matrix is None:
            instance = earth_instance(points[0], points[1], **attributes, unit=unit, speed=speed)
        else:
            refuse_units("expected columns lat and lon", unit, speed)
            instance = Instance(**attributes, matrix=matrix)
    except ValueError as error:
        raise ValueError(f"{file.path}: {error}") from None
    return replace(instance, problem=implied_problem(instance))


def _columns(file: TextFile, line: int, header: list[str]) -> dict[str, int]:
    """The place of each column, by its name in `tsp.formats.columns` or its own in lower case."""
    columns: dict[str, int] = {}
    for k, heading in enumerate(header):
        name = canonical(heading)
        if name in columns:
            if heading.lower() == header[columns[name]].lower():
                raise file.error(line, f"columns {quote(', '.join(header))}, expected different names")
            both = f"columns {quote(header[columns[name]])} and {quote(heading)}"
            raise file.error(line, f"{both} mean the same, expected one of them")
        columns[name] = k
    return columns


def _axes(names: set[str]) -> tuple[str, ...]:
    """The columns of coordinates."""
    if {"x", "y"} <= names:
        return ("x", "y", "z") if "z" in names else ("x", "y")
    return ("lat", "lon") if {"lat", "lon"} <= names else ()


def _require_degrees(file: TextFile, lines: list[int], latitudes: Array, longitudes: Array) -> None:
    for name, values, most in (("lat", latitudes, 90.0), ("lon", longitudes, 360.0)):
        wrong = np.flatnonzero(np.abs(values) > most)
        if wrong.size:
            found = f"column {name}: {values[wrong[0]]:g}"
            raise file.error(lines[int(wrong[0])], f"{found}, expected degrees from {-most:g} to {most:g}")


def warn_of_numbers(source: Path | str, extras: Mapping[str, Sequence[str]], delimiter: str | None) -> None:
    """Name the columns of numbers and times that nothing reads.

    Args:
        source: the file, or the name of its instance.
        extras: texts of a column by its heading.
        delimiter: what separates the cells; a number may have a decimal comma where a comma does not.
    """
    unread = [
        heading
        for heading, texts in extras.items()
        if canonical(heading) not in NAMED
        and any(texts)
        and all(_number(text, delimiter) is not None or parse_clock(text) is not None for text in texts if text)
    ]
    if unread:
        named = ", ".join(map(quote, unread))
        warnings.warn(
            f"{source}: nothing reads column {named} (tsp solve --help-columns lists what is read)",
            UnreadColumns,
            stacklevel=2,
        )


def _can_name(ids: Sequence[str]) -> bool:
    """Whether the cells of a column can name the nodes: there are any, and all are different."""
    return bool(ids) and all(ids) and len(set(ids)) == len(ids)


def _warn_of_ids(file: TextFile, lines: Sequence[int], ids: Sequence[str]) -> None:
    """Say why the column `id` does not name the nodes."""
    first: dict[str, int] = {}
    for line, text in zip(lines, ids, strict=True):
        if not text or first.setdefault(text, line) != line:
            found = f"{quote(text)} is also in {file.unit} {first[text]}" if text else "empty"
            said = file.error(line, f"column id: {found}, so nodes are called by their numbers")
            warnings.warn(str(said), stacklevel=2)
            return


def _attributes(file: TextFile, lines: list[int], texts: Mapping[str, Sequence[str]], delimiter: str) -> dict[str, Any]:
    """The attributes for which there are columns."""
    columns: dict[str, Array] = {}
    times = read_clock_columns(texts, lambda k, what: file.error(lines[k], what), lambda text: _number(text, delimiter))
    for name in (*COLUMNS, *WINDOW, *APPEARANCE):
        if any(texts.get(name, ())):
            values = (
                times.minutes[name]
                if name in times.minutes
                else _numbers(file, lines, name, texts[name], delimiter, empty=EMPTY.get(name, 0.0))
            )
            wrong = np.flatnonzero(values < 0) if name in COLUMNS else np.empty(0, dtype=np.int64)
            if wrong.size:
                k = int(wrong[0])
                raise file.error(lines[k], f"column {name}: {quote(texts[name][k])}, expected 0 or more")
            columns[name] = values
    attributes: dict[str, Any] = {attribute: columns[name] for name, attribute in COLUMNS.items() if name in columns}
    if columns.keys() & set(WINDOW):
        opens, closes = (columns.get(name, np.full(len(lines), EMPTY.get(name, 0.0))) for name in WINDOW)
        wrong = np.flatnonzero(opens > closes)
        if wrong.size:
            k = int(wrong[0])
            found = ", ".join(f"{name} {texts[name][k] or 0}" for name in WINDOW if name in columns)
            raise file.error(lines[k], f"{found}, expected to open before it closes")
        attributes["time_windows"] = np.column_stack((opens, closes))
    law = read_law(columns, texts, len(lines), lambda k, what: file.error(lines[k], what))
    if law is not None:
        attributes["law_appears"] = law
    return attributes | {"is_clock": bool(times.minutes), "day": times.day}


def _delimiter(file: TextFile) -> str:
    header = file.text.lstrip().split("\n", 1)[0]
    return max(DELIMITERS, key=header.count)


def read_cells(path: Path) -> tuple[TextFile, str, list[tuple[int, list[str]]]]:
    """The file, what separates its cells, and the number and the cells of each line that is not blank.

    Raises:
        ValueError: with the file, the line and what was expected.
    """
    file = read_text(path)
    delimiter = _delimiter(file)
    return file, delimiter, _rows(file, delimiter)


def read_number(file: TextFile, line: int, column: str, text: str, delimiter: str) -> float:
    """The number in a cell.

    Raises:
        ValueError: with the file, the line, the column and what was expected.
    """
    return float(_numbers(file, [line], column, [text], delimiter)[0])


def _rows(file: TextFile, delimiter: str) -> list[tuple[int, list[str]]]:
    """The number and the cells, without surrounding blanks, of each line that is not blank."""
    source = io.StringIO(file.text, newline="")
    reader = csv.reader(source, delimiter=delimiter, skipinitialspace=True, strict=True)
    rows: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for cells in reader:
            texts = [_unguarded(cell.strip()) for cell in cells]
            if any(texts):
                rows.append((line, texts))
            line = reader.line_num + 1
    except csv.Error as error:
        raise file.error(line, f"not readable as CSV ({error})") from None
    if not rows:
        raise file.error(1, "no cell with content, expected a header with name, x, y")
    (first, header), *rest = rows
    return [(first, [in_one_line(heading) for heading in header]), *rest]


def in_one_line(heading: str) -> str:
    """A heading without line breaks, which spreadsheets allow in a cell."""
    return re.sub(r"\s*[\r\n]+\s*", " ", heading)


def _numbers(
    file: TextFile, lines: list[int], column: str, texts: Iterable[str], delimiter: str, empty: float | None = None
) -> Array:
    """A column's numbers; an empty cell is `empty`, or an error where that is None."""
    values: list[float] = []
    for line, text in zip(lines, texts, strict=True):
        value = empty if not text and empty is not None else _number(text, delimiter)
        if value is None:
            raise file.error(line, f"column {column}: {quote(text)}, expected a finite number")
        values.append(value)
    return np.array(values)


def _number(text: str, delimiter: str | None) -> float | None:
    """The number in a cell, with a decimal point or, where commas do not separate cells, a decimal comma."""
    if delimiter in (";", "\t") and text.count(",") == 1:
        text = text.replace(",", ".")
    return parse_number(text)


def _require_distinct(file: TextFile, lines: list[int], names: Iterable[str]) -> None:
    seen: dict[str, int] = {}
    for line, name in zip(lines, names, strict=True):
        if not name:
            raise file.error(line, "column name: empty, expected a name")
        if name in seen:
            found = f"{quote(name)} is also in {file.unit} {seen[name]}"
            raise file.error(line, f"column name: {found}, expected different names")
        seen[name] = line


def read_walls(path: Path) -> Array:
    """Read a hall's walls, around which ways lead: a header `x1,y1,x2,y2`, then a line for each.

    Returns:
        segments `[w, 2, 2]`: the two end points of each wall.

    Raises:
        ValueError: with the file, the line, the column and what was expected.
    """
    file = read_text(path)
    delimiter = _delimiter(file)
    (header_line, header), *rows = _rows(file, delimiter)
    names = [name.lower() for name in header]
    if names != ["x1", "y1", "x2", "y2"]:
        raise file.error(header_line, f"columns {quote(', '.join(header))}, expected x1, y1, x2, y2")
    for line, cells in rows:
        if len(cells) != len(names):
            raise file.error(line, f"{len(cells)} cells, expected 4 (x1, y1, x2, y2)")
    lines = [line for line, _ in rows]
    columns = [_numbers(file, lines, name, [cells[k] for _, cells in rows], delimiter) for k, name in enumerate(names)]
    return np.column_stack(columns).reshape(-1, 2, 2)


def format_instance(instance: Instance) -> str:
    """The instance as a CSV file of nodes.

    Raises:
        ValueError: for distances other than plain Euclidean ones, which a reader would assume, and for
            attributes that are not values of nodes.
    """
    if instance.metric != "euclidean" or instance.coordinates is None or instance.coordinates.shape[1] != 2:
        raise ValueError(
            f"{instance.name or 'instance'}: CSV holds points in the plane with unrounded distances only; "
            f"write .npz{'' if instance.metric == 'euclidean' else ' or .tsp'}"
        )
    require_held(instance, (*COLUMNS.values(), "time_windows", "is_clock"), "CSV")
    columns = {name: values for name, key in COLUMNS.items() if (values := getattr(instance, key)) is not None}
    if instance.time_windows is not None:
        columns |= zip(WINDOW, instance.time_windows.T, strict=True)
    clock = () if not instance.is_clock else (DURATION,) if instance.time_windows is None else WINDOW
    rows = [["name", "x", "y", *columns, *map(_guarded, instance.extras)]]
    for i, point in enumerate(instance.coordinates.tolist()):
        values = [
            _clock_cell(instance, float(column[i])) if name in clock else _cell(float(column[i]))
            for name, column in columns.items()
        ]
        texts = (column[i] for column in instance.extras.values())
        rows.append([_guarded(instance.node_name(i)), *map(format_number, point), *values, *map(_guarded, texts)])
    return _table(rows)


def _clock_cell(instance: Instance, minutes: float) -> str:
    """A time of day as text that is read as the same time; an empty cell for infinity."""
    if minutes == np.inf:
        return ""
    since, midnight = minutes, 0.0
    if instance.day is not None and instance.time_windows is not None:
        days, since = divmod(minutes, MINUTES_OF_DAY)
        midnight = (parse_clock(instance.day) or 0.0) + days * MINUTES_OF_DAY
    hours, rest = divmod(since, 60.0)
    whole, part = divmod(rest, 1.0)
    text = f"{int(hours):02d}:{int(whole):02d}" + (f":{60 * part:09.6f}" if part else "")
    text = f"{format_day(midnight)}T{text}" if midnight else text
    again = parse_clock(text)
    if again is None or abs(again - midnight - since) > SHORTEST_TIME:
        raise ValueError(f"{instance.name or 'instance'}: CSV cannot hold its time of {minutes:g} minutes; write .npz")
    return text


def _cell(value: float) -> str:
    """A number as text; an empty cell for infinity."""
    return "" if value == np.inf else format_number(value)


def format_itinerary(instance: Instance, solution: Solution) -> str:
    """The solution as a CSV itinerary; see `itinerary_rows`."""
    return _table(map(_guarded, row) for row in itinerary_rows(instance, solution))


def itinerary_rows(instance: Instance, solution: Solution) -> list[list[str]]:
    """The solution as a table, its headings first: nodes in the order of the visits, with the end of each tour.

    `leg` is the distance from the previous node, `walked` the length of the tour so far; on the Earth both have
    the unit in their names, as `leg_km`, and `lat` and `lon` replace `x` and `y`. A problem with time windows
    adds the times `arrive`, `begin` and `leave`, an instance with prizes the node's `prize`, split deliveries the
    amount `delivered`, and several tours the index `tour` (from 0). Where nodes may be left out, those that are
    follow at the end, without an `order`.
    """
    problem = problem_of(instance)
    timed = problem.rule(TimeWindows) is not None and instance.time_windows is not None
    units = instance.units
    places = ("x", "y") if units.length is None else ("lat", "lon")
    leg, walked = (name if units.length is None else f"{name}_{units.length}" for name in ("leg", "walked"))
    header = ["tour"] * (problem.shape.has_several_tours) + ["order", "name", *places, leg, walked]
    header += ["arrive", "begin", "leave"] * timed
    header += ["prize"] * (instance.prizes is not None) + ["delivered"] * (solution.amounts is not None)
    table = [[*header, *instance.extras]]
    before, written = instance.depot, units.format_time if units.is_clock else _rounded
    for stop in make_itinerary(problem, instance, solution):
        cells = {
            "tour": str(stop.tour),
            "order": str(stop.order),
            leg: _rounded(float(instance.legs(before, stop.node)) if stop.order else 0.0),
            "prize": "" if stop.interest is None else format_number(stop.interest),
            walked: _rounded(stop.walked),
            **{name: written(getattr(stop, name)) for name in ("arrive", "begin", "leave")},
        }
        if stop.delivered is not None:
            cells["delivered"] = _rounded(stop.delivered)
        table.append(_itinerary_row(instance, stop.node, header, cells))
        before = stop.node
    for node in left_out(problem, instance, solution).tolist():
        prize = {} if instance.prizes is None else {"prize": format_number(float(instance.prizes[node]))}
        table.append(_itinerary_row(instance, node, header, prize))
    return table


def _itinerary_row(instance: Instance, node: int, header: Sequence[str], cells: dict[str, str]) -> list[str]:
    """A row of an itinerary: its cells, and what is known of the node."""
    known = {"name": instance.node_name(node)}
    if instance.coordinates is not None:
        x, y = instance.coordinates[node, :2].tolist()
        longitude = x if abs(x) <= 180 else (x + 180) % 360 - 180
        known |= {"x": format_number(x), "y": format_number(y), "lat": format_number(y), "lon": _rounded(longitude)}
    row = known | cells
    return [*(row.get(name, "") for name in header), *(column[node] for column in instance.extras.values())]


def _rounded(length: float) -> str:
    """A number without its last digits, which contain rounding errors of sums."""
    return format_number(float(f"{length:.12g}"))


def _table(rows: Iterable[Iterable[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _guarded(text: str) -> str:
    """`text`, after an apostrophe if a spreadsheet would otherwise evaluate it as a formula."""
    return f"'{text}" if re.match(r"'*[=+\-@\t\r]", text) and parse_number(text) is None else text


def _unguarded(text: str) -> str:
    return text[1:] if re.match(r"'+[=+\-@]", text) else text
