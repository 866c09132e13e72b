"""Weighted values and their quantiles: the scale of laws, and values that were not observed to their end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsp.instance import Array, Integers

LEVELS = (np.arange(100) + 0.5) / 100
"""The levels of the quantiles that a model gives."""

PARTS = 5
"""Number of equally likely values in place of one that was not seen to its end."""

ABSENT_ABOVE = 1.0
"""An infinite value is this far above the largest finite one, on the scale of a model."""


@dataclass(frozen=True)
class Scale:
    """The scale on which models work: log(1 + value / unit), where an infinite value has a place too.

    Attributes:
        unit: the median of the positive values.
        top: the largest finite value, on the scale.
        has_absent: whether there are infinite values.
    """

    unit: float
    top: float
    has_absent: bool

    @classmethod
    def of(cls, values: Array) -> Scale:
        """The scale for observed values."""
        finite = values[np.isfinite(values)]
        positive = finite[finite > 0]
        unit = float(np.median(positive)) if positive.size else 1.0
        top = float(np.log1p(finite.max() / unit)) if finite.size else 0.0
        return cls(unit, top, bool(np.isinf(values).any()))

    def into(self, values: Array) -> Array:
        """Values on the scale."""
        with np.errstate(invalid="ignore"):
            return np.where(np.isinf(values), self.top + ABSENT_ABOVE, np.log1p(values / self.unit))

    def back(self, scaled: Array) -> Array:
        """The values of points on the scale.

        Points above the largest finite value by more than half of `ABSENT_ABOVE` are infinite where the log has
        infinite values; elsewhere they are cut off there.
        """
        absent = scaled > self.top + ABSENT_ABOVE / 2
        values = self.unit * np.expm1(np.clip(scaled, 0.0, self.top + ABSENT_ABOVE / 2))
        return np.where(absent & self.has_absent, np.inf, values)


class Sample(NamedTuple):
    """Weighted visits.

    Attributes:
        inputs: what a model sees of each visit `[S, d]`.
        codes: their categories `[S, c]`.
        values: on the model's scale `[S]`.
        weights: they sum to 1 for each visit `[S]`.
        day: number of the day `[S]`.
    """

    inputs: Array
    codes: Integers
    values: Array
    weights: Array
    day: Integers


def weighted_quantiles(values: Array, weights: Array, levels: Array = LEVELS) -> Array:
    """The quantiles of weighted values at `levels`, interpolated between the middles of their weights."""
    order = np.argsort(values, kind="stable")
    ordered, weight = values[order], weights[order]
    middles = (np.cumsum(weight) - weight / 2) / weight.sum()
    return np.interp(levels, middles, ordered)


def survivors(values: Array, censored: NDArray[np.bool_]) -> Array:
    """The weights of values `[R]` when those of censored ones pass to all greater ones.

    That is the estimate of Kaplan & Meier (1958), by the redistribution to the right of Efron (1967). A censored value
    above which none was observed keeps its weight.
    """
    order = np.lexsort((censored, values))
    hidden = censored[order]
    weights = np.zeros(len(values))
    later = np.cumsum((~hidden)[::-1])[::-1] > 0  # whether an observed value comes at this place or after it
    each = 1.0
    for i in range(len(values)):
        if hidden[i] and later[i]:
            each += each / (len(values) - i - 1)
        else:
            weights[i] = each
    out = np.empty_like(weights)
    out[order] = weights
    return out


def complete(sample: Sample, censored: NDArray[np.bool_], quantiles: Array) -> Sample:
    """The sample with several equally likely values, all above the observed one, for each censored visit.

    Args:
        sample: a row for each visit.
        censored: whether the real value is above the observed one `[R]`.
        quantiles: of each visit's law at `LEVELS` `[R, L]`.
    """
    seen = np.flatnonzero(~censored)
    rows, values, weights = [seen], [sample.values[seen]], [sample.weights[seen]]
    for i in np.flatnonzero(censored).tolist():
        past = float((quantiles[i] <= sample.values[i]).mean())
        levels = past + (1.0 - past) * (np.arange(PARTS) + 0.5) / PARTS
        rows.append(np.full(PARTS, i))
        values.append(np.maximum(np.interp(levels, LEVELS, quantiles[i]), sample.values[i]))
        weights.append(np.full(PARTS, sample.weights[i] / PARTS))
    row = np.concatenate(rows)
    return Sample(
        sample.inputs[row], sample.codes[row], np.concatenate(values), np.concatenate(weights), sample.day[row]
    )


def pinball(quantiles: Array, values: Array, weights: Array, levels: Array = LEVELS) -> float:
    """The mean pinball loss of quantiles `[S, L]` at `levels` for weighted values `[S]`."""
    error = values[:, None] - quantiles
    loss = np.maximum(levels * error, (levels - 1.0) * error).mean(axis=1)
    return float((loss * weights).sum() / weights.sum())
