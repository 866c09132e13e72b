"""Instances so small that every tour is tried, where each classical solver asks first; and the smallest that is not."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from tsp.instance import Instance
from tsp.solution import check

if TYPE_CHECKING:
    from tsp.problems import Problem
    from tsp.solution import Solution

MOST_NODES = 3

SQUARE = Instance(np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]]))
"""What solvers warm up on."""


def solve_trivial(problem: Problem, instance: Instance) -> Solution | None:
    """The best of all tours through every node, proved by trying them; None above `MOST_NODES` nodes."""
    if instance.size > MOST_NODES:
        return None
    others = [node for node in range(instance.size) if node != instance.depot]
    best: Solution | None = None
    for order in permutations(others):
        found = check(problem, instance, [np.array([instance.depot, *order])])
        if found.objective is None:
            continue
        if best is None or best.objective is None or problem.objective.better(found.objective, best.objective):
            best = found
    return None if best is None else replace(best, bound=best.objective)
