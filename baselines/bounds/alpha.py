"""Alpha-nearness: by how much the minimum 1-tree grows if it must contain an edge.

Source: Helsgaun, "An effective implementation of the Lin-Kernighan traveling salesman heuristic", European
Journal of Operational Research 126, 2000.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.kernels.geometry import Array, Nodes, kernel

from .spanning_tree import END, LEAF, Graph, SpanningTree, path_maximum, range_maxima

if TYPE_CHECKING:
    from .one_tree import OneTree


def alpha_candidates(found: OneTree, k: int) -> Nodes:
    """The `k` neighbours of each node with the smallest alpha, among its edges in the graph.

    Equal alphas are ordered by the length of the edge, multipliers included.

    Args:
        found: the 1-tree and the graph.
        k: number of neighbours; at most the smallest number of edges that any node has.

    Returns:
        node numbers `[n, k]`, smallest alpha first.
    """
    tree, graph = found.tree, found.graph
    k = min(k, int(np.diff(graph.first).min()))
    out = np.empty((len(found.multipliers), k), dtype=np.int32)
    _choose(graph, found.multipliers, tree, range_maxima(tree), np.empty(k), np.empty(k), out)
    return out


@kernel
def _choose(
    graph: Graph, multipliers: Array, tree: SpanningTree, longest: Array, alpha: Array, lengths: Array, out: Nodes
) -> None:
    """Fill `out` with the neighbours of smallest alpha; `alpha` and `lengths` `[k]` are working memory."""
    first, nodes, cost = graph.first, graph.node, graph.cost
    leaf, end = tree.ends[LEAF], tree.ends[END]
    second = np.inf
    for e in range(first[leaf], first[leaf + 1]):
        if nodes[e] == end:
            second = cost[e] + multipliers[leaf] + multipliers[end]
    for i in range(len(out)):
        for e in range(first[i], first[i + 1]):
            j = nodes[e]
            length = cost[e] + multipliers[i] + multipliers[j]
            replaced = second
            if leaf not in (np.int32(i), j):
                replaced = path_maximum(longest, tree.rank[i], tree.rank[j])
            # the alpha of an edge of the 1-tree is 0, whatever the rounding errors
            value = max(0.0, length - replaced)
            if tree.parent[i] == j or tree.parent[j] == i:
                value = 0.0
            m = e - first[i]
            place = min(m, out.shape[1])
            while place > 0 and (
                value < alpha[place - 1] or (value == alpha[place - 1] and length < lengths[place - 1])
            ):
                place -= 1
            for q in range(min(m, out.shape[1] - 1), place, -1):
                alpha[q], lengths[q], out[i, q] = alpha[q - 1], lengths[q - 1], out[i, q - 1]
            if place < out.shape[1]:
                alpha[place], lengths[place], out[i, place] = value, length, j
