"""The toolkit's local search: Lin-Kernighan for tours through every node, a search by rules for all else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsp.solvers import InstanceSolver

from .routes.rule_search import RuleSearch
from .tours.closed_tours import is_closed_tour
from .tours.iterated_search import LinKernighan

if TYPE_CHECKING:
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers import Task


class UnguidedLocalSearch(InstanceSolver):
    """Iterated Lin-Kernighan moves for tours through every node, ruin and recreate for all other problems.

    Args:
        kicks: stop after this many kicks or rounds; None: the clock decides.
    """

    name = "ls"
    in_threads = True

    def __init__(self, *, kicks: int | None = None) -> None:
        self._tours = LinKernighan(kicks=kicks)
        self._rules = RuleSearch(iterations=kicks)

    def supports(self, problem: Problem) -> bool:
        """Whether one of the two does."""
        return self._of(problem).supports(problem)

    def warm_up(self, problem: Problem) -> None:
        """Compile the one that the problem needs."""
        self._of(problem).warm_up(problem)

    def solve_one(self, task: Task) -> Solution:
        """Solve one instance; see `InstanceSolver.solve_one`."""
        return self._of(task.problem).solve_one(task)

    def _of(self, problem: Problem) -> InstanceSolver:
        return self._tours if is_closed_tour(problem) else self._rules
