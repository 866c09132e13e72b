"""Plain lists of points, and what they must not be taken for."""

import itertools

import numpy as np
import pytest
from broken_files import refuse

from tsp.formats import read

POINTS = [[11, 4], [36, 7], [41, 29.5], [17, -33]]


@pytest.mark.parametrize("problem", [None, "tsp", "shpp"])
@pytest.mark.parametrize("ending", ["", ".txt", ".dat", ".xy"])
@pytest.mark.parametrize(
    "text",
    [
        "11 4\n36 7\n41 29.5\n17 -33\n",
        "  11   4\r\n36\t7\r\n\r\n41 2.95e1 # the third\r\n17 -33",
        "# x y\n4\n11,4\n36, 7\n41 ,29.5\n17,-33\n",
        "x y\n11 4\n36 7\n41 29.5\n17 -33\n",
        "11;4\n36;7\n41;29,5\n17;-33\n",
        "11\t4\n36\t7\n41\t29,5\n17\t-33\n",
        "11 4\n36 7\n41 29,5\n17 -33\n",
    ],
)
def test_lines_of_two_numbers_are_points(write, text, ending, problem):
    (instance,) = read(write(text, f"a{ending}"), problem=problem)
    assert instance.coordinates.tolist() == POINTS
    assert (instance.names, instance.metric, instance.problem) == (None, "euclidean", problem or "tsp")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1 11 4\n2 36 7\n3 41 29.5\n4 17 -33\n", ("1", "2", "3", "4")),
        ("0,11,4\n1,36,7\n2,41,29.5\n3,17,-33\n", ("0", "1", "2", "3")),
        ("7 11 4\n5 36 7\n6 41 29.5\n8 17 -33\n", ("7", "5", "6", "8")),
        ("4\n1\t11\t4\n2\t36\t7\n3\t41\t29.5\n4\t17\t-33\n", ("1", "2", "3", "4")),
        ("name x y\nHub 11 4\nA1 36 7\n12 41 29.5\nn 17 -33\n", ("Hub", "A1", "12", "n")),
        ("Old Town, 11, 4\nB, 36, 7\nC, 41, 29.5\nD, 17, -33\n", ("Old Town", "B", "C", "D")),
        ("n 11 4\nm 36 7\ntmax 41 29.5\nD 17 -33\n", ("n", "m", "tmax", "D")),
        ("1;11;4\n2;36;7\n3;41;29,5\n4;17;-33\n", ("1", "2", "3", "4")),
    ],
)
def test_a_first_column_of_words_or_of_consecutive_numbers_names_the_points(write, text, names):
    (instance,) = read(write(text))
    assert instance.coordinates.tolist() == POINTS
    assert instance.names == names


@pytest.mark.parametrize("count", range(1, 9))
@pytest.mark.parametrize("first", [None, 0, 1, 40])
@pytest.mark.parametrize("is_stated", [False, True])
def test_a_list_of_any_size_is_never_taken_for_another_set(write, count, first, is_stated):
    points = np.random.default_rng(count).integers(1, 90, (count, 2))
    numbers = itertools.repeat("") if first is None else itertools.count(first)
    lines = [f"{number} {x} {y}" for number, (x, y) in zip(numbers, points.tolist(), strict=False)]
    (instance,) = read(write("\n".join([str(count)] * is_stated + lines)))
    assert instance.coordinates.tolist() == points.tolist()
    assert instance.problem == "tsp"


@pytest.mark.parametrize(
    ("text", "line", "piece"),
    [
        ("1 2\n3 4\n5\n6 7\n", 3, "'5', expected x y or name x y as in the other lines"),
        ("1 2\n3 4\n5 six\n6 7\n", 3, "'5 six', expected x y"),
        ("1 2\n3 4\n5 6 7\n8 9\n", 3, "'5 6 7', expected x y"),
        ("1 5 6\n2 7 8\n3 9\n4 1 1\n", 3, "'3 9', expected x y or name x y as in the other lines"),
        ("3\n1 2\n3 4\n", 1, "3 points announced, but 2 lines of points follow"),
        ("4\n1 2\n3 x\n5 6\n7 8\n", 3, "'3 x', expected x y"),
        ("30 5 61\n12 44 58\n77 71 33\n", 1, "3 numbers, and the first ones (30, 12, 77, …) do not number the nodes"),
        ("0.5 5 61\n1.5 44 58\n2.5 71 33\n", 1, "a first line such as name,x,y,demand says what the columns are"),
        ("A 5 61\nB 44 58\nA 71 33\n", 3, "name 'A' is given twice, expected different names"),
        ("nan 2\n3 4\n5 6\n", 1, "'nan 2', expected x y"),
    ],
)
def test_a_list_with_a_mistake_is_refused_with_its_line(write, text, line, piece):
    refuse(write(text), line, piece)


@pytest.mark.parametrize(
    "text", ["10 20 30 40\n50 60 70 80\n90 10 20 30\n", "1 5 6 3\n2 7 8 3\n3 9 1 3\n4 1 1 3\n5 2 2 3\n6 1 1 1\n"]
)
def test_wider_tables_are_no_prizes_and_penalties(write, text):
    with pytest.raises(ValueError, match=r"unknown format, expected .*a list of points x y"):
        read(write(text))


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("1,2\n3,4\n5,6\n", None),
        ("1,2\n3,4\n", None),
        ("1;2,0\n3;4\n5;6\n", None),
        ("3\n1,2\n3,4\n5,6\n", None),
        ("Hub,1,2\nPier,3,4\nMole,5,6\n", ("Hub", "Pier", "Mole")),
        ("7,1,2\n9,3,4\n8,5,6\n", ("7", "9", "8")),
    ],
)
def test_a_csv_file_without_a_header_is_a_list_of_points(write, content, names):
    (instance,) = read(write(content, "a.csv"))
    assert instance.coordinates.tolist() == [[1, 2], [3, 4], [5, 6]][: instance.size]
    assert (instance.names, instance.matrix) == (names, None)


@pytest.mark.parametrize(
    ("content", "piece"),
    [
        ("1,2\n3,x\n5,6\n", "a.csv:2: '3 x', expected x y or name x y as in the other lines"),
        ("1,2\n3,4\n5,6,7\n", "a.csv:3: '5 6 7', expected x y or name x y"),
        ("7,1,2\n9,3,4\n9,5,6\n", "a.csv:3: 3 numbers, .* such as name,x,y,demand .* on the diagonal"),
        ("0,1,2\n1,0,x\n2,1,0\n", "a.csv:2: column 3: 'x', expected a distance of 0 or more"),
        ("1,2,3,4\n5,6,7,8\n", "a.csv:1: columns '1, 2, 3, 4', expected a first line that names them, such as name,x,"),
        ("name,px,py\na,1,2\nb,2,3\n", "a.csv:1: columns 'name, px, py', expected a header with name, x, y"),
    ],
)
def test_a_csv_file_without_a_header_that_is_no_list_of_points_is_refused(write, content, piece):
    with pytest.raises(ValueError, match=piece):
        read(write(content, "a.csv"))
