"""Visits that count towards a length budget, as part of the distances.

Where visits take time, they count towards a length budget (`tsp.problems.LengthBudget`). Half of the duration of a
visit is added to each leg to its node and to each leg from it, so that solvers which know lengths only are right.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tsp.problems import LengthBudget
from tsp.underway import Reduced

if TYPE_CHECKING:
    from tsp.instance import Instance
    from tsp.problems import Problem


def without_visit_times(problem: Problem, instance: Instance) -> Reduced | None:
    """The instance with the visits in its distances; None where visits do not count towards a length budget.

    The begin of each time window moves with the half visit that comes before it, and the penalty of a customer left
    out grows by the visit that is saved, so that every solution's objective changes by the same constant. (The length
    of the longest tour does not: its bound is not passed on.)

    Args:
        problem: of the instance.
        instance: with nothing under way.
    """
    limited = problem.rule(LengthBudget) is not None and instance.max_length is not None
    if not limited or instance.service_times is None:
        return None
    instance = instance.closed
    assert instance.service_times is not None
    visits = instance.service_times.copy()
    visits[[instance.depot, instance.finish]] = 0.0  # nothing is visited there
    if not visits.any():
        return None
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
    exact = "longest" not in problem.objective.terms
    return Reduced(problem, replace(instance, **changes), np.arange(instance.size), exact=exact)
