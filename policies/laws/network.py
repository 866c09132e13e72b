"""The learned law: a small network that moves and stretches the pooled quantiles, trained by the pinball loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from torch import Tensor

from tsp.instance import Array, Integers

from .models import folds
from .quantiles import LEVELS, Sample, weighted_quantiles

if TYPE_CHECKING:
    from .features import Encoded

WIDTH = 32
STEPS = 300
BETWEEN = 10
"""Steps of the optimizer between two looks at the loss on days left out."""
LEARNING_RATE = 0.01
WEIGHT_DECAY = 0.01
TRAINED = slice(2, None, 5)
"""The levels whose loss is trained, every fifth one."""


@dataclass(frozen=True)
class Network:
    """The pooled quantiles, each moved by a sum of three shapes: a constant, a stretch and a skew.

    A network with a hidden layer and a linear part gives the sizes of the shapes. There is one for each group of days,
    trained without it; the law is their mean. The number of training steps, 0 included, is the one with the smallest
    loss on the days left out. It stays 0, so that the law is the pooled one, unless the gain there exceeds its standard
    error over days. Quantiles that cross are sorted (Chernozhukov, Fernández-Val & Galichon 2010).

    Attributes:
        pooled: quantiles of all values at `LEVELS` `[L]`.
        hidden: weights of the hidden layers `[E, d, h]`.
        hidden_bias: `[E, 1, h]`.
        out: weights from the hidden layer to the shapes `[E, h, 3]`.
        out_bias: `[E, 1, 3]`.
        linear: weights from the inputs to the shapes `[E, d, 3]`.
    """

    pooled: Array
    hidden: Array
    hidden_bias: Array
    out: Array
    out_bias: Array
    linear: Array

    @classmethod
    def fit(cls, sample: Sample, seed: int) -> Self:
        """See `Model`.

        Raises:
            ValueError: for visits of a single day, of which none can be left out.
        """
        fold = folds(sample.day, seed)
        if not fold.any():
            raise ValueError("model network: visits of 1 day, expected 2 or more days (model pooled needs one)")
        pooled = weighted_quantiles(sample.values, sample.weights)
        weights = _train(sample, fold, pooled, torch.Generator().manual_seed(seed))
        return cls(pooled, *(tensor.double().numpy() for tensor in weights))

    def quantiles(self, visits: Encoded) -> Array:
        """See `Model`."""
        weights = [torch.from_numpy(x) for x in (self.hidden, self.hidden_bias, self.out, self.out_bias, self.linear)]
        sizes = _sizes(torch.from_numpy(visits.inputs), weights).mean(0).numpy()
        return np.sort(self.pooled + sizes @ _shapes(self.pooled), axis=1)


def _shapes(pooled: Array) -> Array:
    """What may be added to the pooled quantiles, each shape of mean 0 but for the constant `[3, L]`."""
    stretch = (pooled - pooled.mean()) / (float(pooled.std()) or 1.0)
    return np.stack([np.ones_like(pooled), stretch, stretch**2 - (stretch**2).mean()])


def _sizes(inputs: Tensor, weights: list[Tensor]) -> Tensor:
    """The size of each shape for each visit, by each network `[E, S, 3]`."""
    hidden, hidden_bias, out, out_bias, linear = weights
    return torch.tanh(inputs @ hidden + hidden_bias) @ out + out_bias + inputs @ linear


def _train(sample: Sample, fold: Integers, pooled: Array, generator: torch.Generator) -> list[Tensor]:
    """The weights of a network for each fold, after the best number of steps."""
    inputs, values, weight = (torch.from_numpy(x).float() for x in (sample.inputs, sample.values, sample.weights))
    levels = torch.from_numpy(LEVELS[TRAINED]).float()
    base, shapes = (torch.from_numpy(x[..., TRAINED]).float() for x in (pooled, _shapes(pooled)))
    group = torch.from_numpy(fold)
    count, width = int(group.max()) + 1, inputs.shape[1]
    left_out = (group == torch.arange(count)[:, None]).float() * weight  # [E, S]
    kept = weight - left_out
    kept /= kept.sum(1, keepdim=True)
    hidden = torch.randn(1, width, WIDTH, generator=generator).expand(count, -1, -1) / max(1, width) ** 0.5
    weights = [
        hidden.clone(),
        torch.zeros(count, 1, WIDTH),
        torch.zeros(count, WIDTH, 3),
        torch.zeros(count, 1, 3),
        torch.zeros(count, width, 3),
    ]
    optimizer = torch.optim.AdamW(
        [tensor.requires_grad_() for tensor in weights], lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY
    )
    best, first, snapshot = float("inf"), torch.zeros(0), [tensor.detach().clone() for tensor in weights]
    for step in range(STEPS + 1):
        quantiles = base + _sizes(inputs, weights) @ shapes  # [E, S, levels]
        error = values[:, None] - quantiles
        loss = torch.maximum(levels * error, (levels - 1.0) * error).mean(-1)  # [E, S]
        if step % BETWEEN == 0:
            outside = (loss.detach() * left_out).sum(0)  # [S], by the network that has not seen the day
            first = outside if step == 0 else first
            total = float(outside.sum())
            if step == 0 or (total < best and _is_gain(first - outside, sample.day)):
                best, snapshot = total, [tensor.detach().clone() for tensor in weights]
        optimizer.zero_grad()
        (loss * kept).sum().backward()
        optimizer.step()
    return snapshot


def _is_gain(gains: Tensor, day: Integers) -> bool:
    """Whether the mean over days of the gains `[S]` of visits exceeds its standard error."""
    _, place = np.unique(day, return_inverse=True)
    by_day = np.bincount(place.ravel(), gains.numpy())
    return bool(by_day.mean() > by_day.std(ddof=1) / len(by_day) ** 0.5)
