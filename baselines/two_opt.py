"""2-opt with Or-moves, iterated with kicks until the clock runs out.

A local search with neighbour lists and a work queue on an array tour (Bentley, "Fast algorithms for
geometric traveling salesman problems", ORSA Journal on Computing 4, 1992). Then large-step Markov
chain (Martin, Otto, Felten, Complex Systems 5, 1991): two neighbouring runs of the tour change
places, the search repairs what that broke, and the outcome is kept or, at a cost that grows with
the change alone, undone. It is kept if it is not worse, or, with a probability that falls to zero
with the time, if it is a little worse. An asymmetric matrix allows only moves that reverse nothing:
runs that change places (3-opt's "or-3opt"), of which an Or-move is the shortest kind.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsp.budget import Budget, Clock
from tsp.instance import Instance
from tsp.problems import get_problem
from tsp.solution import check

from .array_tour import LOG_SIZE, ArrayTour, array_tour, beside, reverse_path, swap_runs, undo
from .closed_tours import ClosedTourSolver
from .constructive import NearestNeighbour
from .geometry import (
    Array,
    Geometry,
    Nodes,
    distance,
    geometry_of,
    hilbert_order,
    kernel,
    nearest_neighbours,
    table_of,
    tour_length,
)
from .greedy import greedy_tour
from .randomness import Random, random_bits
from .trivial import is_better
from .work_queue import WorkQueue, full_queue, pop, push

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tsp.problems import Problem
    from tsp.solution import Solution

NEIGHBOURS = 10

SEGMENT = 3
"""The most nodes that an Or-move takes along."""

LONGEST_RUN = 400
"""The most nodes in each of the two runs that a kick exchanges."""

TEMPERATURE = 0.7
"""At the start of the iteration, in mean edges of the first local optimum."""

BATCH = 100
"""Kicks between two looks at the clock."""

BATCH_WORK = 500_000
"""Nodes moved between two looks at the clock before the first local optimum."""

LOOK = 100
"""What looking at one node counts for, in nodes moved."""

ENOUGH = 500
"""The search ends by itself after this many times n² kicks."""

MOST_TABULATED = 700
"""Points up to which distances are looked up: computing them anew takes up to twice as long."""

PREPARATION = 1e-5
"""Seconds a point (for a matrix, a thousand entries) that neighbour lists and a first tour may take."""

SETTLEMENT = 4e-7
"""Seconds a node that are kept for checking the answer."""

REPORTS = 50
"""At most how many better tours are reported."""


class Search(NamedTuple):
    """What the kernels work on.

    Attributes:
        geometry: the distances.
        symmetric: whether they are the same in both directions.
        near: `[n, k]`, the neighbours of each node worth trying, nearest first.
        near_distance: `[n, k]`, the distances to them.
        tour: the current tour.
        queue: the nodes to look at.
        least: a change smaller than this is none.
    """

    geometry: Geometry
    symmetric: bool
    near: Nodes
    near_distance: Array
    tour: ArrayTour
    queue: WorkQueue
    least: float


@kernel
def _ahead(start: int, i: int, n: int) -> int:
    """How many positions `i` is ahead of `start`."""
    return i - start if i >= start else i - start + n


@kernel
def try_two_opt(search: Search, a: int) -> float:
    """Apply the first improving 2-opt move that gives `a` a neighbour from its list.

    Returns:
        the change of the tour's length, 0 where there is no such move.
    """
    geometry, near, near_distance, tour = search.geometry, search.near, search.near_distance, search.tour
    nodes, position = tour.nodes, tour.position
    n = len(nodes)
    i = position[a]
    for forward in (True, False):
        b = nodes[beside(i, forward, n)]
        ab = distance(geometry, a, b)
        for m in range(near.shape[1]):
            ac = near_distance[a, m]
            if ac >= ab:
                break
            c = near[a, m]
            d = nodes[beside(position[c], forward, n)]
            delta = ac + distance(geometry, b, d) - ab - distance(geometry, c, d)
            if delta < -search.least:
                if forward:
                    reverse_path(tour, b, c)
                else:
                    reverse_path(tour, a, d)
                for node in (a, b, c, d):
                    push(search.queue, node)
                return delta
    return 0.0


@kernel
def try_or_move(search: Search, a: int) -> float:
    """Apply the first improving move of a short run that ends in `a` to beside a node from its list.

    Returns:
        the change of the tour's length, 0 where there is no such move.
    """
    geometry, near, near_distance, tour = search.geometry, search.near, search.near_distance, search.tour
    nodes, position = tour.nodes, tour.position
    n = len(nodes)
    i = position[a]
    nearest = near_distance[a, 0]
    for forward in (True, False):  # the direction in which the run goes on from a
        before = nodes[beside(i, not forward, n)]
        j = i
        for length in range(1, min(SEGMENT, n - 3) + 1):
            last = nodes[j]
            start = i if forward else j
            j = beside(j, forward, n)
            after = nodes[j]
            removed = (
                distance(geometry, before, a) + distance(geometry, last, after) - distance(geometry, before, after)
            )
            if removed <= nearest:
                continue
            for m in range(near.shape[1]):
                ac = near_distance[a, m]
                if ac >= removed:
                    break
                c = near[a, m]
                p = position[c]
                if _ahead(start, p, n) < length:
                    continue
                for onward in (True, False):  # the other end comes beside c's successor or predecessor
                    q = beside(p, onward, n)
                    if _ahead(start, q, n) < length:
                        continue
                    e = nodes[q]
                    delta = ac + distance(geometry, last, e) - distance(geometry, c, e) - removed
                    if delta < -search.least:
                        swap_runs(tour, start, length, _ahead(start, p if onward else q, n) + 1 - length)
                        if forward != onward:
                            reverse_path(tour, a if forward else last, last if forward else a)
                        for node in (a, last, c, e, before, after):
                            push(search.queue, node)
                        return delta
    return 0.0


@kernel
def try_exchange(search: Search, a: int) -> float:
    """Apply the first improving exchange of two runs that gives `a` a successor from its list.

    Returns:
        the change of the tour's length, 0 where there is no such move.
    """
    geometry, near, near_distance, tour = search.geometry, search.near, search.near_distance, search.tour
    nodes, position = tour.nodes, tour.position
    n = len(nodes)
    start = beside(position[a], True, n)
    b = nodes[start]
    ab = distance(geometry, a, b)
    for m in range(near.shape[1]):
        ad = near_distance[a, m]
        if ad >= ab:
            break
        d = near[a, m]  # a [b ... c] [d ... e] f becomes a [d ... e] [b ... c] f
        first = _ahead(start, position[d], n)
        if first == 0:
            continue
        c = nodes[beside(position[d], False, n)]
        gain = ab - ad + distance(geometry, c, d)
        for o in range(near.shape[1]):
            cf = near_distance[c, o]
            if cf >= gain:
                break
            f = near[c, o]
            second = _ahead(start, position[f], n) - first
            if second <= 0:
                continue
            e = nodes[beside(position[f], False, n)]
            delta = cf + distance(geometry, e, b) - distance(geometry, e, f) - gain
            if delta < -search.least:
                swap_runs(tour, start, first, second)
                for node in (a, b, c, d, e, f):
                    push(search.queue, node)
                return delta
    return 0.0


@kernel
def descend(search: Search, work: int) -> float:
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
            if tour.count[0] > LOG_SIZE - 4:  # a move takes up to four reversals
                push(queue, a)
                return total
            if search.symmetric:
                delta = try_two_opt(search, a)
                if delta == 0.0:
                    delta = try_or_move(search, a)
            else:
                delta = try_exchange(search, a)
            total += delta
    return total


@kernel
def kick(search: Search, longest: int, random: Random) -> float:
    """Exchange two random neighbouring runs of up to `longest` nodes each.

    Returns:
        the change of the tour's length.
    """
    geometry, tour = search.geometry, search.tour
    nodes = tour.nodes
    n = len(nodes)
    start = random_bits(random) % n
    first = 1 + random_bits(random) % longest
    second = 1 + random_bits(random) % longest
    a, b = nodes[beside(start, False, n)], nodes[start]
    c, d = nodes[(start + first - 1) % n], nodes[(start + first) % n]
    e, f = nodes[(start + first + second - 1) % n], nodes[(start + first + second) % n]
    swap_runs(tour, start, first, second)
    for node in (a, b, c, d, e, f):
        push(search.queue, node)
    added = distance(geometry, a, d) + distance(geometry, e, b) + distance(geometry, c, f)
    return added - distance(geometry, a, b) - distance(geometry, c, d) - distance(geometry, e, f)


@kernel
def iterate(search: Search, kicks: int, longest: int, temperature: float, random: Random) -> float:
    """Kick and repair `kicks` times, and undo what came out too much worse.

    Returns:
        the change of the tour's length.
    """
    tour, queue = search.tour, search.queue
    total = 0.0
    for _ in range(kicks):
        tour.count[0] = 0
        delta = kick(search, longest, random)
        delta += descend(search, 1 << 60)
        allowed = -temperature * np.log((random_bits(random) + 1) / 9007199254740993.0)
        if delta > max(allowed, search.least) or queue.ends[1] > 0:
            undo(tour)
            while queue.ends[1] > 0:
                pop(queue)
        else:
            total += delta
    return total


@kernel
def _measure(geometry: Geometry, near: Nodes, near_distance: Array) -> None:
    for i in range(near.shape[0]):
        for m in range(near.shape[1]):
            j = near[i, m]
            near_distance[i, m] = np.inf if i == j else distance(geometry, i, j)


def make_search(geometry: Geometry, symmetric: bool, tour: NDArray[np.integer], near: Nodes) -> Search:
    """A search that starts at `tour`, with every node to be looked at.

    Args:
        geometry: of n nodes, n >= 4.
        symmetric: whether its distances are.
        tour: `[n]`, the nodes in order.
        near: `[n, k]`, the neighbours of each node worth trying, in any order.
    """
    near_distance = np.empty(near.shape)
    _measure(geometry, near, near_distance)
    order = np.argsort(near_distance, axis=1, kind="stable")
    start = array_tour(tour)
    return Search(
        geometry,
        symmetric,
        np.take_along_axis(near, order, 1),
        np.take_along_axis(near_distance, order, 1),
        start,
        full_queue(start.nodes),
        # Rounding errors of a few units in the last place of the longest edge must not count as progress.
        1e-14 * tour_length(geometry, start.nodes),
    )


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


def _changes(search: Search, clock: Clock, seed: int, kicks: int | None) -> Iterator[float]:
    """Search, and give the tour's change of length batch by batch until the clock or the kicks run out."""
    n = len(search.tour.nodes)
    while search.queue.ends[1] > 0:
        if clock.remaining <= SETTLEMENT * n:
            return
        search.tour.count[0] = 0
        yield descend(search, BATCH_WORK)
    longest = min(LONGEST_RUN, (n - 2) // 2)
    hottest = TEMPERATURE * tour_length(search.geometry, search.tour.nodes) / n
    random = np.array([seed % 2**64], dtype=np.uint64)
    total = ENOUGH * n * n if kicks is None else kicks
    start = clock.remaining
    for done in range(0, total, BATCH):
        if clock.remaining <= SETTLEMENT * n:
            return
        cooled = done / total
        if kicks is None:
            cooled = max(cooled, 1.0 - clock.remaining / start)
        yield iterate(search, min(BATCH, total - done), longest, hottest * (1.0 - cooled), random)


class TwoOptSolver(ClosedTourSolver):
    """2-opt and Or-moves with neighbour lists, iterated with kicks; the toolkit's default improver.

    It starts from `initial`, or from a greedy tour (nearest neighbour where the matrix is
    asymmetric), and is never worse than `initial`. `candidates` take the place of the nearest
    neighbours.

    Args:
        kicks: stop after this many, which makes the answer a function of the instance and the seed
            alone if the time suffices; None: the clock decides (for few nodes, `ENOUGH` n² kicks).
    """

    def __init__(self, *, kicks: int | None = None) -> None:
        if kicks is not None and kicks < 0:
            raise ValueError(f"kicks: {kicks}, expected 0 or more")
        self.name = "2opt"
        self.kicks = kicks

    def warm_up(self, problem: Problem) -> None:
        """Compile the kernels (or load them): the same serve points and matrices, symmetric or not."""
        points = np.random.default_rng(0).random((8, 2))
        NearestNeighbour().warm_up(problem)
        TwoOptSolver(kicks=1).solve(get_problem("tsp"), [Instance(coordinates=points)], Budget(60.0))

    def solve_closed(
        self,
        problem: Problem,
        instance: Instance,
        clock: Clock,
        *,
        seed: int,
        initial: Solution | None,
        candidates: NDArray[np.int64] | None,
        report: Callable[[Solution], None] | None,
    ) -> Solution:
        """Descend and iterate until the clock runs out or the kicks are done."""
        places = _places_of(instance)
        answer = initial

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
        near = nearest_neighbours(geometry, NEIGHBOURS) if candidates is None else places.lists_of_places(candidates)
        if initial is None and instance.symmetric:
            start = greedy_tour(geometry, near)
        elif initial is None:
            start = NearestNeighbour().construct(instance, seed=seed)
        if instance.matrix is None and instance.size <= MOST_TABULATED:
            geometry = table_of(instance).subset(places.nodes)
        search = make_search(geometry, instance.symmetric, start, near)
        best = search.tour.nodes.copy()
        length = best_length = tour_length(geometry, best)
        due = clock.elapsed
        for change in _changes(search, clock, seed, self.kicks):
            length += change
            if length < best_length - search.least:
                best_length = length
                best[:] = search.tour.nodes
                if report is not None and clock.elapsed >= due:
                    due = clock.elapsed + clock.limit / REPORTS
                    settle(best)
        return settle(best)
