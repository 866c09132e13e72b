"""Visits that count towards a length budget, as part of the distances.

Where visits take time, they count towards a length budget (`tsp.problems.LengthBudget`). Half of the duration of a
visit is added to each leg to its node and to each leg from it, so that solvers which know lengths only are right.
That changes the objective of every solution by the same constant, or else the problem `counts_visits_apart`: then a
solver gets the instance as it is, and its reading of the budget adds the `visit_durations`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tsp.problems import LengthBudget, SplitDelivery
from tsp.underway import Reduced

if TYPE_CHECKING:
    from tsp.instance import Array, Instance
    from tsp.problems import Problem


def without_visit_times(problem: Problem, instance: Instance) -> Reduced | None:
    """The instance with the visits in its distances; None where they do not count, or only apart from the objective.

    The begin of each time window moves with the half visit that comes before it, and the penalty of a customer left
    out grows by the visit that is saved, so that every solution's objective changes by the same constant.

    Args:
        problem: of the instance.
        instance: with nothing under way.
    """
    visits = visit_durations(instance)
    limited = problem.rule(LengthBudget) is not None and instance.max_length is not None
    if not limited or visits is None or counts_visits_apart(problem):
        return None
    instance = instance.closed
    assert instance.service_times is not None
    half = visits / 2
    changes: dict[str, Any] = {
        "matrix": instance.distances + half[:, None] + half,
        "service_times": instance.service_times - visits,
        "best_known": None,
    }
    if instance.time_windows is not None:
        changes["time_windows"] = instance.time_windows + half[:, None]
    if instance.penalties is not None and "length" in problem.objective.terms:
        changes["penalties"] = instance.penalties + visits
    return Reduced(problem, replace(instance, **changes), np.arange(instance.size))


def counts_visits_apart(problem: Problem) -> bool:
    """Whether a length budget counts visits by which the objective would not just change by a constant.

    So it is with the longest tour, and with the length of all tours where visits may be left out for nothing, or where
    deliveries are split, so that a node may be visited repeatedly.
    """
    terms = problem.objective.terms
    if problem.rule(LengthBudget) is None or not {"length", "longest"}.intersection(terms):
        return False
    is_free = not problem.visits_all and "penalties" not in terms
    return "longest" in terms or is_free or problem.rule(SplitDelivery) is not None


def visit_durations(instance: Instance) -> Array | None:
    """The duration of the visit of each node `[n]`, 0 at the ends of tours; None where no visit takes time."""
    if instance.service_times is None:
        return None
    visits = instance.service_times.copy()
    visits[[instance.depot, instance.finish]] = 0.0  # nothing is visited there
    return visits if visits.any() else None
