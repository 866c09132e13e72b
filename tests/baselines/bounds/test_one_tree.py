from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tsp
from baselines.bounds.guides import sorted_edges
from baselines.bounds.one_tree import (
    alpha_candidates,
    ascend,
    empty_tree,
    graph_of,
    path_maximum,
    prove,
    range_maxima,
    span,
)
from baselines.kernels.geometry import geometry_of, nearest_neighbours
from baselines.tours.iterated_search import LinKernighan
from tsp.budget import Budget, Clock
from tsp.instance import Instance
from tsp.metrics import METRICS
from tsp.problems import get_problem

METRICS_OF_POINTS = sorted(name for name, metric in METRICS.items() if 2 in metric.dimensions)


def some_instance(n, seed, kind):
    """Points in a metric, some on one spot; or a matrix, whole numbers with many ties or not."""
    rng = np.random.default_rng([n, seed])
    if kind in METRICS_OF_POINTS:
        points = rng.random((n, 2)) if kind == "euclidean" else rng.integers(0, 60, (n, 2)).astype(float)
        if seed % 3 == 0:
            points[rng.integers(0, n, n // 3)] = points[0]
        return Instance(points, metric=kind)
    matrix = rng.integers(0, 9, (n, n)).astype(float) if kind == "ties" else rng.random((n, n))
    return Instance(matrix=matrix + matrix.T)


def edges_to_nearest(geometry, k):
    near = nearest_neighbours(geometry, k)
    return np.column_stack([np.repeat(np.arange(len(near)), near.shape[1]), near.ravel()])


kinds = st.sampled_from([*METRICS_OF_POINTS, "ties", "matrix"])


def spanning_tree(weights):
    """Prim's algorithm on a full matrix, plainly."""
    n, inside, edges = len(weights), [0], []
    while len(inside) < n:
        i, j = min(((i, j) for i in inside for j in range(n) if j not in inside), key=lambda e: weights[e])
        edges.append((i, j))
        inside.append(j)
    return edges


def path_maxima(edges, weights):
    """The longest edge on the tree's path between any two nodes, plainly."""
    n = len(weights)
    out = np.full((n, n), np.nan)

    def walk(root, node, before, longest):
        for a, b in edges:
            if node in (a, b):
                other = b if node == a else a
                if other != before:
                    out[root, other] = max(longest, weights[a, b])
                    walk(root, other, node, out[root, other])

    for root in range(n):
        walk(root, root, -1, -np.inf)
    return out


@settings(max_examples=60)
@given(st.integers(3, 40), st.integers(0, 999), kinds, st.integers(1, 8), st.floats(0, 3))
def test_proof_finds_the_least_one_tree_of_all_edges_from_whatever_edges_it_begins(n, seed, kind, k, spread):
    instance = some_instance(n, seed, kind)
    rng = np.random.default_rng(seed)
    multipliers = spread * instance.distances.mean() * rng.normal(size=n)
    geometry = geometry_of(instance)
    found = prove(geometry, graph_of(geometry, edges_to_nearest(geometry, k)), multipliers)
    weights = instance.distances + multipliers[:, None] + multipliers
    edges = spanning_tree(weights)
    tree = sum(weights[e] for e in edges)
    degree = np.bincount(np.ravel(edges), minlength=n)
    closed = [np.partition(np.delete(weights[leaf], leaf), 1)[1] for leaf in np.flatnonzero(degree == 1)]
    allowed = 1e-9 * (1.0 + np.abs(weights).sum())
    # of several least trees each may have other leaves, and the leaf is chosen by the graph's edges
    assert found.bound <= tree + max(closed + [np.inf] * (kind == "ties")) - 2 * multipliers.sum() + allowed
    assert found.tree.key.sum() == pytest.approx(tree, abs=allowed)


@settings(max_examples=40)
@given(st.integers(3, 30), st.integers(0, 999), kinds)
def test_longest_edge_on_a_path_of_the_tree_is_the_largest_key_between_two_places(n, seed, kind):
    instance = some_instance(n, seed, kind)
    geometry = geometry_of(instance)
    multipliers = np.random.default_rng(seed).normal(size=n)
    graph = graph_of(geometry, np.array(list(combinations(range(n), 2))))
    tree = empty_tree(n)
    span(graph, multipliers, tree)
    weights = instance.distances + multipliers[:, None] + multipliers
    expected = path_maxima([(i, int(tree.parent[i])) for i in tree.order[1:].tolist()], weights)
    longest = range_maxima(tree)
    for i, j in permutations(range(n), 2):
        assert path_maximum(longest, tree.rank[i], tree.rank[j]) == pytest.approx(expected[i, j], rel=1e-12, abs=1e-12)


@settings(max_examples=60)
@given(st.integers(4, 7), st.integers(0, 999), kinds, st.integers(1, 6), st.integers(1, 200))
def test_bound_is_never_above_the_shortest_tour(n, seed, kind, k, steps):
    instance = some_instance(n, seed, kind)
    geometry = geometry_of(instance)
    found = ascend(geometry, edges_to_nearest(geometry, k), Clock(60.0), steps=steps)
    shortest = min(instance.tour_length([0, *order]) for order in permutations(range(1, n)))
    assert found.bound <= shortest + 1e-12
    if (found.tree.degree == 2).all():  # the 1-tree is a tour
        assert found.bound == pytest.approx(shortest, rel=1e-9)


def test_ascent_proves_most_small_random_instances_nearly_optimal():
    gaps = []
    for seed in range(20):
        instance = Instance(np.random.default_rng(seed).random((7, 2)))
        geometry = geometry_of(instance)
        found = ascend(geometry, edges_to_nearest(geometry, 6), Clock(60.0), steps=300)
        shortest = min(instance.tour_length([0, *order]) for order in permutations(range(1, 7)))
        gaps.append(1 - found.bound / shortest)
    assert np.median(gaps) < 1e-3


def test_an_ascent_that_has_no_time_still_gives_a_bound():
    instance = Instance(np.random.default_rng(0).random((200, 2)))
    geometry = geometry_of(instance)
    pairs = edges_to_nearest(geometry, 8)
    short = ascend(geometry, pairs, Clock(1e-9), steps=10_000)
    long = ascend(geometry, pairs, Clock(60.0), steps=300)
    assert short.steps < 50
    assert 0 < short.bound < long.bound


@settings(max_examples=30)
@given(st.integers(5, 20), st.integers(0, 999), kinds, st.integers(1, 6))
def test_alpha_is_what_the_one_tree_grows_by_if_it_must_have_an_edge(n, seed, kind, k):
    instance = some_instance(n, seed, kind)
    geometry = geometry_of(instance)
    found = ascend(geometry, edges_to_nearest(geometry, n - 1), Clock(60.0), steps=30)
    tree, multipliers = found.tree, found.multipliers
    chosen = alpha_candidates(found, k)
    weights = instance.distances + multipliers[:, None] + multipliers
    edges = [(i, int(tree.parent[i])) for i in tree.order[1:].tolist()]
    alpha = weights - path_maxima(edges, weights)
    leaf, end = tree.ends.tolist()
    alpha[leaf] = alpha[:, leaf] = weights[leaf] - weights[leaf, end]
    alpha = np.maximum(alpha, 0.0)
    for i, j in edges:
        alpha[i, j] = alpha[j, i] = 0.0
    for i in range(n):
        others = np.delete(np.arange(n), i)
        row = chosen[i].tolist()
        assert len(set(row)) == min(k, n - 1)
        assert i not in row
        np.testing.assert_allclose(
            alpha[i, row], np.sort(alpha[i, others])[: len(row)], atol=1e-9 * np.abs(weights).max()
        )


def test_bound_of_clusters_far_apart_comes_near_the_shortest_tour():
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], dtype=float)
    centres = [1000.0 * np.array([np.cos(a), np.sin(a)]) for a in np.arange(9) * 2 * np.pi / 9]
    points = np.concatenate([centre + 10 * (corners[:, None] + 0.1 * corners).reshape(-1, 2) for centre in centres])
    instance = Instance(points)
    _, geometry, pairs = sorted_edges(instance, 4)
    tour = LinKernighan(kicks=20_000).solve(get_problem("tsp"), [instance], Budget(60.0))[0]
    assert tour.objective is not None
    assert ascend(geometry, pairs, Clock(60.0), steps=3000).bound > 0.999 * tour.objective


@pytest.mark.data
def test_bound_of_no_real_instance_is_above_its_optimum(data_folder):
    shares = []
    for path in sorted((data_folder / "tsplib").glob("*.tsp")):
        instance = tsp.read(path)
        if instance.size <= 1100:
            _, geometry, pairs = sorted_edges(instance, 8)
            found = ascend(geometry, pairs, Clock(0.1))
            assert instance.best_known is not None
            assert found.bound <= instance.best_known, path.name
            shares.append(found.bound / instance.best_known)
    assert len(shares) > 60
    assert np.median(shares) > 0.985
