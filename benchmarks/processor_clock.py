"""A clock that counts the processor time of this process, so that other load on the machine changes no figure."""

from __future__ import annotations

import os
import sys
import time
from multiprocessing import active_children
from pathlib import Path

import tsp.budget
from tsp.budget import Clock


class ProcessorClock(Clock):
    """A clock that counts processor seconds."""

    def __init__(self, limit: float) -> None:
        super().__init__(limit)
        self._begin = time.process_time()

    @property
    def elapsed(self) -> float:
        """Seconds that this process has used since the clock was made."""
        return time.process_time() - self._begin


def count_processor_time() -> None:
    """Replace the toolkit's clock by one of processor time, summed over threads.

    OR-Tools and PyVRP are given the time left by this clock, but measure it by the wall clock.
    """
    for module in list(sys.modules.values()):
        if getattr(module, "Clock", None) is tsp.budget.Clock and module is not tsp.budget:
            module.__dict__["Clock"] = ProcessorClock
    tsp.budget.Clock = ProcessorClock  # for modules that are imported later


def processor_seconds() -> float:
    """Processor time of this process and of its workers."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = time.process_time()
    for child in active_children():
        try:
            fields = Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:  # it has just ended
            continue
        total += (int(fields[11]) + int(fields[12])) / ticks
    return total
