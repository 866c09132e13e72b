"""Planning where prizes are hidden: orders of all nodes, compared by the average cost of following them.

The rollout algorithm (Bertsekas, Tsitsiklis & Wu 1997) with a-priori orders as base heuristics, as
Secomandi (2001) plans for stochastic demands. A tour follows an order and sees each prize on arrival. Once the quota is
met, it ends after the visit where ending is cheapest. Local search looks for the order with the least average cost; its
first visit is made, and the rest is planned again. The solver provides the first orders: a policy draws them
(`policy`), or a randomized greedy construction does (`recourse`). The sum of many prizes is treated as normally
distributed, so that averages need no sampling.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from envs.generators import PRIZE_VARIANCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from envs.batch import Batch
    from envs.routing_env import RoutingEnv
    from tsp.budget import Clock

REACH = 24
"""Number of next positions that moves may change; later ones are planned again before the tour reaches them."""
BLOCK_ELEMENTS = 40_000
"""Largest number of elements of one tensor of the local search."""
LEAST_SAVING = 1e-9
"""Share of the cost that a move must save; a smaller one may be rounding."""


@dataclass(frozen=True)
class Effort:
    """Limits of the improvement of orders.

    Attributes:
        starts: number of orders that are improved, those of least cost.
        rounds: largest number of moves of each; the search ends earlier where no move saves.
        two_opt: whether a move may reverse a stretch of the order, not only move a single node.
    """

    starts: int
    rounds: int
    two_opt: bool


QUICK = Effort(starts=1, rounds=3, two_opt=False)
THOROUGH = Effort(starts=6, rounds=1_000, two_opt=True)
EFFORTS = {"quick": QUICK, "thorough": THOROUGH}


def disappointing(batch: Batch, prefix: Tensor | None = None) -> Batch:
    """The batch with real prizes so low that all of them together just miss the quota.

    Every trajectory of a policy then visits all nodes, so it is an order of all nodes. The prizes of the nodes in
    the `prefix` `[B, 1, L]` do not change.
    """
    prizes = batch.values["prizes"]
    met = torch.zeros(prizes.shape, dtype=torch.bool, device=batch.device)
    if prefix is not None:
        met = met.scatter(1, prefix[:, 0], value=True)
    seen, rest = (torch.where(there, prizes, 0.0).sum(1, keepdim=True) for there in (met, ~met))
    missing = (batch.values["min_prize"][:, None] - seen).clamp(min=0.0)
    share = (0.999 * missing / rest).clamp(max=1.0).nan_to_num(0.0)
    return batch._replace(values={**batch.values, "real_prizes": torch.where(met, prizes, share * prizes)})


def best_plan(
    env: RoutingEnv,
    batch: Batch,
    orders: Tensor,
    given: int = 0,
    effort: Effort = QUICK,
    clock: Clock | None = None,
) -> Tensor:
    """The best order up to its best end for the expected prizes, as actions `[B, T + 1]`; see `best_order`."""
    order = best_order(env, batch, orders, given, effort, clock)
    cost = _ended(env, batch, order[:, None], given)[:, 0]
    expected, _ = _collected(batch, order[:, None], given)
    quota, home = batch.values["min_prize"][:, None], batch.finish[:, None]
    enough = expected[:, 0] >= quota
    enough[:, -1] = True  # all nodes are visited
    last = cost.masked_fill(~enough, float("inf")).argmin(1, keepdim=True) + given
    steps = torch.arange(order.shape[1], device=order.device)
    return torch.cat([torch.where(steps < last, order, home), home], 1)


def best_order(
    env: RoutingEnv,
    batch: Batch,
    orders: Tensor,
    given: int = 0,
    effort: Effort = QUICK,
    clock: Clock | None = None,
) -> Tensor:
    """The order `[B, T]` that costs least on average, by local search from the best of those given.

    Args:
        env: the environment of a problem of one tour that hides prizes.
        batch: B instances, with the real prizes of nodes visited and the expected ones of the others.
        orders: `[B, P, T]` of all nodes, those visited first.
        given: number of visited nodes.
        effort: limits of the improvement.
        clock: ends the improvement; without one it ends by itself.
    """
    costs = average_cost(env, batch, orders, given)
    count = min(effort.starts, orders.shape[1])
    best = costs.argsort(dim=1, stable=True)[:, :count]  # [B, S]
    starts = orders.gather(1, best[..., None].expand(-1, -1, orders.shape[2])).flatten(0, 1)
    instances = torch.arange(batch.count, device=orders.device)
    improved, costs = _descend(env, batch.rows(instances.repeat_interleave(count)), starts, given, effort, clock)
    return improved.unflatten(0, (-1, count))[instances, costs.view(-1, count).argmin(1)]


def _descend(
    env: RoutingEnv, batch: Batch, orders: Tensor, given: int, effort: Effort, clock: Clock | None
) -> tuple[Tensor, Tensor]:
    """Orders `[B, T]` after local search, and their average costs `[B]`; arguments as `best_order`'s.

    They are improved in blocks, one after another, so that some are finished when the clock runs out.
    """
    moves = moves_of(min(REACH, orders.shape[1] - given), two_opt=effort.two_opt).to(orders.device)
    orders, costs = orders.clone(), average_cost(env, batch, orders[:, None], given)[:, 0]
    block = max(1, BLOCK_ELEMENTS // max(1, len(moves) * orders.shape[1]))
    for active in torch.arange(batch.count, device=orders.device).split(block):
        for _ in range(effort.rounds):
            if clock is not None and clock.remaining == 0:
                return orders, costs
            moved, after = improve(env, batch.rows(active), orders[active], moves, given)
            better = after < costs[active] * (1 - LEAST_SAVING)
            active = active[better]
            if not len(active):
                break
            orders[active], costs[active] = moved[better], after[better]
    return orders, costs


def improve(env: RoutingEnv, batch: Batch, orders: Tensor, moves: Tensor, given: int = 0) -> tuple[Tensor, Tensor]:
    """Orders `[B, T]` after the move with the least average cost, and that cost `[B]`.

    Args:
        env: as in `best_order`, like `batch` and `given`.
        batch: B instances.
        orders: the orders to improve.
        moves: orders of the first positions after the `given` ones, `[M, width]`.
        given: number of visited nodes.
    """
    neighbours = orders[:, None].repeat(1, len(moves), 1)  # [B, M, T]
    window = slice(given, given + moves.shape[1])
    neighbours[..., window] = orders[:, window][:, moves]
    costs, best = average_cost(env, batch, neighbours, given).min(1)
    return neighbours[torch.arange(batch.count, device=orders.device), best], costs


def average_cost(env: RoutingEnv, batch: Batch, orders: Tensor, given: int = 0) -> Tensor:
    """The average cost of following orders, less is better, `[B, P]`; arguments as in `best_order`.

    For every instance a hidden prize is assumed to be distributed as the generator draws it: between 0 and
    twice the expected one.
    """
    # the least cost of ending after each visit or later
    onward = _ended(env, batch, orders, given).flip(-1).cummin(-1).values.flip(-1)
    mean, variance = _collected(batch, orders, given)
    quota = batch.values["min_prize"][:, None, None]
    met = torch.where(
        variance > 0, torch.special.ndtr((mean - quota) / variance.clamp(min=1e-30).sqrt()), (mean >= quota).to(mean)
    )
    met[..., -1] = 1.0  # or all nodes are visited
    first = met.cummax(-1).values.diff(dim=-1, prepend=torch.zeros_like(met[..., :1]))
    home = orders == batch.finish[:, None, None]
    broken = (home[..., :-1] & ~home[..., 1:]).any(-1)  # an end between two visits
    return (first * onward).sum(-1).masked_fill(broken, float("inf"))


@cache
def moves_of(width: int, *, two_opt: bool) -> Tensor:
    """Orders of `width` positions after each move, `[M, width]`; the first is no move.

    A single node moves to another position or, with `two_opt`, a stretch is reversed.
    """
    whole, positions = list(range(width)), range(width)
    found = [whole]
    for i in positions:
        rest = [*whole[:i], *whole[i + 1 :]]
        found += [[*rest[:j], i, *rest[j:]] for j in positions if j not in (i, i - 1)]
    if two_opt:  # of two positions that is a move of a single node
        found += [[*whole[:i], *whole[i:j][::-1], *whole[j:]] for i in positions for j in range(i + 3, width + 1)]
    return torch.tensor(found)


def _ended(env: RoutingEnv, batch: Batch, orders: Tensor, given: int) -> Tensor:
    """The costs of orders `[B, P, T]` that end after `given` visits, one more, and so on: `[B, P, T - given + 1]`."""
    start = batch.depot[:, None, None].expand(*orders.shape[:2], 1)
    ways = torch.cat([start, orders], -1)
    first, *others = (ENDED[term](batch, ways) for term in env.problem.objective.terms)
    return env.sign * sum(others, first)[..., given:]


def _collected(batch: Batch, orders: Tensor, given: int) -> tuple[Tensor, Tensor]:
    """Mean and variance of the prizes collected, shapes as `_ended`'s."""
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
"""Term of the objective → its value where ways `[B, P, L]` from the depot end at each of their nodes."""
