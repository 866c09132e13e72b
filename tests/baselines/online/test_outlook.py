from dataclasses import replace

import numpy as np
import pytest
from online_instances import whole_session

from baselines.online.outlook import look_ahead
from tsp.composition import problem_of
from tsp.instance import Instance, Underway
from tsp.problems import get_problem
from tsp.solution import check

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
