"""Points in GeoJSON, with distances along the Earth."""

import json

import pytest

from tsp.formats import read
from tsp.formats.columns import HEADINGS

DEGREE = 6371.0088 * 3.141592653589793 / 180
"""Kilometres of a degree on a great circle."""


def feature(longitude, latitude, identifier=None, **properties):
    found = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [longitude, latitude]}}
    return found | {"properties": properties or None} | ({} if identifier is None else {"id": identifier})


def collection(*features, **more):
    return json.dumps({"type": "FeatureCollection", "features": list(features), **more})


@pytest.mark.parametrize("name", ["a.geojson", "a.json", "a.txt"])
def test_longitude_comes_first_and_distances_are_great_circles_in_kilometres(write, name):
    (instance,) = read(write(collection(feature(10, 0), feature(10, 1), feature(13, 0)), name))
    assert instance.matrix[0].tolist() == pytest.approx([0, DEGREE, 3 * DEGREE])
    assert instance.coordinates.tolist() == [[10, 0], [10, 1], [13, 0]]
    assert (instance.name, instance.names, instance.problem) == ("a", None, "tsp")
    assert instance.symmetric


def test_distances_are_short_across_the_antimeridian_and_the_pole(write):
    (instance,) = read(
        write(collection(feature(179, 0), feature(-179, 0), feature(1, 89), feature(-179, 89)), "a.json")
    )
    assert instance.matrix[0, 1] == pytest.approx(2 * DEGREE)
    assert instance.matrix[2, 3] == pytest.approx(2 * DEGREE)


def test_names_are_the_property_name_else_the_id_else_the_position(write):
    places = [feature(0, 0, name="Hub"), feature(1, 1, 17), feature(2, 2, id="x9"), feature(3, 3)]
    assert read(write(collection(*places), "a.json"))[0].names == ("Hub", "17", "x9", "3")


POINTS = {"type": "MultiPoint", "coordinates": [[0, 0], [1, 1, 500]]}


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (POINTS, None),
        ({"type": "Feature", "geometry": POINTS, "properties": {"name": "Pier"}}, ("Pier 1", "Pier 2")),
        ({"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [0, 0]}] * 2}, None),
    ],
)
def test_several_points_of_a_geometry_are_several_nodes(write, content, names):
    (instance,) = read(write(json.dumps(content), "a.geojson"))
    assert (instance.size, instance.names) == (2, names)


def test_properties_named_as_columns_become_attributes_and_others_are_kept(write):
    places = [
        feature(0, 0, City="Ulm"),
        feature(1, 1, Demand=3, opens=2),
        feature(2, 2, demand=4, closes=9, new=True),
    ]
    (instance,) = read(write(collection(*places), "a.json"), problem="cvrptw")
    assert instance.demands.tolist() == [0, 3, 4]
    assert instance.time_windows.tolist() == [[0, float("inf")], [2, float("inf")], [0, 9]]
    assert instance.extras == {"city": ("Ulm", "", ""), "new": ("", "", "True")}


@pytest.mark.parametrize("name", sorted(HEADINGS.keys() - {"x", "y", "z", "lat", "lon"}))
def test_every_name_of_a_column_of_csv_means_the_same_as_a_property(write, name):
    value = "A" if name in ("name", "id") else 1
    found = set()
    for heading in (name, *HEADINGS[name][0], name.upper()):
        (instance,) = read(write(collection(feature(0, 0, **{heading: value}), feature(1, 1)), "a.json"))
        assert instance.extras == {}
        found.add((instance.fingerprint, instance.names))
    assert len(found) == 1
    assert found != {(read(write(collection(feature(0, 0), feature(1, 1)), "b.json"))[0].fingerprint, None)}


def test_two_properties_that_mean_the_same_are_refused(write):
    path = write(collection(feature(0, 0, demand=1, Quantity=2)), "a.json")
    with pytest.raises(ValueError, match=r"features\[0\]: properties 'demand' and 'Quantity' mean the same, expected"):
        read(path)


def test_a_property_of_numbers_that_nothing_reads_is_named_in_a_warning(write):
    with pytest.warns(UserWarning, match="nothing reads column 'population'"):
        read(write(collection(feature(0, 0, population=5), feature(1, 1)), "a.json"))


LINE = {"type": "Feature", "geometry": {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}}


@pytest.mark.parametrize(
    ("content", "piece"),
    [
        (collection(), "no point, expected a Point for each node"),
        (collection(feature(0, 0), LINE), r"features\[1\]: a LineString, expected a Point for each node"),
        (collection(feature(0, 0), 5), r"features\[1\]: only '5', expected a Feature or a geometry"),
        (
            collection({"type": "Feature", "geometry": None}),
            r"features\[0\]: only 'None', expected a Feature or a geom",
        ),
        (
            collection(feature(48.1, 91)),
            r"features\[0\]: latitude '91', expected degrees from -90 to 90, the longitude",
        ),
        (collection(feature(3500000, 5)), r"features\[0\]: longitude '3500000', expected degrees from -180 to 180"),
        (collection(feature("8", 5)), r"features\[0\]: coordinates .*, expected \[longitude, latitude\]"),
        (collection(feature(0, 0, name="A"), feature(1, 1, name="A")), r"features\[1\]: name 'A' is also that of feat"),
        (collection(feature(0, 0, demand="many")), r"features\[0\]: property demand 'many', expected a number"),
        (collection(feature(0, 0, open=True)), r"features\[0\]: property opens 'True', expected a number"),
        (collection(feature(0, 0, demand=-1)), r"demands\[0\]: -1, expected 0 or more"),
        (collection(feature(0, 0), crs={"properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}), "crs: .*EPSG:4326"),
        ('{"type": "FeatureCollection", "features": 5}', "the file: features '5', expected a list"),
        ('{"type": "Topology"}', "holds an object of type 'Topology'"),
    ],
)
def test_geojson_without_points_in_degrees_is_refused_with_its_place(write, content, piece):
    path = write(content, "a.geojson")
    with pytest.raises(ValueError, match=piece) as refusal:
        read(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert "\n" not in str(refusal.value)


def test_the_reference_system_of_longitude_and_latitude_may_be_named(write):
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    assert read(write(collection(feature(0, 0), crs=crs), "a.json"))[0].size == 1
