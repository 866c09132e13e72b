"""Nearest feasible: go to whom a visit can begin soonest, if nobody is missed by it."""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.kernels.geometry import Nodes, kernel
from baselines.routes.giant_tour import decode, empty_plan, tours_of
from baselines.routes.model import Model, Walk, fits, reaches, returns, set_out, visit
from baselines.routes.model_solver import ModelSolver, Tours

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tsp.budget import Clock
    from tsp.solution import Solution


class NearestFeasible(ModelSolver):
    """Go where a visit can begin soonest, among those after which everybody left can still be reached.

    Where customers may be left out, the end has to be reachable, and the tour goes home where that is
    best; where not even the first look ahead leaves a choice, the tour goes on without it. Without
    time windows this is the nearest neighbour. Another tour begins when nobody fits.
    """

    one_shot = True

    def __init__(self) -> None:
        self.name = "nearest-feasible"

    def search(self, model: Model, clock: Clock, *, seed: int, initial: Solution | None) -> Iterator[Tours]:
        """The one answer."""
        order = model.customers.copy()
        _sort(model, order)
        plan = empty_plan(model)
        _, count = decode(model, order, plan)
        yield tours_of(model, plan, count)


@kernel
def _sort(model: Model, order: Nodes) -> None:
    """Bring the customers into the order in which they are visited, the others last."""
    walk = set_out(model)
    tour = 1
    i = 0
    while i < len(order):
        k = _soonest(model, walk, order, i, True)
        if k < 0:
            k = _soonest(model, walk, order, i, False)
        if k < 0:
            if tour == model.tours or walk.at == model.start:
                return
            tour += 1
            walk = set_out(model)
            continue
        node = order[k]
        order[k], order[i] = order[i], node
        walk = visit(model, walk, node)
        i += 1


@kernel
def _soonest(model: Model, walk: Walk, order: Nodes, first: int, ahead: bool) -> int:
    """The place in `order` of the next to visit, -1 where there is none."""
    least, nearest, found = np.inf, np.inf, -1
    single = not model.optional and not model.several
    for k in range(first, len(order)):
        node = order[k]
        if not (reaches(model, walk, node) if single else fits(model, walk, node)):
            continue
        leg = model.distances[walk.at, node]
        begin = max(walk.now + leg, model.opens[node])
        if begin > least or (begin == least and leg >= nearest):
            continue
        if ahead and single and not _leaves_all(model, visit(model, walk, node), order, first, k):
            continue
        least, nearest, found = begin, leg, k
    return found


@kernel
def _leaves_all(model: Model, walk: Walk, order: Nodes, first: int, chosen: int) -> bool:
    """Whether each of those left, and then the end, can be visited next."""
    for k in range(first, len(order)):
        if k != chosen and not (reaches(model, walk, order[k]) and returns(model, visit(model, walk, order[k]))):
            return False
    return True
