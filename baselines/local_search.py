"""The toolkit's local search: Lin-Kernighan for tours through every node, ruin and recreate for all other problems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsp.solvers import InstanceSolver

from .routes.search import RouteSearch
from .tours.closed_tours import is_closed_tour
from .tours.iterated_search import LinKernighan

if TYPE_CHECKING:
    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers import Task


class UnguidedLocalSearch(InstanceSolver):
    """Iterated Lin-Kernighan moves for tours through every node, ruin and recreate for all other problems.

    Args:
        kicks: stop after this many kicks or iterations; None stops when the time is up.
        ruin_recreate: as in `RouteSearch`; if False, closed tours and paths are not supported.
        descent: as in `RouteSearch`; if False, closed tours and paths are not supported.
    """

    name = "ls"
    in_threads = True
    keeps_free_ends = True

    def __init__(self, *, kicks: int | None = None, ruin_recreate: bool = True, descent: bool = True) -> None:
        self._tours = LinKernighan(kicks=kicks)
        self._routes = RouteSearch(iterations=kicks, ruin_recreate=ruin_recreate, descent=descent)
        self._is_ablation = not (ruin_recreate and descent)

    def supports(self, problem: Problem) -> bool:
        """Whether the problem's search supports it; an ablation supports problems of ruin and recreate alone."""
        return self._of(problem).supports(problem) and not (self._is_ablation and is_closed_tour(problem))

    def warm_up(self, problem: Problem) -> None:
        """Compile the search that the problem needs."""
        self._of(problem).warm_up(problem)

    def refusal(self, problem: Problem, instance: Instance, time_limit: float) -> str | None:
        """Refuse what the problem's search refuses."""
        return self._of(problem).refusal(problem, instance, time_limit)

    def solve_one(self, task: Task) -> Solution:
        """Solve one instance; see `InstanceSolver.solve_one`."""
        return self._of(task.problem).solve_one(task)

    def _of(self, problem: Problem) -> InstanceSolver:
        return self._tours if is_closed_tour(problem) else self._routes
