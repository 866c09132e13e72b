"""The iterated local search of a closed tour: kick it, repair it by improving moves, keep the result or undo it.

The descent works through a queue of nodes (Bentley, "Fast algorithms for geometric traveling salesman
problems", ORSA Journal on Computing 4, 1992). A kick exchanges two neighbouring runs of the tour, a local
form of the double bridge (Martin, Otto, Felten, Complex Systems 5, 1991). A repaired tour is kept if it is
not longer, and with a probability that falls with the acceptance temperature if it is a little longer.
Undoing costs time in proportion to the change alone.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.kernels.geometry import distance, inlined, kernel
from baselines.kernels.randomness import RANGE, Random, random_bits

from .array_tour import LOG_SIZE, LOGGED, MOVED, beside, swap_runs, undo_to
from .lin_kernighan import try_lin_kernighan
from .search_state import EXCHANGE
from .two_opt import try_exchange, try_or_move, try_two_opt
from .work_queue import LENGTH, pop, push

if TYPE_CHECKING:
    from baselines.kernels.geometry import Nodes

    from .search_state import TourSearch

UNLIMITED = 1 << 60
"""A limit of work that no repair reaches."""

LOOK = 100
"""The work of examining one node, in nodes moved."""

LONGEST_MOVE = 32
"""Entries of the log that the moves at one node may take."""


@inlined
def try_moves(search: TourSearch, moves: int | None, touched: Nodes | None, a: int) -> float:
    """Make an improving move at node `a`.

    Returns:
        the change of the tour's length, 0 where there is no such move.
    """
    delta = 0.0
    if touched is not None:
        delta = try_lin_kernighan(search, touched, a)
    if moves is not None:
        if moves == EXCHANGE:
            return try_exchange(search, a)
        delta = try_two_opt(search, a)
    return delta if delta < 0.0 else try_or_move(search, a)


@inlined
def descend(search: TourSearch, moves: int | None, touched: Nodes | None, work: int) -> float:
    """Improve the tour until the queue is empty, the log is full, or about `work` nodes were moved.

    Returns:
        the change of the tour's length.
    """
    tour, queue = search.tour, search.queue
    total = 0.0
    end = tour.counts[MOVED] + work
    while queue.span[LENGTH] > 0 and tour.counts[MOVED] < end:
        a = pop(queue)
        tour.counts[MOVED] += LOOK
        delta = -1.0
        while delta < 0.0:
            if tour.counts[LOGGED] > LOG_SIZE - LONGEST_MOVE:
                push(queue, a)
                return total
            delta = try_moves(search, moves, touched, a)
            total += delta
    return total


@inlined
def kick(search: TourSearch, longest: int, random: Random) -> float:
    """Exchange two random neighbouring runs of up to `longest` nodes each, and queue the ends of the new edges.

    Where nodes are paired, no pair is separated.

    Returns:
        the change of the tour's length.
    """
    geometry, tour = search.geometry, search.tour
    nodes = tour.nodes
    n = len(nodes)
    start = random_bits(random) % n
    first = 1 + random_bits(random) % longest
    second = 1 + random_bits(random) % longest
    if search.paired:
        first, second = (first + 1) // 2 * 2, (second + 1) // 2 * 2
        if nodes[start] == nodes[beside(start, False, n)] ^ 1:
            start = beside(start, True, n)
    a, b = nodes[beside(start, False, n)], nodes[start]
    c, d = nodes[(start + first - 1) % n], nodes[(start + first) % n]
    e, f = nodes[(start + first + second - 1) % n], nodes[(start + first + second) % n]
    swap_runs(tour, start, first, second)
    for node in (a, b, c, d, e, f):
        push(search.queue, node)
    added = distance(geometry, a, d) + distance(geometry, e, b) + distance(geometry, c, f)
    return added - distance(geometry, a, b) - distance(geometry, c, d) - distance(geometry, e, f)


def iterate(search: TourSearch, rounds: int, work: int, longest: int, temperature: float, random: Random) -> float:
    """Improve the tour: first process the queue, then kick it, repair it, and keep or undo the change.

    Args:
        search: the state, which is changed.
        rounds: number of kicks; a round that begins with nodes in the queue is a descent without a kick.
        work: a descent ends after about this many nodes were moved.
        longest: the most nodes in each of the two runs that a kick exchanges.
        temperature: the acceptance temperature, in units of length.
        random: the generator's state.

    Returns:
        the change of the tour's length.
    """
    return _iterate(search, search.moves, search.touched, rounds, work, longest, temperature, random)


@kernel
def _iterate(
    search: TourSearch,
    moves: int | None,
    touched: Nodes | None,
    rounds: int,
    work: int,
    longest: int,
    temperature: float,
    random: Random,
) -> float:
    """`iterate`; either `moves` or `touched` is None, so that numba compiles only the moves that are made."""
    tour, queue = search.tour, search.queue
    total = 0.0
    for _ in range(rounds):
        tour.counts[LOGGED] = 0
        delta = 0.0
        kicked = queue.span[LENGTH] == 0
        if kicked:
            delta = kick(search, longest, random)
        delta += descend(search, moves, touched, work)
        if kicked:
            allowed = -temperature * np.log((random_bits(random) + 1) / RANGE)
            if delta > max(allowed, search.least) or queue.span[LENGTH] > 0:
                undo_to(tour, np.int64(0))
                while queue.span[LENGTH] > 0:
                    pop(queue)
                delta = 0.0
        total += delta
    return total
