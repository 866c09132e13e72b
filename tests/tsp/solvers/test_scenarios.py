from dataclasses import replace

import numpy as np
import pytest
from online_instances import whole_session

from tsp.budget import Budget
from tsp.composition import problem_of
from tsp.instance import Instance, Underway
from tsp.laws import draw_day
from tsp.problems import get_problem
from tsp.solvers.online import play
from tsp.solvers.registry import make
from tsp.solvers.scenarios import draw_days

# A is worth 4 and always short; B is worth 10, but is over in time on one day of four, and there is no time for both.
RISKY = Instance(
    [[0, 0], [3, 0], [-3, 0]],
    prizes=[0, 4, 10],
    law_service_times=[[0, 0, 0, 0], [6, 6, 6, 6], [6, 99, 99, 99]],
    max_length=13.0,
    problem="opst",
)


@pytest.mark.parametrize(
    ("rule", "prize", "expected"), [("vote", 10, 1), ("mean", 10, 1), ("mean", 40, 2), ("vote", 40, 1)]
)
def test_step_is_that_of_most_plans_or_the_best_on_average(rule, prize, expected):
    instance = replace(RISKY, prizes=[0, 4, prize])
    solver = make(f"scenarios(k=8,rule={rule},solver=cpsat)")
    found = solver.solve(get_problem("opst"), [instance], Budget(60.0))[0]
    assert found.tours[0].tolist()[:2] == [0, expected]


def test_every_outcome_is_drawn_equally_often_where_there_are_as_many_days():
    instance = whole_session("opq", 0, 5, 6)
    days = draw_days(instance, 12, 3)
    for node in range(1, 6):
        drawn = [(day.waits[node], day.prizes[node]) for day in days]
        outcomes = list(zip(instance.law_waits[node], instance.law_prizes[node], strict=True))
        assert sorted(drawn) == sorted(outcomes * 2)


def test_a_drawn_day_agrees_with_what_is_known():
    """At 10 the first node is there, the second may still appear at 20 or 30, and the third is late or never comes."""
    law = [[0, 0, 0, 0], [7, 7, 7, 7], [5, 20, 8, 30], [2, 3, np.inf, 40]]
    at = {"law_appears": law, "max_length": 100.0, "prizes": [0, 1, 1, 1], "problem": "dop"}
    instance = Instance(np.zeros((4, 2)), **at, underway=Underway((0,), elapsed=10.0))
    days = draw_days(instance, 8, 3)
    assert all(day.appears[1] == 7 for day in days)
    assert sorted(day.appears[2] for day in days) == [20] * 4 + [30] * 4
    assert sorted(day.appears[3] for day in days) == [40] * 4 + [np.inf] * 4


def test_staying_is_decided_by_what_was_seen():
    instance = whole_session("opq", 3, 4, 4)
    for wait, prize, stays in ((0.0, 90.0, True), (np.inf, 0.0, False)):
        waits, prizes = instance.law_waits.copy(), instance.law_prizes.copy()
        waits[2], prizes[2] = wait, prize
        known = replace(instance, law_waits=waits, law_prizes=prizes, underway=Underway((2,), elapsed=30.0))
        for rule in ("vote", "mean"):
            found = make(f"scenarios(k=4,rule={rule})").solve(problem_of(known), [known], Budget(0.2))[0]
            assert found.tours[0].tolist()[:2] == [0, 2]
            assert (found.tours[0].tolist()[2:3] == [2]) is stays


@pytest.mark.parametrize("name", ["opst", "opq"])
def test_days_are_played_to_a_feasible_end(name):
    instance = whole_session(name, 1, 5, 4, windows=True)
    solution = play(make("scenarios(k=3)"), problem_of(instance), instance, draw_day(instance, 2), Budget(0.5))
    assert solution.feasible


@pytest.mark.parametrize("k", [0, 10**8])
def test_number_of_scenarios_that_cannot_be_used_is_refused(k):
    with pytest.raises(ValueError, match=f"k={k}, expected 1 to 200"):
        make(f"scenarios(k={k})")
