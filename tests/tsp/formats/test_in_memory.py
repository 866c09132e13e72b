"""Tables, points and matrices in memory are read as the files that hold them are."""

from datetime import datetime, time, timedelta
from pathlib import Path

import numpy as np
import pytest

import tsp
from tsp.formats import csv_file

COLUMNS = {
    "stop": ["Hub", "Ada", "Ben"],
    "Label": ["h", "a", "b"],
    "x_coord": [0, 3, 0],
    "Y": [0.0, 0.0, 4.5],
    "qty": [0, 2, 1],
    "due": [np.inf, 20, None],
    "service": [None, 1, 0.25],
}


def as_csv(columns):
    rows = zip(
        *(["" if v is None or v == np.inf else str(v) for v in values] for values in columns.values()), strict=True
    )
    return "\n".join([",".join(columns), *map(",".join, rows)]) + "\n"


def pandas_frame(columns):
    return pytest.importorskip("pandas", reason="needs pandas").DataFrame(columns)


def polars_frame(columns):
    return pytest.importorskip("polars", reason="needs Polars").DataFrame(columns, strict=False)


def arrow_table(columns):
    return pytest.importorskip("pyarrow", reason="needs PyArrow").table(columns)


def records(columns):
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def arrays(columns):
    return {name: np.array([np.nan if v is None else v for v in values]) for name, values in columns.items()}


def structured_array(columns):
    kinds = [(name, column.dtype) for name, column in arrays(columns).items()]
    return np.array(list(zip(*arrays(columns).values(), strict=True)), dtype=kinds)


@pytest.mark.parametrize("make", [dict, pandas_frame, polars_frame, arrow_table, records, arrays, structured_array])
def test_a_table_is_read_as_the_csv_file_with_its_content_is(make, tmp_path):
    (tmp_path / "day.csv").write_text(as_csv(COLUMNS))
    expected = tsp.read(tmp_path / "day.csv")
    found = tsp.Instance.from_dataframe(make(COLUMNS), name="day")
    assert found.fingerprint == expected.fingerprint
    assert (found.names, found.extras, found.problem) == (expected.names, expected.extras, expected.problem)
    assert found.name == "day"


def test_times_and_durations_of_python_are_times_of_day():
    table = {
        "lat": [50, 50.1, 50.2],
        "lon": [8, 8, 8.1],
        "opens": [time(8), time(9, 30), None],
        "closes": [time(18), time(10, 0, 30), time(17)],
        "duration": [None, timedelta(minutes=20), timedelta(hours=1, seconds=30)],
    }
    found = tsp.Instance.from_dataframe(table, unit="km", speed=60)
    assert found.time_windows.tolist() == [[480, 1080], [570, 600.5], [0, 1020]]
    assert found.service_times.tolist() == pytest.approx([0, 20, 60.5])
    assert (found.is_clock, found.unit) == (True, "km")
    assert tsp.Instance.from_dataframe({**table, "opens": [datetime(2026, 1, 2, 8)] * 3, "closes": [None] * 3}).day


def test_further_attributes_replace_and_add_to_those_of_the_columns():
    found = tsp.Instance.from_dataframe(
        {"x": [0, 3], "y": [0, 4]}, demands=[0, 1], capacity=2, walls=[[[1, -9], [1, 9]]]
    )
    assert found.problem == "cvrp"
    assert found.distances[0, 1] > 5
    assert tsp.Instance.from_dataframe({"x": [0, 3], "y": [0, 4]}, matrix=[[0, 2], [3, 0]]).matrix[1, 0] == 3


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (5, "table: 5, expected a data frame, a dict of columns or a list of dicts"),
        ("day.csv", "table: 'day.csv', expected a data frame"),
        ([{"x": 1, "y": 2}, 3], "table: 3 in row 1, expected a data frame"),
        ({}, "rows of columns none, expected the same number, 1 or more"),
        ({"x": [], "y": []}, "rows of columns 'x' 0, 'y' 0, expected"),
        ({"x": [1, 2], "y": [1]}, "rows of columns 'x' 2, 'y' 1, expected the same number"),
        ({"x": [1], "y": 2}, "column 'y': 2, expected a list of values"),
        ({"x": [1, 2], "y": [1, "b"]}, "day: row 1: column y: 'b', expected a finite number"),
        ({"x": [1, 2], "y": [1, None]}, "day: row 1: column y: '', expected a finite number"),
        ({"x": [1, np.inf], "y": [1, 1]}, "day: row 1: column x: 'inf', expected a finite number"),
        ({"x": [1, 2], "y": [1, 1], "demand": [0, -1]}, "day: row 1: column demand: '-1', expected 0 or more"),
        ({"x": [1, 2], "y": [1, 1], "name": ["a", "a"]}, "day: row 1: column name: 'a' is also in row 0"),
        ({"x": [1], "name": ["a"]}, "day: columns 'x, name', expected a header with name, x, y"),
        ({"x": [1], "y": [1], "X ": [2]}, "day: columns 'x' and 'X ' mean the same, expected one of them"),
    ],
)
def test_a_broken_table_is_refused_in_one_sentence(table, sentence):
    with pytest.raises(ValueError, match=r"^[^\n]*$") as refusal:
        tsp.Instance.from_dataframe(table, name="day")
    assert sentence in str(refusal.value)


def test_two_columns_of_one_name_are_refused():
    frame = pandas_frame({"x": [0, 1], "y": [0, 1]})
    twice = frame[["x", "y", "y"]]
    with pytest.raises(ValueError, match=r"^table: two columns 'y', expected different names$"):
        tsp.Instance.from_dataframe(twice)


def test_named_labels_of_rows_are_columns():
    frame = pandas_frame({"name": ["Hub", "Ada"], "prize": [0, 2], "x": [0, 3], "y": [0, 4]})
    for table in (frame.set_index("name"), frame.set_index(["name", "x"]), frame.set_index("name", drop=False)):
        found = tsp.Instance.from_dataframe(table)
        assert found.names == ("Hub", "Ada")
        assert found.distances[0, 1] == 5
    assert tsp.Instance.from_dataframe(frame[frame["prize"] < 2]).size == 1  # labels without a name say nothing


def test_masked_values_are_refused():
    hidden = np.ma.array([[0, 1.0], [1, 0]], mask=[[0, 1], [0, 0]])
    for make in (tsp.Instance.from_points, tsp.Instance.from_matrix):
        with pytest.raises(ValueError, match="expected an array of numbers"):
            make(hidden)
        assert make(np.ma.array(hidden.data)).size == 2


def test_columns_that_nothing_reads_are_named():
    with pytest.warns(csv_file.UnreadColumns, match="table: nothing reads column 'speed'"):
        tsp.Instance.from_dataframe({"x": [0, 1], "y": [0, 1], "speed": [1, 2]})


def test_points_are_an_instance_of_the_problem_that_their_attributes_imply():
    points = np.arange(6).reshape(3, 2)
    assert tsp.Instance.from_points(points).problem == "tsp"
    found = tsp.Instance.from_points(points, prizes=[0, 1, 2], max_length=4, name="day")
    assert (found.problem, found.name) == ("op", "day")
    assert tsp.Instance.from_points([[0, 0, 0], [0, 0, 2]]).distances[0, 1] == 2
    assert tsp.Instance.from_points(points, problem="shpp").problem == "shpp"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"prize": [0, 1]}, "unknown attribute 'prize'; did you mean 'prizes'"),
        ({"problem": "tps"}, "unknown problem 'tps'"),
        ({"demands": [1]}, r"demands: shape \(1,\), expected \(2,\)"),
    ],
)
def test_wrong_attributes_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        tsp.Instance.from_points([[0, 0], [1, 1]], **options)


def test_a_matrix_names_its_nodes_by_its_labels():
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    values = [[0, 1], [1, 0]]
    frame = pandas.DataFrame(values, index=["Hub", "Ada"], columns=["Hub", "Ada"])
    assert tsp.Instance.from_matrix(frame).names == ("Hub", "Ada")
    assert tsp.Instance.from_matrix(pandas.DataFrame(values)).names is None
    turned = pandas.DataFrame(values, index=["Ada", "Hub"], columns=["Hub", "Ada"])
    with pytest.raises(ValueError, match="expected the same labels in the same order"):
        tsp.Instance.from_matrix(turned)


def test_a_matrix_of_other_ways_back_is_asymmetric():
    assert tsp.Instance.from_matrix([[0, 1], [1, 0]]).problem == "tsp"
    assert tsp.Instance.from_matrix([[0, 1], [2, 0]]).problem == "atsp"
    assert tsp.Instance.from_matrix([[0, 1], [2, 0]], demands=[0, 1], capacity=1).problem == "cvrp"


def test_the_poster_session_is_the_same_from_a_frame_and_from_its_file():
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    path = Path(__file__).parents[3] / "examples" / "poster-session.csv"
    found = tsp.Instance.from_dataframe(
        pandas.read_csv(path), walls=csv_file.read_walls(path.with_suffix(".walls.csv"))
    )
    assert found.fingerprint == tsp.read(path).fingerprint
