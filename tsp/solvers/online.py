"""The online loop: real prizes show only on arrival, so a tour is planned anew after every visit.

Any solver plays: it is asked for the rest of a tour under way (`Instance.underway`) and sees the real
prizes of the nodes visited and the expected ones of the others, never the realization. One visit of
its plan is made, its prize is seen, and it is asked again. One trajectory counts; choosing among
several afterwards would be hindsight.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tsp.budget import SHORTEST
from tsp.instance import Underway
from tsp.solution import check
from tsp.solvers.protocol import is_one_shot, require_support, solve_in_limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsp.budget import Budget
    from tsp.instance import Instance, Realization
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers.protocol import Solver


class _Play:
    """One tour, made step by step.

    Attributes:
        visited: the nodes so far, without the depot.
        plan: the nodes still to come, as planned last; None where there is no plan.
        stuck: whether there is neither a new plan nor an old one to go on with.
        seconds: what the solver has used.
    """

    def __init__(self, instance: Instance, realization: Realization) -> None:
        assert instance.prizes is not None
        self.instance = instance
        self.realization = realization
        self.seen = instance.prizes.copy()
        self.visited: list[int] = []
        self.plan: list[int] | None = None
        self.stuck = True
        self.seconds = 0.0
        self.over = False

    @property
    def steps(self) -> int:
        """How often, as far as is known, there is something to plan until the end."""
        return 1 + (self.instance.size - 1 - len(self.visited) if self.plan is None else len(self.plan))

    def question(self) -> Instance:
        """What a solver may know now."""
        underway = Underway(tuple(self.visited)) if self.visited else None
        return replace(self.instance, prizes=self.seen, underway=underway)

    def tour(self, onward: Sequence[int] = ()) -> list[int]:
        """The tour so far, and `onward` to its end."""
        depot, finish = self.instance.depot, self.instance.finish
        return [depot, *self.visited, *onward, *([finish] if finish != depot else [])]

    def follow(self, answer: Solution) -> None:
        """Take over a plan; one that keeps the rules no more leaves the old one standing."""
        if answer.feasible:
            ends = {self.instance.depot, self.instance.finish}
            self.plan = [n for n in answer.tours[0].tolist() if n not in ends][len(self.visited) :]
        self.stuck = not (answer.feasible or self.plan)

    def step(self) -> None:
        """Make the next visit of the plan and see what it is worth; without one the tour is over."""
        if not self.plan:
            self.over = True
            return
        node = self.plan.pop(0)
        self.visited.append(node)
        self.seen[node] = self.realization.prizes[node]
        self.over = len(self.visited) == self.instance.size - len({self.instance.depot, self.instance.finish})


def play(solver: Solver, problem: Problem, instance: Instance, realization: Realization, budget: Budget) -> Solution:
    """Make one tour online; see `play_all`."""
    return play_all(solver, problem, [instance], [realization], budget)[0]


def play_all(
    solver: Solver,
    problem: Problem,
    instances: Sequence[Instance],
    realizations: Sequence[Realization],
    budget: Budget,
) -> list[Solution]:
    """Make a tour of each instance online: plan, make one visit, see its real prize, plan again.

    All tours that are not over are planned together, so that a solver of batches stays one. A tour
    is over when the plan goes to its end: plans keep the quota on what was really collected. Where a
    solver has no answer, its last plan goes on.

    Args:
        solver: makes the plans.
        problem: of one tour from a depot.
        instances: with expected prizes, nothing under way.
        realizations: the real ones.
        budget: its time limit is for all plans of a tour together. What is left of it is shared among
            the steps that remain; a solver that ends by itself (one-shot) takes what it takes.

    Returns:
        the checked tours, at their real prizes; `seconds` sums up all plans.

    Raises:
        ValueError: for a problem that is not of one tour with prizes, or an instance under way.
    """
    require_support(solver, problem)
    if problem.shape != "tour" or "prizes" not in problem.needs:
        raise ValueError(f"problem {problem.name!r}: expected one tour that collects prizes, to be played online")
    plays: list[_Play] = []
    for instance, realization in zip(instances, realizations, strict=True):
        problem.validate(instance)
        if instance.underway is not None:
            raise ValueError(f"{instance.name or 'instance'}: is under way, expected a tour played from its start")
        plays.append(_Play(instance, realization))
    while going := [play for play in plays if not play.over]:
        _plan(solver, problem, going, budget)
        for going_on in going:
            going_on.step()
    return [
        check(
            problem,
            one.instance,
            [one.tour()],
            realization=one.realization,
            seconds=one.seconds,
            solver=solver.name,
        )
        for one in plays
    ]


def _plan(solver: Solver, problem: Problem, plays: Sequence[_Play], budget: Budget) -> None:
    """Plan the rest of each tour, unless its time is up and there is a plan to follow.

    A search that finds no plan in its share of the time is asked again with twice as much, and so on.
    """
    one_shot = is_one_shot(solver)
    asked = [one for one in plays if one_shot or one.seconds < budget.time_limit or not one.plan]
    shares = 1
    while asked:
        questions = [one.question() for one in asked]
        left = [max(budget.time_limit - one.seconds, SHORTEST) for one in asked]
        # Of what ends by itself the plan is asked as it is; a search goes on from where it was.
        limits, initial = left, None
        if not one_shot:
            limits = [
                min(max(shares * time / one.steps, SHORTEST), time) for one, time in zip(asked, left, strict=True)
            ]
            initial = [
                check(problem, question, [one.tour(one.plan or ())])
                for one, question in zip(asked, questions, strict=True)
            ]
        answers = solve_in_limits(solver, problem, questions, limits, budget, initial=initial)
        for one, answer in zip(asked, answers, strict=True):
            one.seconds += answer.seconds
            one.follow(answer)
        more = [limit < time for limit, time in zip(limits, left, strict=True)]
        asked = [one for one, again in zip(asked, more, strict=True) if one.stuck and again and not one_shot]
        shares *= 2
