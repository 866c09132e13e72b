"""GeoJSON (RFC 7946): points on the Earth, longitude before latitude, with great-circle distances."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from tsp.composition import implied_problem, problem_of
from tsp.earth import earth_instance
from tsp.formats.appearances import APPEARANCE, CHANCE, read_law
from tsp.formats.clock_columns import DURATION, EMPTY, MOMENTS, WINDOW, read_clock_columns
from tsp.formats.columns import canonical
from tsp.formats.csv_file import COLUMNS, warn_of_numbers
from tsp.formats.json_content import describe_json, read_json
from tsp.formats.text import parse_number, quote, without_gz
from tsp.itinerary import format_totals, make_itinerary, make_totals
from tsp.words import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tsp.instance import Instance
    from tsp.itinerary import Stop
    from tsp.solution import Solution

GEOMETRIES = (
    *("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"),
    "GeometryCollection",
)
TYPES = ("FeatureCollection", "Feature", *GEOMETRIES)
DEGREES = ("CRS84", "4326")
"""Parts of the names of reference systems whose coordinates are longitude and latitude in degrees."""

Object = dict[str, Any]


class Place(NamedTuple):
    """A point of the file.

    Attributes:
        where: its place in the file, for error messages.
        longitude: in degrees.
        latitude: in degrees.
        name: its name, None if it has none.
        properties: those of its feature, by the names of `tsp.formats.columns`, or their own in lower case.
    """

    where: str
    longitude: float
    latitude: float
    name: str | None
    properties: Object

    def number(self, key: str) -> float:
        """A property that is a number; as in a CSV file, a missing one is 0, or infinity in `closes`."""
        value = self.properties.get(key)
        if value is None:
            return EMPTY.get(key, 0.0)
        if type(value) not in (int, float):
            raise ValueError(f"{self.where}: property {key} {quote(str(value))}, expected a number")
        return float(value)


def is_geojson(content: object) -> bool:
    """Whether JSON's content is GeoJSON of any kind."""
    return isinstance(content, dict) and cast("Object", content).get("type") in TYPES


def read_instance(path: Path, *, unit: str | None = None, speed: float | None = None) -> Instance:
    """Read the points of a GeoJSON file in their order; the first is the depot.

    A name is the property `name` of a feature, else its `id`, else the position. Properties with the names
    of CSV's columns (`demand`, `opens`, …; see `tsp.formats.columns`) become attributes, and others
    `Instance.extras`; a warning names those of numbers. Heights are not used.

    Args:
        path: the file.
        unit: unit of distances.
        speed: kilometres an hour, for times of day.

    Raises:
        ValueError: with the file, the feature and what was expected.
    """
    content = cast("Object", read_json(path))
    if not is_geojson(content):
        raise ValueError(f"{path}: holds {describe_json(content)}, expected points in GeoJSON")
    try:
        _require_degrees(content)
        places = list(_places(content, "the file", None, {}))
        if not places:
            raise ValueError("no point, expected a Point for each node")
        latitudes, longitudes = [place.latitude for place in places], [place.longitude for place in places]
        given: Object = {"name": without_gz(path).stem, "extras": _extras(places), **_attributes(places)}
        instance = earth_instance(latitudes, longitudes, _names(places), unit=unit, speed=speed, **given)
    except (OverflowError, RecursionError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None
    warn_of_numbers(path, instance.extras, None)
    return replace(instance, problem=implied_problem(instance))


def _require_degrees(content: Object) -> None:
    """Refuse another reference system, which files older than RFC 7946 may name."""
    crs = content.get("crs")
    if crs is not None and not any(part in str(crs) for part in DEGREES):
        raise ValueError(f"crs: {quote(str(crs))}, expected longitude and latitude in degrees (EPSG:4326)")


def _places(item: object, where: str, name: str | None, properties: Object) -> Iterator[Place]:
    """The points of a collection, a feature or a geometry."""
    if not is_geojson(item):
        raise ValueError(f"{where}: {describe_json(item)}, expected a Feature or a geometry of GeoJSON")
    content = cast("Object", item)
    kind = content["type"]
    if kind == "FeatureCollection":
        for k, feature in enumerate(_list(content, "features", where)):
            yield from _places(feature, f"features[{k}]", None, {})
    elif kind == "Feature":
        own = content.get("properties")
        properties = _properties(cast("Object", own), where) if isinstance(own, dict) else {}
        yield from _places(content.get("geometry"), where, _name(content.get("id"), properties), properties)
    elif kind == "GeometryCollection":
        for k, geometry in enumerate(_list(content, "geometries", where)):
            yield from _places(geometry, f"{where}, geometries[{k}]", _numbered(name, k, content), properties)
    elif kind == "Point":
        yield Place(where, *_degrees(content.get("coordinates"), where), name, properties)
    elif kind == "MultiPoint":
        for k, point in enumerate(_list(content, "coordinates", where)):
            here = f"{where}, coordinates[{k}]"
            yield Place(here, *_degrees(point, here), _numbered(name, k, content), properties)
    else:
        raise ValueError(f"{where}: a {kind}, expected a Point for each node")


def _properties(own: Object, where: str) -> Object:
    """The properties of a feature, by the names of columns."""
    headings: dict[str, str] = {}
    for heading in own:
        name = canonical(heading)
        if name in headings:
            both = f"properties {quote(headings[name])} and {quote(heading)}"
            raise ValueError(f"{where}: {both} mean the same, expected one of them")
        headings[name] = heading
    return {name: own[heading] for name, heading in headings.items()}


def _list(content: Object, key: str, where: str) -> list[object]:
    items = content.get(key)
    if not isinstance(items, list):
        raise ValueError(f"{where}: {key} {quote(str(items))}, expected a list")
    return cast("list[object]", items)


def _name(identifier: object, properties: Object) -> str | None:
    """A feature's name: its property `name`, else its `id`, else its property `id`."""
    for name in (properties.get("name"), identifier, properties.get("id")):
        if isinstance(name, str | int | float) and str(name).strip():
            return str(name).strip()
    return None


def _numbered(name: str | None, index: int, content: Object) -> str | None:
    """The name of one of several points with a common name."""
    several = len(content.get("coordinates") or content.get("geometries") or ()) > 1
    return f"{name} {index + 1}" if several and name is not None else name


def _degrees(position: object, where: str) -> tuple[float, float]:
    """The longitude and the latitude of a position, `[longitude, latitude]` or with the height after them."""
    numbers = _items(position)
    if len(numbers) not in (2, 3) or not all(type(number) in (int, float) for number in numbers):
        raise ValueError(f"{where}: coordinates {quote(str(position))}, expected [longitude, latitude]")
    longitude, latitude = cast("list[float]", numbers[:2])
    for what, value, most in (("longitude", longitude, 180), ("latitude", latitude, 90)):
        if not abs(value) <= most:
            expected = f"expected degrees from -{most} to {most}, the longitude before the latitude"
            raise ValueError(f"{where}: {what} {quote(str(value))}, {expected}")
    return longitude, latitude


def _items(value: object) -> list[object]:
    """The items of a list; none of any other value."""
    return cast("list[object]", value) if isinstance(value, list) else []


def _names(places: list[Place]) -> list[str] | None:
    """The name of each place, its position where only others have one; None if none has one."""
    if all(place.name is None for place in places):
        return None
    seen: dict[str, str] = {}
    for k, place in enumerate(places):
        name = str(k) if place.name is None else place.name
        if name in seen:
            raise ValueError(
                f"{place.where}: name {quote(name)} is also that of {seen[name]}, expected different names"
            )
        seen[name] = place.where
    return list(seen)


def _attributes(places: list[Place]) -> Object:
    """The attributes for which there are properties."""

    def refuse(k: int, what: str) -> ValueError:
        return ValueError(f"{places[k].where}: {what}")

    texts = {key: [_cell(place.properties.get(key)) for place in places] for key in (*MOMENTS, DURATION, CHANCE)}
    times = read_clock_columns({key: cells for key, cells in texts.items() if any(cells)}, refuse, parse_number)
    columns = {
        key: times.minutes[key].tolist() if key in times.minutes else [place.number(key) for place in places]
        for key in (*COLUMNS, *WINDOW, *APPEARANCE)
        if any(place.properties.get(key) is not None for place in places)
    }
    attributes: Object = {COLUMNS[key]: values for key, values in columns.items() if key in COLUMNS}
    if columns.keys() & set(WINDOW):
        windows = (columns.get(key, [EMPTY.get(key, 0.0)] * len(places)) for key in WINDOW)
        attributes["time_windows"] = list(zip(*windows, strict=True))
    law = read_law({key: np.array(values) for key, values in columns.items()}, texts, len(places), refuse)
    if law is not None:
        attributes["law_appears"] = law
    return attributes | {"is_clock": bool(times.minutes), "day": times.day}


def _cell(value: object) -> str:
    """A property as the text of a cell; an empty one where there is none."""
    return "" if value is None else str(value).strip()


def _extras(places: list[Place]) -> dict[str, tuple[str, ...]]:
    """The other properties as texts, for display."""
    keys = dict.fromkeys(key for place in places for key in place.properties)
    return {
        key: tuple("" if (value := place.properties.get(key)) is None else str(value) for place in places)
        for key in keys
        if key not in ("name", "id", *COLUMNS, *WINDOW, *APPEARANCE)
    }


def solution_content(instance: Instance, solution: Solution | None) -> Object:
    """Places, and the tours through them, as GeoJSON: a point for each node, and a line for each tour.

    Raises:
        ValueError: for an instance that is not of places on the Earth.
    """
    require_earth(instance)
    assert instance.coordinates is not None
    places: list[list[float]] = [[_wrapped(east), north] for east, north in instance.coordinates[:, :2].tolist()]
    stops = [] if solution is None else make_itinerary(problem_of(instance), instance, solution)
    visits = {stop.node: stop for stop in reversed(stops)}
    points = [
        _feature("Point", places[node], {"name": instance.node_name(node), **_visit(instance, visits.get(node))})
        for node in range(instance.size)
    ]
    words = words_of(problem_of(instance), instance)
    lines: list[Object] = []
    for totals in make_totals(stops, instance):
        line = [places[stop.node] for stop in stops if stop.tour == totals.tour]
        about = {
            "tour": totals.tour,
            "summary": ", ".join(format_totals(totals, words, instance)),
            "feasible": solution is not None and solution.feasible,
        }
        lines.append(_feature("MultiLineString", _cut_at_antimeridian(line), about))
    return {"type": "FeatureCollection", "features": [*lines, *points]}


def require_earth(instance: Instance) -> None:
    """Refuse an instance that cannot be drawn on a map of the Earth.

    Raises:
        ValueError: naming the instance and what was expected.
    """
    if instance.unit is None or instance.coordinates is None:
        name = instance.name or "instance"
        raise ValueError(f"{name}: its nodes are not places on the Earth, expected latitudes and longitudes for a map")


def _feature(kind: str, coordinates: object, properties: Object) -> Object:
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties}


def _visit(instance: Instance, stop: Stop | None) -> Object:
    """What is known of the visit of a place: its tour, its place in it, and its times where they count."""
    if stop is None:
        return {}
    write = instance.units.format_time
    times = {} if stop.window is None else {name: write(getattr(stop, name)) for name in ("arrive", "begin", "leave")}
    return {"tour": stop.tour, "order": stop.order, **times}


def _wrapped(east: float) -> float:
    """A longitude from -180 to 180 degrees."""
    return east if abs(east) <= 180 else (east + 180) % 360 - 180


def _cut_at_antimeridian(line: list[list[float]]) -> list[list[list[float]]]:
    """The line in parts that do not cross the antimeridian, as RFC 7946 wants it."""
    parts = [line[:1]]
    for (west, south), (east, north) in pairwise(line):
        if abs(east - west) > 180:
            edge = 180.0 if west > 0 else -180.0
            share = (edge - west) / (east + 2 * edge - west)
            latitude = south + share * (north - south)
            parts[-1].append([edge, latitude])
            parts.append([[-edge, latitude]])
        parts[-1].append([east, north])
    return parts
