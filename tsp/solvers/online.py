"""The online loop: a real value is known only after a visit, so a tour is planned again after every visit.

Any solver can be used. It gets the rest of a tour under way (`Instance.underway`), with what is known: the real
prizes of the nodes visited, or the time now. It never gets the realization. The first visit of its plan is made, the
real prize or duration becomes known, and it plans again. There is one trajectory: choosing among several afterwards
would be hindsight.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tsp.budget import SHORTEST
from tsp.instance import Underway
from tsp.laws import with_known
from tsp.problems import Session
from tsp.solution import check, session_end
from tsp.solvers.plans import onward_of
from tsp.solvers.protocol import Request, is_one_shot, require_support, solve_request
from tsp.underway import end_to_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsp.budget import Budget
    from tsp.instance import Instance, Realization
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers.protocol import Report, Solver

ONE_SHOT_PARTS = 3
"""Number of equal parts of the time that a one-shot solver may take for a plan: it usually ends earlier."""


class OnlineTour:
    """One tour, made step by step.

    Attributes:
        visited: the nodes so far, without the depot.
        plan: the nodes still to visit, by the latest plan; None where there has been no plan.
        is_current: whether the plan is feasible by all that is known now.
        stuck: whether there is neither a new plan nor an earlier one to continue with.
        seconds: the time that the solver has used.
        over: whether the tour has ended.
        elapsed: the time now, in a session; else None.
    """

    def __init__(self, problem: Problem, instance: Instance, realization: Realization) -> None:
        self.problem, self.instance, self.realization = problem, instance, realization
        for name in problem.reveals:
            realization.values(name, instance.size)  # refuses one that lacks them
        self.elapsed = None if problem.rule(Session) is None else 0.0
        self.visited: list[int] = []
        self.plan: list[int] | None = None
        self.is_current = False
        self.stuck = True
        self.seconds = 0.0
        self.over = False

    @property
    def steps_left(self) -> int:
        """Number of plans to make until the end, by the latest plan; without one, as if every node were visited."""
        return 1 + (self.instance.size - 1 - len(self.visited) if self.plan is None else len(self.plan))

    def begin(self, visits: Sequence[int]) -> None:
        """Take the first visits as made, without a plan."""
        self.visited = list(visits)
        if self.elapsed is not None:
            self.elapsed = session_end(self.problem, self.instance, self.tour(), self.realization)

    def known_instance(self) -> Instance:
        """The instance under way, with what is known now."""
        instance = self.instance
        if self.visited:
            instance = replace(instance, underway=Underway(tuple(self.visited), elapsed=self.elapsed))
        return with_known(instance, self.realization, self.visited)

    def tour(self, onward: Sequence[int] = ()) -> list[int]:
        """The tour so far, and `onward` to its end."""
        return [self.instance.depot, *self.visited, *onward, *end_to_list(self.instance, self.visited)]

    def follow(self, answer: Solution) -> None:
        """Take over a feasible plan; an infeasible one leaves the earlier plan in place."""
        if answer.feasible:
            self.plan = onward_of(self.instance, answer.tours[0].tolist(), self.visited)
        self.is_current = answer.feasible
        self.stuck = not (answer.feasible or self.plan)

    def step(self) -> None:
        """Make the next visit of the plan; without a next visit the tour is over."""
        if self.plan and self.elapsed is not None and (self.problem.may_wait or not self.is_current):
            self._keep_to_the_time()
        self.is_current = False
        if not self.plan:
            self.over = True
            return
        self.visit(self.plan.pop(0))

    def visit(self, node: int) -> None:
        """Make a visit and reveal its real value."""
        self.visited.append(node)
        if self.elapsed is not None:
            self.elapsed = session_end(self.problem, self.instance, self.tour(), self.realization)
        ends = {self.instance.depot, self.instance.finish}
        may_stay = self.problem.may_stay and self.visited[-1:] != self.visited[-2:-1]
        self.over = len({*self.visited} - ends) == self.instance.size - len(ends) and not may_stay

    def _keep_to_the_time(self) -> None:
        """Skip nodes of an older plan that are now out of reach in time; wait where its next node is not there."""
        assert self.plan is not None
        plans = [self.plan[i:] for i in range(len(self.plan) + 1)]
        if self.problem.may_wait:
            here = self.visited[-1] if self.visited else self.instance.depot
            plans.insert(1, [here, *self.plan])
        for plan in plans:
            if check(self.problem, self.instance, [self.tour(plan[:1])], realization=self.realization).feasible:
                self.plan = plan
                return


def play(solver: Solver, problem: Problem, instance: Instance, realization: Realization, budget: Budget) -> Solution:
    """Make one tour online; see `play_all`."""
    return play_all(solver, problem, [instance], [realization], budget)[0]


def play_all(
    solver: Solver,
    problem: Problem,
    instances: Sequence[Instance],
    realizations: Sequence[Realization],
    budget: Budget,
    report: Report | None = None,
    begun: Sequence[Sequence[int]] | None = None,
) -> list[Solution]:
    """Make a tour of each instance online: plan, make one visit, learn its real value, plan again.

    All tours that are not over are planned together, so that a solver of batches gets batches. A tour is
    over when its plan has no next visit; plans keep the rules with the values that became known. Where a
    solver has no answer, its latest plan is continued.

    Args:
        solver: makes the plans.
        problem: of one tour from a depot, with prizes.
        instances: with expected prizes or laws, nothing under way.
        realizations: the real values.
        budget: its time limit is for all plans of a tour together. What is left of it is divided equally
            among the steps that remain; a one-shot solver may take a few times its part. With a decision time,
            each plan has that instead.
        report: called with an instance's position and what is known of its tour: the visits made and the
            plan for the others, by what is known then, and at last the tour with the real values.
        begun: the first visits of each tour, which are made before the first plan, and not all of its visits; none
            by default.

    Returns:
        the checked tours, with their real values; `seconds` is the sum over all plans.

    Raises:
        ValueError: for a problem that is not of one tour with prizes, or an instance under way.
    """
    require_support(solver, problem)
    if not problem.shape.has_one_depot_tour or {"prizes", "law_prizes"}.isdisjoint(problem.needs):
        raise ValueError(f"problem {problem.name!r}: expected one tour that collects prizes, to be played online")
    tours: list[OnlineTour] = []
    for instance, realization, visits in zip(instances, realizations, begun or [()] * len(instances), strict=True):
        problem.validate(instance)
        if instance.underway is not None:
            raise ValueError(f"{instance.name or 'instance'}: is under way, expected a tour played from its start")
        tours.append(OnlineTour(problem, instance, realization))
        if visits:
            tours[-1].begin(visits)
    while unfinished := [(i, one) for i, one in enumerate(tours) if not one.over]:
        _plan(solver, problem, [one for _, one in unfinished], budget)
        for i, one in unfinished:
            if report is not None:
                _report_plan(report, i, solver, problem, one)
            one.step()
    made = [
        check(
            problem,
            one.instance,
            [one.tour()],
            realization=one.realization,
            seconds=one.seconds,
            solver=solver.name,
        )
        for one in tours
    ]
    for i, solution in enumerate(made):
        if report is not None and solution.feasible:
            report(i, solution)
    return made


def _report_plan(report: Report, i: int, solver: Solver, problem: Problem, one: OnlineTour) -> None:
    """Report the visits made and the plan for the others, if they keep every rule by the prizes known now."""
    planned = check(problem, one.known_instance(), [one.tour(one.plan or ())], seconds=one.seconds, solver=solver.name)
    if planned.feasible:
        report(i, planned)


def _plan(solver: Solver, problem: Problem, tours: Sequence[OnlineTour], budget: Budget) -> None:
    """Plan the rest of each tour, unless its time is up and there is a plan to continue.

    A search that finds no plan in its part of the time is called again with twice as much, and so on.
    """
    one_shot = is_one_shot(solver)
    open_tours = [one for one in tours if one.seconds < budget.time_limit or not one.plan]
    parts = ONE_SHOT_PARTS if one_shot else 1
    while open_tours:
        instances = [one.known_instance() for one in open_tours]
        left = [max(budget.time_limit - one.seconds, SHORTEST) for one in open_tours]
        parted = [
            max(parts * time / one.steps_left, SHORTEST) if budget.decision_time is None else budget.decision_time
            for one, time in zip(open_tours, left, strict=True)
        ]
        limits = [min(part, time) for part, time in zip(parted, left, strict=True)]
        initial = None  # a one-shot solver plans from scratch; a search starts from its latest plan
        if not one_shot:
            initial = [
                check(problem, instance, [one.tour(one.plan or ())])
                for one, instance in zip(open_tours, instances, strict=True)
            ]
        answers = solve_request(
            solver, Request(problem, instances, limits, budget.threads, budget.seed, initial=initial)
        )
        for one, answer in zip(open_tours, answers, strict=True):
            one.seconds += answer.seconds
            one.follow(answer)
        if budget.decision_time is not None:
            return
        has_more_time = [limit < time for limit, time in zip(limits, left, strict=True)]
        open_tours = [one for one, more in zip(open_tours, has_more_time, strict=True) if one.stuck and more]
        parts *= 2
