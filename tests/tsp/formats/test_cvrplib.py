"""`.sol` files: CVRPLIB's routes, read and written."""

import pytest

from tsp.formats import read_solution, write_solution
from tsp.instance import Instance
from tsp.problems import PROBLEMS
from tsp.solution import check

INSTANCE = Instance([[0, 0], [0, 1], [1, 1], [1, 0]], problem="cvrp", demands=[0, 1, 1, 1], capacity=2, name="square")


@pytest.mark.parametrize(
    "text", ["Route #1: 2 1\nRoute #2: 3\nCost 27591\n", "Cost 1.5\r\nRoute 1 : 2 1\r\n\r\nroute #2:3\r\n"]
)
def test_each_route_of_a_sol_file_becomes_a_tour_from_the_depot(tmp_path, text):
    path = tmp_path / "a.sol"
    path.write_bytes(text.encode())
    assert [tour.tolist() for tour in read_solution(path, INSTANCE)] == [[0, 2, 1], [0, 3]]


@pytest.mark.parametrize(
    ("text", "line", "piece"),
    [
        ("Cost 5\n", 1, "the file ends without a route"),
        ("Route #1: 2 x\n", 1, "'x', expected a customer's number, from 1 to 3"),
        ("Route #1: 2\nRoute #2: -1\n", 2, "'-1', expected a customer's number, from 1 to 3"),
        ("Route #1: 2 4\n", 1, "'4', expected a customer's number, from 1 to 3"),
        ("Route #1: 0 2\n", 1, "'0', expected a customer's number, from 1 to 3"),
        ("Route #1: 2\nNAME : a280\n", 2, "'NAME : a280', expected a line 'Route #k: …' or 'Cost …'"),
    ],
)
def test_a_broken_sol_file_is_refused_with_its_line(tmp_path, text, line, piece):
    path = tmp_path / "a.sol"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"a\.sol") as refusal:
        read_solution(path, INSTANCE)
    assert str(refusal.value) == f"{path}:{line}: {piece}"


def test_routes_are_written_in_the_format_of_cvrplib(tmp_path):
    path = tmp_path / "a.sol"
    write_solution(path, INSTANCE, check(PROBLEMS["cvrp"], INSTANCE, [[0, 1, 2], [0, 3]]))
    assert path.read_text() == "Route #1: 1 2\nRoute #2: 3\nCost 5.414213562373095\n"


@pytest.mark.parametrize(("depot", "routes"), [(0, ["1 2", "3"]), (2, ["1 2", "3"]), (3, ["1 2", "3"])])
def test_customers_are_numbered_from_1_in_the_order_of_the_file_wherever_the_depot_is(tmp_path, depot, routes):
    path = tmp_path / "a.sol"
    a, b, c = (node for node in range(4) if node != depot)
    demands = [float(node != depot) for node in range(4)]
    instance = Instance(INSTANCE.coordinates, problem="cvrp", demands=demands, capacity=2, depot=depot)
    tours = [[depot, a, b], [depot, c]]
    write_solution(path, instance, check(PROBLEMS["cvrp"], instance, tours))
    assert path.read_text().splitlines()[:2] == [f"Route #{k}: {route}" for k, route in enumerate(routes, 1)]
    assert [tour.tolist() for tour in read_solution(path, instance)] == tours


def test_routes_are_recognized_under_any_ending(write):
    assert [tour.tolist() for tour in read_solution(write("Route #1: 3\n", "routes.txt"), INSTANCE)] == [[0, 3]]


ATTRIBUTES = {"prizes": [0, 1, 1, 0], "max_length": 9}


@pytest.mark.parametrize(
    ("problem", "attributes", "tours", "routes"),
    [
        ("tsp", {}, [[2, 3, 0, 1]], ["1 2 3"]),
        ("tsp", {"depot": 2}, [[2, 3, 0, 1]], ["3 1 2"]),
        ("shpp", {}, [[0, 3, 1, 2]], ["3 1 2"]),
        ("shpp", {"free_start": True}, [[3, 0, 1, 2]], ["4 1 2 3"]),
        ("op", {"end": 3, **ATTRIBUTES}, [[0, 2, 3]], ["2 3"]),
        ("op", ATTRIBUTES, [[0]], [""]),
        ("top", {"end": 3, "num_tours": 2, **ATTRIBUTES}, [[0, 2, 3], [0, 1, 3]], ["2 3", "1 3"]),
    ],
)
def test_written_solutions_of_other_problems_are_read_unchanged(tmp_path, problem, attributes, tours, routes):
    path = tmp_path / "a.sol"
    instance = Instance(INSTANCE.coordinates, problem=problem, **attributes)
    solution = check(PROBLEMS[problem], instance, tours)
    write_solution(path, instance, solution)
    lines = path.read_text().splitlines()
    assert lines[: len(routes)] == [f"Route #{k}: {route}" for k, route in enumerate(routes, 1)]
    assert [line.split()[0] for line in lines[len(routes) :]] == ["Cost"] * (PROBLEMS[problem].objective.sense == "min")
    again = check(PROBLEMS[problem], instance, read_solution(path, instance))
    assert (again.objective, again.violations) == (solution.objective, ())
    assert [tour.tolist() for tour in again.tours] == [tour.tolist() for tour in solution.tours]


@pytest.mark.parametrize("name", ["a.sol", "a.tour"])
def test_split_deliveries_are_written_without_amounts_only_if_the_tours_imply_them(tmp_path, name):
    problem = PROBLEMS["sdvrp"]
    instance = Instance([[0, 0], [0, 1], [1, 1]], problem="sdvrp", demands=[0, 3, 3], capacity=4)
    implied = check(problem, instance, [[0, 1, 2], [0, 2]], amounts=[[0, 3, 0.5], [0, 2.5]])
    write_solution(tmp_path / name, instance, implied)
    assert check(problem, instance, read_solution(tmp_path / name, instance)).objective == implied.objective
    # delivering as much as possible at each stop would leave too little for the last
    not_implied = check(problem, instance, [[0, 1, 2], [0, 1]], amounts=[[0, 1, 3], [0, 2]])
    assert not_implied.feasible
    with pytest.raises(ValueError, match=rf"{name}: \.\w+ cannot hold how deliveries are split; write \.json or \.csv"):
        write_solution(tmp_path / name, instance, not_implied, force=True)


@pytest.mark.data
def test_a_solution_of_cvrplib_serves_every_customer_once(data_folder):
    instance = Instance([[0, 0]] * 32)
    tours = read_solution(data_folder / "cvrplib" / "A-n32-k5.sol", instance)
    assert len(tours) == 5
    assert sorted(node for tour in tours for node in tour[1:].tolist()) == list(range(1, 32))
