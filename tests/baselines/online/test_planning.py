import numpy as np
import pytest
from online_instances import whole_session

from baselines.online.planning import Plan, decide
from baselines.online.program import Program
from baselines.online.sessions import Position, position_of, sessions_of
from tsp.budget import Clock
from tsp.composition import problem_of

SESSIONS = pytest.mark.parametrize(("name", "windows"), [(n, w) for n in ("opst", "opq") for w in (False, True)])


def plan_of(instance, *, cells=128, steps=300, first=()):
    problem = problem_of(instance)
    plan = Plan(sessions_of(problem, instance), position_of(problem, instance), first, cells=cells, seed=1)
    plan.search(Clock(60), steps=steps)
    return plan


@SESSIONS
def test_expected_prize_is_that_of_drawn_outcomes(name, windows):
    errors = []
    for seed in range(4):
        plan = plan_of(whole_session(name, seed, 12, 20, windows=windows), cells=512)
        errors.append(plan.follow(100_000, seed).mean / plan.onward()[1] - 1)
    assert abs(np.mean(errors)) < 0.005
    assert max(map(abs, errors)) < 0.01


@SESSIONS
def test_order_is_worth_at_most_the_optimal_policy_and_nearly_as_much(name, windows):
    shares = []
    for seed in range(6):
        instance = whole_session(name, seed, 7, 20, windows=windows)
        plan = plan_of(instance)
        best = Program(plan.sessions, 0, range(1, 8)).departure([], 0, 0)
        followed = plan.follow(20_000, seed).mean
        assert followed <= best * 1.01
        shares.append(followed / best)
    assert np.mean(shares) > 0.97


@SESSIONS
def test_more_search_never_lowers_the_expected_prize(name, windows):
    instance = whole_session(name, 3, 15, 20, windows=windows)
    values = [plan_of(instance, steps=steps).value for steps in (0, 100, 1000)]
    assert values == sorted(values)


def test_same_seed_gives_the_same_plan():
    instance = whole_session("opq", 5, 12, 20)
    first, second = (plan_of(instance).onward() for _ in range(2))
    assert first == second


def test_earlier_plan_is_where_the_search_starts():
    instance = whole_session("opst", 4, 12, 20)
    before = plan_of(instance, steps=1000)
    assert plan_of(instance, steps=0, first=before.onward()[0]).value >= before.value * (1 - 1e-3)


@pytest.mark.parametrize(("wait", "prize", "stays"), [(0.0, 90.0, True), (np.inf, 0.0, False), (250.0, 1.0, False)])
def test_she_stays_where_that_is_worth_its_time(wait, prize, stays):
    instance = whole_session("opq", 2, 6, 4)
    s = sessions_of(problem_of(instance), instance)
    for law, value in ((s.waits, wait), (s.prizes, prize)):
        law.flags.writeable = True
        law[3] = value
    gone = np.array([True, False, False, True, False, False, False])
    decision = decide(s, Position(3, 20.0, undecided=True, gone=gone), [], Clock(60), cells=128, seed=0, steps=0)
    assert decision.stays is stays
    assert 3 not in decision.order


def test_node_that_only_leaving_leaves_time_for_is_planned():
    """She is at the one node of her plan; its visit is worth little, and another node closes during it."""
    instance = whole_session("opq", 2, 2, 2, windows=True)
    s = sessions_of(problem_of(instance), instance)
    s = s._replace(
        waits=np.zeros((3, 2)),
        service=np.full((3, 2), 100.0),
        prizes=np.array([[0.0] * 2, [5.0] * 2, [50.0] * 2]),
        opens=np.zeros(3),
        closes=np.array([300.0, 300.0, 10.0 + s.distances[1, 2]]),
    )
    here = Position(1, 10.0, undecided=True, gone=np.array([True, True, False]))
    assert decide(s, here, [1], Clock(60), cells=128, seed=0, steps=50) == (False, [2], 50.0)


def test_nothing_is_planned_where_nothing_can_be_reached():
    instance = whole_session("opst", 2, 6, 4)
    s = sessions_of(problem_of(instance), instance)
    plan = Plan(s, Position(1, 299.0, undecided=False, gone=np.arange(7) < 2), [], cells=128, seed=0)
    assert plan.onward() == ([], 0.0)
