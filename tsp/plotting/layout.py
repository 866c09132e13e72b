"""The places at which the nodes of an instance are drawn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsp.earth import degrees, project

if TYPE_CHECKING:
    from tsp.instance import Instance
    from tsp.plotting.canvas import Points

LARGEST_LAYOUT = 2000
"""The most nodes of a matrix without coordinates that are laid out (its eigenvectors take O(n³))."""


class Layout(NamedTuple):
    """The nodes of an instance in the plane.

    Attributes:
        points: `[n, 2]`.
        remark: a remark on the layout for the reader, or nothing.
        aspect: height of a unit of y relative to a unit of x.
        unit: what a unit of x is, where the map has a scale.
    """

    points: Points
    remark: str
    aspect: float
    unit: str | None = None


def lay_out(instance: Instance) -> Layout:
    """Place the nodes by their coordinates or, without coordinates, by their distances.

    Raises:
        ValueError: for a matrix without coordinates of more than `LARGEST_LAYOUT` nodes.
    """
    if instance.coordinates is None:
        return Layout(_scaled_points(instance), "no coordinates given: laid out by the distances", 1.0)
    points = instance.coordinates
    if instance.unit is not None:
        longitudes, latitudes = points[:, :2].T
        return Layout(project(latitudes, longitudes, instance.unit), "", 1.0, instance.unit)
    if instance.metric in ("GEO", "GEOM"):
        whole = np.trunc(points)
        minutes = whole + (points - whole) / 0.6  # TSPLIB writes minutes as decimals
        latitude, longitude = (minutes if instance.metric == "GEO" else points).T
        middle = math.radians(float(np.clip(np.abs(latitude.mean()), 0, 80)))
        return Layout(degrees(latitude, longitude), "", 1.0 / math.cos(middle))
    remark = "seen from above: the third coordinate is not drawn" if points.shape[1] == 3 else ""
    return Layout(points[:, :2], remark, 1.0)


def _scaled_points(instance: Instance) -> Points:
    """Classical multidimensional scaling (Torgerson 1952) of the matrix, averaged over both directions."""
    n = instance.size
    if n > LARGEST_LAYOUT:
        name = instance.name or "instance"
        raise ValueError(f"{name}: {n} nodes without coordinates, expected at most {LARGEST_LAYOUT} to lay them out")
    known = np.isfinite(instance.distances)
    lengths = np.where(known, instance.distances, instance.distances[known].max())  # missing roads as long as any
    squared = ((lengths + lengths.T) / 2) ** 2
    centred = squared - squared.mean(axis=0) - squared.mean(axis=1)[:, None] + squared.mean()
    values, vectors = np.linalg.eigh(-0.5 * centred)
    points = np.zeros((n, 2))
    for k, (value, vector) in enumerate(zip(values[:-3:-1], vectors.T[:-3:-1], strict=True)):
        sign = np.sign(vector[np.abs(vector).argmax()])  # the sign of an eigenvector is arbitrary: fix it
        points[:, k] = sign * vector * math.sqrt(max(float(value), 0.0))
    return points
