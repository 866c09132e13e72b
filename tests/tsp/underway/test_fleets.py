"""Several tours under way, by enumeration of tiny instances."""

from dataclasses import replace

import numpy as np
import pytest
from brute_force import canonical, feasible_solutions, solvable_instance
from enumeration import Enumeration

from tsp.budget import Budget
from tsp.infeasibility import reasons
from tsp.instance import Underway
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
            if problem.rule(Capacity) and not problem.rule(SplitDelivery):
                used["load"] = instance.capacity * rng.random()
        begun.append(Underway(tuple(visited), **used))
    return replace(instance, underway=replace(begun[0], others=tuple(begun[1:])))


@pytest.mark.parametrize("seed", range(8))
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
