"""Passes from static buffers: the gradients of the plain ones."""

import pytest
import torch

from envs.generators import generate
from envs.routing_env import RoutingEnv
from policies.policy import Policy, PolicyConfig
from policies.training.labelling import Label
from policies.training.passes import GraphPasses, Passes
from policies.training.reinforce import accumulate_imitation
from tsp.problems import PROBLEMS

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")]),
]
TRAJECTORIES = 4
ENTROPY = 0.05


def drawn(problem, device, seed):
    return generate(problem, "uniform", 5, 9, torch.Generator().manual_seed(seed)).to(device)


def policy(problem, device, norm="instance"):
    torch.manual_seed(0)
    config = PolicyConfig(layers=1, width=32, heads=4, feedforward=32, edges=problem == "atsp", norm=norm)
    return Policy(config, RoutingEnv(problem)).to(device).train()


def captured(own, batch, generator, **options):
    options = {"trajectories": TRAJECTORIES, "bfloat16": False, "compiles": False} | options
    return GraphPasses(own, batch, generator=generator, **options)


def gradients(own):
    found = {name: p.grad for name, p in own.named_parameters() if p.grad is not None}
    own.zero_grad(set_to_none=True)
    return found


def assert_same_gradients(ours, theirs):
    assert ours.keys() == theirs.keys()
    largest = max(float(x.abs().max()) for x in theirs.values())
    assert largest > 0
    for name, x in theirs.items():
        assert torch.allclose(ours[name], x, rtol=1e-4, atol=1e-5 * largest), name


def weights_of(batch, device):
    return torch.randn((batch.count, TRAJECTORIES), generator=torch.Generator().manual_seed(5)).to(device)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_sampled_trajectories_and_their_gradients_are_those_of_the_plain_passes_batch_after_batch(problem, monkeypatch):
    monkeypatch.setattr("policies.training.passes.CHUNK_ELEMENTS", 1)  # chunks of eight steps; the last goes too far
    own = policy(problem, "cpu")
    generator = torch.Generator()
    ours = captured(own, drawn(problem, "cpu", 1), generator, entropy=ENTROPY)
    assert not gradients(own)
    for seed in (2, 3):
        batch = drawn(problem, "cpu", seed)
        weights = weights_of(batch, "cpu")
        generator.manual_seed(seed)
        costs = ours.sample(batch)
        loss = ours.backward(weights)
        found = gradients(own)
        plain = Passes(
            own, trajectories=TRAJECTORIES, generator=generator.manual_seed(seed), bfloat16=False, entropy=ENTROPY
        )
        assert torch.allclose(costs, plain.sample(batch))
        assert loss.item() == pytest.approx(plain.backward(weights).item(), rel=1e-4, abs=1e-5)
        assert_same_gradients(found, gradients(own))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("after", [None, (0, 1, 3, 2, 5)])
@pytest.mark.parametrize("problem", ["tsp", "cvrp", "op", "pctsp", "sdvrp", "tsptw"])
def test_given_trajectories_have_the_gradients_of_plain_imitation(problem, after, device):
    own = policy(problem, device)
    sampled = captured(own, drawn(problem, device, 1), torch.Generator(device))
    batch = drawn(problem, device, 2)
    sampled.sample(batch)
    actions = sampled.trace.actions[:, :, : sampled.taken].clone()
    label = Label(actions, None if after is None else torch.tensor(after, device=device))
    ours = captured(own, batch, torch.Generator(device), replays=own.env.horizon(batch))
    for weight in (1.0, 0.3):
        loss = accumulate_imitation(own.env, own, batch, label, bfloat16=False, weight=weight, graphs=ours)
        found = gradients(own)
        expected = accumulate_imitation(own.env, own, batch, label, bfloat16=False, weight=weight)
        assert loss.item() == pytest.approx(expected.item(), rel=1e-3)
        assert_same_gradients(found, gradients(own))


def test_gradients_are_added_to_those_that_are_there():
    own, batch = policy("cvrp", "cpu"), drawn("cvrp", "cpu", 1)
    ours = captured(own, batch, torch.Generator())
    ours.sample(batch)
    ours.backward(weights_of(batch, "cpu"))
    once = {name: p.grad.clone() for name, p in own.named_parameters() if p.grad is not None}
    ours.encode(batch)
    ours.backward(weights_of(batch, "cpu"))
    for name, x in gradients(own).items():
        assert torch.allclose(x, 2 * once[name], rtol=1e-5, atol=1e-7), name


def test_statistics_of_batch_norm_do_not_change_before_the_first_batch():
    own = policy("tsp", "cpu", norm="batch")
    before = {name: buffer.clone() for name, buffer in own.named_buffers()}
    ours = captured(own, drawn("tsp", "cpu", 1), torch.Generator())
    assert all(torch.equal(buffer, before[name]) for name, buffer in own.named_buffers())
    ours.encode(drawn("tsp", "cpu", 2))
    assert not all(torch.equal(buffer, before[name]) for name, buffer in own.named_buffers())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")
@pytest.mark.parametrize("compiles", [False, True])
@pytest.mark.parametrize("problem", ["tsp", "cvrp", "op", "pctsp"])
def test_graphs_have_the_gradients_of_the_plain_passes_on_a_gpu(problem, compiles):
    own = policy(problem, "cuda")
    ours = captured(own, drawn(problem, "cuda", 1), torch.Generator("cuda"), compiles=compiles)
    for seed in (2, 3):
        batch = drawn(problem, "cuda", seed)
        weights = weights_of(batch, "cuda")
        ours.sample(batch)
        ours.backward(weights)
        found = gradients(own)
        plain = Passes(own, trajectories=TRAJECTORIES, generator=torch.Generator("cuda"), bfloat16=False)
        plain.sample(batch)
        trace = own.env.replay(batch, ours.trace.actions[:, :, : ours.taken])
        plain.traces = [trace._replace(given=ours.given)]
        plain.backward(weights)
        assert_same_gradients(found, gradients(own))
