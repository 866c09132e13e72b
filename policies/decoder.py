"""The decoder: from node embeddings and an observation to logits over the next node.

Kool et al. (2019, section 3.2): one multi-head glimpse with the mask inside, then single-head
logits clipped to ±10 by a tanh. What does not depend on the step is computed once an instance.
The same method acts (few queries, step by step) and scores (all steps at once), so the two cannot
disagree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody knows

if TYPE_CHECKING:
    from envs.routing_env import Observation


class Cache(NamedTuple):
    """What is computed once an instance.

    Attributes:
        first: `[B, n + 1, d]` the first node's part of the query, graph context included; row n
            stands for "none yet".
        last: `[B, n + 1, d]` the last node's part of the query.
        keys: `[B, H, d/H, n]` glimpse keys, scaled.
        values: `[B, H, n, d/H]` glimpse values.
        logit_keys: `[B, d, n]` logit keys, scaled, with the glimpse's output projection folded in.
    """

    first: Tensor
    last: Tensor
    keys: Tensor
    values: Tensor
    logit_keys: Tensor

    def to(self, dtype: torch.dtype) -> Cache:
        """The same cache in another precision."""
        return Cache(*(x.to(dtype) for x in self))

    def detach(self, *, requires_grad: bool = False) -> Cache:
        """The same values cut off from the graph."""
        return Cache(*(x.detach().requires_grad_(requires_grad) for x in self))


class Decoder(nn.Module):
    """One glimpse and a pointer.

    Args:
        width: d, of the node embeddings.
        heads: of the glimpse.
        context_features: how many numbers the rules show of their states.
        clip: logits lie within ± this.
    """

    def __init__(self, width: int, heads: int, context_features: int, clip: float) -> None:
        super().__init__()
        self.heads, self.clip = heads, clip
        self.project_nodes = nn.Linear(width, 3 * width, bias=False)  # glimpse key, glimpse value, logit key
        self.project_graph = nn.Linear(width, width, bias=False)
        self.project_step = nn.Linear(2 * width, width, bias=False)  # first and last node
        self.placeholder = nn.Parameter(torch.zeros(2 * width))  # before there is a first node
        self.project_glimpse = nn.Linear(width, width, bias=False)
        self.project_context = nn.Linear(context_features, width, bias=False) if context_features else None

    def prepare(self, nodes: Tensor, padding: Tensor | None) -> Cache:
        """Everything that depends on the node embeddings `[B, n, d]` alone."""
        B, n, d = nodes.shape
        key, value, logit_key = self.project_nodes(nodes).chunk(3, -1)
        if padding is None:
            mean = nodes.mean(1)
        else:
            keep = (~padding)[..., None].to(nodes.dtype)
            mean = (nodes * keep).sum(1) / keep.sum(1)
        graph = self.project_graph(mean)[:, None]  # [B, 1, d]
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
        )

    def logits(self, cache: Cache, observation: Observation) -> Tensor:
        """Logits `[B, Q, n]` in float32, -inf where the mask forbids, for Q queries an instance."""
        B, Q = observation.last.shape
        d = cache.first.shape[-1]
        query = _rows(cache.first, observation.first) + _rows(cache.last, observation.last)
        if self.project_context is not None:
            assert observation.context is not None
            query = query + self.project_context(observation.context).to(query.dtype)
        # adding minus infinity costs less than filling it in, and the heads share it
        forbidden = torch.zeros_like(observation.mask, dtype=query.dtype).masked_fill_(observation.mask, float("-inf"))
        query = query.view(B, Q, self.heads, d // self.heads).transpose(1, 2)
        scores = (query @ cache.keys).add_(forbidden[:, None])  # [B, H, Q, n]
        glimpse = scores.softmax(-1) @ cache.values  # [B, H, Q, d/H]
        glimpse = glimpse.transpose(1, 2).reshape(B, Q, d)
        pointer = (glimpse @ cache.logit_keys).float()
        return self.clip * pointer.tanh() + forbidden


def _rows(table: Tensor, index: Tensor) -> Tensor:
    """The rows of `table` `[B, m, d]` at `index` `[B, Q]`, as `[B, Q, d]`; faster than a gather."""
    B, m, d = table.shape
    offset = torch.arange(0, B * m, m, device=index.device)[:, None]
    return F.embedding(index + offset, table.reshape(B * m, d))
