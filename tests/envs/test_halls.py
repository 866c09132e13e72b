"""Halls: walking distances are shortest walks around the walls, layouts are sound, and days are as documented."""

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from envs.halls import (
    TEST_LAYOUTS,
    TRAIN_LAYOUTS,
    HallConfig,
    close_aisle,
    draw_each,
    draw_instances,
    draw_many,
    layout,
)
from tsp.instance import Instance

SEEDS = st.integers(0, 2**32 - 1)
SMALL = HallConfig(aisles=(2, 4), boards=(2, 6), cross_aisles=(0, 2))


def draw(hall, count=20, size=15, seed=0, **options):
    return draw_instances(np.random.default_rng(seed), hall, count, size, **options)


def places(hall):
    """Coffee corner, entrance and stands: the points of `Hall.matrix`."""
    return np.vstack([hall.coffee, hall.entrance, hall.stands])


def shortest_walks(hall):
    """Walking distances on the grid of all interesting coordinates, by Dijkstra, from the drawn walls alone."""
    points = places(hall)
    x, y = (
        np.unique(np.concatenate([values, extra])) for values, extra in zip(points.T, (hall.passages, []), strict=True)
    )
    number = np.arange(len(x) * len(y)).reshape(len(x), len(y))
    left, right = hall.walls[:, 0, 0].min(), hall.walls[:, 1, 0].max()
    edges = [
        (number[i, j], number[i + 1, j], x[i + 1] - x[i])
        for i in range(len(x) - 1)
        for j in range(len(y))
        if not (closed_between(hall, y[j], y[j]) and left < (x[i] + x[i + 1]) / 2 < right)
    ]
    for i in range(len(x)):
        way = x[i] in hall.passages  # a cross-aisle is walked along its middle
        for j in range(len(y) - 1):
            walls = hall.walls[(hall.walls[:, 0, 1] > y[j]) & (hall.walls[:, 0, 1] < y[j + 1])]
            blocked = len(walls) > 0 and not way
            blocked |= ((walls[:, 0, 0] <= x[i]) & (x[i] <= walls[:, 1, 0])).any() | closed_between(
                hall, y[j], y[j + 1]
            )
            if not (blocked and left <= x[i] <= right):
                edges.append((number[i, j], number[i, j + 1], y[j + 1] - y[j]))
    a, b, cost = zip(*edges, strict=True)
    graph = coo_matrix((cost, (a, b)), shape=(number.size, number.size)).tocsr()
    nodes = number[np.searchsorted(x, points[:, 0]), np.searchsorted(y, points[:, 1])]
    return dijkstra(graph, directed=False, indices=nodes)[:, nodes]


def closed_between(hall, low, high):
    """Whether there is anything of the closed aisle between two heights."""
    return hall.closed is not None and low < hall.lines[hall.closed + 1] and high > hall.lines[hall.closed]


@given(SEEDS, st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_matrix_is_the_shortest_walk_around_the_drawn_walls(seed, closed):
    hall = layout(seed, SMALL)
    if closed:
        hall = close_aisle(hall, seed % (len(hall.lines) - 1))
    assert hall.matrix == pytest.approx(shortest_walks(hall), abs=1e-12)


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_walking_distances_are_a_metric_and_never_shorter_than_straight_lines(seed):
    hall = layout(seed, SMALL)
    matrix = hall.matrix
    assert np.array_equal(matrix, matrix.T)
    assert not matrix.diagonal().any()
    assert (matrix + np.eye(len(matrix)) > 0).all()
    assert ((matrix[:, :, None] + matrix[None]).min(axis=1) >= matrix - 1e-12).all()
    assert (matrix >= Instance(places(hall)).distances - 1e-12).all()


@given(SEEDS, st.booleans())
@settings(max_examples=25, deadline=None)
def test_a_route_is_as_long_as_the_walking_distance_and_crosses_no_wall(seed, closed):
    hall = layout(seed, SMALL)
    if closed:
        hall = close_aisle(hall, 0)
    points = places(hall)
    for a, b in np.random.default_rng(seed).integers(len(points), size=(20, 2)):
        route = hall.route(points[a], points[b])
        assert np.array_equal(route[[0, -1]], points[[a, b]])
        steps = np.diff(route, axis=0)
        assert (steps == 0).any(axis=1).all()  # at right angles
        assert np.abs(steps).sum() == pytest.approx(hall.matrix[a, b], abs=1e-12)
        for (x, low), (_, high) in (np.sort(leg, axis=0) for leg in pairwise(route)):
            for (left, y), (right, _) in hall.walls:
                assert not (low < y < high and left <= x <= right and x == route[1, 0])


@pytest.mark.parametrize("size", [1, 10, 50, 100])
def test_halls_of_any_size_are_sound(size):
    sizes = set()
    for seed in range(30):
        hall = layout(seed, HallConfig.for_size(size))
        sizes.add(len(hall.boards))
        assert len(hall.boards) >= size
        assert max(hall.extent) == 1
        for points in (hall.boards, hall.stands, hall.walls.reshape(-1, 2), hall.coffee, hall.entrance):
            assert (points >= 0).all()
            assert (points <= hall.extent + 1e-12).all()
        assert len(np.unique(hall.stands, axis=0)) == len(hall.stands)
        # Boards hang on walls, and one stands before them, in their aisle.
        assert np.abs(hall.boards[:, 1, None] - hall.lines).min(axis=1) == pytest.approx(0, abs=1e-12)
        assert np.hypot(*(hall.boards - hall.stands).T) * hall.unit == pytest.approx(hall.config.standing)
        for x, _ in hall.boards:
            assert ((hall.walls[:, 0, 0] < x) & (x < hall.walls[:, 1, 0])).any()
        between = (
            hall.lines[0] < hall.coffee[1] < hall.lines[-1],
            hall.passages[0] < hall.coffee[0] < hall.passages[-1],
        )
        assert not all(between)  # the coffee corner is beside the aisles
    assert len(sizes) > 1


def test_a_seed_fixes_layout_and_days_and_another_gives_others():
    assert np.array_equal(layout(7).stands, layout(7).stands)
    assert len({layout(seed).unit for seed in range(20)}) == 20
    first, again, other = (draw(layout(7), seed=seed) for seed in (1, 1, 2))
    for name, values in first.items():
        assert np.array_equal(values, again[name])
    assert not np.array_equal(first["coordinates"], other["coordinates"])
    many = [draw_many(np.random.default_rng(3), 5, 12)["matrix"] for _ in range(2)]
    assert np.array_equal(*many)


def test_layouts_to_train_on_are_never_those_of_the_tests():
    assert TRAIN_LAYOUTS[-1] < TEST_LAYOUTS[0]
    train, test = (
        draw_many(np.random.default_rng(0), 3, 10, layouts=layouts) for layouts in (TRAIN_LAYOUTS, TEST_LAYOUTS)
    )
    assert not np.isin(test["coordinates"], train["coordinates"]).any()


def days(kind, count=30, size=20):
    hall = layout(5)
    if kind == "one hall":
        return draw(hall, count, size)
    if kind == "closed":
        return draw(close_aisle(hall, 1), count, size)
    return draw_many(np.random.default_rng(1), count, size)


@pytest.mark.parametrize("kind", ["one hall", "closed", "many halls"])
def test_days_have_the_documented_shapes_and_bounds(kind):
    count, size = 30, 20
    drawn = days(kind, count, size)
    n = size + 1
    assert {name: values.shape for name, values in drawn.items()} == {
        "coordinates": (count, n, 2),
        "matrix": (count, n, n),
        "prizes": (count, n),
        "time_windows": (count, n, 2),
        "service_times": (count, n),
        "max_length": (count,),
    }
    assert all(values.dtype == np.float64 and np.isfinite(values).all() for values in drawn.values())
    assert ((drawn["coordinates"] >= 0) & (drawn["coordinates"] <= 1)).all()
    assert all(len(np.unique(points, axis=0)) == n for points in drawn["coordinates"])
    prizes, service, windows = (drawn[name] for name in ("prizes", "service_times", "time_windows"))
    assert not prizes[:, 0].any()
    assert not service[:, 0].any()
    assert ((prizes[:, 1:] > 0) & (prizes[:, 1:] <= 1)).all()
    assert (prizes.max(axis=1) == 1).all()
    assert (service[:, 1:] > 0).all()
    horizon = windows[:, 0, 1]
    assert horizon == pytest.approx(drawn["max_length"] + service.sum(axis=1) / 2)
    assert not windows[:, 0, 0].any()
    assert ((windows[..., 0] < windows[..., 1]) & (windows[..., 1] <= horizon[:, None] + 1e-12)).all()
    Instance(**{name: values[0] for name, values in drawn.items()})  # is a valid instance


@pytest.mark.parametrize("kind", ["one hall", "closed"])
def test_the_matrix_of_a_day_has_the_distances_of_its_hall(kind):
    hall = layout(5) if kind == "one hall" else close_aisle(layout(5), 1)
    drawn = days(kind)
    for points, matrix in zip(drawn["coordinates"], drawn["matrix"], strict=True):
        assert matrix == pytest.approx(hall.walking(points))


def test_days_in_different_halls_at_once_are_those_of_each_hall():
    """Halls with different numbers of aisles and cross-aisles, one of them with a closed aisle."""
    halls = [layout(seed) for seed in range(12)] + [close_aisle(layout(3), 2)]
    drawn = draw_each(np.random.default_rng(0), halls, 25)
    for hall, points, matrix in zip(halls, drawn["coordinates"], drawn["matrix"], strict=True):
        assert np.array_equal(points[0], hall.coffee)
        stands = {tuple(stand) for stand in hall.stands}
        assert {tuple(point) for point in points[1:]} <= stands
        assert matrix == pytest.approx(hall.walking(points), abs=1e-12)


def test_interest_clusters_by_topic_and_has_a_heavy_tail():
    drawn = draw(layout(1), count=400, size=40)
    prizes, matrix = np.log(drawn["prizes"][:, 1:]), drawn["matrix"][:, 1:, 1:] + 9 * np.eye(40)
    near = np.take_along_axis(prizes, matrix.argmin(axis=2), axis=1)
    assert np.corrcoef(prizes.ravel(), near.ravel())[0, 1] > 0.4
    assert np.median(drawn["prizes"][:, 1:]) < 0.8 * drawn["prizes"][:, 1:].mean()


def test_authors_are_present_for_one_session_or_for_the_day():
    config = HallConfig(sessions=4, always=0.5)
    drawn = draw(layout(1, config), count=200, size=30)
    windows = drawn["time_windows"][:, 1:] / drawn["time_windows"][:, :1, 1:]
    whole = (windows == [0, 1]).all(axis=-1)
    assert whole.mean() == pytest.approx(0.5, abs=0.03)
    opens = 4 * windows[..., 0][~whole]
    assert opens == pytest.approx(np.round(opens))
    assert np.bincount(np.round(opens).astype(int)) == pytest.approx(len(opens) / 4, rel=0.1)
    assert (windows[..., 1] - windows[..., 0])[~whole] == pytest.approx(0.25)


def test_the_budget_is_a_share_of_a_tour_past_all_posters():
    whole, part = (draw(layout(2), budget=budget) for budget in (1.0, 0.25))
    assert part["max_length"] == pytest.approx(whole["max_length"] / 4)
    for matrix, length in zip(whole["matrix"], whole["max_length"], strict=True):
        tour = [0]
        while len(tour) < len(matrix):
            left = [node for node in range(len(matrix)) if node not in tour]
            tour.append(min(left, key=lambda node: matrix[tour[-1], node]))
        assert length == pytest.approx(Instance(matrix=matrix).tour_length(tour))


def test_some_poster_can_always_be_visited():
    drawn = draw_many(np.random.default_rng(0), 200, 1, budget=0.1)
    assert (2 * drawn["matrix"][:, 0, 1] <= drawn["max_length"]).all()


def test_a_closed_aisle_has_no_boards_and_lengthens_walks_past_it():
    hall = layout(0)
    closed = close_aisle(hall, 2)
    gone = (hall.stands[:, 1] > hall.lines[2]) & (hall.stands[:, 1] < hall.lines[3])
    assert gone.any()
    assert np.array_equal(closed.stands, hall.stands[~gone])
    before = hall.walking(places(closed))
    assert (closed.matrix >= before).all()
    assert (closed.matrix > before + 0.1).any()
    with pytest.raises(ValueError, match=f"aisle: {len(hall.lines) - 1}, expected 0 to {len(hall.lines) - 2}"):
        close_aisle(hall, len(hall.lines) - 1)


@pytest.mark.parametrize("size", [0, 1000])
def test_more_posters_than_boards_are_refused(size):
    hall = layout(0)
    with pytest.raises(ValueError, match=f"size: {size} posters, expected 1 to {len(hall.boards)}"):
        draw(hall, size=size)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"aisles": (0, 2)}, "aisles: 0 to 2"),
        ({"boards": (9, 2)}, "boards: 9 to 2"),
        ({"standing": 2.0}, "aisle_spacing: 3.5 to 4.5, expected a range above 4"),
        ({"empty": 1.0}, "shares from 0 to 1"),
        ({"sessions": 0}, "expected 1 or more"),
    ],
)
def test_parameters_that_make_no_hall_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        replace(HallConfig(), **options)


def test_halls_are_drawn_without_torch():
    code = "import sys, envs.halls; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
