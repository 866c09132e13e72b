"""The toolkit in three calls: whatever they are given that is not what they take is refused in one sentence."""

import numpy as np
import pytest

import tsp
from tsp.problems import get_problem
from tsp.solvers import InstanceSolver
from tsp.solvers.registry import make

CORNER = tsp.Instance([[0, 0], [3, 0], [0, 4]], name="corner")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: tsp.solve(5), "instances: 5, expected an Instance or a list of them"),
        (lambda: tsp.solve(None), "instances: None, expected an Instance or a list of them"),
        (lambda: tsp.solve("corner.csv"), "instances: 'corner.csv', expected an Instance or a list of them"),
        (lambda: tsp.solve([CORNER, 5]), "instances: 5 in the list, expected an Instance"),
        (lambda: tsp.solve(CORNER, 5), "solver: 5, expected a text"),
        (lambda: tsp.solve(CORNER, ""), "solver spec '': expected a name"),
        (lambda: tsp.solve(CORNER, time_limit="2"), "time limit: '2', expected a positive number of seconds"),
        (lambda: tsp.solve(CORNER, threads=1.5), "threads: 1.5, expected a whole number of 1 or more"),
        (lambda: tsp.solve(CORNER, seed=None), "seed: None, expected a whole number"),
        (lambda: tsp.solve(CORNER, initial=5), "initial: no feasible solution of corner to start from .*tours: 5"),
        (lambda: tsp.solve(CORNER, initial=[[0, 1]]), r"initial: no feasible solution of corner.*\(not visited: 3\)"),
        (lambda: tsp.solve([CORNER], initial=5), "initial: 5, expected a list of solutions"),
        (
            lambda: tsp.solve([CORNER] * 2, initial=[[[0, 1, 2]]]),
            "initial: 1 solutions, expected one for each of",
        ),
        (lambda: tsp.solve(CORNER, "nearest", initial=[[0, 1, 2]]), "corner: initial: solver 'nearest' starts from no"),
        (lambda: tsp.compare(CORNER, ["insertion"]), "instances: Instance.*, expected an Instance or a list of them"),
        (lambda: tsp.compare([CORNER], "insertion"), "solvers: 'insertion', expected a list of specs"),
        (lambda: tsp.compare([CORNER], [5]), "solver: 5, expected a text"),
        (lambda: tsp.solve(CORNER, decision_time="1"), "decision time: '1', expected a positive number"),
        (lambda: tsp.compare([CORNER], ["insertion"], time_limit="1"), "time limit: '1', expected a positive number"),
        (lambda: tsp.compare([CORNER], ["insertion"], time_limit=[]), "at least one instance, one solver and one time"),
        (lambda: tsp.check("tsp", CORNER, [[0, 1, 2]]), "problem: 'tsp', expected a Problem"),
        (lambda: tsp.read("corner.csv", problem=5), "unknown problem 5 "),
        (lambda: get_problem(["tsp"]), "unknown problem .*tsp.*; did you mean 'tsp'"),
        (lambda: make(None), "solver: None, expected a text"),
    ],
)
def test_an_argument_of_another_type_is_refused_in_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence) as refusal:
        call()
    assert "\n" not in str(refusal.value)


def test_numbers_of_numpy_are_time_limits():
    assert tsp.solve(CORNER, "insertion", time_limit=np.float32(0.1)).objective == 12
    for limit in (np.float32(0.5), [np.float32(0.5)], np.array([0.5])):
        assert tsp.compare([CORNER], ["insertion"], time_limit=limit).rows[0].mean_objective == 12


def test_the_search_starts_from_tours_or_a_solution_and_its_answer_is_never_worse():
    instance = tsp.Instance(np.random.default_rng(1).random((60, 2)))
    best, start = tsp.solve(instance, "ls(kicks=3000)", time_limit=60), [range(60)]
    for initial in (best, best.tours, [best.tours[0].tolist()]):
        again = tsp.solve(instance, "2opt(kicks=1)", time_limit=60, initial=initial)
        assert again.objective == best.objective
    found = tsp.solve([instance] * 2, "2opt(kicks=1)", time_limit=60, initial=[start, None])
    value = tsp.check(get_problem("tsp"), instance, start).objective
    assert found[0].objective < value
    alone = tsp.solve(instance, "2opt(kicks=1)", time_limit=60)
    assert found[1].tours[0].tolist() == alone.tours[0].tolist()


def test_amounts_of_split_deliveries_are_part_of_a_solution_to_start_from():
    places = {"demands": [0, 3, 3], "capacity": 4, "problem": "sdvrp"}
    instance = tsp.Instance([[0, 0], [0, 1], [1, 1]], **places)
    split = tsp.check(get_problem("sdvrp"), instance, [[0, 1, 2], [0, 1]], amounts=[[0, 1, 3], [0, 2]])
    assert split.feasible
    assert tsp.solve(instance, "ortools", time_limit=0.2, initial=split).objective <= split.objective
    with pytest.raises(ValueError, match="initial: no feasible solution of the instance to start from"):
        tsp.solve(instance, "ortools", initial=split.tours)


class Stubborn(InstanceSolver):
    """Answers with the nodes in order, whatever it starts from."""

    name = "stubborn"

    def supports(self, problem):
        return True

    def solve_one(self, task):
        return tsp.check(task.problem, task.instance, [range(task.instance.size)])


def test_an_initial_solution_is_the_answer_where_a_solver_has_none_that_is_better(monkeypatch):
    monkeypatch.setattr("tsp.shortcuts.make", lambda spec, device: Stubborn())
    instance = tsp.Instance([[0, 0], [1, 1], [0, 1], [1, 0]])
    assert tsp.solve(instance, "stubborn", initial=[[0, 2, 1, 3]]).objective == 4
    assert tsp.solve(instance, "stubborn", initial=[[0, 1, 2, 3]]).solver == "stubborn"


def test_an_instance_has_the_same_answer_alone_and_in_any_order():
    others = [tsp.Instance(np.random.default_rng(n).random((n, 2))) for n in (30, 20, 25)]
    alone = [tsp.solve(one, "ls(kicks=20)", time_limit=60).tours[0].tolist() for one in others]
    together = tsp.solve(others[::-1], "ls(kicks=20)", time_limit=60)[::-1]
    assert [answer.tours[0].tolist() for answer in together] == alone


SHORT = {"problem": "tsp", "size": "3", "instances": 64, "epoch_size": 64, "batch_size": 32, "validation_instances": 8}


def test_a_trained_policy_is_a_solver(tmp_path):
    network = {"layers": 1, "width": 16, "heads": 2, "feedforward": 32}
    shares = []
    spec = tsp.train(tmp_path / "run", **SHORT, policy=network, progress=lambda share, text: shares.append(share))
    assert shares[-1] == 1
    assert tsp.solve(CORNER, spec).objective == 12
    with pytest.raises(ValueError, match="run"):
        tsp.train(tmp_path / "run", **SHORT, policy=network)


@pytest.mark.parametrize("wrong", [{"sizes": "5"}, {"size": 5.5}, {"minutes": -1, "instances": None}])
def test_wrong_settings_of_a_training_are_refused_and_leave_no_folder(tmp_path, wrong):
    with pytest.raises(ValueError, match=r"^[^\n]*$"):
        tsp.train(tmp_path / "run", **{**SHORT, **wrong})
    assert not (tmp_path / "run").exists()
