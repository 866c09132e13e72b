"""Every classical solver with missing roads and with huge numbers in their place."""

from functools import cache

import numpy as np
import pytest
from brute_force import best_by_enumeration
from instances import tiny_instance

from baselines.models.ortools_routing.builder import build_model
from baselines.models.ortools_routing.settings import Settings
from tsp.budget import Budget, Clock
from tsp.instance import Instance
from tsp.problems import PROBLEMS, SplitDelivery, get_problem
from tsp.solution import check
from tsp.solvers.registry import EXTRAS, SOLVERS, make

TSP = get_problem("tsp")
NAMES = [name for name in SOLVERS if name not in (*EXTRAS.values(), "policy", "recourse", "guided-ls", "spacefilling")]
SUPPORTED = [(name, problem) for name in NAMES for problem in PROBLEMS.values() if make(name).supports(problem)]


@cache
def solver(name, problem):
    made = make(name)
    made.warm_up(problem)
    return made


def with_roads(problem, seed, value, share=0.25):
    """A tiny instance of the problem, with `value` for a share of its roads."""
    instance = tiny_instance(problem, seed)
    matrix = np.where(np.random.default_rng(seed).random((5, 5)) < share, value, instance.distances)
    given = {name: value for name, value in vars(instance).items() if name in Instance.__dataclass_fields__}
    return Instance(**given | {"matrix": matrix, "metric": "EXPLICIT"})


@pytest.mark.parametrize("value", [np.inf, 1e9])
@pytest.mark.parametrize(("name", "problem"), SUPPORTED, ids=lambda value: getattr(value, "name", value))
def test_no_solver_claims_a_tour_over_a_missing_road_or_a_wrong_bound(name, problem, value):
    for seed in range(2):
        instance = with_roads(problem, seed, value)
        best, _ = best_by_enumeration(problem, instance)
        limit = 30.0 if name == "cpsat" else 0.03
        found = solver(name, problem).solve(problem, [instance], Budget(limit))[0]
        again = check(problem, instance, found.tours, amounts=found.amounts)
        assert not found.feasible or again.objective == pytest.approx(found.objective, rel=1e-12)
        assert not any("proved" in sentence for sentence in found.violations) or best is None
        if best is not None and found.bound is not None and not problem.reveals:
            over = found.bound - best if problem.objective.sense == "min" else best - found.bound
            assert over <= 1e-6 * abs(best)
        if name == "cpsat" and problem.rule(SplitDelivery) is None:  # the enumeration splits greedily
            assert found.objective == (None if best is None else pytest.approx(best, rel=1e-6))


YARDS = [
    [0, 11.77, 1, 1, 2.51, 19.01, 20.65],
    [11.77, 0, 2.79, 12.02, 1, 1, 10.94],
    [1, 2.79, 0, 11.12, 11.25, 1, 10.55],
    [1, 12.02, 11.12, 0, 22.13, 13.23, 2.19],
    [2.51, 1, 11.25, 22.13, 0, 13.71, 20.96],
    [19.01, 1, 1, 13.23, 13.71, 0, 10.76],
    [20.65, 10.94, 10.55, 2.19, 20.96, 10.76, 0],
]


@pytest.mark.parametrize("unit", [1.0, 1e-3, 1e5])
@pytest.mark.parametrize("value", [np.inf, 99999, 1e9, 1e15])
@pytest.mark.parametrize("name", ["ls", "2opt", "ortools", "cpsat", "ga"])
def test_huge_numbers_do_not_hide_ordinary_distances(name, value, unit):
    matrix = np.array(YARDS) * unit
    matrix[np.array(YARDS) == 1] = value * max(unit, 1.0)
    limit = 30.0 if name == "cpsat" else 0.3
    found = solver(name, TSP).solve(TSP, [Instance(matrix=matrix)], Budget(limit))[0]
    assert found.objective == pytest.approx(54.85 * unit, rel=1e-6)


def test_ortools_resolves_ordinary_distances_to_a_millionth_beside_a_number_that_is_not_huge():
    rng = np.random.default_rng(0)
    matrix = 50 + 50 * rng.random((200, 200))
    matrix[rng.random((200, 200)) < 0.1] = 15_000
    model = build_model(TSP, Instance(matrix=matrix), Settings(), Clock(60.0))
    assert model is not None
    assert model.unit * 100 >= 1e6


@pytest.mark.parametrize("name", ["ls", "ls+bound", "ortools"])
def test_a_tour_that_is_not_found_is_no_proof_that_there_is_none(name):
    # Every node has two neighbours or more, but the node 2 is the only way between two triangles.
    matrix = np.full((5, 5), np.inf)
    for a, b in ((0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 2)):
        matrix[a, b] = matrix[b, a] = 1.0
    instance = Instance(matrix=matrix, names=tuple("ABCDE"))
    found = make(name).solve(TSP, [instance], Budget(0.3))[0]
    assert not found.feasible
    proved = make("cpsat").solve(TSP, [instance], Budget(10.0))[0]
    assert proved.violations == ("no solution keeps every rule without missing roads, which is proved",)
    if name != "ls+bound":
        assert "where there is no road" in found.violations[0]


def test_an_initial_solution_passes_through_stand_ins_unchanged():
    matrix = np.array(YARDS)
    matrix[matrix == 1] = np.inf
    instance = Instance(matrix=matrix)
    initial = check(TSP, instance, [[0, 1, 2, 3, 6, 5, 4]])
    reported = []
    found = make("ls").solve(
        TSP, [instance], Budget(0.2), initial=[initial], report=lambda _, solution: reported.append(solution)
    )[0]
    assert found.objective <= initial.objective
    assert all(solution.objective == check(TSP, instance, solution.tours).objective for solution in reported)
