"""Set-valued imitation: every action that a label allows is right, not one order of its tours alone.

The tours of a solution have no order among themselves, and most may be driven in either direction. The loss of a state
is -log Σ p(a) over all actions that some way of driving the label takes there. The trajectory follows the label as the
policy prefers: it draws among those actions by their probability, so that the policy may keep an order of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Generator, Tensor

from envs.walks import ends_of
from policies.decoding import Sampling

from .labelling import is_equivalent

if TYPE_CHECKING:
    from envs.batch import Batch
    from envs.routing_env import RoutingEnv, State, Trace
    from policies.decoder import Cache, Decoder

    from .labelling import Label


class _Tours(NamedTuple):
    """The neighbours of each node `[B, n]` in its tour, forward and backward; at a tour's ends the node where it ends.

    A node that is in no tour is its own neighbour.

    Attributes:
        forward: the node after each node.
        backward: the node before each node.
        reversible: `[B]` whether the tours may be driven backwards at the same cost.
    """

    forward: Tensor
    backward: Tensor
    reversible: Tensor


def allow_one(trace: Trace, after: Tensor) -> Tensor:
    """The actions `[B, P, T, n]` that a label in a fixed order allows: its own, and any before it begins."""
    n, steps = trace.forbidden.shape[-1], trace.actions.shape[-1]
    own = torch.arange(n, device=after.device) == trace.actions[..., None]
    given = torch.arange(steps, device=after.device) < after[:, None]  # [B, T]
    return own | given[:, None, :, None]


@torch.no_grad()
def follow(
    env: RoutingEnv, batch: Batch, decoder: Decoder, cache: Cache, label: Label, generator: Generator
) -> tuple[Trace, Tensor]:
    """Drive the label's tours in an order and directions that the policy draws.

    Args:
        env: the environment; visits are not split.
        batch: B instances.
        decoder: computes the logits.
        cache: from `decoder.prepare`, for the batch.
        label: the solutions; of P trajectories, each one's first action is kept where tours are closed.
        generator: source of randomness.

    Returns:
        the trace of the P trajectories, and the actions `[B, P, T, n]` that the label allows at each step. Where
        none of those is legal, every action is allowed, and nothing is learned.
    """
    B, P, T = label.actions.shape
    n = batch.size
    tours = _tours(env, batch, label.actions[:, 0])
    after = torch.zeros(B, dtype=torch.long, device=batch.device) if label.after is None else label.after
    if not env.problem.shape.has_depot:
        after = after.clamp(min=1)  # the first node is given
    state, trace = env.reset(batch, P), env.empty_trace(batch, P, T)
    allowed = torch.ones((B, T, P, n), dtype=torch.bool, device=batch.device).transpose(1, 2)
    backward = torch.zeros((B, P), dtype=torch.bool, device=batch.device)
    sampling = Sampling()
    for t in range(T):
        seen = env.observe(state)
        right = _right_actions(env, state, tours, backward) & ~seen.forbidden
        given = (after <= t)[:, None, None] & right.any(-1, keepdim=True)
        right = torch.where(given, right, ~seen.forbidden)
        drawn = sampling.select(decoder.logits(cache, seen).masked_fill(~right, float("-inf")), generator)
        action = torch.where((after > t)[:, None], label.actions[:, :, t], drawn)
        trace.write(t, seen, action)
        allowed[:, :, t] = right
        backward = _is_backward(env, state, tours, action, backward)
        state = env.step(state, action)
    return trace, allowed


def _tours(env: RoutingEnv, batch: Batch, actions: Tensor) -> _Tours:
    """The neighbours in the tours that the actions `[B, T]` make."""
    end = ends_of(env.problem, batch)[:, None]  # [B, 1]
    has_depot, n = env.problem.shape.has_depot, batch.size
    if has_depot:
        start = batch.depot[:, None]
        forward = backward = torch.arange(n, device=actions.device).expand(len(actions), -1)  # of nodes in no tour
        before = start
        for node in actions.split(1, 1):
            moves = (node != before) & (node != end)
            inside = moves & (before != start)
            forward = forward.scatter(1, before, torch.where(inside, node, forward.gather(1, before)))
            forward = forward.scatter(1, node, torch.where(moves, end, forward.gather(1, node)))
            backward = backward.scatter(1, node, torch.where(inside, before, backward.gather(1, node)))
            backward = backward.scatter(1, node, torch.where(moves & ~inside, end, backward.gather(1, node)))
            before = torch.where(node == end, start, node)
    else:
        forward = torch.zeros_like(actions).scatter(1, actions, actions.roll(-1, 1))
        backward = torch.zeros_like(actions).scatter(1, actions, actions.roll(1, 1))
    return _Tours(forward, backward, _is_reversible(env, batch, actions))


def _is_reversible(env: RoutingEnv, batch: Batch, actions: Tensor) -> Tensor:
    """Whether all tours driven backwards are legal and cost the same, `[B]`."""
    if env.problem.shape.is_path:
        return torch.zeros(batch.count, dtype=torch.bool, device=batch.device)
    other = actions.flip(1)
    if env.problem.shape.has_depot:  # the last action ends a tour; it stays last
        end = ends_of(env.problem, batch)[:, None]
        steps = actions.shape[1]
        length = ((actions != end) * torch.arange(1, steps + 1, device=actions.device)).amax(1, keepdim=True)
        order = length - 1 - torch.arange(steps, device=actions.device)
        other = torch.where(order >= 0, actions.gather(1, order.clamp(min=0)), end)
    return is_equivalent(env, batch, torch.stack([actions, other], 1))[:, 1]


def _right_actions(env: RoutingEnv, state: State, tours: _Tours, backward: Tensor) -> Tensor:
    """The actions `[B, P, n]` that some way of driving the label takes from a state."""
    n = state.batch.size
    nodes = torch.arange(n, device=backward.device)
    here = state.move.here.clamp(max=n - 1)  # [B, P]
    reversible = tours.reversible[:, None, None]
    onward = torch.where(backward, tours.backward.gather(1, here), tours.forward.gather(1, here))
    single = nodes == onward[..., None]
    if not env.problem.shape.has_depot:
        undecided = state.move.visited.sum(-1, keepdim=True) == 1
        other = nodes == tours.backward.gather(1, here)[..., None]
        return single | (other & undecided & reversible)
    end = state.end[:, None, None]
    firsts, lasts = (neighbours == state.end[:, None] for neighbours in (tours.backward, tours.forward))
    tips = (firsts[:, None] | (lasts[:, None] & reversible)) & ~state.move.visited
    tips = torch.where(tips.any(-1, keepdim=True), tips, nodes == end)
    at_depot = (here == state.batch.depot[:, None])[..., None]
    return torch.where(at_depot, tips, single)


def _is_backward(env: RoutingEnv, state: State, tours: _Tours, action: Tensor, backward: Tensor) -> Tensor:
    """Whether the current tour is driven backwards `[B, P]`, after an action."""
    here = state.move.here.clamp(max=state.batch.size - 1)
    if env.problem.shape.has_depot:
        leaves = here == state.batch.depot[:, None]
        return torch.where(leaves, tours.backward.gather(1, action) != state.end[:, None], backward)
    undecided = state.move.visited.sum(-1) == 1
    return torch.where(undecided, tours.forward.gather(1, here) != action, backward)
