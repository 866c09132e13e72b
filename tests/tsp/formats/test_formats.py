"""The choice of a file's format, and the files that are refused before a reader is called."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tsp.formats import (
    INSTANCE_ENDINGS,
    SOLUTION_ENDINGS,
    read,
    read_realizations,
    read_solution,
    write_instances,
    write_solution,
)
from tsp.instance import Instance, Realization
from tsp.problems import PROBLEMS
from tsp.solution import check, no_answer

EXAMPLES = Path(__file__).parents[3] / "examples"
SQUARE = Instance([[0, 0], [0, 1], [1, 1], [1, 0]], name="square")


@pytest.mark.parametrize("source", ["berlin52.tsp", "poster-session.csv"])
@pytest.mark.parametrize("ending", ["", ".txt", ".dat", ".0", ".upper"])
def test_a_file_without_a_known_ending_is_recognized_by_its_content(tmp_path, source, ending):
    path = tmp_path / f"copy{ending}"
    shutil.copy(EXAMPLES / source, path)
    (instance,) = read(path)
    assert instance.fingerprint == read(EXAMPLES / source, walls=False)[0].fingerprint
    assert instance.name == "copy"


def test_endings_in_capitals_are_recognized(tmp_path):
    shutil.copy(EXAMPLES / "berlin52.tsp", tmp_path / "BERLIN52.TSP")
    assert read(str(tmp_path / "BERLIN52.TSP"))[0].name == "BERLIN52"


@pytest.mark.parametrize(
    ("name", "content", "piece"),
    [
        ("a.txt", "Dear colleague", "unknown format, expected TSPLIB, CSV with x and y, a list of points x y, GeoJSON"),
        ("a.txt", "", "the file is empty"),
        ("a.tour", "TYPE: TOUR", "holds a solution, expected an instance"),
        ("a.json", '{"solutions": []}', "holds a solution with 'solutions', expected an instance"),
    ],
)
def test_a_file_without_an_instance_is_refused(tmp_path, name, content, piece):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=rf"{name}:.*{piece}"):
        read(tmp_path / name)


@pytest.mark.parametrize("name", ["none.tsp", "none.csv", "none.npz", "none.pkl", "none.txt", "none"])
def test_a_missing_file_or_a_folder_is_the_systems_error_with_its_name(tmp_path, name):
    with pytest.raises(FileNotFoundError) as missing:
        read(tmp_path / name)
    assert Path(missing.value.filename) == tmp_path / name
    (tmp_path / name).mkdir()
    with pytest.raises(IsADirectoryError):
        read(tmp_path / name)


def test_an_unknown_problem_is_refused_before_the_file_is_opened(tmp_path):
    with pytest.raises(ValueError, match="unknown problem 'tps'; did you mean 'tsp'"):
        read(tmp_path / "none.tsp", problem="tps")


def test_an_instance_read_for_a_problem_is_of_that_problem():
    (instance,) = read(EXAMPLES / "poster-session.csv", problem="tsp")
    assert instance.problem == "tsp"


NUMBER_FILES = {
    "op": "15 1\n0 0 0\n1 0 0\n1 1 5\n",
    "top": "n 2\nm 2\ntmax 7\n0 0 0\n1 1 5\n",
    "optw": "4 10 1 1\n0 200\n0 0 0 0 0 0 0 0 9\n1 1 1 1 1 0 0 0 9\n",
    "tsptw": "2\n0 5\n5 0\n0 9\n0 9\n",
    "pctsp": "0 2 3\n0 4 5\n0 1 2\n1 0 3\n2 3 0\n",
}


@pytest.mark.parametrize("ending", ["", ".txt", ".dat", ".0"])
@pytest.mark.parametrize("problem", NUMBER_FILES)
def test_formats_of_numbers_are_distinguished_by_their_first_lines(tmp_path, problem, ending):
    path = tmp_path / f"numbers{ending}"
    path.write_text(NUMBER_FILES[problem])
    (instance,) = read(path)
    assert (instance.problem, instance.name) == (problem, "numbers")
    assert read(path, problem=problem)[0].fingerprint == instance.fingerprint
    assert read_realizations(path) is None


def test_the_problem_decides_between_formats_if_the_first_lines_fit_both(tmp_path):
    path = tmp_path / "numbers.txt"
    path.write_text("15 1\n0 0\n1 0 0\n1 1 5\n")
    with pytest.raises(ValueError, match=r"numbers\.txt:3: '1 0 0', expected x y or name x y as in the other lines"):
        read(path)  # two lines of two numbers could be points
    with pytest.raises(ValueError, match=r"numbers\.txt:2: 2 number\(s\), expected 3: x, y, score"):
        read(path, problem="op")


FOUR_POINTS = "0 2\n0 4\n0 1\n1 0\n"


@pytest.mark.parametrize("problem", [None, "tsp", "shpp"])
def test_two_prizes_and_penalties_with_distances_are_four_points_unless_the_problem_or_the_ending_says_it(
    write, problem
):
    (instance,) = read(write(FOUR_POINTS), problem=problem)
    assert (instance.size, instance.problem) == (4, problem or "tsp")
    assert read(write(FOUR_POINTS), problem="pctsp")[0].matrix.tolist() == [[0, 1], [1, 0]]
    assert read(write(FOUR_POINTS, "a.pctsp"))[0].matrix.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("problem", ["op", "optw", "tsptw", "pctsp"])
def test_prose_is_refused_even_if_the_problem_is_given(tmp_path, problem):
    path = tmp_path / "letter.txt"
    path.write_text("Dear colleague\nthank you\n")
    with pytest.raises(ValueError, match=r"letter\.txt:[12]: "):
        read(path, problem=problem)


def test_hidden_prizes_are_written_only_as_npz(tmp_path):
    instance = Instance(SQUARE.coordinates)
    with pytest.raises(ValueError, match=r"a\.csv: \.csv cannot hold hidden values; write \.npz"):
        write_instances(tmp_path / "a.csv", [instance], [Realization(np.zeros(4))])


def test_a_matrix_replaces_rounded_distances_and_removes_the_best_known_objective(tmp_path):
    (berlin52,) = read(EXAMPLES / "berlin52.tsp")
    np.savetxt(tmp_path / "walks.txt", berlin52.distances + 1)
    (instance,) = read(EXAMPLES / "berlin52.tsp", matrix=tmp_path / "walks.txt")
    assert instance.tour_length(range(52)) == berlin52.tour_length(range(52)) + 52
    assert instance.best_known is None


@pytest.mark.parametrize("extra", [0, 1])
def test_a_matrix_is_accepted_beside_one_instance_and_refused_beside_two(tmp_path, extra):
    (tmp_path / "walks.txt").write_text("0 1\n1 0\n")
    write_instances(tmp_path / "set.npz", [Instance(np.zeros((2, 2)))] * (1 + extra))
    if not extra:
        assert read(tmp_path / "set.npz", matrix=tmp_path / "walks.txt")[0].tour_length([0, 1]) == 2
        return
    with pytest.raises(ValueError, match="has 2 instances, expected one instance without distances"):
        read(tmp_path / "set.npz", matrix=tmp_path / "walks.txt")


def test_a_matrix_beside_a_matrix_or_of_another_size_is_refused(tmp_path):
    (tmp_path / "walks.txt").write_text("0 1\n1 0\n")
    write_instances(tmp_path / "own.tsp", [Instance(matrix=[[0, 1], [1, 0]])])
    with pytest.raises(ValueError, match="has distances of its own"):
        read(tmp_path / "own.tsp", matrix=tmp_path / "walks.txt")
    with pytest.raises(ValueError, match=r"walks\.txt: distances of 2 nodes, expected the 52"):
        read(EXAMPLES / "berlin52.tsp", matrix=tmp_path / "walks.txt")


def test_files_with_unsupported_endings_are_refused(tmp_path):
    solution = check(PROBLEMS["tsp"], SQUARE, [[0, 1, 2, 3]])
    (tmp_path / "b.xls").write_text("a tour")
    expected = r"expected \.tour or \.sol or \.csv or \.json for a solution"
    with pytest.raises(ValueError, match=rf"b\.xls: ending '\.xls', {expected}"):
        read_solution(tmp_path / "b.xls", SQUARE)
    with pytest.raises(ValueError, match=r"a\.xls: ending '\.xls', expected \.tour or \.sol or \.csv or \.json for"):
        write_solution(tmp_path / "a.xls", SQUARE, solution)
    with pytest.raises(ValueError, match=r"a: ending '', expected \.npz or \.tsp or \.atsp or \.csv for instances"):
        write_instances(tmp_path / "a", [SQUARE])
    assert SOLUTION_ENDINGS == (".tour", ".sol", ".csv", ".json")
    assert INSTANCE_ENDINGS == (".npz", ".tsp", ".atsp", ".csv")


def test_a_solution_without_tour_and_a_wrong_number_of_instances_make_no_file(tmp_path):
    with pytest.raises(ValueError, match=r"a\.tour: not written, since square has no tour"):
        write_solution(tmp_path / "a.tour", SQUARE, no_answer(seconds=1, solver="x"))
    with pytest.raises(ValueError, match="no instance to write"):
        write_instances(tmp_path / "a.npz", [])
    with pytest.raises(ValueError, match=r"2 instances, expected one for \.csv; write \.npz"):
        write_instances(tmp_path / "a.csv", [SQUARE, SQUARE])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.tour", "a.sol", "a.csv"])
def test_an_existing_solution_is_replaced_only_by_force(tmp_path, name):
    solution = check(PROBLEMS["tsp"], SQUARE, [[0, 1, 2, 3]])
    (tmp_path / name).write_text("mine")
    with pytest.raises(ValueError, match="exists; use --force to overwrite it"):
        write_solution(tmp_path / name, SQUARE, solution)
    assert (tmp_path / name).read_text() == "mine"
    write_solution(tmp_path / name, SQUARE, solution, force=True)
    assert (tmp_path / name).read_text() != "mine"


@pytest.mark.parametrize("name", ["a.npz", "a.tsp", "a.csv"])
def test_an_existing_instance_is_replaced_only_by_force(tmp_path, name):
    instance = Instance(SQUARE.coordinates, metric="EUC_2D" if name == "a.tsp" else "euclidean")
    (tmp_path / name).write_text("mine")
    with pytest.raises(ValueError, match="exists; use --force to overwrite it"):
        write_instances(tmp_path / name, [instance])
    write_instances(tmp_path / name, [instance], force=True)
    assert read(tmp_path / name)[0].fingerprint == instance.fingerprint
