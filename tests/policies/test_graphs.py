"""Rollouts from static buffers: they take the steps of the plain rollout."""

import pytest
import torch

from envs.generators import generate
from envs.routing_env import RoutingEnv
from policies.decoding import Sampling
from policies.graphs import GraphRollout
from policies.policy import Policy, PolicyConfig
from policies.rollout import rollout
from tsp.problems import PROBLEMS

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")]),
]
TRAJECTORIES = 4


def drawn(problem, device, seed):
    return generate(problem, "uniform", 5, 9, torch.Generator().manual_seed(seed)).to(device)


def policy(problem, device):
    torch.manual_seed(0)
    config = PolicyConfig(layers=1, width=32, heads=4, feedforward=32, edges=problem == "atsp")
    return Policy(config, RoutingEnv(problem)).to(device)


def captured(own, batch, generator, replays=None, *, compiles=False):
    return GraphRollout(
        own.env,
        own.decoder,
        batch,
        own.prepare(batch),
        Sampling(),
        trajectories=TRAJECTORIES,
        generator=generator,
        replays=replays,
        compiles=compiles,
    )


def assert_same(trace, expected):
    """Over the steps that both took and that are scored; later ones stay."""
    steps = slice(expected.given, expected.actions.shape[-1])
    assert torch.equal(trace.actions[..., : steps.stop], expected.actions)
    for name in ("first", "last", "forbidden", "context", "node_context"):
        ours, theirs = getattr(trace, name), getattr(expected, name)
        assert (ours is None) == (theirs is None)
        assert ours is None or torch.equal(ours[:, :, steps], theirs[:, :, steps]), name


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_static_rollout_takes_the_steps_of_the_plain_one_batch_after_batch(problem, device):
    own = policy(problem, device)
    generator = torch.Generator(device)
    ours = captured(own, drawn(problem, device, 1), generator)
    for seed in (2, 3):
        batch = drawn(problem, device, seed)
        cache = own.prepare(batch)
        generator.manual_seed(seed)
        trace = ours(batch, cache)
        if device == "cpu":
            expected = rollout(
                own.env,
                batch,
                own.decoder,
                cache,
                Sampling(),
                trajectories=TRAJECTORIES,
                prefix=own.env.starts(batch, TRAJECTORIES),
                generator=torch.Generator(device).manual_seed(seed),
            )
        else:  # a captured generator counts its draws in another way: the actions must be legal and replay
            expected = own.env.replay(batch, trace.actions)._replace(given=trace.given)
            chosen = expected.forbidden.gather(-1, trace.actions[..., None])[..., 0]
            assert not chosen.any()
        assert_same(trace, expected)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_static_replay_observes_what_the_environment_shows_of_given_actions(problem, device):
    own = policy(problem, device)
    generator = torch.Generator(device).manual_seed(0)
    batch = drawn(problem, device, 1)
    ours = captured(own, batch, generator, replays=own.env.horizon(batch))
    for seed in (2, 3):
        batch = drawn(problem, device, seed)
        cache = own.prepare(batch)
        walked = rollout(
            own.env, batch, own.decoder, cache, Sampling(), trajectories=TRAJECTORIES, generator=generator
        ).actions
        assert_same(ours(batch, cache, walked), own.env.replay(batch, walked))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")
@pytest.mark.filterwarnings("ignore:TensorFloat32", "ignore:.*script_method")  # hints of the compiler's
@pytest.mark.parametrize("problem", ["cvrp", "op", "tsp"])
def test_compiled_steps_are_legal_and_observe_what_the_environment_shows(problem):
    own, generator = policy(problem, "cuda"), torch.Generator("cuda").manual_seed(0)
    ours = captured(own, drawn(problem, "cuda", 1), generator, compiles=True)
    for seed in (2, 3):
        batch = drawn(problem, "cuda", seed)
        trace = ours(batch, own.prepare(batch))
        expected = own.env.replay(batch, trace.actions)._replace(given=trace.given)
        assert not expected.forbidden.gather(-1, trace.actions[..., None]).any()
        assert_same(trace, expected)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")
def test_two_calls_of_a_graph_draw_different_trajectories_and_a_seed_repeats_them():
    own = policy("cvrp", "cuda")
    batch = drawn("cvrp", "cuda", 1)
    generator = torch.Generator("cuda")
    ours, cache = captured(own, batch, generator), own.prepare(batch)
    generator.manual_seed(5)
    first = ours(batch, cache).actions.clone()
    second = ours(batch, cache).actions.clone()
    generator.manual_seed(5)
    again = ours(batch, cache).actions.clone()
    assert first.shape != second.shape or not torch.equal(first, second)
    assert torch.equal(first, again)
