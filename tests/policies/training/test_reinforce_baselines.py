"""REINFORCE baselines: each advantage by hand, and the rollout baseline replaced only by a better policy."""

import numpy as np
import pytest
import torch

from envs.batch import from_coordinates
from envs.routing_env import RoutingEnv
from policies.decoding import Greedy
from policies.policy import Policy, PolicyConfig
from policies.rollout import decode
from policies.training import reinforce_baselines
from policies.training.reinforce_baselines import (
    ExponentialBaseline,
    NoBaseline,
    RolloutBaseline,
    SharedBaseline,
    greedy_costs,
)

COSTS = torch.tensor([[4.0, 6.0, 8.0], [1.0, 2.0, 3.0]])  # [B, P], of mean 4
BATCH = from_coordinates(torch.rand(2, 5, 2, generator=torch.Generator().manual_seed(0)))
ENV = RoutingEnv("tsp")


def make_policy(seed=0):
    torch.manual_seed(seed)
    return Policy(PolicyConfig(layers=1, width=16, heads=2, feedforward=16, norm="batch"), ENV)


def test_without_a_baseline_the_advantage_is_the_cost():
    assert NoBaseline().advantage(BATCH, COSTS).tolist() == COSTS.tolist()


def test_the_shared_baseline_compares_with_the_instances_own_trajectories():
    assert SharedBaseline().advantage(BATCH, COSTS).tolist() == [[-2, 0, 2], [-1, 0, 1]]


def test_the_exponential_baseline_compares_with_the_moving_average():
    baseline = ExponentialBaseline()
    assert baseline.advantage(BATCH, COSTS).tolist() == (COSTS - 4).tolist()
    # 0.8 * 4 + 0.2 * 9 = 5
    assert baseline.advantage(BATCH, COSTS + 5).tolist() == pytest.approx((COSTS + 5 - 5).numpy())


def rollout_baseline(policy=None, *, warmup_epochs=0, draw=None):
    return RolloutBaseline(
        ENV,
        policy or make_policy(),
        draw=draw or (lambda count, number: [BATCH]),
        instances=2,
        warmup_epochs=warmup_epochs,
        bfloat16=False,
    )


def test_the_rollout_baseline_compares_with_the_greedy_tour_of_the_best_policy():
    policy = make_policy()
    advantage = rollout_baseline(policy).advantage(BATCH, COSTS)
    policy.eval()
    tours = decode(ENV, BATCH, policy.decoder, policy.prepare(BATCH), Greedy())
    expected = COSTS - ENV.cost(BATCH, tours)
    torch.testing.assert_close(advantage, expected)


def test_the_best_policy_is_a_copy_that_training_does_not_change():
    policy = make_policy()
    baseline = rollout_baseline(policy)
    before = baseline.advantage(BATCH, COSTS)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter += 1
    assert torch.equal(baseline.advantage(BATCH, COSTS), before)


def test_the_exponential_baseline_is_used_during_warm_up(monkeypatch):
    baseline = rollout_baseline(warmup_epochs=1)
    assert baseline.advantage(BATCH, COSTS).tolist() == (COSTS - 4).tolist()
    monkeypatch.setattr(reinforce_baselines, "greedy_costs", lambda *_, **__: torch.tensor([5.0, 1.0]))
    baseline.end_epoch(make_policy())
    assert baseline.advantage(BATCH, COSTS).tolist() == [[-1, 1, 3], [0, 1, 2]]


RNG = np.random.default_rng(0)
OLD = torch.tensor(5 + RNG.random(100))
NOISE = torch.tensor(RNG.standard_normal(100))
NOISE = (NOISE - NOISE.mean()) / NOISE.std()
NEW = {
    "equal": (OLD, False),
    "worse beyond doubt": (OLD + 0.5, False),
    "better by chance": (OLD - 0.1 + NOISE, False),  # t = 1 with 100 pairs: p = 0.16
    "better, one-sided": (OLD - 0.18 + NOISE, True),  # t = 1.8: p = 0.037
    "clearly better": (OLD - 0.3 + NOISE, True),  # t = 3: p = 0.002
    "better everywhere by little": (OLD - 1e-3 * (1 + 0.1 * NOISE), True),
    "better on one only": (OLD - torch.eye(100, dtype=torch.float64)[0], False),
}


@pytest.mark.parametrize("case", NEW)
def test_the_best_policy_is_replaced_only_by_a_significantly_better_one(monkeypatch, case):
    new, replaced = NEW[case]
    best, candidate, drawn = make_policy(0), make_policy(1), []
    baseline = rollout_baseline(best, draw=lambda count, number: drawn.append(number) or [BATCH])
    costs = {id(baseline.best): OLD, id(candidate): new}
    monkeypatch.setattr(reinforce_baselines, "greedy_costs", lambda env, policy, batch, **_: costs[id(policy)])
    note = baseline.end_epoch(candidate)
    assert (note is not None) == replaced
    expected = (candidate if replaced else best).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in baseline.best.state_dict().items())
    baseline.end_epoch(candidate)
    # new instances are drawn after a policy was selected on them, and only then
    assert drawn == ([0, 0, 1, 1] if replaced else [0, 0, 0])


def test_greedy_costs_leave_the_policys_mode_and_statistics_alone():
    policy = make_policy().train()
    before = {name: value.clone() for name, value in policy.state_dict().items()}
    costs = greedy_costs(ENV, policy, BATCH, bfloat16=False)
    assert costs.shape == (2,)
    assert not costs.requires_grad
    assert policy.training
    assert all(torch.equal(value, before[name]) for name, value in policy.state_dict().items())
    policy.eval()
    assert torch.equal(costs, greedy_costs(ENV, policy, BATCH, bfloat16=False))
    assert not policy.training


@pytest.mark.parametrize("make", [NoBaseline, SharedBaseline, ExponentialBaseline, rollout_baseline])
def test_a_saved_baseline_continues_to_the_same_bits(make):
    baseline, resumed = make(), make()
    baseline.advantage(BATCH, COSTS + 1)
    baseline.end_epoch(make_policy(1))
    resumed.load_state(baseline.state())
    for costs in (COSTS, COSTS + 3):
        assert torch.equal(resumed.advantage(BATCH, costs), baseline.advantage(BATCH, costs))
        resumed.end_epoch(make_policy(2))
        baseline.end_epoch(make_policy(2))
    one, other = baseline.state(), resumed.state()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
