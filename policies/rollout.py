"""Two passes over one encoding: act without gradient, then score all steps at once, with gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor

from envs.walks import require_prefix

from .remaining import RemainingNodes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envs.batch import Batch
    from envs.routing_env import Observation, RoutingEnv, Trace
    from tsp.budget import Clock

    from .decoder import Cache, Decoder
    from .decoding import Strategy

CHECK_INTERVAL = 8
"""Steps between two checks, on a GPU, whether all trajectories have finished."""
QUERY_ELEMENTS = 2_000_000
"""Elements of the glimpse's scores `[B, H, Q, n]` computed at once while scoring: about the size of a cache."""
GPU_QUERY_ELEMENTS = 400_000_000
"""The same on a GPU, where kernel launches are the bottleneck and memory is not: under a gigabyte in bfloat16."""


class OutOfTime(Exception):  # noqa: N818 (not an error)
    """The time limit is reached before all trajectories are finished."""


def _steps(
    env: RoutingEnv,
    batch: Batch,
    decoder: Decoder,
    cache: Cache,
    strategy: Strategy,
    trajectories: int,
    prefix: Tensor | None,
    generator: Generator | None,
    clock: Clock | None = None,
) -> Iterator[tuple[Observation, Tensor]]:
    """Each step's observation and action: the one hot loop."""
    require_prefix(batch, trajectories, prefix)
    given = () if prefix is None else prefix.unbind(-1)
    state = env.reset(batch, trajectories)
    if not given:  # else after the last of them
        state = env.resume(state)
    # The check whether all have finished waits for a GPU; on the CPU it costs nothing.
    on_cpu = batch.device.type == "cpu"
    interval = 1 if on_cpu else CHECK_INTERVAL
    left = RemainingNodes(env, decoder, cache)
    for t in range(env.horizon(batch)):
        if clock is not None and clock.remaining == 0:
            raise OutOfTime
        if t >= len(given) and t % interval == 0 and env.problem.shape.has_depot and bool(state.finished.all()):
            return
        seen = env.observe(state)
        if t < len(given):
            action = given[t]
        else:
            if trajectories == 1 and on_cpu:
                left.narrow(state)
            action = left.chosen(strategy.select(left.logits(seen), generator))
        yield seen, action
        state = env.step(state, action)
        if t == len(given) - 1:
            state = env.resume(state)


@torch.no_grad()
def decode(
    env: RoutingEnv,
    batch: Batch,
    decoder: Decoder,
    cache: Cache,
    strategy: Strategy,
    *,
    trajectories: int = 1,
    prefix: Tensor | None = None,
    generator: Generator | None = None,
    clock: Clock | None = None,
) -> Tensor:
    """Decode P trajectories of each instance to their ends and return their actions `[B, P, T]`.

    Args:
        env: the environment.
        batch: B instances.
        decoder: computes the logits.
        cache: from `decoder.prepare`, for the batch.
        strategy: chooses the next node.
        trajectories: P, the number of trajectories an instance.
        prefix: given first actions `[B, P, L]`.
        generator: random numbers of the strategy.
        clock: the time limit; without one there is none.

    Raises:
        OutOfTime: where the clock runs out before all trajectories are finished.
    """
    steps = _steps(env, batch, decoder, cache, strategy, trajectories, prefix, generator, clock)
    return torch.stack([action for _, action in steps], -1)


@torch.no_grad()
def rollout(
    env: RoutingEnv,
    batch: Batch,
    decoder: Decoder,
    cache: Cache,
    strategy: Strategy,
    *,
    trajectories: int = 1,
    prefix: Tensor | None = None,
    generator: Generator | None = None,
    clock: Clock | None = None,
) -> Trace:
    """Decode as `decode` does, and return the trace with every observation, ready to be scored."""
    given = 0 if prefix is None else prefix.shape[-1]
    trace = env.empty_trace(batch, trajectories, env.horizon(batch), given=given)
    steps = 0
    for seen, action in _steps(env, batch, decoder, cache, strategy, trajectories, prefix, generator, clock):
        trace.write(steps, seen, action)
        steps += 1
    return trace.until(steps)


def score(
    decoder: Decoder,
    cache: Cache,
    trace: Trace,
    steps: slice | None = None,
    allowed: Tensor | None = None,
    *,
    entropy: bool = True,
) -> tuple[Tensor, Tensor]:
    """Log-probability of each trajectory's chosen steps, and the entropy of those choices, `[B, P]` each.

    All steps are scored at once.

    Args:
        decoder: as in the rollout.
        cache: as in the rollout; gradients flow into it.
        trace: the trajectories; given steps do not count.
        steps: score these steps only (chunks of a sum), never before `trace.given`.
        allowed: `[B, P, T, n]` sets of actions, of which the probability of any counts, not that of the chosen one.
        entropy: whether the entropy is wanted; else it is zero.
    """
    steps = slice(trace.given, None) if steps is None else steps
    any_of = None if allowed is None else allowed[:, :, steps].transpose(1, 2).flatten(1, 2)
    chosen, spread = score_queries(decoder, cache, *trace.queries(steps), any_of, entropy=entropy)
    by_step = (-1, trace.actions.shape[1])
    return chosen.unflatten(1, by_step).sum(1), spread.unflatten(1, by_step).sum(1)


def score_queries(
    decoder: Decoder,
    cache: Cache,
    observation: Observation,
    actions: Tensor,
    allowed: Tensor | None = None,
    *,
    entropy: bool,
) -> tuple[Tensor, Tensor]:
    """`score` for each of Q queries: of actions `[B, Q]` or any of the `allowed` ones `[B, Q, n]`, `[B, Q]` each."""
    logs = decoder.logits(cache, observation).log_softmax(-1)  # [B, Q, n]
    if allowed is None:
        chosen = logs.gather(-1, actions[..., None]).squeeze(-1)
    else:
        chosen = logs.masked_fill(~allowed, float("-inf")).logsumexp(-1)
    if not entropy:
        return chosen, torch.zeros_like(chosen)
    return chosen, -(logs.exp() * logs.masked_fill(observation.forbidden, 0.0)).sum(-1)


def expected_at_start(decoder: Decoder, cache: Cache, trace: Trace, values: Tensor) -> Tensor:
    """The sum over instances of the values `[B, P]` expected if the policy chose among the given first nodes.

    Every first node is tried, so that nothing need be sampled: Σ_p π(s_p) v_p, with probabilities that sum to 1.

    Args:
        decoder: as in the rollout.
        cache: as in the rollout; gradients flow into it.
        trace: trajectories of which the first step was given; before it all of an instance have the same observation.
        values: of each trajectory.
    """
    observation, _ = trace.map(lambda x: x[:, :1, :1]).queries(slice(None))
    logits = decoder.logits(cache, observation)[:, 0]  # [B, n]
    return (logits.gather(-1, trace.actions[:, :, 0]).softmax(-1) * values).sum()


def log_prob(decoder: Decoder, cache: Cache, trace: Trace, steps: slice | None = None) -> Tensor:
    """The log-probabilities of `score`, `[B, P]`."""
    return score(decoder, cache, trace, steps, entropy=False)[0]


def query_elements(device: torch.device) -> int:
    """Elements of the glimpse's scores `[B, H, Q, n]` computed at once while scoring."""
    return GPU_QUERY_ELEMENTS if device.type == "cuda" else QUERY_ELEMENTS


def backward_in_chunks(
    decoder: Decoder,
    leaf: Cache,
    trace: Trace,
    weight: Tensor,
    entropy: float = 0.0,
    *,
    allowed: Tensor | None = None,
    inputs: Sequence[Tensor] | None = None,
    clock: Clock | None = None,
) -> Tensor:
    """Backward passes into the cache, of `weight` `[B, P]` times the trace's log-probabilities; the loss.

    Args:
        decoder: as in the rollout.
        leaf: a detached cache that requires gradients.
        trace: the trajectories; given steps do not count.
        weight: of each trajectory's log-probability in the loss.
        entropy: weight of the mean entropy of the choices, which is subtracted from the loss.
        allowed: see `score`.
        inputs: the tensors that get gradients; default is all that require them.
        clock: the time limit; without one there is none.

    Raises:
        OutOfTime: where the clock runs out between two chunks.
    """
    B, P, T = trace.actions.shape
    loss = torch.zeros((), device=weight.device)
    per_step = B * decoder.heads * P * trace.forbidden.shape[-1]
    chunk = max(1, query_elements(weight.device) // per_step)
    for begin in range(trace.given, T, chunk):
        if clock is not None and clock.remaining == 0:
            raise OutOfTime
        steps = slice(begin, min(begin + chunk, T))
        scored, spread = score(decoder, leaf, trace, steps, allowed, entropy=entropy > 0)
        part = (weight * scored).sum()
        if entropy:
            part = part - entropy * spread.sum() / weight.numel()
        part.backward(inputs=inputs)
        loss += part.detach()
    return loss
