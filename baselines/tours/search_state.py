"""The state of a local search of closed tours: the tour, its neighbour lists and the nodes to process."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import Array, Geometry, Nodes, leg_lengths, tour_length

from .array_tour import ArrayTour, array_tour
from .work_queue import WorkQueue, full_queue

if TYPE_CHECKING:
    from numpy.typing import NDArray

TWO_OPT, EXCHANGE, LIN_KERNIGHAN = range(3)
"""Kinds of moves: 2-opt and Or-moves (symmetric distances), exchanges of runs (any), Lin-Kernighan (symmetric)."""

MOST_TOUCHED = 64
"""Length of `TourSearch.touched`, more than any Lin-Kernighan move needs."""


class TourSearch(NamedTuple):
    """The state that kernels work on.

    Attributes:
        geometry: the distances.
        moves: `TWO_OPT` or `EXCHANGE`; None for Lin-Kernighan moves.
        paired: whether nodes `2 i` and `2 i + 1` stay neighbours in the tour, so that no kick separates them.
        near: `[n, k]`, the candidate list of each node, nearest first.
        near_distance: `[n, k]`, the distances to them.
        tour: the current tour.
        queue: the nodes to process.
        touched: `[MOST_TOUCHED]`, the ends of the edges that Lin-Kernighan moves change; None for other moves.
        least: the smallest change of the length that counts as progress.
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


def make_search(
    geometry: Geometry, moves: int, tour: NDArray[np.integer], near: Nodes, *, paired: bool = False
) -> TourSearch:
    """A search that starts at `tour`, with every node in the queue.

    Args:
        geometry: of n nodes, n >= 4; symmetric unless the moves are `EXCHANGE`.
        moves: the kind of moves.
        tour: `[n]`, the nodes in order.
        near: `[n, k]`, the candidates of each node, in any order.
        paired: whether nodes `2 i` and `2 i + 1` stay neighbours, as they are in `tour`.
    """
    own = np.repeat(np.arange(len(near), dtype=np.int32), near.shape[1])
    others = near.ravel()
    near_distance = np.where(own == others, np.inf, leg_lengths(geometry, own, others)).reshape(near.shape)
    order = np.argsort(near_distance, axis=1, kind="stable")
    start = array_tour(tour)
    deep = moves == LIN_KERNIGHAN
    return TourSearch(
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
