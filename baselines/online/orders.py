"""The expected prize of an a-priori order of visits in a session, and what each insertion into it is worth.

An order is followed visit by visit. It ends where the next node could not be left in time to be back, or where a visit
is broken off (see `tsp.problems.Session`). Times lie on a grid: a distribution of departures splits its mass between
two cells, so that its mean is exact, and the value of the rest of an order is interpolated (backward recursion). With
both cached for all positions, an insertion costs O(K · grid), for K outcomes of a visit.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from baselines.kernels.geometry import kernel, part

Floats = NDArray[np.float64]
Orders = NDArray[np.int64]

SLACK = 1e-9
"""Relative tolerance of the session's end, that of the checker."""


class Sessions(NamedTuple):
    """What the kernels read of an instance.

    Attributes:
        distances: `[n, n]`.
        home: `[n]` distance to the end of the tour.
        prizes: `[n]`.
        law: `[n, K]` equally likely durations of each visit.
        limit: length of the session.
        cells: number of cells of the grid of times.
    """

    distances: Floats
    home: Floats
    prizes: Floats
    law: Floats
    limit: float
    cells: int


class Caches(NamedTuple):
    """For an order of m visits: what comes before and after each position.

    Attributes:
        departures: `[m + 1, cells + 1]` probability to leave the visit before position q at each time, the visit over.
        collected: `[m + 1]` expected prize of the visits before position q.
        onward: `[m + 1, cells + 1]` expected prize from position q on, on arrival at its node at each time.
    """

    departures: Floats
    collected: Floats
    onward: Floats


def make_caches(n: int, cells: int) -> Caches:
    """Memory for orders of up to n visits."""
    return Caches(np.zeros((n + 1, cells + 1)), np.zeros(n + 1), np.zeros((n + 1, cells + 1)))


@part
def _value_at(values: Floats, time: float, limit: float, cells: int) -> float:
    """A value on the grid, interpolated linearly."""
    x = time / limit * cells if limit > 0 else 0.0
    i = min(int(x), cells)
    if i == cells:
        return values[cells]
    return values[i] + (x - i) * (values[i + 1] - values[i])


@part
def _add_mass(masses: Floats, time: float, mass: float, limit: float, cells: int) -> None:
    """Add probability at a time, split between the two grid points beside it."""
    x = time / limit * cells if limit > 0 else 0.0
    i = min(int(x), cells)
    if i == cells:
        masses[cells] += mass
    else:
        masses[i] += mass * (1 - (x - i))
        masses[i + 1] += mass * (x - i)


@part
def _visit(sessions: Sessions, node: int, arrive: float, rest: Floats, leg: float) -> float:
    """Expected prize from an arrival at a node on, `leg` being the way to the node of `rest`; below 0: no rest."""
    latest = sessions.limit - sessions.home[node]
    if arrive > latest + SLACK * sessions.limit:
        return 0.0
    outcomes = sessions.law.shape[1]
    total = 0.0
    for k in range(outcomes):
        over = arrive + sessions.law[node, k]
        if over <= latest + SLACK * sessions.limit:
            total += sessions.prizes[node]
            if leg >= 0:
                total += _value_at(rest, over + leg, sessions.limit, sessions.cells)
    return total / outcomes


@part
def _fill_onward(sessions: Sessions, order: Orders, count: int, caches: Caches, first: int) -> None:
    """Compute `onward` of an order from its end back to position `first`."""
    cells, limit = sessions.cells, sessions.limit
    caches.onward[count, :] = 0.0
    for q in range(count - 1, first - 1, -1):
        node = order[q]
        leg = sessions.distances[node, order[q + 1]] if q + 1 < count else -1.0
        for g in range(cells + 1):
            arrive = g * limit / cells
            caches.onward[q, g] = _visit(sessions, node, arrive, caches.onward[q + 1], leg)


@part
def _fill_departures(sessions: Sessions, start: int, order: Orders, count: int, caches: Caches, first: int) -> None:
    """Compute `departures` and `collected` of an order from position `first` on."""
    cells, limit = sessions.cells, sessions.limit
    outcomes = sessions.law.shape[1]
    if first == 0:
        caches.departures[0, :] = 0.0
        caches.departures[0, 0] = 1.0
        caches.collected[0] = 0.0
    for q in range(first, count):
        node, before = order[q], order[q - 1] if q > 0 else start
        latest = limit - sessions.home[node] + SLACK * limit
        leg = sessions.distances[before, node]
        caches.departures[q + 1, :] = 0.0
        done = 0.0
        for g in range(cells + 1):
            mass = caches.departures[q, g]
            arrive = g * limit / cells + leg
            if mass == 0.0 or arrive > latest:
                continue
            for k in range(outcomes):
                over = arrive + sessions.law[node, k]
                if over <= latest:
                    done += mass / outcomes
                    _add_mass(caches.departures[q + 1], over, mass / outcomes, limit, cells)
        caches.collected[q + 1] = caches.collected[q] + done * sessions.prizes[node]


@part
def _inserted(sessions: Sessions, start: int, order: Orders, count: int, caches: Caches, node: int, q: int) -> float:
    """Expected prize of the order with a node inserted at position q."""
    cells, limit = sessions.cells, sessions.limit
    before = order[q - 1] if q > 0 else start
    leg = sessions.distances[before, node]
    after = sessions.distances[node, order[q]] if q < count else -1.0
    total = caches.collected[q]
    for g in range(cells + 1):
        mass = caches.departures[q, g]
        if mass > 0.0:
            total += mass * _visit(sessions, node, g * limit / cells + leg, caches.onward[q], after)
    return total


@part
def _best_insertion(
    sessions: Sessions,
    start: int,
    order: Orders,
    count: int,
    used: NDArray[np.bool_],
    caches: Caches,
    value: float,
    least: float,
) -> tuple[float, int, int]:
    """The insertion that adds most for the time that it takes: the new expected prize, its node and its position.

    The node is -1 where no insertion adds at least `least`.
    """
    best, best_value, best_node, best_q = 0.0, value, -1, -1
    for node in range(len(used)):
        if used[node]:
            continue
        visit = 0.0
        for k in range(sessions.law.shape[1]):
            visit += sessions.law[node, k]
        visit /= sessions.law.shape[1]
        for q in range(count + 1):
            found = _inserted(sessions, start, order, count, caches, node, q)
            if found <= value + least:
                continue
            before = order[q - 1] if q > 0 else start
            detour = sessions.distances[before, node]
            if q < count:
                detour += sessions.distances[node, order[q]] - sessions.distances[before, order[q]]
            else:
                detour += sessions.home[node] - sessions.home[before]
            rate = (found - value) / max(detour + visit, 1e-12 * sessions.limit)
            if rate > best:
                best, best_value, best_node, best_q = rate, found, node, q
    return best_value, best_node, best_q


@part
def _insert(order: Orders, count: int, node: int, q: int) -> None:
    for i in range(count, q, -1):
        order[i] = order[i - 1]
    order[q] = node


@part
def _remove(order: Orders, count: int, q: int) -> None:
    for i in range(q, count - 1):
        order[i] = order[i + 1]


@part
def _fill_up(
    sessions: Sessions,
    start: int,
    order: Orders,
    count: int,
    used: NDArray[np.bool_],
    caches: Caches,
    value: float,
    least: float,
) -> tuple[int, float]:
    """Insert visits for as long as each adds at least `least`; their number, and the expected prize."""
    while count < len(used):
        found, node, q = _best_insertion(sessions, start, order, count, used, caches, value, least)
        if node < 0:
            break
        _insert(order, count, node, q)
        used[node] = True
        count += 1
        value = found
        _fill_departures(sessions, start, order, count, caches, q)
        _fill_onward(sessions, order, count, caches, 0)
    return count, value


@kernel
def construct(
    sessions: Sessions, start: int, order: Orders, count: int, used: NDArray[np.bool_], caches: Caches, least: float
) -> tuple[int, float]:
    """Complete an order by best insertions.

    Args:
        sessions: the instance.
        start: where the tour is now, at time 0.
        order: `[n]` the visits so far, changed in place.
        count: their number.
        used: `[n]` nodes that are not inserted, changed in place.
        caches: memory, filled for the result.
        least: expected prize that an insertion must add.
    """
    _fill_departures(sessions, start, order, count, caches, 0)
    _fill_onward(sessions, order, count, caches, 0)
    return _fill_up(sessions, start, order, count, used, caches, caches.collected[count], least)


@kernel
def improve(
    sessions: Sessions,
    start: int,
    order: Orders,
    count: int,
    used: NDArray[np.bool_],
    caches: Caches,
    value: float,
    least: float,
    position: int,
    length: int,
    kept: Orders,
) -> tuple[int, float, bool]:
    """Remove a run of visits and complete the order again; keep the result if it is better.

    Args:
        sessions, start, order, count, used, caches, least: as in `construct`.
        value: expected prize of the order.
        position: first visit of the run.
        length: its length.
        kept: `[n]` memory.

    Returns:
        the number of visits, the expected prize, and whether it is larger.
    """
    length = min(length, count - position)
    for i in range(count):
        kept[i] = order[i]
    for _ in range(length):
        used[order[position]] = False
        _remove(order, count, position)
        count -= 1
    _fill_departures(sessions, start, order, count, caches, 0)
    _fill_onward(sessions, order, count, caches, 0)
    new_count, new_value = _fill_up(sessions, start, order, count, used, caches, caches.collected[count], least)
    if new_value > value + least:
        return new_count, new_value, True
    for i in range(new_count):
        used[order[i]] = False
    old_count = count + length
    for i in range(old_count):
        order[i] = kept[i]
        used[kept[i]] = True
    return old_count, value, False


@kernel
def reverse_runs(
    sessions: Sessions, start: int, order: Orders, count: int, caches: Caches, value: float, least: float
) -> float:
    """Reverse runs of visits (2-opt) while that adds to the expected prize; the new one."""
    improved = True
    while improved:
        improved = False
        for i in range(count - 1):
            for j in range(i + 1, count):
                _reverse(order, i, j)
                _fill_departures(sessions, start, order, count, caches, 0)
                if caches.collected[count] > value + least:
                    value, improved = caches.collected[count], True
                else:
                    _reverse(order, i, j)
    return value


@part
def _reverse(order: Orders, i: int, j: int) -> None:
    while i < j:
        order[i], order[j] = order[j], order[i]
        i += 1
        j -= 1


@kernel
def expected_prize(sessions: Sessions, start: int, order: Orders, count: int, caches: Caches) -> float:
    """Expected prize of following an order."""
    _fill_departures(sessions, start, order, count, caches, 0)
    return caches.collected[count]
