"""The arcs of one tour, or of several tours that nothing distinguishes, as literals of CP-SAT."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from ortools.sat.python import cp_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsp.instance import Integers


class Circuit(NamedTuple):
    """The literals of one tour, or of any number of tours.

    Attributes:
        arcs: origins and destinations `[a, 2]`, one row for each literal; an arc from a node to itself leaves
            the node out, that of node 0 leaves out all nodes.
        literals: whether the arc is used.
        visited: for each of the nodes 0 to m whether it is visited: literals, or 1.
        several: whether there may be any number of tours.
    """

    arcs: Integers
    literals: list[cp_model.IntVar]
    visited: list[Any]
    several: bool

    def total(self, steps: Integers) -> cp_model.LinearExprT:
        """The sum of the steps `[m + 1, m + 1]` of the arcs used."""
        a, b = self.arcs.T
        counted = np.where((a != b) | (a == 0), steps[a, b], 0)
        return cp_model.LinearExpr.weighted_sum(self.literals, counted.tolist())

    def unused(self, arcs: NDArray[np.bool_]) -> list[Any]:
        """The negated literals of those arcs `[m + 1, m + 1]`."""
        return [~x for x, out in zip(self.literals, arcs[tuple(self.arcs.T)].tolist(), strict=True) if out]

    def literals_of(self, tours: list[list[int]]) -> list[cp_model.IntVar]:
        """The literals that are true for these tours."""
        arcs = {arc for tour in tours for arc in pairwise([0, *tour, 0])}
        visited = {node for tour in tours for node in tour}
        arcs |= {(k, k) for k in range(1, len(self.visited)) if k not in visited}
        return [x for (a, b), x in zip(self.arcs.tolist(), self.literals, strict=True) if (a, b) in arcs]

    def tours_of(self, used: list[bool]) -> list[list[int]]:
        """The tours, each as its customers, for the values of the literals."""
        arcs = [(a, b) for a, b in self.arcs[np.array(used)].tolist() if a != b]
        following = {a: b for a, b in arcs if a}
        tours: list[list[int]] = []
        for node in (b for a, b in arcs if a == 0):
            tours.append([node])
            while (node := following[node]) != 0:
                tours[-1].append(node)
        return tours if tours or self.several else [[]]


CircuitTours = list[list[list[int]]]
"""For each circuit its tours, each as the graph's customers."""
