import numpy as np
import pytest
from brute_force import best_by_enumeration, solvable_instance
from instances import CERTAIN, tiny_instance

from baselines.bounds.solver import BoundSolver
from tsp.budget import Budget
from tsp.problems import get_problem
from tsp.solution import check
from tsp.solvers.registry import make

TSP = get_problem("tsp")


def test_the_bound_solver_alone_gives_a_bound_and_no_tour():
    instance = tiny_instance(TSP, 0, 7)
    found = BoundSolver().solve(TSP, [instance], Budget(5.0))[0]
    best, _ = best_by_enumeration(TSP, instance)
    assert not found.feasible
    assert 0.9 * best < found.bound <= best * (1 + 1e-12)


@pytest.mark.parametrize("name", CERTAIN)
def test_the_bound_solver_returns_the_initial_solution_with_a_valid_bound(name):
    problem = CERTAIN[name]
    instance, solutions = solvable_instance(problem, 1)
    pick = min if problem.objective.sense == "min" else max
    best = pick(solution.objective for solution in solutions)
    start = make("cpsat").solve(problem, [instance], Budget(30.0))[0]
    found = BoundSolver().solve(problem, [instance], Budget(5.0), initial=[start])[0]
    assert found.objective == start.objective
    sign = 1 if problem.objective.sense == "min" else -1
    assert found.bound is None or sign * found.bound <= sign * best + 1e-6


def test_a_chain_that_ends_with_bound_keeps_the_tour_and_adds_the_bound():
    instance = tiny_instance(TSP, 0, 7)
    chain = make("nearest+bound")
    found = chain.solve(TSP, [instance], Budget(5.0))[0]
    assert found.feasible
    assert found.bound is not None
    assert found.objective == check(TSP, instance, found.tours).objective
    assert np.isfinite(found.bound)
