"""`Instance`: the data of one routing problem, validated on construction and immutable.

An instance contains everything that a solver may know; values revealed during the tour are in a separate
`Realization`. Distances come from coordinates under a metric, or from an explicit matrix.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tsp.metrics import METRICS, pairwise
from tsp.units import SPEED, Units, require_day, require_speed, require_unit
from tsp.validation import (
    flag,
    items,
    number_array,
    real_number,
    require_shape,
    shown,
    text,
    texts,
    whole_array,
    whole_number,
)
from tsp.walls import Walls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

LARGEST_MATRIX = 15_000
"""The most nodes for which a full distance matrix is made (15,000 nodes take 1.8 GB)."""

LARGEST_COUNT = 2**53
"""Largest number of tours: whole numbers up to it are exact in float64."""

LARGEST_NUMBER = 1e100
"""Largest size of a coordinate or distance: squares and sums of such numbers are still finite."""

EXPLICIT = "EXPLICIT"
"""The metric name of an instance whose distances are given by its matrix alone."""


NODE_VALUES = ("prizes", "penalties", "demands", "service_times", "required")
"""Attributes that give each node a number, 0 or more."""

LAWS = ("law_service_times", "law_waits", "law_prizes", "law_appears")
"""Attributes that give each node equally likely values of a hidden one, a number each, 0 or more.

Outcome k of a node has the k-th value of each law; the nodes are independent."""

LIMITS = ("max_length", "min_prize", "capacity", "late_price")
"""Attributes that give the instance a number, 0 or more."""

USED = ("elapsed", "travelled", "load")
"""What a tour under way has used: attributes of `Underway`, a number each, 0 or more."""

NONNEGATIVE = "a number of 0 or more"

OTHERS = "an Underway for each other tour"

HIDDEN = ("prizes", "service_times", "waits", "appears")
"""Attributes of nodes that may become known only on the way."""

ENDLESS = ("waits", "appears")
"""Those of them that may be infinite: where nobody is there, or a node never appears."""


@dataclass(frozen=True)
class Underway:
    """A tour under way: the nodes visited so far, and the time, length and load used.

    Attributes:
        visited: nodes in the order of the visits, without the depot at the beginning; the depot in
            between begins another tour.
        elapsed: the time of departure from the last of them; None: the time that the tour so far takes. Where
            there may be several tours, those that have not left the depot leave at the earliest such time or later.
        travelled: length of the current tour so far; None: computed from the distances.
        load: amount that the current tour has delivered so far; None: computed from the demands.
        others: the other tours that are on their way, where there may be several.
    """

    visited: tuple[int, ...] = ()
    elapsed: float | None = None
    travelled: float | None = None
    load: float | None = None
    others: tuple[Underway, ...] = ()

    def __post_init__(self) -> None:
        """Normalize every field to its canonical form.

        Raises:
            ValueError: in one sentence, with the value and what was expected.
        """
        visited = items(self.visited, "visited", "a list of nodes")
        nodes = (whole_number(node, "visited", expected="the numbers of nodes, from 0") for node in visited)
        object.__setattr__(self, "visited", tuple(nodes))
        for name in USED:
            value = getattr(self, name)
            if value is not None:
                number = real_number(value, name, least=0.0, most=LARGEST_NUMBER, expected=NONNEGATIVE)
                object.__setattr__(self, name, number)
        others = items(self.others, "others", OTHERS)
        for other in others:
            if not isinstance(other, Underway) or other.others:
                raise ValueError(f"others: {shown(other)}, expected {OTHERS}, without others of its own")
        object.__setattr__(self, "others", tuple(others))

    @property
    def tours(self) -> tuple[Underway, ...]:
        """Each tour under way by itself, in order."""
        return replace(self, others=()), *self.others


@dataclass(frozen=True, eq=False)
class Realization:
    """Values that are hidden from solvers until the tour reaches them.

    Attributes:
        prizes: each node's real prize `[n]`, where prizes are hidden.
        service_times: each visit's real duration `[n]`, where durations are hidden.
        waits: the real wait before each visit `[n]`, where waits are hidden; infinite where nobody is there.
        appears: when each node appears `[n]`, where that is hidden; infinite where it never does.
        true_laws: the laws `[n, K]` by their names in `LAWS` from which real days are drawn, where solvers get other
            ones, such as fitted ones. `tsp.laws.draw_day` draws from them.
    """

    prizes: Array | None = None
    service_times: Array | None = None
    waits: Array | None = None
    appears: Array | None = None
    true_laws: dict[str, Array] = field(default_factory=dict[str, Array])

    def __post_init__(self) -> None:
        """Keep a read-only copy of the numbers.

        Raises:
            ValueError: in one sentence, for what is no list of numbers of 0 or more, or no law.
        """
        if unknown := [name for name in self.true_laws if name not in LAWS]:
            raise ValueError(f"true_laws: {shown(unknown[0])}, expected names among {', '.join(LAWS)}")
        object.__setattr__(self, "true_laws", _normalized_laws(self.true_laws, None, prefix="true_"))
        for name in HIDDEN:
            given = getattr(self, name)
            if given is not None:
                values = number_array(given, name)
                if values.ndim != 1:
                    raise ValueError(f"{name}: shape {values.shape}, expected (n,)")
                _require_nonnegative(_finite_times(values, name), name)
                values.flags.writeable = False
                object.__setattr__(self, name, values)

    def values(self, name: str | None, size: int) -> Array:
        """The real values `[n]` of a hidden attribute.

        Raises:
            ValueError: where there are none, or not one for each of the `size` nodes.
        """
        values = None if name is None else getattr(self, name)
        if values is None:
            raise ValueError(f"realization: has no {name}, expected a number for each node")
        require_shape(values, f"realization: {name}", (size,))
        return values


@dataclass(frozen=True, eq=False)
class Instance:
    """One routing problem.

    Attributes:
        coordinates: points `[n, d]`, d = 2 or 3. With a matrix, they are used for drawing only.
        matrix: explicit distances `[n, n]`, row = from, column = to; infinity where there is no road (NaN
            means the same). The diagonal is ignored and stored as zero.
        metric: a name in `tsp.metrics.METRICS`; `EXPLICIT` (set by itself) with a matrix.
        problem: name of the problem that the source implies (a row of `tsp.problems.PROBLEMS`).
        name: its name in reports.
        names: a name for each node; users read and write these, or numbers from 1 where there are none.
        best_known: objective of the best known solution, in the instance's own units.
        depot: the node where tours start.
        end: the node where tours end; None: the depot again (of a path: anywhere).
        free_start: whether a path may start anywhere.
        free_end: whether tours from a depot end at their last customer (open routes): there is no way back.
        prizes: prize of visiting each node `[n]`; expected values if the real prizes are hidden.
        penalties: cost of not visiting each node `[n]`, in units of length.
        demands: amount to deliver to each node `[n]`.
        time_windows: when a visit may begin `[n, 2]`, in units of length; a closing time may be infinite.
        service_times: duration of each visit `[n]`.
        law_service_times: equally likely durations of each visit `[n, K]`, independent of each other, where the
            real one becomes known only when the visit is over.
        law_waits: equally likely waits before each visit `[n, K]`, where the real one is seen on arrival; infinite
            where nobody is there.
        law_prizes: equally likely prizes `[n, K]`, where the real one is seen on arrival; outcome k of a node has the
            k-th value of each law.
        law_appears: equally likely times at which each node appears `[n, K]`; infinite where it never does.
        required: where nodes may be left out, above 0 for each that must be visited `[n]`.
        max_length: largest length of a tour, the duration of its visits included.
        min_prize: smallest sum of collected prizes.
        capacity: largest amount that one tour delivers.
        late_price: price of a unit of time by which a session ends late, in units of prize; 0: it may end late without
            a price; None: visits are broken off, so that it does not.
        num_tours: largest number of tours.
        underway: a tour that has begun, or several; the rest is to be planned.
        fixed_edges: pairs `[k, 2]` of nodes that a tour must visit consecutively, in either
            direction.
        objective: name of another objective than the problem's own (`tsp.problems.GOALS`).
        walls: segments `[w, 2, 2]` between the coordinates, which are in the plane. The matrix becomes the lengths of
            the shortest ways around them; beside a matrix that is given, they are used for drawing only.
        unit: unit of lengths on the Earth (`m`, `km` or `mi`); the coordinates are then longitude and latitude in
            degrees, for drawing.
        is_clock: whether times are shown as times of day: as minutes since midnight or, where lengths have a
            unit, as the time that a length takes at `speed`.
        speed: kilometres an hour, where lengths have a unit and times come from a clock (by itself 50).
        day: date of the midnight from which times count, where times of day are shown with their date.
        extras: further columns of the source, kept for display, a value for each node.
    """

    coordinates: Array | None = None
    matrix: Array | None = None
    metric: str = "euclidean"
    problem: str = "tsp"
    name: str = ""
    names: tuple[str, ...] | None = None
    best_known: float | None = None
    depot: int = 0
    end: int | None = None
    free_start: bool = False
    free_end: bool = False
    prizes: Array | None = None
    penalties: Array | None = None
    demands: Array | None = None
    time_windows: Array | None = None
    service_times: Array | None = None
    law_service_times: Array | None = None
    law_waits: Array | None = None
    law_prizes: Array | None = None
    law_appears: Array | None = None
    max_length: float | None = None
    min_prize: float | None = None
    capacity: float | None = None
    late_price: float | None = None
    num_tours: int | None = None
    underway: Underway | None = None
    fixed_edges: Integers | None = None
    objective: str | None = None
    required: Array | None = None
    walls: Array | None = None
    unit: str | None = None
    is_clock: bool = False
    speed: float | None = None
    day: str | None = None
    extras: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def __post_init__(self) -> None:
        """Normalize every field to its canonical, read-only form.

        Raises:
            ValueError: in one sentence, with the value, the place and what was expected.
        """
        self._normalize_words()
        self._normalize_walls()
        if self.matrix is not None:
            self._store("matrix", _distances(self.matrix))
            object.__setattr__(self, "metric", EXPLICIT)
        elif self.coordinates is None:
            raise ValueError("an instance needs coordinates or a matrix")
        elif self.metric not in METRICS:
            raise ValueError(f"metric: {self.metric!r} is unknown; there are {', '.join(METRICS)}")
        if self.coordinates is not None:
            points = number_array(self.coordinates, "coordinates")
            allowed = (2, 3) if self.matrix is not None else METRICS[self.metric].dimensions
            if points.ndim != 2 or points.shape[1] not in allowed:
                expected = " or ".join(f"(n, {d})" for d in allowed)
                raise ValueError(f"coordinates: shape {points.shape}, expected {expected} for {self.metric}")
            _require_finite(points, "coordinates")
            if self.matrix is not None and len(points) != len(self.matrix):
                raise ValueError(f"coordinates: {len(points)} points beside a matrix of {len(self.matrix)} nodes")
            self._store("coordinates", points)
        if self.size == 0:
            raise ValueError("an instance needs at least one node, this one has none")
        self._normalize_units()
        self._normalize_nodes()
        self._normalize_attributes()
        self._normalize_limits()

    def _normalize_words(self) -> None:
        """What does not depend on the number of nodes and is no number of the problem."""
        for name in ("metric", "problem", "name"):
            object.__setattr__(self, name, text(getattr(self, name), name))
        if self.objective is not None:
            object.__setattr__(self, "objective", text(self.objective, "objective"))
        for name in ("free_start", "free_end", "is_clock"):
            object.__setattr__(self, name, flag(getattr(self, name), name))
        if self.best_known is not None:
            value = real_number(
                self.best_known, "best_known", least=-LARGEST_NUMBER, most=LARGEST_NUMBER, expected="a finite number"
            )
            object.__setattr__(self, "best_known", value)

    def _normalize_walls(self) -> None:
        """The walls, and the matrix that they make."""
        if self.walls is None:
            return
        segments = number_array(self.walls, "walls")
        if segments.ndim != 3 or segments.shape[1:] != (2, 2):
            raise ValueError(f"walls: shape {segments.shape}, expected (w, 2, 2)")
        _require_finite(segments, "walls")
        self._store("walls", segments)
        if self.unit is not None:
            raise ValueError("walls: between places on the Earth, expected points x, y in the plane")
        points = None if self.coordinates is None else number_array(self.coordinates, "coordinates")
        if points is None or points.ndim != 2 or points.shape[1] != 2:
            raise ValueError("walls: expected coordinates (n, 2)")
        if self.matrix is not None:
            return
        if self.metric != "euclidean":
            raise ValueError(f"walls: beside distances {self.metric}, expected plain Euclidean ones")
        if len(points) > LARGEST_MATRIX:
            raise ValueError(f"walls: between {len(points)} nodes, expected at most {LARGEST_MATRIX}")
        _require_finite(points, "coordinates")
        walls = Walls(segments)
        if (found := walls.find_on_wall(points)) is not None:
            node, wall = found
            (a, b), (c, d) = segments[wall].tolist()
            named = repr(self.names[node]) if self.names is not None else str(node + 1)
            raise ValueError(
                f"walls[{wall}]: node {named} lies on the wall from {a:g}, {b:g} to {c:g}, {d:g}; "
                "expected a place beside it, on the side from which the node is reached"
            )
        object.__setattr__(self, "matrix", walls.distances(points))

    def _normalize_units(self) -> None:
        """The unit of lengths, and what times of day are."""
        if self.unit is not None:
            require_unit(self.unit)
            if self.matrix is None:
                raise ValueError(
                    f"unit: {self.unit!r}, expected a matrix of distances (tsp.earth.earth_instance makes one)"
                )
            if self.coordinates is not None and np.abs(self.coordinates[:, 1]).max(initial=0.0) > 90:
                raise ValueError(f"unit: {self.unit!r}, expected coordinates in degrees, longitude and latitude")
        is_timed = self.unit is not None and self.is_clock
        if self.speed is not None:
            object.__setattr__(self, "speed", require_speed(self.speed))
            if not is_timed:
                missing = "no times are times of day, such as 8:30" if self.unit else "lengths have no unit"
                raise ValueError(f"speed: {self.speed:g}, expected none, since {missing}")
        elif is_timed:
            object.__setattr__(self, "speed", SPEED)
        if self.day is not None:
            object.__setattr__(self, "day", require_day(self.day))
            if not self.is_clock:
                raise ValueError(f"day: {self.day}, expected none, since no times are times of day")

    def _normalize_nodes(self) -> None:
        """The nodes' names and columns, and the nodes that are named by their number."""
        if self.names is not None:
            object.__setattr__(self, "names", texts(self.names, "names", self.size))
        if not isinstance(self.extras, dict):  # pyright: ignore[reportUnnecessaryIsInstance] - from callers
            raise ValueError(f"extras: a {type(self.extras).__name__}, expected a dict of columns")
        columns = {name: texts(column, f"extras[{name!r}]", self.size) for name, column in self.extras.items()}
        object.__setattr__(self, "extras", columns)
        object.__setattr__(self, "depot", self._node(self.depot, "depot"))
        if self.end is not None:
            object.__setattr__(self, "end", self._node(self.end, "end"))
            if self.free_end:
                raise ValueError(f"end: node {self.end} beside a free end, expected one of them")
        if self.underway is not None:
            if not isinstance(self.underway, Underway):  # pyright: ignore[reportUnnecessaryIsInstance] - from callers
                raise ValueError(f"underway: a {type(self.underway).__name__}, expected an Underway")
            for tour in self.underway.tours:
                for node in tour.visited:
                    self._node(node, "visited")
        if self.fixed_edges is not None:
            edges = whole_array(self.fixed_edges, "fixed_edges", "pairs of nodes")
            if edges.size and edges.shape[1:] != (2,):
                raise ValueError(f"fixed_edges: shape {edges.shape}, expected (k, 2)")
            edges = np.unique(np.sort(edges.reshape(-1, 2), axis=1), axis=0)
            for a, b in edges.tolist():
                if a == b or a < 0 or b >= self.size:
                    raise ValueError(f"fixed_edges: {a}-{b}, expected two different nodes from 0 to {self.size - 1}")
            self._store("fixed_edges", edges if edges.size else None)

    def _node(self, value: object, name: str) -> int:
        return whole_number(value, name, least=0, most=self.size - 1, expected=f"a node from 0 to {self.size - 1}")

    def _normalize_attributes(self) -> None:
        for name in NODE_VALUES:
            if getattr(self, name) is not None:
                values = number_array(getattr(self, name), name)
                require_shape(values, name, (self.size,))
                _require_nonnegative(values, name)
                self._store(name, values)
        given = {name: law for name in LAWS if (law := getattr(self, name)) is not None}
        for name, law in _normalized_laws(given, self.size).items():
            self._store(name, law)
        if self.time_windows is not None:
            windows = number_array(self.time_windows, "time_windows")
            require_shape(windows, "time_windows", (self.size, 2))
            _require_finite(np.where(windows == np.inf, 0.0, windows) if windows.size else windows, "time_windows")
            wrong = np.flatnonzero((windows[:, 0] > windows[:, 1]) | (windows[:, 0] == np.inf))
            if wrong.size:
                opens, closes = windows[wrong[0]]
                raise ValueError(
                    f"time_windows[{wrong[0]}]: {opens:g} to {closes:g}, expected to open before it closes"
                )
            self._store("time_windows", windows)

    def _normalize_limits(self) -> None:
        for name in LIMITS:
            value = getattr(self, name)
            if value is not None:
                limit = real_number(value, name, least=0.0, most=LARGEST_NUMBER, expected=NONNEGATIVE)
                object.__setattr__(self, name, limit)
        if self.num_tours is not None:
            tours = whole_number(
                self.num_tours, "num_tours", least=1, most=LARGEST_COUNT, expected="a whole number of 1 or more"
            )
            object.__setattr__(self, "num_tours", tours)

    def _store(self, name: str, array: Array | Integers | None) -> None:
        if array is not None:
            array.flags.writeable = False
        object.__setattr__(self, name, array)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make the arrays of a copy from another process read-only again: pickle does not keep that."""
        self.__dict__.update(state)
        for value in state.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    @classmethod
    def from_dataframe(cls, table: object, **attributes: Any) -> Instance:  # noqa: ANN401 - each has its own type
        """The instance of a table in memory, with a row for each node; the first is the depot.

        Columns have the names of CSV files: `x` and `y`, or `lat` and `lon`, `name`, `prize`, `demand`, `opens`, … and
        their synonyms (`tsp solve --help-columns` lists them). They are read and checked as those of a file are.

        Args:
            table: a data frame of pandas, Polars or another library, a table of PyArrow, a structured array of numpy,
                a dict of columns, or a list of dicts. Labels of the rows of pandas count where they have a name.
            attributes: further attributes of the instance, such as `name`, `max_length`, `capacity` or `walls`. A
                `matrix` (an array or a data frame) replaces the distances; `unit` and `speed` are as for `tsp.read`.
                Without `problem`, it is the one that the data imply.

        Raises:
            ValueError: in one sentence, with the row, the column and what was expected.
        """
        from tsp.formats import in_memory

        return in_memory.from_dataframe(table, **attributes)

    @classmethod
    def from_points(cls, points: ArrayLike, **attributes: Any) -> Instance:  # noqa: ANN401 - each has its own type
        """The instance of points `[n, 2]` or `[n, 3]` with straight distances; the first is the depot.

        Args:
            points: an array, a list of pairs, or a data frame of numbers alone.
            attributes: further attributes of the instance, such as `demands` and `capacity`. Without `problem`, it is
                the one that they imply.

        Raises:
            ValueError: in one sentence, with the attribute, the value and what was expected.
        """
        from tsp.formats import in_memory

        return in_memory.from_points(points, **attributes)

    @classmethod
    def from_matrix(cls, matrix: ArrayLike, **attributes: Any) -> Instance:  # noqa: ANN401 - each has its own type
        """The instance of distances `[n, n]`, row = from, column = to; infinite or NaN where there is no road.

        Args:
            matrix: an array, nested lists, or a data frame, whose labels name the nodes.
            attributes: further attributes of the instance, such as `names`, `demands` and `capacity`. Without
                `problem`, it is the one that they imply, and `atsp` for ways of different lengths there and back.

        Raises:
            ValueError: in one sentence, with the attribute, the value and what was expected.
        """
        from tsp.formats import in_memory

        return in_memory.from_matrix(matrix, **attributes)

    @property
    def size(self) -> int:
        """Number of nodes, depot included."""
        points = self.matrix if self.matrix is not None else self.coordinates
        return 0 if points is None else len(points)

    @property
    def finish(self) -> int:
        """The node where tours end: `end`, else the depot, to which tours with a free end do not return."""
        return self.depot if self.end is None else self.end

    @property
    def first_opening(self) -> float:
        """When the first time window opens, from which `tsp.tolerance` measures times; 0 without windows."""
        return 0.0 if self.time_windows is None else max(0.0, float(self.time_windows[:, 0].min()))

    @cached_property
    def units(self) -> Units:
        """The units of lengths and times, and how they are written."""
        return Units(self.unit, self.speed, self.is_clock, self.day)

    @cached_property
    def integral(self) -> bool:
        """Whether every distance is a whole number."""
        if self.matrix is not None:
            return bool((self.matrix == np.floor(self.matrix)).all())
        return METRICS[self.metric].integral

    @cached_property
    def misses_roads(self) -> bool:
        """Whether there is no road between some nodes: an infinite distance in the matrix."""
        return self.matrix is not None and bool(np.isinf(self.matrix).any())

    @cached_property
    def symmetric(self) -> bool:
        """Whether every distance is the same in both directions."""
        return self.matrix is None or bool((self.matrix == self.matrix.T).all())

    @cached_property
    def distances(self) -> Array:
        """All distances `[n, n]`, row = from; computed once and cached.

        Raises:
            ValueError: above `LARGEST_MATRIX` nodes; use `legs` there.
        """
        if self.matrix is not None:
            return self.matrix
        if self.size > LARGEST_MATRIX:
            raise ValueError(f"{self.size} nodes: a full distance matrix is made up to {LARGEST_MATRIX} nodes")
        assert self.coordinates is not None
        out = pairwise(METRICS[self.metric], self.coordinates)
        out.flags.writeable = False
        return out

    @cached_property
    def closed(self) -> Instance:
        """The instance as solvers and environments see it: its tours end at the depot or at `end`.

        Of tours with a free end, that is a copy in which every way back to the depot has the length 0, and the depot
        never closes; so solutions and their values are the same. Other instances are returned as they are.

        Raises:
            ValueError: for a free end with more than `LARGEST_MATRIX` nodes.
        """
        if not self.free_end:
            return self
        if self.matrix is None and self.size > LARGEST_MATRIX:
            name = self.name or "instance"
            raise ValueError(f"{name}: {self.size} nodes with a free end, expected at most {LARGEST_MATRIX}")
        windows = None if self.time_windows is None else self.time_windows.copy()
        if windows is not None:
            windows[self.depot, 1] = np.inf
        out = replace(self, free_end=False, time_windows=windows, best_known=None)
        matrix = self.distances.copy()
        matrix[:, self.depot] = 0.0
        matrix.flags.writeable = False
        for name, value in (("matrix", matrix), ("metric", EXPLICIT)):  # unchecked: checks would take as long
            object.__setattr__(out, name, value)
        return out

    def legs(self, origins: ArrayLike, destinations: ArrayLike) -> Array:
        """Distances from `origins` to `destinations`, pair by pair (broadcast)."""
        a, b = np.asarray(origins, dtype=np.int64), np.asarray(destinations, dtype=np.int64)
        if self.matrix is not None:
            return self.matrix[a, b]
        assert self.coordinates is not None
        out = METRICS[self.metric].between(self.coordinates[a], self.coordinates[b])
        return np.where(a == b, 0.0, out)

    def path_length(self, nodes: Sequence[int] | Integers) -> float:
        """Length of the path along `nodes`, in the instance's own units and rounding."""
        path = np.asarray(nodes, dtype=np.int64)
        return float(self.legs(path[:-1], path[1:]).sum()) if len(path) > 1 else 0.0

    def tour_length(self, tour: Sequence[int] | Integers) -> float:
        """Length of the closed tour along `tour`, which does not repeat its first node."""
        closed = np.append(np.asarray(tour, dtype=np.int64), tour[0]) if len(tour) else np.empty(0, dtype=np.int64)
        return self.path_length(closed)

    def describe_walls(self) -> str:
        """The words for the walls in results; empty where there are none."""
        count = 0 if self.walls is None else len(self.walls)
        return f"around {count} wall{'s' if count > 1 else ''}" if count else ""

    def node_name(self, node: int) -> str:
        """The name of a node in messages and results: its own or, if nodes have none, its number from 1 in the file."""
        return self.names[node] if self.names else str(node + 1)

    def find_node(self, text: str) -> int:
        """The node with a name or number: the inverse of `node_name`.

        Raises:
            ValueError: when there is no such node, with the nearest name.
        """
        if self.names and text in self.names:
            if self.names.count(text) > 1:
                raise ValueError(f"{self.name or 'instance'}: node {text!r}, expected a name that only one node has")
            return self.names.index(text)
        if not self.names and text.isdecimal() and 1 <= int(text) <= self.size:
            return int(text) - 1
        near = get_close_matches(text, self.names or (), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        expected = f"a name of the file, such as {self.names[0]!r}" if self.names else f"a number from 1 to {self.size}"
        raise ValueError(f"{self.name or 'instance'}: node {text!r}, expected {expected}{hint}")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything that determines an objective: metric, numbers and limits, but no names.

        Of each part that is given, its name, its shape and its numbers in float64 count. An end at the depot is none.
        """
        content = self.matrix if self.matrix is not None else self.coordinates
        underway = self.underway or Underway()
        numbers: dict[str, ArrayLike | None] = {
            self.metric: content,
            **{name: getattr(self, name) for name in ("fixed_edges", *NODE_VALUES, *LAWS, "time_windows", *LIMITS)},
            "num_tours": self.num_tours,
            "end": None if self.end == self.depot else self.end,
            "free_start": 1.0 if self.free_start else None,
            "free_end": 1.0 if self.free_end else None,
            "visited": None if self.underway is None else underway.visited,
            **{name: getattr(underway, name) for name in USED},
            **{f"{name} {i}": getattr(t, name) for i, t in enumerate(underway.others) for name in ("visited", *USED)},
        }
        digest = hashlib.sha256()
        for name, values in numbers.items():
            if values is not None:
                array = np.ascontiguousarray(values, dtype="<f8")
                digest.update(f"{name} {array.shape} ".encode())
                digest.update(array.data)
        return digest.hexdigest()

    def __repr__(self) -> str:
        """Name, size and the names of the arrays, not their contents."""
        given = [f.name for f in fields(self) if isinstance(getattr(self, f.name), np.ndarray)]
        return f"Instance({self.name or 'unnamed'}: {self.size} nodes, {self.metric}, {', '.join(given)})"


def _distances(values: ArrayLike) -> Array:
    matrix = number_array(values, "matrix")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"matrix: shape {matrix.shape}, expected (n, n)")
    np.fill_diagonal(matrix, 0.0)  # before the check: files put anything there
    matrix[np.isnan(matrix)] = np.inf
    _require_finite(np.where(matrix == np.inf, 0.0, matrix), "matrix")
    if matrix.size and matrix.min() < 0:
        i, j = np.argwhere(matrix < 0)[0]
        raise ValueError(f"matrix[{i}, {j}]: {matrix[i, j]:g}, expected a distance of 0 or more")
    return matrix


def _normalized_laws(given: Mapping[str, ArrayLike], size: int | None, prefix: str = "") -> dict[str, Array]:
    """Read-only laws `[n, K]` of the same K and, where that is given, of a size n; a prefix is part of their names."""
    out: dict[str, Array] = {}
    for name, values in given.items():
        law, named = number_array(values, prefix + name), prefix + name
        if law.ndim != 2 or law.shape[0] != (size or law.shape[0]) or law.shape[1] == 0:
            raise ValueError(f"{named}: shape {law.shape}, expected ({size or 'n'}, K) with K of 1 or more")
        _require_nonnegative(_finite_times(law, name), named)
        law.flags.writeable = False
        out[name] = law
    counts = {prefix + name: law.shape for name, law in out.items()}
    if len({count for _, count in counts.values()}) > 1:
        listed = ", ".join(f"{name} {count}" for name, (_, count) in counts.items())
        raise ValueError(f"{next(iter(counts))}: laws with different numbers of outcomes ({listed}), expected one")
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {nodes}" for name, (nodes, _) in counts.items())
        raise ValueError(f"{next(iter(counts))}: laws of different numbers of nodes ({listed}), expected one")
    return out


def _finite_times(values: Array, name: str) -> Array:
    """The values of an attribute, or of its law, with those set to 0 that may be infinite."""
    return np.where(values == np.inf, 0.0, values) if name.removeprefix("law_") in ENDLESS else values


def _require_nonnegative(values: Array, name: str) -> None:
    _require_finite(values, name)
    if values.size and values.min() < 0:
        place = [int(i) for i in np.unravel_index(int(values.argmin()), values.shape)]
        raise ValueError(f"{name}{place}: {values[tuple(place)]:g}, expected 0 or more")


def _require_finite(values: Array, name: str) -> None:
    good = np.abs(values) <= LARGEST_NUMBER  # false for NaN
    if not good.all():
        place = tuple(int(i) for i in np.argwhere(~good)[0])
        raise ValueError(f"{name}{list(place)}: {values[place]:g}, expected a finite number up to {LARGEST_NUMBER:g}")
