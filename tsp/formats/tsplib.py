"""TSPLIB's `.tsp`, `.atsp` and `.tour` files (Reinelt, "TSPLIB 95", 1995), and related files.

CVRPLIB's `.vrp` files have the same format; OPLib's `.oplib` files and their solutions, `.sol`, extend
it (Kobeaga, Merino, Lozano 2018). A file is first cut into keywords with values and sections of
numbers, in any order; then each section is read as the values declare. An error names the line.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from tsp.composition import problem_of
from tsp.formats.attributes import require_held
from tsp.formats.number_section import AXES, WEIGHT_FORMATS, Numbering, Section
from tsp.formats.text import TextFile, format_number, parse_number, quote, read_text
from tsp.instance import EXPLICIT, Instance
from tsp.metrics import METRICS
from tsp.problems import unknown
from tsp.solution import claim_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from tsp.instance import Array, Integers
    from tsp.solution import Solution

UNROUNDED = {2: "EXACT_2D", 3: "EXACT_3D"}
"""LKH's names for the metric `euclidean`, by the number of coordinates."""
METRIC_NAMES = (*(name for name in METRICS if name.isupper()), *UNROUNDED.values(), EXPLICIT)
DIMENSIONS = {"TWOD_COORDS": 2, "THREED_COORDS": 3, "NO_COORDS": 0}
DISPLAYS = ("COORD_DISPLAY", "TWOD_DISPLAY", "NO_DISPLAY")
LARGEST_DIMENSION = 10**15
LARGEST_MINUTES = 0.6 - 1e-9
"""A coordinate of GEO with a fraction of at least this is not a number of degrees and minutes."""

COMMON = (
    *("NAME", "TYPE", "COMMENT", "DIMENSION", "EDGE_WEIGHT_TYPE", "EDGE_WEIGHT_FORMAT"),
    *("NODE_COORD_TYPE", "DISPLAY_DATA_TYPE"),
)
GRAPH = ("NODE_COORD_SECTION", "EDGE_WEIGHT_SECTION", "DISPLAY_DATA_SECTION")
ROUTES = ("CVRP", "CVRPTW", "VRPTW")
TYPE_VALUES = {
    **dict.fromkeys(("TSP", "ATSP", "TOUR"), COMMON),
    **dict.fromkeys(ROUTES, (*COMMON, "CAPACITY", "VEHICLES", "DISTANCE", "SERVICE_TIME")),
    "OP": (*COMMON, "COST_LIMIT", "TSPSOL", "ROUTE_NODES", "ROUTE_SCORE", "ROUTE_COST"),
}
TYPE_SECTIONS = {
    **dict.fromkeys(("TSP", "ATSP"), (*GRAPH, "FIXED_EDGES_SECTION")),
    "TOUR": ("TOUR_SECTION",),
    **dict.fromkeys(ROUTES, (*GRAPH, "DEMAND_SECTION", "DEPOT_SECTION", "TIME_WINDOW_SECTION", "SERVICE_TIME_SECTION")),
    "OP": (*GRAPH, "NODE_SCORE_SECTION", "DEPOT_SECTION", "NODE_SEQUENCE_SECTION"),
}
"""Keywords and sections of each TYPE."""
VALUES = tuple(dict.fromkeys(chain(*TYPE_VALUES.values())))
SECTIONS = tuple(dict.fromkeys(chain(*TYPE_SECTIONS.values())))
TYPE_PROBLEMS = {"TSP": "tsp", "ATSP": "atsp", "CVRP": "cvrp", "OP": "op", "CVRPTW": "cvrptw", "VRPTW": "cvrptw"}

_FLAGS = re.MULTILINE | re.IGNORECASE | re.ASCII
# A line that begins with a letter, except nan and inf, which count as numbers.
_KEYWORD_LINE = re.compile(r"^[ \t]*(?!(?:nan|inf|infinity)\b)([a-z]\w*)[ \t]*:?[ \t]*(.*)", _FLAGS)


def is_header(line: str) -> bool:
    """Whether `line` could be the first of a TSPLIB file."""
    match = _KEYWORD_LINE.match(line)
    return match is not None and match[1].upper() in VALUES


@dataclass(frozen=True)
class _Value:
    line: int
    text: str


@dataclass(frozen=True)
class _Document:
    """A file cut into keywords with values and sections with numbers."""

    file: TextFile
    values: dict[str, _Value]
    sections: dict[str, Section]

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

    def section(self, keyword: str) -> Section:
        if keyword not in self.sections:
            raise self.file.error(self.file.last_line, f"the file ends without {keyword}")
        return self.sections[keyword]


def _cut(file: TextFile, types: Sequence[str]) -> _Document:
    """Cut a file of one of `types` into its keywords."""
    values: dict[str, _Value] = {}
    sections: dict[str, Section] = {}
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
            sections[word] = Section(file, word, line, body)
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
    file's name is ignored: CVRPLIB's best known values do not limit it. A CVRP with time windows is a
    `cvrptw`, as some files of it call themselves.

    Raises:
        ValueError: with the file, the line, what is wrong and what was expected.
    """
    document = _cut(read_text(path), tuple(TYPE_PROBLEMS))
    kind = document.value("TYPE").text
    metric = document.choice("EDGE_WEIGHT_TYPE", METRIC_NAMES)
    weight_format = document.choice("EDGE_WEIGHT_FORMAT", WEIGHT_FORMATS, None if metric == EXPLICIT else "FUNCTION")
    if (metric == EXPLICIT) == (weight_format == "FUNCTION"):
        raise document.error("EDGE_WEIGHT_FORMAT", f"does not go with EDGE_WEIGHT_TYPE {metric}")
    if metric != EXPLICIT and "EDGE_WEIGHT_SECTION" in document.sections:
        raise document.error("EDGE_WEIGHT_TYPE", "expected EXPLICIT, since there is an EDGE_WEIGHT_SECTION")
    dimensions = _dimensions(document, metric)
    nodes = _numbering(document, dimensions)
    matrix = None
    if metric == EXPLICIT:
        matrix = document.section("EDGE_WEIGHT_SECTION").matrix(nodes, weight_format, symmetric=kind == "TSP")
    coordinates = _coordinates(document, nodes, metric, dimensions)
    fixed_edges = _fixed_edges(document, nodes)
    attributes = _attributes(document, nodes)
    try:
        return Instance(
            coordinates=coordinates,
            matrix=matrix,
            metric="euclidean" if metric in UNROUNDED.values() else metric,
            problem="cvrptw" if "time_windows" in attributes else TYPE_PROBLEMS[kind],
            name=path.stem,
            names=nodes.names,
            fixed_edges=fixed_edges,
            **attributes,
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _dimensions(document: _Document, metric: str) -> int:
    """The number of coordinates of a node in the NODE_COORD_SECTION."""
    dimensions = 3 if metric.endswith("_3D") else 2
    if "NODE_COORD_TYPE" not in document.values:
        return dimensions
    declared = DIMENSIONS[document.choice("NODE_COORD_TYPE", DIMENSIONS)]
    if metric != EXPLICIT and declared != dimensions:
        raise document.error("NODE_COORD_TYPE", f"expected {dimensions} coordinates for EDGE_WEIGHT_TYPE {metric}")
    if declared == 0 and "NODE_COORD_SECTION" in document.sections:
        raise document.error("NODE_COORD_TYPE", "but there is a NODE_COORD_SECTION")
    return declared


def _numbering(document: _Document, dimensions: int) -> Numbering:
    """The numbers of the nodes, from the first section with a line for each."""
    n = document.dimension()
    columns = {
        "NODE_COORD_SECTION": AXES[:dimensions],
        "DISPLAY_DATA_SECTION": AXES[:2],
        "DEMAND_SECTION": ("demand",),
        "NODE_SCORE_SECTION": ("score",),
    }
    found = next((keyword for keyword in columns if keyword in document.sections), None)
    return Numbering(n) if found is None else document.sections[found].numbering(n, columns[found])


def _attributes(document: _Document, nodes: Numbering) -> dict[str, Any]:
    """The attributes of a CVRP, with or without time windows, or an OP."""
    kind = document.value("TYPE").text
    if kind not in (*ROUTES, "OP"):
        return {}
    depot = document.sections.get("DEPOT_SECTION")
    common: dict[str, Any] = {"depot": 0 if depot is None else depot.node(nodes)}
    if kind == "OP":
        prizes = document.section("NODE_SCORE_SECTION").column(nodes, "score")
        return {**common, "prizes": prizes, "max_length": document.number("COST_LIMIT")}
    if "VEHICLES" in document.values:
        common["num_tours"] = document.whole_number("VEHICLES")
    if "DISTANCE" in document.values:
        common["max_length"] = document.number("DISTANCE")
    if kind != "CVRP" or "TIME_WINDOW_SECTION" in document.sections:
        common["time_windows"] = document.section("TIME_WINDOW_SECTION").windows(nodes)
    demands = document.section("DEMAND_SECTION").column(nodes, "demand")
    service_times = _service_times(document, nodes, common["depot"])
    return {**common, "demands": demands, "capacity": document.number("CAPACITY"), "service_times": service_times}


def _service_times(document: _Document, nodes: Numbering, depot: int) -> Array | None:
    """Service times from a section, else SERVICE_TIME for every customer, as LKH defines both."""
    if "SERVICE_TIME_SECTION" in document.sections:
        return document.sections["SERVICE_TIME_SECTION"].column(nodes, "service time")
    if "SERVICE_TIME" not in document.values:
        return None
    times = np.full(nodes.size, document.number("SERVICE_TIME"))
    times[depot] = 0.0
    return times


def _coordinates(document: _Document, nodes: Numbering, metric: str, dimensions: int) -> Array | None:
    """The points from which distances are computed, or, with a matrix, the points for drawing."""
    document.choice("DISPLAY_DATA_TYPE", DISPLAYS, "NO_DISPLAY")
    drawn = None
    if "DISPLAY_DATA_SECTION" in document.sections:
        drawn = document.section("DISPLAY_DATA_SECTION").points(nodes, 2)
    if metric == EXPLICIT and "NODE_COORD_SECTION" not in document.sections:
        return drawn
    points = document.section("NODE_COORD_SECTION").points(nodes, dimensions)
    if metric == "GEO":
        _warn_of_fractions(document, nodes, points)
    return points


def _warn_of_fractions(document: _Document, nodes: Numbering, points: Array) -> None:
    """Note coordinates of GEO that cannot be degrees and minutes: .60 or more after the point."""
    beyond = np.argwhere(np.abs(points) % 1.0 > LARGEST_MINUTES)
    if not beyond.size:
        return
    node, axis = (int(k) for k in beyond[0])
    others = f", and {len(beyond) - 1} more of {points.size} coordinates are" if len(beyond) > 1 else " is"
    warnings.warn(
        f"{document.file.path}: EDGE_WEIGHT_TYPE GEO means degrees and minutes (DDD.MM), as which "
        f"{format_number(float(points[node, axis]))} of node {nodes.number(node)}{others} unusual; "
        "if these are decimal degrees, the distances are wrong (GEOM takes decimal degrees, and gives metres)",
        stacklevel=2,
    )


def _fixed_edges(document: _Document, nodes: Numbering) -> Integers | None:
    section = document.sections.get("FIXED_EDGES_SECTION")
    if section is None:
        return None
    lists = section.node_lists(nodes)
    if not lists:
        return None
    if len(lists) > 1 or len(lists[0]) % 2:
        raise section.error(0, f"{sum(map(len, lists))} nodes, expected pairs of nodes and -1 after the last")
    edges = lists[0].reshape(-1, 2)
    for k, (a, b) in enumerate(edges.tolist()):
        if a == b:
            number = nodes.number(a)
            raise section.error(2 * k, f"{number} and {number}, expected two different nodes")
    return edges


TOUR_SECTIONS = {"TOUR": "TOUR_SECTION", "OP": "NODE_SEQUENCE_SECTION"}


def read_tours(path: Path, instance: Instance) -> list[Integers]:
    """Read a `.tour` file or OPLib's `.sol` file: the tours in it, as nodes from 0.

    The file has the numbers of the instance's own file: the names, where all are whole numbers, else 1 to n.

    Raises:
        ValueError: with the file, the line, what is wrong and what was expected.
    """
    document = _cut(read_text(path), tuple(TOUR_SECTIONS))
    if "DIMENSION" in document.values and document.dimension() != instance.size:
        raise document.error("DIMENSION", f"expected {instance.size}, the nodes of {instance.name or 'the instance'}")
    section = document.section(TOUR_SECTIONS[document.value("TYPE").text])
    tours = section.node_lists(Numbering.of(instance))
    if not tours:
        raise section.error(0, "no node, expected a tour")
    return tours


def format_instance(instance: Instance) -> str:
    """The instance as a `.tsp` (or, asymmetric, `.atsp`) file, nodes counted from 1; it cannot hold node names.

    Unrounded distances are LKH's EXACT_2D or EXACT_3D, which TSPLIB does not have.

    Raises:
        ValueError: for attributes, which these files cannot hold.
    """
    metric = instance.metric
    if metric == "euclidean" and instance.coordinates is not None:
        metric = UNROUNDED[instance.coordinates.shape[1]]
    if instance.misses_roads:
        raise ValueError(f"{instance.name or 'instance'}: TSPLIB has no missing roads; write .npz")
    require_held(instance, ("fixed_edges",), "TSPLIB's .tsp")
    lines = [
        f"NAME: {_one_line(instance.name)}",
        f"TYPE: {'TSP' if instance.symmetric else 'ATSP'}",
        *([] if instance.unit is None else [f"COMMENT: lengths in {instance.unit}"]),
        f"DIMENSION: {instance.size}",
        f"EDGE_WEIGHT_TYPE: {metric}",
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
    """The solution as a `.tour` file, in the numbers that `read_tours` reads, its length in the comment."""
    claim = claim_of(problem_of(instance), instance, solution.tours)
    length = sum(instance.path_length(stops) for stops in claim.stops)
    nodes = Numbering.of(instance)
    by = f" by {_one_line(solution.solver)}" if solution.solver else ""
    lines = [
        f"NAME: {_one_line(instance.name)}",
        "TYPE: TOUR",
        f"COMMENT: length {instance.units.with_unit(format_number(length))}{by}",
        f"DIMENSION: {instance.size}",
        "TOUR_SECTION",
    ]
    for tour in solution.tours:
        lines += [*(str(nodes.number(node)) for node in tour.tolist()), "-1"]
    return "\n".join((*lines, "EOF", ""))


def _row(values: Array) -> str:
    return " ".join(map(format_number, values.tolist()))


def _one_line(text: str) -> str:
    return " ".join(text.split())
