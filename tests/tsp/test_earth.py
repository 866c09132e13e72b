"""Great-circle distances."""

import numpy as np
import pytest

from tsp.earth import EARTH_RADIUS, degrees, earth_instance, great_circles, project


def test_a_quarter_of_a_great_circle_and_the_way_to_the_antipode_are_exact():
    distances = great_circles([0, 90, 0, 0], [0, 0, 90, 180])
    quarter = EARTH_RADIUS * np.pi / 2
    assert distances[0] == pytest.approx([0, quarter, quarter, 2 * quarter])
    assert (distances == distances.T).all()
    assert (distances.diagonal() == 0).all()


def test_short_distances_keep_their_digits():
    metre = np.degrees(1e-3 / EARTH_RADIUS)
    assert great_circles([52, 52 + metre], [13, 13])[0, 1] == pytest.approx(1e-3, rel=1e-6)


def test_longitude_is_drawn_from_left_to_right():
    instance = earth_instance([52.5, 48.1], [13.4, 11.6], ["Berlin", "Munich"])
    assert instance.coordinates.tolist() == [[13.4, 52.5], [11.6, 48.1]]
    assert instance.names == ("Berlin", "Munich")
    assert instance.distances[0, 1] == pytest.approx(504, abs=2)


def test_too_many_places_are_refused_before_their_matrix_is_made():
    with pytest.raises(ValueError, match="15001 places: distances on the Earth are computed for up to 15000"):
        great_circles(np.zeros(15_001), np.zeros(15_001))


@pytest.mark.parametrize(("unit", "metres"), [("m", 1), ("km", 1000), ("mi", 1609.344)])
def test_a_unit_scales_lengths_and_the_map(unit, metres):
    kilometres = great_circles([52, 53], [13, 14])
    assert great_circles([52, 53], [13, 14], unit) == pytest.approx(kilometres * 1000 / metres)
    points = project([52, 53], [13, 14], unit)
    assert np.hypot(*(points[1] - points[0])) == pytest.approx(kilometres[0, 1] * 1000 / metres)


def test_minutes_of_a_clock_become_lengths_and_others_do_not():
    given = {"time_windows": [[480, np.inf], [510, 600]], "service_times": [0, 12], "max_length": 90}
    instance = earth_instance([0, 0], [0, 1], unit="km", speed=30, is_clock=True, **given)
    assert instance.time_windows.tolist() == [[240, np.inf], [255, 300]]
    assert instance.service_times.tolist() == [0, 6]
    assert instance.max_length == 90
    assert earth_instance([0, 0], [0, 1], **given).time_windows.tolist() == given["time_windows"]
    with pytest.raises(ValueError, match="unit: 'ft', expected m, km or mi"):
        earth_instance([0, 0], [0, 1], unit="ft")


@pytest.mark.parametrize(
    ("given", "drawn"),
    [
        ([179, -179, 178], [179, 181, 178]),
        ([179, 181, 178], [179, 181, 178]),
        ([-179, -170, 175], [-179, -170, -185]),
        ([0, 100, -120, 170], [0, 100, 240, 170]),
        ([-66.48, -55.88], [-66.48, -55.88]),
        ([359, 1], [-1, 1]),
        ([7], [7]),
    ],
)
def test_longitudes_have_no_jump_at_the_antimeridian(given, drawn):
    found = degrees(np.zeros(len(given)), given)[:, 0]
    assert np.diff(found) == pytest.approx(np.diff(drawn))
    assert np.abs(found - drawn) % 360 == pytest.approx(0, abs=1e-9)
    assert abs(found.min() + found.max()) / 2 <= 180


@pytest.mark.parametrize(("latitude", "longitude"), [(0, 0), (60, 25), (-45, 179.9), (89, 10), (-90, 0)])
def test_a_map_has_the_right_aspect_anywhere(latitude, longitude):
    east = np.degrees(1 / (EARTH_RADIUS * max(np.cos(np.radians(latitude)), 1e-6)))  # a kilometre
    north = np.degrees(1 / EARTH_RADIUS) * (-1 if latitude > 0 else 1)
    if abs(latitude) == 90:
        latitudes, longitudes = [latitude, latitude + north, latitude + north], [0, 0, 90]
    else:
        latitudes, longitudes = [latitude, latitude + north, latitude], [longitude, longitude, longitude + east]
    points = project(latitudes, longitudes)
    sides = points[1:] - points[0]
    assert np.hypot(*sides.T) == pytest.approx([1, 1], rel=1e-2)
    assert sides[0] @ sides[1] == pytest.approx(0, abs=1e-2)


def test_north_is_up_and_east_to_the_right_across_the_antimeridian():
    points = project([0, 1, 0], [179.5, 179.5, -179.5])
    assert points[1, 1] > points[0, 1]
    assert points[2, 0] - points[0, 0] == pytest.approx(EARTH_RADIUS * np.radians(1), rel=1e-3)


def test_a_map_of_the_world_is_cut_at_the_largest_gap():
    points = project([0, 0, 0, 0], [170, -100, 0, -170])
    assert np.argsort(points[:, 0]).tolist() == [0, 3, 1, 2]
    assert np.isfinite(project([90, -90], [0, 0])).all()
