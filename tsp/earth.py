"""Places on the Earth: great-circle distances between points given by latitude and longitude, and a map of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsp.instance import LARGEST_MATRIX, Array, Instance
from tsp.units import METRES, SPEED, UNIT, Units, require_speed, require_unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

EARTH_RADIUS = 6371.0088
"""Mean radius of the Earth in kilometres."""

WIDEST = 60.0
"""Degrees from its middle up to which a map is azimuthal; a wider one is a map of the world."""


def great_circles(latitudes: ArrayLike, longitudes: ArrayLike, unit: str = UNIT) -> Array:
    """Distances `[n, n]` on a sphere (haversine formula) between places given in degrees.

    Raises:
        ValueError: above `LARGEST_MATRIX` places.
    """
    phi, theta = np.radians(np.asarray(latitudes, float)), np.radians(np.asarray(longitudes, float))
    n, diameter = len(phi), 2 * EARTH_RADIUS * METRES[UNIT] / METRES[unit]
    if n > LARGEST_MATRIX:
        raise ValueError(f"{n} places: distances on the Earth are computed for up to {LARGEST_MATRIX}")
    out = np.empty((n, n))
    for i in range(n):
        haversine = np.sin((phi - phi[i]) / 2) ** 2
        haversine += np.cos(phi) * np.cos(phi[i]) * np.sin((theta - theta[i]) / 2) ** 2
        out[i] = diameter * np.arcsin(np.sqrt(np.minimum(haversine, 1.0)))
    return out


def degrees(latitudes: ArrayLike, longitudes: ArrayLike) -> Array:
    """Longitudes and latitudes `[n, 2]` without a jump at the antimeridian: cut where the longitudes have their gap."""
    east: Array = np.asarray(longitudes, dtype=np.float64)
    around = np.sort(east % 360.0)
    gaps = np.diff(around, append=around[:1] + 360.0)
    west = around[(int(gaps.argmax()) + 1) % len(around)] if len(around) else 0.0  # the first place after the gap
    turns = np.floor((east - west + 1e-9) / 360.0)
    middle = west + (360.0 - gaps.max(initial=0.0)) / 2
    turns += np.floor((middle + 180.0) / 360.0)  # so that the middle is from -180 to 180 degrees
    return np.column_stack((east - 360.0 * turns, latitudes))


def project(latitudes: ArrayLike, longitudes: ArrayLike, unit: str = UNIT) -> Array:
    """A map `[n, 2]` of places: east to the right, north up, lengths right in its middle.

    Up to `WIDEST` from the middle it is azimuthal equidistant, so that neither the antimeridian nor a pole cuts it. A
    map of the world is equirectangular, cut where the longitudes have their largest gap.
    """
    phi, theta = np.radians(np.asarray(latitudes, float)), np.radians(np.asarray(longitudes, float))
    radius = EARTH_RADIUS * METRES[UNIT] / METRES[unit]
    points = np.column_stack((np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi)))
    middle = points.sum(axis=0)
    sine0, theta0 = middle[2] / max(float(np.linalg.norm(middle)), 1e-9), np.arctan2(middle[1], middle[0])
    cosine0 = np.sqrt(max(0.0, 1.0 - sine0**2))
    east = np.cos(phi) * np.sin(theta - theta0)
    north = cosine0 * np.sin(phi) - sine0 * np.cos(phi) * np.cos(theta - theta0)
    up = sine0 * np.sin(phi) + cosine0 * np.cos(phi) * np.cos(theta - theta0)
    sine = np.hypot(east, north)
    angle = np.arctan2(sine, up)
    if angle.max() > np.radians(WIDEST):
        return radius * np.radians(degrees(latitudes, longitudes)) * (np.cos(np.abs(phi).mean()), 1.0)
    factor = radius * np.divide(angle, sine, out=np.ones_like(sine), where=sine > 0)
    return np.column_stack((factor * east, factor * north))


def earth_instance(
    latitudes: ArrayLike,
    longitudes: ArrayLike,
    names: Sequence[str] | None = None,
    *,
    unit: str | None = None,
    speed: float | None = None,
    is_clock: bool = False,
    **attributes: Any,  # noqa: ANN401 - those of Instance
) -> Instance:
    """An instance of places on the Earth, with great-circle distances.

    Args:
        latitudes: of the places, in degrees.
        longitudes: of the places, in degrees.
        names: of the places.
        unit: unit of lengths, `m`, `km` (default) or `mi`.
        speed: kilometres an hour (default 50), where times come from a clock.
        is_clock: whether `time_windows` and `law_appears` are minutes since midnight, and `service_times` minutes.
        attributes: further attributes of the instance; lengths are in the unit.

    Raises:
        ValueError: as `Instance` does, and for too many places.
    """
    unit = UNIT if unit is None else require_unit(unit)
    if is_clock:
        units = Units(unit, SPEED if speed is None else require_speed(speed), is_clock)
        for name in ("time_windows", "service_times", "law_appears"):
            if attributes.get(name) is not None:
                attributes[name] = units.lengths(np.asarray(attributes[name], dtype=np.float64))
    return Instance(
        coordinates=degrees(latitudes, longitudes),
        matrix=great_circles(latitudes, longitudes, unit),
        names=None if names is None else tuple(names),
        unit=unit,
        is_clock=is_clock,
        speed=speed,
        **attributes,
    )
