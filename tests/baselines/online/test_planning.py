from itertools import product

import numpy as np
import pytest
from online_instances import whole_session

from baselines.online.planning import Plan, decide
from baselines.online.program import Program
from baselines.online.sessions import Position, position_of, sessions_of
from baselines.online.values import end_of_visit
from tsp.budget import Clock
from tsp.composition import problem_of

SESSIONS = pytest.mark.parametrize(("name", "windows"), [(n, w) for n in ("opst", "opq") for w in (False, True)])


def plan_of(instance, *, cells=128, steps=300, first=()):
    problem = problem_of(instance)
    plan = Plan(sessions_of(problem, instance), position_of(problem, instance), first, cells=cells, seed=1)
    plan.search(Clock(60), steps=steps)
    return plan


@SESSIONS
@pytest.mark.parametrize("late_price", [None, 0.5])
def test_expected_prize_is_that_of_drawn_outcomes(name, windows, late_price):
    errors = []
    for seed in range(4):
        plan = plan_of(whole_session(name, seed, 12, 20, windows=windows, late_price=late_price), cells=512)
        errors.append(plan.follow(40_000, seed).mean / plan.onward()[1] - 1)
    assert abs(np.mean(errors)) < 0.005
    assert max(map(abs, errors)) < 0.01


@SESSIONS
@pytest.mark.parametrize("late_price", [None, 0.0, 0.5, 2.0])
def test_order_is_worth_at_most_the_optimal_policy_and_nearly_as_much(name, windows, late_price):
    shares = []
    for seed in range(6):
        instance = whole_session(name, seed, 7, 20, windows=windows, late_price=late_price)
        plan = plan_of(instance)
        best = Program(plan.sessions, 0, range(1, 8)).departure([], 0, 0)
        followed = plan.follow(20_000, seed).mean
        assert followed <= best * 1.01
        shares.append(followed / best)
    assert np.mean(shares) > 0.97


def value_of_planning(s, position):
    """Expected prize where each step is planned anew, over every outcome."""
    decision = decide(s, position, [], Clock(60), cells=128, seed=1, steps=100)
    here, now, _, gone = position
    if decision.stays:
        over, lost = end_of_visit(s, here, 0, now)
        after = value_of_planning(s, position._replace(now=over, undecided=False))
        return after + (0.0 if lost else s.prizes[here, 0])
    if not decision.order:
        late = max(0.0, now - s.latest[here])
        return -s.late_price * late if late else 0.0
    node, values = decision.order[0], []
    arrive, gone = now + s.distances[here, node], gone | (np.arange(len(gone)) == node)
    for k in range(s.prizes.shape[1]):
        if s.sees:
            laws = {name: getattr(s, name).copy() for name in ("waits", "service", "prizes")}
            for law in laws.values():
                law[node] = law[node, k]
            values.append(value_of_planning(s._replace(**laws), Position(node, arrive, undecided=True, gone=gone)))
        else:
            over, lost = end_of_visit(s, node, k, arrive)
            after = value_of_planning(s, Position(node, over, undecided=False, gone=gone))
            values.append(after + (0.0 if lost else s.prizes[node, k]))
    return np.mean(values)


@SESSIONS
def test_planning_again_after_every_step_is_nearly_optimal_where_a_late_end_has_a_price(name, windows):
    shares = []
    for price, seed in product((0.5, 2.0), range(4)):
        instance = whole_session(name, seed, 5, 3, limit=200, windows=windows, late_price=price)
        problem = problem_of(instance)
        s = sessions_of(problem, instance)
        best = Program(s, 0, range(1, 6)).departure([], 0, 0)
        shares.append(value_of_planning(s, position_of(problem, instance)) / best)
    assert max(shares) < 1 + 1e-9
    assert np.mean(shares) > 0.99


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
