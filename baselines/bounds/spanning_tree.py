"""Minimum spanning trees and 1-trees of a sparse graph, with a multiplier added to every edge of a node.

A 1-tree is a spanning tree with one more edge at one of its leaves. Sources: Held, Karp, "The
traveling-salesman problem and minimum spanning trees", Operations Research 18, 1970. Helsgaun, "An effective
implementation of the Lin-Kernighan traveling salesman heuristic", European Journal of Operational Research
126, 2000: the choice of the leaf.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import Array, Geometry, Integers, Nodes, kernel, leg_lengths, part

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNSEEN, IN_TREE = -1, -2
"""Ranks while a tree grows, of nodes that are not in the heap."""


class Graph(NamedTuple):
    """A sparse graph as lists of edges; each edge is in the lists of both its nodes.

    Attributes:
        first: `[n + 1]`, where each node's list begins, and the end of the last list.
        node: `[2 m]`, the other node of each edge.
        cost: `[2 m]`, the length of each edge.
    """

    first: Integers
    node: Nodes
    cost: Array


LEAF, END = range(2)
"""Slots of `SpanningTree.ends`: the leaf that has the additional edge of a 1-tree, and the other node of that edge."""


class SpanningTree(NamedTuple):
    """A spanning tree as Prim's algorithm grows it, with the arrays that this needs.

    Attributes:
        order: `[n]`, the nodes in the order in which they joined the tree.
        rank: `[n]`, each node's place in `order`.
        parent: `[n]`, the node that each was joined to; -1 for the first.
        key: `[n]`, the length of the edge to the parent, multipliers included; 0 for the first.
        degree: `[n]`, the number of edges of the 1-tree at each node.
        ends: `[2]`, slots `LEAF`, `END`.
        heap: `[n]`, working memory: nodes next to the tree.
    """

    order: Nodes
    rank: Nodes
    parent: Nodes
    key: Array
    degree: Nodes
    ends: Nodes
    heap: Nodes


def graph_of(geometry: Geometry, pairs: NDArray[np.integer]) -> Graph:
    """A connected graph of these edges, with edges between consecutive nodes where they leave it disconnected.

    Args:
        geometry: of n nodes, n >= 3, with symmetric distances.
        pairs: `[m, 2]`, in any order; duplicates are allowed.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = geometry.size
    a, b = pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)
    _, part = connected_components(coo_matrix((np.ones(len(a), dtype=np.int8), (a, b)), (n, n)), directed=False)
    between = np.flatnonzero(part[1:] != part[:-1])
    a, b = np.append(a, between), np.append(b, between + 1)
    both = np.unique(np.append(a * n + b, b * n + a))
    return _graph(n, both, _lengths(geometry, both))


def _graph(n: int, edges: Integers, cost: Array) -> Graph:
    """The graph of edges given as origin times n plus node, sorted."""
    origins, nodes = edges // n, (edges % n).astype(np.int32)
    return Graph(np.append(0, np.cumsum(np.bincount(origins, minlength=n))), nodes, cost)


def with_edges(geometry: Geometry, graph: Graph, pairs: NDArray[np.integer]) -> Graph:
    """The graph with more edges `[m, 2]`; those that it has already are ignored."""
    n = geometry.size
    a, b = pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)
    old = np.repeat(np.arange(n), np.diff(graph.first)) * n + graph.node
    new = np.unique(np.append(a * n + b, b * n + a))
    places = np.searchsorted(old, new)
    fresh = old[np.minimum(places, len(old) - 1)] != new
    new, places = new[fresh], places[fresh]
    return _graph(n, np.insert(old, places, new), np.insert(graph.cost, places, _lengths(geometry, new)))


def _lengths(geometry: Geometry, edges: Integers) -> Array:
    n = geometry.size
    return leg_lengths(geometry, (edges // n).astype(np.int32), (edges % n).astype(np.int32))


def empty_tree(n: int) -> SpanningTree:
    """The arrays for a tree of `n` nodes."""
    order, rank, parent, degree, heap = (np.zeros(n, dtype=np.int32) for _ in range(5))
    return SpanningTree(order, rank, parent, np.zeros(n), degree, np.zeros(2, dtype=np.int32), heap)


@part
def _rise(heap: Nodes, place: Nodes, key: Array, i: int) -> None:
    """Move the heap's node at place `i` up to where its key belongs."""
    node = heap[i]
    value = key[node]
    while i > 0:
        above = (i - 1) >> 1
        other = heap[above]
        if key[other] <= value:
            break
        heap[i] = other
        place[other] = i
        i = above
    heap[i] = node
    place[node] = i


@part
def _sink(heap: Nodes, place: Nodes, key: Array, size: int) -> None:
    """Move the heap's first node down to where its key belongs."""
    node = heap[0]
    value = key[node]
    i = 0
    while True:
        below = 2 * i + 1
        if below >= size:
            break
        if below + 1 < size and key[heap[below + 1]] < key[heap[below]]:
            below += 1
        other = heap[below]
        if key[other] >= value:
            break
        heap[i] = other
        place[other] = i
        i = below
    heap[i] = node
    place[node] = i


@kernel
def span(graph: Graph, multipliers: Array, tree: SpanningTree) -> float:
    """Grow the minimum spanning tree (Prim's algorithm).

    Meanwhile `rank` is a node's place in the heap, `UNSEEN`, or `IN_TREE`.

    Returns:
        its length, multipliers included.
    """
    first, nodes, cost = graph.first, graph.node, graph.cost
    order, rank, parent, key, degree, heap = tree.order, tree.rank, tree.parent, tree.key, tree.degree, tree.heap
    n = len(multipliers)
    for i in range(n):
        rank[i] = UNSEEN
        degree[i] = 0
    node = np.int32(0)
    parent[0] = -1
    key[0] = 0.0
    size = 0
    total = 0.0
    for place in range(n):
        if place > 0:
            node = heap[0]
            size -= 1
            if size > 0:
                heap[0] = heap[size]
                _sink(heap, rank, key, size)
            total += key[node]
            degree[node] += 1
            degree[parent[node]] += 1
        order[place] = node
        rank[node] = IN_TREE
        here = multipliers[node]
        for e in range(first[node], first[node + 1]):
            other = nodes[e]
            place_in_heap = rank[other]
            if place_in_heap == IN_TREE:
                continue
            length = cost[e] + here + multipliers[other]
            if place_in_heap == UNSEEN:
                heap[size] = other
                place_in_heap = size
                size += 1
            elif length >= key[other]:
                continue
            key[other] = length
            parent[other] = node
            _rise(heap, rank, key, place_in_heap)
    for place in range(n):
        rank[order[place]] = place
    return total


@kernel
def leaf_neighbour(tree: SpanningTree, leaf: int) -> int:
    """The only neighbour of a leaf of the spanning tree."""
    return tree.parent[leaf] if tree.parent[leaf] >= 0 else tree.order[1]


@kernel
def close(graph: Graph, multipliers: Array, tree: SpanningTree) -> float:
    """Make it a 1-tree: add the second-shortest edge of a leaf, of the leaf for which that edge is longest.

    Returns:
        that edge's length, multipliers included.
    """
    first, nodes, cost = graph.first, graph.node, graph.cost
    longest = -np.inf
    for leaf in range(len(multipliers)):
        if tree.degree[leaf] != 1:
            continue
        joined = leaf_neighbour(tree, leaf)
        least, end = np.inf, -1
        for e in range(first[leaf], first[leaf + 1]):
            length = cost[e] + multipliers[nodes[e]]
            if length < least and nodes[e] != joined:
                least, end = length, nodes[e]
        if end >= 0 and least + multipliers[leaf] > longest:
            longest = least + multipliers[leaf]
            tree.ends[LEAF] = leaf
            tree.ends[END] = end
    tree.degree[tree.ends[LEAF]] += 1
    tree.degree[tree.ends[END]] += 1
    return longest


def range_maxima(tree: SpanningTree) -> Array:
    """At `[k, i]` the largest key of the 2^k nodes that joined the tree from place i on (or up to the last)."""
    rows = [tree.key[tree.order]]
    while 2 ** len(rows) <= len(tree.order):
        before, half = rows[-1], 2 ** (len(rows) - 1)
        row = before.copy()
        np.maximum(before[:-half], before[half:], out=row[:-half])
        rows.append(row)
    return np.array(rows)


@kernel
def path_maximum(longest: Array, a: int, b: int) -> float:
    """The longest edge on the tree's path between the nodes at two different places `a` and `b` of its order.

    It is the largest key of the nodes after the first of the two, up to the second: when a node joins the
    tree, no edge that leaves the tree so far is shorter than its key.
    """
    if a > b:
        a, b = b, a
    k = 0
    while 2 << k <= b - a:
        k += 1
    return max(longest[k, a + 1], longest[k, b + 1 - (1 << k)])
