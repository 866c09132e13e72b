"""Means with 95 % confidence intervals, for comparisons.

The intervals are Student's t at every sample size. For small samples a percentile bootstrap is often
recommended. In a simulation with normal, exponential and mostly-zero samples, it covered the true mean
less often at every n below 30 (n = 5: 83, 78 and 64 % against 95, 88 and 69 %), so it is not used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """The mean of a sample and its confidence interval.

    Attributes:
        mean: mean of the sample.
        interval: low and high end of the 95 % confidence interval of the true mean; None for a
            single value, whose spread is unknown.
    """

    mean: float
    interval: tuple[float, float] | None

    @property
    def significant(self) -> bool:
        """Whether the interval does not contain zero."""
        return self.interval is not None and not self.interval[0] <= 0.0 <= self.interval[1]


def estimate_mean(values: ArrayLike) -> Estimate | None:
    """The mean of `values` `[N]` with its interval; None for no values.

    For paired differences this is `scipy.stats.ttest_rel(a, b).confidence_interval()`, without the
    import of `scipy.stats`, which takes a second.

    Raises:
        ValueError: for a value that is not finite.
    """
    sample = np.asarray(values, dtype=np.float64)
    if not np.isfinite(sample).all():
        raise ValueError("mean of values that are not all finite, expected finite values")
    if sample.size == 0:
        return None
    mean = float(sample.mean())
    if sample.size == 1:
        return Estimate(mean, None)
    half = _quantile(sample.size - 1) * float(sample.std(ddof=1)) / sample.size**0.5
    return Estimate(mean, (mean - half, mean + half))


def estimate_crossed(values: ArrayLike) -> Estimate:
    """The mean result of policies from several training seeds on the same instances, with its interval.

    The interval covers other training seeds and other instances. The two are crossed random effects, whose
    mean squares are added (analysis of variance without replication, Satterthwaite's degrees of freedom).
    In simulations with three seeds the interval covered the true mean in 92 to 97 % of the samples; a
    bootstrap of seeds and instances covered it in as few as 75 % (when seeds varied as much as instances).

    Args:
        values: `[seeds, N]`, finite; N is 2 or more.
    """
    sample = np.asarray(values, dtype=np.float64)
    seeds, count = sample.shape
    if seeds == 1:
        estimate = estimate_mean(sample[0])
        assert estimate is not None
        return estimate
    mean = float(sample.mean())
    rows, columns = sample.mean(1) - mean, sample.mean(0) - mean
    rest = sample - mean - rows[:, None] - columns
    freedom = np.array([seeds - 1, count - 1, (seeds - 1) * (count - 1)])
    squares = np.array([count * (rows**2).sum(), seeds * (columns**2).sum(), (rest**2).sum()]) / freedom
    squares[[0, 2]] *= squares[0] > squares[2]  # seeds that differ by no more than chance add no variance
    total = float(squares[0] + squares[1] - squares[2])
    if total <= 0.0:
        return Estimate(mean, (mean, mean))
    half = _quantile(total**2 / float((squares**2 / freedom).sum())) * (total / (seeds * count)) ** 0.5
    return Estimate(mean, (mean - half, mean + half))


def _quantile(freedom: float) -> float:
    """The quantile of Student's t at the upper end of the interval."""
    from scipy.special import stdtrit  # pyright: ignore[reportMissingTypeStubs]

    return float(stdtrit(freedom, 0.5 + CONFIDENCE / 2))


def format_number(value: float, significant: int = 5) -> str:
    """`value` with a number of significant digits, without an exponent; whole numbers have all their digits."""
    if value == round(value) or abs(value) >= 10**significant:
        return f"{value:.0f}"
    return f"{value:.{max(0, significant - 1 - math.floor(math.log10(abs(value))))}f}"
