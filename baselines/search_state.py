"""What a local search of closed tours works on: a tour, its neighbour lists, the nodes still to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .array_tour import ArrayTour, array_tour
from .geometry import Array, Geometry, Nodes, distance, kernel, tour_length
from .work_queue import WorkQueue, full_queue

if TYPE_CHECKING:
    from numpy.typing import NDArray

TWO_OPT, EXCHANGE, LIN_KERNIGHAN = range(3)
"""The moves that a search makes: of `two_opt` for symmetric distances, for any, and of `lin_kernighan`."""


class Search(NamedTuple):
    """What the kernels work on.

    Attributes:
        geometry: the distances.
        moves: `TWO_OPT`, `EXCHANGE` or `LIN_KERNIGHAN`.
        paired: whether nodes `2 i` and `2 i + 1` stay side by side, so that no kick may part them.
        near: `[n, k]`, the neighbours of each node worth trying, nearest first.
        near_distance: `[n, k]`, the distances to them.
        tour: the current tour.
        queue: the nodes to look at.
        touched: `[m]`, where a search of deep moves keeps the ends of the edges that it changes.
        least: a change smaller than this is none.
    """

    geometry: Geometry
    moves: int
    paired: bool
    near: Nodes
    near_distance: Array
    tour: ArrayTour
    queue: WorkQueue
    touched: Nodes
    least: float


MOST_TOUCHED = 64


@kernel
def _measure(geometry: Geometry, near: Nodes, near_distance: Array) -> None:
    for i in range(near.shape[0]):
        for m in range(near.shape[1]):
            j = near[i, m]
            near_distance[i, m] = np.inf if i == j else distance(geometry, i, j)


def make_search(
    geometry: Geometry, moves: int, tour: NDArray[np.integer], near: Nodes, *, paired: bool = False
) -> Search:
    """A search that starts at `tour`, with every node to be looked at.

    Args:
        geometry: of n nodes, n >= 4; symmetric unless the moves are `EXCHANGE`.
        moves: which moves it makes.
        tour: `[n]`, the nodes in order.
        near: `[n, k]`, the neighbours of each node worth trying, in any order.
        paired: whether nodes `2 i` and `2 i + 1` stay side by side, as they do in `tour`.
    """
    near_distance = np.empty(near.shape)
    _measure(geometry, near, near_distance)
    order = np.argsort(near_distance, axis=1, kind="stable")
    start = array_tour(tour)
    return Search(
        geometry,
        moves,
        paired,
        np.take_along_axis(near, order, 1),
        np.take_along_axis(near_distance, order, 1),
        start,
        full_queue(start.nodes),
        np.empty(MOST_TOUCHED, dtype=np.int32),
        # Rounding errors of a few units in the last place of the longest edge must not count as progress.
        1e-14 * abs(tour_length(geometry, start.nodes)),
    )
