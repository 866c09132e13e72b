"""The cost of tours, and whether they keep the rules: the only kernels that read a model's times, loads and limits.

Heuristics extend a tour at its end (`PartialTour`); insertion, ruin and recreate, and descent change
tours anywhere (`RouteState`). Both read the rules here: a rule that needs a new number gets it in
`model`, and is enforced in `extend` and its conditions, and in `refresh`, `is_feasible` and
`evaluate_insertion`.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import MATRIX, distance, embedded, kernel, part

from .model import CLOSES, DEMAND, OPENS, PENALTY, PRIZE, SERVICE
from .state import COLLECTED, LEFT_OUT, LENGTH, PENALTIES, USED

if TYPE_CHECKING:
    from .model import RouteModel
    from .state import RouteState

NEGLIGIBLE = 1e-9
"""Changes of the cost, relative to the cost, up to this count as none."""


class PartialTour(NamedTuple):
    """A tour that is built from its start.

    Attributes:
        at: the last node so far.
        ready: the time when service there is over.
        length: length of the tour so far.
        load: load of the tour so far.
    """

    at: int
    ready: float
    length: float
    load: float


class InsertionEffect(NamedTuple):
    """The changes by inserting a node between two stops of a tour.

    Attributes:
        cost: the change of the cost, without the node's worth; infinite where a rule forbids the insertion.
        detour: the change of the tour's length.
        delay: by how much later service begins at the next stop.
    """

    cost: float
    detour: float
    delay: float


class Totals(NamedTuple):
    """Sums and maxima over all tours; where there may be several, a tour without visits does not count.

    Attributes:
        length: total length of all tours.
        longest: length of the longest tour, computed only where it has a weight.
        end: the latest end of a tour, computed only where it has a weight.
        collected: sum of the prizes.
        penalties: sum of the penalties of the customers left out.
        left_out: the number of customers left out.
    """

    length: float
    longest: float
    end: float
    collected: float
    penalties: float
    left_out: int


@embedded
def leg(model: RouteModel, a: int, b: int) -> float:
    """The distance from `a` to `b`; a table is read without a call, which is most of the time of small instances."""
    geometry = model.geometry
    if geometry.code == MATRIX:
        return geometry.matrix[a, b]
    return 0.0 if model.free_end and b == model.end else distance(geometry, a, b)


@embedded
def next_begin(model: RouteModel, a: int, ready: float, b: int) -> float:
    """When service begins at `b` after leaving `a` at the time `ready`."""
    return max(ready + leg(model, a, b), model.nodes[OPENS, b])


@embedded
def start_tour(model: RouteModel) -> PartialTour:
    """A tour that leaves the start as early as possible."""
    return PartialTour(model.start, model.nodes[OPENS, model.start] + model.nodes[SERVICE, model.start], 0.0, 0.0)


@embedded
def extend(model: RouteModel, tour: PartialTour, node: int) -> PartialTour:
    """The tour with `node` visited next."""
    return PartialTour(
        np.int64(node),
        next_begin(model, tour.at, tour.ready, node) + model.nodes[SERVICE, node],
        tour.length + leg(model, tour.at, node),
        tour.load + model.nodes[DEMAND, node],
    )


@embedded
def can_reach(model: RouteModel, tour: PartialTour, node: int) -> bool:
    """Whether `node` may be visited next, whether or not the end can be reached after it."""
    ahead = leg(model, tour.at, node)
    return (
        tour.ready + ahead <= model.nodes[CLOSES, node]
        and tour.length + ahead <= model.max_length
        and tour.load + model.nodes[DEMAND, node] <= model.capacity
    )


@embedded
def can_return(model: RouteModel, tour: PartialTour) -> bool:
    """Whether the tour may go to its end now."""
    home = leg(model, tour.at, model.end)
    return tour.ready + home <= model.nodes[CLOSES, model.end] and tour.length + home <= model.max_length


@embedded
def can_visit(model: RouteModel, tour: PartialTour, node: int) -> bool:
    """Whether `node` may be visited next and the end be reached after it."""
    return can_reach(model, tour, node) and can_return(model, extend(model, tour, node))


@embedded
def closed_cost(model: RouteModel, tour: PartialTour) -> float:
    """The weighted length and end of a tour that goes to its end now."""
    length = tour.length + leg(model, tour.at, model.end)
    end = next_begin(model, tour.at, tour.ready, model.end)
    return (model.weights.length + model.weights.longest) * length + model.weights.makespan * end


@part
def refresh(model: RouteModel, state: RouteState, k: int) -> None:
    """Update the times, the length, the load and the positions of tour `k` from its stops."""
    stops, begin, latest = state.stops[k], state.begin[k], state.latest[k]
    last = state.sizes[k] + 1
    begin[0] = model.nodes[OPENS, model.start]
    length, load = 0.0, 0.0
    for p in range(1, last + 1):
        a, b = stops[p - 1], stops[p]
        begin[p] = next_begin(model, a, begin[p - 1] + model.nodes[SERVICE, a], b)
        length += leg(model, a, b)
        if p < last:
            load += model.nodes[DEMAND, b]
            state.position[b] = p
    latest[last] = model.nodes[CLOSES, model.end]
    for p in range(last - 1, -1, -1):
        a, b = stops[p], stops[p + 1]
        latest[p] = min(model.nodes[CLOSES, a], latest[p + 1] - leg(model, a, b) - model.nodes[SERVICE, a])
    if last == 1 and model.several:
        length = 0.0
    state.sums[LENGTH] += length - state.length[k]
    state.length[k], state.load[k] = length, load


@part
def recount(model: RouteModel, state: RouteState) -> None:
    """Compute the sums again from the tours, without the rounding errors of many changes."""
    sums = state.sums
    sums[:] = 0.0
    for k in range(model.tours):
        sums[LENGTH] += state.length[k]
        sums[USED] += state.sizes[k] > 0
    for node in model.customers:
        if state.tour_of[node] >= 0:
            sums[COLLECTED] += model.nodes[PRIZE, node]
        else:
            sums[PENALTIES] += model.nodes[PENALTY, node]
            sums[LEFT_OUT] += 1.0


@kernel
def is_feasible(model: RouteModel, state: RouteState, k: int) -> bool:
    """Whether tour `k` keeps the rules.

    Insertions preserve this; without the triangle inequality, a removal may make a tour longer.
    """
    if state.sizes[k] == 0 and model.several:
        return True
    for p in range(state.sizes[k] + 2):
        if state.begin[k, p] > state.latest[k, p]:
            return False
    return state.load[k] <= model.capacity and state.length[k] <= model.max_length


@embedded
def has_room(model: RouteModel, state: RouteState, k: int, node: int) -> bool:
    """Whether tour `k` can carry `node`, whatever its position."""
    return state.load[k] + model.nodes[DEMAND, node] <= model.capacity


@embedded
def evaluate_insertion(
    model: RouteModel, state: RouteState, k: int, p: int, node: int, longest: float, end: float
) -> InsertionEffect:
    """The cost of inserting `node` into tour `k` after its stop `p`; infinite where the rules forbid it.

    Args:
        model: the problem.
        state: feasible tours.
        k: the tour.
        p: the index of the stop after which the node is inserted.
        node: a customer that is not visited.
        longest: the length of the longest tour.
        end: the latest end of a tour.
    """
    if not has_room(model, state, k, node):
        return InsertionEffect(np.inf, 0.0, 0.0)
    a, b = state.stops[k, p], state.stops[k, p + 1]
    direct = leg(model, a, b)
    detour = leg(model, a, node) + leg(model, node, b) - direct
    # a tour without visits costs nothing where there may be several
    longer = detour + direct if model.several and state.sizes[k] == 0 else detour
    if state.length[k] + longer > model.max_length:
        return InsertionEffect(np.inf, 0.0, 0.0)
    here = next_begin(model, a, state.begin[k, p] + model.nodes[SERVICE, a], node)
    if here > model.nodes[CLOSES, node]:
        return InsertionEffect(np.inf, 0.0, 0.0)
    after = next_begin(model, node, here + model.nodes[SERVICE, node], b)
    if after > state.latest[k, p + 1]:
        return InsertionEffect(np.inf, 0.0, 0.0)
    delay = max(0.0, after - state.begin[k, p + 1])
    cost = model.weights.length * longer
    if model.weights.longest > 0.0:
        cost += model.weights.longest * max(0.0, state.length[k] + longer - longest)
    if model.weights.makespan > 0.0:
        cost += model.weights.makespan * max(0.0, state.begin[k, state.sizes[k] + 1] + delay - end)
    return InsertionEffect(cost, detour, delay)


@embedded
def removal_saving(model: RouteModel, state: RouteState, node: int) -> float:
    """The weighted length that the removal of the visited customer `node` saves."""
    k, p = np.int64(state.tour_of[node]), state.position[node]
    a, b = state.stops[k, p - 1], state.stops[k, p + 1]
    detour = leg(model, a, node) + leg(model, node, b) - leg(model, a, b)
    return model.weights.length * detour


@kernel
def totals_of(model: RouteModel, state: RouteState) -> Totals:
    """Sums and maxima over all tours."""
    longest, end, sums = 0.0, 0.0, state.sums
    if model.weights.longest > 0.0 or model.weights.makespan > 0.0:
        for k in range(model.tours):
            if state.sizes[k] > 0 or not model.several:
                longest = max(longest, state.length[k])
                end = max(end, state.begin[k, state.sizes[k] + 1])
    collected = max(0.0, sums[COLLECTED])  # rounding errors of additions and removals may leave less than nothing
    return Totals(sums[LENGTH], longest, end, collected, sums[PENALTIES], np.int64(sums[LEFT_OUT]))


@kernel
def weighted(model: RouteModel, totals: Totals) -> float:
    """The weighted objective."""
    cost = (
        model.weights.length * totals.length
        + model.weights.longest * totals.longest
        + model.weights.makespan * totals.end
    )
    return cost + model.weights.prize * totals.collected + model.weights.penalty * totals.penalties


@kernel
def shortfall(model: RouteModel, totals: Totals) -> float:
    """The number of compulsory customers left out, or the share of a quota that is missing; 0 where there is none."""
    if not model.optional:
        return float(totals.left_out)
    if totals.left_out > 0 and totals.collected < model.quota:
        return 1.0 - totals.collected / model.quota
    return 0.0


@part
def cost_of(model: RouteModel, state: RouteState) -> float:
    """The weighted objective, in which a shortfall costs more than all else."""
    totals = totals_of(model, state)
    return weighted(model, totals) + model.missing * shortfall(model, totals)


def is_complete(model: RouteModel, state: RouteState) -> bool:
    """Whether every compulsory customer is visited and the quota is met."""
    return shortfall(model, totals_of(model, state)) == 0.0
