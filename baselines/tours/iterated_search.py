"""The solvers of closed tours by iterated local search: `2opt`, and Lin-Kernighan moves for `ls`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.incumbent import Incumbent
from baselines.kernels.geometry import (
    Geometry,
    Nodes,
    geometry_of,
    nearest_neighbours,
    table_of,
    tour_length,
)
from baselines.trivial import SQUARE
from tsp.budget import Budget
from tsp.instance import Instance
from tsp.problems import get_problem

from .asymmetric import paired_geometry, paired_lists, paired_tour, unpaired_tour
from .closed_tours import ClosedTourSolver
from .greedy import greedy_tour, nearest_neighbour_tour
from .kicks import UNLIMITED, iterate
from .patching import patched_tour
from .places import Places, places_of
from .search_state import EXCHANGE, LIN_KERNIGHAN, TWO_OPT, TourSearch, make_search
from .work_queue import LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tsp.budget import Clock
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers import Task

BATCH = 100
"""Kicks between two readings of the clock."""

BATCH_WORK = 500_000
"""Nodes moved between two readings of the clock before the first local optimum."""

MOST_TABULATED = 700
"""The most points whose distances are stored in a table; computing each when needed takes up to twice as long."""

PREPARATION_TIME = 1e-5
"""Seconds a point (for a matrix, a thousand entries) that neighbour lists and a first tour may take."""

PATCHING_TIME = 8e-8
"""Seconds a pair of nodes that the neighbour lists and the first tour take where distances are asymmetric."""

NEAREST_TIME = 6e-9
"""Seconds a pair of nodes that the nearest-neighbour tour takes, the answer where there is no time for more."""

GRACE = 0.08
"""Seconds of these that may be beyond the time limit."""

CHECK_TIME = 4e-7
"""Seconds a node that are kept for checking the answer."""

REPORTS = 50
"""The most tours that are reported during a search."""


class IterationParameters(NamedTuple):
    """The parameters of an iterated search.

    Attributes:
        neighbours: candidates of each node, where none are given.
        longest_run: the most nodes in each of the two runs that a kick exchanges.
        temperature: acceptance temperature at the start, in mean edge lengths of the first local optimum.
        enough: the search ends after this many times n² kicks, whatever the time.
    """

    neighbours: int
    longest_run: int
    temperature: float
    enough: int


class IteratedSearch(ClosedTourSolver):
    """A descent, iterated with kicks; a subclass chooses the moves.

    It starts from `initial`, or else from a greedy tour (patched cycles where the matrix is asymmetric),
    and its answer is never worse than `initial`. `candidates` replace the nearest neighbours.
    """

    parameters: IterationParameters
    moves: int
    """The kind of moves for symmetric distances."""

    def __init__(self, *, kicks: int | None = None) -> None:
        if kicks is not None and kicks < 0:
            raise ValueError(f"kicks: {kicks}, expected 0 or more")
        self.kicks = kicks

    def warm_up(self, problem: Problem) -> None:
        """Compile the kernels (or load them): points and matrices, symmetric or not, need the same."""
        if problem.shape.is_path or "matrix" in problem.demanded:
            square = geometry_of(replace(SQUARE, coordinates=None, matrix=SQUARE.distances))
            nearest_neighbour_tour(square, np.empty((4, 0), dtype=np.int32), 0)
            patched_tour(np.ones((3, 3)))  # imports scipy's assignment, which symmetric distances do not need
        points = np.random.default_rng(0).random((8, 2))
        type(self)(kicks=1).solve(get_problem("tsp"), [Instance(coordinates=points)], Budget(60.0))

    def solve_closed(self, task: Task) -> Solution:
        """Descend and iterate until the clock runs out or the kicks are done."""
        clock, best = task.clock, Incumbent(task)
        places = places_of(task.instance)
        start, search = self._prepare(task, places)
        if search is None:
            best.consider([places.tour_of_nodes(start)])
            return best.solution
        shortest = search.tour.nodes.copy()
        length = least = tour_length(search.geometry, shortest)
        due = clock.elapsed
        for change in self._changes(search, clock, task.seed):
            length += change
            if length < least - search.least:
                least = length
                shortest[:] = search.tour.nodes
                if task.report is not None and clock.elapsed >= due:
                    due = clock.elapsed + clock.limit / REPORTS
                    best.consider([places.tour_of_nodes(self.tour_of(search, shortest))])
        best.consider([places.tour_of_nodes(self.tour_of(search, shortest))])
        return best.solution

    def _prepare(self, task: Task, places: Places) -> tuple[NDArray[np.integer], TourSearch | None]:
        """A tour of places and the search that starts at it, or None with too few places or too little time."""
        instance, initial = task.instance, task.initial
        geometry = geometry_of(instance)
        if instance.matrix is None:
            geometry = geometry.subset(places.nodes)
        n = geometry.size
        start = np.arange(n) if initial is None else places.tour_of_places(initial.tours[0])
        needed = PREPARATION_TIME * (n if instance.matrix is None else n * n / 1000)
        if not (instance.symmetric or initial):
            needed = max(needed, PATCHING_TIME * n * n - GRACE)
        if n < 4:
            return start, None
        if task.clock.remaining < needed:
            if initial is None and instance.matrix is not None and task.clock.remaining > NEAREST_TIME * n * n:
                start = nearest_neighbour_tour(geometry, np.empty((n, 0), dtype=np.int32), 0)
            return start, None
        if task.candidates is None:
            near = nearest_neighbours(geometry, self.parameters.neighbours)
        else:
            near = places.lists_of_places(task.candidates)
        if initial is None and instance.symmetric:
            start = greedy_tour(geometry, near)
        elif initial is None:
            start = patched_tour(geometry.matrix)
        if instance.matrix is None and instance.size <= MOST_TABULATED:
            geometry = table_of(instance).subset(places.nodes)
        return start, self.search_from(geometry, start, near, symmetric=instance.symmetric)

    def search_from(self, geometry: Geometry, tour: NDArray[np.integer], near: Nodes, *, symmetric: bool) -> TourSearch:
        """The search that starts at `tour`."""
        return make_search(geometry, self.moves if symmetric else EXCHANGE, tour, near)

    def tour_of(self, search: TourSearch, nodes: Nodes) -> Nodes:
        """The tour that the search's nodes stand for."""
        return nodes

    def _changes(self, search: TourSearch, clock: Clock, seed: int) -> Iterator[float]:
        """Search in batches until the clock or the kicks run out, and yield each batch's change of the length."""
        n = len(search.tour.nodes)
        longest = min(self.parameters.longest_run, (n - 2) // 2)
        random = np.array([seed % 2**64], dtype=np.uint64)
        while search.queue.span[LENGTH] > 0:
            if clock.remaining <= CHECK_TIME * n:
                return
            yield iterate(search, 1, BATCH_WORK, longest, 0.0, random)
        hottest = self.parameters.temperature * _mean_edge(search)
        total = self.parameters.enough * n * n if self.kicks is None else self.kicks
        start = clock.remaining
        for done in range(0, total, BATCH):
            if clock.remaining <= CHECK_TIME * n:
                return
            cooled = done / total
            if self.kicks is None:
                cooled = max(cooled, 1.0 - clock.remaining / start)
            yield iterate(search, min(BATCH, total - done), UNLIMITED, longest, hottest * (1.0 - cooled), random)


class TwoOptSolver(IteratedSearch):
    """2-opt and Or-moves with neighbour lists, iterated with kicks.

    Args:
        kicks: stop after this many kicks, so that the answer depends on the instance and the seed alone,
            if the time suffices; None stops when the time is up (with few nodes, after a multiple of n² kicks).
    """

    name = "2opt"
    parameters = IterationParameters(neighbours=10, longest_run=400, temperature=0.7, enough=500)
    moves = TWO_OPT


class LinKernighan(IteratedSearch):
    """Lin-Kernighan moves, iterated with kicks; asymmetric distances become symmetric ones between pairs of nodes.

    Args:
        kicks: as in `TwoOptSolver`.
    """

    name = "ls"
    parameters = IterationParameters(neighbours=10, longest_run=100, temperature=0.5, enough=20)
    moves = LIN_KERNIGHAN

    def search_from(self, geometry: Geometry, tour: NDArray[np.integer], near: Nodes, *, symmetric: bool) -> TourSearch:
        """The search that starts at `tour`, of pairs of nodes where distances are asymmetric."""
        if symmetric:
            return make_search(geometry, self.moves, tour, near)
        lists = paired_lists(geometry, near)
        return make_search(paired_geometry(geometry), self.moves, paired_tour(tour), lists, paired=True)

    def tour_of(self, search: TourSearch, nodes: Nodes) -> Nodes:
        """The tour of nodes, where the search's are pairs."""
        return unpaired_tour(nodes) if search.paired else nodes


def _mean_edge(search: TourSearch) -> float:
    """Mean length of the tour's edges, without those inside pairs."""
    nodes = search.tour.nodes
    if not search.paired:
        return tour_length(search.geometry, nodes) / len(nodes)
    before = np.roll(nodes, 1)
    edges = before != nodes ^ 1
    return float(search.geometry.matrix[before[edges], nodes[edges]].mean())
