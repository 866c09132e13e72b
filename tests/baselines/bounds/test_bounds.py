from dataclasses import replace

import numpy as np
import pytest
from brute_force import best_by_enumeration
from hypothesis import given, settings
from hypothesis import strategies as st
from instances import CERTAIN, tiny_instance

import tsp
from baselines.bounds.bounds import bound
from tsp.budget import Clock
from tsp.instance import Instance, Underway
from tsp.problems import get_problem
from tsp.tolerance import TOLERANCE

HOUR = Clock(3600.0)
NOT_BOUNDED = {"pctsp", "spctsp"}


def bound_of(problem, instance):
    return bound(get_problem(problem), instance, HOUR)


@settings(max_examples=40)
@given(st.sampled_from(sorted(set(CERTAIN) - {"sdvrp"})), st.integers(0, 400), st.integers(3, 5))
def test_no_solution_is_better_than_the_bound(name, seed, n):
    problem = get_problem(name)
    instance = tiny_instance(problem, seed, n)
    best, _ = best_by_enumeration(problem, instance)
    found = bound(problem, instance, HOUR)
    if found is not None and best is not None:
        assert not problem.is_better(best, found + TOLERANCE * abs(found) * (-1) ** (problem.objective.sense == "min"))


@pytest.mark.parametrize("name", sorted(CERTAIN))
def test_most_tiny_instances_have_a_bound_near_their_optimum(name):
    problem = get_problem(name)
    near, known = [], 0
    for seed in range(24):
        instance = tiny_instance(problem, seed, 4)
        best, _ = best_by_enumeration(problem, instance)
        found = bound(problem, instance, HOUR)
        known += found is not None
        if found is not None and best:
            assert not problem.is_better(best, found * (1 - 1e-9 if problem.objective.sense == "min" else 1 + 1e-9))
            near.append(found / best)
    if name in NOT_BOUNDED:
        assert known == 0
    else:
        assert known >= 12
        assert 0.4 < np.median(near) < 2.0


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.booleans())
def test_the_prize_bound_is_no_less_than_the_prizes_of_a_feasible_tour(seed, open_ended):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 40))
    place = Instance(rng.random((n, 2)), prizes=rng.random(n), end=n - 1 if open_ended else None)
    customers = [node for node in range(1, n) if node != place.finish]
    visited = rng.permutation(customers)[: rng.integers(1, len(customers) + 1)].tolist()
    instance = replace(place, max_length=place.path_length([0, *visited, place.finish]))
    found = bound_of("op", instance)
    assert found >= place.prizes[visited].sum() - 1e-9


def test_the_prize_bound_counts_the_length_that_every_visit_takes():
    side = np.arange(21.0)
    line = Instance(np.column_stack([side, np.zeros(21)]), prizes=np.ones(21), max_length=20.0)
    assert bound_of("op", line) == 10
    assert bound_of("op", replace(line, max_length=1e6)) == 20
    assert bound_of("op", replace(line, max_length=1.0)) == 0


def test_a_path_is_bounded_below_with_its_ends_fixed_or_free():
    rng = np.random.default_rng(3)
    instance = Instance(rng.random((5, 2)))
    problem = get_problem("shpp")
    for given_ends in ({}, {"end": 3}, {"free_start": True}, {"free_start": True, "end": 2}):
        one = replace(instance, **given_ends)
        best, _ = best_by_enumeration(problem, one)
        found = bound(problem, one, HOUR)
        assert 0.9 * best < found <= best * (1 + 1e-12)


def test_whole_lengths_are_bounded_by_whole_numbers():
    instance = Instance(np.random.default_rng(0).integers(0, 100, (30, 2)), metric="EUC_2D")
    assert bound_of("tsp", instance).is_integer()


def test_there_is_no_bound_without_time_or_for_a_tour_under_way():
    points = np.random.default_rng(0).random((1000, 2))
    assert bound(get_problem("tsp"), Instance(points), Clock(1e-9)) is None
    assert bound_of("tsp", Instance(points, underway=Underway((1, 2)))) is None


@pytest.mark.data
def test_the_bound_of_an_asymmetric_instance_is_never_above_its_optimum(data_folder):
    shares = []
    for path in sorted((data_folder / "atsp").glob("*.atsp")):
        instance = tsp.read(path)
        found = bound_of("atsp", instance)
        assert found <= instance.best_known, path.name
        shares.append(found / instance.best_known)
    assert np.median(shares) > 0.9
