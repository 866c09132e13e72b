"""The part of a decoder's cache that a single trajectory still reads: nodes that it has visited are masked for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .alignment import ALIGNMENT

if TYPE_CHECKING:
    from torch import Tensor

    from envs.routing_env import Observation, RoutingEnv, State

    from .decoder import Cache, Decoder

WORTH_COPYING = 0.75
"""Share of the nodes that were read until now: where no more are left, a smaller copy of the cache pays."""


class RemainingNodes:
    """The nodes that trajectories may still go to, where each instance has one trajectory, on a CPU.

    The cache is copied without the others now and then, so that late steps multiply smaller matrices: half of the work
    over a whole tour. Nodes keep their order, so that the same random number chooses the same node.

    Args:
        env: the environment.
        decoder: computes the logits.
        cache: from `decoder.prepare`, for the batch.
    """

    def __init__(self, env: RoutingEnv, decoder: Decoder, cache: Cache) -> None:
        self._env, self._decoder = env, decoder
        self._all = self._read = cache
        self._nodes: Tensor | None = None  # [B, m], those in `_read`; None while it has all
        self._fewest = 0  # the least that the instance with the most nodes left can have

    def narrow(self, state: State) -> None:
        """Leave out the nodes that cannot be next any more, where that pays; call this at each step."""
        aligned = ALIGNMENT["cpu"]
        fitting = int(WORTH_COPYING * self._read.keys.shape[-1]) // aligned * aligned
        self._fewest -= 1  # a step visits one node
        if self._fewest > fitting or not fitting:
            return
        may_visit = self._env.may_visit(state)[:, 0]
        self._fewest = int(may_visit.sum(-1).max())
        if self._fewest > fitting:
            return
        width = -(-self._fewest // aligned) * aligned
        self._nodes = torch.argsort(~may_visit, dim=-1, stable=True)[:, :width]
        self._read = self._all.nodes(self._nodes)

    def logits(self, seen: Observation) -> Tensor:
        """Logits `[B, 1, m]` of the nodes that are left."""
        if self._nodes is not None:
            places, of_nodes = self._nodes[:, None], seen.node_context
            if of_nodes is not None:
                of_nodes = of_nodes.gather(2, places[..., None].expand(-1, -1, -1, of_nodes.shape[-1]))
            seen = seen._replace(forbidden=seen.forbidden.gather(-1, places), node_context=of_nodes)
        return self._decoder.logits(self._read, seen)

    def chosen(self, position: Tensor) -> Tensor:
        """The nodes `[B, 1]` at positions among those that are left."""
        return position if self._nodes is None else self._nodes.gather(1, position)
