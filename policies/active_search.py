"""Efficient active search: a policy's embeddings of each instance are trained while it is solved.

Hottung, Kwon & Tierney (2022), "Efficient Active Search for Combinatorial Optimization Problems", by the variant that
trains embeddings (EAS-Emb). A step samples trajectories, and moves the embeddings in the decoder's cache towards those
that are better than the instance's average (REINFORCE with the shared baseline) and towards the incumbent (imitation).
The weights of the policy do not change, and no instance influences another.
"""

from __future__ import annotations

from itertools import count, islice
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor

from .decoding import SeededSampling, draw_uniform
from .rollout import OutOfTime, backward_in_chunks, rollout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envs.batch import Batch
    from envs.routing_env import RoutingEnv
    from tsp.budget import Clock

    from .policy import Policy

TRAINED = ("logit_keys",)
"""Tensors of the decoder's cache that are trained."""
LEARNING_RATE = 5e-4
"""Of Adam."""
IMITATION = 0.3
"""Weight of the incumbent's log-probability, where that of a trajectory is its advantage in standard deviations."""
HURRY = 1.2
"""A step begins only where the one before would fit into the time left this many times."""


class Incumbents:
    """The best trajectory of each instance so far.

    Args:
        env: the environment.
        batch: B instances.
        actions: `[B, K, T]` trajectories of each.
    """

    def __init__(self, env: RoutingEnv, batch: Batch, actions: Tensor) -> None:
        self.env, self.batch, self.steps = env, batch, env.horizon(batch)
        self.cost = torch.full((batch.count,), float("inf"), dtype=torch.float64, device=batch.device)
        self.actions = stay(actions[:, 0], self.steps)  # [B, T]
        self.update(actions, *env.judge(batch, actions))

    def update(self, actions: Tensor, cost: Tensor, missed: Tensor) -> Tensor:
        """Take over feasible trajectories `[B, K, T]` of less cost; returns in which instances, `[B]` bool."""
        least, place = cost.double().masked_fill(missed > 0, float("inf")).min(1)
        better = least < self.cost
        found = stay(actions[torch.arange(len(place), device=place.device), place], self.steps)
        self.actions = torch.where(better[:, None], found, self.actions)
        self.cost = torch.where(better, least, self.cost)
        return better


class _Led:
    """Samples all trajectories but the last, which repeats the incumbent."""

    def __init__(self, sampling: SeededSampling, incumbents: Tensor) -> None:
        self._sampling, self._left = sampling, iter(incumbents.unbind(-1))

    def select(self, logits: Tensor, generator: Generator | None) -> Tensor:
        """See `Strategy.select`; after a dead end, the most probable node takes the place of the incumbent's."""
        sampled = self._sampling.select(logits[:, :-1], generator)
        last, node = logits[:, -1], next(self._left)[:, None]
        node = torch.where(last.gather(-1, node).isfinite(), node, last.argmax(-1, keepdim=True))
        return torch.cat([sampled, node], 1)


class Adam:
    """Adam (Kingma & Ba 2015) with its usual constants; `torch.optim` takes seconds to import what its step needs."""

    def __init__(self, parameters: list[Tensor]) -> None:
        self._parameters = [(x, torch.zeros_like(x), torch.zeros_like(x)) for x in parameters]
        self._steps = 0

    @torch.no_grad()
    def step(self) -> None:
        """Move each parameter against its gradient, and clear the gradient."""
        self._steps += 1
        for x, mean, square in self._parameters:
            assert x.grad is not None
            mean.lerp_(x.grad, 0.1)
            square.lerp_(x.grad.square(), 0.001)
            unbiased = (square / (1 - 0.999**self._steps)).sqrt() + 1e-8
            x -= LEARNING_RATE * mean / (1 - 0.9**self._steps) / unbiased
            x.grad = None


def search_actively(
    env: RoutingEnv,
    policy: Policy,
    batch: Batch,
    incumbents: Incumbents,
    seeds: Sequence[int],
    *,
    trajectories: int,
    prefix: Tensor | None,
    steps: int | None,
    clock: Clock,
    seconds: float,
) -> Iterator[Tensor]:
    """Train the embeddings, and yield after each step which incumbents `[B]` have become better.

    It ends after the given steps, or when the time does not suffice for another one.

    Args:
        env: the environment.
        policy: the policy.
        batch: `[A * B]`, B instances under A symmetries.
        incumbents: of the B instances, shared by their symmetries.
        seeds: of sampling, one for each instance `[B]`.
        trajectories: P, sampled in each step for each row of the batch.
        prefix: given first actions `[A * B, P, L]`.
        steps: the number of steps; None for as many as fit.
        clock: the time limit.
        seconds: the seconds that the first step is expected to take.
    """
    if HURRY * seconds > clock.remaining:  # no time to encode either
        return
    symmetries = batch.count // len(seeds)
    leaf = policy.prepare(batch).detach()
    trained = [getattr(leaf, name).requires_grad_() for name in TRAINED]
    optimizer = Adam(trained)
    temperature = torch.ones(batch.count, device=batch.device)
    given = 0 if prefix is None else prefix.shape[-1]
    for step in islice(count(), steps):
        begun = clock.elapsed
        if HURRY * seconds > clock.remaining:
            return
        drawn = draw_uniform([(seed, step) for seed in seeds], incumbents.steps, symmetries, trajectories)
        best = incumbents.actions.repeat(symmetries, 1)  # [A * B, T]
        strategy = _Led(SeededSampling(temperature, drawn.to(batch.device)), best[:, given:])
        first = None if prefix is None else torch.cat([prefix, best[:, None, :given]], 1)
        try:
            trace = rollout(
                env, batch, policy.decoder, leaf, strategy, trajectories=trajectories + 1, prefix=first, clock=clock
            )
            cost, missed = env.judge(batch, trace.actions)  # [A * B, P + 1]
            yield incumbents.update(*(_by_instance(x, symmetries) for x in (trace.actions, cost, missed)))
            sampled = cost[:, :-1]
            advantage = sampled - sampled.mean(1, keepdim=True)
            advantage = advantage / advantage.square().mean(1, keepdim=True).sqrt().clamp(min=1e-12)
            weight = torch.cat([advantage / trajectories, torch.full_like(cost[:, -1:], -IMITATION)], 1).float()
            with torch.enable_grad():
                backward_in_chunks(policy.decoder, leaf, trace, weight, inputs=trained, clock=clock)
        except OutOfTime:
            return
        optimizer.step()
        seconds = clock.elapsed - begun


def _by_instance(x: Tensor, symmetries: int) -> Tensor:
    """`[A * B, P, ...]` as `[B, A * P, ...]`."""
    return x.unflatten(0, (symmetries, -1)).transpose(0, 1).flatten(1, 2)


def stay(actions: Tensor, steps: int) -> Tensor:
    """Actions `[..., T]` of finished trajectories, with more of them up to a number of steps."""
    last = actions[..., -1:]
    return torch.cat([actions, last.expand(*last.shape[:-1], steps - actions.shape[-1])], -1)


def trace_elements(env: RoutingEnv, size: int) -> int:
    """Elements in float32 that the observations of one trajectory need for each node of an instance."""
    steps = 2 * size if env.problem.shape.has_several_tours else size
    return steps * (1 + 4 * env.node_context_features) // 4
