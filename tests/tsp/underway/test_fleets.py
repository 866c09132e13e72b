"""Several tours under way, by enumeration of tiny instances."""

from dataclasses import replace

import numpy as np
import pytest
from brute_force import canonical, feasible_solutions, solvable_instance
from enumeration import Enumeration

from tsp.budget import Budget
from tsp.infeasibility import reasons
from tsp.instance import Instance, Underway
from tsp.problems import (
    Capacity,
    LengthBudget,
    MaxVisits,
    Objective,
    PrizeQuota,
    Problem,
    Shape,
    SplitDelivery,
    TimeWindows,
    VisitAtMostOnce,
    VisitOnce,
    get_problem,
)
from tsp.solution import check
from tsp.underway import reduce

LENGTH, PRIZE = Objective(("length",)), Objective(("prize",), "max")


def made_up(name, rules, objective):
    return Problem(name, "", "", Shape.TOURS, rules, objective)


FLEETS = [
    *map(get_problem, ("cvrp", "cvrptw", "vrptw", "mtsp", "top", "sdvrp")),
    made_up("budget", (VisitOnce(), Capacity(), LengthBudget()), LENGTH),
    made_up("budget in windows", (VisitOnce(), LengthBudget(), TimeWindows()), LENGTH),
    made_up("longest in windows", (VisitOnce(), TimeWindows()), Objective(("longest",))),
    made_up("earliest end", (VisitOnce(), TimeWindows()), Objective(("makespan",))),
    made_up("prizes in windows", (VisitAtMostOnce(), TimeWindows(), Capacity()), PRIZE),
    made_up("quota", (VisitAtMostOnce(), PrizeQuota()), Objective(("length", "penalties"))),
    made_up("few visits", (VisitAtMostOnce(), LengthBudget(), MaxVisits(3)), PRIZE),
]
EVERY_FLEET = pytest.mark.parametrize("problem", FLEETS, ids=lambda problem: problem.name)


def begin(problem, seed, n, rng):
    """A tiny instance with two tours or more on their way, as in one of its solutions, or not used quite as planned."""
    instance, solutions = solvable_instance(problem, seed, n, lambda solution: len(solution.tours) > 1)
    tours = [tour.tolist() for tour in solutions[rng.integers(len(solutions))].tours]
    chosen = rng.permutation(len(tours))[: max(2, rng.integers(len(tours) + 1))]
    stated = rng.random() < 0.5
    begun = []
    for tour in (tours[k] for k in chosen):
        customers = [node for node in tour if node not in (instance.depot, instance.finish)]
        visited = customers[: rng.integers(1, len(customers) + 1)]
        used = {}
        if stated:
            length = instance.path_length([instance.depot, *visited])
            used["travelled"] = length * rng.uniform(0.8, 1.1)
            if problem.rule(TimeWindows):
                day = instance.time_windows[instance.depot, 0] + length + instance.service_times[visited].sum()
                used["elapsed"] = max(used["travelled"], day * rng.uniform(0.9, 1.2))
                used["elapsed"] += instance.time_windows[instance.depot, 0] + instance.service_times[instance.depot]
                opened = float(instance.time_windows[visited, 0].max())  # no visit began before
                used["elapsed"] = max(used["elapsed"], opened)
            if problem.rule(Capacity) and not problem.rule(SplitDelivery):
                used["load"] = instance.capacity * rng.random()
        begun.append(Underway(tuple(visited), **used))
    return replace(instance, underway=replace(begun[0], others=tuple(begun[1:])))


@pytest.mark.parametrize("seed", range(6))
@EVERY_FLEET
def test_the_best_rest_gives_the_best_solution_that_begins_as_given(problem, seed):
    instance = begin(problem, seed, 5, np.random.default_rng([seed, 1]))
    found = Enumeration().solve(problem, [instance], Budget(60.0))[0]
    if problem.rule(SplitDelivery):  # whose solutions are not enumerated from a beginning on
        assert found.feasible
        return
    expected = feasible_solutions(problem, instance)
    pick = min if problem.objective.sense == "min" else max
    best = pick((solution.objective for solution in expected.values()), default=None)
    assert found.objective == (None if best is None else pytest.approx(best))
    if best is not None:
        assert canonical(problem, instance, found.tours) in expected
        assert found.bound == pytest.approx(best)
        assert reasons(problem, instance) == ()


@pytest.mark.parametrize("seed", range(3))
@EVERY_FLEET
def test_a_solution_that_begins_as_given_can_be_reduced_and_expanded_again(problem, seed):
    if problem.rule(SplitDelivery):
        return
    instance = begin(problem, seed, 5, np.random.default_rng([seed, 2]))
    reduced = reduce(problem, instance)
    for solution in feasible_solutions(problem, instance).values():
        question = reduced.question(reduced.problem, solution)
        assert question.feasible, question.violations
        again = reduced.answer(problem, instance, question)
        assert again.objective == pytest.approx(solution.objective)
        assert canonical(problem, instance, again.tours) == canonical(problem, instance, solution.tours)


LINE = Instance(
    np.array([[float(i), 0.0] for i in range(7)]),
    names=tuple("DABCEFG"),
    demands=np.ones(7),
    capacity=4.0,
    num_tours=3,
    prizes=np.ones(7),
    max_length=99.0,
    time_windows=np.array([[0.0, 99.0]] * 7),
)


def underway(*tours, **used):
    """Tours under way by their visits, with what they have used by field."""
    begun = [Underway(visited, **{name: values[i] for name, values in used.items()}) for i, visited in enumerate(tours)]
    return replace(begun[0], others=tuple(begun[1:]))


NO = [
    ("cvrp", underway((1, 2), (2, 3)), "visited: B is in two tours, expected each node in one"),
    ("cvrp", underway((1, 1), (2,)), "visited: A is there twice, expected each node once"),
    ("cvrp", underway((1,), (2, 2)), "visited: B is there twice, expected each node once"),
    ("cvrp", underway((3,), (1, 0, 3, 2)), "visited: C is in two tours, expected each node in one"),
    ("sdvrp", underway((1, 1), (2,)), "visited: A is there twice, expected each node once"),
    ("cvrp", underway((1,), (2,), load=(3, 9)), "load: 9, expected at most the capacity 4"),
    ("cvrp", underway((1,), ()), "visited: tour 2 of 2 is at D, expected only tours that are on their way"),
    ("cvrp", underway((1, 0), (2,)), "visited: tour 1 of 2 is at D, expected only tours that are on their way"),
    ("top with end", underway((1, 6), (2,)), "visited: tour 1 of 2 is at G, expected only tours that are on their way"),
    ("cvrp", underway((1,), (2,), (3,), (4,)), "visited: 4 tours, expected at most 3"),
    ("cvrp", underway((1,), (2, 0, 3), (4,)), "visited: 4 tours, expected at most 3"),
    ("cvrptw", underway((1,), (2,), elapsed=(3, None)), "elapsed: missing for tour 2 of 2, expected all or none"),
    ("tsptw", underway((1,), (2,)), "visited: 2 tours under way, expected one in problem 'tsptw'"),
    ("op", underway((1,), (2,)), "visited: 2 tours under way, expected one in problem 'op'"),
]


@pytest.mark.parametrize(("name", "begun", "sentence"), NO)
def test_impossible_beginnings_are_refused_in_one_sentence(name, begun, sentence):
    name, _, with_end = name.partition(" with ")
    instance = replace(LINE, end=6 if with_end else None, underway=begun)
    with pytest.raises(ValueError, match=sentence):
        reduce(get_problem(name), instance)


def test_split_deliveries_under_way_beside_a_length_budget_are_refused():
    problem = made_up("split", (SplitDelivery(), Capacity(), LengthBudget()), LENGTH)
    with pytest.raises(ValueError, match="visited: where deliveries are split, expected no tour on its way beside"):
        reduce(problem, replace(LINE, underway=underway((1,))))


def test_the_checker_wants_every_tour_to_begin_as_given_and_finished_tours_first():
    problem, instance = get_problem("cvrp"), replace(LINE, underway=underway((1, 2), (3, 0, 4)))
    assert check(problem, instance, [[0, 3], [0, 1, 2, 5], [0, 4, 6]]).feasible
    for orders in ("125 46 3", "3 152 46", "3 46 125"):
        tours = [[0, *map(int, order)] for order in orders.split()]
        assert "does not begin with what was visited" in check(problem, instance, tours).violations[0]
    assert "tour 2: does not begin" in check(problem, instance, [[0, 3], [0, 1, 2, 5, 4, 6]]).violations[0]


def test_the_checker_counts_what_each_tour_has_used():
    begun = underway((1,), (2,), load=(1, 3), travelled=(1, 50), elapsed=(5, 90))
    problem, instance = get_problem("cvrptw"), replace(LINE, underway=begun)
    assert check(problem, instance, [[0, 1, 3, 4, 5], [0, 2, 6]]).violations == (
        "tour 1: is at D at 100, expected 99 at the latest",
    )
    assert check(problem, instance, [[0, 1, 3], [0, 2, 4, 5], [0, 6]]).violations == (
        "tour 1: delivers 5, expected at most 4",
    )
    assert check(problem, instance, [[0, 1, 3, 4, 5], [0, 2], [0, 6]]).objective == (1 + 4 + 5) + (50 + 2) + 12
    late = replace(instance, time_windows=np.array([[0.0, 99.0]] * 6 + [[0.0, 10.0]]))
    assert check(problem, late, [[0, 1, 3, 4, 5], [0, 2], [0, 6]]).violations == (
        "tour 2: is at G at 11, expected 10 at the latest",  # it leaves the depot at the earliest elapsed time
    )


def test_an_end_that_is_not_the_depot_may_be_listed_after_a_finished_tour():
    problem = get_problem("top")
    instance = replace(LINE, end=6, underway=underway((1, 6, 0, 2), (3,)))
    answer = Enumeration().solve(problem, [instance], Budget(60.0))[0]
    assert [tour.tolist()[:2] for tour in answer.tours[:3]] == [[0, 1], [0, 2], [0, 3]]
    assert answer.objective == 5.0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"demands": np.full(7, 2.5), "capacity": 5.0, "num_tours": 2}, "the demands sum to 15, but 2 tour"),
        (
            {"time_windows": np.array([[0.0, 99.0]] * 6 + [[0.0, 40.0]])},
            "G closes at 40, the earliest arrival there is",
        ),
        (
            {"time_windows": np.array([[0.0, 41.0], *[[0.0, 99.0]] * 6])},
            "after B, D is not reached before it closes",
        ),
    ],
)
def test_a_rest_without_a_solution_has_a_reason(change, reason):
    begun = underway((1, 2), (3,), elapsed=(40, 40))
    instance = replace(LINE, max_length=None, **change, underway=begun)
    assert reason in " ".join(reasons(get_problem("cvrptw"), instance))
