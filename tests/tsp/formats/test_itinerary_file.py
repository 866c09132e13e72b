"""Itineraries in CSV: those that are written, and those that were made or changed by hand."""

import pytest

from tsp.formats import read_plan, read_solution, write_solution
from tsp.instance import Instance
from tsp.problems import PROBLEMS
from tsp.solution import check

POINTS = [[0, 0], [0, 1], [1, 1], [1, 0]]
NAMED = Instance(POINTS, names=("Home", "=A", "-b", "3"), name="named")
VANS = Instance(POINTS, problem="cvrp", demands=[0, 1, 1, 1], capacity=2, names=("Hub", "A", "B", "C"))


@pytest.mark.parametrize(
    ("instance", "tours"),
    [
        (NAMED, [[0, 3, 2, 1]]),
        (Instance(POINTS), [[0, 2, 1, 3]]),
        (Instance(POINTS, problem="shpp"), [[0, 2, 1, 3]]),
        (Instance(POINTS, problem="shpp", free_start=True), [[2, 0, 1, 3]]),
        (Instance(POINTS, problem="op", prizes=[0, 1, 1, 0], max_length=9, end=3), [[0, 2, 3]]),
        (Instance(POINTS, problem="op", prizes=[0, 1, 1, 0], max_length=9), [[0]]),
        (VANS, [[0, 1, 2], [0, 3]]),
        (Instance(POINTS, problem="mtsp", num_tours=2), [[0, 1, 2], [0, 3]]),
        (Instance([[0, 0]]), [[0]]),
    ],
)
def test_a_written_itinerary_is_read_unchanged(tmp_path, instance, tours):
    path = tmp_path / "plan.csv"
    problem = PROBLEMS[instance.problem]
    solution = check(problem, instance, tours)
    assert solution.feasible
    write_solution(path, instance, solution)
    assert [tour.tolist() for tour in read_solution(path, instance)] == [tour.tolist() for tour in solution.tours]
    assert read_plan(path, instance).amounts is None


def test_split_deliveries_are_read_with_their_amounts(tmp_path):
    instance = Instance([[0, 0], [0, 1], [1, 1]], problem="sdvrp", demands=[0, 3, 3], capacity=4)
    tours, amounts = [[0, 1, 2], [0, 1]], [[0, 1, 3], [0, 2]]
    write_solution(tmp_path / "a.csv", instance, check(PROBLEMS["sdvrp"], instance, tours, amounts=amounts))
    assert [tour.tolist() for tour in read_solution(tmp_path / "a.csv", instance)] == tours
    assert [numbers.tolist() for numbers in read_plan(tmp_path / "a.csv", instance).amounts] == amounts


@pytest.mark.parametrize(
    ("text", "tours"),
    [
        ("name\nHub\nB\nA\nC\n", [[0, 2, 1, 3]]),
        ("name\nHub\nB\nA\nHub\nC\nHub\n", [[0, 2, 1], [0, 3]]),
        ("name\nHub\nB\nA\nHub\nC\n", [[0, 2, 1], [0, 3]]),
        ("order;Name;note\n2;A;\n1;B;by hand\n0;Hub;\n3;C;\n", [[0, 2, 1, 3]]),
        ("tour,order,name\n1,0,Hub\n2,0,Hub\n1,1,C\n2,1,A\n2,2,B\n", [[0, 3], [0, 1, 2]]),
    ],
)
def test_an_itinerary_made_by_hand_needs_only_names(write, text, tours):
    assert [tour.tolist() for tour in read_solution(write(text, "mine.csv"), VANS)] == tours


@pytest.mark.parametrize(
    ("text", "line", "piece"),
    [
        ("order,node\n0,Hub\n", 1, "columns 'order, node', expected name, and perhaps tour and order"),
        ("name\n", 1, "no stop after the header"),
        ("name\nHub\nAA\n", 3, "column name: node 'AA', expected a name of the file, such as"),
        ("order,name\n0,Hub\nfirst,A\n", 3, "column order: 'first', expected a finite number"),
        ("order,name\n0,Hub\n1,A\n1,B\n", 4, "column order: 1 is also in line 3, expected others"),
        ("order,name\n0,Hub\n1,\n", 3, "column name: node '', expected a name of the file, such as 'Hub'"),
    ],
)
def test_a_broken_itinerary_is_refused_with_its_line(write, text, line, piece):
    path = write(text, "mine.csv")
    instance = Instance(VANS.coordinates, names=VANS.names, name="vans")
    with pytest.raises(ValueError, match=r"mine\.csv") as refusal:
        read_solution(path, instance)
    assert str(refusal.value).startswith(f"{path}:{line}: {piece}")
