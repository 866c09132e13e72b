"""A tour as an array that a local search changes in place and can put back.

Every change is a sequence of reversals of runs of positions. A reversal undoes itself, so the log
of them, walked backward, restores the tour exactly.

Positions are handed on as int64, whatever arrays they are kept in: numba compiles a function anew for
every type that it is given.
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


class ArrayTour(NamedTuple):
    """A tour that kernels change.

    Attributes:
        nodes: `[n]`, the node at each position.
        position: `[n]`, the position of each node.
        log: `[LOG_SIZE, 2]`, first and last position of each reversal since the log was cleared.
        count: `[2]`, the number of reversals in the log, and of nodes moved since the tour was made.
    """

    nodes: Nodes
    position: Nodes
    log: Nodes
    count: NDArray[np.int64]  # pyright: ignore[reportIncompatibleMethodOverride]


def array_tour(nodes: NDArray[np.integer]) -> ArrayTour:
    """An `ArrayTour` that walks `nodes`."""
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
    tour.count[1] += length


@part
def reverse(tour: ArrayTour, first: int, last: int) -> None:
    """Reverse the run of positions from `first` on to `last`, around the array's end if need be."""
    if first != last:
        tour.log[tour.count[0], 0] = first
        tour.log[tour.count[0], 1] = last
        tour.count[0] += 1
        _flip(tour, first, last)


@part
def reverse_path(tour: ArrayTour, first: int, last: int) -> None:
    """Reverse the walk from node `first` on to node `last`, or, which is the same tour, the rest of it."""
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

    Seen around the tour, exchanging any two of the three runs that make it up is the same change, so
    the longest is left alone. No run changes its direction.
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
    """Put the tour back to where it was when the log had `mark` entries."""
    while tour.count[0] > mark:
        tour.count[0] -= 1
        _flip(tour, np.int64(tour.log[tour.count[0], 0]), np.int64(tour.log[tour.count[0], 1]))
