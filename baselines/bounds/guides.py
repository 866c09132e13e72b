"""Classical guides: candidate lists of local searches of closed tours.

Candidates are chosen by distance, by distance in each quadrant, by alpha-nearness (how much the minimum 1-tree
grows if it must contain an edge), and, as a control for learned guides, by the edges of a few quick tours. The
time of a guide is part of the time of the search that follows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.kernels.geometry import (
    Array,
    Geometry,
    Integers,
    Nodes,
    delaunay_edges,
    geometry_of,
    hilbert_order,
    kernel,
    nearest_neighbours,
    part,
)
from tsp.budget import Budget, Clock
from tsp.instance import Instance
from tsp.problems import get_problem

from .alpha import alpha_candidates
from .ascent import ascend

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tsp.problems import Problem

LOOKED_AT = 3
"""The quadrants' neighbours are chosen among this many times `k` nearest nodes."""

CONSIDERED = 8
"""Nearest neighbours, in addition to those of a triangulation, among which alpha-nearness chooses."""

ASCENT = 100
"""Steps of its ascent: within 0.1 % of the Held-Karp bound where points are evenly distributed."""

LONGEST_ASCENT = 600.0
"""Time limit of its ascent in seconds; its few steps take far less."""

ENOUGH = 60.0
"""Time limit of each quick tour in seconds; it ends by itself long before."""


class _InstanceGuide:
    """A guide that takes instances one by one; a subclass writes `_lists`."""

    name: str

    def __init__(self, neighbours: int) -> None:
        if neighbours < 1:
            raise ValueError(f"neighbours: {neighbours}, expected 1 or more")
        self.neighbours = neighbours

    def warm_up(self) -> None:
        """Compile the kernels; points and matrices need the same."""
        points = np.random.default_rng(0).random((12, 2))
        self.candidates(get_problem("tsp"), [Instance(coordinates=points)])

    def candidates(self, problem: Problem, instances: Sequence[Instance]) -> list[NDArray[np.int64]]:
        """Neighbour lists `[n, min(neighbours, n - 1)]` of each instance, best first.

        Args:
            problem: of closed tours.
            instances: symmetric ones.
        """
        return [self._lists(problem, instance).astype(np.int64) for instance in instances]

    def _lists(self, problem: Problem, instance: Instance) -> NDArray[np.integer]:
        raise NotImplementedError


class Distance(_InstanceGuide):
    """The nearest neighbours."""

    def __init__(self, *, neighbours: int = 10) -> None:
        super().__init__(neighbours)
        self.name = "distance"

    def _lists(self, problem: Problem, instance: Instance) -> NDArray[np.integer]:
        return nearest_neighbours(geometry_of(instance), self.neighbours)


class Quadrant(_InstanceGuide):
    """Neighbours in all four quadrants, nearest first; with a matrix or in three dimensions, the nearest."""

    def __init__(self, *, neighbours: int = 8) -> None:
        super().__init__(neighbours)
        self.name = "quadrant"

    def _lists(self, problem: Problem, instance: Instance) -> NDArray[np.integer]:
        return quadrant_neighbours(geometry_of(instance), plane_of(instance), self.neighbours)


class AlphaNearness(_InstanceGuide):
    """The neighbours of smallest alpha, after a short ascent.

    Source: Helsgaun, "An effective implementation of the Lin-Kernighan traveling salesman heuristic",
    European Journal of Operational Research 126, 2000.

    Args:
        neighbours: number of candidates; Helsgaun's five are sometimes too few with clusters.
        steps: of the ascent.
    """

    seconds_a_node = 6e-5

    def __init__(self, *, neighbours: int = 6, steps: int = ASCENT) -> None:
        super().__init__(neighbours)
        self.name = "alpha"
        self.steps = steps

    def _lists(self, problem: Problem, instance: Instance) -> NDArray[np.integer]:
        if instance.size < 3:
            return nearest_neighbours(geometry_of(instance), self.neighbours)
        order, geometry, pairs = sorted_edges(instance, max(CONSIDERED, self.neighbours))
        chosen = alpha_candidates(ascend(geometry, pairs, Clock(LONGEST_ASCENT), steps=self.steps), self.neighbours)
        out = np.empty_like(chosen)
        out[order] = order[chosen]
        return out


class TourUnion(_InstanceGuide):
    """The neighbours in a few quick tours, the most frequent first, then quadrant neighbours.

    Args:
        neighbours: number of candidates.
        tours: number of tours.
        find: gives a tour `[n]` of an instance for a seed; None uses a short local search.
    """

    def __init__(
        self,
        *,
        neighbours: int = 5,
        tours: int = 5,
        find: Callable[[Problem, Instance, int], NDArray[np.integer]] | None = None,
    ) -> None:
        super().__init__(neighbours)
        self.name = "tours"
        self.tours = tours
        self.find = find or _quick_tour

    def _lists(self, problem: Problem, instance: Instance) -> NDArray[np.integer]:
        n = instance.size
        near = quadrant_neighbours(geometry_of(instance), plane_of(instance), self.neighbours)
        if n < 3:
            return near
        found = np.array([self.find(problem, instance, seed) for seed in range(self.tours)], dtype=np.int64)
        beside = np.stack([np.roll(found, 1, axis=1), np.roll(found, -1, axis=1)])
        edges, counts = np.unique(found * n + beside, return_counts=True)
        fill = np.setdiff1d(np.repeat(np.arange(n), near.shape[1]) * n + near.ravel(), edges)
        edges, counts = np.append(edges, fill), np.append(counts, np.zeros(len(fill), dtype=np.int64))
        origins, ends = edges // n, edges % n
        order = np.lexsort((instance.legs(origins, ends), -counts, origins))
        first = np.searchsorted(origins[order], np.arange(n))
        return ends[order][first[:, None] + np.arange(near.shape[1])]


def _quick_tour(problem: Problem, instance: Instance, seed: int) -> NDArray[np.integer]:
    from baselines.tours.iterated_search import LinKernighan

    solver = LinKernighan(kicks=instance.size)
    return solver.solve(problem, [instance], Budget(ENOUGH, seed=seed))[0].tours[0]


def plane_of(instance: Instance) -> Array | None:
    """The nodes' coordinates `[n, 2]`; None where distances are not those of points in a plane."""
    if instance.matrix is not None or instance.coordinates is None or instance.coordinates.shape[1] != 2:
        return None
    return instance.coordinates


def sorted_edges(instance: Instance, k: int) -> tuple[Integers, Geometry, Integers]:
    """The edges that an ascent begins with; nodes are renumbered along a curve where there are points.

    They are the edges to the nearest neighbours and, in a plane, those of the Delaunay triangulation: where
    points form clusters, few other edges leave the clusters.

    Args:
        instance: of n nodes, with symmetric distances.
        k: number of nearest neighbours of each node.

    Returns:
        the old number of each node `[n]`, the geometry in new numbers, and the edges `[m, 2]`, at least
        min(k, n - 1) at each node.
    """
    geometry, plane = geometry_of(instance), plane_of(instance)
    order = np.arange(instance.size)
    if instance.matrix is None:
        order = hilbert_order(geometry.points)
        geometry = geometry.subset(order)
    near = nearest_neighbours(geometry, k)
    pairs = np.column_stack([np.repeat(np.arange(len(near)), near.shape[1]), near.ravel()]).astype(np.int64)
    if plane is not None:
        pairs = np.concatenate([pairs, delaunay_edges(plane[order])])
    return order, geometry, pairs


def quadrant_neighbours(geometry: Geometry, plane: Array | None, k: int) -> Nodes:
    """Quadrant neighbours: the k / 4 nearest in each quadrant, and the nearest of the others.

    So nodes at the border of a cluster have neighbours outside it. All are chosen among the `LOOKED_AT` k
    nearest nodes. Source: Johnson, McGeoch, "Experimental analysis of heuristics for the STSP", in:
    Gutin, Punnen (eds.), The Traveling Salesman Problem and Its Variations, 2002.

    Args:
        geometry: of n nodes.
        plane: `[n, 2]`, the coordinates; without them, the k nearest are given.
        k: number of neighbours; at most n - 1 are given.

    Returns:
        node numbers `[n, min(k, n - 1)]`, nearest first.
    """
    if plane is None or k < 4:
        return nearest_neighbours(geometry, k)
    near = nearest_neighbours(geometry, LOOKED_AT * k)
    out = np.empty((geometry.size, min(k, near.shape[1])), dtype=np.int32)
    _choose_by_quadrant(plane, near, k // 4, np.zeros(4, dtype=np.int32), out)
    return out


@part
def _quadrant(x: float, y: float) -> int:
    if x > 0 and y >= 0:
        return 0
    if x <= 0 and y > 0:
        return 1
    return 2 if x < 0 else 3


@kernel
def _choose_by_quadrant(plane: Array, near: Nodes, share: int, counts: Nodes, out: Nodes) -> None:
    """Fill the rows of `out` from those of `near`, in their order; `counts` `[4]` is working memory."""
    for i in range(len(near)):
        spare, place = out.shape[1], 0
        for taking in (False, True):  # first count how many places the quadrants' shares leave to other nodes
            for q in range(4):
                counts[q] = 0
            for m in range(near.shape[1]):
                j = near[i, m]
                q = _quadrant(plane[j, 0] - plane[i, 0], plane[j, 1] - plane[i, 1])
                counts[q] += 1
                if not taking:
                    spare -= counts[q] <= share
                elif counts[q] <= share or spare > 0:
                    spare -= counts[q] > share
                    out[i, place] = j
                    place += 1
