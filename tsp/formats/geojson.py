"""GeoJSON (RFC 7946): points on the Earth, longitude before latitude, with great-circle distances in kilometres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from tsp.earth import earth_instance
from tsp.formats.json_content import describe_json, read_json
from tsp.formats.text import quote, without_gz

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tsp.instance import Instance

GEOMETRIES = (
    *("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"),
    "GeometryCollection",
)
TYPES = ("FeatureCollection", "Feature", *GEOMETRIES)
DEGREES = ("CRS84", "4326")
"""Parts of the names of reference systems whose coordinates are longitude and latitude in degrees."""

Object = dict[str, Any]


class Place(NamedTuple):
    """A point: where it stands in the file, its longitude and latitude in degrees, and its name if it has one."""

    where: str
    longitude: float
    latitude: float
    name: str | None


def is_geojson(content: object) -> bool:
    """Whether JSON's content is GeoJSON of any kind."""
    return isinstance(content, dict) and cast("Object", content).get("type") in TYPES


def read_instance(path: Path) -> Instance:
    """Read the points of a GeoJSON file in their order; the first is the depot.

    A name is the property `name` of a feature, else its `id`. Heights are not used. Other properties are
    kept in `Instance.extras`.

    Raises:
        ValueError: with the file, the feature and what was expected.
    """
    content = cast("Object", read_json(path))
    if not is_geojson(content):
        raise ValueError(f"{path}: holds {describe_json(content)}, expected points in GeoJSON")
    try:
        _require_degrees(content)
        places = list(_places(content, "the file", None))
        if not places:
            raise ValueError("no point, expected a Point for each node")
        names = _names(places)
        return earth_instance(
            [place.latitude for place in places],
            [place.longitude for place in places],
            names,
            name=without_gz(path).stem,
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _require_degrees(content: Object) -> None:
    """Refuse another reference system, which files older than RFC 7946 may name."""
    crs = content.get("crs")
    if crs is not None and not any(part in str(crs) for part in DEGREES):
        raise ValueError(f"crs: {quote(str(crs))}, expected longitude and latitude in degrees (EPSG:4326)")


def _places(item: object, where: str, name: str | None) -> Iterator[Place]:
    """The points of a collection, a feature or a geometry."""
    kind = cast("Object", item).get("type") if isinstance(item, dict) else None
    if kind not in TYPES:
        raise ValueError(f"{where}: {describe_json(item)}, expected a Feature or a geometry of GeoJSON")
    content = cast("Object", item)
    if kind == "FeatureCollection":
        for k, feature in enumerate(_list(content, "features", where)):
            yield from _places(feature, f"features[{k}]", None)
    elif kind == "Feature":
        yield from _places(content.get("geometry"), where, _name(content))
    elif kind == "GeometryCollection":
        for k, geometry in enumerate(_list(content, "geometries", where)):
            yield from _places(geometry, f"{where}, geometries[{k}]", name)
    elif kind == "Point":
        yield _place(content.get("coordinates"), where, name)
    elif kind == "MultiPoint":
        points = _list(content, "coordinates", where)
        for k, point in enumerate(points):
            numbered = f"{name} {k + 1}" if name is not None and len(points) > 1 else name
            yield _place(point, f"{where}, coordinates[{k}]", numbered)
    else:
        raise ValueError(f"{where}: a {kind}, expected a Point for each node")


def _list(content: Object, key: str, where: str) -> list[object]:
    items = content.get(key)
    if not isinstance(items, list):
        raise ValueError(f"{where}: {key} {quote(str(items))}, expected a list")
    return cast("list[object]", items)


def _name(feature: Object) -> str | None:
    """The feature's name: its property `name`, else its `id`, else its property `id`."""
    properties = feature.get("properties")
    values: Object = cast("Object", properties) if isinstance(properties, dict) else {}
    for name in (values.get("name"), feature.get("id"), values.get("id")):
        if isinstance(name, str | int | float) and str(name).strip():
            return str(name).strip()
    return None


def _place(position: object, where: str, name: str | None) -> Place:
    numbers = cast("list[object]", position) if isinstance(position, list) else []
    if len(numbers) not in (2, 3) or not all(type(number) in (int, float) for number in numbers):
        raise ValueError(f"{where}: coordinates {quote(str(position))}, expected [longitude, latitude]")
    longitude, latitude = cast("list[float]", numbers[:2])
    for what, value, most in (("longitude", longitude, 180), ("latitude", latitude, 90)):
        if not abs(value) <= most:
            expected = f"expected degrees from -{most} to {most}, the longitude before the latitude"
            raise ValueError(f"{where}: {what} {quote(str(value))}, {expected}")
    return Place(where, longitude, latitude, name)


def _names(places: list[Place]) -> list[str] | None:
    """The name of each place, or None if none has one; a place without one among others is refused."""
    if all(place.name is None for place in places):
        return None
    seen: dict[str, str] = {}
    for place in places:
        if place.name is None:
            raise ValueError(f"{place.where}: no name and no id, expected one as for the other points")
        if place.name in seen:
            first = seen[place.name]
            raise ValueError(f"{place.where}: name {quote(place.name)} is also that of {first}, expected different names")
        seen[place.name] = place.where
    return list(seen)
