from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.kernels.geometry import geometry_of, nearest_neighbours
from baselines.tours.greedy import greedy_tour
from tsp.instance import Instance


def greedy(instance):
    """The length of the greedy tour, in plain Python: all pairs, shortest first."""
    n, d = instance.size, instance.distances
    fragment, degree, total = list(range(n)), [0] * n, 0.0
    for a, b in sorted(combinations(range(n), 2), key=lambda pair: d[pair]):
        last = degree.count(1) == 2 and degree.count(2) == n - 2
        if degree[a] < 2 and degree[b] < 2 and (fragment[a] != fragment[b] or last):
            fragment = [fragment[a] if f == fragment[b] else f for f in fragment]
            degree[a] += 1
            degree[b] += 1
            total += d[a, b]
    return total


@pytest.mark.parametrize("kind", ["points", "matrix"])
@pytest.mark.parametrize("n", [3, 4, 5, 9, 60])
def test_the_greedy_tour_adds_the_shortest_possible_leg_first(kind, n):
    instance = Instance(np.random.default_rng(n).random((n, 2)))
    if kind == "matrix":
        instance = Instance(matrix=instance.distances)
    geometry = geometry_of(instance)
    tour = greedy_tour(geometry, nearest_neighbours(geometry, n))
    assert sorted(tour.tolist()) == list(range(n))
    assert instance.tour_length(tour) == pytest.approx(greedy(instance))


@given(st.integers(3, 40), st.integers(1, 4), st.integers(1, 3), st.integers(0, 9))
def test_short_lists_and_coinciding_points_give_a_complete_tour(n, k, side, seed):
    points = np.random.default_rng(seed).integers(0, side, (n, 2)).astype(float)
    geometry = geometry_of(Instance(points))
    assert sorted(greedy_tour(geometry, nearest_neighbours(geometry, k)).tolist()) == list(range(n))


def test_short_lists_lengthen_the_greedy_tour_little():
    instance = Instance(np.random.default_rng(0).random((500, 2)))
    geometry = geometry_of(instance)
    short, full = (instance.tour_length(greedy_tour(geometry, nearest_neighbours(geometry, k))) for k in (5, 499))
    assert short < 1.03 * full
