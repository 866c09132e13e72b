"""Edges outside a sparse graph that shorten the minimum spanning tree of the graph.

A spanning tree is minimal if no edge is shorter than the longest edge on the tree's path between its nodes.
With points, pairs of nodes are skipped in boxes: all at once where the boxes are far enough apart.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import MATRIX, Array, Geometry, Nodes, distance, kernel, part

from .spanning_tree import path_maximum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .spanning_tree import SpanningTree

BOX = 8
"""Nodes in the smallest boxes, all pairs of which are compared."""

NEARER = 1.0 - 1e-12
"""Factor of gaps between boxes, so that rounding makes no two points nearer to each other than their boxes."""

STACK = 256
"""Room for pairs of boxes to compare: at most three for each halving of either box."""


@part
def _note(i: int, j: int, gain: float, partner: Nodes, saved: Array) -> None:
    if gain > saved[i]:
        saved[i] = gain
        partner[i] = j
    if gain > saved[j]:
        saved[j] = gain
        partner[j] = i


@kernel
def compare_all(geometry: Geometry, multipliers: Array, tree: SpanningTree, partner: Nodes, saved: Array) -> None:
    """Find for each node the edge, if any, that shortens the tree most; compares all pairs."""
    order, key = tree.order, tree.key
    n = len(order)
    for a in range(n):
        i = order[a]
        longest = -np.inf
        for b in range(a + 1, n):
            j = order[b]
            longest = max(longest, key[j])
            gain = longest - (distance(geometry, i, j) + multipliers[i] + multipliers[j])
            _note(i, j, gain, partner, saved)


LOWEST, HIGHEST = range(2)
"""Columns of `Boxes.ranks`."""

ONE, OTHER = range(2)
"""Columns of the stack of pairs of boxes."""


class Boxes(NamedTuple):
    """Boxes around runs of nodes: box 1 is around all, and the halves of box v are boxes 2 v and 2 v + 1.

    Attributes:
        low: `[b, 3]`, smallest coordinates; infinite where a box is empty.
        high: `[b, 3]`, largest coordinates.
        multiplier: `[b]`, the smallest multiplier.
        ranks: `[b, 2]`, columns `LOWEST`, `HIGHEST`: the range of the nodes' ranks in the tree.
    """

    low: Array
    high: Array
    multiplier: Array
    ranks: Nodes


def make_boxes(geometry: Geometry, multipliers: Array) -> Boxes:
    """Boxes around the nodes, whose ranks `rank_boxes` is to fill in."""
    n = len(multipliers)
    smallest = 1 << max(0, math.ceil(n / BOX) - 1).bit_length()
    points = geometry.points if geometry.code != MATRIX else np.zeros((n, 3))
    low, high = np.full((smallest * BOX, 3), np.inf), np.full((smallest * BOX, 3), -np.inf)
    low[:n] = high[:n] = points
    least = np.full(smallest * BOX, np.inf)
    least[:n] = multipliers
    return Boxes(
        _halves(low, np.minimum, smallest),
        _halves(high, np.maximum, smallest),
        _halves(least, np.minimum, smallest),
        np.empty((2 * smallest, 2), dtype=np.int32),
    )


def rank_boxes(boxes: Boxes, rank: Nodes) -> None:
    """Fill in the ranks of the boxes, from the nodes' ranks `[n]` in the tree."""
    n, smallest = len(rank), len(boxes.ranks) // 2
    low, high = np.full(smallest * BOX, n, dtype=np.int32), np.full(smallest * BOX, -1, dtype=np.int32)
    low[:n] = high[:n] = rank
    boxes.ranks[:, LOWEST] = _halves(low, np.minimum, smallest)
    boxes.ranks[:, HIGHEST] = _halves(high, np.maximum, smallest)


def _halves(values: NDArray, pick: np.ufunc, smallest: int) -> NDArray:
    """`pick` over the nodes of every box, from the values `[smallest * BOX, …]` of each node; box 0 is not used."""
    row = pick.reduce(values.reshape(smallest, BOX, *values.shape[1:]), axis=1)
    rows = [row]
    while len(row) > 1:
        row = pick(row[0::2], row[1::2])
        rows.append(row)
    return np.concatenate([row[:1], *rows[::-1]])


@kernel
def compare_boxes(
    geometry: Geometry,
    multipliers: Array,
    rank: Nodes,
    longest: Array,
    boxes: Boxes,
    partner: Nodes,
    saved: Array,
    stack: Nodes,
    gaps: Geometry,
) -> None:
    """Like `compare_all`, but skips pairs in boxes so far apart that no edge between them shortens the tree."""
    low, high, ranks = boxes.low, boxes.high, boxes.ranks
    smallest = len(low) // 2
    n = len(rank)
    stack[0, ONE] = stack[0, OTHER] = 1
    size = 1
    while size > 0:
        size -= 1
        u, v = stack[size, ONE], stack[size, OTHER]
        if ranks[u, HIGHEST] < 0 or ranks[v, HIGHEST] < 0:
            continue
        if u != v:
            for axis in range(3):
                gap = max(0.0, low[u, axis] - high[v, axis], low[v, axis] - high[u, axis])
                gaps.points[1, axis] = gap * NEARER
            least = distance(gaps, 0, 1) + boxes.multiplier[u] + boxes.multiplier[v]
            a, b = min(ranks[u, LOWEST], ranks[v, LOWEST]), max(ranks[u, HIGHEST], ranks[v, HIGHEST])
            if least >= path_maximum(longest, a, b):
                continue
        if u >= smallest and v >= smallest:
            for i in range((u - smallest) * BOX, min((u - smallest + 1) * BOX, n)):
                for j in range(i + 1 if u == v else (v - smallest) * BOX, min((v - smallest + 1) * BOX, n)):
                    length = distance(geometry, np.int32(i), np.int32(j)) + multipliers[i] + multipliers[j]
                    _note(i, j, path_maximum(longest, rank[i], rank[j]) - length, partner, saved)
        elif u == v:
            stack[size, ONE], stack[size, OTHER] = 2 * u, 2 * u
            stack[size + 1, ONE], stack[size + 1, OTHER] = 2 * u + 1, 2 * u + 1
            stack[size + 2, ONE], stack[size + 2, OTHER] = 2 * u, 2 * u + 1
            size += 3
        else:
            if u > v:  # the box with the smaller number is the larger one
                u, v = v, u
            stack[size, ONE], stack[size, OTHER] = 2 * u, v
            stack[size + 1, ONE], stack[size + 1, OTHER] = 2 * u + 1, v
            size += 2


@kernel
def nearest_except(geometry: Geometry, multipliers: Array, node: int, excluded: int) -> int:
    """The node other than `excluded` to which `node` has the shortest edge, multipliers included."""
    least, nearest = np.inf, -1
    for j in range(len(multipliers)):
        if j not in (node, excluded):
            length = distance(geometry, np.int32(node), np.int32(j)) + multipliers[j]
            if length < least:
                least, nearest = length, j
    return nearest
