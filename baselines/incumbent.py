"""The best solution that a search has found, evaluated with the instance's own numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsp.solution import check, no_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from tsp.solvers import Task


class Incumbent:
    """The best solution so far: at first the task's initial one, else the empty tour where that is feasible.

    A search on rounded numbers, or with costs that differ from the objective, may rank two solutions in
    the wrong order; the incumbent ranks them by the objective.

    Args:
        task: the instance; its report is called with each better solution.
    """

    def __init__(self, task: Task) -> None:
        problem, instance = task.problem, task.instance
        self.problem = problem
        self.instance = instance
        self.report = task.report
        self.solution = task.initial or no_answer(seconds=0.0, solver="")
        if not self.solution.feasible and not problem.visits_all:
            depot, finish = instance.depot, instance.finish
            empty = check(problem, instance, [[depot] if depot == finish else [depot, finish]])
            self.solution = empty if empty.feasible else self.solution

    def consider(self, tours: Sequence[ArrayLike], amounts: Sequence[ArrayLike] | None = None) -> None:
        """Keep and report these tours if they are feasible and better."""
        found, old = check(self.problem, self.instance, tours, amounts=amounts), self.solution.objective
        if self.problem.is_better(found.objective, old):
            self.solution = found
            if self.report is not None:
                self.report(found)
