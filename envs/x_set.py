"""Instances drawn like CVRPLIB's set X.

Source: Uchoa, Pecin, Pessoa, Poggi, Vidal, Subramanian, "New benchmark instances for the capacitated vehicle
routing problem", European Journal of Operational Research 257, 2017, section 4. All nodes are different points of a
grid of 1000 x 1000, here scaled to the unit square.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

    from tsp.instance import Array

GRID = 1000
"""Coordinates are whole numbers from 0 to this."""

SCALE = 40.0
"""The density around a seed of a cluster falls with exp(-distance / SCALE)."""

DEMANDS = ((1, 1), (1, 10), (5, 10), (1, 100), (50, 100))
"""Ranges of the uniform demands; two more kinds follow them, by quadrant and many small ones with few large ones."""

ROUTE_SIZES = (3.0, 6.0, 25.0)
"""Customers in a route: lowest, most frequent, highest, of a triangular distribution."""


def draw_instance(rng: Generator, customers: int) -> tuple[Array, Array, float]:
    """One instance of n nodes, the depot first.

    Depot (centre, corner, random), customers (random, in clusters, half and half) and the kind of demand are drawn
    too.

    Returns:
        coordinates `[n, 2]` in the unit square; demands `[n]`; capacity.
    """
    depots = np.array([[GRID // 2, GRID // 2], [0, 0], rng.integers(0, GRID + 1, 2)])
    depot = depots[rng.integers(3)]
    scattered = [customers, 0, customers // 2][rng.integers(3)]
    points = _distinct(np.concatenate([[depot], _scattered(rng, scattered)]), rng, 1 + scattered, _scattered)
    if scattered < customers:
        seeds = _scattered(rng, int(rng.integers(3, 9)))

        def clustered(rng: Generator, count: int) -> Array:
            return _clustered(rng, count, seeds)

        points = _distinct(points, rng, 1 + customers, clustered)
    demands = np.concatenate([[0.0], _demands(rng, points[1:])])
    size = rng.triangular(*ROUTE_SIZES)
    capacity = max(np.ceil(size * demands.sum() / max(1, customers)), demands.max())
    return points / GRID, demands, float(capacity)


def _scattered(rng: Generator, count: int) -> Array:
    """Points of the grid `[count, 2]`."""
    return rng.integers(0, GRID + 1, (count, 2)).astype(float)


def _clustered(rng: Generator, count: int, seeds: Array) -> Array:
    """Points of the grid `[count, 2]` around the seeds, those outside it left out."""
    away = rng.gamma(2.0, SCALE, count)  # a density exp(-r / SCALE) of the plane, by the distance r
    angle = rng.uniform(0.0, 2.0 * np.pi, count)
    step = away[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    points = np.rint(seeds[rng.integers(len(seeds), size=count)] + step)
    return points[((points >= 0) & (points <= GRID)).all(axis=1)]


def _distinct(points: Array, rng: Generator, count: int, draw: Callable[[Generator, int], Array]) -> Array:
    """The different ones of `points` in order, with others drawn until there are `count`."""
    while True:
        _, first = np.unique(points, axis=0, return_index=True)
        points = points[np.sort(first)][:count]
        if len(points) == count:
            return points
        points = np.concatenate([points, draw(rng, count - len(points))])


def _demands(rng: Generator, points: Array) -> Array:
    """Demands of customers at these points, of a kind drawn at random."""
    count, kind = len(points), rng.integers(len(DEMANDS) + 2)
    if kind < len(DEMANDS):
        low, high = DEMANDS[kind]
        return rng.integers(low, high + 1, count).astype(float)
    if kind == len(DEMANDS):  # large ones in two opposite quadrants
        even = (points[:, 0] < GRID / 2) == (points[:, 1] < GRID / 2)
        return rng.integers(1, 51, count) + 50.0 * even
    small = rng.random(count) < rng.uniform(0.7, 0.95)
    return np.where(small, rng.integers(1, 11, count), rng.integers(50, 101, count)).astype(float)
