"""Sessions of up to seven nodes with whole-number times, in which environment and checker agree to the bit."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from online_instances import whole_session

from envs.batch import from_instances
from envs.routing_env import RoutingEnv
from tsp.composition import problem_of
from tsp.instance import Instance
from tsp.laws import draw_day
from tsp.solution import check


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["opst", "opq"]),
    st.booleans(),
    st.integers(1, 7),
    st.integers(0, 10**6),
    st.sampled_from([60, 150, 300]),
    st.sampled_from([None, 0.0, 0.5]),
    st.lists(st.integers(0, 99), min_size=15, max_size=15),
)
def test_environment_and_checker_agree_on_every_step_of_a_real_day(name, windows, n, seed, limit, late_price, choices):
    instance = whole_session(name, seed, n, 4, limit, windows=windows, late_price=late_price)
    problem, day = problem_of(instance), draw_day(instance, seed)
    env, batch = RoutingEnv(problem), from_instances([instance], realizations=[day])
    state, tour = env.reset(batch), [0]
    for choice in choices:
        if state.finished[0, 0]:
            break
        allowed = (~env.observe(state).forbidden[0, 0]).nonzero()[:, 0].tolist()
        feasible = [
            node
            for node in range(1, n + 1)
            if check(problem, instance, [[*tour, node]], realization=day).feasible
            and (node not in tour or (problem.may_stay and tour[-1:] == [node] and tour[-2:-1] != [node]))
        ]
        assert [node for node in allowed if node != 0] == feasible
        node = allowed[choice % len(allowed)]
        state = env.step(state, torch.tensor([[node]]))
        tour += [node] if node else []
    made = check(problem, instance, [tour], realization=day)
    assert made.feasible
    actions = torch.tensor([[[*tour[1:], 0]]])
    assert float(env.objective(batch, actions)[0, 0]) == made.objective


def session(problem, **law):
    """Two places 10 and 20 from the depot; of 100 units of time, visits take 10 or so."""
    x = np.array([0.0, 10.0, 20.0])
    return Instance(matrix=abs(x[:, None] - x), max_length=100.0, problem=problem, **law)


def seen(env, state):
    """What a policy sees of each node: the probability to finish, the prize to expect, and that prize for its time."""
    return env.observe(state).node_context[0, 0].T.tolist()


def test_a_policy_sees_what_each_node_is_worth_for_its_time():
    times = np.array([[0.0, 0.0], [5.0, 15.0], [10.0, 70.0]])  # the second visit is finished in one of two outcomes
    instance = session("opst", law_service_times=times, prizes=np.array([0.0, 6.0, 8.0]))
    env = RoutingEnv("opst")
    state = env.reset(from_instances([instance], realizations=[draw_day(instance, 0)]), 1)
    chance, prize, rate = seen(env, state)
    assert chance == [1.0, 1.0, 0.5]
    assert prize == pytest.approx([0.0, 6.0 / 8, 4.0 / 8])
    assert rate == pytest.approx([0.0, 1.0, (4 / 60) / (6 / 20)])  # by way and mean visit: 10 + 10 and 20 + 40
    assert seen(env, env.step(state, torch.tensor([[1]])))[2] == [0.0, 0.0, 1.0]  # the first is visited


def test_a_policy_sees_what_it_is_worth_to_stay():
    waits, prizes = np.array([[0.0], [4.0], [5.0]]), np.array([[0.0], [7.0], [6.0]])
    service = np.array([0.0, 10.0, 5.0])
    instance = session("opq", law_waits=waits, law_prizes=prizes, service_times=service)
    env = RoutingEnv("opq")
    state = env.reset(from_instances([instance], realizations=[draw_day(instance, 0)]), 1)
    assert seen(env, state)[2] == pytest.approx([0.0, 1.0, (6 / 30) / (7 / 24)])
    there = env.step(state, torch.tensor([[1]]))
    assert seen(env, there)[2] == pytest.approx([0.0, 1.0, (6 / 20) / (7 / 14)])  # to stay takes 4 + 10
    assert seen(env, env.step(there, torch.tensor([[1]])))[2] == [0.0, 0.0, 1.0]
