"""Objective terms as the environment computes them, for whole trajectories at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from .batch import Batch
    from .rules import Move


class Walks(NamedTuple):
    """Whole trajectories.

    Attributes:
        batch: the instances.
        origins, nodes: `[B, P, T]` from where to where each step goes; staying is a step to where
            she is.
        returned: `[B, P, T]` bool, whether the step ends a tour; None where tours have no depot.
        customers: `[B, n]` bool, nodes that are neither padding nor where tours start and end.
    """

    batch: Batch
    origins: Tensor
    nodes: Tensor
    returned: Tensor | None
    customers: Tensor

    def legs(self) -> Tensor:
        """Length of each step, `[B, P, T]`."""
        return self.batch.legs(self.origins, self.nodes)

    def visited(self) -> Tensor:
        """Customers that are visited, `[B, P, n]` bool."""
        B, P, _ = self.nodes.shape
        none = torch.zeros((B, P, self.batch.size), dtype=torch.bool, device=self.nodes.device)
        return none.scatter(-1, self.nodes, value=True) & self.customers[:, None]


def _length(walks: Walks) -> Tensor:
    return walks.legs().sum(-1)


def _longest(walks: Walks) -> Tensor:
    assert walks.returned is not None
    ended = walks.returned.long()
    tour = ended.cumsum(-1) - ended  # which tour each step belongs to
    legs = walks.legs()
    return torch.zeros_like(legs).scatter_add(-1, tour, legs).amax(-1)


def _prize(walks: Walks) -> Tensor:
    prizes = walks.batch.real_prizes
    return (walks.visited().to(prizes.dtype) * prizes[:, None]).sum(-1)


def _penalties(walks: Walks) -> Tensor:
    penalties = walks.batch.values["penalties"]
    missed = walks.customers[:, None] & ~walks.visited()
    return (missed.to(penalties.dtype) * penalties[:, None]).sum(-1)


def _makespan(walks: Walks) -> Tensor:
    assert walks.returned is not None
    values, (B, P, T) = walks.batch.values, walks.nodes.shape
    legs = walks.legs()
    opens = values["time_windows"][..., 0].to(legs.dtype)
    service = values.get("service_times", torch.zeros_like(opens))
    opens_at, service_at = (x[:, None].expand(B, P, -1).gather(-1, walks.nodes) for x in (opens, service))
    leaving = (opens + service).gather(1, walks.batch.depot[:, None]).expand(B, P)
    now, latest = leaving, torch.zeros_like(leaving)
    for t in range(T):
        begin = torch.maximum(now + legs[..., t], opens_at[..., t])
        ends = walks.returned[..., t]
        latest = torch.where(ends, torch.maximum(latest, begin), latest)
        now = torch.where(ends, leaving, begin + service_at[..., t])
    return latest


TERMS: dict[str, Callable[[Walks], Tensor]] = {
    "length": _length,
    "longest": _longest,
    "prize": _prize,
    "penalties": _penalties,
    "makespan": _makespan,
}
"""From a term of `tsp.problems.Objective` to its value `[B, P]`, in the instances' own units."""


TOUR_TERMS = ("longest", "makespan")
"""Terms that are told tour by tour, and so only where tours leave a depot."""


def _leg(batch: Batch, move: Move) -> Tensor:
    return batch.legs(move.origin, move.node)


def _prize_there(batch: Batch, move: Move) -> Tensor:
    prizes = batch.real_prizes.gather(1, move.node)
    return prizes if move.returned is None else torch.where(move.returned, 0.0, prizes)


INCREMENTS: dict[str, Callable[[Batch, Move], Tensor]] = {"length": _leg, "prize": _prize_there}
"""From a term to what a move adds to it, `[B, P]`; what is left (the way home, other terms) comes with the end."""
