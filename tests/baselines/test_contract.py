"""The contract of every classical solver of the registry."""

import os
import signal
import threading
import time
from dataclasses import replace
from functools import cache
from itertools import permutations

import numpy as np
import pytest
from brute_force import ENUMERABLE, best_by_enumeration, best_of, solvable_instance
from instances import tiny_instance
from unknown_rule import UnknownRule

from tsp.budget import Budget
from tsp.composition import problem_of
from tsp.instance import Instance, Underway
from tsp.metrics import METRICS
from tsp.problems import PROBLEMS, Capacity, SplitDelivery, TimeWindows, get_problem
from tsp.solution import check
from tsp.solvers import is_one_shot, uses_initial
from tsp.solvers.registry import EXTRAS, SOLVERS, make

TSP = get_problem("tsp")
CLASSICAL = [name for name in SOLVERS if name not in EXTRAS.values() and name not in ("policy", "guided-ls", "bound")]
OF_TSP = [name for name in CLASSICAL if make(name).supports(TSP)]
SUPPORTED = [(name, problem) for name in CLASSICAL for problem in ENUMERABLE.values() if make(name).supports(problem)]
UNTIL_THE_LIMIT = (
    "ortools",
    "ls",
    "2opt",
    "ga",
    "tsiligirides",
    "means",
    "myopic",
    "rollout",
    "scenarios",
    "session-recourse",
    "session-rollout",
)


@cache
def solver(name, problem=TSP):
    made = make(name)
    if made.supports(problem):
        made.warm_up(problem)
    return made


def solve(name, instance, problem=TSP, limit=0.05, **kwargs):
    """The answer of a solver; one that found none within the limit gets more time."""
    limits = (limit, 0.3) if name in UNTIL_THE_LIMIT else (30.0,)
    for seconds in limits:
        answer = solver(name, problem).solve(problem, [instance], Budget(seconds), **kwargs)[0]
        if answer.feasible:
            break
    return answer


def points(n, d=2, seed=0):
    return np.random.default_rng([seed, n]).random((n, d))


def best_tour(instance):
    """The shortest of all tours."""
    others = [node for node in range(instance.size) if node != instance.depot]
    tours = np.array([(instance.depot, *order) for order in permutations(others)])
    lengths = instance.legs(tours, np.roll(tours, -1, axis=1)).sum(axis=1)
    return check(TSP, instance, [tours[lengths.argmin()]])


rng = np.random.default_rng(1)
CASES = {
    **{f"{n} points": Instance(points(n)) for n in (1, 2, 3, 4, 5, 12)},
    **{
        metric: Instance(np.round(1000 * points(7, METRICS[metric].dimensions[-1])) / 10, metric=metric)
        for metric in METRICS
    },
    "depot in the middle": Instance(points(9), depot=4),
    "duplicates": Instance(np.repeat(points(4), 3, axis=0)),
    "all equal": Instance(np.full((15, 2), 0.25)),
    "collinear": Instance(np.outer(rng.random(12), [1.0, 2.0])),
    "huge": Instance(1e9 * points(9)),
    "beyond int64": Instance(1e30 * points(9)),
    "tiny": Instance(1e-9 * points(9)),
    "far from the origin": Instance(1e9 + points(9)),
    "far outlier": Instance(np.vstack([points(8), [[1e9, 1e9]]])),
    "symmetric matrix": Instance(coordinates=points(8), matrix=(half := rng.random((8, 8))) + half.T),
    "asymmetric matrix": Instance(coordinates=points(8), matrix=rng.random((8, 8))),
    "whole matrix": Instance(coordinates=points(6), matrix=rng.integers(0, 9, (6, 6))),
    "whole matrix beyond int64": Instance(coordinates=points(6), matrix=1e25 * rng.integers(1, 9, (6, 6))),
    "matrix of zeros": Instance(coordinates=points(6), matrix=np.zeros((6, 6))),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", OF_TSP)
def test_the_answer_is_feasible_and_its_bound_is_valid(name, case):
    instance = CASES[case]
    answer = solve(name, instance)
    assert answer.feasible, answer.violations
    assert answer.objective == pytest.approx(instance.tour_length(answer.tours[0]))
    assert answer.tours[0][0] == instance.depot
    if instance.size <= 8:
        best = best_tour(instance)
        assert answer.objective >= best.objective * (1 - 1e-12)
        assert answer.bound is None or answer.bound <= best.objective * (1 + 1e-12)


@pytest.mark.parametrize("case", ["asymmetric matrix", "EUC_2D", "GEO"])
@pytest.mark.parametrize("name", OF_TSP)
def test_the_answer_is_never_worse_than_the_initial_solution(name, case):
    instance = CASES[case]
    best = best_tour(instance)
    assert solve(name, instance, initial=[best]).objective == pytest.approx(best.objective)


@pytest.mark.parametrize("name", OF_TSP)
def test_a_bad_initial_solution_is_improved(name):
    instance = Instance(points(30))
    bad = check(TSP, instance, [np.arange(30)])
    assert solve(name, instance, limit=0.3, initial=[bad]).objective < bad.objective


@pytest.mark.parametrize("name", OF_TSP)
def test_an_infeasible_initial_solution_is_ignored(name):
    instance = Instance(points(9))
    assert solve(name, instance, initial=[check(TSP, instance, [[0, 1]])]).feasible


@pytest.mark.parametrize("name", CLASSICAL)
def test_an_unknown_rule_or_objective_is_refused(name):
    known = next(problem for problem in PROBLEMS.values() if solver(name).supports(problem))
    objective = known.objective
    stranger = replace(known, name="stranger", rules=(*known.rules, UnknownRule()))
    assert not solver(name).supports(stranger)
    assert not solver(name).supports(replace(known, objective=replace(objective, terms=(*objective.terms, "regret"))))
    opposite = "max" if objective.sense == "min" else "min"
    assert not solver(name).supports(replace(known, objective=replace(objective, sense=opposite)))
    with pytest.raises(ValueError, match="does not support problem 'stranger'"):
        solver(name).solve(stranger, [Instance(points(5))], Budget(1.0))


@pytest.mark.parametrize("name", OF_TSP)
def test_reports_are_better_each_time_and_end_with_the_answer(name):
    seen = []
    instance = Instance(points(20))
    answer = solve(name, instance, report=lambda index, solution: seen.append((index, solution)))
    objectives = [solution.objective for _, solution in seen]
    assert all(index == 0 and solution.feasible for index, solution in seen)
    assert objectives == sorted(set(objectives), reverse=True)
    if objectives:
        assert objectives[-1] == pytest.approx(answer.objective)


@pytest.mark.parametrize("name", [name for name in OF_TSP if is_one_shot(make(name))])
def test_a_one_shot_solver_gives_the_same_tour_again(name):
    instance = Instance(points(50))
    first, second = solve(name, instance), solve(name, instance)
    assert first.tours[0].tolist() == second.tours[0].tolist()


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("ls(kicks=20)", "tsp"),
        ("ls(kicks=20)", "atsp"),
        ("ls(kicks=20)", "cvrp"),
        ("2opt(kicks=20)", "tsp"),
        ("ga(generations=5)", "op"),
        ("tsiligirides(tours=20)", "op"),
        ("insertion", "tsptw"),
        ("ls(kicks=20)+ls(kicks=5)", "tsp"),
    ],
)
def test_an_answer_by_steps_is_the_same_alone_and_at_any_place_of_any_set(spec, name):
    made, problem = make(spec), get_problem(name)
    made.warm_up(problem)
    given = [tiny_instance(problem, seed, size) for seed, size in ((1, 12), (2, 12), (3, 9), (4, 15))]
    given.append(replace(given[0], name="again"))

    def answers(instances, **budget):
        found = made.solve(problem, instances, Budget(60.0, seed=5, **budget))
        return [[tour.tolist() for tour in answer.tours] for answer in found]

    alone = [answers([instance])[0] for instance in given]
    assert alone == answers(given) == answers(given[::-1])[::-1]
    assert alone[0] == alone[-1]
    if spec.startswith("2opt"):  # processes take a while to start
        assert alone == answers(given, threads=2)


OF_LOADS = [(name, problem) for name, problem in SUPPORTED if problem.rule(Capacity) is not None]


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e6])
@pytest.mark.parametrize(("name", "problem"), OF_LOADS, ids=lambda it: getattr(it, "name", it))
def test_loads_may_exceed_the_capacity_by_the_last_digits_of_a_sum(name, problem, unit):
    """0.1 + 0.2 is above 0.3, by less than the checker's tolerance, as one demand or as the load of a tour."""
    places = [[0, 0], [1, 0], [1.1, 0.2], [-1, 0], [-1.1, 0.2]]
    for demands, tours in (([0, 0.1, 0.2, 0.1, 0.2], 2), ([0, 0.1 + 0.2, 0, 0, 0], 1)):
        loads = {"demands": unit * np.array(demands), "capacity": unit * 0.3, "num_tours": tours}
        instance = Instance(places, time_windows=[[0, 99]] * 5, **loads)
        problem.validate(instance)
        answer = solve(name, instance, problem)
        assert answer.feasible, answer.violations
        assert len(answer.tours) == tours


def size(problem):
    """The number of nodes, of which all solutions can be enumerated."""
    return 4 if problem.may_wait else 5


def is_sound(problem, answer, best):
    """Whether an answer is no better than the optimum, and its bound is valid."""
    if best is None:
        return not answer.feasible
    sign = 1 if problem.objective.sense == "min" else -1
    margin = 1e-6 * max(1.0, abs(best))
    bound_holds = answer.bound is None or sign * answer.bound <= sign * best + margin
    return bound_holds and (answer.objective is None or sign * answer.objective >= sign * best - margin)


def may_fail(name, problem):
    """Whether a heuristic may miss feasible solutions: with time windows, or with few tours and full loads."""
    return name not in ("ortools", "cpsat") and (problem.rule(TimeWindows) or problem.rule(Capacity))


def as_needed(name, problem, instance):
    """The instance, with coordinates to draw where the solver refuses it for its lack of them."""
    if name != "spacefilling" or instance.coordinates is not None:
        return instance
    with pytest.raises(ValueError, match="spacefilling needs coordinates"):
        solve(name, instance, problem)
    return replace(instance, coordinates=points(instance.size))


@pytest.mark.parametrize(("name", "problem"), SUPPORTED, ids=lambda it: getattr(it, "name", it))
def test_every_supported_problem_is_solved(name, problem):
    answered = 0
    for seed in (1, 2, 3):
        instance, solutions = solvable_instance(problem, seed, size(problem))
        instance, best = as_needed(name, problem, instance), best_of(problem, solutions)
        answer = solve(name, instance, problem)
        if problem.rule(SplitDelivery) is None:  # of which not all solutions are tried
            assert is_sound(problem, answer, best)
        assert answer.feasible or may_fail(name, problem), answer.violations
        if answer.feasible:
            answered += 1
            again = check(problem, instance, answer.tours, amounts=answer.amounts)
            assert again.objective == pytest.approx(answer.objective)
    assert answered >= 2


def optimum(problem, instance):
    """The best objective by enumeration; None where not all solutions are tried."""
    return None if problem.rule(SplitDelivery) else best_by_enumeration(problem, instance)[0]


def with_beginning(problem, seed):
    """A tiny instance, and the first tour of one of its solutions, with three nodes or more."""
    instance, solutions = solvable_instance(
        problem, seed, size(problem), lambda s: len(s.tours) and len(s.tours[0]) > 2
    )
    return instance, solutions[len(solutions) // 2].tours[0].tolist()


@cache
def under_way(problem, seed):
    """An instance under way, and its optimum."""
    instance, first = with_beginning(problem, seed)
    skip = 0 if problem.shape.is_path and instance.free_start else 1
    begun = replace(instance, underway=Underway(tuple(first[skip : skip + 1 + seed % 2])))
    return begun, optimum(problem, begun)


@cache
def with_free_end(problem, seed):
    """An instance of open routes, not begun and under way, each with its optimum."""
    instance, first = with_beginning(problem, seed)
    ways = (None, Underway(tuple(first[1:2])))
    places = [replace(instance, free_end=True, underway=way) for way in ways]
    return [(place, optimum(problem, place)) for place in places]


@pytest.mark.parametrize(("name", "problem"), SUPPORTED, ids=lambda it: getattr(it, "name", it))
def test_a_tour_under_way_is_continued(name, problem):
    answered = 0
    for seed in (2, 3, 7):
        given, best = under_way(problem, seed)
        begun = replace(as_needed(name, problem, replace(given, underway=None)), underway=given.underway)
        answer = solve(name, begun, problem)
        if problem.rule(SplitDelivery) is None:
            assert is_sound(problem, answer, best)
        assert answer.feasible or may_fail(name, problem), answer.violations
        if answer.feasible:  # the checker compares the tours' beginning with what was visited
            answered += 1
            assert check(problem, begun, answer.tours, amounts=answer.amounts).feasible
    assert answered >= 2


OF_AVERAGES = ("recourse", "session-recourse", "session-rollout")
"""Solvers whose objective is an average over what may happen, not that of the checker."""
STARTING = [(name, problem) for name, problem in SUPPORTED if uses_initial(make(name)) and name not in OF_AVERAGES]
"""Solvers that start from an initial solution, and have the problem's objective."""


@pytest.mark.parametrize(("name", "problem"), STARTING, ids=lambda it: getattr(it, "name", it))
def test_no_answer_is_worse_than_an_optimal_initial_solution(name, problem):
    pick = min if problem.objective.sense == "min" else max
    for seed in (1, 2, 3):
        instance, found = solvable_instance(problem, seed, size(problem))
        best = pick(found, key=lambda solution: solution.objective)
        answer = solve(name, instance, problem, 0.02, initial=[best])
        assert answer.feasible, answer.violations
        excess = (answer.objective - best.objective) * (1 if pick is min else -1)
        assert excess <= 1e-9 * abs(best.objective)


FROM_DEPOT = [(name, problem) for name, problem in SUPPORTED if problem.shape.has_depot]


@pytest.mark.parametrize(("name", "problem"), FROM_DEPOT, ids=lambda it: getattr(it, "name", it))
def test_tours_with_a_free_end_are_planned_without_a_way_back(name, problem):
    answered = 0
    for seed in (1, 2, 5):
        for place, best in with_free_end(problem, seed):
            answer = solve(name, place, problem)
            if problem.rule(SplitDelivery) is None:
                assert is_sound(problem, answer, best)
                if name == "cpsat":
                    assert answer.objective == pytest.approx(best, rel=1e-6)
            assert answer.feasible or may_fail(name, problem), answer.violations
            answered += answer.feasible
    assert answered >= 4


@pytest.mark.parametrize("name", ["cpsat", "ortools", "ls"])
@pytest.mark.parametrize("problem", ["cvrp", "cvrptw", "mtsp", "vrptw"])
def test_an_open_route_with_a_length_limit_counts_visits_but_no_way_back(name, problem):
    instance = replace(solvable_instance(PROBLEMS[problem], 9)[0], problem=problem)
    visits = np.where(np.arange(instance.size) == instance.depot, 0.0, 0.05)
    farthest = float(instance.legs(instance.depot, np.arange(instance.size)).max()) + 0.05
    place = replace(instance, free_end=True, max_length=1.1 * farthest, service_times=visits, num_tours=4)
    composed = problem_of(place)
    best, _ = best_by_enumeration(composed, place)
    assert best is not None
    assert best_by_enumeration(composed, replace(place, free_end=False))[0] is None
    assert solve(name, place, composed, 0.3).objective == pytest.approx(best)


@pytest.mark.parametrize("name", ["ortools", "cpsat", "ls", "2opt", "ga"])
def test_an_interrupt_ends_the_search_long_before_the_limit(name):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    waiting = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    start = time.perf_counter()
    try:
        made = solver(name)
        waiting.start()
        with pytest.raises(KeyboardInterrupt):
            made.solve(TSP, [Instance(points(150))], Budget(60.0), report=lambda *_: None)
    finally:
        waiting.cancel()
        signal.signal(signal.SIGINT, before)
    assert time.perf_counter() - start < 30.0
