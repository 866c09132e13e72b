"""The base class of solvers of closed tours through every node, which solve paths as closed tours."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from baselines.trivial import solve_trivial
from tsp.problems import VisitOnce
from tsp.solvers import InstanceSolver, slow_refusal
from tsp.underway import PATH_FACTOR, as_cycle

PAIR = 4e-8
"""Seconds for the distance of each pair of nodes."""

if TYPE_CHECKING:
    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers import Task


def is_closed_tour(problem: Problem) -> bool:
    """Whether the problem is one short tour through every node, closed or a path."""
    return (
        (problem.shape.is_closed or problem.shape.is_path)
        and problem.objective.sense == "min"
        and problem.objective.terms == ("length",)
        and all(type(rule) is VisitOnce for rule in problem.rules)
    )


class ClosedTourSolver(InstanceSolver):
    """A solver of closed tours of at least four nodes, and of paths; a subclass writes `solve_closed`."""

    def supports(self, problem: Problem) -> bool:
        """Whether the problem is one short tour through every node, closed or a path."""
        return is_closed_tour(problem)

    def refusal(self, problem: Problem, instance: Instance, time_limit: float) -> str | None:
        """Refuse a path that cannot be turned into a closed tour, which needs a matrix, in time."""
        needed = PATH_FACTOR * PAIR * instance.size**2 if problem.shape.is_path else 0.0
        return slow_refusal(self, instance, needed, time_limit)

    def solve_one(self, task: Task) -> Solution:
        """Solve one instance; a path becomes a closed tour, without `candidates`."""
        trivial = solve_trivial(task.problem, task.instance)
        if trivial is not None:
            return trivial
        if task.problem.shape.is_closed:
            return self.solve_closed(task)
        closed, path = as_cycle(task.problem, task.instance)
        found = solve_trivial(closed, path.instance) or self.solve_closed(task.reduced(path))
        return path.answer(task.problem, task.instance, found)

    @abstractmethod
    def solve_closed(self, task: Task) -> Solution:
        """Solve one instance of closed tours with at least four nodes; see `InstanceSolver.solve_one`."""
