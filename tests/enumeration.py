"""A solver that enumerates the solutions of tiny instances."""

from dataclasses import replace

from brute_force import feasible_solutions

from tsp.solution import no_answer
from tsp.solvers import InstanceSolver


class Enumeration(InstanceSolver):
    """Enumerates all solutions, without knowledge of `Underway`."""

    name = "enumeration"

    def supports(self, problem):
        return True

    def solve_one(self, task):
        assert task.instance.underway is None
        assert task.candidates is None
        self.start = task.initial
        best = None
        for solution in feasible_solutions(task.problem, task.instance).values():
            if best is None or task.problem.is_better(solution.objective, best.objective):
                best = solution
                if task.report is not None:
                    task.report(best)
        return no_answer(seconds=0.0, solver="") if best is None else replace(best, bound=best.objective)
