"""CSV as written by people and by spreadsheets, and itineraries that are safe to open in a spreadsheet."""

import csv
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsp.formats import read, read_walls, write_instances, write_solution
from tsp.instance import Instance, Underway
from tsp.problems import PROBLEMS
from tsp.solution import check

PLAIN = "name,x,y\nCoffee,0,0\nA1,3,0\nA2,3,4\n"
EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def write(tmp_path):
    def write(content, name="hall.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.rstrip(),
        PLAIN + "\n  \n,,\n",
        "\n" + PLAIN,
        PLAIN.replace("\n", "\r\n"),
        "\ufeff" + PLAIN,
        PLAIN.encode("utf-16"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", ";").replace("4\n", "4,0\n"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", ", ").replace("Coffee", '"Coffee"'),
        PLAIN.replace("name,x,y", "Name , X,Y "),
        PLAIN.replace("\n", ",\n"),
        "y,name,x\n0,Coffee,0\n0,A1,3\n4.0,A2,3e0\n",
    ],
)
def test_every_usual_spelling_of_a_csv_file_is_read(write, content):
    (instance,) = read(write(content))
    assert instance.coordinates.tolist() == [[0, 0], [3, 0], [3, 4]]
    assert instance.names == ("Coffee", "A1", "A2")
    assert (instance.name, instance.metric, instance.depot, instance.extras) == ("hall", "euclidean", 0, {})


def test_names_in_csv_may_contain_commas_quotes_line_breaks_and_any_letter(write):
    (instance,) = read(write('name,x,y\n"Müller, ""A"" and B",0,0\n"two\nlines",1,1\n东京,2,2\n'))
    assert instance.names == ('Müller, "A" and B', "two\nlines", "东京")


def test_csv_that_is_not_utf8_is_read_as_latin_1(write):
    assert read(write("name,x,y\nKöln,1,2\n".encode("latin-1")))[0].names == ("Köln",)


def test_other_columns_of_a_csv_are_kept_and_names_may_be_missing(write):
    (instance,) = read(write("x,y,Title,board\n1,2,On ants,5b\n3,4,,\n"))
    assert instance.names is None
    assert instance.extras == {"Title": ("On ants", ""), "board": ("5b", "")}


def test_columns_of_attributes_become_attributes_in_any_order_and_case(write):
    (instance,) = read(write("Closes,x,y,OPENS,demand,Penalty,prize,duration\n9,1,2,1,3,4,5,0.5\n8,3,4,0,6,7,8,0\n"))
    assert instance.time_windows.tolist() == [[1, 9], [0, 8]]
    assert instance.demands.tolist() == [3, 6]
    assert instance.penalties.tolist() == [4, 7]
    assert instance.prizes.tolist() == [5, 8]
    assert instance.service_times.tolist() == [0.5, 0]
    assert (instance.extras, instance.problem) == ({}, "pctsp")


def test_an_empty_cell_is_zero_or_no_closing_time_and_an_empty_column_is_ignored(write):
    (instance,) = read(write("x,y,opens,closes,prize,demand\n1,2,,9,,\n3,4,2,,5,\n"))
    assert instance.time_windows.tolist() == [[0, 9], [2, np.inf]]
    assert instance.prizes.tolist() == [0, 5]
    assert (instance.demands, instance.extras) == (None, {})
    assert read(write("x,y,closes\n1,2,9\n"))[0].time_windows.tolist() == [[0, 9]]
    assert read(write("x,y,opens\n1,2,9\n"))[0].time_windows.tolist() == [[9, np.inf]]


def test_attributes_may_have_decimal_commas_as_coordinates_may(write):
    (instance,) = read(write("x;y;prize;closes\n1;2;0,5;1,5\n"))
    assert (instance.prizes.tolist(), instance.time_windows.tolist()) == ([0.5], [[0, 1.5]])


@pytest.mark.parametrize(
    ("content", "line", "piece"),
    [
        ("", 1, "the file is empty"),
        (",,\n", 1, "no cell with content"),
        ("Coffee,0,zero\nA1,3,0\n", 1, "columns 'Coffee, 0, zero', expected a header with name, x, y"),
        ("name,x\nA,1\n", 1, "columns 'name, x', expected a header with name, x, y"),
        ("name,x,y,X\nA,1,2,3\n", 1, "columns 'name, x, y, X', expected different names"),
        ("name,x,y\n", 1, "no node after the header"),
        (PLAIN.replace("A1,3,0", "A1,3"), 3, "2 cells, expected 3 (name, x, y)"),
        (PLAIN.replace("A1,3,0", "A1,3,0,9"), 3, "4 cells, expected 3 (name, x, y)"),
        (PLAIN.replace("A1,3,0", "A1,three,0"), 3, "column x: 'three', expected a finite number"),
        (PLAIN.replace("A1,3,0", "A1,3,"), 3, "column y: '', expected a finite number"),
        (PLAIN.replace("A1,3,0", "A1,nan,0"), 3, "column x: 'nan', expected a finite number"),
        (PLAIN.replace("A1,3,0", "A1,3,1e999"), 3, "column y: '1e999', expected a finite number"),
        (PLAIN.replace("A1,3,0", "A1,3_0,0"), 3, "column x: '3_0', expected a finite number"),
        (PLAIN.replace("A1,3,0", 'A1,"3,000",0'), 3, "column x: '3,000', expected a finite number"),
        ("x,y,prize\n1,2,3\n4,5,-1\n", 3, "column prize: '-1', expected 0 or more"),
        ("x,y,closes\n1,2,3\n4,5,late\n", 3, "column closes: 'late', expected a finite number"),
        ("x,y,closes\n1,2,inf\n", 2, "column closes: 'inf', expected a finite number"),
        ("x,y,opens,closes\n1,2,0,9\n4,5,7,6.5\n", 3, "opens 7, closes 6.5, expected to open before it closes"),
        (PLAIN.replace("A1", "A2"), 4, "column name: 'A2' is also in line 3, expected different names"),
        (PLAIN.replace("A1", " "), 3, "column name: empty, expected a name"),
        ('name,x,y\n"two\nlines",1,1\nB,x,1\n', 4, "column x: 'x', expected a finite number"),
        ('name,x,y\n"two\nlines",1,\nB,1,1\n', 2, "column y: ''"),
        (PLAIN.replace("A1,3", '"A1"b,3'), 3, "not readable as CSV"),
        (PLAIN.replace("A1", '"A1'), 3, "not readable as CSV"),
        (PLAIN.encode() + b"\0", 5, "binary data, expected text"),
    ],
)
def test_a_broken_csv_is_refused_with_line_and_column(write, content, line, piece):
    path = write(content)
    with pytest.raises(ValueError, match="hall") as refusal:
        read(path)
    message = str(refusal.value)
    assert message.startswith(f"{path}:{line}: ")
    assert piece in message
    assert "\n" not in message


def test_coordinates_in_csv_too_large_to_square_are_refused(write):
    with pytest.raises(ValueError, match=r"hall\.csv: coordinates\[0, 0\]: 1e\+200"):
        read(write("x,y\n1e200,0\n"))


WALKS = "0,9,8\n7,0,6\n5,4,0\n"


@pytest.mark.parametrize("nodes", [PLAIN, "name\nCoffee\nA1\nA2\n"])
def test_a_matrix_gives_the_distances_beside_a_csv_with_or_without_points(write, nodes):
    (instance,) = read(write(nodes), matrix=write(WALKS, "walks.txt"))
    assert instance.tour_length([0, 1, 2]) == 9 + 6 + 5
    assert instance.names == ("Coffee", "A1", "A2")
    assert (instance.coordinates is None) == (nodes is not PLAIN)


@pytest.mark.parametrize(
    ("nodes", "name", "piece"),
    [
        ("name,x,y\nA,1,2\n", "hall.csv", "1 points beside a matrix of 3 nodes"),
        ("name\nA\n", "hall.csv", "names: 1 for 3 nodes"),
        ("name,x\nA,1\n", "hall.csv", "expected a header with name, x, y"),
    ],
)
def test_a_matrix_of_another_size_than_its_csv_is_refused(write, nodes, name, piece):
    with pytest.raises(ValueError, match=piece):
        read(write(nodes, name), matrix=write(WALKS, "walks.txt"))


names = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=8).map(str.strip)
texts = st.one_of(names, names.map("=".__add__), names.map("'-".__add__), st.sampled_from(["-1", "+x", "'@", "''="]))
numbers = st.integers(-(10**6), 10**6) | st.floats(-1e100, 1e100)


amounts = st.integers(0, 99) | st.floats(0, 1e100)
windows = st.tuples(amounts, amounts | st.just(np.inf)).map(sorted)


@st.composite
def instances(draw):
    """Any instance that CSV can hold, without empty columns."""
    n = draw(st.integers(1, 5))

    def column(elements, **kwargs):
        return draw(st.lists(elements, min_size=n, max_size=n, **kwargs))

    attributes = {"prizes": amounts, "penalties": amounts, "demands": amounts, "service_times": amounts}
    attributes["time_windows"] = windows.filter(lambda window: window[0] != np.inf)
    return Instance(
        np.column_stack((column(numbers), column(numbers))),
        names=column(texts.filter(bool), unique=True),
        extras={"=title": tuple(column(texts))},
        **{name: column(elements) for name, elements in attributes.items() if draw(st.booleans())},
    )


@settings(max_examples=50)
@given(instances())
def test_an_instance_written_as_csv_is_read_bit_identically(instance):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "again.csv"
        write_instances(path, [instance])
        (again,) = read(path)
    assert again.fingerprint == instance.fingerprint
    assert (again.names, again.extras) == (instance.names, instance.extras)


@pytest.mark.parametrize(
    ("attributes", "piece"),
    [
        ({"max_length": 3}, "max_length"),
        ({"capacity": 3, "end": 1}, "capacity and end"),
        ({"problem": "shpp", "free_start": True}, "free start"),
        ({"problem": "shpp", "depot": 1}, "depot 2, not the first node"),
    ],
)
def test_an_instance_with_attributes_that_csv_cannot_hold_is_not_written(tmp_path, attributes, piece):
    with pytest.raises(ValueError, match=f"instance: CSV cannot hold its {piece}$"):
        write_instances(tmp_path / "a.csv", [Instance([[0, 0], [1, 1]], **attributes)])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("instance", "piece"),
    [
        (Instance([[0, 0]], metric="EUC_2D"), r"write \.npz or \.tsp"),
        (Instance(matrix=[[0]]), r"write \.npz or \.tsp"),
        (Instance([[0, 0, 0]]), r"write \.npz$"),
    ],
)
def test_distances_that_csv_cannot_represent_are_not_written(tmp_path, instance, piece):
    with pytest.raises(ValueError, match=piece):
        write_instances(tmp_path / "a.csv", [instance])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("id,x,y", ("11", "12", "13")),
        ("x,y,ID", ("0", "5", "1")),
        ("name,x,y", ("11", "12", "13")),
    ],
)
def test_nodes_are_called_by_their_names_else_by_their_ids(tmp_path, header, names):
    cells = {"id": names, "name": names, "x": ("0", "5", "1"), "y": ("2", "2", "2")}
    path = tmp_path / "meters.csv"
    rows = zip(*(cells[name.lower()] for name in header.split(",")), strict=True)
    path.write_text("\n".join([header, *map(",".join, rows)]) + "\n")
    (instance,) = read(path)
    assert (instance.names, instance.extras) == (names, {})


def test_ids_that_repeat_or_stand_beside_names_are_kept_for_display(tmp_path):
    path = tmp_path / "meters.csv"
    path.write_text("id,x,y\n7,0,0\n7,1,1\n")
    with pytest.warns(UserWarning, match=r":3: column id: '7' is also in line 2, so nodes are called by their numbers"):
        (instance,) = read(path)
    assert (instance.names, instance.extras) == (None, {"id": ("7", "7")})
    path.write_text("id,x,y\n7,0,0\n,1,1\n")
    with pytest.warns(UserWarning, match=":3: column id: empty, so nodes are called by their numbers"):
        read(path)
    path.write_text("id,name,x,y\n7,a,0,0\n8,b,1,1\n")
    assert (read(path)[0].names, read(path)[0].extras) == (("a", "b"), {"id": ("7", "8")})


def test_a_csv_itinerary_lists_the_tour_and_the_return_to_its_start(tmp_path):
    instance = Instance(
        [[0, 0], [0, 3], [4, 3]], names=("Coffee", "=HYPERLINK(1)", "-3"), extras={"title": ("", "@ants", "On, bees")}
    )
    path = tmp_path / "walk.csv"
    write_solution(path, instance, check(PROBLEMS["tsp"], instance, [[1, 2, 0]]))
    assert path.read_text() == (
        "order,name,x,y,leg,walked,title\n"
        "0,Coffee,0,0,0,0,\n"
        "1,'=HYPERLINK(1),0,3,3,3,'@ants\n"
        '2,-3,4,3,4,7,"On, bees"\n'
        "3,Coffee,0,0,5,12,\n"
    )


def test_a_csv_itinerary_needs_no_names_and_no_points(tmp_path):
    instance = Instance(matrix=[[0, 1.5], [2, 0]])
    path = tmp_path / "walk.csv"
    write_solution(path, instance, check(PROBLEMS["tsp"], instance, [[0, 1]]))
    assert path.read_text() == "order,name,x,y,leg,walked\n0,1,,,0,0\n1,2,,,1.5,1.5\n2,1,,,2,3.5\n"


DAY = Instance(
    [[0, 0], [0, 3], [4, 3]],
    problem="optw",
    names=("Coffee", "A", "B"),
    prizes=[0, 2, 5],
    service_times=[0, 2, 1],
    time_windows=[[1, 50], [6, 9], [0, np.inf]],
    extras={"title": ("", "Ants", "Bees")},
)


def test_a_csv_itinerary_with_time_windows_has_times_and_prizes(tmp_path):
    path = tmp_path / "plan.csv"
    write_solution(path, DAY, check(PROBLEMS["optw"], DAY, [[0, 1, 2]]))
    assert path.read_text() == (
        "order,name,x,y,leg,walked,arrive,begin,leave,prize,title\n"
        "0,Coffee,0,0,0,0,1,1,1,,\n"
        "1,A,0,3,3,3,4,6,8,2,Ants\n"  # waits from 4 to 6
        "2,B,4,3,4,7,12,12,13,5,Bees\n"
        "3,Coffee,0,0,5,12,18,18,18,,\n"
    )


def test_a_csv_itinerary_under_way_continues_at_the_elapsed_time(tmp_path):
    path = tmp_path / "plan.csv"
    instance = replace(DAY, underway=Underway(visited=(1,), elapsed=20))
    write_solution(path, instance, check(PROBLEMS["optw"], instance, [[0, 1, 2]]))
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["arrive"], row["leave"]) for row in rows[1:]] == [("4", "20"), ("24", "25"), ("30", "30")]


def test_a_csv_itinerary_has_times_only_under_a_problem_with_time_windows(tmp_path):
    path = tmp_path / "plan.csv"
    instance = replace(DAY, problem="tsp")
    write_solution(path, instance, check(PROBLEMS["tsp"], instance, [[0, 1, 2]]))
    assert path.read_text().startswith("order,name,x,y,leg,walked,prize,title\n")


def test_a_csv_itinerary_ends_where_the_tour_ends(tmp_path):
    path = tmp_path / "plan.csv"
    for name, end, tour in (("op", 1, [0, 2, 1]), ("shpp", None, [0, 2, 1])):
        instance = Instance([[0, 0], [0, 3], [4, 3]], problem=name, end=end, prizes=[0, 0, 1], max_length=9)
        write_solution(path, instance, check(PROBLEMS[name], instance, [tour]), force=True)
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [(row["name"], row["walked"]) for row in rows] == [("1", "0"), ("3", "5"), ("2", "9")]


def test_a_csv_itinerary_of_several_tours_has_their_indices_and_delivered_amounts(tmp_path):
    path = tmp_path / "plan.csv"
    instance = Instance([[0, 0], [0, 3], [4, 3]], problem="sdvrp", demands=[0, 3, 3], capacity=4)
    tours, amounts = [[0, 1, 2], [0, 1, 2]], [[0, 1, 2], [0, 2, 1]]
    write_solution(path, instance, check(PROBLEMS["sdvrp"], instance, tours, amounts=amounts))
    assert path.read_text() == (
        "tour,order,name,x,y,leg,walked,delivered\n"
        "0,0,1,0,0,0,0,\n0,1,2,0,3,3,3,1\n0,2,3,4,3,4,7,2\n0,3,1,0,0,5,12,\n"
        "1,0,1,0,0,0,0,\n1,1,2,0,3,3,3,2\n1,2,3,4,3,4,7,1\n1,3,1,0,0,5,12,\n"
    )


def test_the_poster_session_is_an_instance_of_distinct_places_within_its_hall():
    (instance,) = read(EXAMPLES / "poster-session.csv")
    assert (instance.size, instance.names[0]) == (41, "Coffee corner")
    assert len(np.unique(instance.coordinates, axis=0)) == 41
    assert list(instance.extras) == ["title"]
    assert instance.prizes.max() > 0
    assert (instance.time_windows[:, 0] + instance.service_times <= instance.time_windows[:, 1]).all()


def test_walls_are_read_as_segments(tmp_path):
    path = tmp_path / "hall.walls.csv"
    path.write_text("x1,y1,x2,y2\n0,1,4,1\n0,2,4,2.5\n")
    np.testing.assert_array_equal(read_walls(path), [[[0, 1], [4, 1]], [[0, 2], [4, 2.5]]])


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("x,y\n1,2\n", ":1: columns 'x, y', expected x1, y1, x2, y2"),
        ("x1,y1,x2,y2\n1,2,3\n", ":2: 3 cells, expected 4"),
    ],
)
def test_a_broken_file_of_walls_is_refused_with_its_line(tmp_path, text, piece):
    path = tmp_path / "hall.walls.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=piece):
        read_walls(path)


@given(st.lists(st.floats(0, 99 * 60), min_size=2, max_size=2), st.booleans())
def test_times_of_day_are_written_as_such(times, closes):
    windows = [[0, np.inf], [min(times), max(times) if closes else np.inf]]
    instance = Instance([[0, 0], [0, 3]], time_windows=windows, service_times=[0, 7.5], is_clock=True, problem="tsptw")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "day.csv"
        write_instances(path, [instance])
        (again,) = read(path)
    assert (again.is_clock, again.problem) == (True, "tsptw")
    assert again.time_windows.tolist() == [[0, np.inf], pytest.approx(windows[1], abs=1e-7)]
    assert again.service_times.tolist() == [0, 7.5]


def test_a_time_after_the_fourth_day_is_refused_rather_than_written_as_another(tmp_path):
    late = {"time_windows": [[0, 6000]] * 2, "is_clock": True, "problem": "tsptw", "name": "trip"}
    with pytest.raises(ValueError, match=r"trip: CSV cannot hold its time of 6000 minutes; write \.npz"):
        write_instances(tmp_path / "day.csv", [Instance([[0, 0], [0, 3]], **late)])


@pytest.mark.parametrize("ending", [".csv", ".tsp"])
def test_another_objective_is_refused_by_formats_that_cannot_hold_it(tmp_path, ending):
    instance = Instance([[0, 0], [0, 3]], objective="travel-time", name="trip")
    with pytest.raises(ValueError, match=r"trip: .* cannot hold its objective"):
        write_instances(tmp_path / f"a{ending}", [instance])


def test_a_heading_may_have_several_lines_and_a_message_has_one(write):
    (instance,) = read(write('name,x,y,"service\n time"\nHub,0,0,0\nAda,1,0,5\n', "day.csv"))
    assert instance.service_times.tolist() == [0, 5]
    with pytest.raises(ValueError, match=r"day\.csv:4: 3 cells, expected 4 \(name, x, y, of the day\)$"):
        read(write('name,x,y,"of\r\nthe\nday"\nHub,0,0\n', "day.csv"))
