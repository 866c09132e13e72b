import numpy as np
import pytest

from tsp.instance import Instance
from tsp.problems import get_problem
from tsp.solution import check
from tsp.stand_ins import make_stand_ins, reason_without_tour

INF = np.inf
TSP, SHPP, OP = (get_problem(name) for name in ("tsp", "shpp", "op"))


def matrix_of(value):
    """Five nodes; tours of the roads 1 to 9 cost 9 times 5 at most, and the rest is `value`."""
    return [[0, 9, value, 2, 3], [9, 0, 4, value, 5], [value, 4, 0, 6, 7], [2, value, 6, 0, 8], [3, 5, 7, 8, 0]]


def test_ordinary_distances_stay_as_they_are():
    for instance in (Instance(matrix=matrix_of(1)), Instance(matrix=matrix_of(40)), Instance([[0, 0], [1e9, 1]])):
        assert make_stand_ins(TSP, instance).instance is instance


@pytest.mark.parametrize("value", [INF, 1e6, 1e9, 99999999])
def test_a_stand_in_is_longer_than_every_tour_of_ordinary_roads_and_not_much_longer(value):
    copy = make_stand_ins(TSP, Instance(matrix=matrix_of(value))).instance
    longest_tour = 9 + 9 + 7 + 8 + 8  # the longest road from each node
    assert longest_tour < copy.matrix.max() < 1.1 * longest_tour
    ordinary = copy.matrix < longest_tour
    assert (copy.matrix[ordinary] == np.array(matrix_of(value))[ordinary]).all()
    assert copy.integral


def test_a_solver_that_knows_missing_roads_sees_them():
    instance = Instance(matrix=matrix_of(INF))
    assert make_stand_ins(TSP, instance, keep_missing=True).instance is instance


def test_a_copy_of_a_copy_is_the_copy():
    for value in (INF, 1e9):
        copy = make_stand_ins(TSP, Instance(matrix=matrix_of(value))).instance
        assert make_stand_ins(TSP, copy).instance is copy


def test_distances_between_far_clusters_are_not_taken_for_stand_ins():
    far = [[0, 1, 5e6, 7e6], [1, 0, 6e6, 5e6], [5e6, 6e6, 0, 1], [7e6, 5e6, 1, 0]]
    instance = Instance(matrix=far)
    assert make_stand_ins(TSP, instance).instance is instance


def test_a_missing_road_exceeds_a_length_budget_that_no_ordinary_tour_exceeds():
    instance = Instance(matrix=matrix_of(INF), prizes=[0, 1, 1, 1, 1], max_length=1e9)
    copy = make_stand_ins(OP, instance).instance
    assert check(OP, copy, [[0, 1, 2, 3, 4]]).feasible
    assert not check(OP, copy, [[0, 2]]).feasible
    assert check(OP, instance, [[0, 1, 2, 3, 4]]).feasible


def test_a_huge_number_stays_below_no_limit_that_it_exceeds():
    instance = Instance(matrix=matrix_of(1e9), prizes=[0, 1, 1, 1, 1], max_length=2000.0)
    assert 2000 < make_stand_ins(OP, instance).instance.matrix.max() < 1e9


def test_a_bound_of_the_copy_becomes_a_bound_with_the_huge_numbers():
    instance = Instance(matrix=matrix_of(1e6))
    stand_ins = make_stand_ins(TSP, instance)
    for tour in ([0, 1, 2, 3, 4], [0, 2, 1, 3, 4], [0, 2, 1, 4, 3]):
        copied, original = (check(TSP, one, [tour]).objective for one in (stand_ins.instance, instance))
        assert stand_ins.bound(copied) == original


@pytest.mark.parametrize(
    ("problem", "matrix", "sentence"),
    [
        (TSP, [[0, 1, INF], [1, 0, INF], [1, 1, 0]], "no way leads from A to C"),
        (TSP, [[0, 1, 1], [1, 0, 1], [INF, INF, 0]], "no way leads from C to A"),
        (TSP, [[0, 1, INF], [1, 0, 1], [INF, 1, 0]], "A has roads to and from B alone"),
        (SHPP, [[0, 1, INF], [1, 0, INF], [1, 1, 0]], "no way leads from A to C"),
    ],
)
def test_a_node_that_no_tour_can_pass_is_named(problem, matrix, sentence):
    found = reason_without_tour(problem, Instance(matrix=matrix, names=("A", "B", "C")))
    assert found is not None
    assert found.startswith(sentence)


@pytest.mark.parametrize(
    ("problem", "matrix"),
    [
        (TSP, [[0, 1, INF], [INF, 0, 1], [1, INF, 0]]),
        (SHPP, [[0, 1, 1], [1, 0, 1], [INF, 1, 0]]),
        (OP, [[0, 1, INF], [1, 0, INF], [1, 1, 0]]),
    ],
)
def test_no_reason_is_given_where_a_tour_is_left(problem, matrix):
    assert reason_without_tour(problem, Instance(matrix=matrix)) is None
