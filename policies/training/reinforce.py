"""One REINFORCE step: encode once, act without gradient, score with gradient, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Generator, Tensor

from policies.decoding import Sampling
from policies.rollout import rollout, score

if TYPE_CHECKING:
    from envs.batch import Batch
    from envs.routing_env import RoutingEnv
    from policies.policy import Policy

    from .reinforce_baselines import ReinforceBaseline

QUERY_ELEMENTS = 4_000_000
"""Elements of the glimpse's scores `[B, H, Q, n]` computed at once while scoring: about what caches hold."""


class StepResult(NamedTuple):
    """Means over a step's trajectories, still on the device."""

    loss: Tensor
    objective: Tensor


def accumulate_gradients(
    env: RoutingEnv,
    policy: Policy,
    batch: Batch,
    baseline: ReinforceBaseline,
    *,
    starts: int,
    bfloat16: bool,
    generator: Generator,
    entropy: float = 0.0,
) -> StepResult:
    """Add the gradient of the REINFORCE loss on one batch to the policy's parameters.

    ∇L = E[(C(π) - b) ∇ log p(π)] (Williams 1992; Kool et al. 2019, equation 9). The decoder's cache
    is the cut: chunks of steps each run backward into it, then one backward pass goes through the
    encoder, so memory does not grow with the number of steps.

    Args:
        env: the environment.
        policy: in training mode.
        batch: B instances of one size.
        baseline: what costs are compared with.
        starts: P, trajectories an instance; above 1 their first nodes are given and spread, where a
            tour may start anywhere.
        bfloat16: compute products in bfloat16.
        generator: randomness of the sampled trajectories.
        entropy: what a nat of the choices' entropy is worth, in standard deviations of the advantage;
            it keeps the policy from settling too early (Mnih et al. 2016).
    """
    cache = policy.prepare(batch, bfloat16=bfloat16)
    leaf = cache.detach(requires_grad=True)
    starts = min(starts, batch.size)
    prefix = env.starts(batch, starts)
    trace = rollout(
        env, batch, policy.decoder, leaf, Sampling(), trajectories=starts, prefix=prefix, generator=generator
    )
    costs = env.cost(batch, trace.actions.transpose(1, 2)).float()  # [B, P]
    advantage = baseline.advantage(batch, costs)
    if entropy:
        advantage = advantage / advantage.std().clamp(min=1e-6)
    weight = advantage / advantage.numel()
    loss = torch.zeros((), device=batch.device)
    _, T, P = trace.actions.shape
    per_step = batch.count * policy.decoder.heads * P * batch.size
    chunk = max(1, QUERY_ELEMENTS // per_step)
    for begin in range(trace.given, T, chunk):
        scored, spread = score(policy.decoder, leaf, trace, slice(begin, min(begin + chunk, T)))
        part = (weight * scored).sum()
        if entropy:
            part = part - entropy * spread.sum() / advantage.numel()
        part.backward()
        loss += part.detach()
    reached: list[Tensor] = []
    gradients: list[Tensor] = []
    for x, cut in zip(cache, leaf, strict=True):
        if x is not None and cut is not None and cut.grad is not None:
            reached.append(x)
            gradients.append(cut.grad)
    torch.autograd.backward(reached, gradients)
    return StepResult(loss, env.sign * costs.mean())
