from dataclasses import replace

import numpy as np
import pytest
from online_instances import AppearingProgram, whole_session

from baselines.online.outlook import look_ahead
from tsp.budget import Budget
from tsp.composition import problem_of
from tsp.instance import Instance, Underway
from tsp.laws import draw_day
from tsp.problems import AppearingSession, get_problem
from tsp.solution import check, session_end
from tsp.solvers.registry import make

OPST = get_problem("opst")
LINE = Instance(
    [[0, 0], [10, 0], [20, 0]],
    law_service_times=[[0, 0], [5, 15], [10, 20]],
    prizes=[0, 4, 6],
    max_length=65.0,
    problem="opst",
)


def outlook_of(instance, tour):
    problem = problem_of(instance)
    return look_ahead(problem, instance, check(problem, instance, [tour]))


def test_probabilities_and_times_are_those_of_the_laws():
    found = outlook_of(replace(LINE, max_length=55.0), [0, 1, 2])
    # node 1: over at 15 or 25; node 2 has to be left at 35: after 25 she goes home, else it is over at 35 or too late
    assert (found.next, found.order, found.drops_first) == (1, (1, 2), 2)
    assert found.in_time.tolist() == pytest.approx([1.0, 0.25], abs=0.02)
    assert found.expected == pytest.approx(4 + 0.25 * 6, abs=0.1)
    assert found.arrivals[0].tolist() == [10.0] * 5
    assert found.arrivals[1, [0, 4]].tolist() == [25.0, 25.0]


def test_nothing_is_dropped_where_all_is_in_time():
    found = outlook_of(replace(LINE, max_length=80.0), [0, 1, 2])
    assert found.drops_first is None
    assert found.expected == pytest.approx(10)


@pytest.mark.parametrize("price", [0.0, 0.1])
def test_probability_of_a_late_end_is_that_of_the_law(price):
    """Node 1 is left at 15 or 25, node 2 at 35, 45, 45 or 55, which is 0, 10 or 20 late: it has to be left at 35."""
    day = replace(LINE, max_length=55.0, late_price=price)
    found = outlook_of(day, [0, 1, 2])
    assert (found.order, found.drops_first) == ((1, 2), None)
    assert found.late == pytest.approx(0.75, abs=0.02)
    assert found.expected == pytest.approx(10 - price * (10 + 10 + 20) / 4, abs=0.05)
    late = replace(day, underway=Underway((1, 2), elapsed=40.0))
    assert (outlook_of(late, [0, 1, 2]).late, outlook_of(late, [0, 1, 2]).expected) == (1.0, 10 - 5 * price)
    assert outlook_of(replace(LINE, max_length=55.0), [0, 1, 2]).late is None


@pytest.mark.parametrize("name", ["opst", "opq"])
def test_probability_of_a_late_end_is_that_of_drawn_days(name):
    """Of a plan with one node, on which nothing is decided but whether to stay."""
    for seed in range(4):
        instance = whole_session(name, seed, 1, 20, limit=120, late_price=0.0)
        problem, stays = problem_of(instance), 2 if name == "opq" else 1
        found, late = outlook_of(instance, [0] + [1] * stays), 0
        for day in (draw_day(instance, k) for k in range(2000)):
            there = day.waits is None or np.isfinite(day.waits[1])
            end = session_end(problem, instance, [0] + [1] * (stays if there else 1), day)
            late += end + instance.distances[1, 0] > 120
        assert found.late == pytest.approx(late / 2000, abs=0.04)


def test_what_was_collected_under_way_counts_and_home_is_next_after_the_last_visit():
    found = outlook_of(replace(LINE, underway=Underway((1,), elapsed=25.0)), [0, 1])
    assert (found.next, found.order, found.expected) == (0, (), 4.0)
    assert found.in_time.size == 0


def test_staying_is_going_to_the_node_where_she_is():
    instance = whole_session("opq", 3, 5, 4)
    waits, prizes = instance.law_waits.copy(), instance.law_prizes.copy()
    waits[2], prizes[2] = 0, 90
    instance = replace(instance, law_waits=waits, law_prizes=prizes, underway=Underway((2,), elapsed=30.0))
    assert outlook_of(instance, [0, 2, 2, 1, 1]).next == 2
    assert outlook_of(instance, [0, 2, 1, 1]).next == 1
    assert outlook_of(instance, [0, 2, 2, 1, 1]).expected > 90 > outlook_of(instance, [0, 2, 1, 1]).expected


def test_only_feasible_plans_of_sessions_have_one():
    assert outlook_of(LINE, [0, 1, 1]) is None
    op = Instance([[0, 0], [1, 0]], prizes=[0, 1], max_length=3.0, problem="op")
    assert outlook_of(op, [0, 1]) is None
    assert np.isfinite(outlook_of(LINE, [0, 2]).expected)


GALLERY = Instance(
    [[0, 0], [3, 0], [5, 0]],
    law_appears=[[0, 0], [0, 0], [6, np.inf]],
    prizes=[0, 4, 5],
    service_times=[0, 1, 1],
    max_length=20.0,
    problem="dop",
)


def test_a_plan_for_nodes_that_appear_waits_and_says_how_often_they_do():
    found = outlook_of(GALLERY, [0, 1, 1, 2])
    assert (found.next, found.order, found.drops_first) == (1, (1, 2), 2)
    assert found.in_time.tolist() == pytest.approx([1.0, 0.5], abs=0.02)
    assert found.expected == pytest.approx(4 + 0.5 * 5, abs=0.1)
    assert found.arrivals[0].tolist() == [3.0] * 5
    assert found.arrivals[1].tolist() == [8.0] * 5  # it leaves as the node appears


def test_a_wait_is_the_next_step_and_then_the_better_of_two_rules_is_followed():
    found = outlook_of(GALLERY, [0, 0, 0, 0, 2, 1])
    assert (found.next, found.order) == (0, (2, 1))
    assert found.in_time.tolist() == pytest.approx([0.5, 1.0], abs=0.02)
    assert found.arrivals[1].tolist() != [2 + 3.0] * 5  # it waits for the other one where that appears
    waiting = outlook_of(replace(GALLERY, underway=Underway((1,), elapsed=4.0)), [0, 1, 1])
    assert (waiting.next, waiting.order) == (1, (2,))
    assert waiting.expected == pytest.approx(4 + 0.5 * 5, abs=0.1)
    home = outlook_of(replace(GALLERY, underway=Underway((1,), elapsed=4.0)), [0, 1])
    assert (home.next, home.order, home.expected) == (0, (), 4.0)


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_what_is_promised_where_nodes_appear_is_reachable(seed, windows):
    instance = whole_session("dop", seed, 4, 2, windows=windows)
    problem = problem_of(instance)
    plan = make("hindsight").solve(problem, [instance], Budget(5.0))[0]
    best = AppearingProgram(instance, problem.rule(AppearingSession).longest_wait).expected()
    assert look_ahead(problem, instance, plan).expected <= best * 1.01
    known = replace(instance, law_appears=instance.law_appears[:, :1])  # one outcome: it is known when nodes appear
    plan = make("hindsight").solve(problem, [known], Budget(5.0))[0]
    best = AppearingProgram(known, problem.rule(AppearingSession).longest_wait).expected()
    assert plan.objective <= look_ahead(problem, known, plan).expected <= best


def test_what_was_collected_counts_where_the_tour_ends_elsewhere():
    instance = replace(LINE, end=2, underway=Underway((1,), elapsed=25.0))
    assert outlook_of(instance, [0, 1, 2]).expected == 4.0
