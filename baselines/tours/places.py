"""Nodes renumbered for a search: along a curve, and one place for nodes that share a point."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import hilbert_order

from .two_opt import SEGMENT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from baselines.kernels.geometry import Nodes
    from tsp.instance import Instance


class Places(NamedTuple):
    """Nodes renumbered along a curve, so that neighbours are near each other in memory.

    Nodes that share a point become one place, and are visited one right after the other. Without that,
    all neighbours of such a node would be at distance zero, and no candidate would lead to another point.

    Attributes:
        nodes: a node of each place.
        place_of: the place of each node.
    """

    nodes: NDArray[np.int64]
    place_of: NDArray[np.int64]

    def tour_of_places(self, tour: NDArray[np.integer]) -> NDArray[np.int64]:
        """The places of a tour of nodes, each where its first node is."""
        places = self.place_of[tour]
        _, first = np.unique(places, return_index=True)
        return places[np.sort(first)]

    def tour_of_nodes(self, places: NDArray[np.integer]) -> NDArray[np.int64]:
        """The nodes of a tour of places."""
        rank = np.empty(len(places), dtype=np.int64)
        rank[places] = np.arange(len(places))
        return np.argsort(rank[self.place_of], kind="stable")

    def lists_of_places(self, candidates: NDArray[np.int64]) -> Nodes:
        """Candidate lists of places, from those of nodes.

        Raises:
            ValueError: for lists of the wrong shape, or with unknown nodes.
        """
        n = len(self.place_of)
        if candidates.ndim != 2 or len(candidates) != n or candidates.size == 0:
            raise ValueError(f"candidates: shape {candidates.shape}, expected ({n}, k) with k of 1 or more")
        if candidates.min() < 0 or candidates.max() >= n:
            raise ValueError(f"candidates: a node outside 0 to {n - 1}")
        return self.place_of[candidates[self.nodes]].astype(np.int32)


def places_of(instance: Instance) -> Places:
    """The places of an instance; those of a matrix are its nodes."""
    if instance.matrix is not None or instance.coordinates is None:
        nodes = np.arange(instance.size)
        return Places(nodes, nodes)
    order = hilbert_order(instance.coordinates)
    points = instance.coordinates[order]
    new = np.append(True, (points[1:] != points[:-1]).any(axis=1))
    if np.diff(np.append(np.flatnonzero(new), len(order))).max() <= SEGMENT:
        new[:] = True  # an Or-move can move so few nodes together
    place_of = np.empty(len(order), dtype=np.int64)
    place_of[order] = np.cumsum(new) - 1
    return Places(order[new], place_of)
