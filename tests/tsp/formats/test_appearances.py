"""Columns of when nodes appear, and the law that they become."""

import json

import numpy as np
import pytest

from tsp.formats import read, write_instances
from tsp.laws import expected

HEADER = "name,x,y,prize,duration,appears,appears_by,chance_percent\n"
DAY = HEADER + "Desk,0,0,,,,,\nA,1,0,2,1,,,\nB,2,0,3,1,4,,\nC,3,0,4,1,10,20,\nD,4,0,5,1,10,20,60\n"


@pytest.fixture
def write(tmp_path):
    def to_file(text, name="day.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return to_file


def test_a_node_is_there_or_appears_at_a_time_or_within_an_interval_or_perhaps_never(write):
    (day,) = read(write(DAY))
    assert day.problem == "dop"
    assert (day.law_appears[:2] == 0).all()
    assert (day.law_appears[2] == 4).all()
    assert day.law_appears[3].mean() == pytest.approx(15)
    assert 10 < day.law_appears[3].min() < day.law_appears[3].max() < 20
    assert np.isfinite(day.law_appears[4]).mean() == pytest.approx(0.6)
    means = expected(day)
    assert means.appears.tolist() == pytest.approx([0, 0, 4, 15, 15])
    assert means.prizes.tolist() == pytest.approx([0, 2, 3, 4, 3])
    assert day.extras == {}


def test_times_alone_need_few_outcomes(write):
    (known,) = read(write("name,x,y,prize,appears\nDesk,0,0,,\nA,1,0,2,5\n"))
    assert known.law_appears.tolist() == [[0], [5]]
    assert read(write(HEADER + "Desk,0,0,,,,,\nC,3,0,4,1,10,20,\n"))[0].law_appears.shape == (2, 20)


def test_times_of_day_are_minutes_also_beside_windows_and_dates(write):
    (day,) = read(write("name,x,y,prize,opens,closes,appears\nDesk,0,0,,9:00,17:00,\nA,1,0,2,,,10:30\n"))
    assert day.is_clock
    assert day.law_appears.tolist() == [[0], [630]]
    (dated,) = read(write("name,x,y,prize,appears\nDesk,0,0,,\nA,1,0,2,2026-03-01T10:30\n"))
    assert (dated.day, dated.law_appears.tolist()) == ("2026-03-01", [[0], [630]])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("-1,,", "day.csv:3: column appears: '-1', expected 0 or more"),
        ("10,9,", "day.csv:3: column appears_by: '9', expected 10 (appears) or later"),
        ("10,,0.5", "day.csv:3: column chance_percent: '0.5', expected a whole number of per cent from 0 to 100"),
        ("10,,101", "day.csv:3: column chance_percent: '101', expected a whole number of per cent from 0 to 100"),
        ("soon,,", "day.csv:3: column appears: 'soon', expected a finite number"),
    ],
)
def test_what_is_no_time_and_no_chance_is_refused_by_line_and_column(write, row, message):
    with pytest.raises(ValueError, match=message.split(":", 1)[1].replace("(", r"\(").replace(")", r"\)")) as error:
        read(write(HEADER + f"Desk,0,0,,,,,\nA,1,0,2,1,{row}\n"))
    assert str(error.value).endswith(message)


def test_geojson_has_the_same_properties(write):
    def place(east, **properties):
        return {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [east, 50]},
            "properties": properties,
        }

    places = [place(8.0), place(8.01, prize=2, appears="9:00", appears_by="10:00", chance_percent=50)]
    content = {"type": "FeatureCollection", "features": places}
    (day,) = read(write(json.dumps(content), "day.geojson"))
    assert day.problem == "dop"
    finite = day.law_appears[1][np.isfinite(day.law_appears[1])]
    assert (finite.size, day.units.format_time(float(finite.mean()))) == (50, "09:30")


def test_the_law_is_that_of_the_array_in_a_set(write, tmp_path):
    (day,) = read(write(DAY))
    write_instances(tmp_path / "day.npz", [day])
    assert (read(tmp_path / "day.npz")[0].law_appears == day.law_appears).all()
