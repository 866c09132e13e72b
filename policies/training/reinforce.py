"""One REINFORCE step: encode once, act without gradient, score with gradient, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Generator, Tensor

from policies.rollout import backward_in_chunks

from .label_sets import allow_one, follow
from .passes import Passes
from .processes import ALONE
from .shares import backward_through_encoder, split

if TYPE_CHECKING:
    from envs.batch import Batch
    from envs.routing_env import RoutingEnv
    from policies.policy import Policy

    from .labelling import Label
    from .passes import GraphPasses
    from .processes import Processes
    from .reinforce_baselines import ReinforceBaseline

LEAST_DEVIATION = 1e-3
"""Least divisor of advantages, where the standard deviation of an instance's costs is smaller."""


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
    scale: bool = False,
    leader: float = 1.0,
    processes: Processes = ALONE,
    graphs: GraphPasses | None = None,
) -> StepResult:
    """Add the gradient of the REINFORCE loss on one batch to the policy's parameters.

    ∇L = E[(C(π) - b) ∇ log p(π)] (Williams 1992; Kool et al. 2019, equation 9). See `Passes`.

    Args:
        env: the environment.
        policy: in training mode.
        batch: B instances of one size.
        baseline: the REINFORCE baseline.
        starts: P, trajectories an instance; above 1 their first nodes are given and spread, where a
            tour may start anywhere.
        bfloat16: compute products in bfloat16.
        generator: source of randomness of the sampled trajectories.
        entropy: weight of the choices' entropy in nats, in standard deviations of the advantage; it keeps the
            policy from becoming deterministic too early (Mnih et al. 2016).
        scale: divide each instance's advantages by their own standard deviation, so that instances of
            all sizes have the same weight.
        leader: factor of the advantage of each instance's best trajectory; above 1 the policy learns rather to find one
            good trajectory of many than good ones in the mean (Wang et al. 2024, leader reward).
        processes: those that share the batch, of which `batch` is this one's share.
        graphs: the same passes as CUDA graphs, of this policy, entropy and precision, for batches of this shape.
    """
    passes = graphs or Passes(
        policy,
        trajectories=min(starts, batch.size),
        generator=generator,
        bfloat16=bfloat16,
        entropy=entropy,
        processes=processes,
    )
    costs = passes.sample(batch)  # [B, P]
    advantage = baseline.advantage(batch, costs)
    if scale:
        advantage = advantage / costs.std(1, keepdim=True).clamp(min=LEAST_DEVIATION)
    elif entropy:
        advantage = advantage / processes.deviation(advantage).clamp(min=1e-6)
    if leader != 1.0:
        best = costs.argmin(1, keepdim=True)
        advantage = advantage.scatter(1, best, leader * advantage.gather(1, best))
    loss = passes.backward(advantage / advantage.numel())
    return StepResult(loss, env.sign * costs.mean())


def accumulate_imitation(
    env: RoutingEnv,
    policy: Policy,
    batch: Batch,
    label: Label,
    *,
    bfloat16: bool,
    weight: float = 1.0,
    any_order: Generator | None = None,
    graphs: GraphPasses | None = None,
) -> Tensor:
    """Add the gradient of imitating given solutions to the policy's parameters.

    Args:
        env: the environment.
        policy: in training mode.
        batch: B instances of one size.
        label: the solutions. Where a tour may start anywhere, its first node is not learned.
        bfloat16: compute products in bfloat16.
        weight: weight of the loss.
        any_order: if given, every order and direction of the tours is right (see `label_sets`), and the
            policy draws by these random numbers which one the trajectory follows; else only the label's own.
        graphs: the passes as CUDA graphs, of this policy and precision, for batches of this shape; not for `any_order`.

    Returns:
        the mean over trajectories of the negative log-probability.
    """
    actions = label.actions
    count = actions.shape[0] * actions.shape[1]
    per_trajectory = torch.full(actions.shape[:2], -weight / count, device=batch.device)
    if graphs is not None:
        graphs.replay(batch, label)
        return graphs.backward(per_trajectory) / weight
    cache = policy.prepare(batch, bfloat16=bfloat16)
    shares = split(policy.decoder, batch, cache, 1)
    leaf = shares[0].leaf
    if any_order is not None:
        trace, allowed = follow(env, batch, policy.decoder, leaf, label, any_order)
    else:
        trace = env.replay(batch, actions)
        allowed = None if label.after is None else allow_one(trace, label.after)
    if env.starts(batch, 2) is not None:
        trace = trace._replace(given=1)
    loss = backward_in_chunks(policy.decoder, leaf, trace, per_trajectory, allowed=allowed)
    backward_through_encoder(policy.decoder, cache, shares)
    return loss / weight
