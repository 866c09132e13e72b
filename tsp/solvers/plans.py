"""Plans with their waits, where nodes appear during a session: an order of visits becomes a tour that can be made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsp.laws import appearances_ahead, expected
from tsp.solution import check, session_end
from tsp.tolerance import exceeds
from tsp.underway import end_to_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution


def plan_with_waits(problem: Problem, instance: Instance, onward: Sequence[int], *, waits: bool = False) -> Solution:
    """A plan as a solution: the order of visits as far as it is feasible by the means.

    Args:
        problem: one in which nodes appear.
        instance: perhaps under way.
        onward: the nodes to go to.
        waits: whether to wait first.
    """
    onward = list(onward)
    while True:
        solution = check(problem, instance, [with_waits(problem, instance, onward, waits=waits)])
        if solution.feasible or not (onward or waits):
            return solution
        if onward:
            onward.pop()
        else:
            waits = False


def with_waits(problem: Problem, instance: Instance, onward: Sequence[int], *, waits: bool = False) -> list[int]:
    """The tour so far, and `onward` with a wait before each node that is not there yet by the means.

    Where no node follows, it waits if one may still appear in time: that costs nothing.
    """
    done = () if instance.underway is None else instance.underway.visited
    appears = expected(instance).appears
    assert appears is not None
    tour, end = [instance.depot, *done], end_to_list(instance, done)
    if tour[-1] == instance.finish and len(set(tour)) > 1:  # the tour is over
        return tour
    tour += tour[-1:] if waits else []
    now = session_end(problem, instance, [*tour, *end], None)
    for node in onward:
        while exceeds(float(appears[node]), now):
            before, now = now, session_end(problem, instance, [*tour, tour[-1], *end], None)
            if now == before:  # it is time to go
                return [*tour, *end]
            tour.append(tour[-1])
        tour.append(node)
        now = session_end(problem, instance, [*tour, *end], None)
    if not onward and not waits and may_appear(instance, tour, now):
        tour.append(tour[-1])
    return [*tour, *end]


def may_appear(instance: Instance, tour: Sequence[int], now: float) -> bool:
    """Whether a node that is not there may still appear early enough to be reached and left in time."""
    assert instance.max_length is not None
    nodes, limit = np.arange(instance.size), instance.max_length
    if instance.time_windows is not None and not instance.free_end:
        limit = min(limit, float(instance.time_windows[instance.finish, 1]))
    ways = instance.legs(np.full(instance.size, tour[-1]), nodes)
    if not instance.free_end:
        ways = ways + instance.legs(nodes, np.full(instance.size, instance.finish))
    rest = np.setdiff1d(nodes, [*tour, instance.finish])
    ahead = appearances_ahead(instance)[rest]
    return bool(((ahead > now) & (ahead + ways[rest, None] < limit)).any())
