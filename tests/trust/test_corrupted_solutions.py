"""The checker catches every corrupted solution of every problem, in tiny and in huge units."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from envs.generators import generate_instances
from tsp.checks import timeline_of
from tsp.composition import problem_of
from tsp.instance import LAWS
from tsp.problems import PROBLEMS, Capacity, LengthBudget, PrizeQuota, Session, SplitDelivery, TimeWindows, VisitOnce
from tsp.shortcuts import solve
from tsp.solution import check, claim_of

UNITS = (1e-12, 1e-6, 1.0, 1e6, 1e12)
PER_UNIT = ("coordinates", "matrix", "max_length", "time_windows", "service_times", "prizes", "min_prize", "penalties",
            "demands", "capacity", *LAWS)  # fmt: skip
EXCESS = 1e-6
"""Relative: a thousand times the tolerance."""
STAMP = 1.7e9
"""Seconds since 1970."""


@cache
def solved(name, seed):
    """An instance of a problem, and a feasible solution of it."""
    instance = replace(generate_instances(name, "uniform", 7, 1, seed)[0], best_known=None)
    if name in ("cvrptw", "tsptw", "tsptw-makespan") and seed % 2:
        instance = replace(instance, service_times=np.full(instance.size, 0.01))
    problem = problem_of(instance)
    if problem.may_wait:
        solution = solve(instance, "hindsight(scenarios=8)")
    elif problem.rule(Session) is not None:
        solution = solve(instance, "session-recourse(steps=200)")
    elif problem.rule(SplitDelivery) is None:
        solution = solve(instance, "nearest-feasible")
    else:
        others = [[0, node] for node in range(3, instance.size)]
        solution = check(problem, instance, [[0, 1, 2], *others])
    if not solution.feasible:  # service times may have made it impossible
        return solved(name, seed + 1)
    return instance, solution


def in_units(instance, unit):
    """The same instance in another unit of everything."""
    changes = {name: getattr(instance, name) for name in PER_UNIT if getattr(instance, name) is not None}
    return replace(instance, **{name: value * unit for name, value in changes.items()})


def solved_in_units(name, seed, unit):
    """A solved instance of a problem in another unit, with its problem, its solution before that, and the tours."""
    instance, solution = solved(name, seed)
    scaled = in_units(instance, unit)
    return problem_of(scaled), scaled, solution, [tour.tolist() for tour in solution.tours]


def limits_met(problem, instance, tours):
    """The instance with each of its limits exactly as much as the tours use, by the name of the limit."""
    claim, found = claim_of(problem, instance, tours), {}
    if problem.rule(LengthBudget) is not None:
        used = max(instance.path_length(stops) for stops in claim.stops)
        found["max_length"] = replace(instance, max_length=used)
    if problem.rule(Capacity) is not None and problem.rule(SplitDelivery) is None:
        used = max(float((instance.demands[tour] * claim.customers[tour]).sum()) for tour in claim.tours)
        found["capacity"] = replace(instance, capacity=used)
    if problem.rule(PrizeQuota) is not None:
        order = [node for tour in tours for node in tour][:-1]  # leave one out, or the quota does not count
        claim = claim_of(problem, instance, [order])
        used = float(instance.prizes[claim.visited & claim.customers].sum())
        found["min_prize"] = replace(instance, min_prize=used)
    if problem.rule(TimeWindows) is not None:
        stops, begin = claim.stops[0], timeline_of(claim, 0).begin
        windows = instance.time_windows.copy()
        windows[stops[1], 1] = begin[1]
        found["time_windows"] = replace(instance, time_windows=windows)
    return found


def tightened(instance, name):
    """The instance with a limit that is exceeded by `EXCESS`."""
    if name == "min_prize":
        return replace(instance, min_prize=instance.min_prize * (1 + EXCESS))
    if name != "time_windows":
        return replace(instance, **{name: getattr(instance, name) * (1 - EXCESS)})
    origin, windows = instance.first_opening, instance.time_windows.copy()
    windows[:, 1] = np.where(windows[:, 1] < np.inf, origin + (windows[:, 1] - origin) * (1 - EXCESS), np.inf)
    windows[:, 0] = np.minimum(windows[:, 0], windows[:, 1])
    return replace(instance, time_windows=windows)


def corruptions(problem, instance, tours):
    """Wrong tours made from right ones."""
    first, *others = [list(map(int, tour)) for tour in tours]
    if problem.visits_all or not problem.shape.has_several_tours:
        yield []
    yield [[*first[:-1], instance.size], *others]
    yield [[-1, *first[1:]], *others]
    yield [[float(node) for node in first], *others]
    if problem.rule(SplitDelivery) is None:
        if not problem.may_wait:
            yield [[*first, first[-1]], *others]
        yield [[*first, first[1]], *others]
        if len(first) > 3:
            yield [[*first, first[2]], *others]
        yield [first, first, *others]
    if problem.rule(VisitOnce) is not None:
        for node in first[1:]:
            yield [[other for other in first if other != node], *others]
    if not problem.shape.has_several_tours:
        yield [first, first]
    if problem.shape.has_depot or problem.shape.is_path:
        yield [first[1:], *others]


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("unit", UNITS)
def test_every_corrupted_solution_is_caught(name, unit):
    for seed in range(2):
        problem, scaled, solution, tours = solved_in_units(name, seed, unit)
        amounts = None if solution.amounts is None else [amount * unit for amount in solution.amounts]
        right = check(problem, scaled, tours, amounts=amounts)
        assert right.feasible, right.violations
        assert right.objective == pytest.approx(solution.objective * unit, rel=1e-9)
        wrong = list(corruptions(problem, scaled, tours))
        assert len(wrong) >= 5
        for each in wrong:
            assert not check(problem, scaled, each).feasible, each
        if amounts is not None:
            for factor in (0.0, 1 - EXCESS, 1 + EXCESS):
                changed = [amounts[0] * factor, *amounts[1:]]
                assert not check(problem, scaled, tours, amounts=changed).feasible, factor


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("unit", UNITS)
def test_a_limit_may_be_met_exactly_and_not_be_exceeded_by_a_millionth(name, unit):
    for seed in range(2):
        problem, scaled, _, tours = solved_in_units(name, seed, unit)
        for limit, met in limits_met(problem, scaled, tours).items():
            walked = [tours[0][:-1]] if limit == "min_prize" else tours
            assert check(problem, met, walked).feasible, limit
            assert not check(problem, tightened(met, limit), walked).feasible, limit


@pytest.mark.parametrize("name", [name for name, problem in PROBLEMS.items() if problem.rule(TimeWindows) is not None])
def test_windows_at_timestamps_count_to_a_millionth_of_their_span(name):
    instance, solution = solved(name, 0)
    hours = in_units(instance, 3600.0)
    stamped = replace(hours, time_windows=hours.time_windows + STAMP)
    problem, tours = problem_of(stamped), [tour.tolist() for tour in solution.tours]
    met = limits_met(problem, stamped, tours)["time_windows"]
    assert check(problem, met, tours).feasible
    assert not check(problem, tightened(met, "time_windows"), tours).feasible
