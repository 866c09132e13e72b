"""Certainty equivalence: a solver for known durations plans with the means of uncertain ones.

It is the natural opponent of planners that know the law: simple, and strong where a session is long. A `buffer` above 1
plans with longer visits, so that fewer of them are broken off.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tsp.problems import LengthBudget, Problem, Session
from tsp.solution import check
from tsp.solvers.protocol import BaseSolver, require_support, solve_request
from tsp.solvers.registry import make

if TYPE_CHECKING:
    from tsp.instance import Instance
    from tsp.solution import Solution
    from tsp.solvers.protocol import Request


class MeansSolver(BaseSolver):
    """Plans as if every visit took a fixed time: its mean, times a buffer.

    Args:
        solver: spec of the solver that plans with these durations.
        buffer: factor of the means, above 0.
    """

    name = "means"

    def __init__(self, *, solver: str = "ls", buffer: float = 1.0) -> None:
        if not buffer > 0:
            raise ValueError(f"means: buffer={buffer:g}, expected a number above 0")
        self.solver, self.buffer = make(solver), buffer

    def supports(self, problem: Problem) -> bool:
        """Whether the problem has uncertain durations, and the solver supports it with known ones."""
        return problem.rule(Session) is not None and self.solver.supports(with_known_times(problem))

    def warm_up(self, problem: Problem) -> None:
        """Warm up the solver."""
        self.solver.warm_up(with_known_times(problem))

    def solve_request(self, request: Request) -> list[Solution]:
        """Plan each instance with fixed durations; the answer is checked with the means themselves."""
        require_support(self, request.problem)
        known = [self._with_means(instance) for instance in request.instances]
        changed = replace(
            request, problem=with_known_times(request.problem), instances=known, initial=None, report=None
        )
        return [
            check(request.problem, instance, found.tours, seconds=found.seconds, solver=self.name)
            if found.tours
            else replace(found, bound=None, solver=self.name)
            for instance, found in zip(request.instances, solve_request(self.solver, changed), strict=True)
        ]

    def _with_means(self, instance: Instance) -> Instance:
        """The instance with fixed durations; of a tour under way, the time so far counts as travelled."""
        assert instance.law_service_times is not None
        times, underway = self.buffer * instance.law_service_times.mean(axis=1), instance.underway
        if underway is not None:
            if underway.elapsed is not None:
                times[list(underway.visited)] = 0.0
            underway = replace(underway, elapsed=None, travelled=underway.elapsed)
        return replace(instance, law_service_times=None, service_times=times, underway=underway)


def with_known_times(problem: Problem) -> Problem:
    """The problem with a length budget, towards which visits count, in place of a session of uncertain times."""
    rules = tuple(LengthBudget() if isinstance(rule, Session) else rule for rule in problem.rules)
    return replace(problem, rules=rules)
