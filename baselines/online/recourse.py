"""`SessionRecourse`: plans sessions by an a-priori order with recourse, again after every visit.

A priori optimization (Jaillet 1988; Campbell, Gendreau & Thomas 2011 for orienteering with stochastic times) with
decisions along the order to stay, to leave, to skip and to go home (as Zhang, Ohlmann & Thomas 2014 for queues).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tsp.budget import Clock
from tsp.solvers.plans import plan_as_tour
from tsp.solvers.protocol import BaseSolver, require_support

from .planning import decide
from .sessions import Position, Sessions, is_session, position_of, sessions_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers import Request

    from .planning import Decision

CELLS, MOST_CELLS = 128, 1024
"""Cells of the grid of times: the default, and the most that may be asked for."""


class SessionRecourse(BaseSolver):
    """The order of visits with the largest expected prize, if it may be left along the way.

    Args:
        steps: end the search after this many backward steps, so that the answer depends on the seed alone; default
            is as many as the time allows.
        cells: number of cells of the grid of times.
    """

    name = "session-recourse"

    def __init__(self, *, steps: int | None = None, cells: int = CELLS) -> None:
        if not 2 <= cells <= MOST_CELLS or (steps is not None and steps < 0):
            raise ValueError(
                f"{self.name}: steps={steps}, cells={cells}, expected steps of 0 or more, cells from 2 to {MOST_CELLS}"
            )
        self.steps, self.cells = steps, cells

    def supports(self, problem: Problem) -> bool:
        """Whether the problem is one session, with time windows or without, and no other rules."""
        return is_session(problem)

    def warm_up(self, problem: Problem) -> None:
        """Compile the kernels."""
        ones = np.ones(4)
        law = np.ones((4, 2))
        sessions = Sessions(np.ones((4, 4)), ones, ones, ones, law, law, law, 9.0, 1e-9, problem.may_stay, np.inf)
        sessions = sessions._replace(latest=9 * ones, closes=9 * ones)
        gone = np.array([True, False, False, False])
        position = Position(0, 0.0, problem.may_stay, gone)
        decide(sessions, position, [], Clock(60.0), cells=self.cells, seed=0, steps=10)

    def solve_request(self, request: Request) -> list[Solution]:
        """Plan each instance from where it stands; the answer shows the plan as far as the means keep it."""
        require_support(self, request.problem)
        out: list[Solution] = []
        for i, instance in enumerate(request.instances):
            clock = Clock(request.limits[i])
            position = position_of(request.problem, instance)
            first: list[int] = []
            if request.initial is not None and request.initial[i].tours:
                first = request.initial[i].tours[0].tolist()
            sessions = sessions_of(request.problem, instance)
            decision = self.decide(sessions, position, first, clock, request.seed_at(i))
            solution = answer(request.problem, instance, decision)
            out.append(replace(solution, seconds=clock.elapsed, solver=self.name))
        return out

    def decide(self, sessions: Sessions, position: Position, first: Sequence[int], clock: Clock, seed: int) -> Decision:
        """What to do next."""
        return decide(sessions, position, first, clock, cells=self.cells, seed=seed, steps=self.steps)


def answer(problem: Problem, instance: Instance, decision: Decision) -> Solution:
    """A decision as a tour: what was done, and what is planned as far as it is feasible by the means of the laws."""
    done = [] if instance.underway is None else list(instance.underway.visited)
    is_over = instance.finish != instance.depot and done[-1:] == [instance.finish]
    if is_over:
        return plan_as_tour(problem, instance, done, [])
    head = [*done, *(done[-1:] if decision.stays else [])]
    return plan_as_tour(problem, instance, head, decision.order, repeats=2 if problem.may_stay else 1)
