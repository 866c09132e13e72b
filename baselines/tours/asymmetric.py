"""Asymmetric distances as symmetric ones between pairs of nodes.

Each node becomes two: tours enter at node `2 i` and leave at node `2 i + 1`, and the two stay neighbours in
the tour (Jonker and Volgenant, Operations Research Letters 2, 1983).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.kernels.geometry import MATRIX, Geometry, frozen, nearest_neighbours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from baselines.kernels.geometry import Nodes


def paired_geometry(geometry: Geometry) -> Geometry:
    """Symmetric distances `[2 n, 2 n]`, in which no tour gains by separating a pair."""
    n = len(geometry.matrix)
    free = ~np.eye(n, dtype=bool)
    forbidden = 100.0 * (1.0 + np.abs(geometry.matrix[free]).max())
    matrix = np.full((2 * n, 2 * n), forbidden)
    matrix[1::2, 0::2] = geometry.matrix
    matrix[0::2, 1::2] = geometry.matrix.T
    nodes = np.arange(2 * n)
    matrix[nodes, nodes ^ 1] = -forbidden
    return Geometry(MATRIX, geometry.points, frozen(matrix))


def paired_lists(geometry: Geometry, near: Nodes) -> Nodes:
    """Candidate lists `[2 n, k]`: of a pair's first node the nearest predecessors, of its second `near` `[n, k]`."""
    into = nearest_neighbours(Geometry(MATRIX, geometry.points, frozen(geometry.matrix.T)), near.shape[1])
    lists = np.empty((2 * len(near), near.shape[1]), dtype=np.int32)
    lists[0::2], lists[1::2] = 2 * into + 1, 2 * near
    return lists


def paired_tour(tour: NDArray[np.integer]) -> NDArray[np.integer]:
    """The tour of pairs, from a tour of nodes."""
    return np.column_stack([2 * tour, 2 * tour + 1]).ravel()


def unpaired_tour(nodes: Nodes) -> Nodes:
    """The tour of nodes, from a tour of pairs in either direction."""
    if nodes[1] != nodes[0] ^ 1:
        nodes = np.roll(nodes, 1)
    return nodes[0::2] // 2 if nodes[0] % 2 == 0 else nodes[::-2] // 2
