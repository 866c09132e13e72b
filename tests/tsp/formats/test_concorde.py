"""Tours as Concorde and linkern write them."""

import pytest

from tsp.formats import read, read_solution
from tsp.instance import Instance

GRID = Instance([[0, 0], [21, 20], [20, 0], [6, 35], [28, 33], [-9, 17]], name="grid")
EDGES = "6 6\n0 2 20\n2 1 20\n1 4 15\n4 3 22\n3 5 23\n5 0 19\n"


def tours(path):
    return [tour.tolist() for tour in read_solution(path, GRID)]


@pytest.mark.parametrize("name", ["a.sol", "a.tour", "a.txt", "a.cyc", "a"])
@pytest.mark.parametrize("text", ["6\n0 2 1 4 3 5 \n", "6\n0 2 1\n4 3\n5\n", "6 \r\n0 2 1 4 3 5"])
def test_concordes_nodes_count_from_0_under_any_ending(write, text, name):
    assert tours(write(text, name)) == [[0, 2, 1, 4, 3, 5]]


@pytest.mark.parametrize("name", ["a.sol", "a.tour", "a.edg", "a"])
@pytest.mark.parametrize(
    ("text", "tour"),
    [
        (EDGES, [0, 2, 1, 4, 3, 5]),
        (EDGES.replace("2 1 20\n", "") + "1 2 20.0\n", [0, 2, 1, 4, 3, 5]),  # in any order and either direction
        (EDGES.replace("0 2 20", "2 0 20"), [2, 0, 5, 3, 4, 1]),
    ],
)
def test_linkerns_edges_are_followed_from_the_first_of_them(write, text, tour, name):
    assert tours(write(text, name)) == [tour]


def test_edges_of_two_cycles_are_two_tours_for_the_checker(write):
    text = "6 6\n0 1 1\n1 2 1\n2 0 1\n3 4 1\n4 5 1\n5 3 1\n"
    assert tours(write(text)) == [[0, 1, 2], [3, 4, 5]]


def test_tiny_edge_lists_are_followed(write):
    pair, single = Instance([[0, 0], [3, 4]]), Instance([[0, 0]])
    assert [tour.tolist() for tour in read_solution(write("2 2\n1 0 5\n0 1 5\n"), pair)] == [[1, 0]]
    assert [tour.tolist() for tour in read_solution(write("1 1\n0 0 0\n"), single)] == [[0]]


@pytest.mark.parametrize(
    ("text", "line", "piece"),
    [
        ("5\n0 2 1 4 3\n", 1, "5 nodes, expected 6, the nodes of grid"),
        ("6\n0 2 1 4 3\n", 2, "5 nodes, expected 6, as the first line says"),
        ("6\n", 1, "0 nodes, expected 6, as the first line says"),
        ("6\n1 3 2 5 4 6\n", 2, "node 6, expected a whole number from 0 to 5"),
        (EDGES.replace("6 6", "7 7"), 1, "7 nodes, expected 6, the nodes of grid"),
        (EDGES.replace("6 6", "6 5"), 1, "5 edges announced, but 6 lines follow"),
        (EDGES.replace("5 0 19", "5 6 19"), 7, "node 6, expected a whole number from 0 to 5"),
        (EDGES.replace("5 0 19", "5 2 19"), 7, "a third edge of node 2, expected two of each node"),
        (EDGES.replace("6 6", "6 5").replace("5 0 19\n", ""), 6, "1 edge(s) of node 0, expected two of each node"),
        (EDGES.replace("5 0 19", "5 0"), 7, "2 number(s), expected 3: two nodes and the length between them"),
    ],
)
def test_a_broken_tour_is_refused_with_its_line(write, text, line, piece):
    path = write(text, "a.sol")
    with pytest.raises(ValueError, match="a") as refusal:
        read_solution(path, GRID)
    assert str(refusal.value) == f"{path}:{line}: {piece}"


def test_a_tour_is_not_an_instance(write):
    with pytest.raises(ValueError, match=r"a\.sol: holds a solution, expected an instance"):
        read(write(EDGES, "a.sol"))
