"""`Chain`, which makes hybrids of solvers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tsp.budget import SHORTEST
from tsp.solution import is_preferable, no_answer
from tsp.solvers.protocol import (
    BaseSolver,
    is_one_shot,
    refusal_of,
    require_support,
    share_of,
    solve_request,
    uses_initial,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers.protocol import Report, Request, Solver


class Chain(BaseSolver):
    """Solvers one after another, each starting from the best solution so far: a solver itself.

    A stage gets an equal share of the time that is left, or, if it has a `share`, that share of the
    whole time. Later stages get the time that a stage does not use. The best solution of all stages is the
    answer; where none is feasible, the one that `is_preferable`, with the reasons of every stage that proved any. An
    instance that is proved optimal or infeasible, or that has an answer and no time left, skips the stages that
    remain.
    """

    passes_on = True

    def __init__(self, stages: Sequence[Solver], name: str | None = None) -> None:
        if not stages:
            raise ValueError("a chain needs at least one solver")
        self.stages = tuple(stages)
        self.name = name or "+".join(stage.name for stage in stages)
        self.one_shot = all(is_one_shot(stage) for stage in stages)
        self.uses_initial = any(uses_initial(stage) and share_of(stage) is None for stage in stages)

    def supports(self, problem: Problem) -> bool:
        """Whether every stage supports the problem."""
        return all(stage.supports(problem) for stage in self.stages)

    def warm_up(self, problem: Problem) -> None:
        """Warm up every stage."""
        for stage in self.stages:
            stage.warm_up(problem)

    def refusal(self, problem: Problem, instance: Instance, time_limit: float) -> str | None:
        """Refuse what every stage refuses; stages with a `share`, which only complete other answers, do not count."""
        stages = [stage for stage in self.stages if share_of(stage) is None] or self.stages
        reasons = [refusal_of(stage, problem, instance, time_limit) for stage in stages]
        return "; ".join(reason for reason in reasons if reason) if all(reasons) else None

    def solve_request(self, request: Request) -> list[Solution]:
        """Solve each instance; `seconds` is the sum over the stages."""
        problem, limits = request.problem, request.limits
        for stage in self.stages:
            require_support(stage, problem)
        best = list(request.initial or [no_answer(seconds=0.0, solver=self.name) for _ in request.instances])
        spent = [0.0] * len(best)
        report = None if request.report is None else self._relay(problem, request.report, spent)
        for k, stage in enumerate(self.stages):
            left = [limit - seconds for limit, seconds in zip(limits, spent, strict=True)]
            chosen = [
                i
                for i, solution in enumerate(best)
                if not (solution.reasons or (solution.feasible and (left[i] <= 0 or solution.proved_optimal)))
            ]
            if not chosen:
                break
            shares = [max(self._limit(k, left[i], limits[i]), SHORTEST) for i in range(len(best))]
            initial = best if any(best[i].feasible for i in chosen) else None
            part = replace(request, limits=shares, initial=initial, report=report).select(chosen)
            for i, solution in zip(chosen, solve_request(stage, part), strict=True):
                spent[i] += solution.seconds
                best[i] = better_of(problem, best[i], solution)
        return [
            replace(solution, seconds=seconds, solver=self.name) for solution, seconds in zip(best, spent, strict=True)
        ]

    def _relay(self, problem: Problem, report: Report, spent: Sequence[float]) -> Report:
        """Pass on what is better than all reported before, in the chain's name and with the seconds of all stages."""
        reported: dict[int, float] = {}

        def relay(i: int, solution: Solution) -> None:
            if solution.objective is not None and problem.is_better(solution.objective, reported.get(i)):
                reported[i] = solution.objective
                report(i, replace(solution, seconds=spent[i] + solution.seconds, solver=self.name))

        return relay

    def _limit(self, k: int, left: float, whole: float) -> float:
        """Seconds for stage `k`, of those that are left."""
        share = share_of(self.stages[k])
        if share is not None:
            return min(left, share * whole)
        shares = [share_of(stage) for stage in self.stages[k:]]
        return (left - whole * sum(share or 0.0 for share in shares)) / shares.count(None)


def better_of(problem: Problem, old: Solution, new: Solution) -> Solution:
    """The better of two, with the tighter of their proved bounds and, where both are infeasible, a proved reason."""
    pick = old if is_preferable(problem, old, new) else new
    if not pick.feasible:
        pick = replace(pick, reasons=new.reasons or old.reasons)
    bounds = [s.bound for s in (old, new) if s.bound is not None]
    tightest = max if problem.objective.sense == "min" else min
    return replace(pick, bound=tightest(bounds) if bounds else None)
