"""`Row`: the results of one solver under one time limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tsp.solution import Solution
from tsp.statistics import Estimate

OVERRUN_FACTOR, OVERRUN_GRACE = 1.1, 0.05
"""An answer is an overrun when it took longer than this many times the limit, plus these seconds."""


@dataclass(frozen=True)
class Row:
    """The results of one solver under one time limit.

    The mean objective and gap are over the instances that every solver with any feasible answer
    answered feasibly under this limit; a difference is over those that both solvers did. Objectives are
    in the instances' own units, times from a clock in minutes. Gaps and differences are fractions, positive
    where worse.

    Attributes:
        solver: its spec as typed, or the alias before it.
        time_limit: seconds for each instance.
        instances: number of instances it was given.
        feasible: number of feasible answers.
        no_answer: number of instances without any answer; the other answers are infeasible.
        compared: number of instances that the mean objective and gap are over.
        mean_objective: None where nothing is compared.
        mean_gap: mean gap to the reference, and its interval.
        wins: number of instances on which no other solver was better (a tie counts for all solvers in it).
        difference: to each other solver, the mean paired relative difference and its interval.
        proved: number of answers proved optimal.
        seconds_per_instance: mean seconds used; in a batch, the batch's time divided by its size.
        instances_per_second: instances divided by the total wall clock, however many were solved at once.
        overruns: number of answers notably after the limit (`OVERRUN_FACTOR`, `OVERRUN_GRACE`).
        preparation: seconds for imports, compilation and weights, before any clock ran; not charged.
        gaps: of each compared instance, to draw their distribution.
        solutions: the checked answer to each instance, to draw them.
    """

    solver: str
    time_limit: float
    instances: int
    feasible: int
    no_answer: int
    compared: int
    mean_objective: float | None
    mean_gap: Estimate | None
    wins: int
    difference: dict[str, Estimate | None]
    proved: int
    seconds_per_instance: float
    instances_per_second: float
    overruns: int
    preparation: float
    gaps: tuple[float, ...]
    solutions: tuple[Solution, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The row as the command line prints it."""
        return {
            "solver": self.solver,
            "time_limit": self.time_limit,
            "instances": self.instances,
            "feasible": self.feasible,
            "no_answer": self.no_answer,
            "compared": self.compared,
            "mean_objective": self.mean_objective,
            "mean_gap": self.mean_gap.mean if self.mean_gap else None,
            "gap_interval": list(self.mean_gap.interval) if self.mean_gap and self.mean_gap.interval else None,
            "wins": self.wins,
            "difference": {other: _low_mean_high(estimate) for other, estimate in self.difference.items()},
            "proved": self.proved,
            "seconds_per_instance": self.seconds_per_instance,
            "instances_per_second": self.instances_per_second,
            "overruns": self.overruns,
            "preparation": self.preparation,
        }


def _low_mean_high(estimate: Estimate | None) -> list[float | None] | None:
    if estimate is None:
        return None
    low, high = estimate.interval or (None, None)
    return [low, estimate.mean, high]
