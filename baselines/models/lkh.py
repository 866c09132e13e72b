"""`lkh`: Helsgaun's Lin-Kernighan, by the package `elkai` (an extra, under LKH's own non-commercial licence)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import elkai  # pyright: ignore[reportMissingImports] - an extra
import numpy as np

from baselines.tours.closed_tours import ClosedTourSolver
from tsp.solution import Solution, check

if TYPE_CHECKING:
    from tsp.solvers import Task

RESOLUTION = 2**20
"""Distances that are not whole numbers are scaled so that the longest is this, and rounded."""

LONGEST = 2**23
"""Whole distances above it are scaled too: LKH multiplies distances by a hundred, in 32 bits."""

MOST_NODES = 2_000
"""The package takes all distances as a list of Python numbers."""


class LKHSolver(ClosedTourSolver):
    """LKH. The package has no time limit, so LKH ends when its runs are done.

    Args:
        runs: number of runs.
    """

    one_shot = True

    def __init__(self, *, runs: int = 1) -> None:
        if runs < 1:
            raise ValueError(f"runs: {runs}, expected 1 or more")
        self.name = "lkh"
        self.runs = runs

    def solve_closed(self, task: Task) -> Solution:
        """LKH's tour, or the initial tour if that is shorter."""
        problem, instance, initial = task.problem, task.instance, task.initial
        if instance.size > MOST_NODES:
            sentence = f"{instance.size} nodes: {self.name} takes on at most {MOST_NODES}"
            return initial or Solution((), None, False, (sentence,))
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
