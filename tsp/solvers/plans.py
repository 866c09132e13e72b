"""Plans of what is still to be visited, as tours: as far as the means keep them, and with waits where nodes appear."""

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


def onward_of(instance: Instance, tour: Sequence[int], visited: Sequence[int]) -> list[int]:
    """The nodes of a tour from the depot after those visited, without the end that it lists."""
    end = len(end_to_list(instance, ())) if tour[-1] == instance.finish else 0
    return list(tour[1 + len(visited) : len(tour) - end])


def plan_as_tour(
    problem: Problem, instance: Instance, done: Sequence[int], onward: Sequence[int], *, repeats: int = 1
) -> Solution:
    """A plan as a solution: the order of visits as far as it is feasible by the means.

    Args:
        problem: of one tour from a depot.
        instance: perhaps under way.
        done: the nodes before it, those visited first.
        onward: the nodes to go to.
        repeats: how often each of these is listed: twice where she stays at a node that she has seen.
    """
    count = len(onward)
    while True:
        nodes = [node for node in onward[:count] for _ in range(repeats)]
        found = check(problem, instance, [[instance.depot, *done, *nodes, *end_to_list(instance, done)]])
        if found.feasible or count == 0:
            return found
        count -= 1


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
