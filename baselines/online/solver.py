"""`AprioriSolver`: the a-priori order of visits with the largest expected prize, planned again after each visit.

A priori optimization (Jaillet 1988; Campbell, Gendreau & Thomas 2011 for orienteering with stochastic times): an order is
chosen for its expected prize under the law of the durations, not for the prize at their means. Planned again after
every visit, it is a rollout of such orders (Secomandi 2001).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from baselines.routes.search import RouteSearch
from tsp.budget import SHORTEST, Budget, Clock
from tsp.problems import get_problem
from tsp.solution import check
from tsp.solvers import InstanceSolver

from .exact import is_session
from .orders import Sessions, construct, improve, make_caches, reverse_runs

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
BUFFERS = (0.8, 1.0, 1.3)
"""Factors of the mean durations in the plans from which the search starts."""
ITERATIONS = 200
"""Iterations of the search for each of them."""
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
        _search(sessions, 0, {0}, [[]], Clock(60.0), rounds=1)
        RouteSearch().warm_up(get_problem("op"))

    def solve_one(self, task: Task) -> Solution:
        """Search from the plan so far, from scratch, and from plans for fixed durations."""
        instance = task.instance
        ends = {instance.depot, instance.finish}
        starts: list[list[int]] = [[]]
        if task.initial is not None:
            starts.append([node for node in task.initial.tours[0].tolist() if node not in ends])
        for buffer in BUFFERS:
            if task.clock.remaining > 0:
                starts.append(_plan_for_fixed_times(task, buffer))
        order = _search(sessions_of(instance, self.cells), instance.depot, ends, starts, task.clock, rounds=self.rounds)
        return feasible_part(task.problem, instance, order)


def _plan_for_fixed_times(task: Task, buffer: float) -> list[int]:
    """The customers of a tour that is good if every visit takes its mean time, times a buffer."""
    instance, known = task.instance, get_problem("op")
    assert instance.law_service_times is not None
    times = buffer * instance.law_service_times.mean(axis=1)
    fixed = replace(instance, problem=known.name, law_service_times=None, service_times=times)
    budget = Budget(max(task.clock.remaining, SHORTEST), seed=task.seed)
    found = RouteSearch(iterations=ITERATIONS).solve(known, [fixed], budget)[0]
    ends = {instance.depot, instance.finish}
    return [node for tour in found.tours for node in tour.tolist() if node not in ends]


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
    sessions: Sessions, start: int, ends: set[int], starts: Sequence[Sequence[int]], clock: Clock, *, rounds: int | None
) -> list[int]:
    """The best order found: from the best start, runs of visits are removed and the order completed, or reversed."""
    n = len(sessions.prizes)
    caches, kept = make_caches(n, sessions.cells), np.zeros(n, dtype=np.int64)
    least = LEAST * float(sessions.prizes.sum())
    best = -1.0
    order, used, count = kept, np.zeros(n, dtype=bool), 0
    for nodes in starts:
        own = np.zeros(n, dtype=np.int64)
        out = sessions.distances[start] > sessions.limit - sessions.home
        out[list(ends)] = True
        first = [node for node in nodes if not out[node]]
        own[: len(first)] = first
        out[first] = True
        found, value = construct(sessions, start, own, len(first), out, caches, least)
        if value > best:
            best, order, used, count = value, own, out, found
    value = best
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
        if clock.remaining > 0:
            value = reverse_runs(sessions, start, order, count, caches, value, least)
    return order[:count].tolist()


def feasible_part(problem: Problem, instance: Instance, order: Sequence[int]) -> Solution:
    """The longest beginning of an order that is feasible if every visit takes its mean time."""
    closing = [instance.finish] if instance.finish != instance.depot else []
    for count in range(len(order), -1, -1):
        found = check(problem, instance, [[instance.depot, *order[:count], *closing]])
        if found.feasible:
            return found
    return found
