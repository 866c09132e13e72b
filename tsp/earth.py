"""Places on the Earth: great-circle distances between points given by latitude and longitude."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsp.instance import LARGEST_MATRIX, Array, Instance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

EARTH_RADIUS = 6371.0088
"""Mean radius of the Earth in kilometres."""


def great_circles(latitudes: ArrayLike, longitudes: ArrayLike) -> Array:
    """Distances `[n, n]` in kilometres on a sphere (haversine formula) between places given in degrees.

    Raises:
        ValueError: above `LARGEST_MATRIX` places.
    """
    phi, theta = np.radians(np.asarray(latitudes, float)), np.radians(np.asarray(longitudes, float))
    n = len(phi)
    if n > LARGEST_MATRIX:
        raise ValueError(f"{n} places: distances on the Earth are computed for up to {LARGEST_MATRIX}")
    out = np.empty((n, n))
    for i in range(n):
        haversine = np.sin((phi - phi[i]) / 2) ** 2
        haversine += np.cos(phi) * np.cos(phi[i]) * np.sin((theta - theta[i]) / 2) ** 2
        out[i] = 2 * EARTH_RADIUS * np.arcsin(np.sqrt(np.minimum(haversine, 1.0)))
    return out


def drawn(latitudes: ArrayLike, longitudes: ArrayLike) -> Array:
    """Points `[n, 2]` to draw: degrees of longitude and latitude, without the jump at the antimeridian.

    All longitudes are within half a turn of the first.
    """
    degrees: Array = np.asarray(longitudes, dtype=np.float64)
    turns: Array = np.rint((degrees - degrees[0]) / 360.0)
    return np.column_stack((degrees - 360.0 * turns, latitudes))


def earth_instance(latitudes: ArrayLike, longitudes: ArrayLike, names: Sequence[str] | None = None) -> Instance:
    """An instance of places on the Earth: great-circle distances in kilometres; longitude and latitude are drawn."""
    return Instance(
        coordinates=drawn(latitudes, longitudes),
        matrix=great_circles(latitudes, longitudes),
        names=None if names is None else tuple(names),
    )
