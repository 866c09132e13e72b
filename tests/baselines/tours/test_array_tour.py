import numpy as np
import pytest
from compiled import compiled
from hypothesis import given
from hypothesis import strategies as st

from baselines.tours import array_tour as module
from baselines.tours.array_tour import LOGGED, MOVED, array_tour, beside

reverse, reverse_path = compiled(module.reverse), compiled(module.reverse_path)
swap_runs, undo_to = compiled(module.swap_runs), compiled(module.undo_to)


def cycle(nodes):
    """A tour from node 0 in the direction of its smaller neighbour: equal for equal cycles."""
    nodes = list(nodes)
    at = nodes.index(0)
    onward = nodes[at:] + nodes[:at]
    backward = [0, *reversed(onward[1:])]
    return min(onward, backward)


@st.composite
def tours(draw, least=4):
    n = draw(st.integers(least, 12))
    return array_tour(np.array(draw(st.permutations(range(n)))))


def consistent(tour):
    return np.array_equal(tour.nodes[tour.position], np.arange(len(tour.nodes)))


def test_the_position_beside_the_last_is_the_first():
    assert [beside(i, True, 3) for i in range(3)] == [1, 2, 0]
    assert [beside(i, False, 3) for i in range(3)] == [2, 0, 1]


@given(tours(), st.data())
def test_reversing_a_path_reverses_the_order_of_its_nodes(tour, data):
    n = len(tour.nodes)
    i, length = data.draw(st.integers(0, n - 1)), data.draw(st.integers(1, n))
    rolled = np.roll(tour.nodes, -i).tolist()
    reverse_path(tour, rolled[0], rolled[length - 1])
    assert cycle(tour.nodes) == cycle(rolled[:length][::-1] + rolled[length:])
    assert consistent(tour)


@given(tours(), st.data())
def test_swapped_runs_change_places_and_keep_their_direction(tour, data):
    n = len(tour.nodes)
    first = data.draw(st.integers(0, n - 1))
    a = data.draw(st.integers(1, n - 2))
    b = data.draw(st.integers(1, n - 1 - a))
    rolled = np.roll(tour.nodes, -first).tolist()
    swap_runs(tour, first, a, b)
    expected = rolled[a : a + b] + rolled[:a] + rolled[a + b :]
    at = tour.nodes.tolist().index(expected[0])
    assert np.roll(tour.nodes, -at).tolist() == expected
    assert consistent(tour)


@given(tours(), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=20))
def test_undo_restores_every_position(tour, reversals):
    nodes, position = tour.nodes.copy(), tour.position.copy()
    for i, j in reversals:
        reverse(tour, i % len(nodes), j % len(nodes))
    undo_to(tour, 0)
    assert np.array_equal(tour.nodes, nodes)
    assert np.array_equal(tour.position, position)
    assert tour.counts[LOGGED] == 0


@pytest.mark.parametrize(("first", "last"), [(2, 97), (90, 5)])
def test_reversing_a_path_moves_the_shorter_side(first, last):
    tour = array_tour(np.arange(100))
    reverse_path(tour, first, last)
    assert tour.counts[MOVED] <= 16
