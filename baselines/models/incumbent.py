"""The best answer that a search has found, measured in the instance's own numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsp.solution import check, no_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution


class Incumbent:
    """The best answer so far; at first the given one, else the tour that visits nobody where that is allowed.

    What searches on rounded numbers, or beside the objective, may find the better of two the worse.

    Args:
        problem: by whose rules and objective it is the best.
        instance: what is solved.
        initial: an answer to begin with.
        report: called with each better one.
    """

    def __init__(
        self,
        problem: Problem,
        instance: Instance,
        initial: Solution | None,
        report: Callable[[Solution], None] | None,
    ) -> None:
        self.problem = problem
        self.instance = instance
        self.report = report
        self.solution = initial or no_answer(seconds=0.0, solver="")
        if not self.solution.feasible and not problem.visits_all:
            depot, finish = instance.depot, instance.finish
            nobody = check(problem, instance, [[depot] if depot == finish else [depot, finish]])
            self.solution = nobody if nobody.feasible else self.solution

    def consider(self, tours: Sequence[ArrayLike], amounts: Sequence[ArrayLike] | None = None) -> None:
        """Keep and report these tours if they are allowed and better."""
        found, old = check(self.problem, self.instance, tours, amounts=amounts), self.solution.objective
        if found.objective is not None and (old is None or self.problem.objective.better(found.objective, old)):
            self.solution = found
            if self.report is not None:
                self.report(found)
