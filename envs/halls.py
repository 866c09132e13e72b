"""The poster hall: layouts of boards along aisles, walking distances, and days of a scientist in them.

Boards hang on both sides of walls that run along x; between two walls is an aisle. Cross-aisles cut
through all the walls, and a way leads around them. Visitors walk parallel to the axes and cannot pass a wall.
So the walking distance is the rectilinear one, plus, between aisles, the detour to the best cross-aisle. This
is a closed formula, exact, symmetric, and a metric.

Layouts are drawn in metres and scaled so that the longer side of the hall is 1; `Hall.unit` is the
number of metres in that. A unit of length takes a unit of time to walk. Numpy alone, float64.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tsp.plotting import Floor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator

Array = NDArray[np.float64]

TRAIN_LAYOUTS = range(1_000_000_000)
"""Layouts that may be trained on, by their seeds."""

TEST_LAYOUTS = range(1_000_000_000, 1_000_001_000)
"""Layouts reserved for tests; none of them is in `TRAIN_LAYOUTS`."""

LEAST_INTEREST = 0.01
"""Smallest prize of a poster; the most interesting poster of the day has the prize 1."""


@dataclass(frozen=True)
class HallConfig:
    """The layout of halls, and the days in them.

    Lengths are in metres; times are in the metres walked in that time. Pairs are ranges, both ends
    included, from which each layout (or visit) is drawn uniformly.

    Attributes:
        aisles: number of aisles.
        boards: places for boards along one side of an aisle.
        cross_aisles: cross-aisles in the middle, beside the ways around the ends of the walls.
        aisle_spacing: from one wall to the next.
        board_spacing: from one board to the next along a wall.
        cross_width: width of a cross-aisle in the middle.
        standing: from a board to the person looking at it, less than half of `aisle_spacing`.
        surround: width of the way around the walls.
        foyer: additional width on the side of the coffee corner.
        empty: share of the places that have no board.
        topics: number of topics; boards of one topic hang together.
        topic_radius: how far a topic reaches from its centre (a standard deviation).
        spread: deviation of the logarithm of interest among the posters of one topic.
        sessions: number of sessions a day has, all of one length.
        always: share of posters whose author stays for the whole day; others stay for one session.
        visit: duration of one visit.
        budget: longest walk, as a share of the nearest-neighbour tour of all posters of the day.
            With 0.6 about half of them can be visited.
    """

    aisles: tuple[int, int] = (4, 6)
    boards: tuple[int, int] = (12, 18)
    cross_aisles: tuple[int, int] = (0, 2)
    aisle_spacing: tuple[float, float] = (3.5, 4.5)
    board_spacing: tuple[float, float] = (1.8, 2.4)
    cross_width: float = 2.4
    standing: float = 1.2
    surround: float = 2.5
    foyer: float = 5.0
    empty: float = 0.1
    topics: int = 8
    topic_radius: float = 4.0
    spread: float = 0.5
    sessions: int = 2
    always: float = 0.25
    visit: tuple[float, float] = (2.0, 6.0)
    budget: float = 0.6

    def __post_init__(self) -> None:
        """Refuse parameters of which no hall can be made.

        Raises:
            ValueError: naming the parameter and what was expected.
        """
        for name, least in (("aisles", 1), ("boards", 1), ("cross_aisles", 0), ("board_spacing", 0), ("visit", 0)):
            low, high = getattr(self, name)
            if not least <= low <= high:
                raise ValueError(f"{name}: {low} to {high}, expected a range from {least} or more")
        low, high = self.aisle_spacing
        if not 2 * self.standing < low <= high:
            raise ValueError(f"aisle_spacing: {low:g} to {high:g}, expected a range above {2 * self.standing:g}")
        if not (0 <= self.empty < 1 and 0 <= self.always <= 1):
            raise ValueError(f"empty, always: {self.empty:g}, {self.always:g}, expected shares from 0 to 1")
        if self.topics < 1 or self.sessions < 1:
            raise ValueError(f"topics, sessions: {self.topics}, {self.sessions}, expected 1 or more")

    @classmethod
    def for_size(cls, size: int) -> HallConfig:
        """Halls with about three places for each of `size` posters; the default is that for 50."""
        aisles = max(2, round(sqrt(size / 2)))
        boards = max(5, ceil(3 * size / (2 * aisles)))
        return cls(aisles=(max(2, aisles - 1), aisles + 1), boards=(round(0.8 * boards), round(1.2 * boards)))


@dataclass(frozen=True, eq=False)
class Hall:
    """One layout, in the unit square: the longer side of the hall is 1.

    Attributes:
        boards: places of the boards `[m, 2]`, aisle by aisle.
        stands: places from which each board is read `[m, 2]`.
        coffee: the coffee corner `[2]`.
        entrance: the entrance `[2]`.
        walls: the walls that hold the boards, segments `[w, 2, 2]` along x.
        lines: y of each line of walls `[aisles + 1]`, ascending.
        passages: x of each cross-aisle `[c]`, ascending; there is no wall to the left of the first and to the
            right of the last.
        topics: the topics' centres `[t, 2]`.
        extent: width and height of the hall `[2]`.
        unit: metres in a unit of length.
        config: the configuration it was drawn from.
        closed: index of the aisle that may not be entered or crossed; None: all are open.
    """

    boards: Array
    stands: Array
    coffee: Array
    entrance: Array
    walls: Array
    lines: Array
    passages: Array
    topics: Array
    extent: Array
    unit: float
    config: HallConfig = field(default_factory=HallConfig)
    closed: int | None = None

    @cached_property
    def matrix(self) -> Array:
        """Walking distances `[m + 2, m + 2]` among the coffee corner, the entrance and the stands, in this order."""
        return self.walking(np.vstack([self.coffee, self.entrance, self.stands]))

    @cached_property
    def topic_shares(self) -> Array:
        """The share of each topic in each board `[m, t]`; each row sums to 1."""
        squared = ((self.boards[:, None] - self.topics) ** 2).sum(-1)
        logits = -0.5 * squared * (self.unit / self.config.topic_radius) ** 2
        shares = np.exp(logits - logits.max(1, keepdims=True))
        return shares / shares.sum(1, keepdims=True)

    def walking(self, points: Array) -> Array:
        """Walking distances `[n, n]` among points `[n, 2]` of the hall."""
        x, y = points.T
        low, high = np.minimum(x[:, None], x), np.maximum(x[:, None], x)
        detour = np.minimum(low - self.passages[0], self.passages[-1] - high)
        row = np.searchsorted(self.lines, y)  # 0 lies below all walls, aisle k is row k + 1
        side = 0 * row if self.closed is None else np.sign(row - (self.closed + 1))
        crossable = side[:, None] * side >= 0  # not on opposite sides of the closed aisle
        for passage in self.passages[1:-1]:
            np.minimum(detour, np.maximum(low - passage, passage - high), out=detour, where=crossable)
        detour = np.where(row[:, None] == row, 0.0, np.maximum(detour, 0.0))
        return (high - low) + np.abs(y[:, None] - y) + 2.0 * detour

    def route(self, origin: Array, destination: Array) -> Array:
        """The corners of a shortest walk between two points of the hall `[k, 2]`, both included."""
        (x0, y0), (x1, y1) = np.asarray(origin).tolist(), np.asarray(destination).tolist()
        low, high = sorted(np.searchsorted(self.lines, [y0, y1]).tolist())
        if low == high:
            return np.array([(x0, y0), (x1, y0), (x1, y1)])
        sides = [min(max(x0, x1), float(self.passages[0])), max(min(x0, x1), float(self.passages[-1]))]
        blocked = self.closed is not None and low < self.closed + 1 < high
        middle = [] if blocked else self.passages[1:-1].tolist()
        x = min([*sides, *middle], key=lambda x: (round(abs(x - x0) + abs(x - x1), 9), abs(x - x0)))
        return np.array([(x0, y0), (x, y0), (x, y1), (x1, y1)])

    def floor(self) -> Floor:
        """The hall as `tsp.plotting.plot_tour` draws it."""
        return Floor(self.walls, self.route)


def make_hall(rng: Generator, config: HallConfig | None = None) -> Hall:
    """Draw a layout.

    Args:
        rng: source of randomness.
        config: ranges from which it is drawn; None: those for 50 posters.
    """
    config = config or HallConfig()
    aisles, places, middle = (
        int(rng.integers(low, high, endpoint=True)) for low, high in (config.aisles, config.boards, config.cross_aisles)
    )
    middle = min(middle, places - 1)
    aisle_spacing, board_spacing = rng.uniform(*config.aisle_spacing), rng.uniform(*config.board_spacing)

    # Along x: boards in columns, and a cross-aisle after some of them.
    cuts = np.sort(rng.choice(places - 1, middle, replace=False)) + 1
    shift = np.searchsorted(cuts, np.arange(places), side="right") * config.cross_width
    columns = board_spacing * (np.arange(places) + 0.5) + shift
    lines = aisle_spacing * np.arange(aisles + 1)
    width, height = board_spacing * places + config.cross_width * middle, float(lines[-1])
    cross = board_spacing * cuts + config.cross_width * (np.arange(middle) + 0.5)
    passages = np.array([-config.surround / 2, *cross, width + config.surround / 2])
    starts, ends = [0.0, *(cross + config.cross_width / 2)], [*(cross - config.cross_width / 2), width]
    walls = np.array([[(a, y), (b, y)] for y in lines for a, b in zip(starts, ends, strict=True)])

    # In an aisle boards alternate between its lower and its upper side, column by column.
    boards = np.empty((aisles, places, 2, 2))
    boards[..., 0] = columns[:, None]
    boards[..., 1] = np.stack([lines[:-1], lines[1:]], axis=1)[:, None]
    stands = boards + np.array([(0.0, config.standing), (0.0, -config.standing)])
    boards, stands = boards.reshape(-1, 2), stands.reshape(-1, 2)
    kept = np.sort(rng.permutation(len(boards))[int(config.empty * len(boards)) :])

    # Outside: a way around, deeper by the foyer on one of four sides (left, bottom, right, top).
    side, door = rng.integers(4, size=2)
    deep = np.full(4, config.surround) + config.foyer * (np.arange(4) == side)
    origin, extent = -deep[:2], np.array([width + deep[0] + deep[2], height + deep[1] + deep[3]])
    coffee = _beside(side, deep[side] - config.foyer / 2, rng.uniform(0.1, 0.9), width, height)
    entrance = _beside(door, deep[door], rng.uniform(0.1, 0.9), width, height)
    topics = rng.uniform((0.0, 0.0), (width, height), (config.topics, 2))

    unit = float(extent.max())
    return Hall(
        *((points - origin) / unit for points in (boards[kept], stands[kept], coffee, entrance, walls)),
        lines=(lines - origin[1]) / unit,
        passages=(passages - origin[0]) / unit,
        topics=(topics - origin) / unit,
        extent=extent / unit,
        unit=unit,
        config=config,
    )


def _beside(side: int, distance: float, share: float, width: float, height: float) -> Array:
    """The point at a distance from a side (left, bottom, right, top) of the walls, at a share of the side's length."""
    along = share * (height if side % 2 == 0 else width)
    beyond = -distance if side < 2 else distance + (width if side == 2 else height)
    return np.array((beyond, along) if side % 2 == 0 else (along, beyond))


def layout(seed: int, config: HallConfig | None = None) -> Hall:
    """The hall that a seed and a configuration determine."""
    return make_hall(np.random.default_rng(seed), config)


def close_aisle(hall: Hall, aisle: int) -> Hall:
    """The hall with one aisle closed: its boards are removed, and only the ways around the walls lead past it.

    Raises:
        ValueError: for an aisle that the hall does not have.
    """
    aisles = len(hall.lines) - 1
    if not 0 <= aisle < aisles:
        raise ValueError(f"aisle: {aisle}, expected 0 to {aisles - 1}")
    kept = np.searchsorted(hall.lines, hall.stands[:, 1]) != aisle + 1
    return replace(hall, boards=hall.boards[kept], stands=hall.stands[kept], closed=aisle)


def draw_instances(
    rng: Generator, hall: Hall, count: int, size: int, *, budget: float | None = None
) -> dict[str, Array]:
    """Draw days in one hall: the posters chosen, the interest in each, and the time its author is there.

    On each day topics have heavy-tailed weights. The interest in a poster is the weight of its topic times a
    factor of its own; the largest of the day is 1.

    Args:
        rng: source of randomness.
        hall: the hall.
        count: number of days.
        size: number of posters chosen, of different boards.
        budget: as in `HallConfig`; None: that of the hall.

    Returns:
        arrays over the days, node 0 the coffee corner and `n = size + 1`: `coordinates [count, n, 2]`
        (of the stands), `matrix [count, n, n]` (walking distances), `prizes [count, n]`,
        `time_windows [count, n, 2]` (session or whole day), `service_times [count, n]`,
        `max_length [count]`. The coffee corner has no prize and is open all day, which is the longest walk
        plus half of the visits.

    Raises:
        ValueError: for more posters than the hall has boards.
    """
    chosen = _choose(rng, hall, count, size)
    nodes = np.concatenate([np.zeros((count, 1), dtype=np.int64), chosen + 2], axis=1)  # rows of `hall.matrix`
    coordinates = np.concatenate([np.broadcast_to(hall.coffee, (count, 1, 2)), hall.stands[chosen]], axis=1)
    matrix = hall.matrix[nodes[:, :, None], nodes[:, None, :]]
    units = np.full(count, hall.unit)
    return _days(rng, hall.config, coordinates, matrix, hall.topic_shares[chosen], units, budget)


def draw_each(rng: Generator, halls: Sequence[Hall], size: int, *, budget: float | None = None) -> dict[str, Array]:
    """Draw one day in each of several halls of one configuration; see `draw_instances`.

    Raises:
        ValueError: for more posters than a hall has boards.
    """
    chosen = [_choose(rng, hall, 1, size)[0] for hall in halls]
    pairs = list(zip(halls, chosen, strict=True))
    coordinates = np.array([np.vstack([hall.coffee, hall.stands[posters]]) for hall, posters in pairs])
    shares = np.array([hall.topic_shares[posters] for hall, posters in pairs])
    matrix = np.array([hall.walking(points) for hall, points in zip(halls, coordinates, strict=True)])
    return _days(rng, halls[0].config, coordinates, matrix, shares, np.array([hall.unit for hall in halls]), budget)


def draw_layouts(rng: Generator, count: int, layouts: Sequence[int] = TRAIN_LAYOUTS) -> list[int]:
    """The layouts of `count` days."""
    return [layouts[i] for i in rng.integers(len(layouts), size=count)]


def draw_many(
    rng: Generator,
    count: int,
    size: int,
    *,
    layouts: Sequence[int] = TRAIN_LAYOUTS,
    config: HallConfig | None = None,
    budget: float | None = None,
) -> dict[str, Array]:
    """Draw days in halls of many layouts; see `draw_instances`.

    Args:
        rng: source of randomness.
        count: number of days.
        size: number of posters chosen.
        layouts: seeds of layouts, from which that of each day is drawn.
        config: ranges from which layouts are drawn; None: halls for that many posters.
        budget: as in `HallConfig`; None: the configuration's.
    """
    config = config or HallConfig.for_size(size)
    seeds = draw_layouts(rng, count, layouts)
    halls = {seed: layout(seed, config) for seed in set(seeds)}
    return draw_each(rng, [halls[seed] for seed in seeds], size, budget=budget)


def _choose(rng: Generator, hall: Hall, count: int, size: int) -> NDArray[np.int64]:
    """Different boards for each day `[count, size]`."""
    boards = len(hall.boards)
    if not 1 <= size <= boards:
        raise ValueError(f"size: {size} posters, expected 1 to {boards}, the boards of the hall")
    return rng.random((count, boards)).argsort(axis=1)[:, :size]


def _days(
    rng: Generator,
    config: HallConfig,
    coordinates: Array,
    matrix: Array,
    shares: Array,
    units: Array,
    budget: float | None,
) -> dict[str, Array]:
    """Interest, presence and limits of chosen posters, given their `shares [count, size, t]` of the topics."""
    count, size, topics = shares.shape
    affinity = rng.gamma(0.5, size=(count, topics, 1))
    interest = (shares @ affinity)[..., 0] * rng.lognormal(0.0, config.spread, (count, size))
    interest = np.maximum(interest / interest.max(axis=1, keepdims=True), LEAST_INTEREST)
    service = rng.uniform(*config.visit, (count, size)) / units[:, None]
    nearest = 2 * matrix[:, 0, 1:].min(axis=1)
    longest = np.maximum((config.budget if budget is None else budget) * _nearest_neighbour(matrix), nearest)
    horizon = longest + service.sum(axis=1) / 2
    session = rng.integers(config.sessions, size=(count, size))
    always = rng.random((count, size)) < config.always
    opens = np.where(always, 0, session) / config.sessions
    closes = np.where(always, config.sessions, session + 1) / config.sessions
    windows = np.stack([opens, closes], axis=-1) * horizon[:, None, None]
    day = np.stack([np.zeros(count), horizon], axis=-1)[:, None]
    corner = np.zeros((count, 1))
    return {
        "coordinates": coordinates,
        "matrix": matrix,
        "prizes": np.concatenate([corner, interest], axis=1),
        "time_windows": np.concatenate([day, windows], axis=1),
        "service_times": np.concatenate([corner, service], axis=1),
        "max_length": longest,
    }


def _nearest_neighbour(matrix: Array) -> Array:
    """Lengths `[count]` of the nearest-neighbour tours from node 0."""
    count, n, _ = matrix.shape
    rows, here = np.arange(count), np.zeros(count, dtype=np.int64)
    length, visited = np.zeros(count), np.zeros((count, n))
    for _ in range(n - 1):
        visited[rows, here] = np.inf
        there = (matrix[rows, here] + visited).argmin(axis=1)
        length += matrix[rows, here, there]
        here = there
    return length + matrix[rows, here, 0]
