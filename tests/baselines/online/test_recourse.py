from dataclasses import replace

import numpy as np
import pytest
from online_instances import whole_session

from tsp.budget import Budget
from tsp.composition import problem_of
from tsp.instance import Underway
from tsp.laws import draw_day, with_known
from tsp.problems import get_problem
from tsp.solution import session_end
from tsp.solvers.online import play
from tsp.solvers.registry import make

SESSIONS = pytest.mark.parametrize(("name", "windows"), [(n, w) for n in ("opst", "opq") for w in (False, True)])
PLANNER = make("session-recourse(steps=60,cells=64)")
BUDGET = Budget(time_limit=60)


@SESSIONS
def test_days_are_played_to_a_feasible_end(name, windows):
    for seed in range(3):
        instance = whole_session(name, seed, 8, 6, windows=windows)
        solution = play(PLANNER, problem_of(instance), instance, draw_day(instance, seed), BUDGET)
        assert solution.feasible
        assert solution.objective > 0


def test_plan_under_way_begins_as_given_and_decides_to_stay_or_leave():
    instance = whole_session("opq", 3, 8, 6)
    day = draw_day(instance, 1)
    problem, decisions = problem_of(instance), set()
    for node in range(1, 9):
        for prize in (0.0, 99.0):
            waits, prizes = np.zeros(9), np.full(9, prize)
            known = with_known(instance, replace(day, waits=waits, prizes=prizes), [node])
            elapsed = session_end(problem, known, [0, node], None)
            known = replace(known, underway=Underway((node,), elapsed=elapsed))
            tour = PLANNER.solve(problem, [known], BUDGET)[0].tours[0].tolist()
            assert tour[:2] == [0, node]
            decisions.add((prize, tour[2:3] == [node]))
    assert decisions == {(0.0, False), (99.0, True)}


def test_only_sessions_without_other_rules_are_planned():
    assert PLANNER.supports(get_problem("opst"))
    assert PLANNER.supports(problem_of(whole_session("opq", 0, 3, 2, windows=True)))
    assert not PLANNER.supports(get_problem("op"))
    assert not PLANNER.supports(get_problem("spctsp"))
    assert not PLANNER.supports(get_problem("dop"))


@pytest.mark.parametrize(
    "spec", ["session-recourse(cells=1)", "session-recourse(steps=-1)", "session-rollout(cells=9999)"]
)
def test_settings_that_cannot_be_used_are_refused(spec):
    with pytest.raises(ValueError, match="expected steps of 0 or more, cells from 2 to 1024"):
        make(spec)
