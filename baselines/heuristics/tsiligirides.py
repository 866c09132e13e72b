"""Tsiligirides' S-algorithm for orienteering: many random tours that prefer high prizes nearby.

Source: Tsiligirides, "Heuristic methods applied to orienteering", Journal of the Operational Research
Society 35, 1984.
"""

# To numba a number read from an array is an int, and a record has its fields; to numpy's stubs both are arrays.
# pyright: reportArgumentType=false, reportReturnType=false, reportAttributeAccessIssue=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.kernels.geometry import Array, Nodes, kernel
from baselines.kernels.randomness import RANGE, Random, random_bits
from baselines.routes.evaluation import PartialTour, can_visit, extend, next_begin, start_tour
from baselines.routes.giant_tour import Plan, decode, decoded_tours, empty_plan
from baselines.routes.model import PRIZE, RouteModel, is_modelled
from baselines.routes.model_solver import ModelSolver
from baselines.trivial import SQUARE
from tsp.budget import Budget
from tsp.instance import Instance
from tsp.problems import get_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baselines.routes.state import Tours
    from tsp.budget import Clock
    from tsp.problems import Problem
    from tsp.solution import Solution

CHOICE = 4
"""The next customer is drawn among this many of the most desirable ones."""

POWER = 4.0
"""Exponent of prize over distance, as in the paper."""

NEAREST = 1e-9
"""Shorter distances count as this one."""

BATCH = 100
"""The most tours between two readings of the clock."""

BETWEEN_LOOKS = 0.01
"""Seconds between two readings of the clock, where a tour takes less."""


class Tsiligirides(ModelSolver):
    """Draw tours until the clock runs out: the next customer among the four with the largest (prize / distance)⁴.

    With time windows, the time until the visit can begin replaces the distance.

    Args:
        tours: stop after this many tours (3,000 in the paper), so that the answer depends on the instance and the
            seed alone, if the time suffices; None stops when the time is up.
    """

    uses_initial = False

    def __init__(self, *, tours: int | None = None) -> None:
        if tours is not None and tours < 1:
            raise ValueError(f"tours: {tours}, expected 1 or more")
        self.name = "tsiligirides"
        self.tours = tours

    def supports(self, problem: Problem) -> bool:
        """Whether the problem is one tour with optional customers that maximizes prizes."""
        return (
            is_modelled(problem)
            and problem.shape.has_one_depot_tour
            and not problem.visits_all
            and problem.objective.terms == ("prize",)
        )

    def warm_up(self, problem: Problem) -> None:
        """Compile; every problem needs the same kernels."""
        square = Instance(SQUARE.coordinates, prizes=np.ones(SQUARE.size), max_length=9.0)
        Tsiligirides(tours=1).solve(get_problem("op"), [square], Budget(60.0))

    def search(self, model: RouteModel, clock: Clock, *, seed: int, initial: Solution | None) -> Iterator[Tours]:
        """Yield each tour that is better than all before."""
        plan = empty_plan(model)
        order, best_order = model.customers.copy(), model.customers.copy()
        desire, choice = np.empty(CHOICE), np.empty(CHOICE, dtype=np.int32)
        random = np.array([seed % 2**64], dtype=np.uint64)
        least, drawn, count = np.inf, 0, 1
        while True:
            batch = count if self.tours is None else min(count, self.tours - drawn)
            begun = clock.elapsed
            cost = _draw(model, order, best_order, plan, desire, choice, random, batch)
            drawn += batch
            spent = max(clock.elapsed - begun, 1e-6)
            count = int(np.clip(batch * BETWEEN_LOOKS / spent, 1, min(BATCH, 2 * batch)))
            if cost < least:
                least = cost
                _, visits = decode(model, best_order, plan)
                yield decoded_tours(model, plan, visits)
            if clock.remaining <= 0 or drawn == self.tours:
                return


@kernel
def _draw(
    model: RouteModel,
    order: Nodes,
    best_order: Nodes,
    plan: Plan,
    desire: Array,
    choice: Nodes,
    random: Random,
    batch: int,
) -> float:
    """Draw a batch of tours; write the order of the best one to `best_order` and return its cost."""
    least = np.inf
    for _ in range(batch):
        tour = start_tour(model)
        for i in range(len(order)):
            some = _most_desirable(model, tour, order, i, desire, choice)
            if some == 0:
                break
            total = 0.0
            for c in range(some):
                total += desire[c]
            left = total * random_bits(random) / RANGE
            c = 0
            while c < some - 1 and left >= desire[c]:
                left -= desire[c]
                c += 1
            k = choice[c]
            node = order[k]
            order[k], order[i] = order[i], node
            tour = extend(model, tour, node)
        cost = decode(model, order, plan)[0]
        if cost < least:
            least = cost
            for i in range(len(order)):
                best_order[i] = order[i]
    return least


@kernel
def _most_desirable(
    model: RouteModel, tour: PartialTour, order: Nodes, first: int, desire: Array, choice: Nodes
) -> int:
    """Find the most desirable customers to visit next, best first: their desirability and places in `order`.

    Returns:
        their number, at most `CHOICE`.
    """
    some = 0
    for k in range(first, len(order)):
        node = order[k]
        if not can_visit(model, tour, node):
            continue
        wait = next_begin(model, tour.at, tour.ready, node) - tour.ready
        value = (model.nodes[PRIZE, node] / max(wait, NEAREST)) ** POWER
        if some == CHOICE and value <= desire[some - 1]:
            continue
        place = some if some < CHOICE else some - 1
        some = min(some + 1, CHOICE)
        while place > 0 and desire[place - 1] < value:
            desire[place], choice[place] = desire[place - 1], choice[place - 1]
            place -= 1
        desire[place], choice[place] = value, k
    return some
