from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_trees import KINDS, edges_to_nearest, symmetric_instance

import tsp
from baselines.bounds.ascent import ascend
from baselines.bounds.guides import sorted_edges
from baselines.kernels.geometry import geometry_of
from baselines.tours.iterated_search import LinKernighan
from tsp.budget import Budget, Clock
from tsp.instance import Instance
from tsp.problems import get_problem


@settings(max_examples=60)
@given(st.integers(4, 7), st.integers(0, 999), KINDS, st.integers(1, 6), st.integers(1, 200))
def test_bound_of_an_ascent_is_never_above_the_shortest_tour(n, seed, kind, k, steps):
    instance = symmetric_instance(n, seed, kind)
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


def test_an_ascent_without_time_still_gives_a_bound():
    instance = Instance(np.random.default_rng(0).random((200, 2)))
    geometry = geometry_of(instance)
    pairs = edges_to_nearest(geometry, 8)
    short = ascend(geometry, pairs, Clock(1e-9), steps=10_000)
    long = ascend(geometry, pairs, Clock(60.0), steps=300)
    assert short.steps < 50
    assert 0 < short.bound < long.bound


def test_bound_of_clusters_far_apart_is_close_to_the_shortest_tour():
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], dtype=float)
    centres = [1000.0 * np.array([np.cos(a), np.sin(a)]) for a in np.arange(9) * 2 * np.pi / 9]
    points = np.concatenate([centre + 10 * (corners[:, None] + 0.1 * corners).reshape(-1, 2) for centre in centres])
    instance = Instance(points)
    _, geometry, pairs = sorted_edges(instance, 4)
    tour = LinKernighan(kicks=20_000).solve(get_problem("tsp"), [instance], Budget(60.0))[0]
    assert tour.objective is not None
    assert ascend(geometry, pairs, Clock(60.0), steps=3000).bound > 0.999 * tour.objective


@pytest.mark.data
@pytest.mark.filterwarnings("ignore:.*ali535")  # three of its coordinates are no degrees and minutes
def test_bound_of_a_real_instance_is_never_above_its_optimum(data_folder):
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
