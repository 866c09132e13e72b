"""First tours: greedy (the shortest legs first, where they can still be part of one tour), and nearest neighbour."""

from __future__ import annotations

import numpy as np

from baselines.kernels.geometry import Geometry, Nodes, distance, jit, kernel, leg_lengths, nearest_neighbours, part

NEIGHBOURS = 8
"""Number of legs tried from each end of a fragment."""


def greedy_tour(geometry: Geometry, near: Nodes) -> Nodes:
    """The greedy tour, for symmetric distances.

    Legs between neighbours are tried first. The ends of the fragments so made are then joined in the same
    way, until one path is left. Source: Bentley, "Fast algorithms for
    geometric traveling salesman problems", ORSA Journal on Computing 4, 1992.

    Args:
        geometry: of n nodes, n >= 3.
        near: neighbour lists `[n, k]`.

    Returns:
        the nodes `[n]` in the tour's order.
    """
    n = geometry.size
    links = np.full((n, 2), -1, dtype=np.int32)
    fragment = np.arange(n, dtype=np.int32)
    ends = fragment.copy()
    while True:
        origins, destinations = np.repeat(ends, near.shape[1]), near.ravel()
        order = np.argsort(leg_lengths(geometry, origins, destinations), kind="stable")
        _join(origins[order], destinations[order], links, fragment)
        ends = np.flatnonzero(links[:, 1] < 0).astype(np.int32)
        if len(ends) == 2:
            tour = np.empty(n, dtype=np.int32)
            _follow(links, ends[0], tour)
            return tour
        near = ends[nearest_neighbours(geometry.subset(ends), NEIGHBOURS)]


@part
def _root(fragment: Nodes, node: int) -> int:
    while fragment[node] != node:
        fragment[node] = fragment[fragment[node]]
        node = fragment[node]
    return node


@jit
def nearest_neighbour_tour(geometry: Geometry, near: Nodes, start: int) -> Nodes:
    """The tour that goes on to the nearest node that is not visited, in the tour's order.

    Args:
        geometry: of n nodes.
        near: neighbour lists `[n, k]`, tried before all nodes that are left; k may be 0.
        start: its first node.
    """
    n = max(len(geometry.points), len(geometry.matrix))
    tour = np.arange(n).astype(np.int32)  # the tour so far, then the nodes that are left
    place = np.arange(n).astype(np.int32)
    nearest = start
    for i in range(n):
        if i > 0:
            here = tour[i - 1]
            nearest = -1
            for k in range(near.shape[1]):
                if place[near[here, k]] >= i:
                    nearest = near[here, k]
                    break
            if nearest < 0:
                least = np.inf
                for k in range(i, n):
                    to = distance(geometry, here, tour[k])
                    if to < least:
                        least, nearest = to, tour[k]
        other, k = tour[i], place[nearest]
        tour[i], tour[k] = nearest, other
        place[nearest], place[other] = i, k
    return tour


@kernel
def _join(origins: Nodes, destinations: Nodes, links: Nodes, fragment: Nodes) -> None:
    """Add each leg, in order, after which every node has at most two legs and there is no cycle.

    Args:
        origins: `[m]`, one node of each leg.
        destinations: `[m]`, the other node.
        links: `[n, 2]`, the neighbours of each node so far, -1 for none; changed.
        fragment: `[n]`, a union-find forest of the fragments; changed.
    """
    for i in range(len(origins)):
        a, b = origins[i], destinations[i]
        if links[a, 1] >= 0 or links[b, 1] >= 0:
            continue
        root_a, root_b = _root(fragment, a), _root(fragment, b)
        if root_a != root_b:
            fragment[root_a] = root_b
            links[a, 0 if links[a, 0] < 0 else 1] = b
            links[b, 0 if links[b, 0] < 0 else 1] = a


@kernel
def _follow(links: Nodes, start: int, tour: Nodes) -> None:
    """Fill `tour` with the nodes of the path that ends in `start`, from there on."""
    before, here = np.int32(-1), np.int32(start)
    for i in range(len(tour)):
        tour[i] = here
        there = links[here, 1] if links[here, 0] == before else links[here, 0]
        before, here = here, there
