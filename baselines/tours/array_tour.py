"""A tour as an array that a local search changes in place, with a log from which changes are undone.

Every change is a sequence of reversals of runs of positions. A reversal undoes itself, so undoing the
logged reversals in the opposite order restores the tour exactly.

Positions are passed to functions as int64, whatever the type of the array they come from, because numba
compiles a function anew for each combination of argument types.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import Nodes, kernel, part

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOG_SIZE = 3_000

RUN_FIRST, RUN_LAST = range(2)
"""Columns of `ArrayTour.log`: first and last position of a reversed run."""

LOGGED, MOVED = range(2)
"""Slots of `ArrayTour.counts`: reversals in the log, and nodes moved since the tour was made."""


class ArrayTour(NamedTuple):
    """A tour that kernels change.

    Attributes:
        nodes: `[n]`, the node at each position.
        position: `[n]`, the position of each node.
        log: `[LOG_SIZE, 2]`, the reversals since the log was cleared; columns `RUN_FIRST`, `RUN_LAST`.
        counts: `[2]`, slots `LOGGED`, `MOVED`.
    """

    nodes: Nodes
    position: Nodes
    log: Nodes
    counts: NDArray[np.int64]


def array_tour(nodes: NDArray[np.integer]) -> ArrayTour:
    """An `ArrayTour` that visits `nodes` in order."""
    position = np.empty(len(nodes), dtype=np.int32)
    position[nodes] = np.arange(len(nodes))
    return ArrayTour(
        nodes.astype(np.int32), position, np.zeros((LOG_SIZE, 2), dtype=np.int32), np.zeros(2, dtype=np.int64)
    )


@kernel
def beside(i: int, forward: bool, n: int) -> int:
    """The position after (or before) position `i` of a tour of `n` nodes."""
    if forward:
        return i + 1 if i + 1 < n else 0
    return i - 1 if i > 0 else n - 1


@part
def _flip(tour: ArrayTour, first: int, last: int) -> None:
    nodes, position = tour.nodes, tour.position
    n = len(nodes)
    length = last - first + 1 if first <= last else last - first + 1 + n
    for _ in range(length // 2):
        a, b = nodes[first], nodes[last]
        nodes[first], nodes[last] = b, a
        position[b], position[a] = first, last
        first, last = beside(first, True, n), beside(last, False, n)
    tour.counts[MOVED] += length


@part
def reverse(tour: ArrayTour, first: int, last: int) -> None:
    """Reverse the run of positions from `first` to `last`, which may pass the array's end."""
    if first != last:
        tour.log[tour.counts[LOGGED], RUN_FIRST] = first
        tour.log[tour.counts[LOGGED], RUN_LAST] = last
        tour.counts[LOGGED] += 1
        _flip(tour, first, last)


@part
def reverse_path(tour: ArrayTour, first: int, last: int) -> None:
    """Reverse the path from node `first` to node `last`, or the rest of the tour, which gives the same cycle."""
    n = len(tour.nodes)
    i, j = np.int64(tour.position[first]), np.int64(tour.position[last])
    inside = j - i + 1 if i <= j else j - i + 1 + n
    if 2 * inside <= n:
        reverse(tour, i, j)
    else:
        reverse(tour, beside(j, True, n), beside(i, False, n))


@part
def swap_runs(tour: ArrayTour, first: int, a: int, b: int) -> None:
    """Exchange the run of `a` nodes from position `first` with the run of `b` nodes after it.

    The tour consists of these two runs and a third. Exchanging any two of them gives the same cycle, so
    the longest run stays in place. No run changes its direction.
    """
    n = len(tour.nodes)
    c = n - a - b
    if a > b and a > c:
        first, a, b = first + a, b, c
    elif b > c:
        first, a, b = first + a + b, c, a
    first %= n
    middle, last = (first + b) % n, (first + a + b - 1) % n
    reverse(tour, first, last)
    reverse(tour, first, (middle - 1) % n)
    reverse(tour, middle, last)


@part
def undo_to(tour: ArrayTour, mark: int) -> None:
    """Restore the tour to its state when the log had `mark` entries."""
    while tour.counts[LOGGED] > mark:
        tour.counts[LOGGED] -= 1
        entry = tour.counts[LOGGED]
        _flip(tour, np.int64(tour.log[entry, RUN_FIRST]), np.int64(tour.log[entry, RUN_LAST]))
