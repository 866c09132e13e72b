"""Beam search: the most probable trajectories of each instance, or a sample of different ones.

All W trajectories of an instance advance together. Each step ranks the children of all of them and keeps the best W.
By log-probability that is plain beam search. By log-probability perturbed with Gumbel noise it draws W trajectories
without replacement (Kool, van Hoof & Welling 2019, "Stochastic Beams and Where to Find Them").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from .rollout import OutOfTime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envs.batch import Batch
    from envs.routing_env import RoutingEnv
    from tsp.budget import Clock

    from .decoder import Cache, Decoder

LAST = -1e9
"""Log-probability of copies and of dead ends: they rank behind every other trajectory, and before forbidden nodes."""
TENSOR_ELEMENTS = 12
"""Elements in float32 that a step needs for each trajectory and node, to rank the children in float64."""


class SeededGumbel:
    """Gumbel noise for the children of W trajectories of each instance, from seeds of the instances.

    The noise of an instance depends neither on the other instances nor on the padding.

    Args:
        seeds: of each instance, `[B]`.
        sizes: number of nodes of each instance, `[B]`.
        width: W.
    """

    def __init__(self, seeds: Sequence[tuple[int, int]], sizes: Sequence[int], width: int) -> None:
        self._sources = [(np.random.default_rng(seed), size) for seed, size in zip(seeds, sizes, strict=True)]
        self._width = width

    def draw(self, nodes: int) -> Tensor:
        """Noise of the next step, `[B, W, nodes]` float64; 0 for padding."""
        noise = np.zeros((len(self._sources), self._width, nodes))
        for row, (source, size) in zip(noise, self._sources, strict=True):
            row[:, :size] = source.gumbel(size=(self._width, size))
        return torch.from_numpy(noise)


@torch.no_grad()
def beam_search(
    env: RoutingEnv,
    batch: Batch,
    decoder: Decoder,
    cache: Cache,
    width: int,
    *,
    prefix: Tensor | None = None,
    noise: SeededGumbel | None = None,
    temperature: Tensor | None = None,
    clock: Clock | None = None,
) -> Tensor:
    """Actions `[B, W, T]` of W trajectories of each instance, the best first.

    They are different as long as there are so many; the rest are copies. Trajectories that reach a dead end give way to
    others.

    Args:
        env: the environment.
        batch: B instances.
        decoder: computes the logits.
        cache: from `decoder.prepare`, for the batch.
        width: W, the number of trajectories of each instance.
        prefix: given first actions `[B, W, L]`; each different prefix begins a trajectory.
        noise: draws without replacement; without it the most probable trajectories are kept.
        temperature: divides the logits, `[B]`.
        clock: the time limit; without one there is none.

    Raises:
        OutOfTime: where the clock runs out before all trajectories are finished.
    """
    if prefix is None:
        prefix = torch.zeros((batch.count, width, 0), dtype=torch.long, device=batch.device)
    state = env.reset(batch, width)
    for action in prefix.unbind(-1):
        state = env.step(state, action)
    state = env.resume(state)
    log_prob = torch.zeros((batch.count, width), dtype=torch.float64, device=batch.device)
    log_prob = log_prob.masked_fill(_repeated(prefix), LAST)
    rank = log_prob if noise is None else log_prob + noise.draw(batch.size)[:, :width, 0].to(batch.device)
    chosen: list[tuple[Tensor, Tensor]] = []  # parents and actions of each step
    for _ in range(prefix.shape[-1], env.horizon(batch)):
        if clock is not None and clock.remaining == 0:
            raise OutOfTime
        if env.problem.shape.has_depot and bool(state.finished.all()):
            break
        logits = decoder.logits(cache, env.observe(state)).double()
        if temperature is not None:
            logits = logits / temperature[:, None, None]
        children = log_prob[..., None] + logits.log_softmax(-1)  # [B, W, n]
        ranks = children
        if noise is not None:
            ranks = below(rank, children + noise.draw(batch.size)[:, :width].to(batch.device))
        rank, place = ranks.flatten(1).topk(width)
        parents, action = place // batch.size, place % batch.size
        chosen.append((parents, action))
        state = env.step(env.select(state, parents), action)
        log_prob = children.flatten(1).gather(1, place).masked_fill(state.dead, LAST)
        rank = rank.masked_fill(state.dead, LAST)
    return _traced_back(prefix, chosen)


def below(parents: Tensor, children: Tensor) -> Tensor:
    """Perturbed log-probabilities of children, given that their maximum is the parent's.

    In the form of the paper's appendix that is numerically stable.

    Args:
        parents: `[B, W]`.
        children: `[B, W, n]`, perturbed independently of the parent.
    """
    parents = parents[..., None]
    v = parents - children + _log1mexp(children - children.amax(-1, keepdim=True))
    return parents - v.clamp(min=0) - v.abs().neg().exp().log1p()


def _log1mexp(x: Tensor) -> Tensor:
    """log(1 - exp(x)) for x <= 0."""
    return torch.where(x > -0.6931, x.expm1().neg().log(), x.exp().neg().log1p())


def _repeated(prefix: Tensor) -> Tensor:
    """Whether an earlier trajectory has the same prefix, `[B, W]` bool."""
    same = (prefix[:, :, None] == prefix[:, None]).all(-1)
    return same.tril(-1).any(-1)


def _traced_back(prefix: Tensor, chosen: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Whole trajectories `[B, W, T]`, from the parents and the actions of each step."""
    at = torch.arange(prefix.shape[1], device=prefix.device).expand(prefix.shape[:2])
    actions: list[Tensor] = []
    for parents, action in reversed(chosen):
        actions.append(action.gather(1, at)[..., None])
        at = parents.gather(1, at)
    return torch.cat([prefix.gather(1, at[..., None].expand_as(prefix)), *reversed(actions)], -1)
