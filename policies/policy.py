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
        """Take over the weights of a policy of the same shape, of this problem or of one with other rules.

        What this policy sees and the other does not, such as time windows or distances, has weight 0 until this one is
        trained. Actions do not change at first with attention; a graph network weights messages by what it is given.

        Raises:
            ValueError: for another shape, of the network or of the tours.
        """
        if other.config != self.config and replace(other.config, edges=True) != self.config:
            raise ValueError(f"its shape is {other.config}, expected {self.config}")
        if other.env.problem.shape != self.env.problem.shape:
            raise ValueError(f"a policy for {other.env.problem.name}, expected one whose tours have the same ends")
        own, given, seen = self.state_dict(), other.state_dict(), other.inputs()
        for name, names in self.inputs().items():
            weight = own[name].zero_()
            for column, feature in enumerate(names):
                if feature in seen.get(name, ()):
                    weight[:, column] = given[name][:, seen[name].index(feature)]
        for name, weight in own.items():
            if name in given and name not in seen:
                weight.copy_(given[name])
            elif name not in given and not name.endswith((".edge_bias.0.weight", ".edge_bias.0.bias")):
                weight.zero_()  # of the networks of distances, the last layer

    def inputs(self) -> dict[str, tuple[str, ...]]:
        """The names of the features that the columns of a weight are for, of each weight that reads features."""
        node, context, node_context = self.env.names
        distances = tuple(f"distances {i}" for i in range(EDGE_FEATURES)) if self.config.edges else ()
        names = {"embed.weight": (*node, *distances)}
        names |= {f"embed_ends.{i}.weight": node for i in range(len(self.embed_ends))}
        if context:
            names["decoder.project_context.weight"] = context
        if node_context:
            names["decoder.project_node_context.weight"] = node_context
        return names

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
