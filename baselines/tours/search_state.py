"""What a local search of closed tours works on: a tour, its neighbour lists, the nodes still to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import Array, Geometry, Nodes, leg_lengths, tour_length

from .array_tour import ArrayTour, array_tour
from .work_queue import WorkQueue, full_queue

if TYPE_CHECKING:
    from numpy.typing import NDArray

TWO_OPT, EXCHANGE, LIN_KERNIGHAN = range(3)
"""The moves that a search makes: of `two_opt` for symmetric distances, for any, and of `lin_kernighan`."""


class Search(NamedTuple):
    """What the kernels work on.

    Attributes:
        geometry: the distances.
        moves: `TWO_OPT` or `EXCHANGE`; None where they are Lin-Kernighan's.
        paired: whether nodes `2 i` and `2 i + 1` stay side by side, so that no kick may part them.
        near: `[n, k]`, the neighbours of each node worth trying, nearest first.
        near_distance: `[n, k]`, the distances to them.
        tour: the current tour.
        queue: the nodes to look at.
        touched: `[m]`, where Lin-Kernighan moves keep the ends of the edges that they change; None for others.
        least: a change smaller than this is none.
    """

    geometry: Geometry
    moves: int | None
    paired: bool
    near: Nodes
    near_distance: Array
    tour: ArrayTour
    queue: WorkQueue
    touched: Nodes | None
    least: float


MOST_TOUCHED = 64


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
    own = np.repeat(np.arange(len(near), dtype=np.int32), near.shape[1])
    others = near.ravel()
    near_distance = np.where(own == others, np.inf, leg_lengths(geometry, own, others)).reshape(near.shape)
    order = np.argsort(near_distance, axis=1, kind="stable")
    start = array_tour(tour)
    deep = moves == LIN_KERNIGHAN
    return Search(
        geometry,
        None if deep else moves,
        paired,
        np.take_along_axis(near, order, 1),
        np.take_along_axis(near_distance, order, 1),
        start,
        full_queue(start.nodes),
        np.empty(MOST_TOUCHED, dtype=np.int32) if deep else None,
        # Rounding errors of a few units in the last place of the longest edge must not count as progress.
        1e-14 * abs(tour_length(geometry, start.nodes)),
    )
