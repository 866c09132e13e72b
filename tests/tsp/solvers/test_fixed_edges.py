"""Fixed edges are used by every tour that a solver answers, and the tour is the shortest of those."""

from itertools import permutations

import numpy as np
import pytest

from tsp.budget import Budget
from tsp.instance import Instance
from tsp.problems import get_problem
from tsp.solution import check
from tsp.solvers.fixed_edges import without_fixed_edges
from tsp.solvers.registry import make

TSP, ATSP = get_problem("tsp"), get_problem("atsp")


def drawn(seed, edges, *, asymmetric=False):
    rng = np.random.default_rng(seed)
    if asymmetric:
        return Instance(matrix=rng.integers(1, 100, (7, 7)), fixed_edges=edges)
    return Instance(rng.integers(0, 100, (7, 2)), metric="EUC_2D", fixed_edges=edges)


def shortest(problem, instance):
    answers = (check(problem, instance, [[0, *rest]]) for rest in permutations(range(1, 7)))
    return min(answer.objective for answer in answers if answer.feasible)


@pytest.mark.parametrize("edges", [[[0, 3]], [[1, 2], [4, 5]], [[1, 2], [2, 3]], [[6, 0], [0, 5], [1, 4]]])
@pytest.mark.parametrize("spec", ["ls(kicks=2000)", "cpsat", "2opt", "ortools"])
def test_every_solver_of_closed_tours_keeps_fixed_edges(spec, edges):
    for seed, problem in ((0, TSP), (1, TSP), (2, ATSP)):
        instance = drawn(seed, edges, asymmetric=problem is ATSP)
        (found,) = make(spec).solve(problem, [instance], Budget(0.3 if spec == "ortools" else 10.0))
        best = shortest(problem, instance)
        assert found.feasible or spec == "2opt"
        if spec in ("ls(kicks=2000)", "cpsat"):
            assert found.objective == best
        if spec == "cpsat":
            assert found.proved_optimal


def test_the_order_of_tours_that_use_all_fixed_edges_is_kept():
    instance = drawn(3, [[1, 2], [2, 3]])
    simpler = without_fixed_edges(TSP, instance).instance
    constants = {
        round(simpler.tour_length([0, *rest]) - instance.tour_length([0, *rest]), 6)
        for rest in permutations(range(1, 7))
        if check(TSP, instance, [[0, *rest]]).feasible
    }
    others = [
        simpler.tour_length([0, *rest])
        for rest in permutations(range(1, 7))
        if not check(TSP, instance, [[0, *rest]]).feasible
    ]
    assert len(constants) == 1
    assert min(others) > max(constants) + instance.distances.max() * 7


def test_a_path_or_a_tour_from_a_depot_refuses_fixed_edges():
    for name in ("shpp", "op"):
        with pytest.raises(ValueError, match=f"it fixes 1 edge.* keeps in problem '{name}'"):
            get_problem(name).validate(
                Instance(np.eye(3)[:, :2], fixed_edges=[[0, 1]], prizes=np.ones(3), max_length=9)
            )
