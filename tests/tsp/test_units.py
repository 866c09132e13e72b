"""Lengths and times are written with their units, and read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsp.instance import Instance
from tsp.units import FASTEST, METRES, SLOWEST, Units, refuse_units

KM = Units("km", 30.0, is_clock=True)
"""Half a kilometre a minute."""


@pytest.mark.parametrize(("unit", "length"), [("m", 500.0), ("km", 0.5), ("mi", 0.5 / 1.609344)])
def test_a_minute_is_what_the_speed_covers_in_it(unit, length):
    assert Units(unit, 30.0, is_clock=True).per_minute == pytest.approx(length, rel=1e-15)


def test_without_a_unit_a_minute_is_a_unit_of_length():
    assert Units(is_clock=True).per_minute == 1


@given(st.sampled_from([*METRES]), st.floats(SLOWEST, FASTEST), st.integers(0, 100 * 60 - 1))
def test_a_time_of_day_is_read_as_it_was_written(unit, speed, minutes):
    units, text = Units(unit, speed, is_clock=True), f"{minutes // 60:02d}:{minutes % 60:02d}"
    assert units.minutes(units.parse_time(text, "time")) == pytest.approx(minutes)
    dated = Units(unit, speed, is_clock=True, day="2024-02-28")
    assert dated.minutes(dated.parse_time(dated.format_time(dated.lengths(minutes)), "time")) == pytest.approx(minutes)


def test_times_are_written_as_times_of_day_with_their_date_or_as_numbers():
    assert KM.format_time(255.0) == "08:30"
    assert Units("km", 30.0, is_clock=True, day="2024-02-28").format_time(255.0 + 720) == "2024-02-29T08:30"
    assert KM.format_time(float("inf")) == "never"
    assert Units("km").format_time(255.5) == "255.5"
    assert Units(is_clock=True, day="9999-12-31").format_time(1441) == "00:01 +1d"


@pytest.mark.parametrize(
    ("units", "text", "sentence"),
    [
        (KM, "soon", "elapsed: 'soon', expected a time such as 8:30, or minutes"),
        (KM, "nan", "elapsed: nan, expected a time such as 8:30, or minutes"),
        (KM, "2024-02-28T08:30", "elapsed: 2024-02-28T08:30, expected a time without a date"),
        (Units("km"), "8:30", "elapsed: 8:30, expected a number, since no times of the instance are times of day"),
        (Units(), "-1", "elapsed: -1, expected a number of 0 or more"),
        (Units(is_clock=True, day="2024-02-28"), "2024-02-27T08:30", "expected 2024-02-28 or later"),
        (Units(is_clock=True, day="2024-02-28"), "8:30", "8:30, expected a date with it.*such as 2024-02-28T08:30"),
    ],
)
def test_a_time_that_does_not_fit_is_refused(units, text, sentence):
    with pytest.raises(ValueError, match=sentence):
        units.parse_time(text, "elapsed")


@pytest.mark.parametrize(
    ("terms", "unit", "factor", "text"),
    [
        (("length",), "km", 1.0, "255 km"),
        (("length", "penalties"), "km", 1.0, "255 km"),
        (("longest",), "km", 1.0, "255 km"),
        (("prize",), None, 1.0, "255"),
        (("makespan",), "min", 2.0, "08:30"),
    ],
)
def test_an_objective_has_the_unit_of_its_terms(terms, unit, factor, text):
    assert KM.objective(terms) == (unit, pytest.approx(factor))
    assert KM.format_objective(terms, 255.0, lambda value: f"{value:g}") == text


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"unit": "ft"}, "unit: 'ft', expected m, km or mi"),
        ({"unit": "km", "speed": 0}, "speed: 0, expected a number of kilometres an hour from 0.001 to 1000000"),
        ({"unit": "km", "speed": float("nan"), "is_clock": True}, "speed: nan, expected a number"),
        ({"unit": "km", "speed": 50}, "speed: 50, expected none, since no times are times of day"),
        ({"speed": 50, "is_clock": True}, "speed: 50, expected none, since lengths have no unit"),
        ({"day": "2024-02-30", "is_clock": True}, "day: '2024-02-30', expected a date"),
        ({"day": "2024-02-28"}, "day: 2024-02-28, expected none"),
        ({"unit": "km", "coordinates": [[0, 0], [0, 91]]}, "expected coordinates in degrees, longitude and latitude"),
        ({"unit": "km", "coordinates": [[0, 0], [0, 1]], "matrix": None}, "expected a matrix of distances"),
    ],
)
def test_units_that_do_not_fit_an_instance_are_refused_in_a_sentence(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        Instance(**{"matrix": [[0, 1], [1, 0]]} | given)


def test_times_of_day_beside_lengths_with_a_unit_have_a_speed_by_themselves():
    instance = Instance(matrix=[[0, 1], [1, 0]], unit="km", is_clock=True)
    assert instance.speed == 50


@pytest.mark.parametrize(("given", "name"), [(("km", None), "--unit km"), ((None, 40.0), "--speed 40")])
def test_a_unit_or_a_speed_off_the_earth_is_refused_by_its_name(given, name):
    with pytest.raises(ValueError, match=f"{name}: distances are not between places on the Earth, expected places"):
        refuse_units("expected places", *given)
