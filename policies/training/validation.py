"""When a run is validated and on how many instances, so that validation takes a small share of the run.

The number is chosen before the first step and kept: by the length of the run where that is a number of instances, else
by the time that a few instances take. Training does not depend on it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST = 20
"""The fewest instances, unless fewer are asked for: the mean of fewer says little."""

TRAINED_FOR_EACH = 20
"""Training instances for each one validated; a greedy trajectory takes a fifth of a training step or less."""

SHARE = 0.01
"""Share of a run of given minutes that one validation may take."""


class Validation:
    """The number of validation instances, and the last time they were used.

    Args:
        most: the number of instances asked for.
    """

    def __init__(self, most: int) -> None:
        self.most = self.count = most
        self.last = 0  # instances trained on by then

    def choose_by_length(self, instances: int) -> None:
        """Choose the number for a run of so many training instances."""
        self._choose(instances / TRAINED_FOR_EACH)

    def choose_by_time(self, minutes: float, evaluate: Callable[[int], float]) -> float | None:
        """Choose the number for a run of so many minutes, by the time that `evaluate` takes for a few instances.

        Returns:
            their mean, where these few are all.
        """
        few = min(self.most, LEAST)
        begun = time.perf_counter()
        mean = evaluate(few)
        each = (time.perf_counter() - begun) / few
        self._choose(SHARE * 60 * minutes / each)
        return mean if self.count == few else None

    def _choose(self, affordable: float) -> None:
        self.count = min(self.most, max(LEAST, int(affordable)))

    def is_due(self, instances: int) -> bool:
        """Whether so many training instances since the last validation are enough for the next."""
        return instances - self.last >= TRAINED_FOR_EACH * self.count
