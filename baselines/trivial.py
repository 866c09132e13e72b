"""Instances of up to three nodes, which are solved by enumeration."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from tsp.instance import Instance
from tsp.problems import Session, SplitDelivery
from tsp.solution import check, is_preferable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tsp.problems import Problem
    from tsp.solution import Solution

MOST_NODES = 3

SQUARE = Instance(np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]]))
"""The instance that solvers warm up with."""


def solve_trivial(problem: Problem, instance: Instance) -> Solution | None:
    """The optimum by enumeration; None above `MOST_NODES` nodes, with split deliveries, or where numbers are uncertain.

    Where no solution is feasible, an infeasible one is returned.
    """
    is_other = problem.rule(SplitDelivery) is not None or problem.rule(Session) is not None
    if instance.size > MOST_NODES or is_other:
        return None
    best: Solution | None = None
    for tours in _possible_tours(problem, instance):
        found = check(problem, instance, tours)
        if best is None or is_preferable(problem, found, best):
            best = found
    return None if best is None else replace(best, bound=best.objective)


def _possible_tours(problem: Problem, instance: Instance) -> Iterator[list[list[int]]]:
    """Every possible solution with up to two customers."""
    depot, finish = instance.depot, instance.finish
    if not problem.shape.has_depot:
        for order in permutations(range(instance.size)):
            if problem.shape.is_path or order[0] == depot:
                yield [list(order)]
        return
    closing = [finish] if finish != depot else []
    customers = [node for node in range(instance.size) if node not in (depot, finish)]
    for count in range(len(customers), -1, -1):
        for order in permutations(customers, count):
            yield [[depot, *order, *closing]]
            if problem.shape.has_several_tours and count > 1:
                yield [[depot, node, *closing] for node in order]
