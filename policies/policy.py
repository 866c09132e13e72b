"""`Policy`: encoder and decoder, built from what an environment declares that it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from .decoder import Cache, Decoder
from .encoders import AttentionEncoder, GraphEncoder, NormName

if TYPE_CHECKING:
    from envs.batch import Batch
    from envs.routing_env import RoutingEnv


@dataclass(frozen=True)
class PolicyConfig:
    """The shape of a policy.

    Attributes:
        encoder: attention over all nodes, or the graph network over inverse distances.
        layers: of the encoder.
        width: of the node embeddings.
        heads: of every multi-head attention; they divide the width.
        feedforward: width of the hidden layer in the attention encoder's feed-forward blocks.
        norm: instance norm; batch (Kool et al.) or layer norm.
        neighbours: how many nearest nodes send messages in the graph network; 0 for all.
        clip: logits lie within ± this before the mask.
    """

    encoder: Literal["attention", "gnn"] = "attention"
    layers: int = 3
    width: int = 128
    heads: int = 8
    feedforward: int = 512
    norm: NormName = "instance"
    neighbours: int = 0
    clip: float = 10.0

    def __post_init__(self) -> None:
        """Refuse a shape that cannot be built."""
        if self.width < 1 or self.layers < 1 or self.heads < 1 or self.width % self.heads:
            raise ValueError(
                f"width {self.width}, heads {self.heads}, layers {self.layers}: "
                "expected positive numbers, and a width that the heads divide"
            )


class Policy(nn.Module):
    """A policy for one environment.

    Args:
        config: its shape.
        env: whose declared features it reads.
    """

    def __init__(self, config: PolicyConfig, env: RoutingEnv) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Linear(env.node_features, config.width)
        self.encoder: nn.Module = (
            AttentionEncoder(config.layers, config.width, config.heads, config.feedforward, config.norm)
            if config.encoder == "attention"
            else GraphEncoder(config.layers, config.width, config.norm, config.neighbours)
        )
        self.decoder = Decoder(config.width, config.heads, env.context_features, config.clip)
        for name, parameter in self.named_parameters():  # Kool et al.: uniform within 1/sqrt(fan-in), biases too
            if "norm" not in name:
                bound = parameter.shape[-1] ** -0.5
                nn.init.uniform_(parameter, -bound, bound)

    def encode(self, batch: Batch) -> Tensor:
        """Node embeddings `[B, n, d]`."""
        return self.encoder(self.embed(batch.node_features()), batch.coordinates, batch.padding)

    def prepare(self, batch: Batch, *, bfloat16: bool = False) -> Cache:
        """Encode a batch and compute all that decoding needs of it, once.

        Args:
            batch: the instances.
            bfloat16: compute products in bfloat16, and hand on the cache in it.
        """
        with torch.autocast(batch.device.type, dtype=torch.bfloat16, enabled=bfloat16):
            cache = self.decoder.prepare(self.encode(batch), batch.padding)
        return cache.to(torch.bfloat16) if bfloat16 else cache.to(torch.float32)
