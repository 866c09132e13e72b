"""Walls on the command line: distances are the ways around them, wherever an instance is read."""

import json

import pytest
from command_line import POSTERS, refusal, solved

from tsp import formats
from tsp.formats import read

NODES = "name,x,y\nHub,0,0\nAda,4,0\n"
WALLS = "x1,y1,x2,y2\n2,-1.5,2,1.5\n"
FAST = ("--solver", "nearest")


@pytest.fixture
def hall(tmp_path):
    (tmp_path / "hall.csv").write_text(NODES)
    (tmp_path / "hall.walls.csv").write_text(WALLS)
    (tmp_path / "tent.csv").write_text(NODES)
    return tmp_path


def test_the_walls_beside_a_file_count_and_the_answer_says_so(tsp, hall):
    answer = solved(tsp("solve", "hall.csv", *FAST, "--json"))
    assert (answer["objective"], answer["walls"]) == (10, 1)
    _, out, _ = tsp("solve", "hall.csv", *FAST)
    assert "around 1 wall, 2 nodes" in out


@pytest.mark.parametrize(("words", "length"), [((), 8), (("--walls", "hall.walls.csv"), 10)])
def test_walls_elsewhere_are_named(tsp, hall, words, length):
    answer = solved(tsp("solve", "tent.csv", *words, *FAST, "--json"))
    assert answer["objective"] == length
    assert answer.get("walls") == (1 if words else None)


def test_walls_can_be_left_out(tsp, hall):
    assert solved(tsp("solve", "hall.csv", "--ignore", "walls", *FAST, "--json"))["objective"] == 8
    assert "beside --ignore walls" in refusal(
        tsp("solve", "hall.csv", "--ignore", "walls", "--walls", "hall.walls.csv")
    )


def test_walls_in_a_set_and_of_generated_halls_can_be_left_out(tsp, hall):
    from tsp.formats import write_instances

    write_instances("halls.npz", read("hall.csv"))
    assert solved(tsp("solve", "halls.npz", *FAST, "--json"))["objective"] == 10
    assert solved(tsp("solve", "halls.npz", "--ignore", "walls", *FAST, "--json"))["objective"] == 8
    words = ["compare", "--problem", "tsp", "--distribution", "hall", "--size", "9", "--instances", "2"]
    lengths = []
    for ignored in ([], ["--ignore", "walls"]):
        code, out, _ = tsp(*words, *ignored, "--solvers", "nearest", "--json")
        assert code == 0
        lengths.append(json.loads(out)["rows"][0]["mean_objective"])
    assert lengths[1] < lengths[0]


@pytest.mark.parametrize("name", ["walls", "demand", "opens"])
@pytest.mark.parametrize(
    "words",
    [["solve", "tent.csv"], ["compare", "tent.csv"], ["compare", "--size", "5"], ["check", "tent.csv", "plan.csv"]],
)
def test_what_is_not_there_cannot_be_left_out(tsp, hall, words, name):
    assert f"--ignore {name}: no instance here has it" in refusal(tsp(*words, "--ignore", name))


def test_what_one_of_several_instances_has_can_be_left_out(tsp, hall):
    code, out, _ = tsp("solve", "tent.csv", "hall.csv", "--ignore", "walls", *FAST, "--json")
    assert code == 0
    assert [solution["objective"] for solution in json.loads(out)["solutions"]] == [8, 8]


def test_a_matrix_counts_more_than_walls(tsp, hall):
    (hall / "table.csv").write_text("0,7\n7,0\n")
    assert solved(tsp("solve", "hall.csv", "--matrix", "table.csv", *FAST, "--json"))["objective"] == 14


def test_a_matrix_of_its_own_stays_where_the_walls_beside_it_are_left_out(tsp, hall):
    from tsp.formats import write_instances

    (hall / "table.csv").write_text("0,7\n7,0\n")
    write_instances("own.npz", read("hall.csv", matrix="table.csv"))
    answer = solved(tsp("solve", "own.npz", "--ignore", "walls", *FAST, "--json"))
    assert (answer["objective"], answer.get("walls")) == (14, None)


def test_a_file_is_read_once_for_its_format(hall, monkeypatch):
    counted = []
    read_text = formats.read_text
    monkeypatch.setattr(formats, "read_text", lambda path: counted.append(path.name) or read_text(path))
    for name in ("hall.csv", "tent.csv"):
        read(hall / name)
    assert formats.walls_beside(hall / "tent.csv") is None
    assert counted == ["hall.csv", "tent.csv"]


def test_compare_check_and_plot_know_the_walls(tsp, hall):
    code, out, _ = tsp("compare", "hall.csv", "--solvers", "nearest,2opt", "--time-limit", "0.1", "--json")
    assert code == 0
    assert {row["mean_objective"] for row in json.loads(out)["rows"]} == {10}
    (hall / "plan.csv").write_text("name\nHub\nAda\n")
    assert "around 1 wall" in tsp("check", "hall.csv", "plan.csv")[1]
    assert tsp("plot", "hall.csv", "--solution", "plan.csv", "--out", "plan.svg")[0] == 0
    assert "around 1 wall" in (hall / "plan.svg").read_text()


@pytest.mark.parametrize(
    ("walls", "sentence"),
    [
        ("x1,y1,x2,y2\n1,1,1,1\n", "hall.walls.csv: walls[0]: begins and ends at 1, 1, expected different ends"),
        ("x1,y1,x2,y2\n-1,0,1,0\n", "hall.walls.csv: walls[0]: node 'Hub' lies on the wall from -1, 0 to 1, 0"),
    ],
)
def test_walls_that_cannot_stand_there_are_refused_with_their_file(tsp, hall, walls, sentence):
    (hall / "hall.walls.csv").write_text(walls)
    assert sentence in refusal(tsp("solve", "hall.csv"))


def test_walls_of_generated_instances_and_between_places_on_the_earth_are_refused(tsp, hall):
    assert "--walls: describes what is read" in refusal(tsp("compare", "--size", "5", "--walls", "hall.walls.csv"))
    (hall / "towns.csv").write_text("name,lat,lon\nHub,50,8\nAda,51,8\n")
    assert "walls: between places on the Earth" in refusal(tsp("solve", "towns.csv", "--walls", "hall.walls.csv"))


def test_a_room_without_a_door_cannot_be_visited(tsp, hall):
    room = [(3, -1, 5, -1), (5, -1, 5, 1), (5, 1, 3, 1), (3, 1, 3, -1)]
    (hall / "hall.walls.csv").write_text("x1,y1,x2,y2\n" + "".join(f"{a},{b},{c},{d}\n" for a, b, c, d in room))
    code, out, _ = tsp("solve", "hall.csv", "--time-limit", "0.2")
    assert code == 1
    assert "no feasible solution" in out


def test_the_poster_session_is_walked_around_its_walls():
    (walked,), (flown,) = read(POSTERS), read(POSTERS, walls=False)
    assert len(walked.walls) == 10
    assert flown.walls is None
    nearer = walked.distances - flown.distances
    assert nearer.min() > -1e-9
    assert walked.distances[2, 9] == flown.distances[2, 9]  # within an aisle
    assert nearer[1, 2] > 1  # the other side of a wall
