"""Answers draw themselves, are tables, and show both in notebooks."""

import json
import sys
import xml.etree.ElementTree as ET

import pytest

import tsp
from tsp.earth import earth_instance

HALL = tsp.Instance.from_dataframe(
    {"name": ["Hub", "<b>Ada", "7"], "x": [0, 3, 0], "y": [0, 0, 4], "prize": [0, 1, 2.5], "order": ["i", "j", "k"]},
    max_length=9,
    name="hall",
)


@pytest.fixture
def answer():
    return tsp.solve(HALL, "ls", time_limit=0.1)


def test_an_answer_is_a_solution_with_its_instance(answer):
    assert answer.objective == 2.5
    assert answer.instance is HALL
    assert [tour.tolist() for tour in answer.tours] == [[0, 2]]
    assert tsp.check(tsp.problems.get_problem("op"), HALL, answer.tours).feasible


def test_its_columns_are_those_of_the_itinerary_with_numbers_as_numbers(answer):
    assert answer.to_columns() == {
        "order": [0, 1, 2, None],
        "name": ["Hub", "7", "Hub", "<b>Ada"],
        "x": [0, 0, 0, 3],
        "y": [0, 4, 0, 0],
        "leg": [0, 4, 4, None],
        "walked": [0, 4, 8, None],
        "prize": [None, 2.5, None, 1],
        "order (of the file)": ["i", "k", "i", "j"],
    }


def test_it_becomes_a_data_frame(answer):
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    frame = answer.to_dataframe()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["walked"].max() == 8
    assert list(frame.columns) == list(answer.to_columns())


def test_without_pandas_it_says_what_else_there_is(answer, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ValueError, match="pandas is not installed; to_columns gives the same columns"):
        answer.to_dataframe()


def test_it_draws_itself(answer, tmp_path):
    figure = answer.plot(tmp_path / "tour.svg", title="Monday")
    assert "Monday" in (tmp_path / "tour.svg").read_text()
    assert figure.axes
    with pytest.raises(ValueError, match="exists"):
        answer.plot(tmp_path / "tour.svg")
    answer.plot(tmp_path / "tour.svg", force=True)


def test_it_draws_maps_by_the_ending_as_the_command_line_does(tmp_path):
    day = earth_instance([52.5, 52.6, 52.4], [13.4, 13.5, 13.3], ["Hub", "Ada", "Ben"], name="Berlin")
    answer = tsp.solve(day, "nearest", time_limit=1)
    assert answer.plot(tmp_path / "map.html", title="Monday").axes
    assert "<title>Monday" in (tmp_path / "map.html").read_text(encoding="utf-8")
    answer.plot(tmp_path / "map.GeoJSON")
    content = json.loads((tmp_path / "map.GeoJSON").read_text(encoding="utf-8"))
    assert content["name"] == "Berlin"
    assert [one["geometry"]["type"] for one in content["features"]] == ["MultiLineString", "Point", "Point", "Point"]
    with pytest.raises(ValueError, match="exists"):
        answer.plot(tmp_path / "map.html")


def test_a_drawing_that_cannot_be_is_refused_by_its_ending(answer, tmp_path):
    with pytest.raises(ValueError, match="hall: its nodes are not places on the Earth"):
        answer.plot(tmp_path / "map.html")
    with pytest.raises(ValueError, match=r"ending '.gif', expected .png or .svg or .pdf or .geojson or .html"):
        answer.plot(tmp_path / "map.gif")
    assert not list(tmp_path.iterdir())


def test_in_a_notebook_it_shows_its_picture_and_its_itinerary(answer):
    picture = ET.fromstring(answer._repr_svg_())
    assert picture.tag.endswith("svg")
    page = answer._repr_html_()
    assert "<svg" in page
    assert "<td>&lt;b&gt;Ada</td>" in page
    assert "<b>Ada</td>" not in page


def test_a_long_itinerary_is_cut_in_a_notebook_and_says_so():
    answer = tsp.solve(tsp.Instance.from_points([(i, i % 7) for i in range(300)]), "nearest", time_limit=1)
    page = answer._repr_html_()
    assert page.count("<tr>") == 201
    assert "101 more rows" in page


def test_each_better_solution_is_reported_as_an_answer():
    seen = []
    answer = tsp.solve(HALL, "ls", time_limit=0.1, report=seen.append)
    assert seen[-1].objective == answer.objective
    assert seen[-1].instance is HALL
    places = []
    tsp.solve([HALL, HALL], "ls", time_limit=0.1, report=lambda position, one: places.append((position, one.objective)))
    assert {position for position, _ in places} == {0, 1}
    assert places[-1][1] == 2.5
