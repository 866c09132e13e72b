"""Rollout: the step after which a base planner collects most on drawn days (Secomandi 2001)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tsp.budget import SHORTEST, Clock
from tsp.problems import Session
from tsp.solution import check
from tsp.solvers.online import OnlineTour
from tsp.solvers.plans import onward_of, plan_as_tour, plan_with_waits
from tsp.solvers.protocol import BaseSolver, Request, require_support, solve_request
from tsp.solvers.registry import make
from tsp.solvers.scenarios import draw_days
from tsp.underway import end_to_list, is_undecided

if TYPE_CHECKING:
    from tsp.instance import Instance, Realization
    from tsp.problems import Problem
    from tsp.solution import Solution

MOST_DAYS = 10_000
"""The most drawn days: all are in memory at once."""

SHARE = 0.2
"""Share of the time for the base planner's own plan, from which the steps come."""


class RolloutSolver(BaseSolver):
    """Takes a step, plays drawn days to their end with a base planner, and does so for each step of its plan.

    All steps meet the same days. A decision within a drawn day takes about a millisecond.

    Args:
        base: spec of the base planner.
        candidates: number of steps that are compared: those to the first nodes of the base planner's plan, and then
            to the nearest others.
        days: the most drawn days; fewer where time is up.
    """

    name = "rollout"
    uses_initial = False

    def __init__(self, *, base: str = "means", candidates: int = 4, days: int = 40) -> None:
        if candidates < 1 or not 1 <= days <= MOST_DAYS:
            raise ValueError(
                f"rollout: candidates={candidates}, days={days}, "
                f"expected candidates of 1 or more, days from 1 to {MOST_DAYS}"
            )
        self.base, self.candidates, self.days = make(base), candidates, days

    def supports(self, problem: Problem) -> bool:
        """Whether the problem is a session, and the base planner supports it."""
        return problem.rule(Session) is not None and self.base.supports(problem)

    def warm_up(self, problem: Problem) -> None:
        """Warm up the base planner."""
        self.base.warm_up(problem)

    def solve_request(self, request: Request) -> list[Solution]:
        """Plan each instance; the answer is the base planner's plan with the chosen step first."""
        require_support(self, request.problem)
        return [self._solve_one(request, i) for i in range(len(request.instances))]

    def _solve_one(self, request: Request, i: int) -> Solution:
        problem, instance, clock = request.problem, request.instances[i], Clock(request.limits[i])
        done = [] if instance.underway is None else list(instance.underway.visited)
        own = replace(request.select([i]), limits=[max(SHARE * clock.remaining, SHORTEST)], initial=None, report=None)
        plan = solve_request(self.base, own)[0]
        ends = {instance.depot, instance.finish}
        onward = onward_of(instance, plan.tours[0].tolist(), done) if plan.tours else []
        here = done[-1] if done else instance.depot
        others = np.setdiff1d(np.arange(instance.size), [*done, *onward, *ends])
        nearest = others[np.argsort(instance.legs(np.full(len(others), here), others), kind="stable")].tolist()
        is_over = instance.finish != instance.depot and done[-1:] == [instance.finish]
        steps = [] if is_over else list(dict.fromkeys([*onward, *nearest]))
        if problem.may_wait:  # a wait is a step to where she is; without a plan nothing is to come
            steps = [
                node for node in dict.fromkeys([*steps, here]) if onward and _can_go(problem, instance, done, node)
            ]
            steps.sort(key=lambda node: node not in (onward[0], here))
        steps = steps[: self.candidates]
        if is_undecided(problem, done, instance.finish) and done[-1] not in steps:
            steps.append(done[-1])
        sums = np.zeros(len(steps))
        for day in draw_days(instance, self.days, request.seed_at(i)) if len(steps) > 1 else []:
            values = self._play(problem, instance, day, [[*done, step] for step in steps])
            sums += values
            if clock.remaining == 0:
                break
        if not steps:
            return replace(plan, seconds=clock.elapsed, solver=self.name)
        chosen = steps[int(np.argmax(sums))]  # of equal ones, that of the base planner
        if problem.may_wait:
            later = [node for node in dict.fromkeys([chosen, *onward]) if node != here]
            found = plan_with_waits(problem, instance, later, waits=chosen == here)
        else:
            stays = 2 if problem.may_stay and chosen not in done else 1
            onward = [chosen] * stays + [node for node in onward if node != chosen]
            found = plan_as_tour(problem, instance, done, onward)
        return replace(found, seconds=clock.elapsed, solver=self.name)

    def _play(self, problem: Problem, instance: Instance, day: Realization, begun: list[list[int]]) -> list[float]:
        """The prizes of tours that are begun, and played to the end of a day by the base planner."""
        tours: list[OnlineTour] = []
        for visited in begun:
            one = OnlineTour(problem, instance, day)
            one.begin(visited)
            tours.append(one)
        while unfinished := [one for one in tours if not one.over]:
            known = [one.known_instance() for one in unfinished]
            found = solve_request(self.base, Request(problem, known, [SHORTEST] * len(known)))
            for one, plan in zip(unfinished, found, strict=True):
                one.follow(plan)
                one.step()
        values = [check(problem, instance, [one.tour()], realization=day).objective for one in tours]
        return [-np.inf if value is None else value for value in values]


def _can_go(problem: Problem, instance: Instance, done: list[int], node: int) -> bool:
    """Whether a node is there, or she can wait at it, and there is time for it."""
    return check(problem, instance, [[instance.depot, *done, node, *end_to_list(instance, done)]]).feasible
