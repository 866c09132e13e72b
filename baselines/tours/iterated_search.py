"""Local search of closed tours, iterated with kicks until the clock runs out.

A descent with a work queue (Bentley, "Fast algorithms for geometric traveling salesman problems",
ORSA Journal on Computing 4, 1992), then large-step Markov chain (Martin, Otto, Felten, Complex
Systems 5, 1991): two neighbouring runs of the tour change places, the search repairs what that broke,
and the outcome is kept or, at a cost that grows with the change alone, undone. It is kept if it is
not worse, or, with a probability that falls to zero with the time, if it is a little worse.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import (
    MATRIX,
    Geometry,
    Nodes,
    distance,
    frozen,
    geometry_of,
    hilbert_order,
    inlined,
    kernel,
    nearest_neighbours,
    table_of,
    tour_length,
)
from baselines.kernels.randomness import Random, random_bits
from baselines.trivial import is_better
from tsp.budget import Budget
from tsp.instance import Instance
from tsp.problems import get_problem
from tsp.solution import check

from .array_tour import LOG_SIZE, beside, swap_runs, undo_to
from .closed_tours import ClosedTourSolver
from .greedy import greedy_tour
from .lin_kernighan import try_lin_kernighan
from .patching import patched_tour
from .search_state import EXCHANGE, LIN_KERNIGHAN, TWO_OPT, Search, make_search
from .two_opt import SEGMENT, try_exchange, try_or_move, try_two_opt
from .work_queue import pop, push

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tsp.budget import Clock
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers import Task

BATCH = 100
"""Kicks between two looks at the clock."""

BATCH_WORK = 500_000
"""Nodes moved between two looks at the clock before the first local optimum."""

UNLIMITED = 1 << 60
"""Work that no repair comes near."""

LOOK = 100
"""What looking at one node counts for, in nodes moved."""

LONGEST_MOVE = 32
"""Entries of the log that the moves at one node may take."""

MOST_TABULATED = 700
"""Points up to which distances are looked up: computing them anew takes up to twice as long."""

PREPARATION = 1e-5
"""Seconds a point (for a matrix, a thousand entries) that neighbour lists and a first tour may take."""

SETTLEMENT = 4e-7
"""Seconds a node that are kept for checking the answer."""

REPORTS = 50
"""At most how many better tours are reported."""


@inlined
def try_moves(search: Search, moves: int | None, touched: Nodes | None, a: int) -> float:
    """Make an improving move beside node `a`.

    Returns:
        the change of the tour's length, 0 where there is no such move.
    """
    delta = 0.0
    if touched is not None:
        delta = try_lin_kernighan(search, touched, a)
    if moves is not None:
        if moves == EXCHANGE:
            return try_exchange(search, a)
        delta = try_two_opt(search, a)
    return delta if delta < 0.0 else try_or_move(search, a)


@inlined
def descend(search: Search, moves: int | None, touched: Nodes | None, work: int) -> float:
    """Improve the tour until no node waits, the log is full, or about `work` nodes were moved.

    Returns:
        the change of the tour's length.
    """
    tour, queue = search.tour, search.queue
    total = 0.0
    end = tour.count[1] + work
    while queue.ends[1] > 0 and tour.count[1] < end:
        a = pop(queue)
        tour.count[1] += LOOK
        delta = -1.0
        while delta < 0.0:
            if tour.count[0] > LOG_SIZE - LONGEST_MOVE:
                push(queue, a)
                return total
            delta = try_moves(search, moves, touched, a)
            total += delta
    return total


@inlined
def kick(search: Search, longest: int, random: Random) -> float:
    """Exchange two random neighbouring runs of up to `longest` nodes each; pairs stay together.

    Returns:
        the change of the tour's length.
    """
    geometry, tour = search.geometry, search.tour
    nodes = tour.nodes
    n = len(nodes)
    start = random_bits(random) % n
    first = 1 + random_bits(random) % longest
    second = 1 + random_bits(random) % longest
    if search.paired:
        first, second = (first + 1) // 2 * 2, (second + 1) // 2 * 2
        if nodes[start] == nodes[beside(start, False, n)] ^ 1:
            start = beside(start, True, n)
    a, b = nodes[beside(start, False, n)], nodes[start]
    c, d = nodes[(start + first - 1) % n], nodes[(start + first) % n]
    e, f = nodes[(start + first + second - 1) % n], nodes[(start + first + second) % n]
    swap_runs(tour, start, first, second)
    for node in (a, b, c, d, e, f):
        push(search.queue, node)
    added = distance(geometry, a, d) + distance(geometry, e, b) + distance(geometry, c, f)
    return added - distance(geometry, a, b) - distance(geometry, c, d) - distance(geometry, e, f)


def iterate(search: Search, rounds: int, work: int, longest: int, temperature: float, random: Random) -> float:
    """Improve the tour, first from the nodes that wait, then by kicks that are repaired or undone.

    Args:
        search: what is worked on.
        rounds: kicks; where nodes wait one is a descent without a kick.
        work: a descent ends after about so many nodes were moved.
        longest: the most nodes in each of the two runs that a kick exchanges.
        temperature: the higher, the worse a repaired tour may be.
        random: the generator's state.

    Returns:
        the change of the tour's length.
    """
    return _iterate(search, search.moves, search.touched, rounds, work, longest, temperature, random)


@kernel
def _iterate(
    search: Search,
    moves: int | None,
    touched: Nodes | None,
    rounds: int,
    work: int,
    longest: int,
    temperature: float,
    random: Random,
) -> float:
    """`iterate`; of moves and what they touch one is None, so that numba leaves out moves that are not made."""
    tour, queue = search.tour, search.queue
    total = 0.0
    for _ in range(rounds):
        tour.count[0] = 0
        delta = 0.0
        kicked = queue.ends[1] == 0
        if kicked:
            delta = kick(search, longest, random)
        delta += descend(search, moves, touched, work)
        if kicked:
            allowed = -temperature * np.log((random_bits(random) + 1) / 9007199254740993.0)
            if delta > max(allowed, search.least) or queue.ends[1] > 0:
                undo_to(tour, np.int64(0))
                while queue.ends[1] > 0:
                    pop(queue)
                delta = 0.0
        total += delta
    return total


class _Places(NamedTuple):
    """Nodes renumbered: along a curve, so that neighbours lie near each other in memory.

    Where many nodes share a point they are one place, and are visited in one go: among them every
    neighbour is at distance zero, and lists of the nearest would lead nowhere else.
    """

    nodes: NDArray[np.int64]
    """A node of each place."""
    place_of: NDArray[np.int64]
    """The place of each node."""

    def tour_of_places(self, tour: NDArray[np.integer]) -> NDArray[np.int64]:
        places = self.place_of[tour]
        _, first = np.unique(places, return_index=True)
        return places[np.sort(first)]

    def tour_of_nodes(self, places: NDArray[np.integer]) -> NDArray[np.int64]:
        rank = np.empty(len(places), dtype=np.int64)
        rank[places] = np.arange(len(places))
        return np.argsort(rank[self.place_of], kind="stable")

    def lists_of_places(self, candidates: NDArray[np.int64]) -> Nodes:
        n = len(self.place_of)
        if candidates.ndim != 2 or len(candidates) != n or candidates.size == 0:
            raise ValueError(f"candidates: shape {candidates.shape}, expected ({n}, k) with k of 1 or more")
        if candidates.min() < 0 or candidates.max() >= n:
            raise ValueError(f"candidates: a node outside 0 to {n - 1}")
        return self.place_of[candidates[self.nodes]].astype(np.int32)


def _places_of(instance: Instance) -> _Places:
    if instance.matrix is not None or instance.coordinates is None:
        nodes = np.arange(instance.size)
        return _Places(nodes, nodes)
    order = hilbert_order(instance.coordinates)
    points = instance.coordinates[order]
    new = np.append(True, (points[1:] != points[:-1]).any(axis=1))
    if np.diff(np.append(np.flatnonzero(new), len(order))).max() <= SEGMENT:
        new[:] = True
    place_of = np.empty(len(order), dtype=np.int64)
    place_of[order] = np.cumsum(new) - 1
    return _Places(order[new], place_of)


class Recipe(NamedTuple):
    """How a search is iterated.

    Attributes:
        neighbours: of each node, where no candidates are given.
        longest_run: the most nodes in each of the two runs that a kick exchanges.
        temperature: at the start of the iteration, in mean edges of the first local optimum.
        enough: the search ends by itself after this many times n² kicks.
    """

    neighbours: int
    longest_run: int
    temperature: float
    enough: int


class IteratedSearch(ClosedTourSolver):
    """A descent, iterated with kicks; a subclass says by which moves.

    It starts from `initial`, or from a greedy tour (patched cycles where the matrix is
    asymmetric), and is never worse than `initial`. `candidates` take the place of the nearest
    neighbours.
    """

    recipe: Recipe
    moves: int
    """For symmetric distances."""

    def __init__(self, *, kicks: int | None = None) -> None:
        if kicks is not None and kicks < 0:
            raise ValueError(f"kicks: {kicks}, expected 0 or more")
        self.kicks = kicks

    def warm_up(self, problem: Problem) -> None:
        """Compile the kernels (or load them): the same serve points and matrices, symmetric or not."""
        if problem.shape == "path" or "matrix" in problem.demanded:
            patched_tour(np.ones((3, 3)))  # imports what others do without
        points = np.random.default_rng(0).random((8, 2))
        type(self)(kicks=1).solve(get_problem("tsp"), [Instance(coordinates=points)], Budget(60.0))

    def solve_closed(self, task: Task) -> Solution:
        """Descend and iterate until the clock runs out or the kicks are done."""
        problem, instance, clock, report = task.problem, task.instance, task.clock, task.report
        places = _places_of(instance)
        answer = initial = task.initial

        def settle(tour: NDArray[np.integer]) -> Solution:
            nonlocal answer
            found = check(problem, instance, [places.tour_of_nodes(tour)])
            if answer is None or is_better(problem, found, answer):
                answer = found
                if report is not None:
                    report(found)
            return answer

        geometry = geometry_of(instance)
        if instance.matrix is None:
            geometry = geometry.subset(places.nodes)
        n = geometry.size
        start = np.arange(n) if initial is None else places.tour_of_places(initial.tours[0])
        preparation = PREPARATION * (n if instance.matrix is None else n * n / 1000)
        if n < 4 or clock.remaining < preparation:
            return settle(start)
        k = self.recipe.neighbours
        near = nearest_neighbours(geometry, k) if task.candidates is None else places.lists_of_places(task.candidates)
        if initial is None and instance.symmetric:
            start = greedy_tour(geometry, near)
        elif initial is None:
            start = patched_tour(geometry.matrix)
        if instance.matrix is None and instance.size <= MOST_TABULATED:
            geometry = table_of(instance).subset(places.nodes)
        search = self.search(geometry, start, near, symmetric=instance.symmetric)
        best = search.tour.nodes.copy()
        length = best_length = tour_length(search.geometry, best)
        due = clock.elapsed
        for change in self._changes(search, clock, task.seed):
            length += change
            if length < best_length - search.least:
                best_length = length
                best[:] = search.tour.nodes
                if report is not None and clock.elapsed >= due:
                    due = clock.elapsed + clock.limit / REPORTS
                    settle(self.tour_of(search, best))
        return settle(self.tour_of(search, best))

    def search(self, geometry: Geometry, tour: NDArray[np.integer], near: Nodes, *, symmetric: bool) -> Search:
        """The search that starts at `tour`."""
        return make_search(geometry, self.moves if symmetric else EXCHANGE, tour, near)

    def tour_of(self, search: Search, nodes: Nodes) -> Nodes:
        """The tour that the search's nodes stand for."""
        return nodes

    def _changes(self, search: Search, clock: Clock, seed: int) -> Iterator[float]:
        """Search, and give the tour's change of length batch by batch until the clock or the kicks run out."""
        n = len(search.tour.nodes)
        longest = min(self.recipe.longest_run, (n - 2) // 2)
        random = np.array([seed % 2**64], dtype=np.uint64)
        while search.queue.ends[1] > 0:
            if clock.remaining <= SETTLEMENT * n:
                return
            yield iterate(search, 1, BATCH_WORK, longest, 0.0, random)
        hottest = self.recipe.temperature * _mean_edge(search)
        total = self.recipe.enough * n * n if self.kicks is None else self.kicks
        start = clock.remaining
        for done in range(0, total, BATCH):
            if clock.remaining <= SETTLEMENT * n:
                return
            cooled = done / total
            if self.kicks is None:
                cooled = max(cooled, 1.0 - clock.remaining / start)
            yield iterate(search, min(BATCH, total - done), UNLIMITED, longest, hottest * (1.0 - cooled), random)


class TwoOptSolver(IteratedSearch):
    """2-opt and Or-moves with neighbour lists, iterated with kicks.

    Args:
        kicks: stop after this many, which makes the answer a function of the instance and the seed
            alone if the time suffices; None: the clock decides (for few nodes, a multiple of n² kicks).
    """

    name = "2opt"
    recipe = Recipe(neighbours=10, longest_run=400, temperature=0.7, enough=500)
    moves = TWO_OPT


class LinKernighan(IteratedSearch):
    """Lin-Kernighan moves, iterated with kicks.

    Asymmetric distances become symmetric ones between two nodes for each, one where tours come in and
    one where they leave, which stay side by side (Jonker and Volgenant, Operations Research Letters 2,
    1983).

    Args:
        kicks: as of `TwoOptSolver`.
    """

    name = "ls"
    recipe = Recipe(neighbours=10, longest_run=100, temperature=0.5, enough=20)
    moves = LIN_KERNIGHAN

    def search(self, geometry: Geometry, tour: NDArray[np.integer], near: Nodes, *, symmetric: bool) -> Search:
        """The search that starts at `tour`, on pairs of nodes where distances are asymmetric."""
        if symmetric:
            return make_search(geometry, self.moves, tour, near)
        into = nearest_neighbours(Geometry(MATRIX, geometry.points, frozen(geometry.matrix.T)), near.shape[1])
        lists = np.empty((2 * len(near), near.shape[1]), dtype=np.int32)
        lists[0::2], lists[1::2] = 2 * into + 1, 2 * near
        pairs = np.column_stack([2 * tour, 2 * tour + 1]).ravel()
        return make_search(_doubled(geometry), self.moves, pairs, lists, paired=True)

    def tour_of(self, search: Search, nodes: Nodes) -> Nodes:
        """The tour, in the direction in which it comes in before it leaves."""
        if not search.paired:
            return nodes
        if nodes[1] != nodes[0] ^ 1:
            nodes = np.roll(nodes, 1)
        return nodes[0::2] // 2 if nodes[0] % 2 == 0 else nodes[::-2] // 2


def _doubled(geometry: Geometry) -> Geometry:
    """Node i as a pair: tours come in at `2 i` and leave at `2 i + 1`; nothing gains by parting the two."""
    n = len(geometry.matrix)
    free = ~np.eye(n, dtype=bool)
    forbidden = 100.0 * (1.0 + np.abs(geometry.matrix[free]).max())
    matrix = np.full((2 * n, 2 * n), forbidden)
    matrix[1::2, 0::2] = geometry.matrix
    matrix[0::2, 1::2] = geometry.matrix.T
    nodes = np.arange(2 * n)
    matrix[nodes, nodes ^ 1] = -forbidden
    return Geometry(MATRIX, geometry.points, frozen(matrix))


def _mean_edge(search: Search) -> float:
    """Mean length of the tour's edges, those inside pairs left out."""
    nodes = search.tour.nodes
    if not search.paired:
        return tour_length(search.geometry, nodes) / len(nodes)
    before = np.roll(nodes, 1)
    edges = before != nodes ^ 1
    return float(search.geometry.matrix[before[edges], nodes[edges]].mean())
