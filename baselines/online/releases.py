"""Orders of visits where it is known when nodes appear: built by insertion, and improved by moves and exchanges.

A visit's node must have appeared when the tour leaves for it. Arrays are made by the caller.
"""

# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from baselines.kernels.geometry import kernel, part

if TYPE_CHECKING:
    from .sessions import Floats

Nodes = NDArray[np.int64]

INSTANT = 1e-9
"""The least time that an insertion is taken to cost, as a share of the session."""


class Releases(NamedTuple):
    """A session in which nodes appear, for kernels.

    Attributes:
        distances: `[n, n]`.
        latest: `[n]` when each node has to be left to be back in time.
        opens, closes: `[n]` when a visit may begin.
        service, prizes: `[n]` of each visit.
        limit: the end of the session.
        longest: the longest wait.
    """

    distances: Floats
    latest: Floats
    opens: Floats
    closes: Floats
    service: Floats
    prizes: Floats
    limit: float
    longest: float


@part
def _visit(r: Releases, here: int, now: float, node: int, appears: float) -> float:
    """When a visit of a node ends; infinite where it counts nothing."""
    begin = max(max(now, appears) + r.distances[here, node], r.opens[node])
    over = begin + r.service[node]
    return over if begin <= r.closes[node] and over <= r.latest[node] else np.inf


@part
def _end_with(
    r: Releases, appears: Floats, here: int, now: float, order: Nodes, count: int, node: int, place: int
) -> float:
    """When the way home of an order with a node inserted at a place ends; infinite where a visit counts nothing."""
    at = here
    for i in range(count + 1):
        following = node if i == place else order[i if i < place else i - 1]
        now = _visit(r, at, now, following, appears[following])
        if now == np.inf:
            return np.inf
        at = following
    return now + r.limit - r.latest[at]


@part
def _insert(
    r: Releases, appears: Floats, gone: NDArray[np.bool_], here: int, now: float, order: Nodes, count: int, end: float
) -> tuple[int, float]:
    """Insert nodes, each with the most prize for the time by which the tour ends later; the new length and end."""
    while count < len(order):
        best, chosen, place, best_end = 0.0, -1, 0, 0.0
        for node in range(len(gone)):
            if gone[node] or r.prizes[node] <= 0.0 or appears[node] == np.inf:
                continue
            for i in range(count + 1):
                ends = _end_with(r, appears, here, now, order, count, node, i)
                if ends == np.inf:
                    continue
                score = r.prizes[node] / max(ends - end, INSTANT * r.limit)
                if score > best:
                    best, chosen, place, best_end = score, node, i, ends
        if chosen < 0:
            break
        _put(order, count, chosen, place)
        gone[chosen] = True  # until the order is done
        count, end = count + 1, best_end
    return count, end


@part
def _put(order: Nodes, count: int, node: int, place: int) -> None:
    """Put a node into an order of `count` nodes."""
    for i in range(count, place, -1):
        order[i] = order[i - 1]
    order[place] = node


@part
def _take(order: Nodes, count: int, place: int) -> int:
    """Take a node out of an order of `count` nodes."""
    node = order[place]
    for i in range(place, count - 1):
        order[i] = order[i + 1]
    return node


@part
def _move(r: Releases, appears: Floats, here: int, now: float, order: Nodes, count: int, end: float) -> float:
    """Move each node to where the tour ends earliest; the new end."""
    for i in range(count):
        node = _take(order, count, i)
        place, best = i, end
        for j in range(count):
            ends = _end_with(r, appears, here, now, order, count - 1, node, j)
            if ends < best - INSTANT * r.limit:
                place, best = j, ends
        _put(order, count - 1, node, place)
        end = best
    return end


@part
def _exchange(
    r: Releases, appears: Floats, gone: NDArray[np.bool_], here: int, now: float, order: Nodes, count: int, end: float
) -> tuple[bool, float]:
    """Replace a node by one with the most prize above it, wherever that fits; whether there is one, and the new end."""
    best, chosen, left, place, best_end = 0.0, -1, 0, 0, end
    for i in range(count):
        old = _take(order, count, i)
        for node in range(len(gone)):
            gain = r.prizes[node] - r.prizes[old]
            if gone[node] or appears[node] == np.inf or gain <= best:
                continue
            for j in range(count):
                ends = _end_with(r, appears, here, now, order, count - 1, node, j)
                if ends < np.inf:
                    best, chosen, left, place, best_end = gain, node, i, j, ends
                    break
        _put(order, count - 1, old, i)
    if chosen < 0:
        return False, end
    gone[_take(order, count, left)] = False
    _put(order, count - 1, chosen, place)
    gone[chosen] = True
    return True, best_end


@kernel
def build_order(
    r: Releases, appears: Floats, gone: NDArray[np.bool_], here: int, now: float, order: Nodes
) -> tuple[int, float]:
    """Write an order of visits from a node and a time on; return its length and its prizes."""
    count, end = _insert(r, appears, gone, here, now, order, 0, now + r.limit - r.latest[here])
    more = True
    while more:
        end = _move(r, appears, here, now, order, count, end)
        before = count
        count, end = _insert(r, appears, gone, here, now, order, count, end)
        more = count > before
        if not more:
            more, end = _exchange(r, appears, gone, here, now, order, count, end)
    prizes = 0.0
    for i in range(count):
        prizes += r.prizes[order[i]]
        gone[order[i]] = False
    return count, prizes


@kernel
def add_scenario(
    r: Releases,
    appears: Floats,
    is_there: NDArray[np.bool_],
    gone: NDArray[np.bool_],
    here: int,
    now: float,
    order: Nodes,
    totals: Floats,
) -> None:
    """Add what each action brings in one scenario to `totals` `[n + 1]`: each node that is there, and to wait (last).

    A node that cannot be next gets minus infinity; what has it already is left out.
    """
    n = len(gone)
    for node in range(n):
        if totals[node] == -np.inf:
            continue
        if gone[node] or not is_there[node] or now + r.distances[here, node] > r.latest[node]:
            totals[node] = -np.inf
            continue
        over = _visit(r, here, now, node, now)
        if over == np.inf:  # it counts nothing
            totals[node] = -np.inf
            continue
        gone[node] = True
        totals[node] += r.prizes[node] + build_order(r, appears, gone, node, over, order)[1]
        gone[node] = False
    if totals[n] == -np.inf:
        return
    until = min(now + r.longest, r.latest[here])
    for node in range(n):
        if not gone[node] and appears[node] > now:
            until = min(until, appears[node])
    if until <= now:
        totals[n] = -np.inf
    else:
        totals[n] += build_order(r, appears, gone, here, until, order)[1]
