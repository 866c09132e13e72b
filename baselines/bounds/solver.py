"""`bound`: the stage of a chain that proves how far from optimal the answer can be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from baselines.trivial import SQUARE
from tsp.budget import Clock
from tsp.problems import get_problem
from tsp.solution import no_answer
from tsp.solvers import InstanceSolver

from .bounds import bound

if TYPE_CHECKING:
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers import Task


class BoundSolver(InstanceSolver):
    """Adds a proved bound to the initial solution; without one, it gives a bound and no tour."""

    name = "bound"
    one_shot = True
    in_threads = True
    share = 0.1

    def supports(self, problem: Problem) -> bool:
        """Every problem is supported, though for some no bound is known."""
        return True

    def warm_up(self, problem: Problem) -> None:
        """Compile the ascent, where the problem may need it."""
        if not problem.visits_all:
            return
        bound(problem if problem.shape.is_closed else get_problem("tsp"), SQUARE, Clock(1.0))
        if not problem.shape.is_closed:  # a path is a cycle by a matrix
            bound(get_problem("tsp"), replace(SQUARE, coordinates=None, matrix=SQUARE.distances), Clock(1.0))

    def solve_one(self, task: Task) -> Solution:
        """The initial solution with a bound, or a bound alone."""
        answer = task.initial or no_answer(seconds=0.0, solver=self.name)
        proved = bound(task.problem, task.instance, task.clock)
        return replace(answer, bound=None if proved is None else float(proved))
