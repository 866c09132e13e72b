"""Expected prizes along an a-priori order of a session, by backward recursion on a grid of times, and its masses.

At each node of the order the tour may go on to the next one, skip some, or go home, whatever is worth most at the time
then; where outcomes are seen on arrival, it may also leave at once. Values between grid points are interpolated
linearly. Orders are stored from their end, so that a change leaves all values behind it as they are.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from baselines.kernels.geometry import kernel, part
from baselines.kernels.randomness import Random, random_below

if TYPE_CHECKING:
    from .sessions import Floats, Sessions

Nodes = NDArray[np.int64]

SKIPS = 2
"""The most nodes of an order that are skipped at once."""


class Grid(NamedTuple):
    """Times from `start` to the end of the session, or of the latest visit.

    Attributes:
        start: the first time.
        cell: the difference of two times.
        cells: their number less one.
    """

    start: float
    cell: float
    cells: int


class Values(NamedTuple):
    """For an order stored from its end: expected prizes and masses with e nodes left.

    Attributes:
        departure: `[n + 2, cells + 2]` expected prize on departure with e nodes left.
        arrival: `[n + 2, cells + 2]` expected prize on arrival at the node that has e nodes behind it.
        mass: `[n + 2, cells + 2]` probability of a departure with e nodes left at each time.
        incoming: `[n + 2, cells + 2]` probability of an arrival at the node that has e nodes behind it.
        trial: `[2, cells + 2]` departure and arrival of a node that may be inserted.
    """

    departure: Floats
    arrival: Floats
    mass: Floats
    incoming: Floats
    trial: Floats


def make_grid(sessions: Sessions, now: float, cells: int) -> Grid:
    """The grid from now to the end of the session or, where that may be late, of the latest visit."""
    end = sessions.limit + (float(sessions.service.max()) if sessions.late_price < np.inf else 0.0)
    return Grid(now, max(end - now, 1e-12 * max(1.0, end)) / cells, cells)


def make_values(n: int, cells: int) -> Values:
    """Memory for orders of up to n nodes."""
    shape = (n + 2, cells + 2)
    departure, arrival, mass, incoming = (np.zeros(shape) for _ in range(4))
    return Values(departure, arrival, mass, incoming, np.zeros((2, cells + 2)))


@part
def value_at(grid: Grid, values: Floats, time: float) -> float:
    """A value on the grid, interpolated linearly."""
    x = (time - grid.start) / grid.cell
    i = max(0, min(int(x), grid.cells))
    f = min(max(x - i, 0.0), 1.0)
    return values[i] * (1 - f) + values[i + 1] * f if f > 1e-9 else values[i]


@part
def visit(s: Sessions, node: int, k: int, arrive: float) -> tuple[float, bool]:
    """When a visit ends in outcome k, and whether it counts nothing."""
    begin = max(arrive + s.waits[node, k], s.opens[node])
    over = begin + s.service[node, k]
    if begin > s.closes[node] + s.slack:
        return max(arrive, min(s.closes[node], s.latest[node])), True
    if (begin if s.late_price < np.inf else over) > s.latest[node] + s.slack:
        return max(arrive, s.latest[node]), True
    return over, False


@part
def value_of_end(s: Sessions, here: int, now: float) -> float:
    """What it is worth to go to the end from a node at one time: 0, or less where that is late and has a price."""
    late = now - s.latest[here]
    return -s.late_price * late if late > s.slack and s.late_price < np.inf else 0.0


@part
def last_begin(s: Sessions, node: int, k: int) -> float:
    """The latest time at which a visit may begin, so that it counts in outcome k."""
    due = s.latest[node] - (0.0 if s.late_price < np.inf else s.service[node, k])
    return min(due, s.closes[node]) + s.slack


@part
def value_of_arrival(s: Sessions, grid: Grid, node: int, departure: Floats, arrive: float) -> float:
    """Expected prize on arrival at a node at one time, exact up to the values on departure."""
    leaving = value_at(grid, departure, arrive)
    total = 0.0
    for k in range(s.prizes.shape[1]):
        over, lost = visit(s, node, k, arrive)
        if not lost:
            staying = s.prizes[node, k] + value_at(grid, departure, over)
            total += max(staying, leaving) if s.sees else staying
        else:
            total += leaving if s.sees else value_at(grid, departure, over)
    return total / s.prizes.shape[1]


@part
def fill_arrival(s: Sessions, grid: Grid, node: int, departure: Floats, out: Floats) -> None:
    """`value_of_arrival` at all times of the grid."""
    outcomes, last = s.prizes.shape[1], grid.cells
    opens, closes, latest = s.opens[node], s.closes[node], s.latest[node]
    out[:] = 0.0
    at_latest = value_at(grid, departure, latest)
    for k in range(outcomes):
        wait, service, prize = s.waits[node, k], s.service[node, k], s.prizes[node, k]
        final = last_begin(s, node, k)
        high = -1
        if opens <= final and wait < np.inf:
            high = min(last, int(np.floor((final - wait - grid.start) / grid.cell + 1e-9)))
        low = (
            min(high, int(np.floor((opens - wait - grid.start) / grid.cell + 1e-9)))
            if opens > grid.start + wait
            else -1
        )
        if low >= 0:
            early = prize + value_at(grid, departure, opens + service)
            for g in range(low + 1):
                out[g] += max(early, departure[g]) if s.sees else early
        if high > low:
            shift = (wait + service) / grid.cell
            i = int(shift)
            f = shift - i
            top = min(high, last - i)
            if s.sees:
                for g in range(max(low, -1) + 1, top + 1):
                    staying = prize + departure[g + i] * (1 - f) + departure[g + i + 1] * f
                    out[g] += max(staying, departure[g])
            else:
                for g in range(max(low, -1) + 1, top + 1):
                    out[g] += prize + departure[g + i] * (1 - f) + departure[g + i + 1] * f
            high = max(top, low)
        if s.sees:
            for g in range(max(high, -1) + 1, last + 1):
                out[g] += departure[g]
        else:
            for g in range(max(high, -1) + 1, last + 1):
                out[g] += departure[g] if grid.start + g * grid.cell > min(closes, latest) else at_latest
    for g in range(last + 1):
        out[g] /= outcomes
    out[last + 1] = out[last]


@part
def fill_departure(s: Sessions, grid: Grid, here: int, order: Nodes, left: int, values: Values, out: Floats) -> None:
    """Expected prize on departure from a node with the first `left` nodes of the order left, at all times."""
    last = grid.cells
    out[:] = 0.0
    if s.late_price < np.inf:
        for g in range(last + 2):
            out[g] = value_of_end(s, here, grid.start + g * grid.cell)
    for e in range(left - 1, max(left - 2 - SKIPS, -1), -1):
        node = order[e]
        leg = s.distances[here, node]
        top = min(last, int(np.floor((s.latest[node] + s.slack - leg - grid.start) / grid.cell + 1e-9)))
        shift = leg / grid.cell
        i = int(min(shift, 2.0 * last))
        f = shift - i
        arrival = values.arrival[e]
        for g in range(min(top, last - i) + 1):
            out[g] = max(out[g], arrival[g + i] * (1 - f) + arrival[g + i + 1] * f)


@part
def best_next(
    s: Sessions, grid: Grid, here: int, order: Nodes, left: int, values: Values, now: float
) -> tuple[float, int]:
    """The node to go to on departure at one time, as the number of nodes behind it (-1: home), and its value."""
    best, chosen = value_of_end(s, here, now), -1
    for e in range(left - 1, max(left - 2 - SKIPS, -1), -1):
        node = order[e]
        arrive = now + s.distances[here, node]
        if arrive > s.latest[node] + s.slack:
            continue
        value = value_of_arrival(s, grid, node, values.departure[e], arrive)
        if value > best:
            best, chosen = value, e
    return best, chosen


@part
def fill_values(s: Sessions, grid: Grid, order: Nodes, count: int, values: Values, first: int) -> None:
    """Fill `departure` and `arrival` of an order from the node with `first` nodes behind it on."""
    for e in range(first, count):
        fill_departure(s, grid, order[e], order, e, values, values.departure[e])
        fill_arrival(s, grid, order[e], values.departure[e], values.arrival[e])


@part
def add_mass(grid: Grid, mass: Floats, time: float, amount: float) -> None:
    """Add probability at a time, divided between the two grid points beside it."""
    x = (time - grid.start) / grid.cell
    i = max(0, min(int(x), grid.cells))
    f = min(max(x - i, 0.0), 1.0)
    mass[i] += amount * (1 - f)
    mass[min(i + 1, grid.cells)] += amount * f


LEAST_MASS = 1e-5
"""Probability that is not followed any further."""


@part
def _send(s: Sessions, grid: Grid, here: int, order: Nodes, left: int, values: Values) -> None:
    """Add the departures from a node with `left` nodes left to the arrivals at what is next."""
    for g in range(grid.cells + 1):
        amount = values.mass[left, g]
        if amount < LEAST_MASS:
            continue
        time = grid.start + g * grid.cell
        best, chosen = -np.inf, -1  # also to a node without value: what may be inserted after it is not known yet
        for e in range(left - 1, max(left - 2 - SKIPS, -1), -1):
            arrive = time + s.distances[here, order[e]]
            if arrive <= s.latest[order[e]] + s.slack:
                value = value_at(grid, values.arrival[e], arrive)
                if value > best:
                    best, chosen = value, e
        if chosen >= 0:
            add_mass(grid, values.incoming[chosen], time + s.distances[here, order[chosen]], amount)


@part
def _pass_through(s: Sessions, grid: Grid, node: int, e: int, values: Values) -> None:
    """Fill the departures from a node from the arrivals at it; whoever is broken off there goes home."""
    incoming, mass, departure = values.incoming[e], values.mass[e], values.departure[e]
    outcomes, last = s.prizes.shape[1], grid.cells
    mass[:] = 0.0
    final_leave = min(s.latest[node], s.closes[node])
    for k in range(outcomes):
        wait, service, prize = s.waits[node, k], s.service[node, k], s.prizes[node, k]
        final = last_begin(s, node, k)
        high = -1
        if s.opens[node] <= final and wait < np.inf:
            high = min(last, int(np.floor((final - wait - grid.start) / grid.cell + 1e-9)))
        shift = (wait + service) / grid.cell if high >= 0 else 0.0
        i = int(shift)
        f = shift - i
        for g in range(high + 1):
            amount = incoming[g]
            if amount == 0.0:
                continue
            arrive = grid.start + g * grid.cell
            if arrive + wait < s.opens[node]:
                over = s.opens[node] + service
                if s.sees and prize + value_at(grid, departure, over) < departure[g]:
                    mass[g] += amount
                else:
                    add_mass(grid, mass, over, amount)
                continue
            to = min(g + i, last)
            after = min(to + 1, last)
            if s.sees and prize + departure[to] * (1 - f) + departure[after] * f < departure[g]:
                mass[g] += amount
            else:
                mass[to] += amount * (1 - f)
                mass[after] += amount * f
        for g in range(max(high, -1) + 1, last + 1):
            if s.sees or grid.start + g * grid.cell > final_leave:
                mass[g] += incoming[g]
    for g in range(last + 1):
        mass[g] /= outcomes


@part
def fill_masses(s: Sessions, grid: Grid, here: int, now: float, order: Nodes, count: int, values: Values) -> None:
    """Fill `mass`: with what probability the order is left to go on where and when."""
    for e in range(count + 1):
        values.incoming[e, :] = 0.0
    values.mass[count, :] = 0.0
    add_mass(grid, values.mass[count], now, 1.0)
    fill_departure(s, grid, here, order, count, values, values.departure[count])
    _send(s, grid, here, order, count, values)
    for e in range(count - 1, -1, -1):
        _pass_through(s, grid, order[e], e, values)
        _send(s, grid, order[e], order, e, values)


@kernel
def fill_all(s: Sessions, grid: Grid, here: int, now: float, order: Nodes, count: int, values: Values) -> float:
    """Fill all values of an order; its expected prize from here and now on."""
    fill_values(s, grid, order, count, values, 0)
    return best_next(s, grid, here, order, count, values, now)[0]


@kernel
def best_from(
    s: Sessions, grid: Grid, here: int, now: float, order: Nodes, left: int, values: Values
) -> tuple[float, int]:
    """`best_next`, for Python."""
    return best_next(s, grid, here, order, left, values, now)


@kernel
def end_of_visit(s: Sessions, node: int, k: int, arrive: float) -> tuple[float, bool]:
    """`visit`, for Python."""
    return visit(s, node, k, arrive)


@kernel
def follow(
    s: Sessions,
    grid: Grid,
    here: int,
    now: float,
    order: Nodes,
    count: int,
    values: Values,
    random: Random,
    arrivals: Floats,
    in_time: Floats,
) -> tuple[float, float]:
    """Follow an order with filled values on exact times, over drawn outcomes.

    Args:
        s: the session.
        grid: its times.
        here: where the tour is.
        now: the time.
        order: the order, from its end.
        count: number of its nodes.
        values: filled.
        random: state of the random numbers.
        arrivals: `[draws, count]` filled in: when each node is reached, NaN where it is not.
        in_time: `[count]` filled in: the share of draws in which it is reached, and a visit counts.

    Returns:
        the mean prize, and the share of draws in which the tour ends late.
    """
    total, late, draws = 0.0, 0, len(arrivals)
    arrivals[:] = np.nan
    in_time[:] = 0.0
    for draw in range(draws):
        at, time, left = here, now, count
        while True:
            _, e = best_next(s, grid, at, order, left, values, time)
            if e < 0:
                break
            at, time, left = order[e], time + s.distances[at, order[e]], e
            k = random_below(random, s.prizes.shape[1])
            over, lost = visit(s, at, k, time)
            arrivals[draw, e] = time
            in_time[e] += 0.0 if lost else 1.0 / draws
            prize = 0.0 if lost else s.prizes[at, k]
            if s.sees:
                leaving = best_next(s, grid, at, order, left, values, time)[0]
                staying = prize + best_next(s, grid, at, order, left, values, over)[0]
                if lost or staying < leaving:
                    continue
            total += prize
            time = over
        total += value_of_end(s, at, time)
        late += 1 if time > s.latest[at] + s.slack else 0
    return total / draws, late / draws
