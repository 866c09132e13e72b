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
    Challenge,
    CriticBaseline,
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


def rollout_baseline(policy=None, *, warmup_epochs=0, draw=None, challenge=None):
    return RolloutBaseline(
        ENV,
        policy or make_policy(),
        draw=draw or (lambda count, number: [BATCH]),
        challenge=challenge or Challenge(2),
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
    assert drawn == ([0, 1] if replaced else [0, 0])


def looks_at(monkeypatch, best, new):
    """How many of five batches a challenge of 500 instances evaluates, and whether the new policy wins."""
    evaluated = []
    candidate, hundred = make_policy(1), from_coordinates(torch.rand(100, 5, 2))
    baseline = rollout_baseline(draw=lambda count, number: [hundred] * 5, challenge=Challenge(500))
    costs = {id(baseline.best): iter(best.split(100)), id(candidate): iter(new.split(100))}

    def evaluate(policy, batch):
        evaluated.append(policy)
        return next(costs[id(policy)])

    monkeypatch.setattr(baseline, "_evaluate", evaluate)
    note = baseline.end_epoch(candidate)
    return len(evaluated) // 2, note is not None


def test_a_challenge_ends_as_soon_as_it_is_decided(monkeypatch):
    best = torch.full((500,), 5.0, dtype=torch.double)
    noise = torch.tensor(np.random.default_rng(1).standard_normal(500))
    noise = torch.cat([(x - x.mean()) / x.std() for x in noise.split(100)])
    assert looks_at(monkeypatch, best, best - 1.0 + noise) == (1, True)
    assert looks_at(monkeypatch, best, best + 0.01 + noise) == (1, False)
    # t = 1, 1.4, 1.7, 2, 2.2 after each batch: the first four looks need p < 0.00625, the last one p < 0.025
    assert looks_at(monkeypatch, best, best - 0.1 + noise) == (5, True)
    assert looks_at(monkeypatch, best, best - 0.08 + noise) == (5, False)


def test_equal_policies_seldom_replace_each_other(monkeypatch):
    rng = np.random.default_rng(2)
    best = torch.zeros(500, dtype=torch.double)
    won = [looks_at(monkeypatch, best, torch.tensor(rng.standard_normal(500)))[1] for _ in range(400)]
    assert sum(won) / 400 < 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5


def test_a_challenge_takes_few_instances_for_what_an_epoch_trains():
    assert Challenge.affordable(1_280_000) == (10_000, 1)  # as Kool et al.
    assert Challenge.affordable(25_600) == (2_133, 1)
    assert Challenge.affordable(3_000) == (500, 2)


def test_short_epochs_have_a_challenge_once_in_several(monkeypatch):
    drawn = []
    baseline = rollout_baseline(draw=lambda count, number: drawn.append(baseline.epochs) or [BATCH])
    baseline.challenge = Challenge(2, every=3)
    for _ in range(7):
        baseline.end_epoch(make_policy(1))
    assert drawn == [3, 6]


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


def critic_baseline():
    return CriticBaseline(make_policy(), lr=1e-3, bfloat16=False)


def test_the_critic_learns_the_cost_of_each_instance():
    """Instances in a square half as large have half the cost, which a moving average cannot know."""
    torch.manual_seed(0)
    policy = Policy(PolicyConfig(layers=1, width=16, heads=2, feedforward=16, norm="layer"), ENV)
    baseline = CriticBaseline(policy, lr=3e-3, bfloat16=False)
    generator = torch.Generator().manual_seed(0)
    for _ in range(300):
        scale = torch.where(torch.rand(32, 1, 1, generator=generator) < 0.5, 0.5, 1.0)
        batch = from_coordinates(torch.rand(32, 8, 2, generator=generator))
        batch = batch._replace(coordinates=batch.coordinates.float() * scale)
        costs = (4 * scale[:, 0]).expand(32, 2)
        advantage = baseline.advantage(batch, costs)
    assert advantage.abs().mean() < 0.3  # without knowing the instance: 1


def test_the_critic_leaves_the_policy_alone():
    policy = make_policy()
    before = {name: value.clone() for name, value in policy.state_dict().items()}
    baseline = CriticBaseline(policy, lr=1e-2, bfloat16=False)
    first = baseline.advantage(BATCH, COSTS)
    assert not first.requires_grad
    assert not torch.equal(baseline.advantage(BATCH, COSTS), first)  # it has learned
    assert all(torch.equal(value, before[name]) for name, value in policy.state_dict().items())


@pytest.mark.parametrize("make", [NoBaseline, SharedBaseline, ExponentialBaseline, rollout_baseline, critic_baseline])
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
