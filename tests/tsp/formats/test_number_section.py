"""Formats of matrices, and numbers of nodes that do not run from 1: they name the nodes everywhere."""

import re

import pytest
from broken_files import refuse

from tsp.formats import read, read_solution, write_solution
from tsp.formats.number_section import WEIGHT_FORMATS, Numbering
from tsp.instance import EXPLICIT, Instance
from tsp.problems import PROBLEMS
from tsp.solution import check

TSP = """TYPE: TSP
DIMENSION: 4
EDGE_WEIGHT_TYPE: EUC_2D
NODE_COORD_SECTION
120 0 0
77 3 0
431 3 4
9 0 4
FIXED_EDGES_SECTION
431 77
-1
"""
CVRP = """TYPE: CVRPTW
DIMENSION: 3
CAPACITY: 9
EDGE_WEIGHT_TYPE: EUC_2D
NODE_COORD_SECTION
120 0 0
0 3 0
431 3 4
DEMAND_SECTION
0 5
120 0
431 7
TIME_WINDOW_SECTION
431 1 2
0 3 4
120 0 9
DEPOT_SECTION
431
-1
"""
MATRIX = """TYPE: ATSP
DIMENSION: 3
EDGE_WEIGHT_TYPE: EXPLICIT
EDGE_WEIGHT_FORMAT: FULL_MATRIX
DISPLAY_DATA_SECTION
2 0 0
0 3 0
1 3 4
EDGE_WEIGHT_SECTION
0 1 2
10 0 12
20 21 0
"""


def test_nodes_keep_the_order_of_the_file_and_are_called_by_its_numbers(write):
    (instance,) = read(write(TSP, "a.tsp"))
    assert instance.names == ("120", "77", "431", "9")
    assert instance.coordinates.tolist() == [[0, 0], [3, 0], [3, 4], [0, 4]]
    assert instance.fixed_edges.tolist() == [[1, 2]]


def test_numbers_from_1_without_a_gap_are_no_names_and_order_the_nodes(write):
    text = TSP.replace("120 ", "3 ").replace("77 ", "1 ").replace("431 77", "3 1").replace("431 ", "4 ")
    (instance,) = read(write(text.replace("\n9 ", "\n2 "), "a.tsp"))
    assert instance.names is None
    assert instance.coordinates.tolist() == [[3, 0], [0, 4], [0, 0], [3, 4]]
    assert instance.fixed_edges.tolist() == [[0, 2]]


def test_every_section_uses_the_same_numbers_in_any_order(write):
    (instance,) = read(write(CVRP, "a.vrp"))
    assert instance.names == ("120", "0", "431")
    assert instance.demands.tolist() == [0, 5, 7]
    assert instance.time_windows.tolist() == [[0, 9], [3, 4], [1, 2]]
    assert instance.depot == 2


def test_demands_number_the_nodes_of_a_matrix_without_coordinates(write):
    text = MATRIX.replace("ATSP", "CVRP\nCAPACITY: 9").replace("DISPLAY_DATA", "DEMAND")
    text = text.replace("2 0 0", "5 0").replace("0 3 0", "8 3").replace("1 3 4", "6 4")
    (instance,) = read(write(text + "DEPOT_SECTION\n6\n-1\n", "a.vrp"))
    assert (instance.names, instance.depot) == (("5", "8", "6"), 2)
    assert instance.matrix.tolist() == [[0, 1, 2], [10, 0, 12], [20, 21, 0]]


def test_numbers_from_0_without_a_gap_are_the_rows_of_a_matrix(write):
    (instance,) = read(write(MATRIX, "a.atsp"))
    assert instance.names == ("2", "0", "1")
    assert instance.matrix.tolist() == [[0, 20, 21], [2, 0, 1], [12, 10, 0]]
    (symmetric,) = read(write(re.sub("0 1 2\n.*\n.*\n", "0 1 2\n1 0 5\n2 5 0\n", MATRIX), "b.tsp"))
    assert symmetric.legs([0, 0, 1], [1, 2, 2]).tolist() == [2, 5, 1]
    refuse(write(MATRIX.replace("ATSP", "TSP"), "c.tsp"), 11, "10 from node 1 to 0, but 1 from 0 to 1")


def test_a_tour_file_uses_the_numbers_of_the_instance(tmp_path, write):
    (instance,) = read(write(TSP, "a.tsp"))
    write_solution(tmp_path / "a.tour", instance, check(PROBLEMS["tsp"], instance, [[0, 3, 2, 1]]))
    assert "TOUR_SECTION\n120\n9\n431\n77\n-1\n" in (tmp_path / "a.tour").read_text()
    (tour,) = read_solution(tmp_path / "a.tour", instance)
    assert tour.tolist() == [0, 3, 2, 1]
    path = write("TYPE: TOUR\nTOUR_SECTION\n120\n1\n", "b.tour")
    with pytest.raises(
        ValueError, match=r"b\.tour:4: TOUR_SECTION: node 1, expected the number of a node, such as 120"
    ):
        read_solution(path, instance)


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (None, (1, 2, 3)),
        (("0", "1", "2"), (0, 1, 2)),
        (("7", "12", "3"), (7, 12, 3)),
        (("7", "12", "x"), (1, 2, 3)),
        (("7", "-2", "3"), (1, 2, 3)),
        (("7", "007", "3"), (1, 2, 3)),
    ],
)
def test_names_number_the_nodes_of_a_tour_file_if_they_are_different_whole_numbers(names, numbers):
    numbering = Numbering.of(Instance([[0, 0], [1, 0], [2, 0]], names=names))
    assert tuple(map(numbering.number, range(3))) == numbers


@pytest.mark.parametrize(
    ("content", "line", "piece"),
    [
        (TSP.replace("77 3 0", "120 3 0"), 6, "node 120 is given twice"),
        (TSP.replace("431 77", "431 78"), 10, "node 78, expected the number of a node, such as 120, or -1"),
        (
            CVRP.replace("431 7\n", "432 7\n"),
            12,
            "DEMAND_SECTION: node 432, expected the number of a node, such as 120",
        ),
        (CVRP.replace("120 0\n", "0 0\n"), 11, "DEMAND_SECTION: node 0 is given twice and node 120 is missing"),
        (CVRP.replace("431\n-1", "1\n-1"), 18, "DEPOT_SECTION: node 1, expected the number of a node, such as 120"),
    ],
)
def test_a_number_that_no_node_has_is_refused_with_its_line(write, content, line, piece):
    refuse(write(content, "a.vrp"), line, piece)


DISTANCES = [[0, 1, 2, 3], [1, 0, 4, 5], [2, 4, 0, 6], [3, 5, 6, 0]]
SPELLINGS = {  # the diagonal is 9 and is ignored
    "FULL_MATRIX": "9 1 2 3 1 9 4 5 2 4 9 6 3 5 6 9",
    "UPPER_ROW": "1 2 3 4 5 6",
    "LOWER_ROW": "1 2 4 3 5 6",
    "UPPER_DIAG_ROW": "9 1 2 3 9 4 5 9 6 9",
    "LOWER_DIAG_ROW": "9 1 9 2 4 9 3 5 6 9",
    "UPPER_COL": "1 2 4 3 5 6",
    "LOWER_COL": "1 2 3 4 5 6",
    "UPPER_DIAG_COL": "9 1 9 2 4 9 3 5 6 9",
    "LOWER_DIAG_COL": "9 1 2 3 9 4 5 9 6 9",
}


@pytest.mark.parametrize("weight_format", SPELLINGS)
@pytest.mark.parametrize("blank", [" ", "\n"])
def test_every_weight_format_is_read_however_its_lines_are_broken(write, weight_format, blank):
    text = (
        f"TYPE: TSP\nDIMENSION: 4\nEDGE_WEIGHT_TYPE: EXPLICIT\nEDGE_WEIGHT_FORMAT: {weight_format}\n"
        f"EDGE_WEIGHT_SECTION\n{SPELLINGS[weight_format].replace(' ', blank)}\n"
    )
    instance = read(write(text, "a.tsp"))[0]
    assert instance.matrix.tolist() == DISTANCES
    assert (instance.metric, instance.coordinates) == (EXPLICIT, None)


def test_every_weight_format_is_tested():
    assert set(SPELLINGS) | {"FUNCTION"} == set(WEIGHT_FORMATS)
