"""`Budget`: the time and threads that a solver may use. `Clock`: measures the time against a limit."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass, replace

from tsp.validation import real_number, whole_number

SHORTEST = 1e-3
"""The shortest limit in seconds; a smaller share of a budget is rounded up to it."""

DEFAULT = 2.0
"""The time limit in seconds where none is given."""

SMALLEST, LONGEST = math.nextafter(0.0, 1.0), sys.float_info.max
"""Limits in seconds that are positive and finite lie between these."""


@dataclass(frozen=True)
class Budget:
    """The time and the threads that a solver may use, and its seed.

    Attributes:
        time_limit: wall clock in seconds for each instance; a solver that takes instances in
            batches has N times the limit for N of them.
        threads: number of threads or processes that may work at once. Each process imports the
            program: a script that uses more than one needs `if __name__ == "__main__":`.
        seed: seed of all random choices.
        decision_time: seconds for each decision, where values are revealed on the way and a tour is planned step by
            step; the time limit holds beside it. None: each decision has an equal part of the time that is left.
    """

    time_limit: float = DEFAULT
    threads: int = 1
    seed: int = 0
    decision_time: float | None = None

    def __post_init__(self) -> None:
        """Refuse a limit, a number of threads or a seed that cannot be used.

        Raises:
            ValueError: in one sentence, with the value and what was expected.
        """
        limit = real_number(
            self.time_limit, "time limit", least=SMALLEST, most=LONGEST, expected="a positive number of seconds"
        )
        if self.decision_time is not None:
            expected = "a positive number of seconds"
            decision_time = real_number(
                self.decision_time, "decision time", least=SMALLEST, most=LONGEST, expected=expected
            )
            object.__setattr__(self, "decision_time", decision_time)
        threads = whole_number(self.threads, "threads", least=1, expected="a whole number of 1 or more")
        for name, value in (("time_limit", limit), ("threads", threads), ("seed", whole_number(self.seed, "seed"))):
            object.__setattr__(self, name, value)

    def with_limit(self, seconds: float) -> Budget:
        """The same budget with another limit (at least `SHORTEST`, so that it stays valid)."""
        return replace(self, time_limit=max(seconds, SHORTEST))


def walk_limit(decision_time: float | None, nodes: int) -> float:
    """The time limit where none is given: enough for a decision before and at each node, if these have a limit."""
    return DEFAULT if decision_time is None else 2 * nodes * decision_time


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
