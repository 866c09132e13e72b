"""The sparse graph of the learned guide: complete rows, and features that depend on the shape alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from point_sets import is_whole, point_sets

from policies.guide.features import PLAIN_FEATURES, edge_graph, nearest
from tsp.instance import Instance

WIDTH = 12


@given(point_sets(), st.booleans())
def test_every_node_has_as_many_other_neighbours_nearest_first(points, as_matrix):
    instance = Instance(coordinates=points)
    if as_matrix:
        instance = Instance(matrix=instance.distances)
    graph = edge_graph(instance, WIDTH)
    n, k = instance.size, min(WIDTH, instance.size - 1)
    assert is_whole(graph.neighbours, n, k)
    costs = instance.legs(np.arange(n)[:, None], graph.neighbours)
    assert (np.diff(costs, axis=1) >= 0).all()
    assert graph.features.shape == (n, k, PLAIN_FEATURES + WIDTH)
    assert np.isfinite(graph.features).all()
    assert np.abs(graph.features).max() < 20


@given(point_sets())
def test_reverse_leads_to_the_same_edge_seen_from_its_other_end(points):
    graph = edge_graph(Instance(coordinates=points), WIDTH)
    n, k = graph.neighbours.shape
    ends = graph.neighbours.ravel()
    origins = np.repeat(np.arange(n), k)
    reverse = graph.reverse.ravel()
    there = reverse != np.arange(n * k)
    assert (origins[reverse[there]] == ends[there]).all()
    assert (ends[reverse[there]] == origins[there]).all()
    assert all(origins[i] not in graph.neighbours[ends[i]] for i in np.flatnonzero(~there))


@pytest.mark.parametrize("seed", range(4))
def test_features_do_not_change_when_points_are_moved_scaled_turned_or_mirrored(seed):
    rng = np.random.default_rng(seed)
    points = rng.random((80, 2)) if seed % 2 else rng.normal(size=(80, 2)) ** 3
    angle = rng.random() * 6
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = 700.0 * (points * [1.0, -1.0]) @ turn + [30.0, -5.0]
    a, b = (edge_graph(Instance(coordinates=these), WIDTH) for these in (points, moved))
    assert (a.neighbours == b.neighbours).all()
    np.testing.assert_allclose(a.features, b.features, atol=2e-3)


def test_a_renumbered_instance_has_the_renumbered_graph():
    rng = np.random.default_rng(3)
    points, order = rng.random((60, 2)), rng.permutation(60)
    a, b = edge_graph(Instance(coordinates=points), WIDTH), edge_graph(Instance(coordinates=points[order]), WIDTH)
    assert (order[b.neighbours] == a.neighbours[order]).all()
    np.testing.assert_allclose(b.features, a.features[order], atol=1e-5)


def test_a_long_edge_between_clusters_is_in_the_graph():
    rng = np.random.default_rng(0)
    points = rng.normal(0, 0.01, (80, 2))
    points[40:, 0] += 1.0
    instance = Instance(coordinates=points)
    on_the_left = np.arange(80)[:, None] < 40
    assert (on_the_left != (edge_graph(instance, WIDTH).neighbours < 40)).any(1).sum() >= 4
    assert not (on_the_left != (nearest(instance, WIDTH) < 40)).any()


@pytest.mark.parametrize("metric", ["euclidean", "EUC_2D", "CEIL_2D", "FLOOR_2D", "ATT", "MAN_2D", "MAX_2D", "GEO"])
def test_nearest_neighbours_are_nearest_in_every_metric(metric):
    points = np.random.default_rng(1).random((40, 2)) * 80  # degrees, for GEO
    instance = Instance(coordinates=points * (1 if metric == "GEO" else 1000), metric=metric)
    found = nearest(instance, 5)
    own = np.where(np.eye(40, dtype=bool), np.inf, instance.distances)
    lengths = np.take_along_axis(own, found, 1)
    np.testing.assert_allclose(lengths, np.sort(own, axis=1)[:, :5], atol=1.0)  # integral metrics: ties by rounding


def test_spanning_trees_contain_the_edges_of_a_ring_more_often():
    angles = np.arange(30) * 2 * np.pi / 30
    graph = edge_graph(Instance(coordinates=np.column_stack([np.cos(angles), np.sin(angles)])), WIDTH)
    ring = (np.abs(graph.neighbours - np.arange(30)[:, None]) % 28) == 1
    frequency = graph.features[:, :, 6]
    assert frequency[ring].mean() > 0.9
    assert frequency[~ring].max() == 0
