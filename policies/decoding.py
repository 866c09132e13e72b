"""Decoding strategies: how a node is chosen from logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor


class Strategy(Protocol):
    """A way of choosing the next node."""

    def select(self, logits: Tensor, generator: Generator | None) -> Tensor:
        """The chosen nodes `[B, P]` from logits `[B, P, n]`."""
        ...


@dataclass(frozen=True)
class Greedy:
    """The most probable node."""

    def select(self, logits: Tensor, generator: Generator | None) -> Tensor:
        """See `Strategy.select`; no randomness is used."""
        return logits.argmax(-1)


@dataclass(frozen=True)
class Sampling:
    """A node drawn with the policy's probabilities, flattened or sharpened by a temperature."""

    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a temperature that is not positive."""
        if not self.temperature > 0:
            raise ValueError(f"temperature: {self.temperature}, expected a positive number")

    def select(self, logits: Tensor, generator: Generator | None) -> Tensor:
        """See `Strategy.select`; each choice uses one uniform number and the inverse distribution function."""
        return self.pick(logits, torch.rand((*logits.shape[:-1], 1), generator=generator, device=logits.device))

    def pick(self, logits: Tensor, uniform: Tensor) -> Tensor:
        """The nodes `[B, P]` that uniform numbers `[B, P, 1]` choose from logits `[B, P, n]`."""
        probabilities = (logits if self.temperature == 1.0 else logits / self.temperature).softmax(-1)
        cumulative = probabilities.cumsum(-1)
        total = cumulative[..., -1:]
        # strictly below the total, so that the node at which the sum passes it exists
        threshold = torch.minimum(uniform * total, total * (1 - 1e-6))
        # a parallel sum may be smaller by rounding at a forbidden node, so its probability is checked too
        return ((cumulative > threshold) & (probabilities > 0)).to(torch.uint8).argmax(-1)
