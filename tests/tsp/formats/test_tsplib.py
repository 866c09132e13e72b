"""TSPLIB files: every file of the library is read, and every broken file is refused with its line."""

import csv
import re
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsp.formats import read, read_solution, write_instances, write_solution
from tsp.formats.tsplib import read_instance
from tsp.instance import EXPLICIT, Instance
from tsp.metrics import METRICS
from tsp.problems import PROBLEMS
from tsp.solution import check

HEAD = "NAME: t\nTYPE: TSP\nDIMENSION: 3\n"
POINTS = HEAD + "EDGE_WEIGHT_TYPE: EUC_2D\nNODE_COORD_SECTION\n1 0 0\n2 3 0\n3 3 4\nEOF\n"  # nodes in lines 6 to 8
FULL = (
    HEAD
    + "EDGE_WEIGHT_TYPE: EXPLICIT\nEDGE_WEIGHT_FORMAT: FULL_MATRIX\nEDGE_WEIGHT_SECTION\n0 1 2\n1 0 3\n2 3 0\nEOF\n"
)
UPPER = FULL.replace("FULL_MATRIX", "UPPER_ROW").replace("0 1 2\n1 0 3\n2 3 0\n", "1 2\n3\n")
FIXED = POINTS.replace("EOF\n", "FIXED_EDGES_SECTION\n1 2\n-1\nEOF\n")
CVRP = (
    POINTS.replace("TYPE: TSP", "TYPE: CVRP")
    .replace("NODE_C", "CAPACITY: 5\nNODE_C")
    .replace("EOF", "DEMAND_SECTION\n1 0\n2 3\n3 4\nDEPOT_SECTION\n1\n-1\nEOF")
)
CVRPTW = CVRP.replace("TYPE: CVRP", "TYPE: CVRPTW").replace(
    "EOF", "TIME_WINDOW_SECTION\n1 0 99\n2 10 50\n3 20 80\nSERVICE_TIME_SECTION\n1 0\n2 7\n3 8.5\nEOF"
)
OP = (
    POINTS.replace("TYPE: TSP", "TYPE: OP")
    .replace("NODE_C", "COST_LIMIT: 9\nNODE_C")
    .replace("EOF", "NODE_SCORE_SECTION\n1 7\n2 3\n3 4\nDEPOT_SECTION\n1\n-1\nEOF")
)
TOUR = "NAME: t\nTYPE: TOUR\nDIMENSION: 3\nTOUR_SECTION\n1\n3\n2\n-1\nEOF\n"


@pytest.fixture
def write(tmp_path):
    def write(content, name="t.tsp"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def swap(text, old, new):
    assert old in text
    return text.replace(old, new, 1)


def cut(text, lines):
    return "".join(text.splitlines(keepends=True)[:lines])


# By error: the file, the line that the message names, and a piece of the message.
BROKEN = {
    "empty file": ("", 1, "the file is empty"),
    "blank file": (" \n\n", 1, "the file is empty"),
    "zero bytes": (b"NAME: t\n\0\0\1", 2, "binary data, expected text"),
    "random bytes": (bytes(range(128, 256)), 1, "expected a keyword"),
    "another text": ("Dear colleague,\nplease find attached", 1, "unknown keyword 'Dear'"),
    "misspelt keyword": (swap(POINTS, "DIMENSION", "DIMENSIONS"), 3, "did you mean 'DIMENSION'?"),
    "no TYPE": (swap(POINTS, "TYPE: TSP\n", ""), 8, "the file ends without TYPE"),
    "no DIMENSION": (swap(POINTS, "DIMENSION: 3\n", ""), 8, "the file ends without DIMENSION"),
    "no EDGE_WEIGHT_TYPE": (swap(POINTS, "EDGE_WEIGHT_TYPE: EUC_2D\n", ""), 8, "ends without EDGE_WEIGHT_TYPE"),
    "TYPE of a tour": (swap(POINTS, "TYPE: TSP", "TYPE: TOUR"), 2, "TYPE 'TOUR', expected TSP or ATSP"),
    "TYPE SOP": (
        swap(POINTS, "TYPE: TSP", "TYPE: SOP"),
        2,
        "expected TSP or ATSP or CVRP or OP or CVRPTW or VRPTW (other",
    ),
    "TYPE empty": (swap(POINTS, "TYPE: TSP", "TYPE:"), 2, "TYPE '', expected TSP or ATSP"),
    "keyword twice": (swap(POINTS, "EDGE_W", "DIMENSION: 3\nEDGE_W"), 4, "DIMENSION is given twice, first in line 3"),
    "section twice": (POINTS[:-4] + "NODE_COORD_SECTION\n", 9, "given twice, first in line 5"),
    "DIMENSION zero": (swap(POINTS, ": 3", ": 0"), 3, "DIMENSION '0', expected a whole number from 1 to 10^15"),
    "DIMENSION negative": (swap(POINTS, ": 3", ": -3"), 3, "DIMENSION '-3', expected a whole number"),
    "DIMENSION fraction": (swap(POINTS, ": 3", ": 3.5"), 3, "DIMENSION '3.5', expected a whole number"),
    "DIMENSION word": (swap(POINTS, ": 3", ": three"), 3, "DIMENSION 'three', expected a whole number"),
    "DIMENSION of 5000 digits": (swap(POINTS, ": 3", ": " + "9" * 5000), 3, "expected a whole number"),
    "DIMENSION too large": (swap(POINTS, ": 3", ": 4"), 8, "3 nodes, expected 4 (DIMENSION)"),
    "DIMENSION too small": (swap(POINTS, ": 3", ": 2"), 8, "3 nodes, expected 2 (DIMENSION)"),
    "unknown EDGE_WEIGHT_TYPE": (swap(POINTS, "EUC_2D", "EUC2D"), 4, "unknown EDGE_WEIGHT_TYPE 'EUC2D'; did you mean"),
    "euclidean is no TSPLIB type": (swap(POINTS, "EUC_2D", "euclidean"), 4, "unknown EDGE_WEIGHT_TYPE 'euclidean'"),
    "cut off within the header": (cut(POINTS, 3), 3, "the file ends without EDGE_WEIGHT_TYPE"),
    "cut off before the section": (cut(POINTS, 4), 4, "the file ends without NODE_COORD_SECTION"),
    "cut off at the section": (cut(POINTS, 5), 5, "0 nodes, expected 3"),
    "cut off within the section": (cut(POINTS, 7), 7, "2 nodes, expected 3"),
    "cut off within a line": (cut(POINTS, 7) + "3 3", 8, "2 number(s), expected 3: node, x, y"),
    "a coordinate missing": (swap(POINTS, "2 3 0", "2 3"), 7, "2 number(s), expected 3: node, x, y"),
    "a coordinate too many": (swap(POINTS, "2 3 0", "2 3 0 1"), 7, "4 number(s), expected 3: node, x, y"),
    "missing here, too many there": (swap(swap(POINTS, "1 0 0", "1 0"), "3 3 4", "3 3 4 9"), 6, "2 number(s)"),
    "3-D with two coordinates": (swap(POINTS, "EUC_2D", "EUC_3D"), 6, "3 number(s), expected 4: node, x, y, z"),
    "a word for a number": (swap(POINTS, "2 3 0", "2 three 0"), 7, "'three', expected a number"),
    "a decimal comma": (swap(POINTS, "2 3 0", "2 3,5 0"), 7, "'3,5', expected a number"),
    "a digit separator": (swap(POINTS, "2 3 0", "2 3_000 0"), 7, "'3_000', expected a number"),
    "digits of another script": (swap(POINTS, "2 3 0", "2 ٣ 0"), 7, "expected a number"),
    "NaN": (swap(POINTS, "2 3 0", "2 nan 0"), 7, "nan, expected a finite number"),
    "infinity": (swap(POINTS, "2 3 0", "2 -Infinity 0"), 7, "-inf, expected a finite number"),
    "beyond a float": (swap(POINTS, "2 3 0", "2 1e999 0"), 7, "inf, expected a finite number"),
    "NaN for a node": (swap(POINTS, "2 3 0", "nan 3 0"), 7, "node nan, expected a whole number of 0 or more"),
    "node -1": (swap(POINTS, "1 0 0", "-1 0 0"), 6, "node -1, expected a whole number of 0 or more"),
    "node 1.5": (swap(POINTS, "2 3 0", "1.5 3 0"), 7, "node 1.5, expected a whole number of 0 or more"),
    "node twice": (swap(POINTS, "3 3 4", "1 3 4"), 8, "node 1 is given twice and node 3 is missing"),
    "data beside the keyword": (
        swap(POINTS, "SECTION\n", "SECTION 1 0 0\n"),
        5,
        "expected the numbers on the next lines",
    ),
    "data before any section": (swap(POINTS, "NODE_COORD_SECTION\n", ""), 5, "'1 0 0', expected a keyword"),
    "a word among the data": (swap(POINTS, "2 3 0", "two 3 0"), 7, "unknown keyword 'two'"),
    "coordinates but NO_COORDS": (
        swap(POINTS, "NODE", "NODE_COORD_TYPE: NO_COORDS\nNODE"),
        5,
        "expected 2 coordinates",
    ),
    "unknown NODE_COORD_TYPE": (
        swap(POINTS, "NODE", "NODE_COORD_TYPE: FLAT\nNODE"),
        5,
        "unknown NODE_COORD_TYPE 'FLAT'",
    ),
    "unknown DISPLAY_DATA_TYPE": (swap(POINTS, "NODE", "DISPLAY_DATA_TYPE: TV\nNODE"), 5, "unknown DISPLAY_DATA_TYPE"),
    "format without matrix": (
        swap(POINTS, "NODE", "EDGE_WEIGHT_FORMAT: UPPER_ROW\nNODE"),
        5,
        "EDGE_WEIGHT_TYPE EUC_2D",
    ),
    "a demand": (POINTS[:-4] + "DEMAND_SECTION\n1 5\n", 9, "DEMAND_SECTION does not belong in a file of TYPE TSP"),
    "a capacity": (swap(POINTS, "NODE", "CAPACITY: 5\nNODE"), 5, "CAPACITY does not belong in a file of TYPE TSP"),
    "no demands": (swap(CVRP, "DEMAND_SECTION\n1 0\n2 3\n3 4\n", ""), 13, "the file ends without DEMAND_SECTION"),
    "no capacity": (swap(CVRP, "CAPACITY: 5\n", ""), 16, "the file ends without CAPACITY"),
    "capacity negative": (swap(CVRP, ": 5", ": -5"), 5, "CAPACITY '-5', expected a number of 0 or more"),
    "half a vehicle": (swap(CVRP, "CAPACITY", "VEHICLES: 2.5\nCAPACITY"), 5, "VEHICLES '2.5', expected a whole number"),
    "a demand missing": (swap(CVRP, "2 3\n", ""), 12, "DEMAND_SECTION: 2 nodes, expected 3 (DIMENSION)"),
    "a demand negative": (swap(CVRP, "2 3\n", "2 -3\n"), 12, "DEMAND_SECTION: demand -3, expected 0 or more"),
    "a demand without its node": (swap(CVRP, "2 3\n", "3\n"), 12, "1 number(s), expected 2: node, demand"),
    "two depots": (swap(CVRP, "1\n-1\nEOF", "1\n2\n-1\nEOF"), 15, "DEPOT_SECTION: 2 nodes, expected one"),
    "a depot that is not a node": (
        swap(CVRP, "1\n-1\nEOF", "4\n-1\nEOF"),
        15,
        "node 4, expected a whole number from 1 to 3",
    ),
    "DISTANCE negative": (swap(CVRP, "CAPACITY", "DISTANCE: -1\nCAPACITY"), 5, "DISTANCE '-1', expected a number of"),
    "SERVICE_TIME of a word": (swap(CVRP, "CAP", "SERVICE_TIME: ten\nCAP"), 5, "SERVICE_TIME 'ten', expected a number"),
    "VRPTW without windows": (swap(CVRP, "TYPE: CVRP", "TYPE: VRPTW"), 17, "the file ends without TIME_WINDOW_SECTION"),
    "a window that closes early": (swap(CVRPTW, "3 20 80", "3 80 20"), 20, "a window from 80 to 20, expected to open"),
    "a service time negative": (swap(CVRPTW, "2 7", "2 -7"), 23, "service time -7, expected 0 or more"),
    "no limit": (swap(OP, "COST_LIMIT: 9\n", ""), 16, "the file ends without COST_LIMIT"),
    "limit of a word": (swap(OP, ": 9", ": nine"), 5, "COST_LIMIT 'nine', expected a number of 0 or more"),
    "no scores": (swap(OP, "NODE_SCORE_SECTION\n1 7\n2 3\n3 4\n", ""), 13, "the file ends without NODE_SCORE_SECTION"),
    "a tour within": (
        POINTS[:-4] + "TOUR_SECTION\n1 2 3 -1\n",
        9,
        "TOUR_SECTION does not belong in a file of TYPE TSP",
    ),
    "matrix for coordinates": (swap(FULL, "EXPLICIT\nEDGE_WEIGHT_FORMAT: FULL_MATRIX", "GEO"), 4, "expected EXPLICIT"),
    "no EDGE_WEIGHT_FORMAT": (
        swap(FULL, "EDGE_WEIGHT_FORMAT: FULL_MATRIX\n", ""),
        9,
        "ends without EDGE_WEIGHT_FORMAT",
    ),
    "matrix by FUNCTION": (swap(FULL, "FULL_MATRIX", "FUNCTION"), 5, "FUNCTION: does not go with EDGE_WEIGHT_TYPE"),
    "unknown EDGE_WEIGHT_FORMAT": (swap(FULL, "FULL_MATRIX", "FULL"), 5, "unknown EDGE_WEIGHT_FORMAT 'FULL'"),
    "no EDGE_WEIGHT_SECTION": (cut(FULL, 5), 5, "the file ends without EDGE_WEIGHT_SECTION"),
    "a weight too few": (swap(FULL, "2 3 0", "2 3"), 9, "8 numbers, expected 9 (DIMENSION 3, FULL_MATRIX)"),
    "a weight too many": (swap(UPPER, "3\nEOF", "3\n4\nEOF"), 9, "4 numbers, expected 3 (DIMENSION 3, UPPER_ROW)"),
    "full numbers, declared a triangle": (swap(FULL, "FULL_MATRIX", "LOWER_DIAG_ROW"), 9, "9 numbers, expected 6"),
    "a negative weight": (swap(UPPER, "1 2\n3", "1 2\n-3"), 8, "-3, expected a finite distance of 0 or more"),
    "a weight that is NaN": (swap(UPPER, "1 2\n3", "1 nan\n3"), 7, "nan, expected a finite distance"),
    "TSP with one-way weights": (swap(FULL, "2 3 0", "2 9 0"), 9, "9 from node 3 to 2, but 3 from 2 to 3"),
    "fixed edge of one node": (swap(FIXED, "1 2\n-1", "1 2 3\n-1"), 10, "3 nodes, expected pairs of nodes and -1"),
    "fixed edge to an unknown node": (
        swap(FIXED, "1 2\n-1", "1 7\n-1"),
        10,
        "node 7, expected a whole number from 1 to 3",
    ),
    "fixed edge to itself": (swap(FIXED, "1 2\n-1", "2 3\n1 1\n-1"), 11, "1 and 1, expected two different nodes"),
    "numbers after the fixed edges": (swap(FIXED, "-1\n", "-1\n2 3\n"), 10, "expected pairs of nodes and -1"),
    "display data cut off": (POINTS[:-4] + "DISPLAY_DATA_SECTION\n1 1 1\n", 10, "1 nodes, expected 3"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_tsplib_file_is_refused_in_one_sentence_with_its_line(write, name):
    content, line, piece = BROKEN[name]
    path = write(content)
    with pytest.raises(ValueError, match=re.escape(piece)) as refusal:
        read(path)
    message = str(refusal.value)
    assert message.startswith(f"{path}:{line}: ")
    assert "\n" not in message
    assert len(message) < len(str(path)) + 300


@pytest.mark.parametrize("text", [POINTS, FULL, UPPER, FULL.replace("FULL_MATRIX", "LOWER_COL"), TOUR])
def test_a_dimension_of_a_million_millions_is_refused_without_allocating_memory_for_it(write, text):
    path = write(swap(text, "DIMENSION: 3", "DIMENSION: 1000000000000"))
    instance = Instance(coordinates=np.zeros((3, 2)))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="1000000000000"):
            read_instance(path) if text is not TOUR else read_solution(path.rename(path.with_suffix(".tour")), instance)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


LEGAL = {
    "as it stands": POINTS,
    "no blank after the colon": POINTS.replace(": ", ":"),
    "blanks around the colon and at the end": POINTS.replace(": ", "  :\t").replace("\n", "  \n"),
    "no colon": POINTS.replace(": ", " "),
    "lower case": POINTS.lower(),
    "Windows lines": POINTS.replace("\n", "\r\n"),
    "old Macintosh lines": POINTS.replace("\n", "\r"),
    "no EOF": POINTS.replace("EOF\n", ""),
    "no end of line at the end": POINTS.replace("\nEOF\n", ""),
    "anything after EOF": POINTS + "1 2 3 junk",
    "blank lines": "\n\n" + POINTS.replace("\n", "\n\n"),
    "other spellings of the numbers": POINTS.replace("2 3 0", " 2.0 +3.0e+00 -.0"),
    "any order of nodes": swap(swap(POINTS, "1 0 0\n", ""), "EOF", "1 0 0\nEOF"),
    "any order of keywords": swap(swap(POINTS, "DIMENSION: 3\n", ""), "EOF\n", "DIMENSION: 3\nEOF\n"),
    "comments": POINTS.replace("TYPE: TSP", "COMMENT: DIMENSION: 7\nCOMMENT\nTYPE: TSP (Grötschel)"),
    "byte order mark": "\ufeff" + POINTS,
    "FUNCTION": POINTS.replace("NODE_C", "EDGE_WEIGHT_FORMAT: FUNCTION\nNODE_COORD_TYPE: TWOD_COORDS\nNODE_C"),
    "display data of its own": swap(POINTS, "EOF", "DISPLAY_DATA_SECTION\n1 7 7\n2 8 8\n3 9 9\nEOF"),
    "non-breaking blanks": POINTS.replace("2 3 0", "2\xa03\xa00"),
}


@pytest.mark.parametrize("name", LEGAL)
def test_every_spelling_that_tsplib_allows_is_read(write, name):
    instance = read_instance(write(LEGAL[name], "file.tsp"))
    assert instance.coordinates.tolist() == [[0, 0], [3, 0], [3, 4]]
    assert (instance.metric, instance.problem) == ("EUC_2D", "tsp")
    assert instance.name == "file"  # not NAME, which is wrong in many files of TSPLIB


def test_a_tsplib_file_that_is_not_utf8_is_read_as_latin_1(write):
    assert read_instance(write(POINTS.replace("NAME: t", "COMMENT: Grötschel").encode("latin-1"))).size == 3


@pytest.mark.parametrize("anything", ["nan", "inf", "-1", "1e999", "9999"])
def test_the_diagonal_of_a_matrix_is_ignored(write, anything):
    instance = read_instance(write(FULL.replace("0", anything)))
    assert instance.matrix.tolist() == [[0, 1, 2], [1, 0, 3], [2, 3, 0]]


def test_in_an_asymmetric_matrix_distances_are_from_row_to_column(write):
    instance = read_instance(write(FULL.replace("TYPE: TSP", "TYPE: ATSP").replace("2 3 0", "7 8 0"), "t.atsp"))
    assert instance.legs([0, 2], [2, 0]).tolist() == [2, 7]
    assert instance.problem in PROBLEMS


@pytest.mark.parametrize(
    ("section", "points"),
    [
        ("DISPLAY_DATA_TYPE: TWOD_DISPLAY\nDISPLAY_DATA_SECTION\n3 5 6\n2 3 4\n1 1 2\n", [[1, 2], [3, 4], [5, 6]]),
        ("NODE_COORD_SECTION\n1 1 2\n2 3 4\n3 5 6\n", [[1, 2], [3, 4], [5, 6]]),
        (
            "NODE_COORD_TYPE: THREED_COORDS\nNODE_COORD_SECTION\n1 1 2 0\n2 3 4 0\n3 5 6 0\n",
            [[1, 2, 0], [3, 4, 0], [5, 6, 0]],
        ),
    ],
)
def test_points_beside_a_matrix_are_used_for_drawing_only(write, section, points):
    instance = read_instance(write(FULL.replace("EOF\n", section)))
    assert instance.coordinates.tolist() == points
    assert instance.tour_length([0, 1, 2]) == 6


def test_fixed_edges_are_read_with_nodes_from_0(write):
    assert read_instance(write(FIXED)).fixed_edges.tolist() == [[0, 1]]
    assert read_instance(write(FIXED.replace("-1\n", ""))).fixed_edges.tolist() == [[0, 1]]
    assert read_instance(write(FIXED.replace("1 2\n", ""))).fixed_edges is None


@pytest.mark.parametrize("nodes", [1, 2])
def test_a_file_of_one_or_two_nodes_is_an_instance(write, nodes):
    lines = "".join(f"{i} {i} 5\n" for i in range(1, nodes + 1))
    instance = read_instance(
        write(f"TYPE: TSP\nDIMENSION: {nodes}\nEDGE_WEIGHT_TYPE: EUC_2D\nNODE_COORD_SECTION\n{lines}")
    )
    assert instance.size == nodes
    assert instance.tour_length(range(nodes)) == 2 * (nodes - 1)


@pytest.mark.parametrize(
    ("content", "tours"),
    [
        (TOUR, [[0, 2, 1]]),
        (TOUR.replace("1\n3\n2\n-1\nEOF\n", "1 3 2 -1"), [[0, 2, 1]]),
        (TOUR.replace("-1\nEOF\n", ""), [[0, 2, 1]]),
        (TOUR.replace("DIMENSION: 3\n", ""), [[0, 2, 1]]),
        (TOUR.replace("3\n2\n-1\n", "-1\n3\n2\n-1\n-1\n"), [[0], [2, 1]]),
        (TOUR.replace("3\n2\n", "3\n3\n"), [[0, 2, 2]]),  # for the checker to judge
    ],
)
def test_tours_are_read_with_nodes_from_0(write, content, tours):
    instance = read_instance(write(POINTS))
    found = read_solution(write(content, "t.tour"), instance)
    assert [tour.tolist() for tour in found] == tours


@pytest.mark.parametrize(
    ("content", "line", "piece"),
    [
        (TOUR.replace("DIMENSION: 3", "DIMENSION: 4"), 3, "DIMENSION 4: expected 3, the nodes of t"),
        (TOUR.replace("3\n2", "4\n2"), 6, "node 4, expected a whole number from 1 to 3, or -1"),
        (TOUR.replace("3\n2", "0\n2"), 6, "node 0, expected a whole number from 1 to 3, or -1"),
        (TOUR.replace("3\n2", "2.5\n2"), 6, "node 2.5, expected"),
        (TOUR.replace("3\n2", "x\n2"), 6, "unknown keyword 'x'"),
        (TOUR.replace("1\n3\n2\n", ""), 5, "no node, expected a tour"),
        (TOUR.replace("TOUR_SECTION\n1\n3\n2\n-1\n", ""), 4, "ends without TOUR_SECTION"),
        (POINTS, 2, "TYPE 'TSP', expected TOUR"),
        (TOUR.replace("TOUR_SECTION", "NODE_COORD_SECTION"), 4, "does not belong in a file of TYPE TOUR"),
    ],
)
def test_a_broken_tour_file_is_refused_in_one_sentence_with_its_line(write, content, line, piece):
    instance = read_instance(write(POINTS))
    path = write(content, "t.tour")
    with pytest.raises(ValueError, match=re.escape(piece)) as refusal:
        read_solution(path, instance)
    assert str(refusal.value).startswith(f"{path}:{line}: ")
    assert "\n" not in str(refusal.value)


numbers = st.integers(-(10**6), 10**6) | st.floats(-1e100, 1e100)


@st.composite
def instances(draw):
    """Any instance that TSPLIB can hold."""
    n = draw(st.integers(1, 6))
    metric = draw(st.sampled_from([*METRICS, EXPLICIT]))
    dimensions = draw(st.sampled_from((2, 3) if metric == EXPLICIT else METRICS[metric].dimensions))
    coordinates = draw(st.lists(st.lists(numbers, min_size=dimensions, max_size=dimensions), min_size=n, max_size=n))
    matrix = None
    if metric == EXPLICIT:
        row = st.lists(st.integers(0, 99) | st.floats(0, 1e100), min_size=n, max_size=n)
        matrix = np.array(draw(st.lists(row, min_size=n, max_size=n)))
        if draw(st.booleans()):
            matrix = np.maximum(matrix, matrix.T)
        coordinates = draw(st.sampled_from((None, coordinates)))
    pairs = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda pair: pair[0] != pair[1])
    edges = draw(st.lists(pairs, max_size=3)) if n > 1 else []
    return Instance(coordinates, matrix, metric if matrix is None else EXPLICIT, fixed_edges=edges or None)


@pytest.mark.filterwarnings("ignore:.*EDGE_WEIGHT_TYPE GEO means degrees and minutes")
@settings(max_examples=50)
@given(instances())
def test_an_instance_written_as_tsplib_is_read_bit_identically(instance):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "again.tsp"
        write_instances(path, [instance])
        (again,) = read(path)
    assert again.fingerprint == instance.fingerprint
    assert np.array_equal(again.coordinates, instance.coordinates) or again.coordinates is instance.coordinates is None


@settings(max_examples=25)
@given(st.permutations(range(7)))
def test_a_written_tour_is_read_unchanged(tour):
    instance = Instance(coordinates=np.arange(14.0).reshape(7, 2), name="two\nlines")
    solution = check(PROBLEMS["tsp"], instance, [tour], solver="by hand")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.tour"
        write_solution(path, instance, solution)
        text = path.read_text()
        (again,) = read_solution(path, instance)
    assert again.tolist() == solution.tours[0].tolist()
    assert "NAME: two lines\n" in text
    assert f"COMMENT: length {solution.objective!r} by by hand\n" in text


@pytest.mark.parametrize(("dimensions", "name"), [(2, "EXACT_2D"), (3, "EXACT_3D")])
def test_unrounded_distances_are_read_and_written_under_the_names_of_lkh(write, dimensions, name):
    points = [[0.5, 0, 0][:dimensions], [3, 4.5, 1][:dimensions]]
    rows = "".join(f"{i} {' '.join(map(str, point))}\n" for i, point in enumerate(points, 1))
    path = write(f"TYPE: TSP\nDIMENSION: 2\nEDGE_WEIGHT_TYPE: {name}\nNODE_COORD_SECTION\n{rows}")
    instance = read_instance(path)
    assert (instance.metric, instance.coordinates.tolist()) == ("euclidean", points)
    write_instances(path.with_name("again.tsp"), [instance])
    assert f"EDGE_WEIGHT_TYPE: {name}\n" in path.with_name("again.tsp").read_text()
    assert read_instance(path.with_name("again.tsp")).fingerprint == instance.fingerprint


def test_decimal_degrees_under_geo_are_read_by_the_letter_with_a_note(write):
    geo = POINTS.replace("EUC_2D", "GEO")
    path = write(geo.replace("2 3 0", "2 3.25 -0.6"))
    with pytest.warns(UserWarning, match=re.escape(f"{path}: EDGE_WEIGHT_TYPE GEO means degrees and minutes")) as notes:
        instance = read_instance(path)
    assert "as which -0.6 of node 2 is unusual" in str(notes[0].message)
    assert instance.coordinates.tolist() == [[0, 0], [3.25, -0.6], [3, 4]]
    with pytest.warns(UserWarning, match="as which 3.73 of node 2, and 2 more of 6 coordinates are unusual"):
        read_instance(write(geo.replace("2 3 0", "2 3.73 0.99").replace("3 3 4", "3 3 4.8")))
    read_instance(write(geo.replace("2 3 0", "2 3.59 -0.595")))  # no note: 59 minutes, 59.5 minutes


@pytest.mark.data
@pytest.mark.filterwarnings("ignore:.*ali535")  # three of its coordinates are no degrees and minutes
@pytest.mark.parametrize(("folder", "ending"), [("tsplib", ".tsp"), ("national", ".tsp"), ("atsp", ".atsp")])
def test_every_file_of_tsplib_is_read_and_its_optimal_tour_has_the_listed_length(data_folder, folder, ending):
    with (data_folder / folder / "optima.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(list((data_folder / folder).glob(f"*{ending}")))
    evaluated = 0
    for row in rows:
        path = data_folder / folder / f"{row['name']}{ending}"
        (instance,) = read(path)
        assert (instance.name, instance.size) == (row["name"], int(row["n"]))
        assert instance.metric == row["edge_weight_type"]
        assert instance.symmetric == (ending == ".tsp") or row["name"].startswith("si"), row
        tour = path.with_suffix(".opt.tour")
        if tour.exists():
            solution = check(PROBLEMS["tsp"], instance, read_solution(tour, instance))
            assert (solution.objective, solution.violations) == (float(row["optimum"]), ()), row
            evaluated += 1
    assert evaluated == {"tsplib": 87, "national": 0, "atsp": 19}[folder]


@pytest.mark.data
def test_linhp318_keeps_its_fixed_edge_and_lin318_has_none(data_folder):
    (free,) = read(data_folder / "tsplib" / "lin318.tsp")
    (fixed,) = read(data_folder / "tsplib" / "linhp318.tsp")
    assert free.fixed_edges is None
    assert fixed.fixed_edges.tolist() == [[0, 213]]
    assert (free.name, fixed.name) == ("lin318", "linhp318")
    np.testing.assert_array_equal(free.coordinates, fixed.coordinates)
    optimal = read_solution(data_folder / "tsplib" / "lin318.opt.tour", free)
    assert check(PROBLEMS["tsp"], free, optimal).objective == 42029
    assert check(PROBLEMS["tsp"], fixed, optimal).violations == ("fixed edge 1-214 is not used",)
    kept = read_solution(data_folder / "tsplib" / "linhp318.opt.tour", fixed)
    assert check(PROBLEMS["tsp"], fixed, kept).objective == 45214


@pytest.mark.parametrize(("section", "depot"), [("1\n-1\n", 0), (" 3\t\n -1\n", 2)])
def test_a_cvrp_file_has_demands_a_capacity_and_a_depot(write, section, depot):
    instance = read_instance(write(swap(CVRP, "1\n-1\nEOF", f"{section}EOF"), "t.vrp"))
    assert (instance.problem, instance.capacity, instance.depot, instance.num_tours) == ("cvrp", 5, depot, None)
    assert instance.demands.tolist() == [0, 3, 4]
    assert read_instance(write(swap(CVRP, "CAPACITY", "VEHICLES: 2\nCAPACITY"))).num_tours == 2
    assert read_instance(write(CVRP.partition("DEPOT")[0])).depot == 0


@pytest.mark.parametrize("kind", ["CVRP", "CVRPTW", "VRPTW"])
def test_a_cvrp_file_with_time_windows_is_read_as_that_problem(write, kind):
    instance = read_instance(write(swap(CVRPTW, "TYPE: CVRPTW", f"TYPE: {kind}"), "t.vrp"))
    assert (instance.problem, instance.capacity, instance.demands.tolist()) == ("cvrptw", 5, [0, 3, 4])
    assert instance.time_windows.tolist() == [[0, 99], [10, 50], [20, 80]]
    assert instance.service_times.tolist() == [0, 7, 8.5]


def test_a_service_time_for_all_is_that_of_every_customer_but_not_of_the_depot(write):
    text = swap(swap(CVRP, "CAPACITY", "SERVICE_TIME : 12.5\nCAPACITY"), "1\n-1\nEOF", "2\n-1\nEOF")
    instance = read_instance(write(text, "t.vrp"))
    assert (instance.problem, instance.depot, instance.service_times.tolist()) == ("cvrp", 1, [12.5, 0, 12.5])
    section = swap(CVRPTW, "CAPACITY", "SERVICE_TIME: 12\nCAPACITY")  # a default, which the section replaces
    assert read_instance(write(section, "t.vrp")).service_times.tolist() == [0, 7, 8.5]


def test_a_limit_on_the_distance_of_a_cvrp_is_the_largest_length_of_a_tour(write):
    instance = read_instance(write(swap(CVRP, "CAPACITY", "DISTANCE: 95.5\nCAPACITY"), "t.vrp"))
    assert (instance.problem, instance.max_length, instance.service_times) == ("cvrp", 95.5, None)


def test_an_oplib_file_has_scores_and_a_limit(write):
    instance = read_instance(write(swap(OP, "TYPE", "TSPSOL: 12\nTYPE"), "t.oplib"))
    assert (instance.problem, instance.max_length, instance.depot, instance.end) == ("op", 9, 0, None)
    assert instance.prizes.tolist() == [7, 3, 4]


def test_a_solution_of_oplib_is_read_with_nodes_from_0(write):
    instance = read_instance(write(OP, "t.oplib"))
    text = "NAME : t\nTYPE : OP\nDIMENSION : 3\nCOST_LIMIT : 9\nROUTE_NODES : 2\nROUTE_SCORE : 10\nROUTE_COST : 6\n"
    solution = write(text + "NODE_SEQUENCE_SECTION\n1\n2\n-1\nDEPOT_SECTION\n1\n-1\nEOF\n", "t.sol")
    assert [tour.tolist() for tour in read_solution(solution, instance)] == [[0, 1]]
    with pytest.raises(ValueError, match=r"t\.sol:7: the file ends without NODE_SEQUENCE_SECTION"):
        read_solution(write(text, "t.sol"), instance)


def test_an_instance_with_attributes_that_tsplib_cannot_hold_is_not_written(tmp_path, write):
    instance = read_instance(write(CVRP))
    with pytest.raises(ValueError, match=r"t: TSPLIB's \.tsp cannot hold its demands and capacity"):
        write_instances(tmp_path / "a.tsp", [instance])
