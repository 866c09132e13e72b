"""From an order of the customers to tours: what fits is visited, and what does not begins another tour.

A permutation of all customers stands for a whole answer, whatever the rules (Prins, Computers &
Operations Research 31, 2004, cuts one into tours of least cost; so does `_split` here). Where
customers may be left out, what does not fit is skipped, and the tour goes home where that is best.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from baselines.kernels.geometry import Array, Nodes, kernel

from .model import Model, fits, reaches, returns, set_out, tour_cost, visit


class Plan(NamedTuple):
    """Where a decoder writes; only its own arrays are changed.

    Attributes:
        visits: `[m]`, customers in order.
        tour_of: `[m]`, the tour of each of them.
        pending: `[m]`, customers not yet visited.
        least: `[k, m + 1]`, the cost of the first customers in up to so many tours.
        origin: `[k, m + 1]`, where the last of those tours begins.
    """

    visits: Nodes
    tour_of: Nodes
    pending: Nodes
    least: Array
    origin: Nodes


def empty_plan(model: Model) -> Plan:
    """Room for any answer."""
    m = len(model.customers)
    cuts = model.several and not model.optional
    rows = (model.tours + 1 if model.tours < m else 1) if cuts else 0
    visits, tour_of, pending = np.zeros((3, m), dtype=np.int32)
    return Plan(visits, tour_of, pending, np.empty((rows, m + 1)), np.zeros((rows, m + 1), dtype=np.int32))


def tours_of(model: Model, plan: Plan, count: int) -> list[list[int]]:
    """Tours as lists, of the first `count` visits of a plan; of several, only those with visits."""
    closing = [model.end] if model.end != model.start else []
    tours: dict[int, list[int]] = {} if model.several else {0: []}
    for node, tour in zip(plan.visits[:count].tolist(), plan.tour_of[:count].tolist(), strict=True):
        tours.setdefault(tour, []).append(node)
    return [[model.start, *tour, *closing] for tour in tours.values()]


@kernel
def decode(model: Model, order: Nodes, plan: Plan) -> tuple[float, int]:
    """The tours of an order.

    Args:
        model: of m customers.
        order: `[m]`, all of them.
        plan: is written to.

    Returns:
        the cost, and how many of `plan.visits` count.
    """
    if model.several and not model.optional:
        return _split(model, order, plan)
    return _fill(model, order, plan)


@kernel
def _together(model: Model, tours: float, tour: float) -> float:
    """The cost of tours and one more."""
    return max(tours, tour) if model.several and model.longest + model.makespan > 0.0 else tours + tour


@kernel
def _fill(model: Model, order: Nodes, plan: Plan) -> tuple[float, int]:
    """Fill tour after tour with what fits, in order; where customers may be left out, end where it costs least."""
    pending, visits, tour_of = plan.pending, plan.visits, plan.tour_of
    for i in range(len(order)):
        pending[i] = order[i]
    left, count, collected, regret = len(order), 0, 0.0, 0.0
    for node in model.customers:
        regret += model.penalties[node]
    walk = set_out(model)
    before = 0.0  # the cost of the tours before this one
    current = 0.0 if model.several else tour_cost(model, walk)
    best, best_count = np.inf, 0
    if model.optional and model.quota <= 0.0:
        best = before + current + model.penalty * regret
    for tour in range(model.tours):
        kept, start = 0, count
        for i in range(left):
            node = pending[i]
            if not (fits(model, walk, node) if model.optional else reaches(model, walk, node)):
                pending[kept] = node
                kept += 1
                continue
            walk = visit(model, walk, node)
            visits[count], tour_of[count] = node, tour
            count += 1
            collected += model.prizes[node]
            regret -= model.penalties[node]
            current = tour_cost(model, walk)
            if model.optional and (collected >= model.quota or count == len(order)):
                cost = _together(model, before, current) + model.prize * collected + model.penalty * regret
                if cost < best:
                    best, best_count = cost, count
        left = kept
        if left == 0 or count == start:
            break
        before, current = _together(model, before, current), 0.0
        walk = set_out(model)
    if model.optional and best < np.inf:
        return best, best_count
    cost = _together(model, before, current) + model.prize * collected + model.penalty * regret
    if model.optional:
        return cost + model.missing * (1.0 - collected / model.quota), count
    return cost + model.missing * (left if returns(model, walk) else left + 1), count


@kernel
def _split(model: Model, order: Nodes, plan: Plan) -> tuple[float, int]:
    """Cut the order into tours of least cost; customers that do not fit into as many as there may be are missing."""
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
            walk = set_out(model)
            for j in range(i, m):
                node = order[j]
                if not reaches(model, walk, node):
                    break
                walk = visit(model, walk, node)
                if not returns(model, walk):
                    continue
                cost = _together(model, least[k, i], tour_cost(model, walk))
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
