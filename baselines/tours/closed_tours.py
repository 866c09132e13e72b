"""What solvers of closed tours through every node share: they serve paths too, which become closed tours."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from baselines.trivial import solve_trivial
from tsp.problems import VisitOnce
from tsp.solvers import InstanceSolver
from tsp.underway import as_cycle

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from tsp.budget import Clock
    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution


def is_closed_tour(problem: Problem) -> bool:
    """Whether the problem is one short tour through every node, closed or a path."""
    return (
        problem.shape in ("cycle", "path")
        and problem.objective.sense == "min"
        and problem.objective.terms == ("length",)
        and all(type(rule) is VisitOnce for rule in problem.rules)
    )


class ClosedTourSolver(InstanceSolver):
    """A solver of closed tours of at least four nodes; a subclass says how one is found."""

    def supports(self, problem: Problem) -> bool:
        """Whether the problem is one short tour through every node, closed or a path."""
        return is_closed_tour(problem)

    def solve_one(
        self,
        problem: Problem,
        instance: Instance,
        clock: Clock,
        *,
        seed: int,
        initial: Solution | None,
        candidates: NDArray[np.int64] | None,
        report: Callable[[Solution], None] | None,
    ) -> Solution:
        """Solve one instance; a path by the closed tour that it is part of, without `candidates`."""
        trivial = solve_trivial(problem, instance)
        if trivial is not None:
            return trivial
        if problem.shape == "cycle":
            return self.solve_closed(
                problem, instance, clock, seed=seed, initial=initial, candidates=candidates, report=report
            )
        closed, path = as_cycle(problem, instance)
        found = solve_trivial(closed, path.instance) or self.solve_closed(
            closed,
            path.instance,
            clock,
            seed=seed,
            initial=None if initial is None else path.question(closed, initial),
            candidates=None,
            report=None if report is None else lambda found: report(path.answer(problem, instance, found)),
        )
        return path.answer(problem, instance, found)

    @abstractmethod
    def solve_closed(
        self,
        problem: Problem,
        instance: Instance,
        clock: Clock,
        *,
        seed: int,
        initial: Solution | None,
        candidates: NDArray[np.int64] | None,
        report: Callable[[Solution], None] | None,
    ) -> Solution:
        """Solve one instance whose tours are closed; see `InstanceSolver.solve_one`."""
