"""`Chain`, which makes hybrids of solvers."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tsp.budget import SHORTEST
from tsp.solution import no_answer
from tsp.solvers.protocol import is_one_shot, require_support, solve_in_limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsp.budget import Budget
    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers.protocol import Candidates, Report, Solver


class Chain:
    """Solvers one after another, each starting from the last one's solution: a solver itself.

    A stage may use an equal share of the time that is left, unless it says by its attribute `share`
    which part of the whole it needs; what it does not use goes to the next.
    The best solution of any stage is the answer, so a chain is never worse than what any of its
    stages found. An instance that is proved optimal, or that has an answer and no time left, skips
    the stages that remain.
    """

    def __init__(self, stages: Sequence[Solver], name: str | None = None) -> None:
        if not stages:
            raise ValueError("a chain needs at least one solver")
        self.stages = tuple(stages)
        self.name = name or "+".join(stage.name for stage in stages)

    @property
    def one_shot(self) -> bool:
        """Whether no stage depends on the time limit."""
        return all(is_one_shot(stage) for stage in self.stages)

    def supports(self, problem: Problem) -> bool:
        """Whether every stage does."""
        return all(stage.supports(problem) for stage in self.stages)

    def warm_up(self, problem: Problem) -> None:
        """Warm up every stage."""
        for stage in self.stages:
            stage.warm_up(problem)

    def solve(
        self,
        problem: Problem,
        instances: Sequence[Instance],
        budget: Budget,
        *,
        initial: Sequence[Solution] | None = None,
        candidates: Candidates | None = None,
        report: Report | None = None,
    ) -> list[Solution]:
        """Solve each instance; see `Solver.solve`. `seconds` is the sum over the stages."""
        for stage in self.stages:
            require_support(stage, problem)
        best = list(initial) if initial is not None else [no_answer(seconds=0.0, solver=self.name) for _ in instances]
        spent = np.zeros(len(instances))
        reported: dict[int, float] = {}

        def relay(chosen: Sequence[int], before: Sequence[float], index: int, solution: Solution) -> None:
            i = chosen[index]
            if report is None or solution.objective is None:
                return
            if i not in reported or problem.objective.better(solution.objective, reported[i]):
                reported[i] = solution.objective
                report(i, replace(solution, seconds=before[index] + solution.seconds, solver=self.name))

        for k, stage in enumerate(self.stages):
            left = budget.time_limit - spent
            chosen = [
                i
                for i, solution in enumerate(best)
                if not (solution.feasible and (left[i] <= 0 or solution.proved_optimal))
            ]
            if not chosen:
                break
            start = [best[i] for i in chosen]
            found = solve_in_limits(
                stage,
                problem,
                [instances[i] for i in chosen],
                [max(self._limit(k, float(left[i]), budget.time_limit), SHORTEST) for i in chosen],
                budget,
                initial=start if any(solution.feasible for solution in start) else None,
                candidates=None if candidates is None else [candidates[i] for i in chosen],
                report=None if report is None else partial(relay, chosen, spent[chosen].tolist()),
            )
            for i, solution in zip(chosen, found, strict=True):
                spent[i] += solution.seconds
                best[i] = _better(problem, best[i], solution)
        return [
            replace(solution, seconds=float(seconds), solver=self.name)
            for solution, seconds in zip(best, spent, strict=True)
        ]

    def _limit(self, k: int, left: float, whole: float) -> float:
        """Seconds for stage `k`, of those that are left."""
        share = _share(self.stages[k])
        if share is not None:
            return min(left, share * whole)
        shares = [_share(stage) for stage in self.stages[k:]]
        return (left - whole * sum(share or 0.0 for share in shares)) / shares.count(None)


def _share(stage: Solver) -> float | None:
    """The part of a chain's time limit that a stage asks for."""
    return getattr(stage, "share", None)


def _better(problem: Problem, old: Solution, new: Solution) -> Solution:
    """The better of two, keeping the tighter proved bound."""
    if old.objective is None or new.objective is None:
        pick = new if old.objective is None else old
    else:
        pick = old if problem.objective.better(old.objective, new.objective) else new
    bounds = [s.bound for s in (old, new) if s.bound is not None]
    tightest = max if problem.objective.sense == "min" else min
    return replace(pick, bound=tightest(bounds) if bounds else None)
