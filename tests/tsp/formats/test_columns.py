"""Columns are recognized under many names, and no column of numbers is dropped silently."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

import tsp
from tsp.formats import read, write_solution
from tsp.formats.columns import HEADINGS, canonical, describe_columns

ROOT = Path(__file__).parents[3]


@pytest.fixture
def write(tmp_path):
    def write(text):
        (tmp_path / "day.csv").write_text(text)
        return tmp_path / "day.csv"

    return write


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("XCOORD.", "x"),
        ("Due Date", "closes"),
        ("ready-time", "opens"),
        ("QTY", "demand"),
        ("Cust No.", "id"),
        ("Hall", "hall"),
    ],
)
def test_headings_are_recognized_whatever_their_case_blanks_and_dots(heading, name):
    assert canonical(heading) == name


def test_no_name_stands_for_two_columns():
    names = [name for key, (synonyms, _) in HEADINGS.items() for name in (key, *synonyms)]
    assert len(names) == len(set(names))
    assert all(canonical(name) in HEADINGS for name in names)


def test_the_table_of_columns_is_printed_and_documented():
    printed, page = describe_columns(), (ROOT / "docs" / "cli.md").read_text()
    for key, (synonyms, _) in HEADINGS.items():
        assert re.search(rf"^  {key} ", printed, flags=re.MULTILINE)
        assert f"| `{key}` | {', '.join(f'`{name}`' for name in synonyms)} |" in page


def test_columns_of_other_names_become_attributes(write):
    (instance,) = read(write("id,xcoord,ycoord,Qty,ready,due,service\nD,0,0,0,0,90,0\nN,3,4,5,1,80,2\n"))
    assert instance.names == ("D", "N")
    assert instance.demands.tolist() == [0, 5]
    assert instance.time_windows.tolist() == [[0, 90], [1, 80]]
    assert instance.service_times.tolist() == [0, 2]
    assert instance.extras == {}


def test_two_columns_of_one_meaning_are_refused(write):
    with pytest.raises(ValueError, match=r"day\.csv:1: columns 'demand' and 'Qty' mean the same, expected one of them"):
        read(write("x,y,demand,Qty\n0,0,0,0\n"))


def test_a_column_of_numbers_that_nothing_reads_is_named(write):
    with pytest.warns(UserWarning, match="nothing reads column 'boxes', 'floor'"):
        read(write("name,x,y,boxes,floor,note\nA,0,0,1,2,n\nB,1,1,,3,4 eggs\n"))


def test_a_column_of_times_of_day_that_nothing_reads_is_named(write):
    with pytest.warns(UserWarning, match="nothing reads column 'From', 'Until' "):
        read(write("name,x,y,From,Until,note\nA,0,0,,18:00,8:00 or so\nB,1,1,08:00,2026-09-01T10:00,\n"))


def test_a_third_coordinate_counts(write):
    (instance,) = read(write("name,x,y,height\nA,0,0,0\nB,0,0,5\n"))
    assert instance.distances.tolist() == [[0, 5], [5, 0]]


def test_latitudes_and_longitudes_are_great_circles_also_across_the_antimeridian(write):
    (instance,) = read(write("name,latitude,lng\nA,0,179\nB,0,-179\nC,1,179\n"))
    degree = 2 * np.pi * 6371.0088 / 360
    assert instance.distances[0] == pytest.approx([0, 2 * degree, degree])
    assert np.ptp(instance.coordinates[:, 0]) == pytest.approx(2)
    with pytest.raises(ValueError, match=r"day\.csv:2: column lat: 95, expected degrees from -90 to 90"):
        read(write("lat,lon\n95,1\n"))


CLOCK = "name,x,y,opens,closes,duration\nBase,0,0,8:00,18:00,0\nB,10,0,{},10:00,0:15\nC,0,20,,9:30,20\n"


def test_times_of_day_are_minutes_and_are_shown_as_such(write, tmp_path):
    (instance,) = read(write(CLOCK.format("09:45")))
    assert instance.time_windows.tolist() == [[480, 1080], [585, 600], [0, 570]]
    assert instance.service_times.tolist() == [0, 15, 20]
    assert instance.problem == "tsptw"


def test_durations_may_be_times_or_minutes_but_nothing_else(write):
    with pytest.raises(ValueError, match=r"day\.csv:3: column duration: 'long', expected a time such as 8:30"):
        read(write(CLOCK.format("9:45").replace("0:15", "long").replace(",20\n", ",0:20\n")))


@pytest.mark.parametrize("text", ["585", "9:75", "soon"])
def test_a_time_that_is_no_time_of_day_is_refused_by_its_line(write, text):
    with pytest.raises(ValueError, match=rf"day\.csv:3: column opens: '{text}', expected a time such as 8:30"):
        read(write(CLOCK.format(text).replace("0:15", "15")))


def test_dates_count_from_the_first_midnight_and_itineraries_show_dates(write, tmp_path):
    text = (
        "name,x,y,opens,closes\nBase,0,0,2026-11-23T08:00,2026-11-24T18:00\nB,10,0,2026-11-24T09:00,2026-11-24T10:00\n"
    )
    (instance,) = read(write(text))
    assert instance.time_windows.tolist() == [[480, 2520], [1980, 2040]]
    solution = tsp.solve(instance, "cpsat", time_limit=5)
    write_solution(tmp_path / "plan.csv", instance, solution)
    with (tmp_path / "plan.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["begin"] for row in rows] == ["2026-11-23T08:00", "2026-11-24T09:00", "2026-11-24T09:10"]
