import json

import numpy as np
import pytest

from tsp.formats import read, read_matrix
from tsp.instance import Instance

INF = np.inf
ROADS = [[0, 13, 22, 8], [12, 0, 9, 19], [24, 7, 0, 11], [10, 18, 14, 0]]
NAMES = ("Inn", "Jetty", "Knoll", "Lodge")
LABELLED = ",Inn,Jetty,Knoll,Lodge\nInn,0,13,22,8\nJetty,12,0,9,19\nKnoll,24,7,0,11\nLodge,10,18,14,0\n"
BARE = "0,13,22,8\n12,0,9,19\n24,7,0,11\n10,18,14,0\n"


@pytest.mark.parametrize(
    "content",
    [
        "0,1,2\n3,0,4\n5,6,0\n",
        "9, 1, 2\n3, nan, 4\n5, 6, -\n\n",
        ",1,2\n3,,4\n5,6,\n",
        "0,1,2,\n3,0,4,\n5,6,0,\n",
        "0;1,0;2,0\n3;0;4\n5;6;0",
        "0 1 2\r\n 3  0\t4\r\n5 6 0 \r\n",
        "\ufeff0\t1\t2\n3\t0\t4\n5\t6\t0",
        "# minutes\n3\n0 1 2\n3 0 4\n5 6 0\n",
        ",A,B,C\nA,0,1,2\nB,3,0,4\nC,5,6,0\n",
        "from/to;A;C;B\nA;0;2;1\nB;3;4;0\nC;5;0;6\n",
        ",0,1,2\n0,0,1,2\n1,3,0,4\n2,5,6,0\n",
        "A B C\nA 0 1 2\nB 3 0 4\nC 5 6 0\n",
        "A,B,C\n0,1,2\n3,0,4\n5,6,0\n",
        "A,0,1,2\nB,3,0,4\nC,5,6,0\n",
    ],
)
def test_a_table_of_distances_is_read_in_every_usual_spelling(write, content):
    assert read_matrix(write(content)).tolist() == [[0, 1, 2], [3, 0, 4], [5, 6, 0]]


@pytest.mark.parametrize("cell", ["inf", "nan", "NaN", "", "null", "NA", "N/A", "-", "Infinity", " "])
def test_each_spelling_of_a_missing_road_is_an_infinite_distance(write, cell):
    assert read_matrix(write(f"0,1,{cell}\n3,0,4\n5,6,0\n")).tolist() == [[0, 1, INF], [3, 0, 4], [5, 6, 0]]


@pytest.mark.parametrize(
    ("content", "line", "piece"),
    [
        ("", 1, "the file is empty"),
        ("# nothing\n", 1, "no line of distances"),
        ("0,1\n1,0\n2,2\n", 3, "3 lines of 2 numbers, expected as many lines as columns"),
        ("0,1,2\n1,0,3\n", 2, "2 lines of 3 numbers, expected as many lines as columns"),
        ("0,1\n1\n", 2, "1 numbers, expected 2"),
        ("0,x\n1,0\n", 1, "column 2: 'x', expected a distance of 0 or more"),
        ("0,1\n-1,0\n", 2, "column 1: '-1', expected a distance of 0 or more"),
        (",A,B\nA,0,1\nB,x,0\n", 3, "column 2: 'x', expected a distance of 0 or more"),
        (",A,B\nA,0,1\nC,1,0\n", 1, "'B' labels only a row or only a column, expected the same labels"),
    ],
)
def test_a_broken_table_of_distances_is_refused_with_line_and_column(write, content, line, piece):
    path = write(content)
    with pytest.raises(ValueError, match=r"a\.txt") as refusal:
        read_matrix(path)
    assert str(refusal.value).startswith(f"{path}:{line}: ")
    assert piece in str(refusal.value)


def test_a_label_that_two_nodes_have_is_refused(write):
    with pytest.raises(ValueError, match="label 'A', expected a different name for each node"):
        read_matrix(write(",A,A\nA,0,1\nA,1,0\n"))


@pytest.mark.parametrize(("name", "content"), [("roads.csv", BARE), ("roads.txt", BARE.replace(",", " "))])
def test_a_table_alone_is_an_instance_named_after_its_file(write, name, content):
    (instance,) = read(write(content, name))
    assert (instance.name, instance.problem, instance.names) == ("roads", "atsp", None)
    assert instance.matrix.tolist() == ROADS


def test_labels_of_a_table_alone_are_the_names_of_the_nodes(write):
    (instance,) = read(write(LABELLED, "roads.csv"))
    assert instance.names == NAMES
    assert instance.matrix.tolist() == ROADS


def test_a_symmetric_table_alone_is_a_travelling_salesman_problem(write):
    assert read(write("0 1 2\n1 0 4\n2 4 0\n"))[0].problem == "tsp"


@pytest.mark.parametrize("content", ["name,x,y\nA,0,1\nB,1,0\n", "x,y\n0,1\n1,0\n"])
def test_as_many_points_as_columns_are_no_table_of_distances(write, content):
    assert read(write(content, "points.csv"))[0].coordinates.tolist() == [[0, 1], [1, 0]]


def _write_arrays(path, form):
    matrix = np.array(ROADS, dtype=float)
    if form == "npy":
        np.save(path, matrix)
    elif form == "npz":
        np.savez(path, matrix=matrix)
    elif form == "npz with names":
        np.savez(path, matrix=matrix, names=np.array(NAMES))
    elif form == "lists":
        path.write_text(json.dumps(ROADS))
    else:
        path.write_text(json.dumps({"matrix": ROADS, "names": NAMES}))


FORMS = {
    "npy": "roads.npy",
    "npz": "roads.npz",
    "npz with names": "roads.npz",
    "lists": "roads.json",
    "object": "roads.json",
}


@pytest.mark.parametrize("form", FORMS)
def test_arrays_and_json_are_one_instance_or_the_distances_of_points(write, tmp_path, form):
    path = tmp_path / FORMS[form]
    _write_arrays(path, form)
    (alone,) = read(path)
    assert (alone.matrix.tolist(), alone.name) == (ROADS, "roads")
    assert alone.names == (NAMES if form in ("npz with names", "object") else None)
    (beside,) = read(write("name,x,y\nInn,0,0\nJetty,1,5\nKnoll,6,6\nLodge,3,2\n", "places.csv"), matrix=path)
    assert (beside.matrix.tolist(), beside.names) == (ROADS, NAMES)


def test_nan_and_null_in_arrays_and_json_are_missing_roads(write, tmp_path):
    wanted = [[0, INF], [2, 0]]
    np.save(tmp_path / "a.npy", np.array([[np.nan, np.nan], [2, 0]]))
    assert read_matrix(tmp_path / "a.npy").tolist() == wanted
    for cell in ("null", "NaN", "Infinity", '"NA"'):
        assert read_matrix(write(f"[[0, {cell}], [2, null]]", "a.json")).tolist() == wanted


@pytest.mark.parametrize(
    ("content", "piece"),
    [
        ("[[0, 1], [1]]", "row 1: 1 distances, expected 2 distances"),
        ('[[0, "x"], [1, 0]]', "row 0, column 1: 'x', expected a distance, or null"),
        ("[[0, true], [1, 0]]", "row 0, column 1: 'True', expected a distance, or null"),
        ("[[0, 1], [-1, 0]]", r"matrix\[1, 0\]: -1, expected a distance of 0 or more"),
        ('{"matrix": [[0, 1], [1, 0]], "names": ["A"]}', "1 names, expected 2"),
        ('{"matrix": [[0, 1], [1, 0]], "depot": 1}', "entry 'depot', expected matrix and names"),
        ("{}", "holds an empty object, expected an instance"),
        ("[]", "expected"),
        ('[{"x": 1}]', "expected"),
        ("[", "not JSON"),
        ("7", "holds only '7', expected an instance"),
        ('{"solutions": []}', "holds a solution with 'solutions', expected an instance"),
    ],
)
def test_broken_json_is_refused_in_a_sentence(write, content, piece):
    with pytest.raises(ValueError, match=piece):
        read(write(content, "a.json"))


@pytest.mark.parametrize("array", [np.zeros((2, 3)), np.zeros(4), np.array([["a"]])])
def test_an_array_that_is_no_square_of_numbers_is_refused(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ValueError, match=r"array matrix: .* expected numbers \(n, n\)"):
        read(tmp_path / "a.npy")


def test_rows_follow_the_names_of_the_points_in_whatever_order(write):
    nodes = write("name,x,y\nLodge,3,2\nInn,0,0\nKnoll,6,6\nJetty,1,5\n", "places.csv")
    (instance,) = read(nodes, matrix=write(LABELLED, "roads.csv"))
    order = [3, 0, 2, 1]
    assert instance.names == ("Lodge", "Inn", "Knoll", "Jetty")
    assert instance.matrix.tolist() == np.array(ROADS)[np.ix_(order, order)].tolist()


def test_a_name_that_only_one_of_the_files_has_is_refused(write):
    nodes = write("name\nInn\nJetty\nKnoll\nHotel\n", "places.csv")
    with pytest.raises(ValueError, match=r"roads.csv: names 'Lodge', which .*places.csv does not have"):
        read(nodes, matrix=write(LABELLED, "roads.csv"))


def test_labels_that_only_count_are_positions(write):
    nodes = write("name\nB\nA\n", "places.csv")
    (instance,) = read(nodes, matrix=write(",1,2\n1,0,5\n2,7,0\n", "roads.csv"))
    assert (instance.names, instance.matrix.tolist()) == (("B", "A"), [[0, 5], [7, 0]])


def test_labels_name_points_without_names(write):
    (instance,) = read(write("x,y\n0,0\n1,1\n2,2\n3,3\n", "points.csv"), matrix=write(LABELLED, "roads.csv"))
    assert instance.names == NAMES


def test_a_set_with_missing_roads_is_written_and_read_unchanged(tmp_path):
    from tsp.formats import write_instances

    made = Instance(matrix=[[0, INF], [1, 0]], problem="atsp")
    write_instances(tmp_path / "set.npz", [made, made])
    assert [one.matrix.tolist() for one in read(tmp_path / "set.npz")] == [[[0, INF], [1, 0]]] * 2
    with pytest.raises(ValueError, match=r"no missing roads; write \.npz"):
        write_instances(tmp_path / "one.atsp", [made])
