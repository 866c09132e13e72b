"""The decoder: from node embeddings and an observation to logits over the next node.

Kool et al. (2019, section 3.2): one multi-head glimpse with the mask inside, then single-head
logits clipped to ±10 by a tanh. Everything that does not depend on the step is computed once for each instance.
The same method acts (few queries, step by step) and scores (all steps at once), so the two cannot
disagree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from envs.batch import rows_at

from .alignment import nodes_to_add

if TYPE_CHECKING:
    from collections.abc import Callable

    from envs.routing_env import Observation


class Cache(NamedTuple):
    """The tensors that are computed once for each instance.

    Attributes:
        first: `[B, n + 1, d]` the first node's part of the query, graph context included; row n
            stands for "none yet".
        last: `[B, n + 1, d]` the last node's part of the query.
        keys: `[B, H, d/H, n]` glimpse keys, scaled.
        values: `[B, H, n, d/H]` glimpse values.
        logit_keys: `[B, d, n]` logit keys, scaled, with the glimpse's output projection folded in.
        costs: `[B, n + 1, n]` distances from the last node, row n zero; None where the policy does
            not use them.
    """

    first: Tensor
    last: Tensor
    keys: Tensor
    values: Tensor
    logit_keys: Tensor
    costs: Tensor | None

    def to(self, dtype: torch.dtype) -> Cache:
        """The same cache in another precision."""
        return self.map(lambda x: x.to(dtype))

    def rows(self, rows: slice) -> Cache:
        """The cache of some of the instances."""
        return self.map(lambda x: x[rows])

    def nodes(self, nodes: Tensor) -> Cache:
        """The cache of some nodes `[B, m]` of each instance, as those that may be next."""
        B, heads, n, dh = self.values.shape

        def of_columns(table: Tensor) -> Tensor:
            """Of a table `[B, k, n]`, `[B, k, m]`."""
            return table.gather(-1, nodes[:, None].expand(-1, table.shape[1], -1))

        of_heads = nodes.repeat_interleave(heads, 0)  # [B * H, m]
        return self._replace(
            keys=of_columns(self.keys.view(B, heads * dh, n)).unflatten(1, (heads, dh)),
            values=rows_at(self.values.view(B * heads, n, dh), of_heads).unflatten(0, (B, heads)),
            logit_keys=of_columns(self.logit_keys),
            costs=None if self.costs is None else of_columns(self.costs),
        )

    def map(self, change: Callable[[Tensor], Tensor]) -> Cache:
        """The cache with each tensor changed."""
        return self._replace(**{name: change(x) for name, x in self._asdict().items() if x is not None})

    def detach(self, *, requires_grad: bool = False) -> Cache:
        """The same values cut off from the graph; distances need no gradient."""
        learned = {name: x for name, x in self._asdict().items() if name != "costs"}
        return self._replace(**{name: x.detach().requires_grad_(requires_grad) for name, x in learned.items()})


class Decoder(nn.Module):
    """One glimpse and a pointer.

    Args:
        width: d, the width of the node embeddings.
        heads: number of the glimpse's heads.
        context_features: number of features of the rules' states.
        node_context_features: number of their features of each node at each step.
        edges: whether the distances from the last node enter the glimpse and the logits.
        clip: largest absolute value of a logit.
    """

    def __init__(
        self, width: int, heads: int, context_features: int, node_context_features: int, clip: float, *, edges: bool
    ) -> None:
        super().__init__()
        self.heads, self.clip, self.edges = heads, clip, edges
        self.project_nodes = nn.Linear(width, 3 * width, bias=False)  # glimpse key, glimpse value, logit key
        self.project_graph = nn.Linear(width, width, bias=False)
        self.project_step = nn.Linear(2 * width, width, bias=False)  # first and last node
        self.placeholder = nn.Parameter(torch.zeros(2 * width))  # before there is a first node
        self.project_glimpse = nn.Linear(width, width, bias=False)
        self.project_context = nn.Linear(context_features, width, bias=False) if context_features else None
        # glimpse key, glimpse value, logit key of what changes with the step (Kool et al. 2019, SDVRP)
        self.project_node_context = (
            nn.Linear(node_context_features, 3 * width, bias=False) if node_context_features else None
        )
        self.project_costs = nn.Linear(1, heads + 1, bias=False) if edges else None  # one bias a head, one a logit

    def prepare(self, nodes: Tensor, padding: Tensor | None, costs: Tensor | None = None) -> Cache:
        """Everything that depends only on the node embeddings `[B, n, d]` and the distances `[B, n, n]`."""
        B, n, d = nodes.shape
        key, value, logit_key = self.project_nodes(nodes).chunk(3, -1)
        graph = self.project_graph(mean_embedding(nodes, padding))[:, None]  # [B, 1, d]
        from_first, from_last = self.project_step.weight.chunk(2, -1)
        no_first, no_last = self.placeholder.chunk(2)
        first = torch.cat([nodes @ from_first.T, (no_first @ from_first.T).expand(B, 1, d)], 1) + graph
        last = torch.cat([nodes @ from_last.T, (no_last @ from_last.T).expand(B, 1, d)], 1)
        split = (B, n, self.heads, d // self.heads)
        return Cache(
            first,
            last,
            (key * (d // self.heads) ** -0.5).view(split).permute(0, 2, 3, 1).contiguous(),
            value.reshape(split).transpose(1, 2).contiguous(),
            (self.project_glimpse.weight.T @ logit_key.transpose(1, 2)) * d**-0.5,
            None if costs is None else F.pad(costs, (0, 0, 0, 1)),
        )

    def aligned(self, cache: Cache) -> Cache:
        """The cache, padded with nodes that are never chosen, where products in bfloat16 are faster so."""
        extra = nodes_to_add(cache.keys.shape[-1], cache.keys.device.type)
        if not extra:
            return cache
        return cache._replace(
            keys=F.pad(cache.keys, (0, extra)),
            values=F.pad(cache.values, (0, 0, 0, extra)),
            logit_keys=F.pad(cache.logit_keys, (0, extra)),
            costs=None if cache.costs is None else F.pad(cache.costs, (0, extra)),
        )

    def logits(self, cache: Cache, observation: Observation) -> Tensor:
        """Logits `[B, Q, n]` in float32, -inf for forbidden nodes, for Q queries in each instance."""
        B, Q, n = observation.forbidden.shape
        d, extra = cache.first.shape[-1], cache.keys.shape[-1] - n
        forbidden = F.pad(observation.forbidden, (0, extra), value=True) if extra else observation.forbidden
        query = rows_at(cache.first, observation.first) + rows_at(cache.last, observation.last)
        if self.project_context is not None:
            assert observation.context is not None
            query = query + self.project_context(observation.context).to(query.dtype)
        # adding minus infinity costs less than filling it in, and the heads share it
        exclusion = torch.zeros_like(forbidden, dtype=query.dtype).masked_fill_(forbidden, float("-inf"))
        query = query.view(B, Q, self.heads, d // self.heads).transpose(1, 2)
        scores = (query @ cache.keys).add_(exclusion[:, None])  # [B, H, Q, n]
        bias = None
        if self.project_costs is not None:
            assert cache.costs is not None
            legs = rows_at(cache.costs, observation.last)  # [B, Q, n]
            *of_heads, of_logits = self.project_costs.weight[:, 0]
            scores = scores + legs[:, None] * torch.stack(of_heads).to(legs.dtype)[:, None, None]
            bias = legs.float() * of_logits
        node_context = observation.node_context
        if node_context is None or self.project_node_context is None:
            glimpse = scores.softmax(-1) @ cache.values  # [B, H, Q, d/H]
            glimpse = glimpse.transpose(1, 2).reshape(B, Q, d)
            pointer = (glimpse @ cache.logit_keys).float()
        else:
            pointer = self._changing(cache, query, scores, F.pad(node_context, (0, 0, 0, extra)))
        if bias is not None:
            pointer = pointer + bias
        return torch.add(exclusion[..., :n], pointer[..., :n].tanh(), alpha=self.clip)

    def _changing(self, cache: Cache, query: Tensor, scores: Tensor, node_context: Tensor) -> Tensor:
        """Logits `[B, Q, n]` before the clipping, where node features `[B, Q, n, k]` change with the step.

        They add k dimensions to keys and values, never a tensor `[B, Q, n, d]`.
        """
        assert self.project_node_context is not None
        (B, heads, Q, dh), d = query.shape, query.shape[1] * query.shape[3]
        seen = node_context.to(query.dtype)  # [B, Q, n, k]
        k = seen.shape[-1]
        key, value, logit_key = self.project_node_context.weight.to(query.dtype).T.chunk(3, -1)  # [k, d] each
        of_heads = torch.einsum("bhqe,khe->bqhk", query, key.view(k, heads, dh) * dh**-0.5)
        scores = scores + (of_heads @ seen.transpose(-1, -2)).transpose(1, 2)
        attention = scores.softmax(-1)
        glimpse = (attention @ cache.values).transpose(1, 2)  # [B, Q, H, d/H]
        attended = attention.transpose(1, 2) @ seen  # [B, Q, H, k]
        glimpse = (glimpse + torch.einsum("bqhk,khe->bqhe", attended, value.view(k, heads, dh))).reshape(B, Q, d)
        of_nodes = glimpse @ (self.project_glimpse.weight.T.to(query.dtype) @ logit_key.T * d**-0.5)  # [B, Q, k]
        return (glimpse @ cache.logit_keys).float() + (seen @ of_nodes[..., None])[..., 0].float()


def mean_embedding(nodes: Tensor, padding: Tensor | None) -> Tensor:
    """The mean `[B, d]` of node embeddings `[B, n, d]`, without padded nodes."""
    if padding is None:
        return nodes.mean(1)
    keep = (~padding)[..., None].to(nodes.dtype)
    return (nodes * keep).sum(1) / keep.sum(1)
