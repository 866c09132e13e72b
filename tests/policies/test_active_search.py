"""Active search trains the embeddings of each instance alone, and leaves the policy as it is."""

from itertools import count

import pytest
import torch

from envs.generators import generate
from envs.routing_env import RoutingEnv, spread_starts
from envs.symmetries import augment
from policies import active_search
from policies.active_search import Incumbents, search_actively, stay
from policies.decoding import Greedy
from policies.policy import Policy, PolicyConfig
from policies.rollout import decode
from tsp.budget import Clock


def make_policy(problem="cvrp"):
    torch.manual_seed(0)
    return Policy(PolicyConfig(layers=1, width=32, heads=4, feedforward=32), RoutingEnv(problem)).eval()


def begin(policy, size=15, instances=3, symmetries=2):
    """A batch under symmetries, and the greedy trajectories of its instances."""
    batch = generate(policy.env.problem.name, "uniform", instances, size, torch.Generator().manual_seed(0))
    with torch.no_grad():
        actions = decode(policy.env, batch, policy.decoder, policy.prepare(batch), Greedy())
        return augment(batch, symmetries), Incumbents(policy.env, batch, actions)


def search(policy, batch, incumbents, *, steps, clock=None, prefix=None, seconds=0.0):
    """The incumbents' costs after each step."""
    costs = []
    with torch.no_grad():
        for better in search_actively(
            policy.env,
            policy,
            batch,
            incumbents,
            list(range(len(incumbents.cost))),
            trajectories=4,
            prefix=prefix,
            steps=steps,
            clock=clock or Clock(600),
            seconds=seconds,
        ):
            assert not torch.is_grad_enabled()
            costs.append(incumbents.cost.clone())
            if len(costs) > 1:
                assert torch.equal(better, costs[-1] < costs[-2])
    return torch.stack(costs) if costs else torch.zeros(0)


def test_incumbents_are_never_worse_after_a_step_and_the_policy_stays_as_it_is():
    policy = make_policy()
    before = {name: x.clone() for name, x in policy.state_dict().items()}
    batch, incumbents = begin(policy)
    first = incumbents.cost.clone()
    costs = search(policy, batch, incumbents, steps=15)
    assert len(costs) == 15
    assert (costs.diff(dim=0) <= 0).all()
    assert (costs[-1] < first).all()
    actual = policy.env.cost(incumbents.batch, incumbents.actions[:, None])[:, 0].double()
    assert torch.equal(actual, incumbents.cost)
    assert all(torch.equal(x, before[name]) for name, x in policy.state_dict().items())
    assert all(x.grad is None for x in policy.parameters())


@pytest.mark.parametrize("problem", ["cvrp", "tsp"])
def test_training_embeddings_finds_better_trajectories_than_sampling_as_many(problem, monkeypatch):
    policy, found = make_policy(problem), []
    for rate in (0.0, 0.02):
        monkeypatch.setattr(active_search, "LEARNING_RATE", rate)
        batch, incumbents = begin(policy, instances=6)
        prefix = spread_starts(batch, 4) if problem == "tsp" else None
        found.append(search(policy, batch, incumbents, steps=25, prefix=prefix)[-1].mean())
    assert found[1] < 0.97 * found[0]


def test_an_instance_is_solved_alone_as_beside_others():
    policy = make_policy()
    batch, incumbents = begin(policy)
    search(policy, batch, incumbents, steps=6)
    alone = begin(policy)[1]
    alone = Incumbents(policy.env, alone.batch.rows(slice(1)), alone.actions[:1, None])
    search(policy, batch.rows(torch.tensor([0, 3])), alone, steps=6)
    assert torch.equal(alone.actions[0], incumbents.actions[0])


def test_a_step_that_does_not_fit_into_the_time_is_not_begun(monkeypatch):
    policy = make_policy()
    batch, incumbents = begin(policy)
    assert not len(search(policy, batch, incumbents, steps=None, clock=Clock(0)))
    monkeypatch.setattr(policy, "prepare", None)  # nor is the batch encoded
    assert not len(search(policy, batch, incumbents, steps=None, clock=Clock(100), seconds=100.0))


def test_the_search_ends_when_the_time_is_up_in_the_middle_of_a_step():
    class Counting(Clock):
        readings = count()

        @property
        def remaining(self):
            return max(0.0, 1e9 - 1e7 * next(self.readings))

    policy = make_policy()
    batch, incumbents = begin(policy)
    costs = search(policy, batch, incumbents, steps=None, clock=Counting(1))
    assert 1 <= len(costs) < 100
    assert next(Counting.readings) < 110


def test_staying_repeats_the_last_action():
    assert stay(torch.tensor([[3, 1, 0]]), 5).tolist() == [[3, 1, 0, 0, 0]]
    assert stay(torch.tensor([[[3, 1]]]), 2).tolist() == [[[3, 1]]]


def test_the_optimizer_is_adam():
    torch.manual_seed(0)
    ours = torch.rand(5, requires_grad=True)
    theirs = ours.detach().clone().requires_grad_()
    reference, optimizer = torch.optim.Adam([theirs], lr=active_search.LEARNING_RATE), active_search.Adam([ours])
    for _ in range(5):
        for x in (ours, theirs):
            (x**3 - x).sum().backward()
        optimizer.step()
        reference.step()
        reference.zero_grad()
    torch.testing.assert_close(ours, theirs)
