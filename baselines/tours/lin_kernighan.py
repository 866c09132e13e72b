"""Lin-Kernighan moves on an array tour: chains of sequential 3-opt moves, for symmetric distances.

Lin and Kernighan (Operations Research 21, 1973), with the 3-opt move as the step of the chain
(Helsgaun, European Journal of Operational Research 126, 2000). Without the edge from a node t1 to its
neighbour t2 the tour is a path from p[0] = t2 to p[n - 1] = t1. A step adds (t2, t3), removes (t3, t4),
adds (t4, t5) and removes (t5, t6), so that a path from t6 to t1 is left. With p[i] = t3 and p[j] = t5 the
new path is, runs from left to right, `~` before a run that is reversed:

    TWICE     ~[p[0] .. p[i-1]] p[i] ..                    one reversal only: t4 = p[i-1] is the end
    FORWARD   [p[i] .. p[j-1]]~ [p[0] .. p[i-1]] p[j] ..   t4 = p[i-1], t6 = p[j-1], j > i
    BACKWARD  [p[j+1] .. p[i-1]] ~[p[0] .. p[j]] p[i] ..   t4 = p[i-1], t6 = p[j+1], j < i - 1
    SWAP      [p[j+1] .. p[i]] [p[0] .. p[j]] p[i+1] ..    t4 = p[i+1], t6 = p[j+1], j < i
    MIRROR    ~[p[0] .. p[j-1]] ~[p[j] .. p[i]] p[i+1] ..  t4 = p[i+1], t6 = p[j-1], 0 < j <= i

Steps are found by positions alone. The first step whose closing edge (t6, t1) gives a shorter tour is made.
Where there is none, the step that leaves the shortest path is made, and the chain continues from its end.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false, reportAssignmentType=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import Nodes, distance, inlined, part

from .array_tour import LOGGED, ArrayTour, beside, reverse_path, swap_runs, undo_to
from .work_queue import push

if TYPE_CHECKING:
    from .search_state import TourSearch

STEPS = 2
"""The most steps of a chain."""

BREADTH = 5
"""Number of neighbours of t4 that are tried in the first step of a chain."""

LATER_BREADTH = 3
"""The same number in later steps."""

NONE, TWICE, FORWARD, BACKWARD, SWAP, MIRROR = range(6)
"""Kinds of steps, as drawn above; `NONE` is no step."""


class Step(NamedTuple):
    """A step of a chain.

    Attributes:
        kind: one of the module's kinds.
        closes: whether its closing edge gives a shorter tour.
        gain: by how much the tour is shorter; where the step does not close, by how much the path is,
            the edge (t1, t2) included.
        t3, t4, t5, t6: nodes, as above; of `TWICE` the last three are the same.
    """

    kind: int
    closes: bool
    gain: float
    t3: int
    t4: int
    t5: int
    t6: int


@part
def _follows(tour: ArrayTour, a: int, b: int) -> bool:
    """Whether `b` comes right after `a` in the array's direction."""
    return tour.nodes[beside(np.int64(tour.position[a]), True, len(tour.nodes))] == b


@part
def _ahead(tour: ArrayTour, a: int, b: int, forward: bool) -> int:
    """Number of positions from `a` forward (or backward) to `b`."""
    i = tour.position[b] - tour.position[a] if forward else tour.position[a] - tour.position[b]
    return i if i >= 0 else i + len(tour.nodes)


@inlined
def find_step(search: TourSearch, t1: int, t2: int, gain: float, breadth: int) -> Step:
    """The first step that closes with a gain; where there is none, the step that leaves the shortest path.

    Args:
        search: of n >= 4 nodes.
        t1: the end of the path that stays.
        t2: the other end, beside `t1` in the tour.
        gain: length of the edges removed so far, with (t1, t2), minus the length of those added.
        breadth: number of neighbours of t4 that are tried.
    """
    near, near_distance, tour, least = search.near, search.near_distance, search.tour, search.least
    forward = _follows(tour, t1, t2)
    best = Step(NONE, False, least, t2, t2, t2, t2)
    for m in range(near.shape[1]):
        t3 = near[t2, m]
        added = gain - near_distance[t2, m]
        if added <= least:
            break
        i = _ahead(tour, t2, t3, forward)
        if i <= 1 or t3 == t1:
            continue
        best = _break_before(search, t1, t2, t3, i, added, forward, breadth, best)
        if not best.closes:
            best = _break_after(search, t1, t2, t3, i, added, forward, breadth, best)
        if best.closes:
            break
    return best


@inlined
def _break_before(
    search: TourSearch, t1: int, t2: int, t3: int, i: int, added: float, forward: bool, breadth: int, best: Step
) -> Step:
    """The first closing step, or the better of `best` and those with t4 = p[i - 1]."""
    geometry, tour, least = search.geometry, search.tour, search.least
    near, near_distance = search.near, search.near_distance
    nodes, position = tour.nodes, tour.position
    n = len(nodes)
    t4 = nodes[beside(np.int64(position[t3]), not forward, n)]
    taken = added + distance(geometry, t3, t4)
    closed = taken - distance(geometry, t4, t1)
    if closed > least:
        return Step(TWICE, True, closed, t3, t4, t4, t4)
    for o in range(min(breadth, near.shape[1])):
        t5 = near[t4, o]
        opened = taken - near_distance[t4, o]
        if opened <= least:
            break
        j = _ahead(tour, t2, t5, forward)
        if t5 == t3 or j == i - 2:
            continue
        kind = FORWARD if j > i else BACKWARD
        t6 = nodes[beside(np.int64(position[t5]), forward == (kind == BACKWARD), n)]
        opened += distance(geometry, t5, t6)
        closed = opened - distance(geometry, t6, t1)
        if closed > least:
            return Step(kind, True, closed, t3, t4, t5, t6)
        if opened > best.gain:
            best = Step(kind, False, opened, t3, t4, t5, t6)
    return best


@inlined
def _break_after(
    search: TourSearch, t1: int, t2: int, t3: int, i: int, added: float, forward: bool, breadth: int, best: Step
) -> Step:
    """The first closing step, or the better of `best` and those with t4 = p[i + 1]."""
    geometry, tour, least = search.geometry, search.tour, search.least
    near, near_distance = search.near, search.near_distance
    nodes, position = tour.nodes, tour.position
    n = len(nodes)
    t4 = nodes[beside(np.int64(position[t3]), forward, n)]
    taken = added + distance(geometry, t3, t4)
    for o in range(min(breadth, near.shape[1])):
        t5 = near[t4, o]
        opened = taken - near_distance[t4, o]
        if opened <= least:
            break
        j = _ahead(tour, t2, t5, forward)
        if j > i or t5 == t3:
            continue
        for kind in (SWAP, MIRROR):
            if kind == MIRROR and j == 0:
                continue
            t6 = nodes[beside(np.int64(position[t5]), forward == (kind == SWAP), n)]
            left = opened + distance(geometry, t5, t6)
            closed = left - distance(geometry, t6, t1)
            if closed > least:
                return Step(kind, True, closed, t3, t4, t5, t6)
            if left > best.gain:
                best = Step(kind, False, left, t3, t4, t5, t6)
    return best


@part
def _reverse(tour: ArrayTour, first: int, last: int, forward: bool) -> None:
    """Reverse the path from `first` to `last`, in the direction given."""
    if forward:
        reverse_path(tour, first, last)
    else:
        reverse_path(tour, last, first)


@inlined
def make_step(tour: ArrayTour, t1: int, t2: int, step: Step) -> None:
    """Change the tour. A reversal may have reversed the rest instead, so each direction is determined anew."""
    forward = _follows(tour, t1, t2)
    if step.kind == SWAP:
        first = _ahead(tour, t2, step.t5, forward) + 1
        second = _ahead(tour, step.t6, step.t3, forward) + 1
        if forward:
            swap_runs(tour, np.int64(tour.position[t2]), first, second)
        else:
            swap_runs(tour, np.int64(tour.position[step.t3]), second, first)
    elif step.kind == MIRROR:
        _reverse(tour, t2, step.t6, forward)
        _reverse(tour, step.t5, step.t3, _follows(tour, t1, step.t6))
    else:
        _reverse(tour, t2, step.t4, forward)
        if step.kind != TWICE:
            _reverse(tour, step.t4, step.t6, _follows(tour, t1, step.t4))


@part
def try_lin_kernighan(search: TourSearch, touched: Nodes, t1: int) -> float:
    """Make the first chain from `t1` that gives a shorter tour.

    Returns:
        the change of the tour's length, 0 where there is no such chain.
    """
    geometry, tour, queue = search.geometry, search.tour, search.queue
    n = len(tour.nodes)
    mark = tour.counts[LOGGED]
    for forward in (True, False):
        end = tour.nodes[beside(np.int64(tour.position[t1]), forward, n)]
        gain = distance(geometry, t1, end)
        touched[0], touched[1] = t1, end
        for s in range(STEPS):
            step = find_step(search, t1, end, gain, BREADTH if s == 0 else LATER_BREADTH)
            if step.kind == NONE or (s + 1 == STEPS and not step.closes):
                break
            make_step(tour, t1, end, step)
            touched[4 * s + 2], touched[4 * s + 3] = step.t3, step.t4
            touched[4 * s + 4], touched[4 * s + 5] = step.t5, step.t6
            if step.closes:
                for k in range(4 * s + 6):
                    push(queue, touched[k])
                return -step.gain
            end, gain = step.t6, step.gain
        undo_to(tour, mark)
    return 0.0
