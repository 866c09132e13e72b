"""First answers of the search by rules, in a time that hardly depends on the number of customers.

Savings merge tours that visit one customer each (Clarke, Wright, Operations Research 12, 1964); greedy insertion
puts each customer beside its neighbours. Both look at near customers only.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import Array, Nodes, kernel, part

from .edits import insert
from .evaluation import NEGLIGIBLE, evaluate_insertion, leg, next_begin, totals_of
from .model import CLOSES, DEMAND, OPENS, PRIZE, SERVICE, WORTH
from .recreate import best_insertion
from .workspace import CHANGED, Workspace

if TYPE_CHECKING:
    from .evaluation import Totals
    from .model import RouteModel
    from .state import RouteState, Tours

ALL = 2**40
"""The interval of skipped positions at which none is skipped."""


@kernel
def insert_in_order(work: Workspace, state: RouteState, order: Nodes) -> None:
    """Insert one customer after the other, if it is not visited, where it costs least beside its neighbours.

    Args:
        work: of the search.
        state: is changed.
        order: of customers; optional ones that cost more than they are worth are left out.
    """
    model, lists = work.model, work.lists
    if not model.several:  # the ends of a single tour are looked at as those of changed tours are
        lists.changed[0], lists.counts[CHANGED] = 0, 1
    for node in order:
        if state.tour_of[node] >= 0:
            continue
        totals = totals_of(model, state)
        cost, k, p = best_insertion(work, state, node, totals.longest, totals.end, ALL)
        if k >= 0 and (not model.optional or totals.collected < model.quota or cost < model.nodes[WORTH, node]):
            insert(model, state, k, p, np.int64(node))
    lists.counts[:] = 0


class Offers(NamedTuple):
    """For each customer that is not visited, its best place and the key by which offers are compared.

    Attributes:
        keys: `[n]`, infinite where no insertion is feasible and worth its cost.
        tours: `[n]`.
        after: `[n]`, the node after which it would be visited.
    """

    keys: Array
    tours: Nodes
    after: Nodes


def no_offers(model: RouteModel) -> Offers:
    """Offers before the first insertion."""
    return Offers(np.full(model.size, -np.inf), *np.zeros((2, model.size), dtype=np.int32))


@kernel
def insert_cheapest(model: RouteModel, state: RouteState, offers: Offers, most: int) -> bool:
    """Insert up to `most` customers, each time that of the best offer; whether more may follow.

    After an insertion all offers are compared with the two new places; an offer is computed again where its own place
    has changed.
    """
    keys = offers.keys
    while most > 0:
        node = np.int64(-1)
        for other in model.customers:
            if state.tour_of[other] < 0 and keys[other] < np.inf and (node < 0 or keys[other] < keys[node]):
                node = np.int64(other)
        if node < 0:
            return False
        totals = totals_of(model, state)
        k, after = np.int64(offers.tours[node]), offers.after[node]
        p = np.int64(0) if after == model.start else np.int64(state.position[after])
        if keys[node] == -np.inf or _key(model, state, k, p, node, totals) > keys[node]:
            keys[node] = np.inf
            for tour in range(model.tours):
                for q in range(state.sizes[tour] + 1):
                    _consider(model, state, offers, tour, q, node, totals)
                if state.sizes[tour] == 0:
                    break  # all tours without visits are equal
            continue
        insert(model, state, k, p, node)
        most -= 1
        is_met, totals = totals.collected >= model.quota, totals_of(model, state)
        for other in model.customers:
            if state.tour_of[other] >= 0:
                continue
            if is_met == (totals.collected >= model.quota):
                _consider(model, state, offers, k, p, np.int64(other), totals)
                _consider(model, state, offers, k, p + 1, np.int64(other), totals)
            else:  # all keys are of another kind from now on
                keys[other] = -np.inf
    return True


@part
def _consider(model: RouteModel, state: RouteState, offers: Offers, k: int, p: int, node: int, totals: Totals) -> None:
    """Replace a customer's offer by the place after stop `p` of tour `k` where that is better."""
    key = _key(model, state, k, p, node, totals)
    if key < offers.keys[node]:
        offers.keys[node], offers.tours[node], offers.after[node] = key, k, state.stops[k, p]


@part
def _key(model: RouteModel, state: RouteState, k: int, p: int, node: int, totals: Totals) -> float:
    """The cost of an insertion; of optional customers the net cost for the delay or, below a quota, for the prize."""
    effect = evaluate_insertion(model, state, k, p, node, totals.longest, totals.end)
    if not model.optional or effect.cost == np.inf:
        return effect.cost
    net = effect.cost - model.nodes[WORTH, node]
    if totals.collected < model.quota:
        return net / max(model.nodes[PRIZE, node], NEGLIGIBLE)
    return net / max(effect.delay, NEGLIGIBLE) if net < -NEGLIGIBLE else np.inf


class Chains(NamedTuple):
    """Tours as linked customers, while they are merged.

    Attributes:
        after: `[n]`, the next customer; -1 at the last.
        before: `[n]`, the customer before; -1 at the first.
        tour: `[n]`, the tour of a first or last customer.
        first: `[n]`, the first customer of each tour; -1 of a tour that was merged into another.
        last: `[n]`, the last one.
        load: `[n]`, of each tour.
        length: `[n]`, of each tour.
        begin: `[n]`, when service begins at each customer.
        latest: `[n]`, when it may begin at the latest.
    """

    after: Nodes
    before: Nodes
    tour: Nodes
    first: Nodes
    last: Nodes
    load: Array
    length: Array
    begin: Array
    latest: Array


def savings_tours(work: Workspace) -> Tours:
    """The tours of the savings method, the largest first."""
    model, near = work.model, work.near
    customers = model.customers
    a = np.repeat(customers, near.shape[1])
    b = near[customers].ravel()
    saved = model.legs(a, model.end) + model.legs(model.start, b) - model.legs(a, b)
    order = np.argsort(-saved, kind="stable")
    order = order[saved[order] > 0.0]
    n = model.size
    chains = Chains(*np.full((5, n), -1, dtype=np.int32), *np.zeros((4, n)))
    _merge(model, chains, a[order], b[order])
    closing = [model.end] if model.end != model.start else []
    tours = []
    for node in chains.first[chains.first >= 0].tolist():
        tour = [model.start, node]
        while (node := int(chains.after[node])) >= 0:
            tour.append(node)
        tours.append(tour + closing)
    return sorted(tours, key=len, reverse=True)


@kernel
def _merge(model: RouteModel, chains: Chains, a: Nodes, b: Nodes) -> None:
    """Merge a tour that ends with `a[i]` and one that begins with `b[i]`, in this order, wherever the rules allow it.

    Where tours may be walked either way, one is reversed if need be.
    """
    timed = False
    for node in model.customers:
        chains.tour[node] = chains.first[node] = chains.last[node] = node
        chains.load[node] = model.nodes[DEMAND, node]
        chains.length[node] = leg(model, model.start, node) + leg(model, node, model.end)
        home = model.nodes[CLOSES, model.end] - leg(model, node, model.end) - model.nodes[SERVICE, node]
        chains.latest[node] = min(model.nodes[CLOSES, node], home)
        ready = model.nodes[OPENS, model.start] + model.nodes[SERVICE, model.start]
        chains.begin[node] = next_begin(model, model.start, ready, node)
        timed |= model.nodes[CLOSES, node] < np.inf
    timed |= model.nodes[CLOSES, model.end] < np.inf
    reversible = model.symmetric and not timed and model.start == model.end
    for i in range(len(a)):
        x, y = np.int64(a[i]), np.int64(b[i])
        if chains.tour[x] < 0 or chains.tour[y] < 0 or chains.tour[x] == chains.tour[y]:
            continue
        if reversible:
            if chains.after[x] >= 0:
                _reverse(chains, np.int64(chains.tour[x]))
            if chains.before[y] >= 0:
                _reverse(chains, np.int64(chains.tour[y]))
        if chains.after[x] < 0 and chains.before[y] < 0:
            _join(model, chains, x, y, timed)


@part
def _join(model: RouteModel, chains: Chains, x: int, y: int, timed: bool) -> None:
    """Merge the tour that ends with `x` and the one that begins with `y`, if the rules allow it."""
    k, other = np.int64(chains.tour[x]), np.int64(chains.tour[y])
    between = leg(model, x, y)
    legs = leg(model, x, model.end) + leg(model, model.start, y)
    length = chains.length[k] + chains.length[other] + between - legs
    if chains.load[k] + chains.load[other] > model.capacity or length > model.max_length:
        return
    begin = next_begin(model, x, chains.begin[x] + model.nodes[SERVICE, x], y)
    if begin > chains.latest[y]:
        return
    chains.after[x], chains.before[y] = y, x
    chains.load[k] += chains.load[other]
    chains.length[k] = length
    chains.last[k] = chains.last[other]
    chains.first[other] = -1
    if chains.before[x] >= 0:
        chains.tour[x] = -1
    if chains.after[y] >= 0:
        chains.tour[y] = -1
    chains.tour[chains.last[k]] = k
    if not timed:
        return
    at = y
    while at >= 0:
        chains.begin[at] = begin
        on = np.int64(chains.after[at])
        if on >= 0:
            begin = next_begin(model, at, begin + model.nodes[SERVICE, at], on)
        at = on
    at, latest = x, chains.latest[y] - between
    while at >= 0:
        chains.latest[at] = min(model.nodes[CLOSES, at], latest - model.nodes[SERVICE, at])
        back = np.int64(chains.before[at])
        if back >= 0:
            latest = chains.latest[at] - leg(model, back, at)
        at = back


@part
def _reverse(chains: Chains, k: int) -> None:
    """Walk tour `k` the other way."""
    at = np.int64(chains.first[k])
    while at >= 0:
        on = np.int64(chains.after[at])
        chains.after[at], chains.before[at] = chains.before[at], on
        at = on
    chains.first[k], chains.last[k] = chains.last[k], chains.first[k]
