from dataclasses import replace
from itertools import chain, permutations

import numpy as np
import pytest
from brute_force import ENUMERABLE, best_by_enumeration, canonical, feasible_solutions, solvable_instance
from enumeration import Enumeration
from instances import tiny_instance

from tsp.budget import Budget
from tsp.composition import problem_of
from tsp.instance import Instance, Underway
from tsp.problems import (
    Capacity,
    LengthBudget,
    Objective,
    PrizeQuota,
    Problem,
    Rule,
    Session,
    Shape,
    SplitDelivery,
    TimeWindows,
    VisitAtMostOnce,
    get_problem,
)
from tsp.solution import check, no_answer
from tsp.underway import UNDERWAY_RULES, as_cycle, is_undecided, reduce

MADE_UP = [
    Problem("made-up op", "", "", Shape.TOUR, (VisitAtMostOnce(), LengthBudget(), TimeWindows(), Capacity()),
            Objective(("prize",), "max")),
    Problem("made-up pctsp", "", "", Shape.TOURS, (VisitAtMostOnce(), PrizeQuota()),
            Objective(("length", "penalties"))),
    Problem("made-up top", "", "", Shape.TOURS, (VisitAtMostOnce(), TimeWindows(), LengthBudget(required=False)),
            Objective(("prize",), "max")),
]  # fmt: skip
ALL = ENUMERABLE | {problem.name: problem for problem in MADE_UP}
SHPP = get_problem("shpp")


def all_that_begin_as_given(problem, instance):
    """Feasible solutions by canonical names."""
    if problem.rule(SplitDelivery) is None:
        return feasible_solutions(problem, instance)
    found = {}  # the enumeration walks from nothing on, and in one order of the tours
    for name in feasible_solutions(problem, replace(instance, underway=None)):
        for tours in permutations([list(tour) for tour in name]):
            solution = check(problem, instance, tours)
            if solution.feasible and delivers_at_each(instance, tours, solution.amounts):
                found[name] = solution
    return found


def delivers_at_each(instance, tours, amounts):
    """Whether tours deliver something at each customer; others are left out of the rest of a tour."""
    ends = (instance.depot, instance.finish)
    pairs = zip(chain(*tours), chain(*amounts), strict=True)
    return all(amount > 0 for node, amount in pairs if node not in ends)


def begin(problem, seed, n, rng):
    """A tiny instance under way, with a random beginning of one of its solutions."""
    instance, solutions = solvable_instance(problem, seed, n, lambda s: sum(map(len, s.tours)) > 1)
    tours = [tour.tolist() for tour in solutions[rng.integers(len(solutions))].tours]
    current = int(rng.integers(len(tours)))
    skip = 0 if problem.shape.is_path and instance.free_start else 1
    visited = [node for tour in tours[:current] for node in [*tour[1:], instance.depot]]
    visited += tours[current][skip : rng.integers(skip, len(tours[current]) + 1)]
    while is_undecided(problem, visited, instance.finish):  # to stay there is no part of the rest
        visited.pop()
    underway = Underway(tuple(visited))
    is_on_way = visited[-1:] != [instance.finish] and visited[-1:] != [instance.depot]
    if problem.may_wait or (visited and is_on_way and rng.random() < 0.5):  # what has appeared is known at a time
        scale = instance.distances.mean()
        underway = replace(underway, elapsed=scale * rng.uniform(0, 4), travelled=scale * rng.uniform(0, 3))
        if instance.time_windows is not None:  # all have opened that were visited
            opened = instance.time_windows[[instance.depot, *visited], 0].max()
            underway = replace(underway, elapsed=max(underway.elapsed, opened))
        if problem.rule(Capacity) is not None and problem.rule(SplitDelivery) is None:
            underway = replace(underway, load=instance.capacity * rng.random())
    return replace(instance, underway=underway)


def test_every_rule_has_a_row_of_underway_rules():
    kinds = [*Rule.__subclasses__(), *Session.__subclasses__()]
    assert set(UNDERWAY_RULES) == {rule for rule in kinds if rule.__module__ == "tsp.problems"}


@pytest.mark.parametrize("seed", range(7))
@pytest.mark.parametrize("name", ALL)
def test_the_best_rest_gives_the_best_solution_that_begins_as_given(name, seed):
    problem = ALL[name]
    n = 4 if problem.rule(SplitDelivery) or problem.may_wait else 5
    instance = begin(problem, seed, n, np.random.default_rng([seed, n]))
    names = all_that_begin_as_given(problem, instance)
    pick = min if problem.objective.sense == "min" else max
    expected = pick((solution.objective for solution in names.values()), default=None)
    found = Enumeration().solve(problem, [instance], Budget(60.0))[0]
    assert found.objective == (None if expected is None else pytest.approx(expected))
    assert expected is None or canonical(problem, instance, found.tours) in names
    if found.bound is not None:
        assert found.bound == pytest.approx(found.objective)
    elif found.feasible:
        assert problem.rule(TimeWindows)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ALL)
def test_a_solution_that_begins_as_given_can_be_reduced_and_expanded_again(name, seed):
    problem = ALL[name]
    instance = begin(problem, seed, 4, np.random.default_rng([seed, 7]))
    reduced = reduce(problem, instance)
    for solution in all_that_begin_as_given(problem, instance).values():
        if reduced.decided:
            again = reduced.answer(problem, instance, no_answer(seconds=0.0, solver=""))
        else:
            question = reduced.question(reduced.problem, solution)
            assert question.feasible, question.violations
            again = reduced.answer(problem, instance, question)
        assert again.objective == pytest.approx(solution.objective)
        if not (reduced.decided and problem.may_wait):  # what is decided has no waits
            assert canonical(problem, instance, again.tours) == canonical(problem, instance, solution.tours)


@pytest.mark.parametrize("seed", range(12))
def test_a_path_as_a_cycle_has_the_same_optimum(seed):
    instance = tiny_instance(SHPP, seed, 5)
    expected, names = best_by_enumeration(SHPP, instance)
    cycle, reduced = as_cycle(SHPP, instance)
    best = min(feasible_solutions(cycle, reduced.instance).values(), key=lambda solution: solution.objective)
    answer = reduced.answer(SHPP, instance, best)
    assert answer.objective == pytest.approx(expected)
    assert canonical(SHPP, instance, answer.tours) in names
    assert best.objective == pytest.approx(expected)
    assert reduced.question(cycle, answer).objective == pytest.approx(expected)


LINE = Instance(np.array([[float(i), 0.0] for i in range(6)]), names=tuple("DABCEF"))


def test_a_solver_gets_reduced_solutions_and_its_reports_are_expanded():
    problem = get_problem("tsp")
    instance = replace(LINE, underway=Underway((3, 1)))
    seen = []
    solver = Enumeration()
    start = check(problem, instance, [[0, 3, 1, 5, 4, 2]])
    answer = solver.solve(
        problem, [instance], Budget(60.0), initial=[start], candidates=[np.zeros((6, 1), int)],
        report=lambda i, solution: seen.append(solution),
    )[0]  # fmt: skip
    assert solver.start.tours[0].tolist() == [0, 3, 2, 1]  # the node reached last, then the nodes left in their order
    assert all(solution.feasible and solution.tours[0].tolist()[:3] == [0, 3, 1] for solution in seen)
    assert seen[-1].objective == answer.objective == 14.0
    assert answer.proved_optimal
    assert answer.solver == "enumeration"


def test_a_finished_tour_is_answered_without_calling_the_solver():
    class Idle(Enumeration):
        def solve_one(self, task):
            raise AssertionError("asked")

    problem = get_problem("tsp")
    answer = Idle().solve(problem, [replace(LINE, underway=Underway((1, 2, 3, 4, 5)))], Budget(1.0))[0]
    assert answer.tours[0].tolist() == [0, 1, 2, 3, 4, 5]
    assert answer.proved_optimal


def test_later_tours_leave_no_earlier_than_the_elapsed_time():
    problem = get_problem("cvrptw")
    given = {"demands": np.ones(6), "capacity": 2.0, "time_windows": np.array([[0.0, 99.0]] * 3 + [[0.0, 12.0]] * 3)}
    late = replace(LINE, **given, underway=Underway((1, 2, 0), elapsed=9.0))
    answer = Enumeration().solve(problem, [late], Budget(60.0))[0]
    assert not answer.feasible  # node 4 or 5 closes before it can be reached
    soon = replace(LINE, **given, underway=Underway((1, 2, 0), elapsed=6.0))
    assert Enumeration().solve(problem, [soon], Budget(60.0))[0].feasible


def test_a_time_before_the_opening_of_a_visited_node_is_refused():
    windows = np.array([[3.0, 99.0], [8.0, 99.0], *[[0.0, 99.0]] * 4])
    fleet, lone = get_problem("vrptw"), get_problem("tsptw")
    instance = replace(LINE, time_windows=windows)
    early = [(lone, (1, 2), 7.9, "8 or later, when A opens"), (fleet, (1, 0), 5.0, "8 or later, when A opens"),
             (lone, (), 2.0, "3 or later, when D opens"), (fleet, (2,), 2.0, "3 or later, when D opens")]  # fmt: skip
    for problem, visited, elapsed, sentence in early:
        with pytest.raises(ValueError, match=f"elapsed: {elapsed:g}, expected {sentence}"):
            reduce(problem, replace(instance, underway=Underway(visited, elapsed=elapsed)))
    for problem, visited, elapsed in [(lone, (1, 2), 8.0), (lone, (), 3.0), (fleet, (2, 0), 3.0), (fleet, (), 2.0)]:
        reduce(problem, replace(instance, underway=Underway(visited, elapsed=elapsed)))


BROKEN = [
    ("vrptw", {"time_windows": np.array([[0.0, 99.0]] * 2 + [[0.0, 1.0]] + [[0.0, 99.0]] * 3)}),
    ("cvrp", {"demands": np.array([0.0, 3, 3, 1, 1, 1]), "capacity": 5.0}),
    (
        "cvrp",
        {"demands": np.ones(6), "capacity": 9.0, "max_length": 11.0, "service_times": np.array([0.0, 9, 9, 0, 0, 0])},
    ),
]


@pytest.mark.parametrize("free_end", [False, True])
@pytest.mark.parametrize(("name", "given"), BROKEN)
def test_what_a_finished_tour_broke_does_not_forbid_the_rest(name, given, free_end):
    problem = problem_of(replace(LINE, **given, problem=name))
    instance = replace(LINE, **given, problem=name, free_end=free_end)
    tours = [[0, 1, 2], [0, 3, 4, 5]]
    assert not check(problem, instance, tours).feasible
    begun = replace(instance, underway=Underway((1, 2, 0)))
    assert check(problem, begun, tours).objective == (7.0 if free_end else 14.0)
    answer = Enumeration().solve(problem, [begun], Budget(60.0))[0]
    assert [tour.tolist() for tour in answer.tours] == tours
    assert answer.proved_optimal
    later = [[0, 3], [0, 1, 2], [0, 4, 5]]  # the same tour, not finished before
    assert not check(problem, replace(instance, underway=Underway((3, 0))), later).feasible


def test_an_infeasible_rest_gives_no_answer_and_no_bound():
    problem = get_problem("tsptw")
    windows = np.array([[0.0, 99.0]] * 5 + [[0.0, 1.0]])
    instance = replace(LINE, time_windows=windows, underway=Underway((1,)))
    answer = Enumeration().solve(problem, [instance], Budget(60.0))[0]
    assert not answer.feasible
    assert answer.bound is None


NO = [
    ("tsp", Underway((1, 2, 1)), "visited: A is there twice"),
    ("tsp", Underway((1, 0, 2)), "visited: D is there twice"),
    ("op", Underway((1, 0, 2)), "visited: D is where the tour ends"),
    ("shpp", Underway((1, 5, 2)), "visited: F is where the tour ends, expected nothing after it"),
    ("cvrp", Underway((1,), load=9.0), "load: 9, expected at most the capacity 4"),
    ("cvrp", Underway((1, 0), load=1.0), "load: 1 at the depot, expected none before a tour begins"),
    ("top", Underway((1, 0, 2, 0, 3)), "visited: 3 tours, expected at most 2"),
    ("top with end", Underway((1, 0, 2)), "visited: a tour ends at A, expected the end F before the next tour"),
]


@pytest.mark.parametrize(("name", "underway", "sentence"), NO)
def test_an_impossible_beginning_is_refused_in_one_sentence(name, underway, sentence):
    name, _, with_end = name.partition(" with ")
    given = {"demands": np.ones(6), "capacity": 4.0, "prizes": np.ones(6), "max_length": 9.0, "num_tours": 2}
    end = 5 if with_end or name == "shpp" else None
    instance = replace(LINE, **given, end=end, time_windows=np.array([[0.0, 99.0]] * 6), underway=underway)
    with pytest.raises(ValueError, match=sentence):
        reduce(get_problem(name), instance)


def test_several_tours_under_way_without_length_or_time_are_refused():
    loose = Problem("loose", "", "", Shape.TOURS, (VisitAtMostOnce(), Capacity()), Objective(("prize",), "max"))
    instance = replace(LINE, prizes=np.ones(6), demands=np.ones(6), capacity=2.0, underway=Underway((1,)))
    with pytest.raises(ValueError, match="in problem 'loose' neither length nor time counts"):
        reduce(loose, instance)


def test_the_tour_under_way_is_part_of_the_solution_even_if_an_answer_leaves_it_out():
    points = [[0, 0], [3, 4], [6, 8], [1, 1]]
    instance = Instance(
        points, prizes=[0, 2, 3, 1], max_length=12.0, num_tours=2, underway=Underway((2,), travelled=10)
    )
    problem = get_problem("top")
    reduced = reduce(problem, instance)
    place = reduced.nodes.tolist().index
    without = check(reduced.problem, reduced.instance, [[0, place(1)], [0, place(3)]])
    answer = reduced.answer(problem, instance, without)
    assert answer.violations == ("tour 0: is 20 long, expected at most 12",)


def test_visits_over_a_missing_road_are_refused():
    matrix = [[0, 1, np.inf], [1, 0, 1], [1, 1, 0]]
    instance = Instance(matrix=matrix, names=("A", "B", "C"), underway=Underway((2,)))
    with pytest.raises(ValueError, match="visited: from A to C there is no road"):
        reduce(get_problem("tsp"), instance)
