"""Distances between points, in the exact arithmetic of their source.

TSPLIB rounds every edge to an integer in a way that depends on the edge weight type (Reinelt,
"TSPLIB 95", 1995, section 2); a tour's length is only comparable with published optima in that
arithmetic. LKH adds CEIL_3D, FLOOR_2D and FLOOR_3D, Concorde GEOM. `euclidean` is the plain, unrounded
distance of generated instances, which LKH calls EXACT_2D and EXACT_3D.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

GEO_RADIUS = 6378.388
GEO_PI = 3.141592  # TSPLIB's own constant: the exact value of pi gives other integers
GEOM_RADIUS = 6378388.0  # of the Earth in metres, as in Concorde; GEO has kilometres


@dataclass(frozen=True)
class Metric:
    """A distance between points.

    Attributes:
        name: the EDGE_WEIGHT_TYPE of TSPLIB, LKH or Concorde, or `euclidean`.
        dimensions: the numbers of coordinates that a point may have.
        integral: whether every distance is a whole number.
        between: maps points `[..., d]` and `[..., d]` to distances `[...]`, broadcasting.
    """

    name: str
    dimensions: tuple[int, ...]
    integral: bool
    between: Callable[[Array, Array], Array]


def _differences(a: Array, b: Array) -> list[Array]:
    """`a - b`, axis by axis: numpy's sum over a last axis of length 2 takes five times as long."""
    return [a[..., k] - b[..., k] for k in range(a.shape[-1])]


def _sum_of_squares(a: Array, b: Array) -> Array:
    return reduce(np.add, (side * side for side in _differences(a, b)))


def _euclidean(a: Array, b: Array) -> Array:
    return np.sqrt(_sum_of_squares(a, b))


def _nearest_integer(x: Array) -> Array:
    return np.floor(x + 0.5)  # TSPLIB's nint, which rounds halves up


def _manhattan(a: Array, b: Array) -> Array:
    return _nearest_integer(reduce(np.add, map(np.abs, _differences(a, b))))


def _maximum(a: Array, b: Array) -> Array:
    return reduce(np.maximum, (_nearest_integer(np.abs(side)) for side in _differences(a, b)))


def _pseudo_euclidean(a: Array, b: Array) -> Array:
    r = np.sqrt(_sum_of_squares(a, b) / 10.0)
    t = _nearest_integer(r)
    return np.where(t < r, t + 1.0, t)


def _radians(points: Array) -> Array:
    """Latitude and longitude in radians from TSPLIB's `DDD.MM` (degrees and minutes)."""
    degrees = np.trunc(points)  # never the nearest degree, which TSPLIB's own text wrongly says
    return GEO_PI * (degrees + 5.0 * (points - degrees) / 3.0) / 180.0


def _geographical(a: Array, b: Array) -> Array:
    (lat_a, lon_a), (lat_b, lon_b) = (np.moveaxis(_radians(p), -1, 0) for p in (a, b))
    q1 = np.cos(lon_a - lon_b)
    q2 = np.cos(lat_a - lat_b)
    q3 = np.cos(lat_a + lat_b)
    cosine = np.clip(0.5 * ((1.0 + q1) * q2 - (1.0 - q1) * q3), -1.0, 1.0)
    return np.trunc(GEO_RADIUS * np.arccos(cosine) + 1.0)


def _geometrical(a: Array, b: Array) -> Array:
    """Metres along the Earth between latitudes and longitudes in degrees, as Concorde computes them."""
    (lat_a, lon_a), (lat_b, lon_b) = (np.moveaxis(np.pi * p / 180.0, -1, 0) for p in (a, b))
    sine, cosine = np.sin((lon_a - lon_b) / 2.0), np.cos((lon_a - lon_b) / 2.0)
    east = np.cos(lat_b) * np.sin(lon_a - lon_b)
    north = np.sin(lat_a + lat_b) * sine * sine - np.sin(lat_a - lat_b) * cosine * cosine
    along = np.cos(lat_a - lat_b) * cosine * cosine - np.cos(lat_a + lat_b) * sine * sine
    return np.trunc(GEOM_RADIUS * np.arctan2(np.sqrt(east * east + north * north), along) + 1.0)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("euclidean", (2, 3), False, _euclidean),
        Metric("EUC_2D", (2,), True, lambda a, b: _nearest_integer(_euclidean(a, b))),
        Metric("EUC_3D", (3,), True, lambda a, b: _nearest_integer(_euclidean(a, b))),
        Metric("CEIL_2D", (2,), True, lambda a, b: np.ceil(_euclidean(a, b))),
        Metric("CEIL_3D", (3,), True, lambda a, b: np.ceil(_euclidean(a, b))),
        Metric("FLOOR_2D", (2,), True, lambda a, b: np.floor(_euclidean(a, b))),
        Metric("FLOOR_3D", (3,), True, lambda a, b: np.floor(_euclidean(a, b))),
        Metric("MAN_2D", (2,), True, _manhattan),
        Metric("MAN_3D", (3,), True, _manhattan),
        Metric("MAX_2D", (2,), True, _maximum),
        Metric("MAX_3D", (3,), True, _maximum),
        Metric("GEO", (2,), True, _geographical),
        Metric("GEOM", (2,), True, _geometrical),
        Metric("ATT", (2,), True, _pseudo_euclidean),
    )
}


def pairwise(metric: Metric, coordinates: Array) -> Array:
    """All distances between the points `[n, d]`, as `[n, n]` with a zero diagonal.

    Works in blocks of rows, so that no `[n, n, d]` array is allocated.
    """
    n = len(coordinates)
    out = np.empty((n, n))
    rows = max(1, 200_000 // max(n, 1))  # a block that stays in the cache
    for first in range(0, n, rows):
        block = coordinates[first : first + rows]
        out[first : first + rows] = metric.between(block[:, None, :], coordinates[None, :, :])
    np.fill_diagonal(out, 0.0)  # GEO and GEOM give 1 between a point and itself
    return out
