"""Beam search keeps the most probable trajectories, or draws different ones with the probabilities of the policy."""

from dataclasses import replace
from functools import lru_cache

import pytest
import torch
from instances import tiny_instance

from envs.batch import from_instances
from envs.generators import generate
from envs.routing_env import RoutingEnv, spread_starts
from policies.active_search import stay
from policies.beams import SeededGumbel, beam_search, below
from policies.decoding import Greedy
from policies.policy import Policy, PolicyConfig
from policies.rollout import OutOfTime, decode, log_prob
from tsp.budget import Clock
from tsp.problems import PROBLEMS

EVERY_PROBLEM = pytest.mark.parametrize("problem", PROBLEMS)


def make_policy(env, *, edges=True):
    """A small policy that is far from uniform."""
    torch.manual_seed(0)
    policy = Policy(PolicyConfig(layers=1, width=16, heads=2, feedforward=16, edges=edges), env)
    with torch.no_grad():
        policy.decoder.project_glimpse.weight *= 12
    return policy.eval()


def tiny_batch(problem):
    return from_instances([tiny_instance(problem, seed, size) for seed, size in ((0, 4), (1, 6), (3, 5), (6, 6))])


def search(policy, batch, width, **options):
    with torch.no_grad():
        cache = policy.prepare(batch)
    return beam_search(policy.env, batch, policy.decoder, cache, width, **options)


def gumbel(batch, width, seed=0):
    return SeededGumbel([(seed, i) for i in range(batch.count)], batch.sizes.tolist(), width)


def every_trajectory(policy, batch, temperature=1.0):
    """Probability and deadness of each trajectory of a single instance, by recursion over all allowed nodes."""
    env, found = policy.env, {}
    with torch.no_grad():
        cache = policy.prepare(batch)

    def visit(state, actions, probability):
        if len(actions) == env.horizon(batch):
            found[actions] = (probability, bool(state.dead))
            return
        logits = policy.decoder.logits(cache, env.observe(state))[0, 0].double()
        for node, chance in enumerate((logits / temperature).softmax(-1).tolist()):
            if not state.forbidden[0, 0, node]:
                visit(env.step(state, torch.tensor([[node]])), (*actions, node), probability * chance)

    with torch.no_grad():
        visit(env.resume(env.reset(batch)), (), 1.0)
    return found


@lru_cache(maxsize=4)
def tiny_with_every_trajectory(problem, seed):
    """A policy, a single instance, and `every_trajectory` of both."""
    policy, batch = make_policy(RoutingEnv(problem)), from_instances([tiny_instance(problem, seed, 4)])
    return policy, batch, every_trajectory(policy, batch)


def trajectories(env, batch, actions):
    """The trajectories of a single instance as tuples of as many actions as there may be."""
    return [tuple(row) for row in stay(actions[0], env.horizon(batch)).tolist()]


@EVERY_PROBLEM
@pytest.mark.parametrize("padded", [False, True])
def test_a_beam_of_one_is_greedy(problem, padded):
    env = RoutingEnv(problem)
    batch = tiny_batch(problem) if padded else generate(problem, "uniform", 3, 8, torch.Generator().manual_seed(0))
    policy = make_policy(env)
    greedy = decode(env, batch, policy.decoder, policy.prepare(batch), Greedy())
    assert search(policy, batch, 1).tolist() == greedy.tolist()


@EVERY_PROBLEM
@pytest.mark.parametrize("distinct", [False, True])
def test_every_trajectory_of_a_beam_follows_the_masks(problem, distinct):
    env, batch = RoutingEnv(problem), tiny_batch(problem)
    actions = search(make_policy(env), batch, 40, noise=gumbel(batch, 40) if distinct else None)
    state = env.reset(batch, 40)
    for action in actions.unbind(-1):
        assert not state.forbidden.gather(-1, action[..., None]).any()
        state = env.step(state, action)
    assert state.finished.all()


@pytest.mark.parametrize("distinct", [False, True])
@pytest.mark.parametrize("seed", [1, 3, 5])
@EVERY_PROBLEM
def test_a_beam_that_is_wide_enough_finds_every_trajectory_once_before_dead_ends_and_copies(problem, seed, distinct):
    policy, batch, known = tiny_with_every_trajectory(problem, seed)
    alive = {actions: chance for actions, (chance, is_dead) in known.items() if not is_dead}
    width = len(known) + 3
    found = trajectories(
        policy.env, batch, search(policy, batch, width, noise=gumbel(batch, width) if distinct else None)
    )
    assert set(found[: len(alive)]) == set(alive)
    assert set(found) <= set(known)
    if not distinct:
        chances = [alive[actions] for actions in found[: len(alive)]]
        assert chances == pytest.approx(sorted(chances, reverse=True), rel=1e-4)


def test_a_wider_beam_finds_a_more_probable_trajectory_than_greedy_decoding():
    env, batch = RoutingEnv("tsp"), generate("tsp", "uniform", 40, 9, torch.Generator().manual_seed(0))
    policy = make_policy(env)
    cache = policy.prepare(batch)
    best = [log_prob(policy.decoder, cache, env.replay(batch, search(policy, batch, w)[:, :1])).sum() for w in (1, 8)]
    assert best[1] > best[0] + 1


@pytest.mark.parametrize("temperature", [None, 2.0])
def test_trajectories_are_drawn_without_replacement_with_the_probabilities_of_the_policy(temperature):
    env, draws, count = RoutingEnv("op"), 6000, 3
    one = from_instances([replace(tiny_instance("op", 3, 5), max_length=None)])
    policy = make_policy(env)
    chances = {actions: p for actions, (p, _) in every_trajectory(policy, one, temperature or 1.0).items()}
    assert 6 < len(chances) < 40
    batch = one.rows(torch.zeros(draws, dtype=torch.long))
    heat = None if temperature is None else torch.full((draws,), temperature)
    actions = search(policy, batch, count, noise=gumbel(batch, count), temperature=heat)
    drawn = [list(map(tuple, rows)) for rows in stay(actions, env.horizon(batch)).tolist()]
    assert all(len(set(rows)) == count for rows in drawn)
    # one after another, each with the probabilities of those that are left
    expected = [dict.fromkeys(chances, 0.0) for _ in range(count)]

    def draw(taken, probability):
        if len(taken) == count:
            return
        left = 1 - sum(chances[actions] for actions in taken)
        for actions, chance in chances.items():
            if actions not in taken:
                expected[len(taken)][actions] += probability * chance / left
                draw((*taken, actions), probability * chance / left)

    draw((), 1.0)
    for place, wanted in enumerate(expected):
        for actions, probability in wanted.items():
            share = sum(rows[place] == actions for rows in drawn) / draws
            assert share == pytest.approx(probability, abs=4.5 * (probability * (1 - probability) / draws) ** 0.5)


def test_noise_depends_neither_on_padding_nor_on_other_instances():
    together = SeededGumbel([(5, 0), (6, 0)], [3, 7], 4)
    alone = SeededGumbel([(5, 0)], [3], 4)
    for _ in range(3):
        assert torch.equal(together.draw(7)[0, :, :3], alone.draw(3)[0])


@pytest.mark.parametrize("parent", [0.0, -40.0, 30.0, -1e9])
def test_children_get_the_parents_maximum_and_keep_their_order(parent):
    children = torch.tensor([[[-3.0, 25.0, float("-inf"), -700.0, 24.999]]], dtype=torch.float64)
    moved = below(torch.tensor([[parent]], dtype=torch.float64), children)[0, 0]
    assert moved.max() == parent
    assert not moved.isnan().any()
    assert moved.isneginf().tolist() == [False, False, True, False, False]
    in_order = moved[children[0, 0].argsort()].tolist()
    assert in_order == sorted(in_order)


@pytest.mark.parametrize("distinct", [False, True])
def test_a_beam_may_begin_at_several_nodes(distinct):
    env, batch = (
        RoutingEnv("tsp"),
        from_instances([tiny_instance("tsp", seed, size) for seed, size in ((1, 3), (3, 6))]),
    )
    prefix = spread_starts(batch, 6)
    actions = search(make_policy(env), batch, 6, prefix=prefix, noise=gumbel(batch, 6) if distinct else None)
    assert len({tuple(row[:3]) for row in actions[0].tolist()}) == 6  # all there are
    assert len({tuple(row) for row in actions[1].tolist()}) == 6


def test_a_beam_search_ends_with_the_time():
    env, batch = RoutingEnv("tsp"), tiny_batch("tsp")
    with pytest.raises(OutOfTime):
        search(make_policy(env), batch, 2, clock=Clock(0.0))
