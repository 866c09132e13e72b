"""Planning where nodes appear: against the exact program, and against the checker."""

from dataclasses import replace

import numpy as np
import pytest
from online_instances import (
    AppearingProgram,
    best_appearing_policy,
    value_of_planning,
    whole_session,
)

from baselines.online.appearances import draw_scenarios
from tsp.budget import Budget
from tsp.composition import problem_of
from tsp.instance import Underway
from tsp.laws import draw_day
from tsp.problems import AppearingSession, get_problem
from tsp.solvers.defaults import default_spec
from tsp.solvers.online import play
from tsp.solvers.registry import make

WINDOWS = pytest.mark.parametrize("windows", [False, True])


@WINDOWS
@pytest.mark.parametrize("seed", range(3))
def test_the_exact_program_is_the_best_of_all_policies(seed, windows):
    instance = whole_session("dop", seed, 3, 2, limit=200, windows=windows)
    problem = problem_of(instance)
    rules = tuple(AppearingSession(0.5) if isinstance(rule, AppearingSession) else rule for rule in problem.rules)
    best = best_appearing_policy(replace(problem, rules=rules), instance)
    assert AppearingProgram(instance, 0.5).expected() == best


@WINDOWS
def test_hindsight_is_nearly_optimal_and_better_than_what_does_not_expect_nodes(windows):
    """On average: each scenario knows what will appear, and so one of the instances with windows loses a third."""
    totals = dict.fromkeys(("best", "hindsight", "myopic"), 0.0)
    for seed in range(12):
        instance = whole_session("dop", seed, 4, 2, windows=windows)
        best = AppearingProgram(instance, 0.1).expected()
        totals["best"] += best
        for name, time_limit in (("hindsight", 60), ("myopic", 0.01)):  # the first ends with its scenarios
            value = value_of_planning(make(name), problem_of(instance), instance, time_limit)
            assert value <= best + 1e-9
            totals[name] += value
    assert totals["hindsight"] >= 0.96 * totals["best"]
    assert totals["hindsight"] > totals["myopic"]


@pytest.mark.parametrize("name", ["hindsight", "myopic", "means"])
@WINDOWS
def test_days_are_played_to_a_feasible_end(name, windows):
    instance = whole_session("dop", 1, 6, 4, windows=windows)
    found = play(make(name), problem_of(instance), instance, draw_day(instance, 2), Budget(time_limit=0.5))
    assert found.feasible
    assert found.objective > 0


@pytest.mark.parametrize("name", ["hindsight", "myopic", "means"])
def test_they_wait_where_nothing_is_there_yet_and_go_home_where_nothing_can_come(name):
    instance = whole_session("dop", 1, 2, 2, limit=300)
    for times, expected in (([[0, 0], [50, 60], [90, np.inf]], [0, 0]), ([[0, 0], [299, 299], [np.inf] * 2], [0])):
        day = replace(instance, law_appears=times)
        assert make(name).solve(get_problem("dop"), [day], Budget(0.1))[0].tours[0].tolist()[:2] == expected


def test_the_plan_continues_what_was_done():
    instance = replace(whole_session("dop", 1, 6, 4), underway=Underway((0, 0, 3), elapsed=80.0))
    found = make("hindsight").solve(get_problem("dop"), [instance], Budget(0.1))[0]
    assert found.feasible
    assert found.tours[0].tolist()[:4] == [0, 0, 0, 3]


def test_hindsight_is_the_default_where_nodes_appear():
    assert default_spec(whole_session("dop", 1, 6, 4), 1.0) == ("hindsight", None)


def test_each_outcome_that_may_still_happen_is_drawn_equally_often():
    ahead = np.array([[0.0, 0, 0, 0], [np.nan, 5, 7, np.inf]])
    drawn = draw_scenarios(ahead, 30, seed=1)
    assert drawn[:, 0].tolist() == [0.0] * 30
    values, counts = np.unique(drawn[:, 1], return_counts=True)
    assert values.tolist() == [5, 7, np.inf]
    assert counts.tolist() == [10, 10, 10]


def test_settings_that_cannot_be_used_are_refused():
    for count in (0, 10**8):
        with pytest.raises(ValueError, match=f"hindsight: scenarios={count}, expected 1 to 10000"):
            make(f"hindsight(scenarios={count})")
    assert not make("hindsight").supports(get_problem("opq"))
    assert not make("myopic").supports(get_problem("opst"))
