from dataclasses import replace

import numpy as np
import pytest

from tsp.checks import CHECKS, TERMS
from tsp.instance import Instance, Underway
from tsp.problems import PROBLEMS, MaxVisits, Objective, Problem, Shape, VisitOnce, get_problem, unknown, with_objective
from tsp.solution import check


def test_every_rule_and_term_of_every_problem_has_a_check():
    for problem in PROBLEMS.values():
        assert {type(rule) for rule in problem.rules} <= set(CHECKS)
        assert set(problem.objective.terms) <= set(TERMS)


@pytest.mark.parametrize("most", [-1, 1.5, "3", True, None, float("nan")])
def test_a_limit_of_visits_is_a_whole_number(most):
    assert MaxVisits(np.int64(3)) == MaxVisits(3.0) == MaxVisits(3)
    with pytest.raises(ValueError, match=r"most: .*, expected a whole number of visits, 0 or more"):
        MaxVisits(most)


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e6])
def test_a_demand_may_exceed_the_capacity_by_the_last_digits_of_a_sum_and_by_no_more(unit):
    points = [[0, 0], [1, 0]]
    sums = Instance(points, demands=[0, unit * 0.1 + unit * 0.2], capacity=unit * 0.3)
    get_problem("cvrp").validate(sums)
    assert check(get_problem("cvrp"), sums, [[0, 1]]).feasible
    with pytest.raises(ValueError, match=r"node 2 demands 1\.01, expected at most the capacity 1"):
        get_problem("cvrp").validate(Instance(points, demands=[0, 1.01], capacity=1))


@pytest.mark.parametrize(("name", "near"), [("tps", "tsp"), ("TSP", "tsp")])
def test_the_message_for_an_unknown_problem_names_the_nearest(name, near):
    with pytest.raises(ValueError, match=f"unknown problem '{name}'; did you mean '{near}'\\? .*there are: tsp"):
        get_problem(name)


def test_nothing_is_suggested_where_nothing_is_near():
    assert unknown("solver", "zzz", ["ortools"]) == "unknown solver 'zzz' (there are: ortools)"
    assert unknown("option", "zzz", []) == "unknown option 'zzz' (there are: none)"


@pytest.mark.parametrize(("sense", "gap"), [("min", 0.1), ("max", -0.1)])
def test_a_gap_is_positive_when_worse(sense, gap):
    assert Objective(("length",), sense).gap(110.0, 100.0) == pytest.approx(gap)


def test_the_gap_to_a_best_value_of_zero_is_none():
    assert Objective(("length",)).gap(1.0, 0.0) is None


@pytest.mark.parametrize("sense", ["min", "max"])
def test_no_value_is_strictly_better_than_itself(sense):
    problem = Problem("odd", "", "", Shape.CYCLE, (VisitOnce(),), Objective(("length",), sense))
    assert not problem.is_better(2.0, 2.0)
    assert problem.is_better(1.0, 2.0) is (sense == "min")


@pytest.mark.parametrize("name", ["tsp", "op"])
def test_any_value_is_better_than_none_of_an_infeasible_solution(name):
    problem = get_problem(name)
    assert problem.is_better(1.0, None)
    assert not problem.is_better(None, 1.0)
    assert not problem.is_better(None, None)


def test_fixed_edges_are_of_closed_tours_and_else_refused_in_one_sentence():
    instance = Instance([[0, 0], [1, 0], [1, 1]], name="linhp318", fixed_edges=[[0, 1]])
    get_problem("tsp").validate(instance)
    with pytest.raises(ValueError, match=r"linhp318: it fixes 1 edge.*expected a closed tour \(tsp or atsp\)"):
        get_problem("shpp").validate(instance)
    with pytest.raises(ValueError, match=r"in a tour under way; expected no tour under way \(no --visited\)"):
        get_problem("tsp").validate(replace(instance, underway=Underway((1,))))


@pytest.mark.parametrize(
    ("problem", "goal", "found"),
    [
        ("tsptw", "makespan", "tsptw-makespan"),
        ("tsptw-makespan", "travel-time", "tsptw"),
        ("tsptw-makespan", "makespan", "tsptw-makespan"),
        ("atsp", "travel-time", "atsp"),
    ],
)
def test_another_objective_is_another_row_with_the_same_rules(problem, goal, found):
    assert with_objective(get_problem(problem), goal) is get_problem(found)


@pytest.mark.parametrize(
    ("problem", "goal", "sentence"),
    [
        ("tsptw", "makspan", "did you mean 'makespan'"),
        ("op", "travel-time", "problem 'op' is not there with objective 'travel-time'"),
        ("tsp", "makespan", "problem 'tsp' is not there with objective 'makespan'"),
    ],
)
def test_an_objective_that_no_row_has_is_refused(problem, goal, sentence):
    with pytest.raises(ValueError, match=sentence):
        with_objective(get_problem(problem), goal)
