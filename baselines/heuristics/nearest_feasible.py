"""Nearest feasible: visit next the customer whose visit can begin soonest and leaves all others reachable."""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.kernels.geometry import Nodes, distance, kernel
from baselines.routes.evaluation import PartialTour, can_reach, can_return, can_visit, extend, next_begin, start_tour
from baselines.routes.giant_tour import decode, decoded_tours, empty_plan
from baselines.routes.model_solver import ModelSolver
from baselines.trivial import SQUARE
from tsp.budget import Budget
from tsp.problems import get_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baselines.routes.model import RouteModel
    from baselines.routes.state import Tours
    from tsp.budget import Clock
    from tsp.problems import Problem
    from tsp.solution import Solution


LOOKED_AT = 20_000_000
"""About how many customers are examined between two readings of the clock."""


class NearestFeasible(ModelSolver):
    """Visit next the customer whose visit can begin soonest, if every other customer left can be visited after it.

    Where customers may be left out, the end must be reachable instead, and the tour ends where that costs
    least. Where no customer leaves all others reachable, the condition is dropped. Without time windows this is
    the nearest neighbour heuristic. Another tour begins when no customer can be visited.
    """

    one_shot = True
    uses_initial = False

    def __init__(self) -> None:
        self.name = "nearest-feasible"

    def warm_up(self, problem: Problem) -> None:
        """Compile; every problem needs the same kernels."""
        NearestFeasible().solve(get_problem("tsp"), [SQUARE], Budget(60.0))

    def search(self, model: RouteModel, clock: Clock, *, seed: int, initial: Solution | None) -> Iterator[Tours]:
        """Yield the only solution, if it is complete before the clock runs out."""
        order = model.customers.copy()
        tour, at, count = _begin(model), 0, 1
        looked_at = len(order) ** (1 if model.optional or model.several else 2)  # for each visit, at most
        piece = max(1, LOOKED_AT // max(1, looked_at))
        while 0 <= at < len(order):
            if clock.remaining <= 0:
                return
            tour, at, count = _sort(model, order, tour, at, count, piece)
        plan = empty_plan(model)
        _, count = decode(model, order, plan)
        yield decoded_tours(model, plan, count)


@kernel
def _begin(model: RouteModel) -> PartialTour:
    """The tour before the first visit."""
    return start_tour(model)


@kernel
def _sort(
    model: RouteModel, order: Nodes, tour: PartialTour, first: int, count: int, most: int
) -> tuple[PartialTour, int, int]:
    """Sort customers by the order in which they are visited; those not visited come last.

    Args:
        model: the problem.
        order: all customers, the first of them sorted; changed.
        tour: the last tour so far.
        first: number of customers that are sorted.
        count: number of tours so far.
        most: number of visits to make now.

    Returns:
        the tour, the number of sorted customers (-1 where no more are visited) and that of tours.
    """
    i = first
    while i < min(len(order), first + most):
        k = _soonest(model, tour, order, i, True)
        if k < 0:
            k = _soonest(model, tour, order, i, False)
        if k < 0:
            if count == model.tours or tour.at == model.start:
                return tour, -1, count
            count += 1
            tour = start_tour(model)
            continue
        node = order[k]
        order[k], order[i] = order[i], node
        tour = extend(model, tour, node)
        i += 1
    return tour, i, count


@kernel
def _soonest(model: RouteModel, tour: PartialTour, order: Nodes, first: int, ahead: bool) -> int:
    """The place in `order` of the customer to visit next, -1 if there is none."""
    least, nearest, found = np.inf, np.inf, -1
    single = not model.optional and not model.several
    for k in range(first, len(order)):
        node = order[k]
        if not (can_reach(model, tour, node) if single else can_visit(model, tour, node)):
            continue
        leg = distance(model.geometry, tour.at, node)
        begin = next_begin(model, tour.at, tour.ready, node)
        if begin > least or (begin == least and leg >= nearest):
            continue
        if ahead and single and not _leaves_all(model, extend(model, tour, node), order, first, k):
            continue
        least, nearest, found = begin, leg, k
    return found


@kernel
def _leaves_all(model: RouteModel, tour: PartialTour, order: Nodes, first: int, chosen: int) -> bool:
    """Whether each of the other customers left can be visited next, with the end after it."""
    for k in range(first, len(order)):
        if k != chosen and not (can_reach(model, tour, order[k]) and can_return(model, extend(model, tour, order[k]))):
            return False
    return True
