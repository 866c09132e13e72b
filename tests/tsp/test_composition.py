"""Data add their rules: every attribute of an instance counts, or is refused by name."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

import tsp
from tests.figures import full_instance
from tsp.composition import (
    added_rules,
    implied_problem,
    limits_of,
    problem_of,
    reads,
    require_read,
    validated_problem,
)
from tsp.instance import LIMITS, Instance, Underway
from tsp.problems import PROBLEMS, Capacity, LengthBudget, PrizeQuota, TimeWindows, get_problem
from tsp.solution import check

POINTS = [[0, 0], [3, 0], [3, 4], [0, 4]]
WINDOWS = [[0, 100]] * 4


@pytest.mark.parametrize("name", PROBLEMS)
def test_an_instance_with_what_its_problem_reads_states_that_problem(name):
    options = {"matrix": np.ones((7, 7))} if "matrix" in get_problem(name).needs else {}
    assert validated_problem(full_instance(name, **options)) == get_problem(name)


@pytest.mark.parametrize(
    ("name", "given", "rules"),
    [
        ("cvrp", {"max_length": 20.0}, ["a length budget"]),
        ("cvrptw", {"max_length": 20.0}, ["a length budget"]),
        ("mtsp", {"capacity": 9.0, "demands": np.ones(7)}, ["a capacity"]),
        ("op10", {"time_windows": [[0, 9]] * 7}, ["time windows"]),
        ("op", {"min_prize": 2.0}, ["a prize quota"]),
        ("top", {"time_windows": [[0, 9]] * 7}, ["time windows"]),
        ("opst", {"late_price": 0.0}, ["a late end"]),
        ("opq", {"late_price": 2.0, "time_windows": [[0, 9]] * 7}, ["time windows", "a late end"]),
        ("pctsp", {"max_length": 9.0, "time_windows": [[0, 9]] * 7}, ["a length budget", "time windows"]),
    ],
)
def test_a_number_of_the_instance_brings_its_rule_along(name, given, rules):
    problem = validated_problem(full_instance(name, **given))
    assert (problem.name, added_rules(problem)) == (name, rules)
    assert problem.title == f"{get_problem(name).title} with {' and '.join(rules)}"


@pytest.mark.parametrize(
    ("name", "given", "row"),
    [
        ("op", {"time_windows": [[0, 9]] * 7}, "optw"),
        ("cvrp", {"time_windows": [[0, 9]] * 7}, "cvrptw"),
        ("tsptw", {"objective": "makespan"}, "tsptw-makespan"),
    ],
)
def test_a_composition_that_is_a_row_is_that_row(name, given, row):
    assert validated_problem(full_instance(name, **given)) is get_problem(row)


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        (
            "tsp",
            {"max_length": 9.0},
            r"max_length: problem 'tsp' does not read a length limit \(--max-length\); .* op,",
        ),
        ("tsp", {"num_tours": 2}, "expected one of top, cvrp"),
        ("tsptw", {"num_tours": 2}, "--num-tours"),
        ("shpp", {"time_windows": [[0, 9]] * 7}, "columns opens, closes"),
        ("cvrp", {"min_prize": 3.0}, "--min-prize"),
        ("cvrp", {"prizes": np.ones(7)}, "expected one of op, optw"),
        ("op", {"penalties": np.ones(7)}, "expected one of pctsp, spctsp"),
        ("tsp", {"demands": np.ones(7)}, "column demand"),
        (
            "op",
            {"late_price": 1.0},
            r"late_price: .* a price of a late end \(--late-price\); expected one of opst, opq,",
        ),
        ("dop", {"late_price": 0.0}, "late_price: problem 'dop' does not read"),
        ("top", {"capacity": 9.0}, "needs demands"),
    ],
)
def test_an_attribute_that_no_rule_of_the_problem_can_read_is_refused_by_name(name, given, sentence):
    with pytest.raises(ValueError, match=sentence):
        validated_problem(full_instance(name, **given))
    with pytest.raises(ValueError, match=sentence):
        tsp.solve(full_instance(name, **given), "nearest", time_limit=0.1)


def test_every_attribute_is_read_or_refused_by_every_problem():
    everything = {
        "prizes": np.ones(7),
        "penalties": np.ones(7),
        "demands": np.ones(7),
        "capacity": 9.0,
        "num_tours": 2,
        "max_length": 20.0,
        "min_prize": 1.0,
        "time_windows": [[0, 20]] * 7,
    }
    for name, (attribute, value) in itertools.product(PROBLEMS, everything.items()):
        instance = full_instance(
            name, **{attribute: value} | ({"demands": np.ones(7)} if attribute == "capacity" else {})
        )
        problem = problem_of(instance)
        if attribute in reads(problem) or (attribute == "demands" and problem.shape.has_depot):
            require_read(problem, instance)
        else:
            with pytest.raises(ValueError, match=f"{attribute}|demands"):
                require_read(problem, instance)


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_limits_of_a_problem_are_those_that_its_instances_may_state(name):
    taken = []
    for limit in (*LIMITS, "num_tours"):
        instance = full_instance(name, **{limit: 2})
        try:
            require_read(problem_of(instance), instance)
        except ValueError:
            continue
        assert limit in reads(problem_of(instance))
        taken.append(limit)
    assert limits_of(get_problem(name)) == tuple(taken)


def test_demands_of_an_instance_let_it_state_a_capacity():
    assert "capacity" not in limits_of(get_problem("mtsp"))
    assert "capacity" in limits_of(get_problem("mtsp"), full_instance("mtsp", demands=np.ones(7)))


def test_demands_without_a_capacity_limit_nothing_and_a_note_says_so():
    instance = Instance(POINTS, problem="mtsp", num_tours=2, demands=[0, 1, 1, 1])
    with pytest.warns(UserWarning, match="count only with a capacity"):
        solution = tsp.solve(instance, "insertion", time_limit=0.1)
    assert solution.feasible


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "tsp"),
        ({"demands": np.ones(4), "capacity": 3}, "cvrp"),
        ({"demands": np.ones(4), "time_windows": WINDOWS}, "cvrptw"),
        ({"time_windows": WINDOWS}, "tsptw"),
        ({"time_windows": WINDOWS, "num_tours": 2}, "vrptw"),
        ({"prizes": np.ones(4), "max_length": 9}, "op"),
        ({"prizes": np.ones(4), "max_length": 9, "num_tours": 2}, "top"),
        ({"prizes": np.ones(4), "time_windows": WINDOWS}, "optw"),
        ({"prizes": np.ones(4), "penalties": np.ones(4), "min_prize": 2}, "pctsp"),
        ({"num_tours": 2}, "mtsp"),
    ],
)
def test_without_a_named_problem_the_attributes_imply_it(given, name):
    assert implied_problem(Instance(POINTS, **given)) == name


def test_visits_count_towards_a_length_budget_and_waiting_does_not():
    given = {"demands": np.ones(4), "capacity": 9, "service_times": [5, 1, 1, 1], "max_length": 17}
    windows = [[0, 99], [50, 99], [0, 99], [0, 99]]
    instance = Instance(POINTS, problem="cvrptw", time_windows=windows, **given)
    problem = problem_of(instance)
    assert {Capacity, LengthBudget, TimeWindows} <= {type(rule) for rule in problem.rules}
    assert check(problem, instance, [[0, 1, 2, 3]]).feasible  # 14 long, visits of 3, waits of 47
    tight = Instance(POINTS, problem="cvrptw", time_windows=windows, **given | {"max_length": 16.9})
    assert check(problem, tight, [[0, 1, 2, 3]]).violations == (
        "tour 0: is 14 long and visits take 3, expected at most 16.9",
    )


def test_an_objective_may_be_chosen_under_composed_rules():
    instance = full_instance("cvrptw", objective="makespan")
    problem = validated_problem(instance)
    assert (problem.name, problem.objective.terms) == ("cvrptw", ("makespan",))
    assert validated_problem(full_instance("cvrp", objective="longest")).objective.terms == ("longest",)
    for name, goal in (("tsp", "makespan"), ("op", "travel-time"), ("tsptw", "longest")):
        with pytest.raises(ValueError, match="is not there with objective"):
            problem_of(full_instance(name, objective=goal))


def test_a_quota_is_read_by_one_tour_with_optional_nodes_only():
    assert problem_of(full_instance("op", min_prize=3.0)).rule(PrizeQuota) is not None
    assert problem_of(full_instance("top", min_prize=3.0)).rule(PrizeQuota) is None


DAY = [[0, 9]] * 3


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"problem": "tsp", "underway": Underway((1,), elapsed=3)}, "elapsed"),
        ({"problem": "op", "max_length": 9, "underway": Underway((1,), elapsed=3)}, "elapsed"),
        ({"problem": "optw", "time_windows": [[0, 9]] * 3, "underway": Underway((1,), travelled=3)}, "travelled"),
        (
            {"problem": "tsptw-makespan", "time_windows": [[0, 9]] * 3, "underway": Underway((1,), travelled=3)},
            "travelled",
        ),
    ],
)
def test_what_a_tour_under_way_has_used_is_refused_where_nothing_reads_it(given, field):
    prizes = {"prizes": [0, 1, 1]} if given["problem"].startswith("op") else {}
    instance = Instance([[0, 0], [1, 0], [0, 1]], name="trip", **prizes, **given)
    with pytest.raises(ValueError, match=f"trip: {field}: 3, expected none in problem '{given['problem']}'"):
        validated_problem(instance)
    others = {"elapsed": Underway((1,), travelled=3), "travelled": Underway((1,), elapsed=3)}
    validated_problem(replace(instance, underway=others[field]))
