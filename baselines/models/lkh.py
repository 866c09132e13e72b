"""`lkh`: Helsgaun's Lin-Kernighan, by the package `elkai` (an extra, under LKH's own non-commercial licence)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import elkai  # pyright: ignore[reportMissingImports] - an extra
import numpy as np

from baselines.tours.closed_tours import ClosedTourSolver
from tsp.solution import check
from tsp.solvers import most_nodes_refusal, slow_refusal

if TYPE_CHECKING:
    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers import Task

RESOLUTION = 2**20
"""Distances that are not whole numbers are scaled so that the longest has this value, and rounded."""

LONGEST = 2**23
"""Whole distances above this are scaled too: LKH multiplies distances by a hundred, in 32 bits."""

RUN = 1e-5
"""Seconds that a run takes for each pair of nodes."""

MOST_NODES = 2_000
"""The package takes all distances as a list of Python numbers."""


class LKHSolver(ClosedTourSolver):
    """LKH, which ends when its runs are done, since the package has no time limit.

    Instances whose runs take longer than the limit are refused.

    Args:
        runs: number of runs.
    """

    one_shot = True
    uses_initial = False

    def __init__(self, *, runs: int = 1) -> None:
        if runs < 1:
            raise ValueError(f"runs: {runs}, expected 1 or more")
        self.name = "lkh"
        self.runs = runs

    def refusal(self, problem: Problem, instance: Instance, time_limit: float) -> str | None:
        """Refuse instances whose runs take more than the time limit: LKH cannot be interrupted."""
        needed = self.runs * RUN * instance.size**2
        return most_nodes_refusal(self, instance, MOST_NODES) or slow_refusal(self, instance, needed, time_limit)

    def solve_closed(self, task: Task) -> Solution:
        """LKH's tour, or the initial tour if that is shorter."""
        problem, instance, initial = task.problem, task.instance, task.initial
        distances = instance.distances
        longest = float(np.abs(distances[~np.eye(instance.size, dtype=bool)]).max())
        if longest > LONGEST or (distances != np.rint(distances)).any():
            distances = distances * (RESOLUTION / longest)
        whole = np.rint(distances).astype(np.int64)
        np.fill_diagonal(whole, 0)
        tour = elkai.DistanceMatrix(whole.tolist()).solve_tsp(runs=self.runs)
        found = check(problem, instance, [tour[:-1]])
        if initial is not None and not problem.is_better(found.objective, initial.objective):
            return initial
        if task.report is not None:
            task.report(found)
        return found
