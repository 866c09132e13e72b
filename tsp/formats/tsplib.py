"""TSPLIB's `.tsp`, `.atsp` and `.tour` files (Reinelt, "TSPLIB 95", 1995), and related files.

CVRPLIB's `.vrp` files have the same format; OPLib's `.oplib` files and their solutions, `.sol`, extend
it (Kobeaga, Merino, Lozano 2018). A file is first cut into keywords with values and sections of
numbers, in any order; then each section is read as the values declare. An error names the line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tsp.formats.attributes import require_held
from tsp.formats.text import TextFile, format_number, parse_number, quote, read_text
from tsp.instance import EXPLICIT, Array, Instance
from tsp.metrics import METRICS
from tsp.problems import get_problem, unknown
from tsp.solution import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from tsp.solution import Solution

Integers = NDArray[np.int64]
Places = tuple[Integers, Integers]

METRIC_NAMES = (*(name for name in METRICS if name.isupper()), EXPLICIT)
DIMENSIONS = {"TWOD_COORDS": 2, "THREED_COORDS": 3, "NO_COORDS": 0}
DISPLAYS = ("COORD_DISPLAY", "TWOD_DISPLAY", "NO_DISPLAY")
LARGEST_DIMENSION = 10**15

COMMON = (
    *("NAME", "TYPE", "COMMENT", "DIMENSION", "EDGE_WEIGHT_TYPE", "EDGE_WEIGHT_FORMAT"),
    *("NODE_COORD_TYPE", "DISPLAY_DATA_TYPE"),
)
GRAPH = ("NODE_COORD_SECTION", "EDGE_WEIGHT_SECTION", "DISPLAY_DATA_SECTION")
TYPE_VALUES = {
    **dict.fromkeys(("TSP", "ATSP", "TOUR"), COMMON),
    "CVRP": (*COMMON, "CAPACITY", "VEHICLES"),
    "OP": (*COMMON, "COST_LIMIT", "TSPSOL", "ROUTE_NODES", "ROUTE_SCORE", "ROUTE_COST"),
}
TYPE_SECTIONS = {
    **dict.fromkeys(("TSP", "ATSP"), (*GRAPH, "FIXED_EDGES_SECTION")),
    "TOUR": ("TOUR_SECTION",),
    "CVRP": (*GRAPH, "DEMAND_SECTION", "DEPOT_SECTION"),
    "OP": (*GRAPH, "NODE_SCORE_SECTION", "DEPOT_SECTION", "NODE_SEQUENCE_SECTION"),
}
"""Keywords and sections of each TYPE."""
VALUES = tuple(dict.fromkeys(chain(*TYPE_VALUES.values())))
SECTIONS = tuple(dict.fromkeys(chain(*TYPE_SECTIONS.values())))
TYPE_PROBLEMS = {"TSP": "tsp", "ATSP": "atsp", "CVRP": "cvrp", "OP": "op"}

_FLAGS = re.MULTILINE | re.IGNORECASE | re.ASCII
# A line that begins with a letter, except nan and inf, which count as numbers.
_KEYWORD_LINE = re.compile(r"^[ \t]*(?!(?:nan|inf|infinity)\b)([a-z]\w*)[ \t]*:?[ \t]*(.*)", _FLAGS)


def is_header(line: str) -> bool:
    """Whether `line` could be the first of a TSPLIB file."""
    match = _KEYWORD_LINE.match(line)
    return match is not None and match[1].upper() in VALUES


def _full(n: int) -> Places:
    rows, columns = np.indices((n, n)).reshape(2, -1)
    return rows, columns


# Rows and columns of an EDGE_WEIGHT_SECTION's numbers, in their order. A symmetric matrix's upper
# triangle by columns is its lower triangle by rows.
_PLACES: dict[str, Callable[[int], Places]] = {
    "FULL_MATRIX": _full,
    "UPPER_ROW": lambda n: np.triu_indices(n, 1),
    "LOWER_ROW": lambda n: np.tril_indices(n, -1),
    "UPPER_DIAG_ROW": lambda n: np.triu_indices(n),
    "LOWER_DIAG_ROW": lambda n: np.tril_indices(n),
    "UPPER_COL": lambda n: np.tril_indices(n, -1),
    "LOWER_COL": lambda n: np.triu_indices(n, 1),
    "UPPER_DIAG_COL": lambda n: np.tril_indices(n),
    "LOWER_DIAG_COL": lambda n: np.triu_indices(n),
}
WEIGHT_FORMATS = (*_PLACES, "FUNCTION")


def _count(weight_format: str, n: int) -> int:
    if weight_format == "FULL_MATRIX":
        return n * n
    return n * (n + 1) // 2 if "DIAG" in weight_format else n * (n - 1) // 2


@dataclass(frozen=True)
class _Value:
    line: int
    text: str


@dataclass(frozen=True)
class _Section:
    """Numbers after a keyword: `body` is the text from the end of the keyword's line."""

    file: TextFile
    keyword: str
    line: int
    body: str

    def error(self, index: int, message: str) -> ValueError:
        """The error for the number at `index`, or for the section's end where there is none."""
        return self.file.error(self._line_of(index), f"{self.keyword}: {message}")

    def _line_of(self, index: int) -> int:
        last = self.line
        seen = 0
        for line, text in enumerate(self.body.split("\n"), self.line):
            count = len(text.split())
            seen += count
            if count:
                last = line
            if index < seen:
                break
        return last

    def numbers(self) -> Array:
        """All numbers; nan and inf are allowed."""
        tokens = self.body.split()
        try:
            joined = "".join(tokens)
            if "_" in joined or not joined.isascii():  # float would accept 1_000 and digits of other scripts
                raise ValueError
            return np.array(list(map(float, tokens)), dtype=np.float64)
        except ValueError:
            bad = next(i for i, token in enumerate(tokens) if parse_number(token) is None)
            raise self.error(bad, f"{quote(tokens[bad])}, expected a number") from None

    def points(self, n: int, dimensions: int) -> Array:
        """Coordinates `[n, d]`, from a line `node x y` for each node in any order."""
        return self._columns(n, ("x", "y", "z")[:dimensions])

    def column(self, n: int, name: str) -> Array:
        """A value of 0 or more for each node `[n]`, from a line `node value` for each in any order."""
        values = self._columns(n, (name,))[:, 0]
        bad = np.flatnonzero(values < 0)
        if bad.size:
            index = 2 * int(np.flatnonzero(self.numbers()[::2] == bad[0] + 1)[0])
            raise self.error(index, f"{name} {format_number(float(values[bad[0]]))}, expected 0 or more")
        return values

    def _columns(self, n: int, names: Sequence[str]) -> Array:
        """Values `[n, k]`, from a line with the node and a value for each name, nodes in any order."""
        width = 1 + len(names)
        self._require_widths(("node", *names))
        values = self.numbers()
        if len(values) != n * width:
            raise self.error(n * width, f"{len(values) // width} nodes, expected {n} (DIMENSION)")
        nodes = values[::width]
        bad = np.flatnonzero(~((nodes >= 1) & (nodes <= n) & (nodes == np.floor(nodes))))
        if bad.size:
            found = format_number(float(nodes[bad[0]]))
            raise self.error(int(bad[0]) * width, f"node {found}, expected a whole number from 1 to {n}")
        ids = nodes.astype(np.int64) - 1
        counts = np.bincount(ids, minlength=n)
        if counts.max() > 1:
            twice = np.flatnonzero(ids == np.argmax(counts > 1))[1]
            missing = int(np.argmin(counts)) + 1
            raise self.error(int(twice) * width, f"node {ids[twice] + 1} is given twice and node {missing} is missing")
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise self.error(int(bad[0]), f"{values[bad[0]]:g}, expected a finite number")
        columns = np.empty((n, len(names)))
        columns[ids] = values.reshape(n, width)[:, 1:]
        return columns

    def _require_widths(self, names: Sequence[str]) -> None:
        for line, text in enumerate(self.body.split("\n"), self.line):
            found = len(text.split())
            if found not in (0, len(names)):
                expected = f"{len(names)}: {', '.join(names)}"
                raise self.file.error(line, f"{self.keyword}: {found} number(s), expected {expected}")

    def matrix(self, n: int, weight_format: str, *, symmetric: bool) -> Array:
        """Distances `[n, n]`; its numbers may be broken into lines in any way."""
        values = self.numbers()
        expected = _count(weight_format, n)
        if len(values) != expected:
            raise self.error(expected, f"{len(values)} numbers, expected {expected} (DIMENSION {n}, {weight_format})")
        rows, columns = _PLACES[weight_format](n)
        bad = np.flatnonzero(~((values >= 0) & (values < np.inf)) & (rows != columns))
        if bad.size:
            raise self.error(int(bad[0]), f"{values[bad[0]]:g}, expected a finite distance of 0 or more")
        matrix = np.empty((n, n))
        if weight_format != "FULL_MATRIX":
            matrix[columns, rows] = values
        matrix[rows, columns] = values
        np.fill_diagonal(matrix, 0.0)
        if symmetric and not (matrix == matrix.T).all():
            i, j = (int(k) for k in np.argwhere(matrix != matrix.T)[0])
            raise self.error(
                j * n + i,
                f"{matrix[j, i]:g} from node {j + 1} to {i + 1}, but {matrix[i, j]:g} from {i + 1} to {j + 1}, "
                "expected a symmetric matrix or TYPE ATSP",
            )
        return matrix

    def node_lists(self, n: int) -> list[Integers]:
        """Lists of nodes, from 0, each ended by -1 (or by the section's end)."""
        values = self.numbers()
        bad = np.flatnonzero(~((values == -1) | ((values >= 1) & (values <= n) & (values == np.floor(values)))))
        if bad.size:
            found = format_number(float(values[bad[0]]))
            raise self.error(int(bad[0]), f"node {found}, expected a whole number from 1 to {n}, or -1 at the end")
        ends = np.flatnonzero(values == -1)
        lists = np.split(values.astype(np.int64), ends)
        return [nodes[nodes != -1] - 1 for nodes in lists if (nodes != -1).any()]

    def node(self, n: int) -> int:
        """The one node, from 0, that the section lists."""
        lists = self.node_lists(n)
        if len(lists) != 1 or len(lists[0]) != 1:
            raise self.error(0, f"{sum(map(len, lists))} nodes, expected one")
        return int(lists[0][0])


@dataclass(frozen=True)
class _Document:
    """A file cut into keywords with values and sections with numbers."""

    file: TextFile
    values: dict[str, _Value]
    sections: dict[str, _Section]

    def value(self, keyword: str) -> _Value:
        if keyword not in self.values:
            raise self.file.error(self.file.last_line, f"the file ends without {keyword}")
        return self.values[keyword]

    def choice(self, keyword: str, allowed: Collection[str], default: str | None = None) -> str:
        if default is not None and keyword not in self.values:
            return default
        value = self.value(keyword)
        if value.text.upper() not in allowed:
            raise self.file.error(value.line, unknown(keyword, value.text[:40], allowed))
        return value.text.upper()

    def error(self, keyword: str, message: str) -> ValueError:
        return self.file.error(self.values[keyword].line, f"{keyword} {self.values[keyword].text}: {message}")

    def dimension(self) -> int:
        return self.whole_number("DIMENSION")

    def whole_number(self, keyword: str) -> int:
        """A value that is a whole number of 1 or more."""
        value = self.value(keyword)
        if re.fullmatch("[0-9]{1,16}", value.text) and 1 <= int(value.text) <= LARGEST_DIMENSION:
            return int(value.text)
        raise self.file.error(value.line, f"{keyword} {quote(value.text)}, expected a whole number from 1 to 10^15")

    def number(self, keyword: str) -> float:
        """A value that is a number of 0 or more."""
        value = self.value(keyword)
        number = parse_number(value.text)
        if number is None or number < 0:
            raise self.file.error(value.line, f"{keyword} {quote(value.text)}, expected a number of 0 or more")
        return number

    def section(self, keyword: str) -> _Section:
        if keyword not in self.sections:
            raise self.file.error(self.file.last_line, f"the file ends without {keyword}")
        return self.sections[keyword]


def _cut(file: TextFile, types: Sequence[str]) -> _Document:
    """Cut a file of one of `types` into its keywords."""
    values: dict[str, _Value] = {}
    sections: dict[str, _Section] = {}
    matches = list(_KEYWORD_LINE.finditer(file.text))
    ends = [match.start() for match in matches[1:]] + [len(file.text)]
    _require_blank(file, 1, file.text[: matches[0].start()] if matches else file.text)
    line, counted = 1, 0
    for match, end in zip(matches, ends, strict=True):
        line += file.text.count("\n", counted, match.start())
        counted = match.start()
        word, value, body = match[1].upper(), match[2].strip(), file.text[match.end() : end]
        if word == "EOF":
            break
        if word != "COMMENT" and (word in values or word in sections):
            first = values[word].line if word in values else sections[word].line
            raise file.error(line, f"{word} is given twice, first in line {first}")
        if word in SECTIONS:
            if value:
                raise file.error(line, f"{quote(value)} after {word}, expected the numbers on the next lines")
            sections[word] = _Section(file, word, line, body)
        elif word in VALUES:
            values[word] = _Value(line, value)
            if word == "TYPE":
                values[word] = _Value(line, _require_type(file, line, value, types))
            _require_blank(file, line, body)
        else:
            kind = values["TYPE"].text if "TYPE" in values else types[0]
            raise file.error(line, unknown("keyword", match[1][:40], (*TYPE_VALUES[kind], *TYPE_SECTIONS[kind], "EOF")))
    document = _Document(file, values, sections)
    kind = document.value("TYPE").text
    for keyword, part in chain(values.items(), sections.items()):
        if keyword not in TYPE_VALUES[kind] and keyword not in TYPE_SECTIONS[kind]:
            raise file.error(part.line, f"{keyword} does not belong in a file of TYPE {kind}")
    return document


def _require_type(file: TextFile, line: int, value: str, types: Collection[str]) -> str:
    kind = value.split()[0].upper() if value else ""  # some files have the author in brackets after it
    if kind not in types:
        expected = " or ".join(types)
        raise file.error(line, f"TYPE {quote(value)}, expected {expected} (other types are not supported yet)")
    return kind


def _require_blank(file: TextFile, line: int, text: str) -> None:
    if text.strip():
        line += text[: len(text) - len(text.lstrip())].count("\n")
        raise file.error(line, f"{quote(text.strip().splitlines()[0])}, expected a keyword")


def read_instance(path: Path) -> Instance:
    """Read a `.tsp`, `.atsp`, `.vrp` or `.oplib` file.

    The depot is the node of a DEPOT_SECTION, otherwise the first node. The number of tours in a `.vrp`
    file's name is ignored: CVRPLIB's best known values do not limit it.

    Raises:
        ValueError: with the file, the line, what is wrong and what was expected.
    """
    document = _cut(read_text(path), tuple(TYPE_PROBLEMS))
    kind = document.value("TYPE").text
    n = document.dimension()
    metric = document.choice("EDGE_WEIGHT_TYPE", METRIC_NAMES)
    weight_format = document.choice("EDGE_WEIGHT_FORMAT", WEIGHT_FORMATS, None if metric == EXPLICIT else "FUNCTION")
    if (metric == EXPLICIT) == (weight_format == "FUNCTION"):
        raise document.error("EDGE_WEIGHT_FORMAT", f"does not go with EDGE_WEIGHT_TYPE {metric}")
    if metric != EXPLICIT and "EDGE_WEIGHT_SECTION" in document.sections:
        raise document.error("EDGE_WEIGHT_TYPE", "expected EXPLICIT, since there is an EDGE_WEIGHT_SECTION")
    matrix = None
    if metric == EXPLICIT:
        matrix = document.section("EDGE_WEIGHT_SECTION").matrix(n, weight_format, symmetric=kind == "TSP")
    coordinates = _coordinates(document, n, metric)
    fixed_edges = _fixed_edges(document, n)
    attributes = _attributes(document, n)
    try:
        return Instance(
            coordinates=coordinates,
            matrix=matrix,
            metric=metric,
            problem=TYPE_PROBLEMS[kind],
            name=path.stem,
            fixed_edges=fixed_edges,
            **attributes,
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _attributes(document: _Document, n: int) -> dict[str, Any]:
    """The attributes of a CVRP or an OP."""
    kind = document.value("TYPE").text
    if kind not in ("CVRP", "OP"):
        return {}
    depot = document.sections.get("DEPOT_SECTION")
    common: dict[str, Any] = {"depot": 0 if depot is None else depot.node(n)}
    if kind == "OP":
        prizes = document.section("NODE_SCORE_SECTION").column(n, "score")
        return {**common, "prizes": prizes, "max_length": document.number("COST_LIMIT")}
    if "VEHICLES" in document.values:
        common["num_tours"] = document.whole_number("VEHICLES")
    demands = document.section("DEMAND_SECTION").column(n, "demand")
    return {**common, "demands": demands, "capacity": document.number("CAPACITY")}


def _coordinates(document: _Document, n: int, metric: str) -> Array | None:
    """The points from which distances are computed, or, with a matrix, the points for drawing."""
    document.choice("DISPLAY_DATA_TYPE", DISPLAYS, "NO_DISPLAY")
    dimensions = 2 if metric == EXPLICIT else METRICS[metric].dimensions[0]
    if "NODE_COORD_TYPE" in document.values:
        declared = DIMENSIONS[document.choice("NODE_COORD_TYPE", DIMENSIONS)]
        if metric != EXPLICIT and declared != dimensions:
            raise document.error("NODE_COORD_TYPE", f"expected {dimensions} coordinates for EDGE_WEIGHT_TYPE {metric}")
        if declared == 0 and "NODE_COORD_SECTION" in document.sections:
            raise document.error("NODE_COORD_TYPE", "but there is a NODE_COORD_SECTION")
        dimensions = declared
    drawn = None
    if "DISPLAY_DATA_SECTION" in document.sections:
        drawn = document.section("DISPLAY_DATA_SECTION").points(n, 2)
    if metric != EXPLICIT or "NODE_COORD_SECTION" in document.sections:
        return document.section("NODE_COORD_SECTION").points(n, dimensions)
    return drawn


def _fixed_edges(document: _Document, n: int) -> Integers | None:
    section = document.sections.get("FIXED_EDGES_SECTION")
    if section is None:
        return None
    lists = section.node_lists(n)
    if not lists:
        return None
    if len(lists) > 1 or len(lists[0]) % 2:
        raise section.error(0, f"{sum(map(len, lists))} nodes, expected pairs of nodes and -1 after the last")
    edges = lists[0].reshape(-1, 2)
    for k, (a, b) in enumerate(edges.tolist()):
        if a == b:
            raise section.error(2 * k, f"{a + 1} and {b + 1}, expected two different nodes")
    return edges


TOUR_SECTIONS = {"TOUR": "TOUR_SECTION", "OP": "NODE_SEQUENCE_SECTION"}


def read_tours(path: Path, instance: Instance) -> list[Integers]:
    """Read a `.tour` file or OPLib's `.sol` file: the tours in it, nodes counted from 0.

    Raises:
        ValueError: with the file, the line, what is wrong and what was expected.
    """
    document = _cut(read_text(path), tuple(TOUR_SECTIONS))
    if "DIMENSION" in document.values and document.dimension() != instance.size:
        raise document.error("DIMENSION", f"expected {instance.size}, the nodes of {instance.name or 'the instance'}")
    section = document.section(TOUR_SECTIONS[document.value("TYPE").text])
    tours = section.node_lists(instance.size)
    if not tours:
        raise section.error(0, "no node, expected a tour")
    return tours


def format_instance(instance: Instance) -> str:
    """The instance as a `.tsp` (or, asymmetric, `.atsp`) file; it cannot hold node names.

    Raises:
        ValueError: for plain Euclidean distances and for attributes, which these files cannot hold.
    """
    if instance.metric not in METRIC_NAMES:
        raise ValueError(
            f"{instance.name or 'instance'}: TSPLIB has no unrounded {instance.metric} distances; write .npz or .csv"
        )
    if instance.misses_roads:
        raise ValueError(f"{instance.name or 'instance'}: TSPLIB has no missing roads; write .npz")
    require_held(instance, ("fixed_edges",), "TSPLIB's .tsp")
    lines = [
        f"NAME: {_one_line(instance.name)}",
        f"TYPE: {'TSP' if instance.symmetric else 'ATSP'}",
        f"DIMENSION: {instance.size}",
        f"EDGE_WEIGHT_TYPE: {instance.metric}",
    ]
    if instance.matrix is not None:
        lines.append("EDGE_WEIGHT_FORMAT: FULL_MATRIX")
    if instance.coordinates is not None:
        name = next(name for name, d in DIMENSIONS.items() if d == instance.coordinates.shape[1])
        lines += [f"NODE_COORD_TYPE: {name}"] if instance.matrix is not None else []
        lines.append("NODE_COORD_SECTION")
        lines += [f"{i} {_row(point)}" for i, point in enumerate(instance.coordinates, 1)]
    if instance.matrix is not None:
        lines += ["EDGE_WEIGHT_SECTION", *map(_row, instance.matrix)]
    if instance.fixed_edges is not None:
        lines += ["FIXED_EDGES_SECTION", *(f"{a + 1} {b + 1}" for a, b in instance.fixed_edges.tolist()), "-1"]
    return "\n".join((*lines, "EOF", ""))


def format_tours(instance: Instance, solution: Solution) -> str:
    """The solution as a `.tour` file, nodes counted from 1, its length in the comment."""
    walked = walk(get_problem(instance.problem), instance, solution.tours)
    length = sum(instance.path_length(stops) for stops in walked.stops)
    by = f" by {_one_line(solution.solver)}" if solution.solver else ""
    lines = [
        f"NAME: {_one_line(instance.name)}",
        "TYPE: TOUR",
        f"COMMENT: length {format_number(length)}{by}",
        f"DIMENSION: {instance.size}",
        "TOUR_SECTION",
    ]
    for tour in solution.tours:
        lines += [*map(str, (tour + 1).tolist()), "-1"]
    return "\n".join((*lines, "EOF", ""))


def _row(values: Array) -> str:
    return " ".join(map(format_number, values.tolist()))


def _one_line(text: str) -> str:
    return " ".join(text.split())
