"""`Hindsight`: plans days on which nodes appear, by hindsight optimization (Chong et al. 2000) over scenarios.

Each action is followed, in each scenario, by an order for which it is known when every node appears. The action with
the largest mean is chosen. A mean over scenarios sees less of the future than the best action of each (Bent & Van
Hentenryck 2004).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tsp.budget import Clock
from tsp.laws import appearances_ahead, expected
from tsp.solvers import BaseSolver, plan_with_waits, require_support
from tsp.tolerance import allowance

from .appearances import draw_scenarios, is_appearing_session, releases_of
from .releases import Releases, add_scenario, build_order
from .sessions import position_of

if TYPE_CHECKING:
    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers import Request


MOST_SCENARIOS = 10_000
"""The most scenarios: all are in memory at once."""

RACE = {8: 8, 16: 4, 32: 2}
"""After so many scenarios only so many actions, the best so far, are followed further."""


class Hindsight(BaseSolver):
    """The next step that is best on average over scenarios in which the rest of the day is known.

    Args:
        scenarios: number of scenarios; less where the time does not suffice for all.
    """

    name = "hindsight"
    uses_initial = False

    def __init__(self, *, scenarios: int = 64) -> None:
        if not 1 <= scenarios <= MOST_SCENARIOS:
            raise ValueError(f"{self.name}: scenarios={scenarios}, expected 1 to {MOST_SCENARIOS}")
        self.scenarios = scenarios

    def supports(self, problem: Problem) -> bool:
        """Whether nodes appear in one session, with time windows or without, and there are no other rules."""
        return is_appearing_session(problem)

    def warm_up(self, problem: Problem) -> None:
        """Compile the kernels."""
        ones = np.ones(3)
        session = Releases(np.ones((3, 3)), 9 * ones, 0 * ones, 9 * ones, ones, ones, 9.0, 1.0)
        gone, order = np.array([True, False, False]), np.zeros(3, np.int64)
        add_scenario(session, ones, np.ones(3, np.bool_), gone, 0, 0.0, order, np.zeros(4))
        build_order(session, ones, gone, 0, 0.0, order)

    def solve_request(self, request: Request) -> list[Solution]:
        """The next step of each instance, and a plan by the means for what follows."""
        require_support(self, request.problem)
        out: list[Solution] = []
        for i, instance in enumerate(request.instances):
            clock = Clock(request.limits[i])
            onward, waits = self._plan(request.problem, instance, clock, request.seed_at(i))
            solution = plan_with_waits(request.problem, instance, onward, waits=waits)
            out.append(replace(solution, seconds=clock.elapsed, solver=self.name))
        return out

    def _plan(self, problem: Problem, instance: Instance, clock: Clock, seed: int) -> tuple[list[int], bool]:
        """The nodes to go to, and whether to wait first."""
        n, visited = instance.size, () if instance.underway is None else instance.underway.visited
        session, (here, now, _, gone) = releases_of(problem, instance), position_of(problem, instance)
        is_over = here == instance.finish and any(node != instance.depot for node in visited)
        if gone.all() or is_over:
            return [], False
        ahead, order = appearances_ahead(instance), np.zeros(n, np.int64)
        slack = float(allowance(now))
        is_there = np.array(~(ahead > now + slack).any(axis=1))
        totals = np.zeros(n + 1)
        scenarios = draw_scenarios(ahead, self.scenarios, seed)
        for k, appears in enumerate(scenarios, 1):
            add_scenario(session, appears, is_there, gone, here, now, order, totals)
            if k in RACE:
                totals[np.argsort(-totals, kind="stable")[RACE[k] :]] = -np.inf
            if clock.remaining == 0:
                break
        best, waits = int(totals.argmax()), False
        if totals[best] <= 0:
            return [], False
        if best == n:
            waits, now = True, min(now + session.longest, float(session.latest[here]))
        else:
            gone[best] = True
            begin = max(now + float(session.distances[here, best]), float(session.opens[best]))
            here, now = best, begin + float(session.service[best])
        means = expected(instance)
        assert means.appears is not None
        count, _ = build_order(session, means.appears, gone, here, now, order)
        return [*([] if waits else [best]), *order[:count].tolist()], waits
