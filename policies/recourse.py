"""Plans where prizes are hidden: orders drawn from the policy, judged by what they cost on average.

The rollout algorithm (Bertsekas, Tsitsiklis & Wu 1997) with a-priori orders as base heuristics, as
Secomandi (2001) plans for stochastic demands: whoever follows an order sees prizes on arrival, goes
on until the quota is met, and from then on ends where that is cheapest. The order for which this
costs least on average is improved by moving single nodes, its first visit is made, and all is
planned anew. The sum of many prizes is taken as normal, so that averages need no draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from envs.generators import PRIZE_VARIANCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from envs.batch import Batch
    from envs.routing_env import RoutingEnv

ROUNDS = 3
"""How often the best order is improved, each time by its best move of a single node."""
REACH = 24
"""Next positions among which nodes move: what lies beyond is planned anew before she is there."""


def disappointing(batch: Batch, prefix: Tensor | None = None) -> Batch:
    """The batch with prizes so much below what is expected that only all together meet the quota, just not quite.

    A policy that meets them goes on until all is visited: its trajectory is an order of all nodes. What
    is seen on the `prefix` `[B, 1, L]` stays.
    """
    prizes = batch.values["prizes"]
    met = torch.zeros(prizes.shape, dtype=torch.bool, device=batch.device)
    if prefix is not None:
        met = met.scatter(1, prefix[:, 0], value=True)
    seen, rest = (torch.where(there, prizes, 0.0).sum(1, keepdim=True) for there in (met, ~met))
    missing = (batch.values["min_prize"][:, None] - seen).clamp(min=0.0)
    share = (0.999 * missing / rest).clamp(max=1.0).nan_to_num(0.0)
    return batch._replace(values={**batch.values, "real_prizes": torch.where(met, prizes, share * prizes)})


def best_plan(env: RoutingEnv, batch: Batch, orders: Tensor, given: int = 0) -> Tensor:
    """The order that costs least on average, ended as is best where prizes are as expected: actions `[B, T + 1]`.

    Args:
        env: of a problem of one tour that hides prizes.
        batch: B instances, with the real prizes of nodes visited and the expected ones of the others.
        orders: `[B, P, T]` of all nodes, those visited first.
        given: how many are visited.
    """
    best = _cheapest(env, batch, orders, given)
    for _ in range(ROUNDS):
        best = improve(env, batch, best, given)
    cost = _ended(env, batch, best[:, None], given)[:, 0]
    expected, _ = _collected(batch, best[:, None], given)
    quota, home = batch.values["min_prize"][:, None], batch.finish[:, None]
    enough = expected[:, 0] >= quota
    enough[:, -1] = True  # all is visited
    last = cost.masked_fill(~enough, float("inf")).argmin(1, keepdim=True) + given
    steps = torch.arange(best.shape[1], device=best.device)
    return torch.cat([torch.where(steps < last, best, home), home], 1)


def improve(env: RoutingEnv, batch: Batch, order: Tensor, given: int = 0) -> Tensor:
    """Orders `[B, T]` after the move of a single node that saves most on average; arguments as `best_plan`'s."""
    return _cheapest(env, batch, order[:, _moves(given, order.shape[1]).to(order.device)], given)


def _cheapest(env: RoutingEnv, batch: Batch, orders: Tensor, given: int) -> Tensor:
    rows = torch.arange(batch.count, device=orders.device)
    return orders[rows, average_cost(env, batch, orders, given).argmin(1)]


def average_cost(env: RoutingEnv, batch: Batch, orders: Tensor, given: int = 0) -> Tensor:
    """What following orders `[B, P, T]` costs on average, less is better, `[B, P]`; arguments as `best_plan`'s.

    Whatever the instance, a hidden prize is taken to vary as our generator draws it: between 0 and twice
    the expected one.
    """
    # from each visit on: ended at the best time
    onward = _ended(env, batch, orders, given).flip(-1).cummin(-1).values.flip(-1)
    mean, variance = _collected(batch, orders, given)
    quota = batch.values["min_prize"][:, None, None]
    met = torch.where(
        variance > 0, torch.special.ndtr((mean - quota) / variance.clamp(min=1e-30).sqrt()), (mean >= quota).to(mean)
    )
    met[..., -1] = 1.0  # or all is visited
    first = met.cummax(-1).values.diff(dim=-1, prepend=torch.zeros_like(met[..., :1]))
    home = orders == batch.finish[:, None, None]
    broken = (home[..., :-1] & ~home[..., 1:]).any(-1)  # an end on the way
    return (first * onward).sum(-1).masked_fill(broken, float("inf"))


def _moves(given: int, steps: int) -> Tensor:
    """Orders of positions in which one of those next has moved, `[M, steps]`; the first is as it was."""
    found = [list(range(steps))]
    near = range(given, min(given + REACH, steps))
    for i in near:
        rest = [*range(i), *range(i + 1, steps)]
        found += [[*rest[:j], i, *rest[j:]] for j in near if j not in (i, i - 1)]
    return torch.tensor(found)


def _ended(env: RoutingEnv, batch: Batch, orders: Tensor, given: int) -> Tensor:
    """What orders `[B, P, T]` cost when they end after `given` visits, or one more, …, `[B, P, T - given + 1]`."""
    start = batch.depot[:, None, None].expand(*orders.shape[:2], 1)
    ways = torch.cat([start, orders], -1)
    first, *others = (ENDED[term](batch, ways) for term in env.problem.objective.terms)
    return env.sign * sum(others, first)[..., given:]


def _collected(batch: Batch, orders: Tensor, given: int) -> tuple[Tensor, Tensor]:
    """Mean and variance of what is collected, shapes as `_ended`'s."""
    home = orders == batch.finish[:, None, None]
    prizes = batch.values["prizes"].gather(1, orders.flatten(1)).view(orders.shape).masked_fill(home, 0.0)
    hidden = prizes.square() * PRIZE_VARIANCE
    hidden[..., :given] = 0.0
    mean, variance = (torch.nn.functional.pad(x.cumsum(-1), (1, 0))[..., given:] for x in (prizes, hidden))
    return mean, variance


def _length(batch: Batch, ways: Tensor) -> Tensor:
    legs = torch.nn.functional.pad(batch.legs(ways[..., :-1].contiguous(), ways[..., 1:].contiguous()), (1, 0))
    return legs.cumsum(-1) + batch.legs(ways, batch.finish[:, None, None].expand_as(ways))


def _penalties(batch: Batch, ways: Tensor) -> Tensor:
    ends = torch.stack([batch.depot, batch.finish], 1)
    penalties = batch.values["penalties"].scatter(1, ends, 0.0)
    if batch.padding is not None:
        penalties = penalties.masked_fill(batch.padding, 0.0)
    saved = penalties.gather(1, ways.flatten(1)).view(ways.shape).cumsum(-1)
    return penalties.sum(1)[:, None, None] - saved


ENDED: dict[str, Callable[[Batch, Tensor], Tensor]] = {"length": _length, "penalties": _penalties}
"""From an objective's term to its value where ways `[B, P, L]` from the depot end at each of their nodes."""
