"""Construction heuristics: nearest neighbour, insertion, space-filling curve.

None makes a full distance matrix for points, so each can solve tens of thousands of them. Sources:
Rosenkrantz, Stearns and Lewis, SIAM Journal on Computing 6, 1977; Platzman and Bartholdi, Journal of
the ACM 36, 1989.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Literal

import numpy as np

from baselines.kernels.geometry import (
    MATRIX,
    Geometry,
    Nodes,
    distance,
    geometry_of,
    hilbert_order,
    jit,
    nearest_neighbours,
)
from baselines.routes.insertion import InsertionByRules
from baselines.tours.closed_tours import ClosedTourSolver, is_closed_tour
from baselines.tours.greedy import nearest_neighbour_tour
from baselines.trivial import SQUARE
from tsp.solution import check
from tsp.solvers import slow_refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers import Task

NEIGHBOURS = 10
"""Number of nearest nodes that are tried before all others."""

MATRIX_PAIR = 2e-8
"""Seconds that insertion takes for each pair of nodes of a matrix."""

MOST_EXACT = 2_000
"""The most points for which insertion compares every node and every edge.

With more points tours are about 1 % longer and take a tenth of the time.
"""


class Construction(ClosedTourSolver):
    """A construction heuristic; it takes seconds for tens of thousands of points. A subclass writes `construct`."""

    one_shot = True
    uses_initial = False

    def warm_up(self, problem: Problem) -> None:
        """Compile; points and matrices need the same kernels."""
        self.construct(SQUARE, seed=0)

    def solve_closed(self, task: Task) -> Solution:
        """Make the tour; the answer is the initial solution if that is better."""
        problem, instance, initial = task.problem, task.instance, task.initial
        found = check(problem, instance, [self.construct(instance, seed=task.seed)])
        if initial is not None and initial.objective is not None and found.objective is not None:
            return found if problem.is_better(found.objective, initial.objective) else initial
        return found

    @abstractmethod
    def construct(self, instance: Instance, *, seed: int) -> NDArray[np.integer]:
        """A tour of an instance with at least four nodes."""


class NearestNeighbour(Construction):
    """Visit the nearest node that is not yet visited, from the depot on."""

    def __init__(self) -> None:
        self.name = "nearest"

    def construct(self, instance: Instance, *, seed: int) -> Nodes:
        """See `Construction`."""
        geometry = geometry_of(instance)
        # With a matrix, finding the nearest nodes looks at all nodes anyway.
        near = nearest_neighbours(geometry, 0 if geometry.code == MATRIX else NEIGHBOURS)
        return nearest_neighbour_tour(geometry, near, instance.depot)


class SpaceFillingCurve(Construction):
    """Visit points in their order along a Hilbert curve."""

    def __init__(self) -> None:
        self.name = "spacefilling"

    def construct(self, instance: Instance, *, seed: int) -> NDArray[np.int64]:
        """See `Construction`.

        Raises:
            ValueError: for an instance without coordinates.
        """
        if instance.coordinates is None:
            raise ValueError(f"{instance.name or 'instance'}: spacefilling needs coordinates, it has only a matrix")
        return hilbert_order(instance.coordinates)


class Insertion(Construction):
    """Insert one node after another into a growing tour, where that costs least.

    With more than `MOST_EXACT` points, a random sample of that size is inserted in this way. Then the others are
    inserted, each beside one of the nodes of the tour that are nearest to it. Problems with other rules than that
    every node is visited are solved by `baselines.routes.insertion`.

    Args:
        rule: the next node: the one `farthest` from the tour, or the one `cheapest` to insert; with more rules
            it is always the cheapest.
    """

    def __init__(self, *, rule: Literal["farthest", "cheapest"] = "farthest") -> None:
        self.name = "insertion"
        self.rule = rule
        self._by_rules = InsertionByRules()

    def supports(self, problem: Problem) -> bool:
        """Whether the problem is one short tour through every node, or insertion by rules supports it."""
        return is_closed_tour(problem) or self._by_rules.supports(problem)

    def refusal(self, problem: Problem, instance: Instance, time_limit: float) -> str | None:
        """Refuse what the kind of insertion that the problem needs refuses."""
        if is_closed_tour(problem):
            inserting = MATRIX_PAIR * instance.size**2 if instance.matrix is not None else 0.0
            slow = slow_refusal(self, instance, inserting, time_limit)
            return slow or super().refusal(problem, instance, time_limit)
        return self._by_rules.refusal(problem, instance, time_limit)

    def solve_one(self, task: Task) -> Solution:
        """Make the tours; the answer is the initial solution if that is better."""
        return super().solve_one(task) if is_closed_tour(task.problem) else self._by_rules.solve_one(task)

    def construct(self, instance: Instance, *, seed: int) -> NDArray[np.integer]:
        """See `Construction`."""
        return self._grow(geometry_of(instance), instance.depot, seed, MOST_EXACT)

    def warm_up(self, problem: Problem) -> None:
        """Compile insertion with few and with many points, or insertion by rules."""
        if not is_closed_tour(problem):
            self._by_rules.warm_up(problem)
            return
        super().warm_up(problem)
        self._grow(geometry_of(SQUARE), 0, 0, 2)

    def _grow(self, geometry: Geometry, depot: int, seed: int, most_exact: int) -> Nodes:
        insert = _insert_farthest if self.rule == "farthest" else _insert_cheapest
        if geometry.code == MATRIX or geometry.size <= most_exact:
            return _as_tour(insert(geometry, depot), depot)
        order = np.random.default_rng(seed).permutation(geometry.size)
        base = order[:most_exact]
        following = np.full(geometry.size, -1, dtype=np.int32)
        following[base] = base[insert(geometry.subset(base), 0)]
        _insert_others(geometry, following, order)
        return _as_tour(following, depot)


def _insert_others(geometry: Geometry, following: Nodes, order: NDArray[np.int64]) -> None:
    """Insert the remaining nodes, in batches as large as the tour, with a k-d tree of the tour for each batch."""
    from scipy.spatial import KDTree

    preceding = np.full_like(following, -1)
    inside = np.flatnonzero(following >= 0)
    preceding[following[inside]] = inside
    near = nearest_neighbours(geometry, NEIGHBOURS)
    count = len(inside)
    while count < len(order):
        tour, batch = order[:count], order[count : 2 * count]
        tree = KDTree(geometry.points[tour], balanced_tree=False, compact_nodes=False)
        _, found = tree.query(geometry.points[batch], k=min(NEIGHBOURS, count))
        _insert_near(geometry, following, preceding, batch.astype(np.int32), tour[found].astype(np.int32), near)
        count += len(batch)


@jit
def _insert_farthest(geometry: Geometry, start: int) -> Nodes:
    """The successor of each node in a tour grown from `start`."""
    n = max(len(geometry.points), len(geometry.matrix))
    following = np.full(n, -1, dtype=np.int32)
    following[start] = start
    inside = np.empty(n, dtype=np.int32)
    inside[0] = start
    outside = np.arange(n).astype(np.int32)
    outside[start] = outside[n - 1]
    edge = np.zeros(n)  # length from each node of the tour to its successor
    there, back = np.zeros(n), np.zeros(n)  # from each node to the new one, and back
    reach = np.full(n, np.inf)  # distance from the tour to each node outside
    new = start
    for count in range(1, n):
        left = n - count
        farthest = -1.0
        at = 0
        for k in range(left):
            node: int = outside[k]
            to = distance(geometry, new, node)
            if to < reach[node]:
                reach[node] = to
            if reach[node] > farthest:
                farthest, at = reach[node], k
        new: int = outside[at]
        outside[at] = outside[left - 1]
        for k in range(count):
            node: int = inside[k]
            there[node] = distance(geometry, node, new)
            back[node] = distance(geometry, new, node)
        least = np.inf
        before = start
        for k in range(count):
            node: int = inside[k]
            cost = there[node] + back[following[node]] - edge[node]
            if cost < least:
                least, before = cost, node
        after: int = following[before]
        following[before], following[new] = new, after
        edge[before], edge[new] = there[before], back[after]
        inside[count] = new
    return following


@jit
def _insert_cheapest(geometry: Geometry, start: int) -> Nodes:
    """The successor of each node in a tour grown from `start`."""
    n = max(len(geometry.points), len(geometry.matrix))
    following = np.full(n, -1, dtype=np.int32)
    following[start] = start
    inside = np.empty(n, dtype=np.int32)
    inside[0] = start
    outside = np.empty(n, dtype=np.int32)
    edge = np.zeros(n)  # length from each node of the tour to its successor
    cost, place = np.empty(n), np.empty(n, dtype=np.int32)  # cost and place of each node's cheapest insertion
    count = 0
    for node in range(n):
        if node != start:
            outside[count] = node
            count += 1
            cost[node] = distance(geometry, start, node) + distance(geometry, node, start)
            place[node] = start
    for count in range(1, n):
        left = n - count
        at = 0
        for k in range(1, left):
            if cost[outside[k]] < cost[outside[at]]:
                at = k
        new: int = outside[at]
        outside[at] = outside[left - 1]
        before: int = place[new]
        after: int = following[before]
        following[before], following[new] = new, after
        edge[before], edge[new] = distance(geometry, before, new), distance(geometry, new, after)
        inside[count] = new
        for k in range(left - 1):
            node: int = outside[k]
            first = distance(geometry, before, node) + distance(geometry, node, new) - edge[before]
            second = distance(geometry, new, node) + distance(geometry, node, after) - edge[new]
            known = np.inf if place[node] == before else cost[node]
            if place[node] == before and min(first, second) > cost[node]:
                for i in range(count + 1):  # its edge is gone, and neither new edge is as good
                    a: int = inside[i]
                    other = distance(geometry, a, node) + distance(geometry, node, following[a]) - edge[a]
                    if other < known:
                        known, place[node] = other, a
            elif first < known or second < known:
                known, place[node] = (first, before) if first <= second else (second, new)
            cost[node] = known
    return following


@jit
def _insert_near(
    geometry: Geometry, following: Nodes, preceding: Nodes, batch: Nodes, near_in_tour: Nodes, near: Nodes
) -> None:
    """Insert each node of `batch` before or after one of those near it that are in the tour.

    Args:
        geometry: of n nodes.
        following: `[n]`, the node after each, -1 outside the tour; changed.
        preceding: `[n]`, the node before each; changed.
        batch: `[m]`, nodes outside the tour.
        near_in_tour: `[m, k]`, for each of them the nearest nodes of the tour.
        near: `[n, k]`, the neighbours of every node; those in the tour by now are tried too.
    """
    for i in range(len(batch)):
        new: int = batch[i]
        least = np.inf
        best: int = near_in_tour[i, 0]
        for k in range(near_in_tour.shape[1] + near.shape[1]):
            node: int = near_in_tour[i, k] if k < near_in_tour.shape[1] else near[new, k - near_in_tour.shape[1]]
            if following[node] < 0:
                continue
            before, after = preceding[node], following[node]
            to = distance(geometry, node, new)
            cost = to + distance(geometry, new, after) - distance(geometry, node, after)
            if cost < least:
                least, best = cost, node
            cost = distance(geometry, before, new) + to - distance(geometry, before, node)
            if cost < least:
                least, best = cost, before
        after = following[best]
        following[best], following[new] = new, after
        preceding[after], preceding[new] = new, best


@jit
def _as_tour(following: Nodes, start: int) -> Nodes:
    tour = np.empty_like(following)
    node = start
    for i in range(len(following)):
        tour[i] = node
        node = following[node]
    return tour
