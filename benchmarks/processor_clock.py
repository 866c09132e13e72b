"""A clock that runs only while the process does, so that whatever else a machine does changes no figure."""

from __future__ import annotations

import time

import baselines.rule_search
import tsp.solvers
from tsp.budget import Clock


class ProcessorClock(Clock):
    """Counts the processor's seconds."""

    def __init__(self, limit: float) -> None:
        super().__init__(limit)
        self._begin = time.process_time()

    @property
    def elapsed(self) -> float:
        """Seconds that this process has used since the clock was made."""
        return time.process_time() - self._begin


def count_processor_time() -> None:
    """Make searches for one instance at a time look at the processor's time. Of several threads it would count all."""
    tsp.solvers.Clock = baselines.rule_search.Clock = ProcessorClock
