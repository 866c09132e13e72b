"""Models of laws without a network: one law for all visits, shrunken means of groups, and ridge regression.

A model gives the quantiles of each visit's law on the scale of `quantiles.Scale`. Its fields are arrays, which a file
holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

from tsp.instance import Array, Integers

from .quantiles import Sample, weighted_quantiles

if TYPE_CHECKING:
    from .features import Encoded

PENALTIES = np.geomspace(0.1, 1e4, 26)
"""Penalties of ridge regression among which the smallest error of days left out decides."""
FOLDS = 5
"""Largest number of groups of days, each of which is left out once."""


class Model(Protocol):
    """A law for each visit, by its features."""

    @classmethod
    def fit(cls, sample: Sample, seed: int) -> Self:
        """The model of weighted visits."""
        ...

    def quantiles(self, visits: Encoded) -> Array:
        """The quantiles of each visit's law at `LEVELS` `[R, L]`."""
        ...


@dataclass(frozen=True)
class Pooled:
    """One law for all visits: the quantiles of all values.

    Attributes:
        pooled: at `LEVELS` `[L]`.
    """

    pooled: Array

    @classmethod
    def fit(cls, sample: Sample, seed: int) -> Self:
        """See `Model`."""
        return cls(weighted_quantiles(sample.values, sample.weights))

    def quantiles(self, visits: Encoded) -> Array:
        """See `Model`."""
        return np.tile(self.pooled, (len(visits.inputs), 1))


@dataclass(frozen=True)
class Group:
    """A mean for each combination of categories, shrunken towards that of all, and pooled residuals.

    A group of weight n has n / (n + k) of its own mean, k being the variance within groups over that between them: the
    best linear predictor of the one-way model with random effects (Robinson 1991).

    Attributes:
        codes: the categories of each group `[G, c]`.
        means: of each group, shrunken `[G]`.
        mean: of all visits `[1]`, which counts for other combinations.
        residuals: quantiles of value minus mean `[L]`.
    """

    codes: Integers
    means: Array
    mean: Array
    residuals: Array

    @classmethod
    def fit(cls, sample: Sample, seed: int) -> Self:
        """See `Model`."""
        codes, group = np.unique(sample.codes, axis=0, return_inverse=True)
        group = group.ravel()
        weight = np.bincount(group, sample.weights)
        mean = float(np.average(sample.values, weights=sample.weights))
        means = np.bincount(group, sample.weights * sample.values) / weight
        within = float((sample.weights * (sample.values - means[group]) ** 2).sum())
        within /= max(1.0, weight.sum() - len(weight))
        among = float((weight * (means - mean) ** 2).sum()) - (len(weight) - 1) * within
        between = max(0.0, among / max(1e-9, weight.sum() - (weight**2).sum() / weight.sum()))
        share = between * weight / (between * weight + within) if between > 0 else np.zeros(len(weight))
        means = mean + share * (means - mean)
        residuals = weighted_quantiles(sample.values - means[group], sample.weights)
        return cls(codes, means, np.array([mean]), residuals)

    def quantiles(self, visits: Encoded) -> Array:
        """See `Model`."""
        places = {tuple(code): k for k, code in enumerate(self.codes.tolist())}
        group = [places.get(tuple(code)) for code in visits.codes.tolist()]
        means = np.array([self.mean[0] if k is None else self.means[k] for k in group])
        return means[:, None] + self.residuals


@dataclass(frozen=True)
class Ridge:
    """Ridge regression on categories and numbers, and pooled residuals (Hoerl & Kennard 1970).

    Attributes:
        coefficients: of the inputs `[d]`.
        intercept: `[1]`.
        residuals: quantiles of value minus prediction `[L]`.
    """

    coefficients: Array
    intercept: Array
    residuals: Array

    @classmethod
    def fit(cls, sample: Sample, seed: int) -> Self:
        """See `Model`; the penalty is the one with the smallest error on days left out."""
        fold = folds(sample.day, seed)
        errors = np.zeros(len(PENALTIES))
        for left_out in np.unique(fold).tolist() if fold.any() else ():
            kept, rest = fold != left_out, fold == left_out
            for k, (coefficients, intercept) in enumerate(_ridge(sample, kept)):
                error = sample.values[rest] - sample.inputs[rest] @ coefficients - intercept
                errors[k] += (sample.weights[rest] * error**2).sum()
        best = int(errors.argmin()) if fold.any() else len(PENALTIES) - 1
        coefficients, intercept = _ridge(sample, np.ones(len(fold), dtype=np.bool_))[best]
        residuals = sample.values - sample.inputs @ coefficients - intercept
        return cls(coefficients, np.array([intercept]), weighted_quantiles(residuals, sample.weights))

    def quantiles(self, visits: Encoded) -> Array:
        """See `Model`."""
        return (visits.inputs @ self.coefficients + self.intercept)[:, None] + self.residuals


def _ridge(sample: Sample, kept: np.ndarray) -> list[tuple[Array, float]]:
    """Coefficients and intercept of the kept visits for each of `PENALTIES`."""
    inputs, values, weights = sample.inputs[kept], sample.values[kept], sample.weights[kept]
    centre = np.average(inputs, axis=0, weights=weights)
    mean = float(np.average(values, weights=weights))
    centred = inputs - centre
    eigenvalues, vectors = np.linalg.eigh(centred.T @ (weights[:, None] * centred))
    moment = vectors.T @ (centred.T @ (weights * (values - mean)))
    solved = [vectors @ (moment / (eigenvalues + penalty)) for penalty in PENALTIES]
    return [(coefficients, mean - float(centre @ coefficients)) for coefficients in solved]


def folds(day: Integers, seed: int) -> Integers:
    """The group of each visit's day `[S]`: days are dealt at random into groups of equal size; of one day all are 0."""
    days, place = np.unique(day, return_inverse=True)
    dealt = np.random.default_rng(seed).permutation(len(days)) % min(FOLDS, len(days))
    return dealt[place.ravel()]
