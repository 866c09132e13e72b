"""Ways around walls: as computed by hand, as a fine grid has them, and as any distance must be."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from tsp.instance import Instance
from tsp.walls import MOST_WALLS, Walls

WALL = [[[0, -1], [0, 1]]]
ROOM = [[[0, 0], [4, 0]], [[4, 0], [4, 4]], [[4, 4], [0, 4]], [[0, 4], [0, 0]]]
TEE = [[[0, 0], [4, 0]], [[2, 0], [2, 3]]]
ELL = [[[0, 0], [0, 3]], [[0, 0], [3, 0]]]
CROSS = [[[-2, 0], [2, 0]], [[0, -2], [0, 2]]]
DOOR = [[[0, -5], [0, -1]], [[0, 1], [0, 5]]]
IN_LINE = [[[0, -4], [0, 0]], [[0, 0], [0, 4]]]


def length(walls, a, b):
    return Walls(np.array(walls, dtype=float)).distances(np.array([a, b], dtype=float))[0, 1]


@pytest.mark.parametrize(
    ("walls", "a", "b", "expected"),
    [
        (WALL, (-1, 0), (1, 0), 2 * math.sqrt(2)),  # around either end
        (WALL, (-1, 2), (1, 2), 2),  # past it
        (WALL, (0, 2), (0, -3), 5),  # along it
        (WALL, (0, 2), (0, 5), 3),  # in line with it
        (WALL, (-1, 1), (1, 1), 2),  # touching its end
        (ROOM, (1, 1), (3, 3), 2 * math.sqrt(2)),  # within it
        (ROOM, (2, 2), (6, 2), math.inf),  # no door
        (ROOM, (-2, 2), (6, 2), 4 + 4 * math.sqrt(2)),  # around two corners
        (TEE, (1, 1), (3, 1), 2 * math.sqrt(5)),  # not between the walls where they meet
        (TEE, (1, -1), (1, 1), 2 * math.sqrt(2)),
        (ELL, (1, 1), (-1, -1), math.sqrt(5) + math.sqrt(17)),
        (CROSS, (-1, -1), (1, 1), 4 * math.sqrt(2)),  # around two arms
        (DOOR, (-3, 0), (3, 0), 6),
        (DOOR, (-3, 4), (3, 4), 2 * math.sqrt(10)),  # the outer end is nearer than the door
        (IN_LINE, (-3, 0), (3, 0), 10),
        ([], (0, 0), (3, 4), 5),
    ],
)
def test_the_shortest_way_is_as_computed_by_hand(walls, a, b, expected):
    segments = np.array(walls, dtype=float).reshape(-1, 2, 2)
    assert length(segments, a, b) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("turn", [0.3, 1.0, 2.5])
@pytest.mark.parametrize(("scale", "shift"), [(1e-3, 0.0), (1.0, 0.0), (1e3, 0.0), (1e3, 1e6)])
def test_turning_moving_and_scaling_the_floor_changes_no_way(turn, scale, shift):
    turned = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    points = np.array([[1, 1], [3, 1], [1, -1], [-1, 2], [2, 3.5]])
    walls = np.array([*TEE, [[1, 2], [1, 5]]], dtype=float)
    moved = Walls(walls @ turned + shift).distances(points @ turned + shift)
    assert moved == pytest.approx(scale * Walls(walls).distances(points), rel=1e-6 if shift else 1e-9)


def test_a_route_turns_at_the_corners_and_is_as_long_as_the_distance():
    walls = Walls(np.array([*DOOR, [[2, -3], [2, 3]]], dtype=float))
    a, b = np.array([-3.0, 0.0]), np.array([5.0, 0.0])
    route = walls.route(a, b)
    assert route.tolist() in ([[-3, 0], [0, -1], [2, -3], [5, 0]], [[-3, 0], [0, 1], [2, 3], [5, 0]])
    steps = np.diff(route, axis=0)
    assert np.hypot(*steps.T).sum() == pytest.approx(walls.distances(np.stack([a, b]))[0, 1])
    assert walls.route(a, np.array([-3.0, 4.0])).tolist() == [[-3, 0], [-3, 4]]


def test_where_walls_leave_no_way_the_route_is_straight():
    assert Walls(np.array(ROOM, dtype=float)).route(np.array([2, 2]), np.array([6, 2])).tolist() == [[2, 2], [6, 2]]


# Twice the places of a grid: walls lie on odd lines between them, so that no place is on a wall.
places = st.tuples(st.integers(-3, 3), st.integers(-3, 3)).map(lambda p: [2.0 * p[0], 2.0 * p[1]])
ends = st.tuples(st.integers(-4, 3), st.integers(-4, 3)).map(lambda p: [2.0 * p[0] + 1, 2.0 * p[1] + 1])
straight = st.tuples(ends, ends).filter(lambda wall: wall[0] != wall[1])
floors = st.lists(straight, min_size=1, max_size=7)


@given(floors, st.lists(places, min_size=3, max_size=8, unique_by=tuple))
def test_ways_around_walls_are_distances(walls, points):
    floor, nodes = Walls(np.array(walls)), np.array(points)
    assume(floor.find_on_wall(nodes) is None)
    found = floor.distances(nodes)
    flown = np.hypot(*(nodes[:, None] - nodes).T)
    assert np.array_equal(found, found.T)
    assert not found.diagonal().any()
    assert (found >= flown - 1e-12).all()
    assert (found <= (found[:, :, None] + found[None]).min(axis=1) + 1e-9).all()
    for k in range(len(nodes)):
        route = floor.route(nodes[0], nodes[k])
        if np.isfinite(found[0, k]):
            assert np.hypot(*np.diff(route, axis=0).T).sum() == pytest.approx(found[0, k])


@given(
    st.lists(st.tuples(ends, ends).filter(lambda w: (w[0][0] == w[1][0]) != (w[0][1] == w[1][1])), max_size=8), places
)
def test_ways_are_as_long_as_those_on_a_fine_grid(walls, other):
    segments = np.array(walls, dtype=float).reshape(-1, 2, 2)
    nodes = np.array([[0.0, 0.0], other])
    (found,) = Walls(segments).distances(nodes)[:1, 1]
    on_grid = grid_distance(segments, nodes)
    assert np.isfinite(found) == np.isfinite(on_grid)
    if np.isfinite(found):  # a way on the grid keeps a step away from walls and has few directions
        assert found <= on_grid + 1e-9
        assert on_grid <= 1.02 * found + len(walls)


def grid_distance(segments, nodes, step=0.5, reach=12.0):
    """The shortest way with steps to 32 neighbours on a grid, none of which meets a wall along x or y."""
    moves = [(a, b) for a in range(-4, 5) for b in range(-4, 5) if math.gcd(a, b) == 1]
    side = np.arange(-reach, reach + step / 2, step)
    x, y = (axis.ravel() for axis in np.meshgrid(side, side, indexing="ij"))
    number = np.arange(x.size).reshape(len(side), len(side))
    rows, columns, lengths = [], [], []
    for a, b in moves:
        low = [max(0, -k) for k in (a, b)]
        high = [len(side) - max(0, k) for k in (a, b)]
        start = number[low[0] : high[0], low[1] : high[1]].ravel()
        end = start + a * len(side) + b
        free = np.ones(start.size, dtype=bool)
        for wall in segments:
            k = int(wall[0, 0] != wall[1, 0])  # the coordinate that is the same at both ends
            across, along = (y, x) if k else (x, y)
            level, (first, last) = wall[0, k], np.sort(wall[:, 1 - k])
            from_level, to_level = across[start] - level, across[end] - level
            with np.errstate(all="ignore"):
                place = along[start] + (along[end] - along[start]) * from_level / (from_level - to_level)
            level_with = (from_level == 0) & (to_level == 0)
            spans = (np.maximum(along[start], along[end]) >= first) & (np.minimum(along[start], along[end]) <= last)
            meets = (from_level * to_level <= 0) & (place >= first) & (place <= last)
            free &= ~np.where(level_with, spans, meets)
        (
            rows.append(start[free]),
            columns.append(end[free]),
            lengths.append(np.full(free.sum(), math.hypot(a, b) * step)),
        )
    size = number.size
    graph = coo_matrix((np.concatenate(lengths), (np.concatenate(rows), np.concatenate(columns))), shape=(size, size))
    places = [int(np.flatnonzero((x == p[0]) & (y == p[1]))[0]) for p in nodes]
    return dijkstra(graph.tocsr(), indices=places[0])[places[1]]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"walls": [[0, 0, 1, 1]]}, r"walls: shape \(1, 4\), expected \(w, 2, 2\)"),
        ({"walls": [[[0, 1], [0, 1]]]}, r"walls\[0\]: begins and ends at 0, 1, expected different ends"),
        ({"walls": [[[-1, 0], [1, 0]]]}, r"walls\[0\]: node 1 lies on the wall from -1, 0 to 1, 0; expected a place"),
        ({"walls": [[[-1, 0], [1, 0]]], "names": ["Hub", "Ada"]}, "node 'Hub' lies on the wall"),
        ({"walls": [[[0, 1], [0, np.nan]]]}, r"walls\[0, 1, 1\]: nan, expected a finite number"),
        ({"walls": WALL, "metric": "EUC_2D"}, "walls: beside distances EUC_2D, expected plain Euclidean ones"),
        ({"walls": WALL, "coordinates": [[0, 0, 1], [3, 4, 1]]}, r"walls: expected coordinates \(n, 2\)"),
        ({"walls": np.arange(4.0 * MOST_WALLS + 4).reshape(-1, 2, 2)}, f"{MOST_WALLS + 1} walls, expected at most"),
        ({"walls": WALL, "matrix": [[0, 1], [1, 0]], "unit": "km"}, "walls: between places on the Earth"),
    ],
)
def test_walls_that_cannot_stand_there_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        Instance(**{"coordinates": [[0, 0], [3, 4]], **options})


def test_an_instance_with_walls_has_the_ways_around_them_as_its_matrix():
    instance = Instance([[-1, 0], [1, 0], [0, 3]], walls=WALL)
    assert instance.metric == "EXPLICIT"
    assert instance.symmetric
    assert instance.distances[0, 1] == pytest.approx(2 * math.sqrt(2))
    assert instance.describe_walls() == "around 1 wall"


def test_beside_a_matrix_walls_are_for_drawing_only():
    assert Instance([[-1, 0], [1, 0]], walls=WALL, matrix=[[0, 7], [7, 0]]).distances[0, 1] == 7
