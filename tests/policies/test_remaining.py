"""Leaving out nodes that cannot be next any more changes what is read, and no trajectory."""

import numpy as np
import pytest
import torch
from instances import tiny_instance

from envs.batch import from_coordinates, from_instances
from envs.generators import generate
from envs.routing_env import RoutingEnv
from policies import remaining
from policies.alignment import ALIGNMENT
from policies.decoder import Decoder
from policies.decoding import Greedy, Sampling
from policies.policy import Policy, PolicyConfig
from policies.rollout import decode, log_prob, rollout
from tsp.instance import Instance
from tsp.problems import PROBLEMS


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def make_policy(env, *, edges=False):
    """A small policy that is far from uniform."""
    torch.manual_seed(0)
    policy = Policy(PolicyConfig(layers=2, width=32, heads=4, feedforward=32, norm="instance", edges=edges), env)
    with torch.no_grad():
        policy.decoder.project_glimpse.weight *= 12
    return policy.eval()


@pytest.fixture
def widths(monkeypatch):
    """The numbers of nodes of which logits are computed, step by step; every node left behind is left out."""
    seen, logits = [], Decoder.logits

    def watch(self, cache, observation):
        out = logits(self, cache, observation)
        seen.append(out.shape[-1])
        return out

    monkeypatch.setattr(Decoder, "logits", watch)
    monkeypatch.setitem(ALIGNMENT, "cpu", 1)
    monkeypatch.setattr(remaining, "WORTH_COPYING", 0.999)
    return seen


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("strategy", [Greedy(), Sampling()], ids=["greedy", "sampling"])
def test_trajectories_are_those_of_the_whole_cache(problem, padded, strategy, widths, monkeypatch):
    env = RoutingEnv(problem)
    if padded:
        batch = from_instances([tiny_instance(problem, s, n) for s, n in ((0, 4), (1, 6), (3, 5), (5, 8), (11, 9))])
    else:
        batch = generate(problem, "uniform", 4, 12, generator())
    policy = make_policy(env, edges=True)
    cache = policy.prepare(batch)
    narrowed = rollout(env, batch, policy.decoder, cache, strategy, generator=generator(7))
    visits = [len({*actions.tolist()} - {int(batch.depot[i])}) for i, actions in enumerate(narrowed.actions[:, 0])]
    assert min(widths) < batch.size or min(visits) < 2, "nothing was left out"
    scored = log_prob(policy.decoder, cache, narrowed)
    monkeypatch.setattr(remaining, "WORTH_COPYING", 0.0)
    whole = rollout(env, batch, policy.decoder, cache, strategy, generator=generator(7))
    assert torch.equal(narrowed.actions, whole.actions)
    torch.testing.assert_close(scored, log_prob(policy.decoder, cache, whole))


def test_a_closed_tour_reads_fewer_nodes_in_steps_of_the_alignment(widths, monkeypatch):
    monkeypatch.setitem(ALIGNMENT, "cpu", 8)
    monkeypatch.setattr(remaining, "WORTH_COPYING", 0.75)
    env, batch = RoutingEnv("tsp"), from_coordinates(torch.rand(2, 32, 2, generator=generator()))
    policy = make_policy(env)
    decode(env, batch, policy.decoder, policy.prepare(batch), Greedy())
    assert widths == [32] * 9 + [24] * 8 + [16] * 8 + [8] * 7


def test_instances_of_several_sizes_read_what_the_largest_needs(widths):
    env = RoutingEnv("tsp")
    batch = from_instances([Instance(np.random.default_rng(n).random((n, 2))) for n in (5, 9)])
    policy = make_policy(env)
    decode(env, batch, policy.decoder, policy.prepare(batch), Greedy())
    assert widths == [9, 9, 8, 7, 6, 5, 4, 3, 2]


def test_several_trajectories_of_an_instance_read_all_nodes(widths):
    env, batch = RoutingEnv("tsp"), from_coordinates(torch.rand(2, 9, 2, generator=generator()))
    policy = make_policy(env)
    decode(env, batch, policy.decoder, policy.prepare(batch), Sampling(), trajectories=2, generator=generator())
    assert set(widths) == {9}


def test_in_bfloat16_the_same_nodes_are_chosen_almost_always(monkeypatch):
    """Products of other shapes are rounded otherwise, so that near ties may be decided otherwise."""
    env, batch = RoutingEnv("tsp"), from_coordinates(torch.rand(16, 100, 2, generator=generator()))
    policy = make_policy(env)
    cache = policy.prepare(batch, bfloat16=True)
    narrowed = env.cost(batch, decode(env, batch, policy.decoder, cache, Greedy()))
    monkeypatch.setattr(remaining, "WORTH_COPYING", 0.0)
    whole = env.cost(batch, decode(env, batch, policy.decoder, cache, Greedy()))
    assert (narrowed == whole).double().mean() > 0.5
    torch.testing.assert_close(narrowed.mean(), whole.mean(), rtol=0.02, atol=0)
