"""The referee: for every problem the masks allow exactly the solutions that the checker accepts, at the same value.

Solutions that masks leave out on purpose are listed in `PRUNED`. Dead ends may remain; they count as infeasible.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from brute_force import ENUMERABLE, as_key, canonical, feasible_solutions, solvable_instance
from instances import tiny_instance

from envs.batch import from_instances
from envs.routing_env import RoutingEnv
from tsp.checks import timeline_of
from tsp.instance import Instance, Realization, Underway
from tsp.laws import draw_day
from tsp.problems import (
    PROBLEMS,
    Capacity,
    CompulsoryVisits,
    LateEnd,
    LengthBudget,
    MaxVisits,
    Objective,
    PrizeQuota,
    Problem,
    Session,
    SplitDelivery,
    TimeWindows,
    VisitAtMostOnce,
    VisitOnce,
)
from tsp.solution import check, claim_of
from tsp.tolerance import TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brute_force import Canonical

    from envs.batch import Batch
    from tsp.solution import Solution


ROWS = list(ENUMERABLE.values())
EVERY_PROBLEM = pytest.mark.parametrize("problem", ROWS, ids=lambda problem: problem.name)
LENGTH, PRIZE = Objective(("length",)), Objective(("prize",), "max")
UNNAMED = [
    Problem("op-cap-tw", "", "", "tour", (VisitAtMostOnce(), LengthBudget(), TimeWindows(), Capacity()), PRIZE),
    Problem("top-cap-tw", "", "", "tours", (VisitAtMostOnce(), TimeWindows(), Capacity()), PRIZE),
    Problem("quota-team", "", "", "tours", (VisitAtMostOnce(), PrizeQuota(), LengthBudget()), LENGTH),
    Problem("quota-tours", "", "", "tours", (VisitAtMostOnce(), PrizeQuota()), LENGTH),
    Problem("profits", "", "", "tours", (VisitAtMostOnce(), Capacity()), Objective(("length", "penalties"))),
    Problem("fleet-tw", "", "", "tours", (VisitOnce(), TimeWindows()), Objective(("makespan",)), ("num_tours",)),
    Problem("few", "", "", "tours", (VisitAtMostOnce(), LengthBudget(), MaxVisits(2)), PRIZE),
    Problem("split-tw", "", "", "tours", (SplitDelivery(), Capacity(), TimeWindows()), LENGTH),
    Problem("musts", "", "", "tour", (VisitAtMostOnce(), CompulsoryVisits(), LengthBudget()), PRIZE),
    Problem("musts-team", "", "", "tours", (VisitAtMostOnce(), CompulsoryVisits(), Capacity()), PRIZE),
    Problem("calls", "", "", "tours", (VisitOnce(), LengthBudget()), LENGTH, ("service_times",)),
    Problem("calls-op", "", "", "tour", (VisitAtMostOnce(), LengthBudget()), PRIZE, ("service_times",)),
    Problem("one-load", "", "", "tour", (VisitOnce(), Capacity(), LengthBudget()), LENGTH),
]
"""Unnamed problems of known rules and terms."""
SEEDS = range(16)
SIZES = (4, 5, 6, 4, 5, 6, 4, 5, 1, 2, 3)


def most_nodes(problem: Problem) -> int:
    """The number of nodes of which some hundreds of solutions can be enumerated."""
    return 4 if problem.rule(SplitDelivery) or problem.may_wait else 5 if problem.may_stay else 6


def sequences_of(
    env: RoutingEnv, instance: Instance, given: tuple[int, ...] = (), realization: Realization | None = None
) -> tuple[list[list[int]], torch.Tensor, list[bool]]:
    """Every sequence of actions that begins as given and that the masks allow, and whether it ends dead.

    As lists and, with those that end early staying where they are, as a tensor `[1, P, T]`.
    """
    batch = _batch(instance, realization)
    open_ones, whole, dead = [list(given)], list[list[int]](), list[bool]()
    while open_ones:
        actions = torch.tensor(open_ones, dtype=torch.long)[None]
        state = env.reset(batch, len(open_ones), actions[..., : len(given)])
        for action in actions[..., len(given) :].unbind(-1):
            state = env.step(state, action)
        masks, going_on = env.observe(state).forbidden[0], list[list[int]]()
        for k, sequence in enumerate(open_ones):
            if state.finished[0, k]:
                whole.append(sequence)
                dead.append(bool(state.dead[0, k]))
            else:
                assert not masks[k].all(), f"nothing may follow {sequence}"
                going_on += [[*sequence, int(node)] for node in (~masks[k]).nonzero()]
        open_ones = going_on
    longest = max(map(len, whole))
    assert longest <= env.horizon(batch)
    actions = torch.tensor([[*s, *[s[-1]] * (longest - len(s))] for s in whole])[None]
    missed = env.missed(batch, actions)[0].tolist()
    return whole, actions, [d or m > 0 for d, m in zip(dead, missed, strict=True)]


def direct_ways_home(problem: Problem, instance: Instance, solution: Solution) -> list[tuple[float, float]]:
    """From every visit of a solution, the length and the end time of its tour if it returned directly."""
    claim, service = claim_of(problem, instance, solution.tours), instance.service_times
    found = list[tuple[float, float]]()
    for k, stops in enumerate(claim.stops):
        visits = stops[1:] if instance.free_end else stops[1:-1]
        for i, begin in enumerate(timeline_of(claim, k).begin[1 : 1 + len(visits)].tolist(), 1):
            home = 0.0 if instance.free_end else instance.path_length([stops[i], instance.finish])
            length = instance.path_length(stops[: i + 1]) + home
            found.append((length, begin + (0.0 if service is None else float(service[stops[i]])) + home))
    return found


def within(value: float, limit: float) -> bool:
    return value <= limit + TOLERANCE * max(1.0, limit)


def home_within_budget(problem: Problem, instance: Instance, solution: Solution) -> bool:
    limit = instance.max_length
    return limit is None or all(within(length, limit) for length, _ in direct_ways_home(problem, instance, solution))


def home_before_it_closes(problem: Problem, instance: Instance, solution: Solution) -> bool:
    if problem.shape.has_one_depot_tour and problem.visits_all:  # there the masks consider all ways home
        return True
    closes = np.inf if instance.free_end else instance.time_windows[instance.finish, 1]
    return all(within(time, closes) for _, time in direct_ways_home(problem, instance, solution))


PRUNED = {LengthBudget: home_within_budget, TimeWindows: home_before_it_closes}
"""The checker's solutions that the masks allow: those where the direct way home is never too long (Kool et al. 2019),
so that there is no dead end. With the triangle inequality these are all solutions. Split deliveries deliver as much
as possible at each node; `brute_force` makes no others."""


LOCKS = [(TimeWindows,), (Capacity,), (SplitDelivery,), (PrizeQuota, LengthBudget), (CompulsoryVisits, LengthBudget)]
"""Rules that may have dead ends, which no affordable look-ahead avoids."""


def expected_solutions(
    problem: Problem,
    instance: Instance,
    realization: Realization | None = None,
    checked: Mapping[Canonical, Solution] | None = None,
) -> dict[Canonical, Solution]:
    kept = [PRUNED[type(rule)] for rule in problem.rules if type(rule) in PRUNED and not problem.rule(Session)]
    return {
        name: solution
        for name, solution in feasible_solutions(problem, instance, realization, checked).items()
        if all(keeps(problem, instance, solution) for keeps in kept)
    }


def _batch(instance: Instance, realization: Realization | None) -> Batch:
    return from_instances([instance], realizations=None if realization is None else [realization])


def referee(problem: Problem, instance: Instance, realization: Realization | None = None) -> None:
    env = RoutingEnv(problem)
    whole, actions, dead = sequences_of(env, instance, realization=realization)
    values = env.objective(_batch(instance, realization), actions)[0]
    allowed: dict[Canonical, float] = {}
    checked: dict[Canonical, Solution] = {}
    for sequence, row, value, is_dead in zip(whole, actions[0], values.tolist(), dead, strict=True):
        tours = env.tours(row, instance)
        solution = check(problem, instance, tours, realization=realization)
        checked[as_key(tours)] = solution
        assert solution.feasible != is_dead, (sequence, solution.violations)
        if not is_dead:
            assert value == pytest.approx(solution.objective, rel=1e-9, abs=1e-12)
            allowed[canonical(problem, instance, solution.tours)] = value
    expected = expected_solutions(problem, instance, realization, checked)
    assert set(allowed) == set(expected)
    if expected and not any(all(problem.rule(kind) for kind in kinds) for kinds in LOCKS):
        assert not any(dead), "some trajectory ends in a dead end"
    if allowed:
        best = min if problem.objective.sense == "min" else max
        assert best(allowed.values()) == pytest.approx(best(s.objective for s in expected.values()), rel=1e-9)


@EVERY_PROBLEM
@pytest.mark.parametrize("seed", SEEDS)
def test_masks_allow_exactly_what_the_checker_accepts(problem, seed):
    referee(problem, tiny_instance(problem, seed, min(SIZES[seed % len(SIZES)], most_nodes(problem))))


@pytest.mark.parametrize("problem", UNNAMED, ids=lambda problem: problem.name)
@pytest.mark.parametrize("seed", range(8))
def test_masks_allow_exactly_what_the_checker_accepts_in_unnamed_problems(problem, seed):
    referee(problem, tiny_instance(problem, seed, 3 + seed % 3))


SESSIONS = [problem for problem in ROWS if problem.rule(Session) is not None]
IN_WINDOWS = [
    replace(problem, name=f"{problem.name}-tw", rules=(*problem.rules[:1], TimeWindows(), *problem.rules[1:]))
    for problem in SESSIONS
]
LATE = [
    replace(problem, name=f"{problem.name}-late", rules=(*problem.rules, LateEnd()))
    for problem in [*SESSIONS, *IN_WINDOWS]
    if not problem.may_wait
]
EVERY_SESSION = pytest.mark.parametrize("problem", [*SESSIONS, *IN_WINDOWS, *LATE], ids=lambda problem: problem.name)


@EVERY_SESSION
@pytest.mark.parametrize("seed", range(12))
def test_masks_and_prizes_are_the_checkers_on_every_real_day_of_a_session(problem, seed):
    instance = tiny_instance(problem, seed, 3 + seed % (most_nodes(problem) - 2))
    if "law_service_times" in problem.needs:
        instance = replace(instance, service_times=None)
    referee(problem, instance, draw_day(instance, seed))


@pytest.mark.parametrize("problem", LATE, ids=lambda problem: problem.name)
def test_sessions_that_may_end_late_do(problem):
    """So that the referee sees late ends."""
    values = set()
    for seed in range(40):
        instance = tiny_instance(problem, seed, 3 + seed % 2)
        if "law_service_times" in problem.needs:
            instance = replace(instance, service_times=None)
        day = draw_day(instance, seed)
        for solution in feasible_solutions(problem, instance, day).values():
            free = check(problem, replace(instance, late_price=0.0), solution.tours, realization=day)
            values.add((solution.objective < free.objective, instance.late_price > 0))
    assert values == {(False, False), (False, True), (True, True)}


FROM_DEPOT = [problem for problem in [*ROWS, *UNNAMED, *LATE] if problem.shape.has_depot]


@pytest.mark.parametrize("problem", FROM_DEPOT, ids=lambda problem: problem.name)
@pytest.mark.parametrize("seed", range(8))
def test_masks_allow_exactly_what_the_checker_accepts_where_detours_to_the_end_are_shorter(problem, seed):
    """Without the triangle inequality even the direct way home may be too long."""
    rng = np.random.default_rng(seed)
    instance = tiny_instance(problem, 2 + 4 * seed, 4)
    place = int(rng.choice([node for node in range(4) if node != instance.depot]))
    referee(problem, replace(instance, end=place))


@pytest.mark.parametrize("problem", FROM_DEPOT, ids=lambda problem: problem.name)
@pytest.mark.parametrize("seed", [seed for seed in range(9) if seed != 5])  # one whose detours leave dead ends
def test_masks_allow_exactly_what_the_checker_accepts_where_tours_end_at_their_last_customer(problem, seed):
    instance = tiny_instance(problem, seed, 3 + seed % 2 if problem.rule(SplitDelivery) else 3 + seed % 3)
    referee(problem, replace(instance, end=None, free_end=True))


LOPSIDED = [seed for seed in range(80) if seed % 4 == 2]
"""Seeds of tiny instances with a matrix, in which detours may be shorter."""


@pytest.mark.parametrize("problem", ["tsptw", "tsptw-makespan"])
def test_the_look_ahead_forbids_no_solution_where_detours_are_shorter(problem):
    for seed in LOPSIDED:
        referee(PROBLEMS[problem], tiny_instance(problem, seed, 4))


METRIC = [seed for seed in range(40) if seed % 2 and seed % 8 != 5]
"""Seeds of tiny instances with plain Euclidean distances."""


def begun(problem: Problem, instance: Instance, rng: np.random.Generator) -> tuple[Instance, tuple[int, ...]]:
    """The instance after a part of one of its solutions, not used quite as planned; and the actions of that part."""
    env = RoutingEnv(problem)
    whole, _, dead = sequences_of(env, instance)
    alive = [sequence for sequence, is_dead in zip(whole, dead, strict=True) if not is_dead]
    if problem.shape.is_closed:  # the visited nodes are given from the depot on
        alive = [sequence for sequence in alive if sequence[0] == instance.depot]
    planned = alive[rng.integers(len(alive))]
    given = planned[: rng.integers(1, max(len(planned), 2))]
    visited = given
    if problem.shape.has_depot:
        if problem.shape.has_one_depot_tour and given[-1] == instance.finish:
            given = given[:-1]
        visited = [instance.depot if node == instance.finish else node for node in given]
    claim = claim_of(problem, instance, env.tours(torch.tensor(planned), instance))
    k = sum(node == instance.finish for node in given) if problem.shape.has_several_tours else 0
    elapsed, travelled, load = 0.0, 0.0, 0.0
    if k < len(claim.stops):  # else the tour is at the depot, and complete
        stops = claim.stops[k]
        i = len(given) - max((j for j, node in enumerate(given, 1) if node == instance.finish), default=0)
        i -= not problem.shape.has_depot
        elapsed = timeline_of(claim, k).leave[i]
        travelled = instance.path_length(stops[: i + 1])
        load = rng.uniform(0, instance.capacity) if instance.capacity is not None and i > 0 else 0.0
    used = {"elapsed": elapsed * rng.uniform(0.9, 1.2), "travelled": travelled * rng.uniform(0.9, 1.2), "load": load}
    known = {name: float(value) for name, value in used.items() if rng.random() < 0.6}
    return replace(instance, underway=Underway(tuple(visited), **known)), tuple(given)


@EVERY_PROBLEM
@pytest.mark.parametrize("seed", METRIC[:8])
def test_a_tour_under_way_continues_as_the_checker_accepts(problem, seed):
    referee_under_way(problem, seed, 5)


@EVERY_SESSION
@pytest.mark.parametrize("seed", METRIC)
def test_a_session_under_way_continues_as_the_checker_accepts_whatever_time_is_stated(problem, seed):
    """Also where the stated time is earlier than the end of its last planned wait, as of `dop` with seed 17."""
    referee_under_way(problem, seed, 4)


def referee_under_way(problem: Problem, seed: int, size: int) -> None:
    """Only with the triangle inequality: `PRUNED` is for tours that follow the plan."""
    env = RoutingEnv(problem)
    solvable = solvable_instance(problem, seed, size, suits=lambda solution: len(solution.tours))
    instance, given = begun(problem, solvable[0], np.random.default_rng(seed))
    whole, actions, dead = sequences_of(env, instance, given)
    allowed, checked = set(), {}
    for sequence, row, is_dead in zip(whole, actions[0], dead, strict=True):
        tours = env.tours(row, instance)
        solution = check(problem, instance, tours)
        checked[as_key(tours)] = solution
        assert solution.feasible != is_dead, (sequence, instance.underway, solution.violations)
        if not is_dead:
            allowed.add(canonical(problem, instance, solution.tours))
    if not problem.rule(SplitDelivery):  # whose solutions `brute_force` finds from the beginning only
        assert allowed == set(feasible_solutions(problem, instance, checked=checked))


@pytest.mark.parametrize("kind", [LengthBudget, TimeWindows])
def test_an_empty_set_of_tours_is_allowed_where_the_end_is_too_far(kind):
    problem = Problem("stay", "", "", "tours", (VisitAtMostOnce(), kind()), PRIZE, ("num_tours",))
    points = np.array([[0, 0], [9, 1], [10, 0]])
    windows = np.array([[0, 99], [0, 99], [0, 5]])
    instance = Instance(points, end=2, prizes=[0, 1, 0], max_length=5, time_windows=windows, num_tours=2)
    assert set(expected_solutions(problem, instance)) == {()}
    referee(problem, instance)
