"""The edge guide's view of an instance: a sparse graph, and features of its edges.

Every feature is a ratio, a rank or an angle computed from distances alone. So no feature changes when an
instance is moved, scaled, turned or mirrored, and a matrix has the same features as points. For points, no
array has n² elements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import Delaunay, KDTree, QhullError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsp.instance import Instance

NEAREST = 5
"""Nearest neighbours that are always in the graph; Delaunay edges are added next, then further neighbours."""

NORMS = {
    **dict.fromkeys(("euclidean", "EUC_2D", "EUC_3D", "CEIL_2D", "CEIL_3D", "FLOOR_2D", "FLOOR_3D", "ATT"), 2.0),
    **dict.fromkeys(("MAN_2D", "MAN_3D"), 1.0),
    **dict.fromkeys(("MAX_2D", "MAX_3D"), np.inf),
}
"""Norms of the metrics in which a k-d tree finds the nearest points; in others all distances are computed."""

ASCENT_STEPS = 20
FIRST_STEP, DECAY = 0.5, 0.88
"""Step size of the ascent in mean edges of the first tree, and its factor from step to step."""

PLAIN_FEATURES = 13
CHUNK = 20_000
"""Nodes whose pairs of edges are processed together."""


class EdgeGraph(NamedTuple):
    """A sparse directed graph with k edges at each of n nodes, nearest first.

    Attributes:
        neighbours: `[n, k]`, the nodes to which the edges of each node lead.
        reverse: `[n, k]`, the flat position of the same edge at its other end; its own position where the other
            end does not have it.
        features: `[n, k, PLAIN_FEATURES + width]`, float32.
    """

    neighbours: NDArray[np.int64]
    reverse: NDArray[np.int64]
    features: NDArray[np.float32]


def edge_graph(instance: Instance, width: int) -> EdgeGraph:
    """The graph of a symmetric instance of two or more nodes, with `min(width, n - 1)` edges a node."""
    neighbours, natural = _choose_edges(instance, min(width, instance.size - 1))
    n, k = neighbours.shape
    costs = instance.legs(np.arange(n)[:, None], neighbours)
    reverse, back = _reverse(neighbours)
    typical = costs[:, :NEAREST].mean(1)
    typical = np.maximum(typical, 1e-6 * typical.mean() or 1.0)  # points may coincide
    floor = 0.02 * typical
    here = np.log(np.maximum(costs, floor[:, None]) / typical[:, None])
    there = np.log(np.maximum(costs, floor[neighbours]) / typical[neighbours])
    frequency, reduced, degree = _ascend(neighbours, costs)
    # a tour uses two edges of a node, so edges above the second smallest reduced cost are spare
    spare = np.partition(reduced, min(1, k - 1), axis=1)[:, min(1, k - 1)]
    plain = (
        here,
        there.clip(max=4.0),
        np.broadcast_to(np.arange(k) / width, (n, k)),
        np.minimum(back / width, 1.0),
        back < k,
        natural,
        frequency,
        ((reduced - spare[:, None]) / typical[:, None]).clip(-3.0, 3.0),
        ((reduced - spare[neighbours]) / typical[neighbours]).clip(-3.0, 3.0),
        np.broadcast_to((degree - 2.0).clip(max=3.0)[:, None], (n, k)),
        (degree - 2.0).clip(max=3.0)[neighbours],
    )
    features = np.zeros((n, k, PLAIN_FEATURES + width), dtype=np.float32)
    for column, values in enumerate(plain):
        features[:, :, column] = values
    shortest = 1e-9 * costs.max() or 1.0
    for first in range(0, n, CHUNK):
        rows = slice(first, first + CHUNK)
        triangles = _triangles(instance, neighbours[rows], costs[rows], shortest)
        features[rows, :, len(plain) : PLAIN_FEATURES + k] = triangles
    return EdgeGraph(neighbours, reverse, features)


def nearest(instance: Instance, k: int) -> NDArray[np.int64]:
    """The `k` nearest other nodes of each node `[n, k]`, nearest first; k is below n."""
    n = instance.size
    points = instance.coordinates
    if instance.matrix is None and points is not None and instance.metric in NORMS:
        tree = KDTree(points, balanced_tree=False, compact_nodes=False)
        found = np.asarray(tree.query(points, k=k + 1, p=NORMS[instance.metric])[1], dtype=np.int64)
        own = found == np.arange(n)[:, None]
        own[~own.any(1), -1] = True  # where many points coincide, the node itself may not be among the first
        return found[~own].reshape(n, k)
    distances = instance.distances.copy()
    np.fill_diagonal(distances, np.inf)
    near = np.argpartition(distances, k - 1, axis=1)[:, :k] if k < n - 1 else np.argsort(distances, axis=1)[:, :k]
    order = np.argsort(np.take_along_axis(distances, near, 1), axis=1, kind="stable")
    return np.take_along_axis(near, order, 1)


def _choose_edges(instance: Instance, k: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Ends of `k` edges a node, nearest first, and which of them are Delaunay edges.

    Nearest neighbours do not include the long edges of an optimal tour between clusters; nearly all of
    these are edges of the Delaunay triangulation.
    """
    n = instance.size
    near = nearest(instance, k)
    origins, ends = _delaunay_edges(instance)
    if not origins.size:
        return near, np.zeros((n, k), dtype=np.bool_)
    # edges to the few nearest nodes are first, then Delaunay edges, then further neighbours
    group = np.concatenate([np.tile(np.where(np.arange(k) < NEAREST, 0, 2), n), np.ones(origins.size, dtype=np.int64)])
    i = np.concatenate([np.repeat(np.arange(n), k), origins])
    j = np.concatenate([near.ravel(), ends])
    order = np.argsort((i * n + j) * 3 + group)
    key = (i * n + j)[order]
    starts = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    natural = np.logical_or.reduceat(order >= n * k, starts)
    i, j, group = key[starts] // n, key[starts] % n, group[order][starts]
    cost = instance.legs(i, j)
    order = np.argsort(3 * i + group + cost / (2.0 * cost.max() or 1.0))
    chosen = order[np.searchsorted(i, np.arange(n))[:, None] + np.arange(k)]
    chosen = np.take_along_axis(chosen, np.argsort(cost[chosen], axis=1, kind="stable"), 1)
    return j[chosen], natural[chosen]


def _delaunay_edges(instance: Instance) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both directions of every edge of the triangulation of points in the plane; empty where there is none."""
    nothing = np.empty(0, dtype=np.int64)
    points = instance.coordinates
    if instance.matrix is not None or points is None or points.shape[1] != 2 or instance.metric not in NORMS:
        return nothing, nothing
    try:
        starts, ends = Delaunay(points - points.mean(0)).vertex_neighbor_vertices
    except (QhullError, ValueError):  # too few points, or all on a line
        return nothing, nothing
    return np.repeat(np.arange(len(points)), np.diff(starts)), ends.astype(np.int64)


def _reverse(neighbours: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each edge: the position of its reverse (else its own), and its rank at the other end (else k)."""
    n, k = neighbours.shape
    back = np.full((n, k), k)
    for place in range(k - 1, -1, -1):
        back[neighbours[neighbours, place] == np.arange(n)[:, None]] = place
    own = np.arange(n * k).reshape(n, k)
    return np.where(back < k, neighbours * k + back, own), back


def _triangles(
    instance: Instance, neighbours: NDArray[np.int64], costs: NDArray[np.float64], shortest: float
) -> NDArray[np.float32]:
    """Features of an edge (i, j) from the other neighbours `[n, k, 2 + k]`.

    These are the least bottleneck between i and j over a third node, the shortest detour over a third node, and
    the cosines of the angles at i between j and each neighbour.
    """
    n, k = costs.shape
    across = instance.legs(neighbours[:, :, None], neighbours[:, None, :])
    a, b = costs[:, :, None], costs[:, None, :]
    length = np.maximum(costs, shortest)
    others = np.where(np.eye(k, dtype=np.bool_), np.inf, across)
    out = np.empty((n, k, 2 + k), dtype=np.float32)
    out[:, :, 0] = (np.maximum(b, others).min(2) / length).clip(0.0, 2.0)
    out[:, :, 1] = ((b + others).min(2) / length).clip(0.0, 4.0)
    product = 2.0 * a * b
    cosines = np.divide(a * a + b * b - across * across, product, out=np.zeros_like(across), where=product > 0.0)
    out[:, :, 2:] = cosines.clip(-1.0, 1.0)
    return out


def _ascend(
    neighbours: NDArray[np.int64], costs: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """A short subgradient ascent over minimum spanning trees (Held and Karp 1971) of the sparse graph.

    Returns:
        for each edge the share of trees in the ascent's second half that contain it, and its reduced cost,
        `[n, k]` each; for each node its mean degree in those trees, `[n]`.
    """
    n, k = neighbours.shape
    i, j = np.repeat(np.arange(n), k), neighbours.ravel()
    keys, first, edge = np.unique(np.minimum(i, j) * n + np.maximum(i, j), return_index=True, return_inverse=True)
    low, high, cost = keys // n, keys % n, costs.ravel()[first]
    rows, columns = np.searchsorted(low, np.arange(n + 1)).astype(np.int32), high.astype(np.int32)
    penalty, last, step = np.zeros(n), np.zeros(n), 0.0
    uses, degrees = np.zeros(len(keys)), np.zeros(n)
    ranks = np.empty(len(keys))
    for t in range(ASCENT_STEPS):
        order = np.argsort(cost + penalty[low] + penalty[high])
        # ranks as weights: all are different and positive, so they identify the tree's edges
        ranks[order] = np.arange(1.0, len(keys) + 1.0)
        tree = minimum_spanning_tree(csr_array((ranks, columns, rows), shape=(n, n)))
        used = order[tree.data.astype(np.int64) - 1]
        degree = (np.bincount(low[used], minlength=n) + np.bincount(high[used], minlength=n)).astype(np.float64)
        if t == 0:
            step = FIRST_STEP * cost[used].mean()
        penalty += step * (0.7 * (degree - 2.0) + 0.3 * last)
        last = degree - 2.0
        step *= DECAY
        if t >= ASCENT_STEPS // 2:
            uses[used] += 1.0
            degrees += degree
    counted = ASCENT_STEPS - ASCENT_STEPS // 2
    reduced = cost + penalty[low] + penalty[high]
    return (uses / counted)[edge].reshape(n, k), reduced[edge].reshape(n, k), degrees / counted
