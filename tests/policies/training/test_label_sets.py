"""Set-valued imitation: each way of driving a label's tours is right, and none is better than another."""

import pytest
import torch
from torch import Generator

from envs.routing_env import RoutingEnv
from policies.policy import Policy, PolicyConfig
from policies.rollout import score
from policies.training.label_sets import allow_one, follow
from policies.training.labelling import Label, Labelling, draw_shard, label_shard
from tsp.problems import PROBLEMS, SplitDelivery
from tsp.solvers.registry import make

SOLVABLE = [
    name
    for name, row in PROBLEMS.items()
    if make("ls").supports(row) and not row.reveals and row.rule(SplitDelivery) is None
]
TINY = PolicyConfig(layers=1, width=16, heads=2, feedforward=16)


def labelled(problem, count=6, ways=4):
    """Instances of eight customers, a tiny policy and its cache, and labels."""
    own = Labelling(problem, "uniform", (8,), "ls(kicks=20)", 60.0, count, ways, 3)
    torch.manual_seed(0)
    policy = Policy(TINY, RoutingEnv(problem))
    batch = draw_shard(own, 0)
    actions = torch.from_numpy(label_shard(own, 0, make(own.solver))).long()
    return policy, batch, policy.prepare(batch), Label(actions)


@pytest.mark.parametrize("problem", SOLVABLE)
def test_trajectories_that_follow_a_label_are_legal_and_cost_the_same(problem):
    policy, batch, cache, label = labelled(problem)
    trace, allowed = follow(policy.env, batch, policy.decoder, cache, label, Generator().manual_seed(1))
    chosen = trace.actions[..., None]
    assert not trace.forbidden.gather(-1, chosen).any()
    assert allowed.gather(-1, chosen).all()
    assert not (allowed & trace.forbidden).any()
    cost, missed = policy.env.judge(batch, trace.actions)
    assert not missed.any()
    torch.testing.assert_close(cost, policy.env.cost(batch, label.actions[:, :1]).expand_as(cost), rtol=1e-3, atol=1e-3)


def test_at_the_depot_both_ends_of_every_tour_left_are_right():
    policy, batch, cache, label = labelled("cvrp")
    trace, allowed = follow(policy.env, batch, policy.decoder, cache, label, Generator().manual_seed(1))
    for b in range(batch.count):
        row = label.actions[b, 0].tolist()
        ends = {node for i, node in enumerate(row) if node and (i == 0 or not row[i - 1] or not [*row, 0][i + 1])}
        assert set(allowed[b, 0, 0].nonzero()[:, 0].tolist()) == ends
        for t in range(1, trace.actions.shape[-1]):
            if trace.last[b, 0, t] != 0:
                assert allowed[b, 0, t].sum() == 1  # inside a tour there is one way on


def test_after_its_first_node_a_closed_tour_may_be_driven_both_ways():
    policy, batch, cache, label = labelled("tsp")
    trace, allowed = follow(policy.env, batch, policy.decoder, cache, label, Generator().manual_seed(1))
    assert torch.equal(trace.actions[:, :, 0], label.actions[:, :, 0])
    assert (allowed[:, :, 1].sum(-1) == 2).all()
    assert (allowed[:, :, 2:].sum(-1) == 1).all()


def test_one_way_distances_allow_one_direction():
    policy, batch, cache, label = labelled("atsp")
    _, allowed = follow(policy.env, batch, policy.decoder, cache, label, Generator().manual_seed(1))
    assert (allowed[:, :, 1:].sum(-1) == 1).all()


def test_the_probability_of_a_set_is_the_sum_over_its_actions():
    policy, batch, cache, label = labelled("cvrp")
    trace, allowed = follow(policy.env, batch, policy.decoder, cache, label, Generator().manual_seed(1))
    first = slice(0, 1)
    observation, _ = trace.queries(first)
    p = policy.decoder.logits(cache, observation).softmax(-1)
    expected = torch.where(allowed[:, :, 0], p, 0.0).sum(-1)
    torch.testing.assert_close(score(policy.decoder, cache, trace, first, allowed)[0].exp(), expected)


def test_nothing_is_learned_before_the_cut():
    policy, batch, cache, label = labelled("op")
    after = torch.full((batch.count,), 2)
    for trace, allowed in (
        follow(policy.env, batch, policy.decoder, cache, label._replace(after=after), Generator().manual_seed(1)),
        (own := policy.env.replay(batch, label.actions), allow_one(own, after)),
    ):
        assert torch.equal(trace.actions[:, :, :2], label.actions[:, :, :2])
        before, _ = score(policy.decoder, cache, trace, slice(0, 2), allowed)
        torch.testing.assert_close(before, torch.zeros_like(before), atol=1e-6, rtol=0)
        assert (score(policy.decoder, cache, trace, slice(2, 3), allowed)[0] < -1e-3).any()
