from dataclasses import replace
from importlib.metadata import version

import numpy as np
import pytest
from brute_force import best_by_enumeration, feasible_solutions
from instances import tiny_instance

from tsp.budget import Budget, Clock
from tsp.instance import Instance
from tsp.problems import (
    PROBLEMS,
    Capacity,
    LengthBudget,
    Objective,
    Problem,
    Rule,
    Shape,
    TimeWindows,
    VisitAtMostOnce,
    get_problem,
)
from tsp.solution import check
from tsp.solvers import Task
from tsp.solvers.registry import make

pytest.importorskip("pyvrp", reason="needs the extra pyvrp")

from baselines.models.pyvrp_solver import MOST_NODES, PyVRPSolver

TSP = get_problem("tsp")
SOLVER = PyVRPSolver()
STATED = [problem for problem in PROBLEMS.values() if SOLVER.supports(problem)]
EVERY_PROBLEM = pytest.mark.parametrize("problem", STATED, ids=lambda problem: problem.name)


def solve(instance, problem=TSP, limit=0.15, **kwargs):
    return SOLVER.solve(problem, [instance], Budget(limit), **kwargs)[0]


def test_pyvrp_supports_the_problems_that_it_can_state_alone():
    stated = "tsp atsp shpp op optw top tsptw tsptw-makespan cvrp cvrptw"
    assert [problem.name for problem in STATED] == stated.split()
    assert not SOLVER.supports(replace(TSP, rules=(*TSP.rules, Rule())))
    assert not SOLVER.supports(replace(TSP, objective=Objective(("length",), "max")))
    assert not SOLVER.supports(replace(get_problem("cvrptw"), objective=Objective(("makespan",))))
    assert not SOLVER.supports(replace(get_problem("op"), objective=Objective(("length",))))


@pytest.mark.parametrize("seed", range(5))
@EVERY_PROBLEM
def test_tiny_instances_are_solved_to_the_optimum(problem, seed):
    instance = tiny_instance(problem, seed)
    best, _ = best_by_enumeration(problem, instance)
    answer = solve(instance, problem)
    assert answer.objective == (None if best is None else pytest.approx(best))


@EVERY_PROBLEM
def test_the_answer_is_never_worse_than_the_initial_solution(problem):
    for seed in (1, 2):
        instance = tiny_instance(problem, seed)
        pick = max if problem.objective.sense == "max" else min
        best = pick(feasible_solutions(problem, instance).values(), key=lambda solution: solution.objective)
        answer = solve(instance, problem, limit=0.01, initial=[best])
        assert answer.objective == pytest.approx(best.objective)


@EVERY_PROBLEM
def test_reports_are_better_each_time_and_end_with_the_answer(problem):
    seen = []
    instance = tiny_instance(problem, 2, n=9)
    answer = solve(instance, problem, report=lambda _, solution: seen.append(solution.objective))
    assert seen == sorted(set(seen), reverse=problem.objective.sense == "min")
    assert seen[-1] == answer.objective


def test_penalties_without_a_quota_are_minimized():
    problem = Problem("regret", "", "", Shape.TOUR, (VisitAtMostOnce(),), Objective(("length", "penalties")))
    for seed in (0, 1, 2):
        instance = tiny_instance(problem, seed)
        assert solve(instance, problem).objective == pytest.approx(best_by_enumeration(problem, instance)[0])


def test_a_new_problem_of_known_rules_is_solved():
    rules = (VisitAtMostOnce(), Capacity(), LengthBudget(), TimeWindows())
    problem = Problem("stranger", "", "", Shape.TOURS, rules, Objective(("prize",), "max"))
    for seed in (1, 3):
        instance = tiny_instance(problem, seed)
        assert solve(instance, problem).objective == pytest.approx(best_by_enumeration(problem, instance)[0])


@pytest.mark.parametrize("scale", [1e-200, 1e-9, 1.0, 1e9, 1e30])
def test_the_best_tour_is_found_whatever_the_unit(scale):
    turn = np.random.default_rng(0).permutation(24) * np.pi / 12
    instance = Instance(scale * np.stack([np.cos(turn), np.sin(turn)], axis=1))
    assert solve(instance).objective == pytest.approx(scale * 24 * 2 * np.sin(np.pi / 24))


def test_the_number_of_tours_is_never_exceeded():
    given = {"coordinates": np.random.default_rng(2).random((13, 2)), "demands": np.full(13, 5.0), "capacity": 20.0}
    assert len(solve(Instance(**given, num_tours=3), get_problem("cvrp")).tours) == 3
    assert not solve(Instance(**given, num_tours=2), get_problem("cvrp")).feasible


def test_without_time_or_with_too_many_nodes_the_initial_solution_is_the_answer():
    instance = Instance(np.random.default_rng(0).random((9, 2)))
    start = check(TSP, instance, [np.arange(9)])
    assert SOLVER.solve_one(Task(TSP, instance, Clock(1e-9), initial=start)).objective == start.objective
    assert not SOLVER.solve_one(Task(TSP, instance, Clock(1e-9))).feasible
    answer = solve(Instance(np.random.default_rng(0).random((MOST_NODES + 1, 2))))
    assert answer.violations == (f"{MOST_NODES + 1} nodes: pyvrp solves at most {MOST_NODES}",)


def test_the_description_contains_the_version():
    assert version("pyvrp") in make("pyvrp").describe(TSP, 20, 1.0)
