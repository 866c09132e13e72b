"""Decoding strategies: how a node is chosen from logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Generator, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence


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
        return _draw(logits if self.temperature == 1.0 else logits / self.temperature, uniform)


class SeededSampling:
    """As `Sampling`, by numbers drawn beforehand, so that a trajectory does not depend on the others of its batch.

    An object chooses the nodes of one batch of trajectories.

    Args:
        temperature: of sampling, for each instance, `[B]`.
        uniform: a number for each step of each trajectory, `[T, B, P]`.
    """

    def __init__(self, temperature: Tensor, uniform: Tensor) -> None:
        self._temperature = temperature[:, None, None]
        self._left = iter(uniform)

    def select(self, logits: Tensor, generator: Generator | None) -> Tensor:
        """See `Strategy.select`; the generator is not used."""
        return _draw(logits / self._temperature, next(self._left)[..., None])


def draw_uniform(seeds: Sequence[int | tuple[int, int]], steps: int, symmetries: int, trajectories: int) -> Tensor:
    """Uniform numbers `[T, A * B, P]` for B instances under A symmetries, an instance's from its own seed.

    The numbers of a step are the same, however many steps there are.
    """
    shape = (steps, symmetries, trajectories)
    drawn = [np.random.default_rng(seed).random(shape, dtype=np.float32) for seed in seeds]
    return torch.from_numpy(np.stack(drawn, axis=2)).flatten(1, 2)  # [T, A, B, P]


def _draw(logits: Tensor, uniform: Tensor) -> Tensor:
    """The nodes `[B, P]` that uniform numbers `[B, P, 1]` choose by the softmax of logits `[B, P, n]`."""
    probabilities = logits.softmax(-1)
    cumulative = probabilities.cumsum(-1)
    total = cumulative[..., -1:]
    # strictly below the total, so that the node at which the sum passes it exists
    threshold = torch.minimum(uniform * total, total * (1 - 1e-6))
    if logits.device.type == "cpu":  # where sums are made in order and so never fall
        return (cumulative <= threshold).sum(-1)
    # a parallel sum may be smaller by rounding at a forbidden node, so its probability is checked too
    return ((cumulative > threshold) & (probabilities > 0)).to(torch.uint8).argmax(-1)
