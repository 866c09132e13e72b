"""A clock that runs only while the process does, so that whatever else a machine does changes no figure."""

from __future__ import annotations

import sys
import time

import tsp.budget
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
    """Make everything that looks at a clock look at the processor's time; of several threads that counts all.

    OR-Tools and PyVRP get what is left by it, but look at the wall's clock themselves.
    """
    for module in list(sys.modules.values()):
        if getattr(module, "Clock", None) is tsp.budget.Clock and module is not tsp.budget:
            module.__dict__["Clock"] = ProcessorClock
    tsp.budget.Clock = ProcessorClock  # what is imported later
