"""Laws of hidden attributes: what is expected of them, and what becomes of them when values are known."""

from dataclasses import fields

import numpy as np
import pytest

from envs.batch import from_instances
from tsp.budget import Budget
from tsp.formats import read, read_realizations, write_instances
from tsp.instance import Instance, Realization
from tsp.laws import draw_day, expected, with_known
from tsp.problems import get_problem
from tsp.solution import check
from tsp.solvers import InstanceSolver
from tsp.solvers.online import play

POINTS = [[0, 0], [0, 3], [0, 5]]
WAITS = [[0, 0], [1, np.inf], [np.inf, np.inf]]
PRIZES = [[0, 0], [4, 9], [5, 5]]


def queues(**changes):
    given = {"law_waits": WAITS, "law_prizes": PRIZES, "max_length": 20.0, "problem": "opq"}
    return Instance(POINTS, **{**given, **changes})


def test_a_prize_counts_nothing_in_outcomes_in_which_nobody_is_there():
    means = expected(queues())
    assert means.waits.tolist() == [0, 1, np.inf]
    assert means.prizes.tolist() == [0, 2, 0]
    assert means.service_times is None


def test_every_outcome_of_a_known_node_is_the_real_one():
    known = with_known(queues(), Realization(waits=[0, 7, 8], prizes=[0, 3, 2]), [1])
    assert known.law_waits.tolist() == [[0, 0], [7, 7], [np.inf, np.inf]]
    assert known.law_prizes.tolist() == [[0, 0], [3, 3], [5, 5]]


def test_laws_count_in_the_fingerprint():
    other = np.array(PRIZES, dtype=float)
    other[1, 1] = 8
    assert queues().fingerprint != queues(law_prizes=other).fingerprint


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"law_prizes": np.ones((3, 4))}, r"different numbers of outcomes \(law_waits 2, law_prizes 4\), expected one"),
        ({"law_prizes": np.ones(3)}, r"law_prizes: shape \(3,\), expected \(3, K\)"),
        ({"law_prizes": np.full((3, 2), np.inf)}, "law_prizes"),
        ({"law_waits": -np.ones((3, 2))}, "law_waits.*expected 0 or more"),
    ],
)
def test_laws_that_make_no_sense_are_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        queues(**changes)


def test_a_day_is_drawn_from_the_laws_one_outcome_of_all_of_them_a_node():
    days = [draw_day(queues(), seed) for seed in range(40)]
    assert {(*day.waits.tolist(), *day.prizes.tolist()) for day in days} == {
        (0, 1, np.inf, 0, 4, 5),
        (0, np.inf, np.inf, 0, 9, 5),
    }
    assert draw_day(queues(), 7).waits.tolist() == draw_day(queues(), 7).waits.tolist()


TRUE = {"law_service_times": [[0, 0, 0], [7, 8, 9], [7, 8, 9]]}
FITTED = Instance(
    POINTS, law_service_times=[[0, 0], [1, 2], [1, 2]], prizes=[0, 1, 1], max_length=40.0, problem="opst", name="fitted"
)


def test_real_days_are_drawn_from_the_true_laws_where_there_are_some():
    hidden = Realization(true_laws=TRUE)
    times = np.array([draw_day(hidden, seed).service_times for seed in range(60)])
    assert set(times[:, 1]) == set(times[:, 2]) == {7, 8, 9}
    again = draw_day(draw_day(hidden, 3), 3)  # a drawn day still knows the laws
    assert again.service_times.tolist() == draw_day(hidden, 3).service_times.tolist()
    with pytest.raises(ValueError, match="there is no law to draw it from"):
        draw_day(Realization(service_times=[0, 1, 1]), 1)


@pytest.mark.parametrize(
    ("laws", "sentence"),
    [
        ({"service_times": [[1.0]]}, "true_laws: 'service_times', expected names among law_service_times"),
        ({"law_waits": [1.0]}, r"true_law_waits: shape \(1,\), expected \(n, K\)"),
        ({"law_waits": [[-1.0]]}, "true_law_waits.*expected 0 or more"),
        ({"law_waits": [[1, 2]], "law_prizes": [[1]]}, r"true_law_waits 2, true_law_prizes 1\), expected one"),
        ({"law_waits": [[1]], "law_prizes": [[1], [1]]}, "different numbers of nodes"),
    ],
)
def test_true_laws_that_make_no_sense_are_refused(laws, sentence):
    with pytest.raises(ValueError, match=sentence):
        Realization(true_laws=laws)


class Spy(InstanceSolver):
    """Goes to each node, and keeps what it was given."""

    name = "spy"

    def __init__(self):
        self.seen = []

    def supports(self, problem):
        return True

    def solve_one(self, task):
        self.seen.append(task.instance)
        visited = () if task.instance.underway is None else task.instance.underway.visited
        return check(task.problem, task.instance, [[0, *visited, *({1, 2} - set(visited))]])


def test_no_solver_and_no_policy_gets_the_true_laws():
    spy, day = Spy(), draw_day(Realization(true_laws=TRUE), 1)
    played = play(spy, get_problem("opst"), FITTED, day, Budget(5.0))
    assert played.feasible
    real = {float(x) for x in day.service_times}
    assert len(spy.seen) == 2
    for instance in spy.seen:
        values = [getattr(instance, field.name) for field in fields(instance)]
        laws = [value for value in values if isinstance(value, np.ndarray) and value.shape == (3, 3)]
        assert not any((law == np.array(TRUE["law_service_times"])).all() for law in laws)
        assert set(instance.law_service_times.ravel()) <= {0, 1, 2} | real  # the fitted ones, or what was seen
    batch = from_instances([FITTED], realizations=[day])
    assert batch.values["law_service_times"].tolist() == [FITTED.law_service_times.tolist()]
    assert not any("true" in name for name in batch.values)


def test_a_set_keeps_true_laws_and_draws_days_from_them(tmp_path):
    hidden = [draw_day(Realization(true_laws=TRUE), seed) for seed in (5, 6)]
    write_instances(tmp_path / "days.npz", [FITTED, FITTED], realizations=hidden)
    again = read_realizations(tmp_path / "days.npz")
    assert [day.service_times.tolist() for day in again] == [day.service_times.tolist() for day in hidden]
    assert [day.true_laws["law_service_times"].tolist() for day in again] == [TRUE["law_service_times"]] * 2
    arrays = dict(np.load(tmp_path / "days.npz"))
    del arrays["realization_service_times"]
    np.savez(tmp_path / "laws.npz", **arrays)
    drawn = read_realizations(tmp_path / "laws.npz")
    expected_days = [draw_day(hidden[0], k).service_times.tolist() for k in (0, 1)]
    assert [day.service_times.tolist() for day in drawn] == expected_days
    assert read(tmp_path / "laws.npz")[0].fingerprint == FITTED.fingerprint
    del arrays["law_service_times"]
    np.savez(tmp_path / "alone.npz", **arrays)
    with pytest.raises(ValueError, match="array true_law_service_times, expected law_service_times beside it"):
        read(tmp_path / "alone.npz")
