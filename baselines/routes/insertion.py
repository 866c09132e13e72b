"""Insertion for every problem that has a model: put visit after visit where it costs least for what it brings.

Each tour keeps when its visits begin and how late they may begin, so that one look tells whether an
insertion is feasible (Solomon, Operations Research 35, 1987). Then stretches of visits are taken out
and put in again, as long as that makes the answer better.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import Array, Nodes, kernel, part

from .model_solver import ModelSolver, Tours

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tsp.budget import Clock
    from tsp.solution import Solution

    from .model import Model

LEAST = 1e-9
"""A change of cost that counts for none, and time that shorter ones count for."""

NEIGHBOURS = 5
"""Up to how many customers near one are taken out with it."""

LONGEST_RUN = 3
"""The most visits that are taken out at once."""

ATTEMPTS = 30
"""Random orders that are tried where customers who must be visited do not fit."""

MOST_BEST = 400
"""Customers who must all be visited, up to which each insertion is the best of all; above, they come in an order."""

BETWEEN_LOOKS = 1_000_000
"""About how many places are tried between two looks at the clock."""


class Routes(NamedTuple):
    """Tours that grow; tour k visits `stops[k, 1]` to `stops[k, sizes[k]]`.

    Attributes:
        stops: `[k, m + 2]`, the start, the visits, the end.
        sizes: `[k]`, how many visits.
        begin: `[k, m + 2]`, when each stop begins.
        latest: `[k, m + 2]`, when it may begin at the latest, for the stops after it to be in time.
        length: `[k]`.
        load: `[k]`.
        tour_of: `[n]`, the tour of each customer, -1 of those left out.
        place: `[n]`, its place in that tour's stops.
    """

    stops: Nodes
    sizes: Nodes
    begin: Array
    latest: Array
    length: Array
    load: Array
    tour_of: Nodes
    place: Nodes


class Totals(NamedTuple):
    """What tours come to; one without visits counts for nothing where there may be several.

    Attributes:
        length: of all together.
        longest: of the longest.
        end: the latest.
        collected: sum of the prizes.
        penalties: of the customers left out.
        left: how many customers those are.
    """

    length: float
    longest: float
    end: float
    collected: float
    penalties: float
    left: int


class InsertionByRules(ModelSolver):
    """Insert, then take out and insert again until nothing gets better; it ends when it is done."""

    one_shot = True

    def __init__(self) -> None:
        self.name = "insertion"

    def search(self, model: Model, clock: Clock, *, seed: int, initial: Solution | None) -> Iterator[Tours]:
        """What insertion in one order after the other makes, improved."""
        routes, spare = empty_routes(model), empty_routes(model)
        near, complete = None, False
        for order, last_resort in self._orders(model, seed):
            if last_resort and complete:
                return
            clear(model, routes)
            self._build(model, routes, order, clock)
            if clock.remaining > 0:
                near = _nearest(model) if near is None else near
                self._improve(model, routes, spare, near, clock)
            complete |= is_complete(model, routes)
            yield tours_of(model, routes)
            if clock.remaining <= 0:
                return

    def _orders(self, model: Model, seed: int) -> Iterator[tuple[Nodes, bool]]:
        """What is tried, and whether only where somebody does not fit.

        The best insertion each time (no order), the farthest from the start first, by closing time,
        and that blurred.
        """
        if model.optional or len(model.customers) <= MOST_BEST:
            yield np.empty(0, dtype=np.int32), False
        if not model.optional:
            far = model.distances[model.start, model.customers] + model.distances[model.customers, model.end]
            yield model.customers[np.argsort(-far, kind="stable")], False
        closes = model.closes[model.customers]
        yield model.customers[np.argsort(closes, kind="stable")], True
        yield model.customers[np.argsort(model.opens[model.customers], kind="stable")], True
        rng = np.random.default_rng(seed)
        width = np.where(np.isfinite(closes), closes, 0.0).max(initial=1.0)
        for _ in range(ATTEMPTS):
            blurred = np.where(np.isfinite(closes), closes, width) + rng.normal(0.0, 0.1 * width, len(closes))
            yield model.customers[np.argsort(blurred, kind="stable")], True

    def _build(self, model: Model, routes: Routes, order: Nodes, clock: Clock) -> None:
        """Insert who fits: in an order; without one each time who is best, and the rest by worth when time is up."""
        if len(order) == 0:
            at_once = 1 + BETWEEN_LOOKS // len(model.customers) ** 2
            while _insert_best_first(model, routes, at_once):
                if clock.remaining <= 0:
                    worth = model.penalty * model.penalties - model.prize * model.prizes
                    order = model.customers[np.argsort(-worth[model.customers], kind="stable")]
                    break
        _insert_in_order(model, routes, order)

    def _improve(self, model: Model, routes: Routes, spare: Routes, near: Nodes, clock: Clock) -> None:
        """Take out and insert again until nothing gets better; `routes` are changed."""
        better = True
        while better:
            better = False
            for i in range(len(model.customers)):
                if clock.remaining <= 0:
                    return
                better |= _reinsert(model, routes, spare, near, i)


def empty_routes(model: Model) -> Routes:
    """Room for the tours of a model."""
    m, k = len(model.customers), model.tours
    return Routes(
        stops=np.zeros((k, m + 2), dtype=np.int32),
        sizes=np.zeros(k, dtype=np.int32),
        begin=np.zeros((k, m + 2)),
        latest=np.zeros((k, m + 2)),
        length=np.zeros(k),
        load=np.zeros(k),
        tour_of=np.full(len(model.distances), -1, dtype=np.int32),
        place=np.zeros(len(model.distances), dtype=np.int32),
    )


def _nearest(model: Model) -> Nodes:
    """The nearest customers of each node `[n, k]`, in space and in the time when they are open."""
    k = min(NEIGHBOURS, len(model.customers) - 1)
    between = model.distances[:, model.customers] + model.distances.T[:, model.customers]
    middle = (model.opens + model.closes) / 2.0
    with np.errstate(invalid="ignore"):
        apart = np.abs(middle[:, None] - middle[model.customers])
    between += np.where(np.isfinite(apart), apart, 0.0)
    between[model.customers, np.arange(len(model.customers))] = np.inf
    return model.customers[smallest(between, k)]


def smallest(values: Array, count: int) -> NDArray[np.int64]:
    """Where in each row the `count` smallest values are `[n, count]`, the smallest first, and of equals the first."""
    where = np.sort(np.argpartition(values, count - 1, axis=1)[:, :count], axis=1)
    order = np.argsort(np.take_along_axis(values, where, axis=1), axis=1, kind="stable")
    return np.take_along_axis(where, order, axis=1)


def tours_of(model: Model, routes: Routes) -> Tours:
    """The tours as lists of nodes, from the start to the end; the end is left out where it is the start."""
    last = 1 if model.end == model.start else 2
    tours = [routes.stops[k, : routes.sizes[k] + last].tolist() for k in range(model.tours)]
    return [tour for k, tour in enumerate(tours) if routes.sizes[k] or not model.several]


@kernel
def clear(model: Model, routes: Routes) -> None:
    """No visits at all."""
    routes.sizes[:] = 0
    routes.tour_of[:] = -1
    for k in range(model.tours):
        routes.stops[k, 0], routes.stops[k, 1] = model.start, model.end
        refresh(model, routes, k)


@part
def refresh(model: Model, routes: Routes, k: int) -> None:
    """Compute anew what a tour keeps."""
    stops, begin, latest = routes.stops[k], routes.begin[k], routes.latest[k]
    last = routes.sizes[k] + 1
    begin[0] = model.opens[model.start]
    length, load = 0.0, 0.0
    for p in range(1, last + 1):
        a, b = stops[p - 1], stops[p]
        leg = model.distances[a, b]
        begin[p] = max(begin[p - 1] + model.service[a] + leg, model.opens[b])
        length += leg
        if p < last:
            load += model.demands[b]
            routes.place[b] = p
    latest[last] = model.closes[model.end]
    for p in range(last - 1, -1, -1):
        a, b = stops[p], stops[p + 1]
        latest[p] = min(model.closes[a], latest[p + 1] - model.distances[a, b] - model.service[a])
    routes.length[k], routes.load[k] = length, load


@kernel
def put(model: Model, routes: Routes, k: int, p: int, node: int) -> None:
    """Insert `node` into tour `k` after its stop `p`."""
    stops = routes.stops[k]
    for q in range(routes.sizes[k] + 1, p, -1):
        stops[q + 1] = stops[q]
    stops[p + 1] = node
    routes.sizes[k] += 1
    routes.tour_of[node] = k
    refresh(model, routes, k)


@kernel
def keeps_rules(model: Model, routes: Routes, k: int) -> bool:
    """Whether a tour does: without the triangle inequality, taking a visit out may make it longer."""
    if routes.sizes[k] == 0 and model.several:
        return True
    for p in range(routes.sizes[k] + 2):
        if routes.begin[k, p] > routes.latest[k, p]:
            return False
    return routes.load[k] <= model.capacity and routes.length[k] <= model.max_length


@kernel
def totals_of(model: Model, routes: Routes) -> Totals:
    """What all tours together come to."""
    length, longest, end, collected, penalties, left = 0.0, 0.0, 0.0, 0.0, 0.0, 0
    for k in range(model.tours):
        if routes.sizes[k] > 0 or not model.several:
            length += routes.length[k]
            longest = max(longest, routes.length[k])
            end = max(end, routes.begin[k, routes.sizes[k] + 1])
    for node in model.customers:
        if routes.tour_of[node] >= 0:
            collected += model.prizes[node]
        else:
            penalties += model.penalties[node]
            left += 1
    return Totals(length, longest, end, collected, penalties, left)


@kernel
def weighted(model: Model, totals: Totals) -> float:
    """The weighted objective."""
    cost = model.length * totals.length + model.longest * totals.longest + model.makespan * totals.end
    return cost + model.prize * totals.collected + model.penalty * totals.penalties


@kernel
def shortfall(model: Model, totals: Totals) -> float:
    """How many customers are missing, or what share of a quota that is missed; 0 where all is well."""
    if not model.optional:
        return float(totals.left)
    if totals.left > 0 and totals.collected < model.quota:
        return 1.0 - totals.collected / model.quota
    return 0.0


@part
def cost_of(model: Model, routes: Routes) -> float:
    """The weighted objective; customers missing, or a quota missed, cost more than all else."""
    totals = totals_of(model, routes)
    return weighted(model, totals) + model.missing * shortfall(model, totals)


def is_complete(model: Model, routes: Routes) -> bool:
    """Whether nobody is left out who must not be, and the quota is met."""
    return shortfall(model, totals_of(model, routes)) == 0.0


@kernel
def _insert_in_order(model: Model, routes: Routes, order: Nodes) -> None:
    """Insert one after the other, each where it costs least."""
    for i in range(len(order)):
        _insert_best(model, routes, order[i : i + 1])


@kernel
def _insert_best_first(model: Model, routes: Routes, most: int) -> bool:
    """Insert as many, each time who is best; whether there may be more."""
    while most > 0 and _insert_best(model, routes, model.customers):
        most -= 1
    return most == 0


@part
def _insert_best(model: Model, routes: Routes, nodes: Nodes) -> bool:
    """Insert the one of `nodes` that is best where it is best; whether there was one that fits and pays."""
    distances = model.distances
    totals = totals_of(model, routes)
    longest, end = totals.longest, totals.end
    needy = model.optional and totals.collected < model.quota
    best = np.inf
    best_node, best_tour, best_place = np.int64(-1), np.int64(-1), np.int64(-1)
    for node in nodes:
        if routes.tour_of[node] >= 0:
            continue
        brings = model.penalty * model.penalties[node] - model.prize * model.prizes[node]
        for k in range(model.tours):
            if routes.load[k] + model.demands[node] > model.capacity:
                continue
            stops, begin, latest = routes.stops[k], routes.begin[k], routes.latest[k]
            empty = routes.sizes[k] == 0
            for p in range(routes.sizes[k] + 1):
                a, b = stops[p], stops[p + 1]
                added = distances[a, node] + distances[node, b] - distances[a, b]
                if routes.length[k] + added > model.max_length:
                    continue
                here = max(begin[p] + model.service[a] + distances[a, node], model.opens[node])
                if here > model.closes[node]:
                    continue
                after = max(here + model.service[node] + distances[node, b], model.opens[b])
                if after > latest[p + 1]:
                    continue
                shift = max(0.0, after - begin[p + 1])
                cost = model.length * (added + (distances[a, b] if empty and model.several else 0.0))
                cost += model.longest * max(0.0, routes.length[k] + added - longest)
                cost += model.makespan * max(0.0, begin[routes.sizes[k] + 1] + shift - end)
                if needy:
                    key = (cost - brings) / max(model.prizes[node], LEAST)
                elif model.optional:
                    if cost - brings >= -LEAST:
                        continue
                    key = (cost - brings) / max(shift, LEAST)
                else:
                    key = cost + LEAST * added
                if key < best:
                    best, best_node, best_tour, best_place = key, node, k, p
            if empty:
                break  # the other empty tours are like this one
    if best_node < 0:
        return False
    put(model, routes, best_tour, best_place, best_node)
    return True


@part
def take_out(model: Model, routes: Routes, node: int) -> None:
    """Remove `node` from its tour, if it is in one."""
    k = np.int64(routes.tour_of[node])
    if k < 0:
        return
    for q in range(routes.place[node], routes.sizes[k] + 1):
        routes.stops[k, q] = routes.stops[k, q + 1]
    routes.sizes[k] -= 1
    routes.tour_of[node] = -1
    refresh(model, routes, k)


@kernel
def _reinsert(model: Model, routes: Routes, spare: Routes, near: Nodes, i: int) -> bool:
    """Take out a customer with the visits after it, or those near it, and insert anew; whether that is better.

    Who was left out is inserted in place of those near it.

    Args:
        model: the problem.
        routes: are changed, where that is better.
        spare: is written to.
        near: `[n, k]`, the nearest customers of each node.
        i: the customer's place among all.
    """
    node = model.customers[i]
    before = cost_of(model, routes)
    margin = LEAST * max(1.0, abs(before))
    for kind in range(LONGEST_RUN + near.shape[1]):
        k = routes.tour_of[node]
        if k < 0 and kind < LONGEST_RUN:
            continue
        copy(routes, spare)
        if kind < LONGEST_RUN:
            p = spare.place[node]
            for q in range(p, min(p + kind, routes.sizes[k]) + 1):
                take_out(model, routes, spare.stops[k, q])
        else:
            take_out(model, routes, node)
            for other in near[node, : kind - LONGEST_RUN + 1]:
                take_out(model, routes, other)
            if k < 0:  # left out so far: it comes in before the others
                _insert_best(model, routes, model.customers[i : i + 1])
        _insert_best_first(model, routes, len(model.customers))
        good = cost_of(model, routes) < before - margin
        for k in range(model.tours):
            good = good and keeps_rules(model, routes, k)
        if good:
            return True
        copy(spare, routes)
    return False


@kernel
def copy(routes: Routes, to: Routes) -> None:
    """Make `to` the same as `routes`."""
    for k in range(len(routes.sizes)):
        for p in range(routes.sizes[k] + 2):
            to.stops[k, p] = routes.stops[k, p]
            to.begin[k, p] = routes.begin[k, p]
            to.latest[k, p] = routes.latest[k, p]
        to.sizes[k] = routes.sizes[k]
        to.length[k] = routes.length[k]
        to.load[k] = routes.load[k]
    for node in range(len(routes.tour_of)):
        to.tour_of[node] = routes.tour_of[node]
        to.place[node] = routes.place[node]
