"""Reasons of infeasibility: worked out by hand, and never given where enumeration finds a solution."""

from dataclasses import replace

import numpy as np
import pytest
from brute_force import ENUMERABLE, best_by_enumeration
from instances import tiny_instance

from tsp.checks import CHECKS
from tsp.infeasibility import REASONS, explain, reasons
from tsp.instance import Instance, Underway
from tsp.problems import LengthBudget, MaxVisits, PrizeQuota, VisitAtMostOnce, VisitOnce, get_problem
from tsp.solution import Solution, check, no_answer

LINE = Instance([[0, 0], [10, 0], [-10, 0], [20, 0]], name="line", names=("Base", "East", "West", "Far"))
ALWAYS = [0.0, np.inf]


def day(*windows, problem="tsptw", **changes):
    """The instance on a line with time windows in the order of its nodes, and the reasons why it is infeasible."""
    instance = replace(LINE, problem=problem, time_windows=np.array(windows), **changes)
    return reasons(get_problem(problem), instance)


def test_every_rule_has_a_row():
    assert REASONS.keys() == CHECKS.keys()


def test_a_node_that_closes_before_the_earliest_arrival_is_named():
    found = day(ALWAYS, ALWAYS, ALWAYS, [0, 15])
    assert found == ("Far closes at 15, the earliest arrival there is 20",)


def test_the_earliest_arrival_is_by_the_best_way_not_by_the_direct_one():
    roads = np.array([[0, 1, 9], [1, 0, 2], [9, 2, 0]])
    late = Instance(matrix=roads, names=("a", "b", "c"), time_windows=[ALWAYS, ALWAYS, [0, 3]])
    assert reasons(get_problem("tsptw"), late) == ()
    visit = replace(late, service_times=[0, 0.5, 0])
    assert reasons(get_problem("tsptw"), visit) == ("c closes at 3, the earliest arrival there is 3.5",)


def test_a_tour_leaves_when_its_start_opens():
    assert day([8, 100], [0, 17], ALWAYS, ALWAYS) == ("East closes at 17, the earliest arrival there is 18",)


def test_a_node_after_which_the_end_is_closed_is_named():
    found = day([0, 35], ALWAYS, ALWAYS, ALWAYS)
    assert found == ("after Far, Base is not reached before it closes at 35, the earliest arrival there is 40",)


def test_an_end_that_closes_too_early_for_any_tour_is_the_reason_where_visits_are_optional():
    assert day([0, 35], ALWAYS, ALWAYS, [50, 60], problem="optw", prizes=np.ones(4)) == ()
    found = day([0, 99], [0, 9], ALWAYS, ALWAYS, problem="optw", prizes=np.ones(4), end=1)
    assert found == ("East closes at 9, the earliest arrival there is 10",)


def test_two_nodes_that_exclude_each_other_are_named_on_one_tour_alone():
    windows = [ALWAYS, [0, 12], [0, 12], ALWAYS]
    after, before = "after East, West is reached at 30", "after West, East is reached at 30"
    text = f"East and West cannot both be visited in time: {after} and closes at 12; {before} and closes at 12"
    assert day(*windows) == (text,)
    loads = {"demands": np.ones(4), "capacity": 9.0}
    assert day(*windows, problem="cvrptw", **loads) == ()
    assert day(*windows, problem="cvrptw", num_tours=1, **loads) == (text,)


def test_many_nodes_are_counted_and_three_named():
    found = day(ALWAYS, [0, 1], [0, 2], [0, 3])
    assert len(found) == 3
    many = Instance(np.arange(1, 11)[:, None] * [[10.0, 0]], time_windows=np.tile([0.0, 5.0], (10, 1)))
    *_, last = reasons(get_problem("tsptw"), many)
    assert last == "4 closes at 5, the earliest arrival there is 30 (and 6 more like it)"


def test_demands_above_what_all_tours_deliver_are_compared_with_that():
    instance = replace(LINE, demands=[99, 6, 7, 9], capacity=10.0, num_tours=2)
    text = "the demands sum to 22, but 2 tour(s) of capacity 10 deliver 20 at most"
    assert reasons(get_problem("cvrp"), instance) == (text,)
    assert reasons(get_problem("sdvrp"), instance) == (text,)
    assert reasons(get_problem("cvrp"), replace(instance, num_tours=None)) == ()


def test_a_demand_above_the_capacity_is_named_unless_it_may_be_split():
    instance = replace(LINE, demands=[0, 12, 1, 1], capacity=10.0)
    assert reasons(get_problem("cvrp"), instance) == ("East demands 12, the capacity is 10",)
    assert reasons(get_problem("sdvrp"), instance) == ()


def test_nodes_of_more_than_half_the_capacity_need_a_tour_each():
    instance = replace(LINE, demands=[0, 6, 6, 6], capacity=10.0, num_tours=2)
    (text,) = reasons(get_problem("cvrp"), instance)
    assert text.startswith("3 nodes demand more than half of the capacity 10 each")


def test_a_budget_below_the_way_to_a_compulsory_node_names_it():
    problem = replace(get_problem("tsp"), rules=(VisitOnce(), LengthBudget()))
    assert reasons(problem, replace(LINE, max_length=40.0)) == ()
    (text,) = reasons(problem, replace(LINE, max_length=39.0))
    assert text == "the shortest tour to Far is 40 long, the budget is 39"


def test_a_budget_below_the_way_to_the_end_is_the_reason_where_visits_are_optional():
    instance = replace(LINE, end=3, max_length=15.0, prizes=np.ones(4))
    assert reasons(get_problem("op"), instance) == ("the shortest way from Base to Far is 20 long, the budget is 15",)
    assert reasons(get_problem("top"), replace(instance, num_tours=2)) == ()  # no tour at all keeps the rules


def test_a_quota_above_the_prizes_within_the_budget_is_compared_with_them():
    problem = replace(get_problem("pctsp"), rules=(VisitAtMostOnce(), PrizeQuota(), LengthBudget(), MaxVisits(2)))
    instance = replace(LINE, prizes=[9, 3, 4, 5], min_prize=7.5, max_length=30.0)
    assert reasons(problem, instance) == ("at most 7 of prizes can be collected within the other limits, expected 7.5",)
    assert reasons(problem, replace(instance, min_prize=7.0)) == ()


def test_more_nodes_than_visits_are_counted():
    problem = replace(get_problem("tsp"), rules=(VisitOnce(), MaxVisits(2)))
    assert reasons(problem, LINE) == ("3 nodes are to be visited, expected at most 2",)


def test_an_elapsed_time_that_leaves_no_visit_is_a_reason():
    windows = np.array([[0.0, 100.0], *[ALWAYS] * 3])
    instance = replace(LINE, time_windows=windows, prizes=np.ones(4), underway=Underway((1,), elapsed=95.0))
    text = "Base closes at 100, the earliest arrival there is 105, leaving East at 95"
    assert reasons(get_problem("optw"), instance) == (text,)
    assert reasons(get_problem("optw"), replace(instance, underway=Underway((1,), elapsed=90.0))) == ()


def test_the_length_travelled_reduces_the_budget():
    instance = replace(LINE, prizes=np.ones(4), max_length=30.0, underway=Underway((1,), travelled=25.0))
    text = "the shortest way from East to Base is 10 long, what is left of the budget is 5"
    assert reasons(get_problem("op"), instance) == (text,)


def _tightened(problem, instance, rng):
    """The instance with limits of any size, down to none; a small capacity makes too many walks to enumerate."""
    changes = {}
    for name in ("max_length", "min_prize", "capacity"):
        if getattr(instance, name) is not None:
            changes[name] = getattr(instance, name) * rng.uniform(0.7 * (name == "capacity"), 1.5)
    if instance.time_windows is not None:
        opens, closes = instance.time_windows.T
        until = opens + rng.uniform(0.0, 1.0, len(opens)) * float(instance.distances.max()) * rng.choice([1.0, 4.0])
        changes["time_windows"] = np.stack([opens, np.where(rng.random(len(opens)) < 0.5, until, closes)], -1)
    if problem.shape.has_several_tours and rng.random() < 0.5:
        changes["num_tours"] = int(rng.integers(1, 3))
    return replace(instance, **changes)


EXTENDED = {
    "tsp within a budget": replace(get_problem("tsp"), rules=(VisitOnce(), LengthBudget())),
    "pctsp within a budget": replace(get_problem("pctsp"), rules=(VisitAtMostOnce(), PrizeQuota(), LengthBudget())),
    "cvrptw within a budget": replace(
        get_problem("cvrptw"), rules=(*get_problem("cvrptw").rules, LengthBudget(required=False), MaxVisits(4))
    ),
}


@pytest.mark.parametrize("problem", (ENUMERABLE | EXTENDED).values(), ids=ENUMERABLE | EXTENDED)
def test_reasons_are_given_only_where_enumeration_finds_no_solution(problem):
    rng, infeasible, explained = np.random.default_rng(7), 0, 0
    for seed in range(40):
        instance = _tightened(
            problem, tiny_instance(problem, seed, n=int(rng.integers(3, 5 if problem.may_wait else 6))), rng
        )
        found = reasons(problem, instance)
        none = best_by_enumeration(problem, instance)[0] is None
        assert none or not found, (seed, found)
        infeasible, explained = infeasible + none, explained + bool(found)
    assert explained >= infeasible / 3, (explained, infeasible)


@pytest.mark.parametrize("problem", [problem for problem in ENUMERABLE.values() if problem.shape.has_depot])
def test_reasons_with_a_free_end_are_given_only_where_enumeration_finds_no_solution(problem):
    rng, solvable = np.random.default_rng(7), 0
    for seed in range(30):
        instance = _tightened(problem, tiny_instance(problem, seed, n=4), rng)
        instance = replace(instance, end=None, free_end=True)
        if best_by_enumeration(problem, instance)[0] is not None:
            assert reasons(problem, instance) == (), seed
            solvable += 1
    assert solvable >= 10


def test_a_closed_depot_and_a_far_one_are_no_reasons_with_a_free_end():
    late = replace(LINE, free_end=True, time_windows=[[0, 5], *[[0, 50]] * 3], max_length=31)
    limited = replace(get_problem("vrptw"), rules=(*get_problem("vrptw").rules, LengthBudget()))
    assert reasons(limited, late) == ()
    assert len(reasons(limited, replace(late, free_end=False))) > 0


@pytest.mark.parametrize("problem", ["op", "optw", "tsptw", "cvrptw", "cvrp", "pctsp", "shpp"])
def test_reasons_under_way_are_given_only_where_enumeration_finds_no_solution(problem):
    problem, rng, solvable = get_problem(problem), np.random.default_rng(3), 0
    for seed in range(60):
        instance = _tightened(problem, tiny_instance(problem, seed), rng)
        customers = [k for k in range(instance.size) if k not in (instance.depot, instance.finish)]
        visited = tuple(rng.permutation(customers)[: rng.integers(1, 3)].tolist())
        elapsed = float(rng.uniform(0.0, 3.0) * instance.distances.max()) if instance.time_windows is not None else None
        instance = replace(instance, underway=Underway(visited, elapsed=elapsed))
        found = reasons(problem, instance)
        if best_by_enumeration(problem, instance)[0] is not None:
            assert found == (), seed
            solvable += 1
    assert solvable >= 10


def test_an_explained_answer_keeps_its_plan_and_what_that_violates():
    problem = get_problem("tsptw")
    instance = replace(LINE, time_windows=[ALWAYS, ALWAYS, ALWAYS, [0, 15]])
    text = "Far closes at 15, the earliest arrival there is 20"
    plan = explain(problem, instance, check(problem, instance, [[0, 1, 2]]))
    assert (plan.reasons, plan.violations) == ((text,), ("not visited: Far",))
    nothing = explain(problem, instance, no_answer(seconds=1.0, solver="ls"))
    assert (nothing.reasons, nothing.violations) == ((text,), (text,))
    feasible = check(get_problem("tsp"), LINE, [[0, 1, 3, 2]])
    assert explain(get_problem("tsp"), LINE, feasible) is feasible


def test_a_proved_bound_above_the_budget_is_a_reason():
    problem = replace(get_problem("tsp"), rules=(VisitOnce(), LengthBudget()))
    answer = Solution((), None, feasible=False, bound=60.0)
    (text,) = explain(problem, replace(LINE, max_length=50.0), answer).reasons
    assert text == "all tours together are at least 60 long, which is proved, but 1 of 50 are allowed"
    assert explain(problem, replace(LINE, max_length=60.0), answer).reasons == ()
