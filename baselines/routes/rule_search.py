"""Ruin and recreate for every problem that has a model: the anytime search by rules.

Strings of visits that lie near each other are taken out and put in again, each where it costs least
among places beside its neighbours, some of which are overlooked at random (SISR: Christiaens, Vanden
Berghe, "Slack induction by string removals for vehicle routing problems", Transportation Science 54,
2020). Simulated annealing decides what is kept. Where customers may be left out, those near the
strings compete for the room, and now and then a whole region is visited, or left out, whatever that
costs at first: one visit at a time the search would not get there. Where a rule keeps some out who
must be visited, those who were out most often count most.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import Array, Nodes, inlined, kernel, part
from baselines.kernels.randomness import RANGE, Random, random_bits
from baselines.trivial import SQUARE
from tsp.budget import Budget, Clock
from tsp.problems import get_problem

from .insertion import (
    InsertionByRules,
    Routes,
    Totals,
    clear,
    copy,
    empty_routes,
    keeps_rules,
    put,
    refresh,
    shortfall,
    smallest,
    take_out,
    totals_of,
    tours_of,
    weighted,
)
from .model_solver import ModelSolver, Tours

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tsp.problems import Problem
    from tsp.solution import Solution

    from .model import Model

NEIGHBOURS = 30
"""Customers near one, beside which it is inserted and which are taken out with it."""

STRING = 10
"""The most visits in a string."""

REMOVED = 10.0
"""How many visits are taken out on average where tours are long."""

SHARE = 0.1
"""And what share of them where they are short."""

CLOSEST = 5
"""To how many nearest a reversal may join a tour's end."""

DEPTH = 6
"""The most reversals in a chain."""

OVERLOOKED = 100
"""One in so many places is overlooked."""

HOTTEST, COLDEST = 2.0, 0.1
"""Temperatures at the start and at the end, in what a leg costs or a visit is worth, whichever is less."""

SLOPE = 0.1
"""What the length weighs where it does not count: so that all else equal the shorter tour is better."""

DEARER, CHEAPER = 0.05, 0.02
"""By how much a prize gains in price when a quota was missed, and loses when it was met."""

APPRAISAL = 2.0
"""By what factor at most customers who may be left out are taken for more or less worth than they are."""

SWAYED = 10
"""In one of so many iterations a region is visited, or left out, whatever that costs at first."""

LEAST = 1e-9
"""A prize that smaller ones count for, and a relative change of cost that is none."""

PREPARED = 0.2
"""The share of the time that the first answer may take."""

AT_LEAST = 0.05
"""Seconds that it may take in any case: in less, insertion is what the time is best spent on."""

BATCH = 1e-3
"""Seconds between two looks at the clock."""


class Search(NamedTuple):
    """What the kernels work on.

    Attributes:
        model: the problem, with weights to search by.
        near: `[n, k]`, the customers near each node, nearest first.
        turns: whether a tour may be walked either way.
        orders: `[o, m]`, orders in which customers are inserted.
        patience: `[n]`, how often each customer was missing.
        waiting: `[n]`, who is to be inserted.
        queue: `[n]`, the same as a list.
        touched: `[2 m]`, nodes whose edges were changed; those beyond are forgotten.
        log: the reversals of a chain.
        changed: `[tours]`, the tours that differ from those kept.
        struck: `[tours]`, how many strings were taken from each; -1 where it is not changed.
        price: what a unit of prize is worth where a quota asks for it, and the unit in which that changes.
        favour: `[n]`, infinite for who is welcome whatever that costs, minus infinity for who is barred.
        counts: how many there are in `queue`, in `changed` and in `touched`.
        random: the generator's state.
    """

    model: Model
    near: Nodes
    turns: bool
    orders: Nodes
    patience: Array
    waiting: NDArray[np.bool_]
    queue: Nodes
    touched: Nodes
    log: Nodes
    changed: Nodes
    struck: Nodes
    price: Array
    favour: Array
    counts: NDArray[np.int64]
    random: Random


@part
def _below(random: Random, limit: int) -> int:
    """A random number from 0 to `limit` - 1."""
    return random_bits(random) % np.int64(limit)


@part
def _wait(waiting: NDArray[np.bool_], queue: Nodes, counts: NDArray[np.int64], node: int) -> None:
    """Let `node` wait, unless it does already."""
    if not waiting[node]:
        waiting[node] = True
        queue[counts[0]] = node
        counts[0] += 1


@part
def _change(struck: Nodes, changed: Nodes, counts: NDArray[np.int64], k: int) -> None:
    """Note that tour `k` was changed."""
    if struck[k] < 0:
        struck[k] = 0
        changed[counts[1]] = k
        counts[1] += 1


@part
def _touch(touched: Nodes, counts: NDArray[np.int64], node: int) -> None:
    """Note that an edge at `node` was changed."""
    if counts[2] < len(touched):
        touched[counts[2]] = node
        counts[2] += 1


@inlined
def _take_string(search: Search, routes: Routes, k: int, p: int, most: int) -> None:
    """Take out of tour `k` a run of visits around place `p`, perhaps but for one among them."""
    random = search.random
    stops, size = routes.stops[k], np.int64(routes.sizes[k])
    length = 1 + _below(random, min(most, size))
    spared = length < size and length > 1 and random_bits(random) % 2 == 0
    span = length + 1 if spared else length
    low, high = max(1, p - span + 1), min(p, size - span + 1)
    first = low + _below(random, high - low + 1)
    hold = first + 1 + _below(random, span - 2) if spared else -1
    to = first
    for q in range(first, size + 2):
        node = stops[q]
        if q < first + span and q != hold:
            routes.tour_of[node] = -1
            _wait(search.waiting, search.queue, search.counts, node)
        else:
            stops[to] = node
            routes.place[node] = to
            to += 1
    routes.sizes[k] = size - length
    for q in (first - 1, first, first + 1):
        _touch(search.touched, search.counts, stops[q])
    _change(search.struck, search.changed, search.counts, k)
    search.struck[k] += 1


@part
def ruin(search: Search, routes: Routes) -> bool:
    """Take out strings of visits near a random customer; let those wait who may be put in there.

    Returns:
        whether some are welcome or barred this time.
    """
    model, random = search.model, search.random
    visits, used = 0, 0
    for k in range(model.tours):
        if routes.sizes[k] > 0:
            visits += routes.sizes[k]
            used += 1
    seed = model.customers[_below(random, len(model.customers))]
    if routes.tour_of[seed] < 0:
        _wait(search.waiting, search.queue, search.counts, seed)
    if used > 0:
        removed = min(REMOVED, 1.0 + SHARE * visits)
        most = max(1, min(STRING, visits // used, int(removed)))
        strings = 1 + int(random_bits(random) / RANGE * max(0.0, 4.0 * removed / (1 + most) - 1.0))
        each = (strings + used - 1) // used
        for j in range(-1, search.near.shape[1]):
            node = seed if j < 0 else search.near[seed, j]
            k = np.int64(routes.tour_of[node])
            if k >= 0 and search.struck[k] < each:
                _take_string(search, routes, k, routes.place[node], most)
                strings -= 1
                if strings == 0:
                    break
        for i in range(search.counts[1]):
            refresh(model, routes, np.int64(search.changed[i]))
    swayed = model.optional and _below(random, SWAYED) == 0
    if swayed:
        _sway(search, routes, seed)
    else:
        _call_up(search, routes, seed)
    return swayed


@inlined
def _sway(search: Search, routes: Routes, seed: int) -> None:
    """Bar the customers around `seed`, or welcome those around another, or both; let all others wait after them."""
    model, near, random = search.model, search.near, search.random
    kind = 1 + _below(random, 3)
    if kind & 1:
        _take_out(search, routes, seed)
        search.favour[seed] = -np.inf
        for j in range(_below(random, near.shape[1] + 1)):
            _take_out(search, routes, near[seed, j])
            search.favour[near[seed, j]] = -np.inf
    for i in range(search.counts[0]):
        search.waiting[search.queue[i]] = False
    search.counts[0] = 0
    if kind & 2:
        other = model.customers[_below(random, len(model.customers))]
        reach = _below(random, near.shape[1] + 1)
        for j in range(-1, reach):
            node = other if j < 0 else near[other, j]
            search.favour[node] = np.inf
            if routes.tour_of[node] < 0:
                _wait(search.waiting, search.queue, search.counts, node)
    welcome = search.counts[0]
    for node in model.customers:
        if routes.tour_of[node] < 0:
            _wait(search.waiting, search.queue, search.counts, node)
    _shuffle(search, welcome)


@part
def _shuffle(search: Search, first: int) -> None:
    """Bring who waits into a random order, but for the `first` of them."""
    count = search.counts[0]
    for i in range(first, count):
        j = i + _below(search.random, count - i)
        search.queue[i], search.queue[j] = search.queue[j], search.queue[i]


@part
def _take_out(search: Search, routes: Routes, node: int) -> None:
    """Take out one visit, if there is one."""
    k = np.int64(routes.tour_of[node])
    if k < 0:
        return
    p = routes.place[node]
    _touch(search.touched, search.counts, routes.stops[k, p - 1])
    _touch(search.touched, search.counts, routes.stops[k, p + 1])
    take_out(search.model, routes, node)
    _change(search.struck, search.changed, search.counts, k)


@inlined
def _prune(search: Search, routes: Routes, collected: float) -> float:
    """Take out whom it does not pay to visit; what is collected then."""
    model, distances = search.model, search.model.distances
    n = len(model.customers)
    first = _below(search.random, n)
    for i in range(n):
        node = model.customers[(first + i) % n]
        k = np.int64(routes.tour_of[node])
        if k < 0 or collected - model.prizes[node] < model.quota:
            continue
        p = routes.place[node]
        a, b = routes.stops[k, p - 1], routes.stops[k, p + 1]
        saved = model.length * (distances[a, node] + distances[node, b] - distances[a, b])
        if saved > model.penalty * model.penalties[node] - model.prize * model.prizes[node]:
            collected -= model.prizes[node]
            _take_out(search, routes, node)
    return collected


@inlined
def _call_up(search: Search, routes: Routes, seed: int) -> None:
    """Let all wait who must be visited and are not, or, of those who may be left out, who is near `seed` or another."""
    model = search.model
    if not model.optional:
        for node in model.customers:
            if routes.tour_of[node] < 0:
                _wait(search.waiting, search.queue, search.counts, node)
        return
    other = model.customers[_below(search.random, len(model.customers))]
    for j in range(search.near.shape[1]):
        for centre in (seed, other):
            if routes.tour_of[search.near[centre, j]] < 0:
                _wait(search.waiting, search.queue, search.counts, search.near[centre, j])


@inlined
def best_place(
    search: Search, routes: Routes, node: int, longest: float, end: float, blink: int
) -> tuple[float, int, int]:
    """Where `node` costs least among the places beside its neighbours, the ends of changed tours, and an empty tour.

    Returns:
        the change of cost, infinite where it fits nowhere; the tour; and the stop after which.
    """
    model, near = search.model, search.near
    distances = model.distances
    empty = 0
    while empty < model.tours and routes.sizes[empty] > 0:
        empty += 1
    beside = 2 * near.shape[1]
    total = beside + 2 * search.counts[1] + 1
    best, best_tour, best_stop = np.inf, np.int64(-1), np.int64(-1)
    for e in range(total):
        if e < beside:
            other = near[node, e >> 1]
            k = np.int64(routes.tour_of[other])
            if k < 0:
                continue
            p = routes.place[other] - (e & 1)
        elif e < total - 1:
            k = np.int64(search.changed[(e - beside) >> 1])
            p = routes.sizes[k] if e & 1 else 0
        else:
            k, p = empty, 0
            if k == model.tours:
                continue
        if routes.load[k] + model.demands[node] > model.capacity:
            continue
        a, b = routes.stops[k, p], routes.stops[k, p + 1]
        added = distances[a, node] + distances[node, b] - distances[a, b]
        if routes.length[k] + added > model.max_length:
            continue
        here = max(routes.begin[k, p] + model.service[a] + distances[a, node], model.opens[node])
        if here > model.closes[node]:
            continue
        after = max(here + model.service[node] + distances[node, b], model.opens[b])
        if after > routes.latest[k, p + 1]:
            continue
        cost = model.length * added
        if routes.sizes[k] == 0 and model.several:
            cost += model.length * distances[a, b]
        if model.longest > 0.0:
            cost += model.longest * max(0.0, routes.length[k] + added - longest)
        if model.makespan > 0.0:
            shift = max(0.0, after - routes.begin[k, p + 1])
            cost += model.makespan * max(0.0, routes.begin[k, routes.sizes[k] + 1] + shift - end)
        if cost < best and random_bits(search.random) % blink > 0:
            best, best_tour, best_stop = cost, k, p
    return best, best_tour, best_stop


@part
def recreate(search: Search, routes: Routes, swayed: bool) -> None:
    """Insert who waits, in a random one of the orders: all who must be visited, and of the others who pays.

    Until a quota is met a prize has a price too, which rises when the quota is missed, and falls. Where
    some were welcome or barred, those who wait come in their order, and then who does not pay goes.
    """
    model = search.model
    totals = totals_of(model, routes)
    longest, end, collected = totals.longest, totals.end, totals.collected
    kind = -1 if swayed else _below(search.random, len(search.orders) + 2) - 2
    appraisal = APPRAISAL ** (2.0 * random_bits(search.random) / RANGE - 1.0)
    count = search.counts[0]
    if kind < 0 and not swayed:  # in a random order, but first who waited first
        _shuffle(search, 1)
    for i in range(count if kind < 0 else len(model.customers)):
        node = search.queue[i] if kind < 0 else search.orders[kind, i]
        if not search.waiting[node]:
            continue
        search.waiting[node] = False
        cost, k, p = best_place(search, routes, node, longest, end, OVERLOOKED)
        brings = model.penalty * model.penalties[node] - model.prize * model.prizes[node]
        if collected < model.quota:
            brings += search.price[0] * model.prizes[node]
        if k < 0 or (model.optional and cost >= appraisal * brings + search.favour[node]):
            continue
        _change(search.struck, search.changed, search.counts, k)
        put(model, routes, k, p, np.int64(node))
        _touch(search.touched, search.counts, node)
        longest, end = max(longest, routes.length[k]), max(end, routes.begin[k, routes.sizes[k] + 1])
        collected += model.prizes[node]
    search.counts[0] = 0
    if swayed:
        collected = _prune(search, routes, collected)
        search.favour[:] = 0.0
    if model.quota > 0.0:
        price = search.price[0] + (DEARER if collected < model.quota else -CHEAPER) * search.price[1]
        search.price[0] = max(0.0, price)


@part
def take_over(search: Search, routes: Routes, to: Routes) -> None:
    """Make the changed tours of `to` the same as those of `routes`."""
    for i in range(search.counts[1]):
        k = search.changed[i]
        for p in range(1, to.sizes[k] + 1):
            to.tour_of[to.stops[k, p]] = -1
    for i in range(search.counts[1]):
        k = search.changed[i]
        for p in range(routes.sizes[k] + 2):
            node = routes.stops[k, p]
            to.stops[k, p] = node
            to.begin[k, p] = routes.begin[k, p]
            to.latest[k, p] = routes.latest[k, p]
            if 0 < p <= routes.sizes[k]:
                to.tour_of[node], to.place[node] = k, p
        to.sizes[k] = routes.sizes[k]
        to.length[k] = routes.length[k]
        to.load[k] = routes.load[k]


@inlined
def _missed(search: Search, routes: Routes) -> float:
    """How often those were missing who are."""
    total = 0.0
    for node in search.model.customers:
        if routes.tour_of[node] < 0:
            total += search.patience[node]
    return total


@part
def _reverse(routes: Routes, k: int, first: int, last: int) -> None:
    """Reverse the visits of tour `k` between two places."""
    stops, place = routes.stops[k], routes.place
    i, j = min(first, last), max(first, last)
    while i <= j:
        a, b = stops[i], stops[j]
        stops[i], stops[j] = b, a
        place[b], place[a] = i, j
        i, j = i + 1, j - 1


@part
def _chain(search: Search, routes: Routes, base: int, ahead: int, choice: int) -> bool:
    """Make a chain of reversals in a tour, after Lin and Kernighan, as far as that makes it shorter.

    The edge from `base` to its neighbour is taken away, so that the tour is a path from that neighbour;
    each reversal joins the path's end to a visit near it and leaves another end.

    Args:
        search: of symmetric distances.
        routes: are changed.
        base: is visited.
        ahead: 1 or -1, on which side the edge is taken away.
        choice: to which of those near it the path's end is joined at first.

    Returns:
        whether the tour was changed.
    """
    near, log, distances = search.near, search.log, search.model.distances
    k = np.int64(routes.tour_of[base])
    stops, place = routes.stops[k], routes.place
    i = np.int64(place[base])
    gain, made, best = LEAST * routes.length[k], 0, 0
    opened = distances[base, stops[i + ahead]]
    for step in range(DEPTH):
        end = stops[i + ahead]
        farthest, to = 0.0, np.int64(-1)
        for m in range(choice if step == 0 else 0, choice + 1 if step == 0 else min(CLOSEST, near.shape[1])):
            node = near[end, m]
            left = opened - distances[end, node]
            if left <= 0.0:
                break
            p = np.int64(place[node])
            if routes.tour_of[node] != k or p == i or p == i + 2 * ahead:
                continue
            left += distances[stops[p - ahead], node]
            if left > farthest:
                farthest, to = left, p
        if to < 0:
            break
        opened = farthest
        if (to - i) * ahead > 0:
            log[2 * made], log[2 * made + 1] = i + ahead, to - ahead
        else:
            log[2 * made], log[2 * made + 1] = i, to
            i, ahead = to, -ahead
        _reverse(routes, k, log[2 * made], log[2 * made + 1])
        made += 1
        closed = opened - distances[stops[i + ahead], base]
        if closed > gain:
            gain, best = closed, made
    for step in range(made - 1, best - 1, -1):
        _reverse(routes, k, log[2 * step], log[2 * step + 1])
    for step in range(2 * best):
        for p in range(log[step] - 1, log[step] + 2):
            if 0 < p <= routes.sizes[k]:
                _wait(search.waiting, search.queue, search.counts, stops[p])
    return best > 0


@part
def descend(search: Search, routes: Routes) -> None:
    """Make tours shorter by chains of reversals where they were changed, until there are none."""
    for i in range(search.counts[2]):
        _wait(search.waiting, search.queue, search.counts, search.touched[i])
    search.counts[2] = 0
    while search.counts[0] > 0:
        search.counts[0] -= 1
        base = search.queue[search.counts[0]]
        search.waiting[base] = False
        if routes.tour_of[base] < 0:
            continue
        found, tries = False, 2 * min(CLOSEST, search.near.shape[1])
        while tries > 0 and not found:
            tries -= 1
            found = _chain(search, routes, base, 2 * (tries & 1) - 1, tries >> 1)
        if found:
            _wait(search.waiting, search.queue, search.counts, base)
    for i in range(search.counts[1]):
        refresh(search.model, routes, np.int64(search.changed[i]))


@inlined
def _accepts(search: Search, now: Routes, kept: Routes, totals: Totals, costs: Array, allowance: float) -> bool:
    """Whether the search goes on from `now` rather than from `kept`; `costs` are those of `kept`."""
    for i in range(search.counts[1]):
        if not keeps_rules(search.model, now, np.int64(search.changed[i])):
            return False
    cost, missing = weighted(search.model, totals), shortfall(search.model, totals)
    if missing == 0.0 or costs[1] == 0.0 or search.model.optional:
        return missing < costs[1] or (missing == costs[1] and cost < costs[0] + allowance)
    old, new = _missed(search, kept), _missed(search, now)
    for node in search.model.customers:
        if now.tour_of[node] < 0:
            search.patience[node] += 1.0
    return new < old or (new == old and cost < costs[0] + allowance)


@kernel
def iterate(
    search: Search, objective: Model, now: Routes, kept: Routes, best: Routes, costs: Array, count: int, heat: float
) -> bool:
    """Ruin and recreate `count` times at a temperature, with turns between.

    Args:
        search: what is worked on.
        objective: the problem with its own weights.
        now: tours to change, the same as `kept`.
        kept: the tours that annealing is at.
        best: the best so far.
        costs: `[4]`, what `kept` costs and misses by the search's weights, and `best` by its own.
        count: of iterations.
        heat: the temperature.

    Returns:
        whether `best` was changed.
    """
    better = False
    for _ in range(count):
        allowance = -heat * np.log(1.0 - random_bits(search.random) / RANGE)
        swayed = ruin(search, now)
        recreate(search, now, swayed)
        if search.turns:
            descend(search, now)
        totals = totals_of(search.model, now)
        if _accepts(search, now, kept, totals, costs, allowance):
            take_over(search, now, kept)
            costs[0], costs[1] = weighted(search.model, totals), shortfall(search.model, totals)
            value = weighted(objective, totals)
            margin = LEAST * max(1.0, abs(costs[2]))
            if costs[1] < costs[3] or (costs[1] == costs[3] and value < costs[2] - margin):
                copy(now, best)
                costs[2], costs[3] = value, costs[1]
                better = True
        else:
            take_over(search, kept, now)
        for i in range(search.counts[1]):
            search.struck[search.changed[i]] = -1
        search.counts[1:] = 0
    return better


class RuleSearch(ModelSolver):
    """Ruin and recreate until the clock runs out, from the best of what insertion makes and `initial`.

    Args:
        iterations: stop after so many, which makes the answer a function of the instance and the
            seed alone if the time suffices; None: the clock decides.
    """

    def __init__(self, *, iterations: int | None = None) -> None:
        if iterations is not None and iterations < 0:
            raise ValueError(f"iterations: {iterations}, expected 0 or more")
        self.name = "ls"
        self.iterations = iterations

    def warm_up(self, problem: Problem) -> None:
        """Compile; what is compiled serves every problem."""
        RuleSearch(iterations=1).solve(get_problem("tsp"), [SQUARE], Budget(60.0))

    def search(self, model: Model, clock: Clock, *, seed: int, initial: Solution | None) -> Iterator[Tours]:
        """The best of the first answers, then better ones."""
        first: list[Tours] = [] if initial is None else [[tour.tolist() for tour in initial.tours]]
        left = clock.remaining
        share = Clock(left if self.iterations is not None else min(left, max(AT_LEAST, PREPARED * left)))
        for tours in InsertionByRules().search(model, share, seed=seed, initial=None):
            yield tours
            first.append(tours)
        used = max(len(tours) for tours in first)
        model = model._replace(tours=min(model.tours, used + 2 + used // 4))
        best, costs = empty_routes(model), np.full(4, np.inf)
        now, kept = empty_routes(model), empty_routes(model)
        for tours in first:
            _fill(model, now, tours)
            totals = totals_of(model, now)
            cost = weighted(model, totals), shortfall(model, totals)
            kept_to = all(keeps_rules(model, now, k) for k in range(model.tours))
            if kept_to and cost[::-1] < (costs[3], costs[2]):
                costs[2:] = cost
                copy(now, best)
        if np.isinf(costs[3]) or _is_settled(model, costs) or clock.remaining <= 0.0:
            return
        search, scale = prepare(model, best, seed)
        copy(best, now)
        copy(best, kept)
        totals = totals_of(model, best)
        costs[:2] = weighted(search.model, totals), shortfall(model, totals)
        for count, cooled in self._batches(clock):
            heat = HOTTEST * scale * (COLDEST / HOTTEST) ** cooled
            if iterate(search, model, now, kept, best, costs, count, heat):
                yield tours_of(model, best)
                if _is_settled(model, costs):
                    return

    def _batches(self, clock: Clock) -> Iterator[tuple[int, float]]:
        """How many iterations come next, and how much of the time or the number is gone."""
        if self.iterations is not None:
            for done in range(0, self.iterations, 100):
                if clock.remaining <= 0.0:
                    return
                yield min(100, self.iterations - done), done / self.iterations
            return
        start, count = clock.remaining, 10
        while (left := clock.remaining) > 0.0:
            yield count, 1.0 - left / start
            spent = max(left - clock.remaining, 1e-6)
            count = int(np.clip(count * min(BATCH, left) / spent, 1, 2 * count))


def _is_settled(model: Model, costs: Array) -> bool:
    """Whether nothing can be better: all prizes are collected, and nothing else counts."""
    if costs[3] > 0.0 or model.length or model.longest or model.makespan or model.penalty:
        return False
    return bool(costs[2] <= model.prize * model.prizes[model.customers].sum() * (1.0 - LEAST))


def _fill(model: Model, routes: Routes, tours: Tours) -> None:
    """Make `routes` walk the tours."""
    clear(model, routes)
    for k, tour in enumerate(tours):
        for node in tour:
            if node not in (model.start, model.end):
                put(model, routes, k, int(routes.sizes[k]), node)


def prepare(model: Model, routes: Routes, seed: int) -> tuple[Search, float]:
    """What the kernels work on, and what a visit costs, the scale of temperatures."""
    totals = totals_of(model, routes)
    n, m = len(model.distances), len(model.customers)
    visits = max(1, m - totals.left)
    leg = _leg(model, totals.length / (visits + 1))
    worth = abs(model.prize) * totals.collected + model.penalty * model.penalties[model.customers].sum() / m * visits
    timed = model.makespan * totals.end / max(totals.length, LEAST)
    parts = leg * (model.length + model.longest + timed), worth / visits
    scale = next((part for part in parts if part > 0.0), LEAST)
    if model.length == 0.0:
        slope = SLOPE * (model.longest + timed + worth / max(totals.length, LEAST))
        model = model._replace(length=float(slope))
    return Search(
        model=model,
        near=_near(model),
        turns=bool((model.distances == model.distances.T).all() and np.isinf(model.closes).all()),
        orders=_orders(model),
        patience=np.ones(n),
        waiting=np.zeros(n, dtype=np.bool_),
        queue=np.zeros(n, dtype=np.int32),
        touched=np.zeros(2 * m, dtype=np.int32),
        log=np.zeros(2 * DEPTH, dtype=np.int32),
        changed=np.zeros(model.tours, dtype=np.int32),
        struck=np.full(model.tours, -1, dtype=np.int32),
        price=np.array([0.0, scale * visits / max(totals.collected, LEAST)]),
        favour=np.zeros(n),
        counts=np.zeros(3, dtype=np.int64),
        random=np.array([seed % 2**64], dtype=np.uint64),
    ), float(scale)


def _leg(model: Model, mean: float) -> float:
    """How long a leg of a good tour is: about as far as the second nearest customer; `mean` is that of a first tour."""
    away = model.distances[np.ix_(model.customers, model.customers)]
    np.fill_diagonal(away, np.inf)
    second = min(1, len(away) - 2)
    return mean if second < 0 else min(mean, max(float(np.partition(away, second)[:, second].mean()), mean / 100.0))


def _near(model: Model) -> Nodes:
    """The customers near each node in space and in time `[n, k]`.

    A wait and, more so, being late count as distance (Vidal et al., Computers & Operations Research 40, 2013).
    """
    customers = model.customers
    k = min(NEIGHBOURS, len(customers) - 1)
    out = model.distances + model.service[:, None]
    early = np.maximum(0.0, model.opens - out - np.where(np.isinf(model.closes), np.inf, model.closes)[:, None])
    late = np.maximum(0.0, model.opens[:, None] + out - model.closes)
    ahead = model.distances + 0.2 * early + late
    apart = np.minimum(ahead, ahead.T)[:, customers]
    apart[customers, np.arange(len(customers))] = np.inf
    return customers[smallest(apart, k)]


def _orders(model: Model) -> Nodes:
    """Orders of insertion: far, near, heavy, dear, closing or opening first, as far as they differ."""
    customers = model.customers
    far = model.distances[model.start, customers] + model.distances[customers, model.end]
    dear = model.penalty * model.penalties[customers] - model.prize * model.prizes[customers]
    keys = [far, -far, -model.demands[customers], -dear, model.closes[customers], model.opens[customers]]
    told = [key for key in keys if np.ptp(np.where(np.isinf(key), 0.0, key)) > 0.0]
    return np.array([customers[np.argsort(key, kind="stable")] for key in told or [far]], dtype=np.int32)
