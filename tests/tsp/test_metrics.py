"""Distances: TSPLIB's arithmetic against the letter of its definition, and golden values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsp.formats import read
from tsp.metrics import METRICS, pairwise


def _nint(x):
    return math.floor(x + 0.5)


def _geo(a, b):
    def radians(x):
        degrees = int(x)
        return 3.141592 * (degrees + 5.0 * (x - degrees) / 3.0) / 180.0

    (lat_a, lon_a), (lat_b, lon_b) = map(radians, a), map(radians, b)
    q1, q2, q3 = math.cos(lon_a - lon_b), math.cos(lat_a - lat_b), math.cos(lat_a + lat_b)
    return int(6378.388 * math.acos(min(1.0, 0.5 * ((1.0 + q1) * q2 - (1.0 - q1) * q3))) + 1.0)


def _geom(a, b):
    """Concorde's, in metres, of latitudes and longitudes in degrees."""
    (lat_a, lon_a), (lat_b, lon_b) = ([math.pi * x / 180.0 for x in point] for point in (a, b))
    half = (lon_a - lon_b) / 2.0
    q1 = math.cos(lat_b) * math.sin(lon_a - lon_b)
    q2 = math.sin(lat_a + lat_b) * math.sin(half) ** 2 - math.sin(lat_a - lat_b) * math.cos(half) ** 2
    q5 = math.cos(lat_a - lat_b) * math.cos(half) ** 2 - math.cos(lat_a + lat_b) * math.sin(half) ** 2
    return int(6378388.0 * math.atan2(math.sqrt(q1 * q1 + q2 * q2), q5) + 1.0)


def _squares(a, b):
    return sum((p - q) * (p - q) for p, q in zip(a, b, strict=True))  # ** 2 may be off in the last digit


def _att(a, b):
    r = math.sqrt(_squares(a, b) / 10.0)
    t = _nint(r)
    return t + 1 if t < r else t


def _euclidean(a, b):
    return math.sqrt(_squares(a, b))


def _manhattan(a, b):
    return _nint(sum(abs(p - q) for p, q in zip(a, b, strict=True)))


def _maximum(a, b):
    return max(_nint(abs(p - q)) for p, q in zip(a, b, strict=True))


# Reinelt's pseudo-code, a pair of points at a time.
DEFINITIONS = {
    "euclidean": _euclidean,
    "EUC_2D": lambda a, b: _nint(_euclidean(a, b)),
    "EUC_3D": lambda a, b: _nint(_euclidean(a, b)),
    "CEIL_2D": lambda a, b: math.ceil(_euclidean(a, b)),
    "CEIL_3D": lambda a, b: math.ceil(_euclidean(a, b)),
    "FLOOR_2D": lambda a, b: math.floor(_euclidean(a, b)),
    "FLOOR_3D": lambda a, b: math.floor(_euclidean(a, b)),
    "MAN_2D": _manhattan,
    "MAN_3D": _manhattan,
    "MAX_2D": _maximum,
    "MAX_3D": _maximum,
    "GEO": _geo,
    "GEOM": _geom,
    "ATT": _att,
}


def test_every_metric_has_a_definition_to_be_tested_against():
    assert DEFINITIONS.keys() == METRICS.keys()


@pytest.mark.parametrize("name", METRICS)
@given(data=st.data())
def test_all_pairs_follow_the_definition(name, data):
    metric = METRICS[name]
    limit = 80 if name in ("GEO", "GEOM") else 1000
    number = st.integers(-2 * limit, 2 * limit).map(lambda k: k / 2) | st.floats(-limit, limit, width=32)
    points = data.draw(st.lists(st.tuples(*[number] * max(metric.dimensions)), min_size=1, max_size=5))
    expected = [[0 if i == j else DEFINITIONS[name](a, b) for j, b in enumerate(points)] for i, a in enumerate(points)]
    assert pairwise(metric, np.array(points, dtype=float)).tolist() == expected


@pytest.mark.parametrize(
    ("name", "a", "b", "distance"),
    [
        ("euclidean", (0, 0), (1, 1), math.sqrt(2)),
        ("EUC_2D", (0, 0), (2.5, 0), 3),  # banker's rounding would give 2
        ("EUC_2D", (0, 0), (1, 1), 1),
        ("EUC_3D", (0, 0, 0), (1, 2, 2), 3),
        ("CEIL_2D", (0, 0), (1, 1), 2),
        ("CEIL_2D", (0, 0), (3, 4), 5),
        ("FLOOR_2D", (0, 0), (1.3, 1.5), 1),  # 1.98
        ("FLOOR_3D", (0, 0, 0), (2, 3, 6), 7),
        ("MAN_2D", (0, 0), (1.2, 1.2), 2),
        ("MAX_2D", (0, 0), (1.4, 2.5), 3),
        ("ATT", (0, 0), (10, 0), 4),  # 3.16: the nearest integer is below, so one more
        ("ATT", (0, 0), (3, 1), 1),
        ("ATT", (0, 0), (12, 0), 4),  # 3.79
        ("GEO", (38.24, 20.42), (39.57, 26.15), 509),  # ulysses16
        ("GEO", (38.24, 20.42), (41.23, 9.10), 1039),
        ("GEO", (38.24, 20.42), (36.08, -5.21), 2314),  # west of Greenwich: degrees truncated towards zero
        ("GEOM", (0, 0), (0, 1), 111324),  # a degree of the equator: 6,378,388 m times pi / 180, and less than 1 more
        ("GEOM", (0, 179.5), (0, -179.5), 111324),  # across the date line
        ("GEOM", (90, 0), (-90, 77), 20038297),  # from pole to pole
    ],
)
def test_the_distance_of_two_points_is_the_expected_one_in_both_directions(name, a, b, distance):
    between = METRICS[name].between
    assert between(np.array(a, dtype=float), np.array(b, dtype=float)) == distance
    assert between(np.array(b, dtype=float), np.array(a, dtype=float)) == distance


def test_rows_made_in_blocks_equal_rows_made_at_once():
    points = np.random.default_rng(0).random((700, 2)) * 1000  # more than one block
    metric = METRICS["EUC_2D"]
    whole = metric.between(points[:, None], points[None])
    np.testing.assert_array_equal(pairwise(metric, points), whole)


def test_distances_of_coordinates_of_a_billion_are_rounded_correctly():
    points = np.array([[1e9, 1e9], [-1e9, 1e9], [1e9, 1e9 + 3]])
    assert pairwise(METRICS["EUC_2D"], points)[0].tolist() == [0, 2e9, 3]


@pytest.mark.data
@pytest.mark.parametrize(("name", "length"), [("pcb442", 221440), ("gr666", 423710)])
def test_the_tour_in_order_of_numbers_has_the_length_that_tsplib_prints(data_folder, name, length):
    (instance,) = read(data_folder / "tsplib" / f"{name}.tsp")
    assert instance.tour_length(np.arange(instance.size)) == length
