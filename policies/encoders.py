"""Encoders: from node features to node embeddings.

`AttentionEncoder` is Kool et al.'s (2019, section 3.1); `GraphEncoder` is the message passing of
the talk, h_i' = σ(h_i W0 + Σ_j (1/c_ij) h_j W1), with residuals and norms. `ENCODERS` lists them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from .alignment import nodes_to_add

if TYPE_CHECKING:
    from collections.abc import Callable

NormName = Literal["batch", "instance", "layer"]
EDGE_WIDTH = 16
"""Width of the hidden layer that turns distances into attention biases."""
MOST_ALIGNED = 64
"""Nodes up to which attention in bfloat16 on a CPU is padded: with more, the copy takes longer than what it saves."""
MOST_STORED = 500
"""Nodes up to which attention between all pairs is stored; above, a fused kernel takes a fifth of the time."""


@dataclass(frozen=True)
class EncoderConfig:
    """The settings that all encoders have; `PolicyConfig` documents each setting and has its default."""

    layers: int
    width: int
    norm: NormName


@dataclass(frozen=True)
class AttentionEncoderConfig(EncoderConfig):
    """The settings of `AttentionEncoder`."""

    heads: int
    feedforward: int
    edges: bool


@dataclass(frozen=True)
class GraphEncoderConfig(EncoderConfig):
    """The settings of `GraphEncoder`."""

    neighbours: int


class Norm(nn.Module):
    """Batch, instance or layer norm over node embeddings `[B, n, d]`, in float32; padding does not count."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, kind: NormName, width: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.kind, self.momentum, self.eps = kind, momentum, eps
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        if kind == "batch":
            self.register_buffer("running_mean", torch.zeros(width))
            self.register_buffer("running_var", torch.ones(width))

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        """Normalize `x` `[B, n, d]`; its statistics leave out the nodes where `padding` `[B, n]` is True."""
        x = x.float()  # a variance summed in bfloat16 goes negative
        if self.kind == "layer":
            return F.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.eps)
        if self.kind == "batch" and (padding is None or not self.training):
            flat = x.flatten(0, 1)
            out = F.batch_norm(
                flat,
                self.running_mean,
                self.running_var,
                self.weight,
                self.bias,
                self.training,
                self.momentum,
                self.eps,
            )
            return out.view_as(x)
        dims = (1,) if self.kind == "instance" else (0, 1)
        if padding is None:
            mean = x.mean(dims, keepdim=True)
            var = (x - mean).square().mean(dims, keepdim=True)  # on a CPU six times as fast as `var_mean`
        else:
            keep = (~padding)[..., None].to(x.dtype)  # [B, n, 1]
            count = keep.sum(dims, keepdim=True).clamp(min=1)
            mean = (x * keep).sum(dims, keepdim=True) / count
            var = ((x - mean).square() * keep).sum(dims, keepdim=True) / count
        return (x - mean) * torch.rsqrt(var + self.eps) * self.weight + self.bias


class AttentionLayer(nn.Module):
    """Multi-head self-attention and a feed-forward block, each with skip connection and norm after."""

    def __init__(self, width: int, heads: int, feedforward: int, norm: NormName, *, edges: bool) -> None:
        super().__init__()
        self.heads = heads
        # a bias for each head from the distances there and back (a small network, shared by all pairs)
        self.edge_bias = (
            nn.Sequential(nn.Linear(2, EDGE_WIDTH), nn.ReLU(), nn.Linear(EDGE_WIDTH, heads)) if edges else None
        )
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.norm1 = Norm(norm, width)
        self.ff1 = nn.Linear(width, feedforward)
        self.ff2 = nn.Linear(feedforward, width)
        self.norm2 = Norm(norm, width)

    def forward(self, h: Tensor, padding: Tensor | None, edges: Tensor | None = None) -> Tensor:
        """New embeddings `[B, n, d]`; padded nodes are never attended to; `edges` `[B, n, n, 2]` may bias."""
        B, n, d = h.shape
        q, k, v = self.qkv(h).view(B, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)  # [B, H, n, d/H]
        if self.edge_bias is None and padding is None and n > MOST_STORED and not torch.is_grad_enabled():
            attended = F.scaled_dot_product_attention(q, k, v)
        else:
            scores = (q * (d // self.heads) ** -0.5) @ k.transpose(-1, -2)  # [B, H, n, n]
            if self.edge_bias is not None:
                assert edges is not None
                scores = scores + self.edge_bias(edges).permute(0, 3, 1, 2)
            if padding is not None:
                scores = scores.masked_fill(padding[:, None, None, :], float("-inf"))
            may_pad = n <= MOST_ALIGNED and scores.dtype == torch.bfloat16 and scores.device.type == "cpu"
            if may_pad and (extra := nodes_to_add(n, "cpu")):
                scores, v = F.pad(scores, (0, extra), value=float("-inf")), F.pad(v, (0, 0, 0, extra))
            attended = scores.softmax(-1).to(v.dtype) @ v
        h = self.norm1(h + self.out(attended.transpose(1, 2).reshape(B, n, d)), padding)
        return self.norm2(h + self.ff2(F.relu(self.ff1(h))), padding)


class AttentionEncoder(nn.Module):
    """A stack of attention layers (Kool et al. 2019)."""

    def __init__(self, config: AttentionEncoderConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            AttentionLayer(config.width, config.heads, config.feedforward, config.norm, edges=config.edges)
            for _ in range(config.layers)
        )

    def forward(self, h: Tensor, coordinates: Tensor, padding: Tensor | None, costs: Tensor | None = None) -> Tensor:
        """Node embeddings `[B, n, d]` from initial ones, and from distances `[B, n, n]` with `edges`."""
        edges = None if costs is None else torch.stack([costs, costs.transpose(1, 2)], -1)
        for layer in self.layers:
            h = layer(h, padding, edges)
        return h


class GraphLayer(nn.Module):
    """h_i' = h_i + σ(norm(h_i W0 + Σ_j w_ij h_j W1)), the weights w_ij summing to 1 over j."""

    def __init__(self, width: int, norm: NormName) -> None:
        super().__init__()
        self.own = nn.Linear(width, width)
        self.others = nn.Linear(width, width, bias=False)
        self.norm = Norm(norm, width)

    def forward(self, h: Tensor, weights: Tensor, padding: Tensor | None) -> Tensor:
        """New embeddings `[B, n, d]` from messages weighted by `weights` `[B, n, n]`."""
        messages = weights.to(h.dtype) @ self.others(h).to(h.dtype)
        return h + F.relu(self.norm(self.own(h) + messages, padding))


class GraphEncoder(nn.Module):
    """The talk's graph network over the inverse edge costs 1/c_ij.

    The weights are normalized to sum to 1 over j, so that they depend on neither the unit of
    length nor the number of nodes; with `neighbours` > 0 only the k nearest send messages.
    """

    def __init__(self, config: GraphEncoderConfig) -> None:
        super().__init__()
        self.neighbours = config.neighbours
        self.layers = nn.ModuleList(GraphLayer(config.width, config.norm) for _ in range(config.layers))

    def forward(self, h: Tensor, coordinates: Tensor, padding: Tensor | None, costs: Tensor | None = None) -> Tensor:
        """Node embeddings `[B, n, d]` from initial ones and distances `[B, n, n]`, else those of points `[B, n, 2]`."""
        if costs is None:
            points = coordinates.float()
            costs = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
        weights = self._weights(costs.float(), padding)
        for layer in self.layers:
            h = layer(h, weights, padding)
        return h

    def _weights(self, costs: Tensor, padding: Tensor | None) -> Tensor:
        n = costs.shape[1]
        inverse = 1.0 / costs.clamp(min=1e-3)  # coinciding points stay finite
        inverse = inverse.masked_fill(torch.eye(n, dtype=torch.bool, device=costs.device), 0.0)
        if padding is not None:
            inverse = inverse.masked_fill(padding[:, None, :], 0.0)
        if 0 < self.neighbours < n - 1:
            least = inverse.topk(self.neighbours, -1).values[..., -1:]
            inverse = inverse * (inverse >= least)
        return inverse / inverse.sum(-1, keepdim=True).clamp(min=1e-9)


class EncoderKind(NamedTuple):
    """An encoder as `ENCODERS` lists it.

    Attributes:
        config: the dataclass of its settings, each of which is also a field of `PolicyConfig`.
        module: the module class, made from such a config.
    """

    config: type[EncoderConfig]
    module: Callable[[Any], nn.Module]


ENCODERS: dict[str, EncoderKind] = {
    "attention": EncoderKind(AttentionEncoderConfig, AttentionEncoder),
    "gnn": EncoderKind(GraphEncoderConfig, GraphEncoder),
}
"""Name of an encoder, as in `PolicyConfig.encoder` → its classes."""
