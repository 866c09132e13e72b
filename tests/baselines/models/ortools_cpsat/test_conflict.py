"""Conflicting time windows and limits, worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from baselines.models.ortools_cpsat.conflict import find_conflict, list_limits
from baselines.models.ortools_cpsat.solver import CPSATSolver
from tsp.budget import Budget, Clock
from tsp.composition import problem_of, validated_problem
from tsp.infeasibility import reasons
from tsp.instance import Instance
from tsp.problems import LengthBudget, MaxVisits, VisitOnce, get_problem

STAR = Instance([[0, 0], [10, 0], [-10, 0], [0, 10], [0, 1]], names=("Base", "East", "West", "North", "Near"))
TSPTW = get_problem("tsptw")


def conflict(problem, instance, seconds=10.0):
    def make_solver(limit):
        return CPSATSolver()._make_solver(limit, 0)  # noqa: SLF001

    return find_conflict(problem, instance, Clock(seconds), make_solver)


def test_the_windows_that_exclude_each_other_are_named_and_no_others():
    # Each two of East, West and North can be visited by 35, but all three take at least 38.
    instance = replace(STAR, time_windows=[[0, 90], [0, 35], [0, 35], [0, 35], [0, 80]])
    assert reasons(TSPTW, instance) == ()
    assert conflict(TSPTW, instance) == "no solution keeps the time windows of East, West and North at once"


def test_limits_are_named_beside_windows():
    problem = replace(TSPTW, rules=(*TSPTW.rules, LengthBudget()))
    # The shortest tours, 49.3 long, pass North between East and West; with West by 31 they are 54.1 long.
    windows = [[0, 90], [0, 12], [0, 31], [0, 90], [0, 90]]
    instance = replace(STAR, time_windows=windows, max_length=52.0)
    text = "no solution keeps the time windows of East and West and the length budget 52 at once"
    assert conflict(problem, instance) == text
    assert conflict(problem, replace(instance, max_length=49.0)) == "no solution keeps the length budget 49"


def test_compulsory_visits_are_named_beside_limits():
    # East and West alone, or with Near, are visited within 42; North besides takes 48 or more, and East alone 20.
    instance = replace(STAR, problem="op", prizes=np.ones(5), required=[0, 1, 1, 1, 0], max_length=45.0)
    problem = validated_problem(instance)
    assert reasons(problem, instance) == ()
    text = "no solution keeps the compulsory visits of East, West and North and the length budget 45 at once"
    assert conflict(problem, instance) == text
    (answer,) = CPSATSolver().solve(problem, [instance], Budget(10.0))
    assert answer.reasons == (text,)
    windows = [[0, 90], [0, 12], [0, 12], [0, 90], [0, 90]]
    late = replace(instance, max_length=90.0, required=[0, 1, 1, 0, 1], time_windows=windows)
    text = "no solution keeps the time windows of East and West and the compulsory visits of East and West at once"
    assert conflict(validated_problem(late), late) == text


def test_a_capacity_and_a_number_of_tours_that_no_packing_keeps_are_named():
    instance = replace(STAR, demands=[0, 4, 4, 4, 6], capacity=9.0, num_tours=2)  # 18 in all, but not 9 and 9
    assert reasons(get_problem("cvrp"), instance) == ()
    text = "no solution keeps the capacity 9 and the limit of 2 tour(s) at once"
    assert conflict(get_problem("cvrp"), instance) == text
    (answer,) = CPSATSolver().solve(get_problem("cvrp"), [instance], Budget(10.0))
    assert answer.reasons == (text,)


def test_an_instance_without_limits_has_no_conflict():
    assert conflict(get_problem("tsp"), STAR) is None
    assert list_limits(get_problem("tsp"), STAR) == []


def test_without_time_all_limits_are_named_and_the_message_says_so():
    instance = replace(STAR, time_windows=[[0, 90], [0, 35], [0, 35], [0, 35], [0, 80]])
    found = conflict(TSPTW, instance, seconds=1e-9)
    nodes = "Base, East, West, North and Near"
    assert (
        found
        == f"no solution keeps the time windows of {nodes} at once (perhaps not even some of these; the time was up)"
    )


@pytest.mark.parametrize(
    ("problem", "changes", "labels"),
    [
        ("optw", {"time_windows": [[0, np.inf]] * 4 + [[0, 3]]}, ["the time window of Near"]),
        ("cvrp", {"demands": np.ones(5), "capacity": 3, "num_tours": 1}, ["the capacity 3", "the limit of 1 tour(s)"]),
        ("op", {"max_length": 7}, ["the length budget 7"]),
        ("op", {"max_length": 7, "required": [1, 0, 1, 0, 0]}, ["the compulsory visit of West", "the length budget 7"]),
        ("op10", {"max_length": 7}, ["the length budget 7", "the limit of 10 visits"]),
        ("pctsp", {"prizes": np.ones(5), "min_prize": 2}, ["the prize quota 2"]),
    ],
)
def test_every_limit_of_the_rules_can_be_dropped(problem, changes, labels):
    instance = replace(STAR, problem=problem, **changes)
    assert [limit.label for limit in list_limits(problem_of(instance), instance)] == labels


def test_a_rule_without_data_is_dropped_as_a_whole():
    problem = replace(get_problem("tsp"), rules=(VisitOnce(), MaxVisits(3)))
    assert conflict(problem, STAR) == "no solution keeps the limit of 3 visits"
