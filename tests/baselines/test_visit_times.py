"""Where visits count towards a length budget but not in the objective, solvers minimize what the checker scores."""

from dataclasses import replace
from math import dist

import numpy as np
import pytest
from brute_force import best_by_enumeration, feasible_solutions

from tsp.budget import Budget
from tsp.composition import validated_problem
from tsp.instance import Instance, Underway
from tsp.problems import (
    Capacity,
    LengthBudget,
    Objective,
    PrizeQuota,
    Problem,
    Shape,
    SplitDelivery,
    TimeWindows,
    VisitAtMostOnce,
    VisitOnce,
)
from tsp.solution import check
from tsp.solvers.registry import make

SEARCHES = {"ls(kicks=300)": 10.0, "ortools": 0.4, "cpsat": 10.0}
"""Solvers and their time limits."""

POINTS = {"O": (0.0, 0.0), "A": (10.0, 0.0), "B": (0.0, 9.0), "C": (0.0, -1.0)}
EXAMPLE = Instance(
    np.array(list(POINTS.values())),
    service_times=np.array([0.0, 0.0, 3.0, 0.0]),
    num_tours=2,
    max_length=60.0,
    problem="mtsp",
)


def drawn(seed, n=6):
    rng = np.random.default_rng([seed, 5])
    far = 30.0
    return Instance(
        rng.integers(0, far, (n, 2)).astype(float),
        service_times=rng.integers(0, 25, n).astype(float) + (0.5 if seed % 2 else 0.0),
        max_length=rng.uniform(2.5, 5.0) * far,
        num_tours=int(rng.integers(2, 4)),
        free_end=seed % 3 == 2,
        problem="mtsp",
    )


def require_best(problem, instance, best):
    """Each solver finds the optimum; what is proved is right."""
    used = 0
    for spec, seconds in SEARCHES.items():
        solver = make(spec)
        if solver.supports(problem):
            used += 1
            solver.warm_up(problem)
            (found,) = solver.solve(problem, [instance], Budget(seconds))
            assert found.feasible == (best is not None), (spec, found.violations)
            if best is not None:
                assert found.objective == pytest.approx(best, rel=1e-6), spec
                assert found.bound is None or found.bound <= best * (1 + 1e-6), spec
                assert spec != "cpsat" or found.proved_optimal
    (bounded,) = make("bound").solve(problem, [instance], Budget(1.0))
    assert best is None or bounded.bound is None or bounded.bound <= best * (1 + 1e-9)
    return used


@pytest.mark.parametrize("begun", [None, ((1,), (2,)), ((2,),)])
def test_the_longest_tour_is_scored_without_visits(begun):
    tours = None if begun is None else [Underway(visited) for visited in begun]
    instance = EXAMPLE if tours is None else replace(EXAMPLE, underway=replace(tours[0], others=tuple(tours[1:])))
    assert require_best(validated_problem(instance), instance, 20.0) == 3
    (default,) = make("ls+cpsat").solve(validated_problem(instance), [instance], Budget(1.0))
    assert default.proved_optimal


def test_an_open_tour_under_way_is_scored_without_its_visits():
    begun = Underway((1,), others=(Underway((2,)),))
    instance = replace(EXAMPLE, free_end=True, underway=begun)
    a, b, c = POINTS["A"], POINTS["B"], POINTS["C"]
    assert require_best(validated_problem(instance), instance, min(9 + dist(b, c), 10 + dist(a, c))) == 3


@pytest.mark.parametrize("seed", range(8))
def test_solvers_agree_with_enumeration_on_the_longest_tour(seed):
    instance = drawn(seed)
    problem = validated_problem(instance)
    assert require_best(problem, instance, best_by_enumeration(problem, instance)[0]) == 3


def test_the_enumerated_optimum_depends_on_visits_and_is_not_that_of_lengths_with_visits():
    found = 0
    for seed in range(8):
        instance = drawn(seed)
        problem, visits = validated_problem(instance), instance.service_times
        ranked = feasible_solutions(problem, instance).values()
        with_visits = [max(float(instance.path_length(t) + visits[t[1:]].sum()) for t in one.tours) for one in ranked]
        chosen = list(ranked)[int(np.argmin(with_visits))] if with_visits else None
        found += chosen is not None and chosen.objective > min(one.objective for one in ranked) + 1e-6
    assert found >= 2


@pytest.mark.parametrize("seed", range(6))
def test_solvers_agree_with_enumeration_on_tours_under_way(seed):
    instance = drawn(seed)
    travelled = None if seed % 2 else 12.0
    begun = Underway((1, 2) if seed % 3 else (1,), travelled=travelled, others=(Underway((3,)),))
    instance = replace(instance, underway=begun, max_length=instance.max_length + 30.0)
    problem = validated_problem(instance)
    assert require_best(problem, instance, best_by_enumeration(problem, instance)[0]) == 3


def in_windows(seed):
    instance = drawn(seed, 5)
    rng = np.random.default_rng(seed)
    opens = rng.integers(0, 40, 5).astype(float)
    opens[0] = 0.0
    windows = np.stack([opens, opens + rng.integers(60, 200, 5)], axis=1)
    windows[0, 1] = 300.0
    return replace(instance, time_windows=windows)


@pytest.mark.parametrize("seed", range(6))
def test_models_keep_times_visits_and_lengths_apart(seed):
    instance = in_windows(seed)
    if seed % 2:
        instance = replace(
            instance, max_length=200.0, underway=Underway((1,), elapsed=90.0, others=(Underway((2,), elapsed=95.0),))
        )
    problem = validated_problem(instance)
    assert problem.rule(TimeWindows) is not None
    assert require_best(problem, instance, best_by_enumeration(problem, instance)[0]) == 2


MIXED = Problem("mixed", "", "", Shape.TOURS, (VisitOnce(), LengthBudget(), TimeWindows()), Objective(("longest",)))
SPLIT = Problem("split", "", "", Shape.TOURS, (SplitDelivery(), Capacity(), LengthBudget()), Objective(("length",)))
QUOTA = Problem("quota", "", "", Shape.TOUR, (VisitAtMostOnce(), LengthBudget(), PrizeQuota()), Objective(("length",)))


def test_solvers_that_cannot_keep_them_apart_do_not_support_the_problem():
    assert not make("ls").supports(MIXED)
    assert make("ls").supports(replace(MIXED, objective=Objective(("length",))))


@pytest.mark.parametrize("seed", range(4))
def test_visits_that_may_be_left_out_for_nothing_do_not_count_in_the_length(seed):
    rng = np.random.default_rng(seed)
    instance = replace(
        drawn(seed), num_tours=None, problem="", prizes=rng.integers(1, 9, 6).astype(float), min_prize=14.0
    )
    assert require_best(QUOTA, instance, best_by_enumeration(QUOTA, instance)[0]) == 3


@pytest.mark.parametrize("seed", range(4))
def test_visits_of_split_deliveries_do_not_count_in_the_length(seed):
    rng = np.random.default_rng(seed)
    instance = replace(
        drawn(seed, 4),
        demands=rng.integers(2, 7, 4).astype(float),
        capacity=6.0,
        num_tours=None,
        problem="",
        free_end=False,
        max_length=130.0,
    )
    assert require_best(SPLIT, instance, best_by_enumeration(SPLIT, instance)[0]) == 2


def test_a_visit_of_two_portions_in_a_row_counts_once():
    instance = Instance(
        np.array([[0.0, 0.0], [5.0, 0.0]]),
        demands=np.array([0.0, 3.0]),
        capacity=3.0,
        service_times=np.array([0.0, 10.0]),
        max_length=20.0,
    )
    assert check(SPLIT, instance, [[0, 1]]).feasible
    assert require_best(SPLIT, instance, 10.0) == 2
