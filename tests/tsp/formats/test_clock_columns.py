"""Times of day in windows and durations, in the plane and on the Earth."""

import json
from dataclasses import replace

import numpy as np
import pytest
from places import PLACES, ROUNDS, geojson, haversine

import tsp
from tsp.formats import read, write_instances, write_solution

WINDOWS = [[480, 1080], [570, 720], [510, 660]]
"""Minutes of `ROUNDS`."""


@pytest.fixture(params=["csv", "geojson"])
def write(request, tmp_path):
    """Write `ROUNDS`, or another text like it, in a format that has places on the Earth."""

    def write(text=ROUNDS):
        path = tmp_path / f"rounds.{request.param}"
        path.write_text(text if request.param == "csv" else json.dumps(geojson(text)))
        return path

    return write


@pytest.mark.parametrize(("unit", "metres"), [("m", 1), ("km", 1000), ("mi", 1609.344)])
def test_times_of_day_beside_latitudes_are_the_lengths_that_the_speed_covers(write, unit, metres):
    instance = tsp.read(write(), unit=unit, speed=30)
    length = 500 / metres  # of a minute
    assert instance.time_windows == pytest.approx(np.array(WINDOWS) * length)
    assert instance.service_times == pytest.approx(np.array([0, 20, 15]) * length)
    assert instance.distances[0, 1] == pytest.approx(haversine(*PLACES[:2]) * 1000 / metres)
    assert (instance.unit, instance.speed, instance.is_clock, instance.problem) == (unit, 30, True, "tsptw")


def test_the_unit_is_kilometres_and_the_speed_50_where_none_are_given(write):
    instance = tsp.read(write())
    assert (instance.unit, instance.speed) == ("km", 50)
    assert instance.time_windows[0] == pytest.approx([480 * 50 / 60, 1080 * 50 / 60])


def test_a_clock_in_durations_alone_makes_all_times_minutes(write):
    instance = tsp.read(write("name,lat,lon,duration\nA,0,0,\nB,0,1,0:30\nC,0,2,12\n"), speed=60)
    assert instance.service_times == pytest.approx([0, 30, 12])
    assert instance.is_clock


def test_numbers_alone_beside_latitudes_are_lengths_and_take_no_speed(write):
    path = write("name,lat,lon,opens,closes\nA,0,0,0,900\nB,0,1,10,20\n")
    if path.suffix == ".csv":
        assert tsp.read(path).time_windows.tolist() == [[0, 900], [10, 20]]
        with pytest.raises(ValueError, match=r"rounds\.csv: speed: 60, expected none, since no times are times of day"):
            tsp.read(path, speed=60)
    else:
        with pytest.raises(ValueError, match="expected a number"):
            tsp.read(path)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("9:30", "9:75", "opens: '9:75', expected a time such as 8:30"),
        ("9:30", "570", "opens: '570', expected a time such as 8:30"),
        ("0:20", "2026-11-23T00:20", "duration: '2026-11-23T00:20', expected a duration such as 0:20, without a date"),
    ],
)
def test_a_cell_that_is_no_time_is_refused_with_its_place(write, old, new, sentence):
    path = write(ROUNDS.replace(old, new))
    with pytest.raises(ValueError, match=rf"({path.name}:3|features\[1\]): column {sentence}"):
        tsp.read(path)


def test_a_window_that_closes_before_it_opens_is_refused_in_times_of_day(tmp_path):
    (tmp_path / "late.csv").write_text(ROUNDS.replace("12:00", "9:00"))
    with pytest.raises(ValueError, match=r"late\.csv:3: opens 9:30, closes 9:00, expected to open before it closes"):
        read(tmp_path / "late.csv")


DATED = ROUNDS.replace("8:00,18:00", "2026-11-23T08:00,2026-11-24T18:00").replace("9:30,12:00", "2026-11-24T09:30,")
DATED = DATED.replace("8:30,11:00", "2026-11-23T08:30,2026-11-23T11:00")


def test_a_time_without_a_date_beside_dates_is_refused_with_its_place(write):
    path = write(DATED.replace("2026-11-23T11:00", "11:00"))
    with pytest.raises(ValueError, match=rf"({path.name}:4|features\[2\]): column closes: '11:00', expected a date"):
        tsp.read(path)


def test_dates_count_from_the_first_midnight_also_on_the_earth(write):
    instance = tsp.read(write(DATED), speed=60)
    assert instance.time_windows.tolist() == [[480, 2520], [2010, np.inf], [510, 660]]
    assert instance.day == "2026-11-23"


def test_a_set_keeps_the_unit_the_speed_the_clock_and_the_day(write, tmp_path):
    instance = replace(tsp.read(write(DATED), unit="mi", speed=40), names=None, extras={})
    write_instances(tmp_path / "set.npz", [instance])
    (again,) = read(tmp_path / "set.npz")
    for name in ("unit", "speed", "is_clock", "day", "problem"):
        assert getattr(again, name) == getattr(instance, name)
    assert (again.time_windows == instance.time_windows).all()
    assert (again.distances == instance.distances).all()
    with pytest.raises(ValueError, match="expected the same as the first"):
        write_instances(tmp_path / "mixed.npz", [instance, replace(instance, speed=41)])
    with pytest.raises(ValueError, match=r"set\.npz: --unit km: distances are not between places on the Earth"):
        read(tmp_path / "set.npz", unit="km")


def test_csv_keeps_dates_in_the_plane(tmp_path):
    text = DATED.replace("lat,lon", "x,y")
    (tmp_path / "plane.csv").write_text(text)
    instance = tsp.read(tmp_path / "plane.csv")
    write_instances(tmp_path / "again.csv", [instance])
    again = tsp.read(tmp_path / "again.csv")
    assert again.day == instance.day == "2026-11-23"
    assert (again.time_windows == instance.time_windows).all()
    assert "2026-11-24T09:30" in (tmp_path / "again.csv").read_text()


def test_csv_keeps_a_clock_of_durations_alone(tmp_path):
    (tmp_path / "plane.csv").write_text("name,x,y,duration\nA,0,0,\nB,0,1,0:30\nC,0,2,12.5\n")
    write_instances(tmp_path / "again.csv", [tsp.read(tmp_path / "plane.csv")])
    again = tsp.read(tmp_path / "again.csv")
    assert again.service_times.tolist() == [0, 30, 12.5]
    assert again.is_clock


@pytest.mark.parametrize(("option", "value"), [("unit", "km"), ("speed", 40)])
def test_a_unit_or_a_speed_is_refused_where_distances_are_not_on_the_earth(tmp_path, option, value):
    geo = "NAME: g\nTYPE: TSP\nDIMENSION: 2\nEDGE_WEIGHT_TYPE: GEO\nNODE_COORD_SECTION\n1 10.2 5\n2 11 6\nEOF\n"
    (tmp_path / "geo.tsp").write_text(geo)
    (tmp_path / "plane.csv").write_text(ROUNDS.replace("lat,lon", "x,y"))
    (tmp_path / "rounds.csv").write_text(ROUNDS)
    (tmp_path / "roads.csv").write_text("0,1,2\n1,0,3\n2,3,0\n")
    for name, matrix in (("geo.tsp", None), ("plane.csv", None), ("rounds.csv", tmp_path / "roads.csv")):
        with pytest.raises(ValueError, match=rf"{name}: --{option} {value}: distances are not between places"):
            read(tmp_path / name, matrix=matrix, **{option: value})


def test_beside_a_matrix_a_unit_of_length_takes_a_minute(tmp_path):
    (tmp_path / "rounds.csv").write_text(ROUNDS)
    (tmp_path / "roads.csv").write_text("0,50,20\n50,0,60\n20,60,0\n")
    instance = tsp.read(tmp_path / "rounds.csv", matrix=tmp_path / "roads.csv")
    assert instance.time_windows.tolist() == WINDOWS
    assert (instance.unit, instance.speed, instance.is_clock) == (None, None, True)


def test_a_unit_that_is_unknown_is_refused_before_the_file_is_read(tmp_path):
    with pytest.raises(ValueError, match="unit: 'ft', expected m, km or mi"):
        read(tmp_path / "none.csv", unit="ft")


def test_a_file_of_tsplib_says_the_unit_in_its_comment(tmp_path):
    (tmp_path / "isles.csv").write_text("name,lat,lon\nA,0,179\nB,0,-179\nC,1,180\n")
    instance = tsp.read(tmp_path / "isles.csv", unit="mi")
    write_instances(tmp_path / "isles.tsp", [instance])
    assert "COMMENT: lengths in mi" in (tmp_path / "isles.tsp").read_text()
    assert (tsp.read(tmp_path / "isles.tsp").distances == instance.distances).all()
    write_solution(tmp_path / "isles.tour", instance, tsp.solve(instance, "2opt", time_limit=0.1))
    assert "mi by 2opt" in (tmp_path / "isles.tour").read_text()
