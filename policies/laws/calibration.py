"""How well a law fits days held back: coverage of its intervals, and its loss against the pooled law."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .law import fit_law
from .quantiles import LEVELS, Sample, complete, pinball

if TYPE_CHECKING:
    from tsp.formats.visit_log import VisitLog
    from tsp.instance import Array

HELD_BACK = 0.2
"""Share of the days, the last ones, that are held back."""
LEAST_DAYS = 5
"""Smallest number of days of which some are held back."""
INTERVAL = (0.1, 0.9)
"""Levels between which 80 % of the values lie."""


@dataclass(frozen=True)
class Calibration:
    """A law fitted to the first days, on the last ones.

    A visit that was broken off counts as several equally likely values above the observed one, by the pooled law.

    Attributes:
        days: number of days held back.
        visits: number of their visits.
        coverage: share of the values within the law's 80 % intervals.
        loss: mean pinball loss of the law, on the scale of `quantiles.Scale`.
        pooled_loss: of the pooled law.
    """

    days: int
    visits: int
    coverage: float
    loss: float
    pooled_loss: float

    @property
    def gain(self) -> float:
        """Share of the pooled law's loss that the law saves."""
        return 1.0 - self.loss / self.pooled_loss if self.pooled_loss > 0 else 0.0


def calibrate(log: VisitLog, model: str, seed: int) -> Calibration | None:
    """The calibration of a model on the last days of a log; None where there are too few."""
    days = np.unique(log.day)
    if len(days) < LEAST_DAYS:
        return None
    first = days[-max(1, round(HELD_BACK * len(days)))]
    earlier, later = log.rows(log.day < first), log.rows(log.day >= first)
    if earlier.censored.all():
        return None
    law = fit_law(earlier, model, seed)
    visits = law.encoder.encode(later.features, len(later.values))
    fitted, pooled = law.scaled_quantiles(visits), law.pooled.quantiles(visits)
    values, row = law.scale.into(later.values), np.arange(len(later.values), dtype=np.float64)[:, None]
    kept = complete(Sample(row, visits.codes, values, np.ones(len(values)), later.day), later.censored, pooled)
    rows = kept.inputs[:, 0].astype(np.int64)
    low, high = (_quantile(fitted, level)[rows] for level in INTERVAL)
    inside = (kept.values >= low) & (kept.values <= high)
    return Calibration(
        days=len(np.unique(later.day)),
        visits=len(later.values),
        coverage=float(np.average(inside, weights=kept.weights)),
        loss=pinball(fitted[rows], kept.values, kept.weights),
        pooled_loss=pinball(pooled[rows], kept.values, kept.weights),
    )


def _quantile(quantiles: Array, level: float) -> Array:
    """The quantile at one level of each law `[R]`."""
    return np.array([np.interp(level, LEVELS, row) for row in quantiles])
