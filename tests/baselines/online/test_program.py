import numpy as np
import pytest
from online_instances import best_policy, whole_session

from baselines.online.program import Program
from baselines.online.sessions import sessions_of
from tsp.composition import problem_of

SESSIONS = pytest.mark.parametrize(("name", "windows"), [(n, w) for n in ("opst", "opq") for w in (False, True)])


@SESSIONS
@pytest.mark.parametrize("late_price", [None, 0.0, 0.5, 3.0])
def test_program_equals_the_best_of_all_policies(name, windows, late_price):
    values = []
    for seed in range(6):
        n = 3 if seed == 0 else 2
        instance = whole_session(name, seed, n, 2, limit=120, windows=windows, late_price=late_price)
        program = Program(sessions_of(problem_of(instance), instance), 0, range(1, n + 1))
        values.append(program.departure([], 0, 0))
        assert values[-1] == pytest.approx(best_policy(instance), abs=1e-12)
    assert len(set(values)) > 3


def test_program_refuses_times_that_are_not_whole():
    instance = whole_session("opst", 0, 3, 2)
    sessions = sessions_of(problem_of(instance), instance)
    with pytest.raises(ValueError, match="whole-number"):
        Program(sessions._replace(service=sessions.service + 0.5), 0, [1, 2, 3])


def test_going_to_a_node_is_worth_no_more_than_the_best_one():
    instance = whole_session("opq", 1, 5, 4)
    program = Program(sessions_of(problem_of(instance), instance), 0, range(1, 6))
    going = [program.going([], 0, 0, node) for node in range(1, 6)]
    assert max(going) == program.departure([], 0, 0)
    assert program.departure([1, 2, 3, 4, 5], 5, 10) == 0
    assert program.going([], 0, 299, 1) == -np.inf
    assert np.ptp(going) > 0
