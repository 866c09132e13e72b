"""`AprioriSolver`: the a-priori order of visits with the largest expected prize, planned again after each visit.

A priori optimization (Jaillet 1988; Campbell, Gendreau & Thomas 2011 for orienteering with stochastic times): an order is
chosen for its expected prize under the law of the durations, not for the prize at their means. Planned again after
every visit, it is a rollout of such orders (Secomandi 2001).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsp.budget import Clock
from tsp.solution import check
from tsp.solvers import InstanceSolver

from .exact import is_session
from .orders import Caches, Sessions, construct, improve, make_caches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers import Task

CELLS = 256
"""Cells of the grid of times while orders are compared."""
LONGEST_RUN = 4
"""The most successive visits that are removed at once."""
LEAST = 1e-9
"""Share of all prizes that a change must add; less may be rounding."""


class AprioriSolver(InstanceSolver):
    """The order with the largest expected prize: best insertions, then runs of visits removed and inserted again.

    The answer shows the order as far as it would be kept if every visit took its mean time. It is a function of the
    instance and the seed alone where `rounds` ends the search.

    Args:
        rounds: stop after this many rounds, each of which removes every visit and some longer runs once; default is
            as many as the time allows, or until a round changes nothing.
        cells: number of cells of the grid of times.
    """

    name = "apriori"
    in_threads = True

    def __init__(self, *, rounds: int | None = None, cells: int = CELLS) -> None:
        if cells < 2 or (rounds is not None and rounds < 0):
            raise ValueError(f"apriori: rounds={rounds}, cells={cells}, expected 0 or more, and 2 or more")
        self.rounds, self.cells = rounds, cells

    def supports(self, problem: Problem) -> bool:
        """Whether the problem is one session of uncertain visits, without other rules."""
        return is_session(problem)

    def warm_up(self, problem: Problem) -> None:
        """Compile the kernels."""
        law = np.ones((3, 2))
        sessions = Sessions(np.ones((3, 3)), np.ones(3), np.ones(3), law, 9.0, self.cells)
        _search(sessions, 0, {0}, [], Clock(60.0), rounds=1)

    def solve_one(self, task: Task) -> Solution:
        """Search from the plan so far, or from scratch."""
        instance = task.instance
        ends = {instance.depot, instance.finish}
        start = [] if task.initial is None else [n for n in task.initial.tours[0].tolist() if n not in ends]
        sessions = sessions_of(instance, self.cells)
        order = _search(sessions, instance.depot, ends, start, task.clock, rounds=self.rounds)
        return feasible_part(task.problem, instance, order)


def sessions_of(instance: Instance, cells: int) -> Sessions:
    """What the kernels read of an instance."""
    assert instance.law_service_times is not None
    assert instance.prizes is not None
    assert instance.max_length is not None
    home = instance.legs(np.arange(instance.size), instance.finish)
    law = np.ascontiguousarray(instance.law_service_times)
    distances = np.ascontiguousarray(instance.distances)
    return Sessions(distances, home, np.ascontiguousarray(instance.prizes), law, instance.max_length, cells)


def _search(
    sessions: Sessions, start: int, ends: set[int], first: Sequence[int], clock: Clock, *, rounds: int | None
) -> list[int]:
    """The best order found: each visit removed in turn and the order completed again, then random runs of visits."""
    n = len(sessions.prizes)
    caches: Caches = make_caches(n, sessions.cells)
    order, kept = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    used = sessions.distances[start] > sessions.limit - sessions.home
    used[list(ends)] = True
    count = 0
    for node in first:
        if not used[node]:
            order[count] = node
            used[node] = True
            count += 1
    least = LEAST * float(sessions.prizes.sum())
    count, value = construct(sessions, start, order, count, used, caches, least)
    for length in range(1, LONGEST_RUN + 1) if rounds is None else [1 + i % LONGEST_RUN for i in range(rounds)]:
        changed = True
        while changed and clock.remaining > 0:
            changed = False
            for position in range(count):
                if position >= count or clock.remaining == 0:
                    break
                count, value, better = improve(
                    sessions, start, order, count, used, caches, value, least, position, length, kept
                )
                changed = changed or better
            if rounds is not None:
                break
    return order[:count].tolist()


def feasible_part(problem: Problem, instance: Instance, order: Sequence[int]) -> Solution:
    """The longest beginning of an order that is feasible if every visit takes its mean time."""
    closing = [instance.finish] if instance.finish != instance.depot else []
    for count in range(len(order), -1, -1):
        found = check(problem, instance, [[instance.depot, *order[:count], *closing]])
        if found.feasible:
            return found
    return found
