"""Scales on which limited quantities and costs become integer steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import numpy as np

from tsp.metrics import METRICS
from tsp.problems import LengthBudget, TimeWindows
from tsp.tolerance import inner_limit

if TYPE_CHECKING:
    from tsp.instance import Array, Instance
    from tsp.problems import Problem

    from .settings import Settings

LARGEST_SUM = 2**52
"""The largest sum of a solution's costs in integer steps; int64 leaves a factor of 2,000 for penalties."""

LARGEST_LIMIT = 2**48
"""The largest sum of a limited quantity in integer steps: one step is far below the checker's tolerance."""

SPAN_WEIGHT = 100
"""Weight of the longest tour's length relative to the cost of arcs, where arcs have a cost too."""


def integer_scale(total: float, whole: bool, *, most: int = LARGEST_SUM, finest: float = math.inf) -> float:
    """Integer steps in a unit, so that a sum of `total` has at most `most` steps.

    Whole numbers stay exact where they fit; a unit of other numbers has at most `finest` steps.
    """
    if total == 0 or (whole and total <= most):
        return 1.0
    largest = most / max(total, 1e-290)  # with the smallest floats it would be infinite
    return largest if whole else min(finest, largest)


def are_whole(*values: Array | None) -> bool:
    """Whether all numbers given are whole numbers."""
    return all(array is None or bool((array == np.floor(array)).all()) for array in values)


def most_steps(limit: float, scale: float, origin: float = 0.0) -> int:
    """A limit in steps; half the checker's tolerance makes up for quantities that were rounded up."""
    return math.floor(min(inner_limit(limit, origin) * scale, 2 * LARGEST_LIMIT))


def longest_distance(instance: Instance) -> float:
    """A length that no distance exceeds: with points, the diagonal of their bounding box."""
    if instance.matrix is not None:
        return float(instance.matrix.max())
    # No two points are farther apart than the corners of their box. Only distances on the globe can be, but
    # those are whole numbers that fit.
    points = cast("Array", instance.coordinates)
    return float(METRICS[instance.metric].between(points.min(axis=0), points.max(axis=0)))


def ordinary_distance(instance: Instance) -> float:
    """The distance that costs resolve: with points, the longest; with a matrix, the median one to the nearest node.

    In a matrix the longest may be a large number in place of a missing road.
    """
    longest = longest_distance(instance)
    if instance.matrix is None or instance.size < 2:
        return longest
    others = np.where(np.eye(instance.size, dtype=bool) | (instance.matrix == 0), np.inf, instance.matrix)
    median = float(np.median(np.minimum(others.min(axis=1), longest)))
    return median or longest


def limit_step(problem: Problem, instance: Instance, count: int, resolution: int) -> float:
    """Integer steps in a unit of length or time: as many as possible, where those are limited."""
    windows, service = instance.time_windows, instance.service_times
    total = count * longest_distance(instance)
    whole = instance.integral
    if windows is not None:
        finite = np.where(np.isfinite(windows), windows, 0.0)
        total += max(0.0, float(windows[:, 0].max()))
        whole = whole and are_whole(finite)
    if service is not None:
        total += count * float(service.max())
        whole = whole and are_whole(service)
    limited = problem.rule(LengthBudget) or problem.rule(TimeWindows)
    finest = math.inf if limited else resolution / max(ordinary_distance(instance), 1e-290)
    return integer_scale(total, whole, most=LARGEST_LIMIT, finest=finest)


def cost_unit(problem: Problem, instance: Instance, settings: Settings, count: int, step: float) -> float:
    """Cost of a unit of the objective; whole numbers have whole costs, where they fit."""
    terms, costs_distance = problem.objective.terms, settings.arc_cost in ("distance", "both")
    if "longest" in terms or "makespan" in terms:
        return step * (SPAN_WEIGHT if costs_distance and "length" not in terms else 1)
    if "prize" in terms:
        assert instance.prizes is not None
        highest = float(instance.prizes.max())
        finest = settings.resolution / max(highest, 1e-290)
        unit = integer_scale(float(instance.prizes.sum()), are_whole(instance.prizes), finest=finest)
        return unit * max(1, int(finest / unit)) if costs_distance else unit
    resolved, whole = ordinary_distance(instance), instance.integral
    total = count * longest_distance(instance)
    if "penalties" in terms:
        assert instance.penalties is not None
        total += float(instance.penalties.sum())
        whole = whole and are_whole(instance.penalties)
        resolved = resolved or float(instance.penalties.max())
    return integer_scale(total, whole, finest=settings.resolution / max(resolved, 1e-290))
