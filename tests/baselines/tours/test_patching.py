from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from baselines.tours.patching import patched_tour


def length(matrix, tour):
    return matrix[tour, np.roll(tour, -1)].sum()


@given(st.integers(2, 30), st.integers(0, 1000))
def test_the_patched_tour_is_no_shorter_than_the_assignment(n, seed):
    matrix = np.random.default_rng(seed).integers(0, 50, (n, n)).astype(float)
    tour = patched_tour(matrix)
    assert sorted(tour.tolist()) == list(range(n))
    off = matrix + np.where(np.eye(n, dtype=bool), np.inf, 0.0)
    assert length(matrix, tour) >= off[linear_sum_assignment(off)].sum()


def test_two_cycles_are_joined_where_that_costs_least():
    near, far = 1.0, 10.0
    matrix = np.full((6, 6), far)
    for cycle in ([0, 1, 2], [3, 4, 5]):
        for a, b in zip(cycle, cycle[1:] + cycle[:1], strict=True):
            matrix[a, b] = near
    matrix[1, 5] = matrix[4, 2] = 2.0  # 1 to 5 and 4 to 2 join them
    assert length(matrix, patched_tour(matrix)) == 4 * near + 2 * 2.0


def test_the_diagonal_of_the_matrix_has_no_effect():
    matrix = np.random.default_rng(0).random((9, 9))
    other = matrix.copy()
    np.fill_diagonal(other, -1e9)
    assert patched_tour(matrix).tolist() == patched_tour(other).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_the_patched_tour_of_a_random_matrix_is_near_the_optimum(seed):
    matrix = np.random.default_rng(seed).random((7, 7))
    best = min(length(matrix, np.array([0, *rest])) for rest in permutations(range(1, 7)))
    assert best <= length(matrix, patched_tour(matrix)) <= 1.7 * best
