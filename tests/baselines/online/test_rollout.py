import pytest
from online_instances import whole_session

from tsp.budget import Budget
from tsp.composition import problem_of
from tsp.laws import draw_day
from tsp.solvers.online import play
from tsp.solvers.registry import make


@pytest.mark.parametrize("name", ["opst", "opq"])
def test_days_are_played_to_a_feasible_end(name):
    instance = whole_session(name, 1, 6, 4)
    solver = make("session-rollout(candidates=2,steps=20,steps_after=10,cells=64)")
    solution = play(solver, problem_of(instance), instance, draw_day(instance, 2), Budget(time_limit=60))
    assert solution.feasible
    assert solution.objective > 0


def test_settings_that_cannot_be_used_are_refused():
    with pytest.raises(ValueError, match="candidates=0"):
        make("session-rollout(candidates=0)")
