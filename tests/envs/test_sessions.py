"""Sessions of up to seven nodes with whole-number times, in which environment and checker agree to the bit."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from online_instances import whole_session

from envs.batch import from_instances
from envs.features import FEATURES
from envs.generators import generate
from envs.routing_env import RoutingEnv
from tsp.composition import problem_of
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


@pytest.mark.parametrize("problem", ["opst", "opq"])
def test_a_policy_sees_which_node_is_worth_most_for_its_time(problem):
    env, batch = RoutingEnv(problem), generate(problem, "hall", 4, 9, torch.Generator().manual_seed(1))
    state = env.reset(batch, 1)
    chance, prize, rate = env.observe(state).node_context[:, 0].unbind(-1)
    rows = torch.arange(4)
    for_time = prize / (batch.costs()[rows, batch.depot] + FEATURES["duration"](batch)).clamp(min=1e-6)
    assert ((chance >= 0) & (chance <= 1)).all()
    torch.testing.assert_close(rate, for_time / for_time.amax(-1, keepdim=True))
    best = rate.argmax(-1)
    after = env.observe(env.step(state, best[:, None]))
    here = after.node_context[rows, 0, best, 2]
    if problem == "opst":
        assert (here == 0).all()  # it is visited
    else:
        _, undecided, takes, gain = after.context[:, 0].unbind(-1)
        assert (undecided == 1).all()
        assert torch.equal(here > 0, gain / takes > 0)
