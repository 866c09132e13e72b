"""CSV as people and their spreadsheets write it, and itineraries that are safe to open in one."""

import csv
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsp.formats import read, read_matrix, write_instances, write_solution
from tsp.instance import Instance
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
def test_every_usual_spelling_is_read(write, content):
    (instance,) = read(write(content))
    assert instance.coordinates.tolist() == [[0, 0], [3, 0], [3, 4]]
    assert instance.names == ("Coffee", "A1", "A2")
    assert (instance.name, instance.metric, instance.depot, instance.extras) == ("hall", "euclidean", 0, {})


def test_names_may_hold_commas_quotes_lines_and_any_letter(write):
    (instance,) = read(write('name,x,y\n"Müller, ""A"" and B",0,0\n"two\nlines",1,1\n东京,2,2\n'))
    assert instance.names == ('Müller, "A" and B', "two\nlines", "东京")


def test_text_that_is_not_utf8_is_read_as_latin_1(write):
    assert read(write("name,x,y\nKöln,1,2\n".encode("latin-1")))[0].names == ("Köln",)


def test_other_columns_are_kept_and_names_may_be_missing(write):
    (instance,) = read(write("x,y,Title,prize\n1,2,On ants,5\n3,4,,\n"))
    assert instance.names is None
    assert instance.extras == {"Title": ("On ants", ""), "prize": ("5", "")}


@pytest.mark.parametrize(
    ("content", "line", "piece"),
    [
        ("", 1, "the file is empty"),
        (",,\n", 1, "no cell with content"),
        ("Coffee,0,0\nA1,3,0\n", 1, "columns 'Coffee, 0, 0', expected a header with name, x, y"),
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
        (PLAIN.replace("A1", "A2"), 4, "column name: 'A2' is also in line 3, expected different names"),
        (PLAIN.replace("A1", " "), 3, "column name: empty, expected a name"),
        ('name,x,y\n"two\nlines",1,1\nB,x,1\n', 4, "column x: 'x', expected a finite number"),
        ('name,x,y\n"two\nlines",1,\nB,1,1\n', 2, "column y: ''"),
        (PLAIN.replace("A1,3", '"A1"b,3'), 3, "not readable as CSV"),
        (PLAIN.replace("A1", '"A1'), 3, "not readable as CSV"),
        (PLAIN.encode() + b"\0", 5, "binary data, expected text"),
    ],
)
def test_what_is_wrong_is_refused_with_line_and_column(write, content, line, piece):
    path = write(content)
    with pytest.raises(ValueError, match="hall") as refusal:
        read(path)
    message = str(refusal.value)
    assert message.startswith(f"{path}:{line}: ")
    assert piece in message
    assert "\n" not in message


def test_numbers_too_large_to_square_are_refused(write):
    with pytest.raises(ValueError, match=r"hall\.csv: coordinates\[0, 0\]: 1e\+200"):
        read(write("x,y\n1e200,0\n"))


@pytest.mark.parametrize(
    "content",
    [
        "0,1,2\n3,0,4\n5,6,0\n",
        "9, 1, 2\n3, nan, 4\n5, 6, -\n\n",
        "0;1,0;2,0\n3;0;4\n5;6;0",
        "0 1 2\r\n 3  0\t4\r\n5 6 0 \r\n",
        "\ufeff0\t1\t2\n3\t0\t4\n5\t6\t0",
    ],
)
def test_a_table_of_distances_is_read_in_every_usual_spelling(write, content):
    assert read_matrix(write(content)).tolist() == [[0, 1, 2], [3, 0, 4], [5, 6, 0]]


@pytest.mark.parametrize(
    ("content", "line", "piece"),
    [
        ("", 1, "the file is empty"),
        ("0,1\n1,0\n2,2\n", 3, "3 lines of 2 numbers, expected as many lines as columns"),
        ("0,1,2\n1,0,3\n", 2, "2 lines of 3 numbers, expected as many lines as columns"),
        ("0,1\n1\n", 2, "1 numbers, expected 2"),
        ("0,x\n1,0\n", 1, "column 2: 'x', expected a distance of 0 or more"),
        ("0,1\n-1,0\n", 2, "column 1: '-1', expected a distance of 0 or more"),
        ("0,1\nnan,0\n", 2, "column 1: 'nan', expected a distance of 0 or more"),
        ("0,1\n,0\n", 2, "column 1: '', expected a distance of 0 or more"),
    ],
)
def test_a_broken_table_is_refused_with_line_and_column(write, content, line, piece):
    path = write(content)
    with pytest.raises(ValueError, match="hall") as refusal:
        read_matrix(path)
    assert str(refusal.value).startswith(f"{path}:{line}: ")
    assert piece in str(refusal.value)


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
def test_a_matrix_of_another_size_is_refused(write, nodes, name, piece):
    with pytest.raises(ValueError, match=piece):
        read(write(nodes, name), matrix=write(WALKS, "walks.txt"))


names = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=8).map(str.strip)
texts = st.one_of(names, names.map("=".__add__), names.map("'-".__add__), st.sampled_from(["-1", "+x", "'@", "''="]))
numbers = st.integers(-(10**6), 10**6) | st.floats(-1e100, 1e100)


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(texts.filter(bool), numbers, numbers, texts), min_size=1, max_size=5, unique_by=lambda row: row[0]
    )
)
def test_what_is_written_is_read_again_to_the_last_bit(rows):
    labels, x, y, titles = zip(*rows, strict=True)
    instance = Instance(np.column_stack((x, y)), names=labels, extras={"=title": titles})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "again.csv"
        write_instances(path, [instance])
        (again,) = read(path)
    assert again.fingerprint == instance.fingerprint
    assert (again.names, again.extras) == (instance.names, instance.extras)


@pytest.mark.parametrize(
    ("instance", "piece"),
    [
        (Instance([[0, 0]], metric="EUC_2D"), r"write \.npz or \.tsp"),
        (Instance(matrix=[[0]]), r"write \.npz or \.tsp"),
        (Instance([[0, 0, 0]]), r"write \.npz$"),
    ],
)
def test_distances_that_a_reader_would_take_for_others_are_not_written(tmp_path, instance, piece):
    with pytest.raises(ValueError, match=piece):
        write_instances(tmp_path / "a.csv", [instance])
    assert not list(tmp_path.iterdir())


def test_an_itinerary_walks_the_tour_and_back(tmp_path):
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


def test_an_itinerary_needs_no_names_and_no_points(tmp_path):
    instance = Instance(matrix=[[0, 1.5], [2, 0]])
    path = tmp_path / "walk.csv"
    write_solution(path, instance, check(PROBLEMS["tsp"], instance, [[0, 1]]))
    assert path.read_text() == "order,name,x,y,leg,walked\n0,0,,,0,0\n1,1,,,1.5,1.5\n2,0,,,2,3.5\n"


def test_the_poster_session_is_an_instance_of_distinct_places_within_its_hall():
    (instance,) = read(EXAMPLES / "poster-session.csv")
    assert (instance.size, instance.names[0]) == (41, "Coffee corner")
    assert len(np.unique(instance.coordinates, axis=0)) == 41
    assert list(instance.extras) == ["prize", "opens", "closes", "duration", "title"]
    with (EXAMPLES / "poster-session.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(int(row["opens"]) + int(row["duration"]) <= int(row["closes"]) for row in rows)
