"""`Budget`: the time and threads that a solver may use. `Clock`: measures the time against a limit."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

SHORTEST = 1e-3
"""The shortest limit in seconds; a smaller share of a budget is rounded up to it."""


@dataclass(frozen=True)
class Budget:
    """The time and the threads that a solver may use, and its seed.

    Attributes:
        time_limit: wall clock in seconds for each instance; a solver that takes instances in
            batches has N times the limit for N of them.
        threads: number of threads or processes that may work at once. Each process imports the
            program: a script that uses more than one needs `if __name__ == "__main__":`.
        seed: seed of all random choices.
    """

    time_limit: float = 2.0
    threads: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse a limit or a number of threads that cannot be used."""
        if not 0 < self.time_limit < float("inf"):
            raise ValueError(f"time limit: {self.time_limit:g}, expected a positive number of seconds")
        if self.threads < 1:
            raise ValueError(f"threads: {self.threads}, expected 1 or more")

    def with_limit(self, seconds: float) -> Budget:
        """The same budget with another limit (at least `SHORTEST`, so that it stays valid)."""
        return replace(self, time_limit=max(seconds, SHORTEST))


class Clock:
    """Measures wall clock against a limit, from the moment the clock is made."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._start = time.perf_counter()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._start

    @property
    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.limit - self.elapsed)
