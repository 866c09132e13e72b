"""Solutions as `tsp solve --json` prints them."""

import json
from dataclasses import replace

import pytest

from tsp.formats import read_plan, read_solution
from tsp.formats.json_file import solution_entry
from tsp.instance import Instance
from tsp.problems import PROBLEMS
from tsp.solution import check

SQUARE = Instance([[0, 0], [0, 1], [1, 1], [1, 0]], name="square")


@pytest.mark.parametrize("tour", [[0, 3, 2, 1], [0, 1]])
def test_a_printed_solution_is_read_again_and_has_its_gap(tmp_path, tour):
    path = tmp_path / "a.json"
    instance = replace(SQUARE, best_known=3.2)
    solution = check(PROBLEMS["tsp"], instance, [tour], solver="by hand")
    printed = solution_entry(instance, solution)
    path.write_text(json.dumps({"solutions": [printed]}, allow_nan=False))
    assert [again.tolist() for again in read_solution(path, SQUARE)] == [tour]
    assert printed["gap"] == (pytest.approx(0.25) if solution.feasible else None)
    assert (printed["instance"], printed["size"], printed["best_known"]) == ("square", 4, 3.2)


def entry(instance, *tours):
    return {"instance": instance, "objective": 4, "tours": list(tours)}


@pytest.mark.parametrize(
    ("entries", "tours"),
    [
        ([entry("square", [0, 1, 2, 3])], [[0, 1, 2, 3]]),
        ([entry("renamed", [3, 2, 1, 0])], [[3, 2, 1, 0]]),
        ([entry("other", [0, 1]), entry("square", [0, 2], [1])], [[0, 2], [1]]),
        ([entry("square")], []),  # no answer: for the checker to judge
        ([entry("square", [7, 7])], [[7, 7]]),
    ],
)
def test_the_entry_of_the_instance_or_the_only_entry_is_read(tmp_path, entries, tours):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"version": "1", "solutions": entries}))
    assert [tour.tolist() for tour in read_solution(path, SQUARE)] == tours


@pytest.mark.parametrize(
    ("content", "piece"),
    [
        ("", ":1: the file is empty"),
        ('{"solutions":\n [}', ":2: not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "no solutions with instance and tours"),
        ("{}", "no solutions with instance and tours"),
        ('{"solutions": 5}', "no solutions with instance and tours"),
        ('{"solutions": [{"instance": "square"}]}', "no solutions with instance and tours"),
        ('{"solutions": []}', "0 solutions, none of an instance named 'square'"),
        (json.dumps({"solutions": [entry("a"), entry("b")]}), "2 solutions, none of an instance named 'square'"),
        (json.dumps({"solutions": [entry("square", [0, 1.5])]}), "tours of 'square': expected lists of node numbers"),
        (json.dumps({"solutions": [entry("square", [True])]}), "tours of 'square': expected lists of node numbers"),
        (json.dumps({"solutions": [entry("square", [10**30])]}), "tours of 'square': expected lists of node numbers"),
        (json.dumps({"solutions": [entry("square", 5)]}), "tours of 'square': expected lists of node numbers"),
    ],
)
def test_json_without_a_solution_of_the_instance_is_refused_in_one_sentence(tmp_path, content, piece):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=piece) as refusal:
        read_solution(path, SQUARE)
    assert str(refusal.value).startswith(str(path))
    assert "\n" not in str(refusal.value)


SPLIT = Instance([[0, 0], [0, 1], [1, 1]], problem="sdvrp", demands=[0, 3, 3], capacity=4, name="split")


def test_split_deliveries_are_printed_and_read_again(tmp_path):
    path = tmp_path / "a.json"
    tours, amounts = [[0, 1, 2], [0, 1, 2]], [[0, 1, 2.5], [0, 2, 0.5]]
    solution = check(PROBLEMS["sdvrp"], SPLIT, tours, amounts=amounts)
    assert solution.feasible
    path.write_text(json.dumps({"solutions": [solution_entry(SPLIT, solution)]}, allow_nan=False))
    again = check(PROBLEMS["sdvrp"], SPLIT, read_solution(path, SPLIT), amounts=read_plan(path, SPLIT).amounts)
    assert again.objective == solution.objective
    assert [numbers.tolist() for numbers in again.amounts] == amounts


def test_a_solution_without_split_deliveries_has_no_amounts(tmp_path):
    path = tmp_path / "a.json"
    printed = solution_entry(SQUARE, check(PROBLEMS["tsp"], SQUARE, [[0, 1, 2, 3]]))
    assert "amounts" not in printed
    path.write_text(json.dumps({"solutions": [printed]}))
    assert read_plan(path, SQUARE).amounts is None
    (tmp_path / "a.sol").write_text("Route #1: 1 2 3\n")
    assert read_plan(tmp_path / "a.sol", SQUARE).amounts is None


@pytest.mark.parametrize("amounts", [5, [5], [["a"]], [[True]], [[10**30]]])
def test_amounts_that_are_not_lists_of_numbers_are_refused(tmp_path, amounts):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"solutions": [{**entry("split", [0, 1]), "amounts": amounts}]}))
    with pytest.raises(ValueError, match=r"a\.json: amounts of 'split': expected lists of numbers"):
        read_plan(path, SPLIT)
