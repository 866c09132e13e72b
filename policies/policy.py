"""`Policy`: encoder and decoder, built from the features that an environment declares."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from tsp.problems import unknown

from .decoder import Cache, Decoder
from .encoders import ENCODERS, NormName

if TYPE_CHECKING:
    from envs.batch import Batch
    from envs.routing_env import RoutingEnv


MOST_WEIGHTS = 1_000_000_000
"""The most weights of a network, about."""


@dataclass(frozen=True)
class PolicyConfig:
    """The shape of a policy.

    Attributes:
        encoder: attention over all nodes, or the graph network over inverse distances.
        layers: number of layers of the encoder.
        width: width of the node embeddings.
        heads: heads of every multi-head attention; their number divides the width.
        feedforward: width of the hidden layer in the attention encoder's feed-forward blocks.
        norm: instance norm; batch (Kool et al.) or layer norm.
        neighbours: number of nearest nodes that send messages in the graph network; 0 for all.
        clip: largest absolute value of a logit before the mask.
        edges: whether the policy uses the distances between nodes, not only their coordinates: for matrices
            and walking distances.
    """

    encoder: str = field(default="attention", metadata={"choices": tuple(ENCODERS)})
    layers: int = 3
    width: int = 128
    heads: int = 8
    feedforward: int = 512
    norm: NormName = "instance"
    neighbours: int = 0
    clip: float = 10.0
    edges: bool = False

    def __post_init__(self) -> None:
        """Refuse a shape that cannot be built."""
        if self.encoder not in ENCODERS:
            raise ValueError(unknown("encoder", self.encoder, ENCODERS))
        if self.width < 1 or self.layers < 1 or self.heads < 1 or self.width % self.heads:
            raise ValueError(
                f"width {self.width}, heads {self.heads}, layers {self.layers}: "
                "expected positive numbers, and a width that the heads divide"
            )
        if self.feedforward < 1 or self.neighbours < 0 or not self.clip > 0:
            raise ValueError(
                f"feedforward {self.feedforward}, neighbours {self.neighbours}, clip {self.clip:g}: "
                "expected 1 or more, 0 or more, and a positive number"
            )
        weights = self.layers * self.width * (4 * self.width + 2 * self.feedforward)
        if weights > MOST_WEIGHTS:
            shape = f"layers {self.layers}, width {self.width}, feedforward {self.feedforward}"
            raise ValueError(f"{shape}: about {weights:.0e} weights, expected at most {MOST_WEIGHTS:.0e}")


class Policy(nn.Module):
    """A policy for one environment.

    Args:
        config: its shape.
        env: the environment that declares the features.
    """

    def __init__(self, config: PolicyConfig, env: RoutingEnv) -> None:
        super().__init__()
        self.config = config
        self.env = env
        edges = config.edges
        self.embed = nn.Linear(env.node_features + (EDGE_FEATURES if edges else 0), config.width)
        self.embed_ends = nn.ModuleList(  # where tours start, and where they end
            nn.Linear(env.node_features, config.width) for _ in range(2 if not env.problem.shape.is_closed else 0)
        )
        self.encoder = make_encoder(config)
        self.decoder = Decoder(
            config.width, config.heads, env.context_features, env.node_context_features, config.clip, edges=edges
        )
        for name, parameter in self.named_parameters():  # Kool et al.: uniform within 1/sqrt(fan-in), biases too
            if "norm" not in name:
                # numbers that are added to embeddings get the fan-in of those: with their own they would dominate
                beside = name.startswith(("decoder.project_context", "decoder.project_node_context"))
                bound = (config.width if beside else parameter.shape[-1]) ** -0.5
                nn.init.uniform_(parameter, -bound, bound)

    def take_over(self, other: Policy) -> None:
        """Take over the weights of a policy of the same shape.

        It may be blind to distances where this one looks at them: they have weight 0 then, until this one is trained.
        Actions do not change at first with attention; a graph network weights messages by what it is given.

        Raises:
            ValueError: for another shape.
        """
        if other.config != self.config and replace(other.config, edges=True) != self.config:
            raise ValueError(f"its shape is {other.config}, expected {self.config}")
        own, given = self.state_dict(), other.state_dict()
        for name, value in own.items():
            if name not in given:  # of the networks of distances, whose last layer has weight 0
                given[name] = value if name.endswith((".edge_bias.0.weight", ".edge_bias.0.bias")) else 0 * value
            elif value.shape != given[name].shape:  # features of distances come last
                given[name] = F.pad(given[name], (0, value.shape[-1] - given[name].shape[-1]))
        self.load_state_dict(given)

    def encode(self, batch: Batch, costs: Tensor | None = None) -> Tensor:
        """Node embeddings `[B, n, d]`, from distances `[B, n, n]` too where the policy uses them."""
        features = self.env.features(batch)
        if costs is None:
            h = self.embed(features)
        else:
            h = self.embed(torch.cat([features, _nearness(costs, batch.padding)], -1))
        kinds = self.env.kinds(batch)
        if kinds is not None:
            for kind, embed in enumerate(self.embed_ends, 1):
                h = torch.where((kinds == kind)[..., None], embed(features).to(h.dtype), h)
        return self.encoder(h, batch.coordinates, batch.padding, costs)

    def prepare(self, batch: Batch, *, bfloat16: bool = False) -> Cache:
        """Encode a batch and compute everything that does not depend on the step, once.

        Args:
            batch: the instances.
            bfloat16: compute products in bfloat16, and return the cache in it.
        """
        costs = batch.costs() if self.config.edges else None
        with torch.autocast(batch.device.type, dtype=torch.bfloat16, enabled=bfloat16):
            cache = self.decoder.prepare(self.encode(batch, costs), batch.padding, costs)
        if not bfloat16:
            return cache.to(torch.float32)
        return self.decoder.aligned(cache.to(torch.bfloat16))


def make_encoder(config: PolicyConfig) -> nn.Module:
    """The encoder that a policy's configuration names, made from its settings there."""
    kind = ENCODERS[config.encoder]
    return kind.module(kind.config(**{item.name: getattr(config, item.name) for item in fields(kind.config)}))


NEAREST = 4
EDGE_FEATURES = 2 * NEAREST + 2


def _nearness(costs: Tensor, padding: Tensor | None) -> Tensor:
    """Features of nodes from distances `[B, n, n]`: the shortest ways out and in, and the means, `[B, n, 10]`.

    They replace coordinates where there are none, and do not depend on the nodes' order.
    """
    n = costs.shape[1]
    hidden = torch.eye(n, dtype=torch.bool, device=costs.device)[None]
    if padding is not None:
        hidden = hidden | padding[:, None, :] | padding[:, :, None]
    seen: list[Tensor] = []
    count = (~hidden).sum(-1, keepdim=True).clamp(min=1)
    for ways in (costs, costs.transpose(1, 2)):
        mean = ways.masked_fill(hidden, 0.0).sum(-1, keepdim=True) / count
        shortest = ways.masked_fill(hidden, float("inf")).topk(min(NEAREST, n), -1, largest=False).values
        shortest = F.pad(shortest, (0, NEAREST - shortest.shape[-1]), value=float("inf"))
        seen += [torch.where(shortest.isfinite(), shortest, mean), mean]
    return torch.cat(seen, -1)
