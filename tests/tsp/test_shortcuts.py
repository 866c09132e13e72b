"""The toolkit in three calls: whatever they are given that is not what they take is refused in one sentence."""

import numpy as np
import pytest

import tsp
from tsp.problems import get_problem
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
        (lambda: tsp.compare(CORNER, ["insertion"]), "instances: Instance.*, expected an Instance or a list of them"),
        (lambda: tsp.compare([CORNER], "insertion"), "solvers: 'insertion', expected a list of specs"),
        (lambda: tsp.compare([CORNER], [5]), "solver: 5, expected a text"),
        (lambda: tsp.compare([CORNER], ["insertion"], time_limit=None), "time limit: None, expected a positive number"),
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


def test_an_instance_has_the_same_answer_alone_and_in_any_order():
    others = [tsp.Instance(np.random.default_rng(n).random((n, 2))) for n in (30, 20, 25)]
    alone = [tsp.solve(one, "ls(kicks=20)", time_limit=60).tours[0].tolist() for one in others]
    together = tsp.solve(others[::-1], "ls(kicks=20)", time_limit=60)[::-1]
    assert [answer.tours[0].tolist() for answer in together] == alone
