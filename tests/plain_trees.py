"""Instances with symmetric distances, and trees of their nodes in plain Python."""

import numpy as np
from hypothesis import strategies as st

from baselines.kernels.geometry import nearest_neighbours
from tsp.instance import Instance
from tsp.metrics import METRICS

METRICS_OF_POINTS = sorted(name for name, metric in METRICS.items() if 2 in metric.dimensions)
KINDS = st.sampled_from([*METRICS_OF_POINTS, "ties", "matrix"])


def symmetric_instance(n, seed, kind):
    """Points in a metric, some of them equal; or a matrix, with or without many equal whole numbers."""
    rng = np.random.default_rng([n, seed])
    if kind in METRICS_OF_POINTS:
        points = rng.random((n, 2)) if kind == "euclidean" else rng.integers(0, 60, (n, 2)).astype(float)
        if seed % 3 == 0:
            points[rng.integers(0, n, n // 3)] = points[0]
        return Instance(points, metric=kind)
    matrix = rng.integers(0, 9, (n, n)).astype(float) if kind == "ties" else rng.random((n, n))
    return Instance(matrix=matrix + matrix.T)


def edges_to_nearest(geometry, k):
    """The edges `[m, 2]` from each node to its `k` nearest."""
    near = nearest_neighbours(geometry, k)
    return np.column_stack([np.repeat(np.arange(len(near)), near.shape[1]), near.ravel()])


def minimum_spanning_tree(weights):
    """Prim's algorithm on a full matrix, in plain Python."""
    n, inside, edges = len(weights), [0], []
    while len(inside) < n:
        i, j = min(((i, j) for i in inside for j in range(n) if j not in inside), key=lambda e: weights[e])
        edges.append((i, j))
        inside.append(j)
    return edges


def path_maxima(edges, weights):
    """The longest edge on the tree's path between any two nodes, in plain Python."""
    n = len(weights)
    out = np.full((n, n), np.nan)

    def visit(root, node, before, longest):
        for a, b in edges:
            if node in (a, b):
                other = b if node == a else a
                if other != before:
                    out[root, other] = max(longest, weights[a, b])
                    visit(root, other, node, out[root, other])

    for root in range(n):
        visit(root, root, -1, -np.inf)
    return out
