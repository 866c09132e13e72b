"""Means with 95 % intervals, for what comparisons report.

The interval is Student's t at every sample size. For small samples a percentile bootstrap is often
recommended; simulated here on normal, exponential and mostly-zero samples it covered the true mean
less often at every n below 30 (n = 5: 83, 78 and 64 % against 95, 88 and 69 %), so there is none.
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
    """A mean over a sample and how well the sample knows it.

    Attributes:
        mean: of the sample.
        interval: low and high end of the 95 % confidence interval of the true mean; None for a
            single value, which says nothing about its spread.
    """

    mean: float
    interval: tuple[float, float] | None

    @property
    def significant(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.interval is not None and not self.interval[0] <= 0.0 <= self.interval[1]


def estimate_mean(values: ArrayLike) -> Estimate | None:
    """The mean of `values` `[N]` with its interval; None for no values.

    For paired differences this is `scipy.stats.ttest_rel(a, b).confidence_interval()`, without the
    second that importing `scipy.stats` takes.

    Raises:
        ValueError: for a value that is not finite.
    """
    sample = np.asarray(values, dtype=np.float64)
    if not np.isfinite(sample).all():
        raise ValueError("the mean of values that are not all finite is not defined")
    if sample.size == 0:
        return None
    mean = float(sample.mean())
    if sample.size == 1:
        return Estimate(mean, None)
    from scipy.special import stdtrit  # pyright: ignore[reportMissingTypeStubs]

    quantile = float(stdtrit(sample.size - 1, 0.5 + CONFIDENCE / 2))
    half = quantile * float(sample.std(ddof=1)) / sample.size**0.5
    return Estimate(mean, (mean - half, mean + half))


def format_number(value: float, significant: int = 5) -> str:
    """`value` with so many significant digits; never as a power of ten, whole numbers in full."""
    if value == round(value) or abs(value) >= 10**significant:
        return f"{value:.0f}"
    return f"{value:.{max(0, significant - 1 - math.floor(math.log10(abs(value))))}f}"
