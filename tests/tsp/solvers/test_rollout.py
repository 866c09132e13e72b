from dataclasses import replace

import numpy as np
import pytest
from online_instances import AppearingProgram, value_of_planning, whole_session

from tsp.budget import Budget
from tsp.composition import problem_of
from tsp.instance import Instance
from tsp.laws import draw_day
from tsp.problems import get_problem
from tsp.solvers.online import play
from tsp.solvers.registry import make

# By its mean, a visit of A is over in time and worth more; but it takes 4 or 16, and B is sure. There is time for one.
RISKY = Instance(
    [[0, 0], [3, 0], [-3, 0]],
    prizes=[0, 6, 5],
    law_service_times=[[0, 0], [4, 16], [9, 9]],
    max_length=17.0,
    problem="opst",
)


@pytest.mark.parametrize(("base", "first"), [("means(solver=cpsat)", 2), ("session-recourse(steps=20)", 2)])
def test_step_is_the_one_after_which_the_base_planner_collects_most(base, first):
    found = make(f"rollout(base={base},days=8)").solve(get_problem("opst"), [RISKY], Budget(60.0))[0]
    assert found.feasible
    assert found.tours[0].tolist()[1] == first


@pytest.mark.parametrize("name", ["opst", "opq", "dop"])
def test_days_are_played_to_a_feasible_end(name):
    instance = whole_session(name, 1, 5, 4, windows=True)
    solver = make("rollout(days=2,candidates=2)")
    solution = play(solver, problem_of(instance), instance, draw_day(instance, 2), Budget(1.0))
    assert solution.feasible


@pytest.mark.parametrize("spec", ["rollout(days=0)", "rollout(candidates=0)", "rollout(days=100000000)"])
def test_settings_that_cannot_be_used_are_refused(spec):
    with pytest.raises(ValueError, match="expected candidates of 1 or more, days from 1 to 10000"):
        make(spec)


def test_only_sessions_are_supported():
    solver = make("rollout")
    assert solver.supports(get_problem("opq"))
    assert solver.supports(get_problem("dop"))
    assert not solver.supports(get_problem("spctsp"))
    assert not make("rollout(base=session-recourse)").supports(get_problem("dop"))


def test_it_is_nearly_optimal_where_nodes_appear():
    solver, problem, total, best = make("rollout(base=hindsight,days=3)"), get_problem("dop"), 0.0, 0.0
    for seed in (0, 3):
        instance = whole_session("dop", seed, 4, 2)
        best += AppearingProgram(instance, 0.1).expected()
        total += value_of_planning(solver, problem, instance, 60.0)
    assert 0.97 * best <= total <= best + 1e-9


def test_it_waits_where_nothing_is_there_yet_and_goes_home_where_nothing_can_come():
    instance, solver = whole_session("dop", 1, 2, 2, limit=300), make("rollout(days=2)")
    for times, expected in (([[0, 0], [50, 60], [90, np.inf]], [0, 0]), ([[0, 0], [299, 299], [np.inf] * 2], [0])):
        day = replace(instance, law_appears=times)
        assert solver.solve(get_problem("dop"), [day], Budget(0.1))[0].tours[0].tolist()[:2] == expected
