"""2-opt and Or-moves with neighbour lists, and, for asymmetric distances, exchanges of runs.

Each function looks for an improving move at one node (Bentley, "Fast algorithms for geometric traveling
salesman problems", ORSA Journal on Computing 4, 1992). For asymmetric distances no run may be reversed:
two neighbouring runs are exchanged ("or-3opt"), of which an Or-move is the shortest kind.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.kernels.geometry import distance, part

from .array_tour import beside, reverse_path, swap_runs
from .work_queue import push

if TYPE_CHECKING:
    from .search_state import TourSearch

SEGMENT = 3
"""The most nodes that an Or-move moves."""


@part
def _ahead(start: int, i: int, n: int) -> int:
    """Number of positions from `start` forward to `i`."""
    return i - start if i >= start else i - start + n


@part
def try_two_opt(search: TourSearch, a: int) -> float:
    """Apply the first improving 2-opt move that makes a candidate of `a` its neighbour.

    Returns:
        the change of the tour's length, 0 where there is no such move.
    """
    geometry, near, near_distance, tour = search.geometry, search.near, search.near_distance, search.tour
    nodes, position = tour.nodes, tour.position
    n = len(nodes)
    i = np.int64(position[a])
    for forward in (True, False):
        b = nodes[beside(i, forward, n)]
        ab = distance(geometry, a, b)
        for m in range(near.shape[1]):
            ac = near_distance[a, m]
            if ac >= ab:
                break
            c = near[a, m]
            d = nodes[beside(np.int64(position[c]), forward, n)]
            delta = ac + distance(geometry, b, d) - ab - distance(geometry, c, d)
            if delta < -search.least:
                if forward:
                    reverse_path(tour, b, c)
                else:
                    reverse_path(tour, a, d)
                for node in (a, b, c, d):
                    push(search.queue, node)
                return delta
    return 0.0


@part
def try_or_move(search: TourSearch, a: int) -> float:
    """Apply the first improving Or-move: a short run that ends in `a` is moved beside a candidate of `a`.

    Returns:
        the change of the tour's length, 0 where there is no such move.
    """
    geometry, near, near_distance, tour = search.geometry, search.near, search.near_distance, search.tour
    nodes, position = tour.nodes, tour.position
    n = len(nodes)
    i = np.int64(position[a])
    nearest = near_distance[a, 0]
    for forward in (True, False):  # the direction of the run, seen from a
        before = nodes[beside(i, not forward, n)]
        j = i
        for length in range(1, min(SEGMENT, n - 3) + 1):
            last = nodes[j]
            start = i if forward else j
            j = beside(j, forward, n)
            after = nodes[j]
            removed = (
                distance(geometry, before, a) + distance(geometry, last, after) - distance(geometry, before, after)
            )
            if removed <= nearest:
                continue
            for m in range(near.shape[1]):
                ac = near_distance[a, m]
                if ac >= removed:
                    break
                c = near[a, m]
                p = np.int64(position[c])
                if _ahead(start, p, n) < length:
                    continue
                for onward in (True, False):  # the run's other end is moved beside c's successor or predecessor
                    q = beside(p, onward, n)
                    if _ahead(start, q, n) < length:
                        continue
                    e = nodes[q]
                    delta = ac + distance(geometry, last, e) - distance(geometry, c, e) - removed
                    if delta < -search.least:
                        swap_runs(tour, start, length, _ahead(start, p if onward else q, n) + 1 - length)
                        if forward != onward:
                            reverse_path(tour, a if forward else last, last if forward else a)
                        for node in (a, last, c, e, before, after):
                            push(search.queue, node)
                        return delta
    return 0.0


@part
def try_exchange(search: TourSearch, a: int) -> float:
    """Apply the first improving exchange of two runs that makes a candidate of `a` its successor.

    Returns:
        the change of the tour's length, 0 where there is no such move.
    """
    geometry, near, near_distance, tour = search.geometry, search.near, search.near_distance, search.tour
    nodes, position = tour.nodes, tour.position
    n = len(nodes)
    start = beside(np.int64(position[a]), True, n)
    b = nodes[start]
    ab = distance(geometry, a, b)
    for m in range(near.shape[1]):
        ad = near_distance[a, m]
        if ad >= ab:
            break
        d = near[a, m]  # a [b ... c] [d ... e] f becomes a [d ... e] [b ... c] f
        first = _ahead(start, np.int64(position[d]), n)
        if first == 0:
            continue
        c = nodes[beside(np.int64(position[d]), False, n)]
        gain = ab - ad + distance(geometry, c, d)
        for o in range(near.shape[1]):
            cf = near_distance[c, o]
            if cf >= gain:
                break
            f = near[c, o]
            second = _ahead(start, np.int64(position[f]), n) - first
            if second <= 0:
                continue
            e = nodes[beside(np.int64(position[f]), False, n)]
            delta = cf + distance(geometry, e, b) - distance(geometry, e, f) - gain
            if delta < -search.least:
                swap_runs(tour, start, first, second)
                for node in (a, b, c, d, e, f):
                    push(search.queue, node)
                return delta
    return 0.0
