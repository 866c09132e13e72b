import inspect
import pickle
import re
import tomllib
from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from baselines.kernels import geometry as geometry_module
from baselines.kernels.geometry import (
    delaunay_edges,
    distance,
    geometry_of,
    hilbert_order,
    jit,
    nearest_neighbours,
    table_of,
    tour_length,
)
from tsp.instance import Instance
from tsp.metrics import METRICS


def some_points(metric, n=40):
    rng = np.random.default_rng([n, len(metric)])
    if metric == "GEO":  # degrees and minutes, from pole to pole
        degrees = rng.integers(-179, 180, (n, 2)) // [2, 1]
        return degrees + np.copysign(rng.integers(0, 60, (n, 2)) / 100, degrees)
    if metric == "GEOM":  # degrees
        return np.round(rng.random((n, 2)) * [180, 360] - [90, 180], 4)
    return np.round(1000 * rng.random((n, METRICS[metric].dimensions[-1])), 1)


def test_an_instance_of_another_process_needs_the_same_kernels():
    own = Instance(matrix=np.ones((4, 4)))
    sent = pickle.loads(pickle.dumps(own))  # noqa: S301 - its own
    for make in (geometry_of, table_of):
        assert numba.typeof(make(sent)) == numba.typeof(make(own))


def all_distances(instance):
    geometry, n = geometry_of(instance), instance.size
    return np.array([[distance(geometry, i, j) if i != j else 0.0 for j in range(n)] for i in range(n)])


@pytest.mark.parametrize("metric", METRICS)
def test_distances_are_those_of_the_instance(metric):
    instance = Instance(some_points(metric), metric=metric)
    assert np.array_equal(all_distances(instance), instance.distances)


def test_distances_in_three_dimensions_are_those_of_the_instance():
    instance = Instance(np.random.default_rng(0).random((20, 3)))
    np.testing.assert_allclose(all_distances(instance), instance.distances, rtol=1e-15)


def test_distances_of_an_asymmetric_matrix_go_from_row_to_column():
    instance = Instance(matrix=np.random.default_rng(0).random((9, 9)))
    assert np.array_equal(all_distances(instance), instance.distances)


def test_equal_points_are_one_kilometre_apart_under_geo():
    instance = Instance([[48.30, 9.10], [48.30, 9.10], [0, 0]], metric="GEO")
    assert distance(geometry_of(instance), 0, 1) == instance.legs(0, 1) == 1.0


def test_tour_length_is_that_of_the_instance():
    instance = Instance(some_points("ATT"), metric="ATT")
    tour = np.random.default_rng(0).permutation(instance.size)
    assert tour_length(geometry_of(instance), tour.astype(np.int32)) == instance.tour_length(tour)


@pytest.mark.parametrize("kind", ["points", "matrix"])
def test_subset_keeps_the_distances_of_its_nodes(kind):
    points = np.random.default_rng(0).random((12, 2))
    instance = Instance(points) if kind == "points" else Instance(matrix=Instance(points).distances)
    nodes = np.array([7, 0, 3])
    part = geometry_of(instance).subset(nodes)
    assert part.size == 3
    assert distance(part, 0, 2) == distance(geometry_of(instance), 7, 3)


@pytest.mark.parametrize("metric", [*METRICS, "matrix"])
def test_neighbours_are_the_nearest_in_order(metric):
    instance = Instance(some_points("euclidean") if metric == "matrix" else some_points(metric), metric="euclidean")
    if metric == "matrix":
        instance = Instance(matrix=np.random.default_rng(0).random((40, 40)))
    else:
        instance = Instance(instance.coordinates, metric=metric)
    near = nearest_neighbours(geometry_of(instance), 6)
    lengths = np.take_along_axis(instance.distances, near.astype(np.int64), axis=1)
    others = instance.distances + np.diag(np.full(instance.size, np.inf))
    # Rounding makes ties, within which the true distance decides.
    assert near.shape == (40, 6)
    assert (near != np.arange(40)[:, None]).all()
    assert all(len(set(row)) == 6 for row in near.tolist())
    assert np.array_equal(lengths, np.sort(others, axis=1)[:, :6])


@pytest.mark.parametrize(("n", "k", "columns"), [(1, 5, 0), (2, 5, 1), (5, 10, 4), (5, 0, 0)])
@pytest.mark.parametrize("kind", ["points", "matrix"])
def test_there_are_no_more_neighbours_than_other_nodes(kind, n, k, columns):
    points = np.random.default_rng(0).random((n, 2))
    instance = Instance(points) if kind == "points" else Instance(matrix=Instance(points).distances)
    assert nearest_neighbours(geometry_of(instance), k).shape == (n, columns)


@pytest.mark.parametrize("kind", ["points", "matrix"])
def test_equal_points_are_neighbours_but_no_node_is_its_own_neighbour(kind):
    points = np.repeat([[0.5, 0.5]], 30, axis=0)
    instance = Instance(points) if kind == "points" else Instance(matrix=np.zeros((30, 30)))
    near = nearest_neighbours(geometry_of(instance), 4)
    assert (near != np.arange(30)[:, None]).all()
    assert all(len(set(row)) == 4 for row in near.tolist())


@pytest.mark.parametrize("d", [2, 3])
def test_consecutive_cells_of_a_grid_along_the_curve_are_adjacent(d):
    side = 8
    grid = np.stack(np.meshgrid(*[np.arange(side)] * d), axis=-1).reshape(-1, d).astype(float)
    shuffled = np.random.default_rng(0).permutation(grid)
    walk = shuffled[hilbert_order(shuffled, bits=3)]
    assert (np.abs(np.diff(walk, axis=0)).sum(axis=1) == 1).all()


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_curve_does_not_depend_on_the_scale(scale):
    points = np.random.default_rng(0).random((100, 2))
    assert np.array_equal(hilbert_order(points), hilbert_order(scale * 0.5 * points))


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.arange(5.0)[:, None] * [0.0, 1.0]])
def test_curve_keeps_the_order_of_points_that_coincide_or_lie_on_a_line(points):
    assert hilbert_order(points).tolist() in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0])


def test_kernels_work_where_nothing_can_be_written(monkeypatch):
    def no_place(function):
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(geometry_module, "KernelCache", no_place)
    assert jit(lambda x: x + 1)(-1) == 0


@settings(max_examples=50)
@given(st.integers(4, 60), st.integers(0, 99), st.sampled_from([3, 8, 1000]))
def test_a_triangulation_connects_all_nodes_each_to_its_nearest_even_where_points_coincide(n, seed, side):
    points = np.random.default_rng([n, seed]).integers(0, side, (n, 2)).astype(float)
    points[:3] = [[0, 0], [0, side], [side, 0]]
    edges = delaunay_edges(points)
    assert len(edges) < 3 * n
    assert len(np.unique(edges, axis=0)) == len(edges)
    assert (edges[:, 0] < edges[:, 1]).all()
    a, b = edges.T
    assert connected_components(coo_matrix((np.ones(len(a)), (a, b)), (n, n)))[0] == 1
    distances = np.hypot(*(points[:, None] - points).T)
    np.fill_diagonal(distances, np.inf)
    shortest = np.full(n, np.inf)
    np.minimum.at(shortest, edges.ravel(), np.repeat(distances[a, b], 2))
    np.testing.assert_array_equal(shortest, distances.min(axis=1))


@pytest.mark.parametrize("points", [np.zeros((9, 2)), np.column_stack([np.arange(9.0), np.arange(9.0)]), np.eye(3, 2)])
def test_points_without_triangles_have_no_edges(points):
    assert delaunay_edges(points).shape == (0, 2)


def test_the_coverage_leaves_out_what_each_decorator_compiles():
    options = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["tool"]["coverage"]["report"]
    decorators = [
        name
        for name, each in vars(geometry_module).items()
        if inspect.isfunction(each) and list(inspect.signature(each).parameters) == ["function"]
    ]
    assert {"jit", "kernel", "part"} <= set(decorators)
    for name in decorators:
        assert any(re.search(pattern, f"    @{name}") for pattern in options["exclude_also"]), name
