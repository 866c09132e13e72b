"""Decode an order of the customers into tours: a customer that does not fit into a tour begins the next one.

A permutation of all customers represents a whole answer, whatever the rules. Compulsory customers
are split into tours of least cost (Prins, Computers & Operations Research 31, 2004). Optional ones that do
not fit are skipped, and the tour ends where that costs least.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import Array, Nodes, kernel

from .evaluation import can_reach, can_return, can_visit, closed_cost, extend, start_tour
from .model import PENALTY, PRIZE

if TYPE_CHECKING:
    from .model import RouteModel
    from .state import Tours


class Plan(NamedTuple):
    """The arrays into which an order is decoded.

    Attributes:
        visits: `[m]`, customers in order.
        tour_of: `[m]`, the tour of each of them.
        pending: `[m]`, customers not yet visited.
        least: `[k, m + 1]`, the least cost of the first customers, by the largest number of tours.
        origin: `[k, m + 1]`, the customer with which the last of those tours begins.
    """

    visits: Nodes
    tour_of: Nodes
    pending: Nodes
    least: Array
    origin: Nodes


def empty_plan(model: RouteModel) -> Plan:
    """Arrays for any answer."""
    m = len(model.customers)
    splits = model.several and not model.optional
    rows = (model.tours + 1 if model.tours < m else 1) if splits else 0
    visits, tour_of, pending = np.zeros((3, m), dtype=np.int32)
    return Plan(visits, tour_of, pending, np.empty((rows, m + 1)), np.zeros((rows, m + 1), dtype=np.int32))


def decoded_tours(model: RouteModel, plan: Plan, count: int) -> Tours:
    """The first `count` visits of a plan as lists; where there may be several tours, only those with visits."""
    closing = [model.end] if model.end != model.start else []
    tours: dict[int, list[int]] = {} if model.several else {0: []}
    for node, tour in zip(plan.visits[:count].tolist(), plan.tour_of[:count].tolist(), strict=True):
        tours.setdefault(tour, []).append(node)
    return [[model.start, *tour, *closing] for tour in tours.values()]


@kernel
def decode(model: RouteModel, order: Nodes, plan: Plan) -> tuple[float, int]:
    """The tours of an order.

    Args:
        model: of m customers.
        order: `[m]`, all of them.
        plan: is overwritten.

    Returns:
        the cost, and the number of entries in `plan.visits`.
    """
    if model.several and not model.optional:
        return _split(model, order, plan)
    return _fill(model, order, plan)


@kernel
def _combined(model: RouteModel, tours: float, tour: float) -> float:
    """The cost of tours and one more."""
    return max(tours, tour) if model.several and model.weights.longest + model.weights.makespan > 0.0 else tours + tour


@kernel
def _fill(model: RouteModel, order: Nodes, plan: Plan) -> tuple[float, int]:
    """Fill one tour after the other with what fits, in order; optional visits end where that costs least."""
    pending, visits, tour_of = plan.pending, plan.visits, plan.tour_of
    for i in range(len(order)):
        pending[i] = order[i]
    left, count, collected, penalties = len(order), 0, 0.0, 0.0
    for node in model.customers:
        penalties += model.nodes[PENALTY, node]
    partial = start_tour(model)
    before = 0.0  # the cost of the tours before this one
    current = 0.0 if model.several else closed_cost(model, partial)
    best, best_count = np.inf, 0
    if model.optional and model.quota <= 0.0:
        best = before + current + model.weights.penalty * penalties
    for tour in range(model.tours):
        kept, start = 0, count
        for i in range(left):
            node = pending[i]
            if not (can_visit(model, partial, node) if model.optional else can_reach(model, partial, node)):
                pending[kept] = node
                kept += 1
                continue
            partial = extend(model, partial, node)
            visits[count], tour_of[count] = node, tour
            count += 1
            collected += model.nodes[PRIZE, node]
            penalties -= model.nodes[PENALTY, node]
            current = closed_cost(model, partial)
            if model.optional and (collected >= model.quota or count == len(order)):
                cost = (
                    _combined(model, before, current)
                    + model.weights.prize * collected
                    + model.weights.penalty * penalties
                )
                if cost < best:
                    best, best_count = cost, count
        left = kept
        if left == 0 or count == start:
            break
        before, current = _combined(model, before, current), 0.0
        partial = start_tour(model)
    if model.optional and best < np.inf:
        return best, best_count
    cost = _combined(model, before, current) + model.weights.prize * collected + model.weights.penalty * penalties
    if model.optional:
        return cost + model.missing * (1.0 - collected / model.quota), count
    return cost + model.missing * (left if can_return(model, partial) else left + 1), count


@kernel
def _split(model: RouteModel, order: Nodes, plan: Plan) -> tuple[float, int]:
    """Split the order into tours of least cost; customers that do not fit into the allowed tours are missing."""
    least, origin, m = plan.least, plan.origin, len(order)
    limited = len(least) > 1
    least[:] = np.inf
    least[0, 0] = 0.0
    rows = len(least) - 1 if limited else 1
    for k in range(rows):
        to = k + 1 if limited else k
        for i in range(m):
            if least[k, i] == np.inf:
                continue
            if limited and least[k, i] <= least[to, i]:
                least[to, i], origin[to, i] = least[k, i], i  # one tour fewer is as good
            partial = start_tour(model)
            for j in range(i, m):
                node = order[j]
                if not can_reach(model, partial, node):
                    break
                partial = extend(model, partial, node)
                if not can_return(model, partial):
                    continue
                cost = _combined(model, least[k, i], closed_cost(model, partial))
                if cost < least[to, j + 1]:
                    least[to, j + 1], origin[to, j + 1] = cost, i
        if limited and least[k, m] <= least[to, m]:
            least[to, m], origin[to, m] = least[k, m], m
    k, count = len(least) - 1, m
    while least[k, count] == np.inf:
        count -= 1
    cost = least[k, count] + model.missing * (m - count)
    for j in range(m):
        plan.visits[j] = order[j]
    j, tour = count, 0
    while j > 0:
        i = origin[k, j]
        plan.tour_of[i:j] = tour
        tour += 1
        j = i
        if limited:
            k -= 1
    return cost, count
