"""The minimum 1-tree of all edges, which proves the Held-Karp bound of given multipliers.

A tour is a 1-tree, so no tour is shorter than the minimum 1-tree. A multiplier added to every edge of a node
changes the length of all tours by the same amount, so multipliers give a bound too.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from baselines.kernels.geometry import MATRIX, Array, Geometry, distance

from .missed_edges import STACK, compare_all, compare_boxes, make_boxes, nearest_except, rank_boxes
from .spanning_tree import (
    END,
    LEAF,
    Graph,
    SpanningTree,
    close,
    empty_tree,
    leaf_neighbour,
    range_maxima,
    span,
    with_edges,
)

EPSILON = float(np.finfo(np.float64).eps)


class OneTree(NamedTuple):
    """A minimum 1-tree of all edges, and the bound that it proves.

    Attributes:
        multipliers: `[n]`.
        bound: lower bound on tours: the 1-tree's length, minus the amount that the multipliers add to a tour,
            minus all rounding errors.
        tree: the 1-tree.
        graph: the edges that the proof began with, and those that it added.
        steps: number of steps of the ascent that led to it.
    """

    multipliers: Array
    bound: float
    tree: SpanningTree
    graph: Graph
    steps: int


def prove(geometry: Geometry, graph: Graph, multipliers: Array) -> OneTree:
    """The minimum 1-tree of all edges; no tour is shorter than its length without the multipliers.

    Edges that shorten the tree join the graph, for each node the one that shortens it most, until there are
    none.

    Args:
        geometry: of n nodes.
        graph: the edges to begin with.
        multipliers: `[n]`.
    """
    n = len(multipliers)
    multipliers = multipliers.copy()
    tree = empty_tree(n)
    boxes = make_boxes(geometry, multipliers)
    partner, saved = np.empty(n, dtype=np.int32), np.empty(n)
    stack, gaps = np.empty((STACK, 2), dtype=np.int32), Geometry(geometry.code, np.zeros((2, 3)), np.empty((0, 0)))
    while True:
        span(graph, multipliers, tree)
        # The rounding error of the sum of a length and two multipliers, in this tree and in another.
        error = 8.0 * EPSILON * (float(np.abs(tree.key).max()) + 4.0 * float(np.abs(multipliers).max()))
        partner[:] = -1
        saved[:] = error
        if geometry.code == MATRIX:
            compare_all(geometry, multipliers, tree, partner, saved)
        else:
            rank_boxes(boxes, tree.rank)
            longest = range_maxima(tree)
            compare_boxes(geometry, multipliers, tree.rank, longest, boxes, partner, saved, stack, gaps)
        better = np.flatnonzero(partner >= 0)
        if not better.size:
            break
        graph = with_edges(geometry, graph, np.column_stack([better, partner[better]]))
    close(graph, multipliers, tree)
    leaf, end = int(tree.ends[LEAF]), int(tree.ends[END])
    nearest = nearest_except(geometry, multipliers, leaf, leaf_neighbour(tree, leaf))
    if nearest != end:
        graph = with_edges(geometry, graph, np.array([[leaf, nearest]]))
        tree.ends[END] = nearest
        tree.degree[end] -= 1
        tree.degree[nearest] += 1
    last = distance(geometry, np.int32(leaf), np.int32(nearest)) + multipliers[leaf] + multipliers[nearest]
    length = math.fsum(tree.key) + last - 2.0 * math.fsum(multipliers)
    bound = length - 2.0 * n * error - 8.0 * EPSILON * (abs(last) + abs(length))
    return OneTree(multipliers, bound, tree, graph, 0)
