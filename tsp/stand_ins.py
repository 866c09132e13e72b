"""Lengths that stand in for missing roads, for huge numbers and for ways back: the instance that solvers see.

Where a matrix has no road, its distance is infinite, and the checker refuses tours that use it. Models and
searches need finite numbers of similar size: they see a copy of the instance in which a missing road is slightly
longer than the cost of any solution without one. Huge numbers, by which users mark roads that must not be taken,
are shortened in the same way, because their rounding errors are as large as ordinary distances. The order of
solutions remains: those with fewer such roads cost less. Where tours have a free end, the way back to the depot has the
length 0 (`Instance.closed`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tsp.instance import Instance
from tsp.problems import LengthBudget, Problem, SplitDelivery, TimeWindows, VisitOnce

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsp.instance import Array

MARGIN = 1e-3
"""The share by which a stand-in is longer than any solution of ordinary roads."""

SPREAD = 1000.0
"""The factor by which it is longer where huge numbers differ, so that their differences count."""

INFINITE = 2047
"""The exponent of infinity in the bits of a float; that of 0 is 0."""

EQUAL = 1e-9
"""Relative difference up to which huge numbers are one number."""


@dataclass(frozen=True, eq=False)
class StandIns:
    """The copy of an instance that solvers see.

    Attributes:
        problem: the instance's problem.
        instance: the copy.
        most: no solution without a missing road costs more, in the copy; infinity where no road is missing.
        huge: the number of the original that was shortened, None where none was, or they differ.
        short: its length in the copy.
    """

    problem: Problem
    instance: Instance
    most: float = math.inf
    huge: float | None = None
    short: float = 0.0

    def proves_none(self, bound: float | None) -> bool:
        """Whether a bound on the copy's solutions proves that every solution uses a missing road."""
        return self.problem.objective.sense == "min" and bound is not None and bound > self.most

    def bound(self, bound: float | None) -> float | None:
        """A bound on the original's solutions, from one on the copy's.

        A solution of the copy costs k stand-ins and less than one more besides, so k follows from its cost.
        """
        if bound is None or self.huge is None or self.problem.objective.sense == "max":
            return bound
        return bound + math.floor(bound / self.short) * (self.huge - self.short)


def make_stand_ins(problem: Problem, instance: Instance, *, keep_missing: bool = False) -> StandIns:
    """The instance as solvers see it; the instance itself where its distances are ordinary.

    Args:
        problem: the problem to solve.
        instance: with or without missing roads, huge numbers and a free end.
        keep_missing: whether the solver knows missing roads, so that they stay infinite.
    """
    is_measured = instance.matrix is None  # its distances are those between points
    instance = instance.closed
    out = StandIns(problem, instance)
    if is_measured or instance.matrix is None or instance.size < 2:
        return out
    out = _shortened(out, instance.matrix)
    matrix = out.instance.matrix
    assert matrix is not None
    missing = np.isinf(matrix)
    if not missing.any():
        return out
    longest = np.where(missing, 0.0, matrix).max(axis=1)
    travel = _most_travel(problem, instance, longest)
    most = travel + _beside(problem, instance)
    out = replace(out, most=most)
    if keep_missing:
        return out
    beyond = most if problem.objective.sense == "min" else max(most, _last_limit(problem, out.instance))
    changes: dict[str, Any] = {"matrix": np.where(missing, _whole(instance, (1.0 + MARGIN) * beyond), matrix)}
    if problem.rule(LengthBudget) is not None:  # a missing road exceeds the budget, and no other tour does
        changes["max_length"] = travel if instance.max_length is None else min(instance.max_length, travel)
    return replace(out, instance=replace(out.instance, **changes))


def reason_without_tour(problem: Problem, instance: Instance) -> str | None:
    """Why no tour through every node can avoid the missing roads, in a sentence; None where none is known.

    Every node must be reached from the start and lead to the end; and a closed tour does not go back at once.
    """
    if instance.matrix is None or not problem.visits_all or instance.size < 2:
        return None
    instance = instance.closed
    assert instance.matrix is not None
    roads = np.isfinite(instance.matrix)
    if roads.all():
        return None
    np.fill_diagonal(roads, val=False)
    name = instance.node_name
    start = None if problem.shape.is_path and instance.free_start else instance.depot
    end = instance.end if problem.shape.is_path else instance.finish
    if problem.rule(SplitDelivery) is not None and instance.demands is not None:
        needed = instance.demands > 0
    else:
        needed = np.ones(instance.size, dtype=bool)
    for fixed, ways, sentence in ((start, roads, "from {1} to {0}"), (end, roads.T, "from {0} to {1}")):
        if fixed is None:
            continue
        apart = np.flatnonzero(needed & ~_reached(ways, fixed))
        if apart.size:
            there = sentence.format(name(int(apart[0])), name(fixed))
            return f"no way leads {there}: the roads that it would need are missing"
    if problem.shape.is_closed and problem.rule(VisitOnce) is not None and instance.size > 2:
        beside = roads | roads.T
        hanging = np.flatnonzero(beside.sum(axis=1) == 1)
        if len(hanging):
            node = int(hanging[0])
            only = name(int(np.flatnonzero(beside[node])[0]))
            return f"{name(node)} has roads to and from {only} alone, but a tour needs two neighbours"
    return None


def _reached(ways: NDArray[np.bool_], start: int) -> NDArray[np.bool_]:
    """Whether a way leads from `start` to each node `[n]`."""
    out = np.zeros(len(ways), dtype=bool)
    out[start] = True
    new = out
    while new.any():
        new = ways[new].any(axis=0) & ~out
        out |= new
    return out


def _shortened(out: StandIns, matrix: Array) -> StandIns:
    """The copy with huge numbers shortened: those above a gap that no solution of the others crosses."""
    problem, instance = out.problem, out.instance
    for below, above in _gaps(matrix):
        ordinary = np.where(np.isfinite(matrix), matrix, 0.0)
        huge = ordinary >= above
        longest = np.where(huge, 0.0, ordinary).max(axis=1)
        most = _most_travel(problem, instance, longest) + _beside(problem, instance) + _last_limit(problem, instance)
        largest = float(ordinary.max())
        equal = largest <= above * (1.0 + EQUAL)
        if not equal and not _are_connected((ordinary > 0) & ~huge):
            continue  # the huge numbers may well be ordinary distances between clusters
        short = _whole(instance, (1.0 + MARGIN) * max(most, below) * (1.0 if equal else SPREAD))
        if short >= above:
            continue
        lengths = ordinary[huge] * (short / above)
        shorter = matrix.copy()
        shorter[np.isfinite(matrix) & huge] = np.rint(lengths) if instance.integral else lengths
        copy = replace(instance, matrix=shorter)
        return replace(out, instance=copy, huge=above if equal else None, short=short)
    return out


def _gaps(matrix: Array) -> list[tuple[float, float]]:
    """Wide gaps between finite lengths, lowest first: the largest below and the smallest above, more than twice it."""
    exponents = np.ascontiguousarray(matrix).view(np.int64) >> 52  # of floats that are 0 or more
    counts = np.bincount(exponents.ravel(), minlength=INFINITE + 1)
    taken = np.flatnonzero(counts[:INFINITE])
    taken = taken[taken > 0]  # 0 is no length of a road
    edges = taken[1:][np.diff(taken) > 1]
    return [(float(matrix[exponents < edge].max()), float(matrix[exponents >= edge].min())) for edge in edges.tolist()]


def _are_connected(roads: NDArray[np.bool_]) -> bool:
    return bool(_reached(roads, 0).all() and _reached(roads.T, 0).all())


def _most_travel(problem: Problem, instance: Instance, longest: Array) -> float:
    """A length that no reasonable tours exceed together, with the longest road from each node `[n]`.

    A tour leaves each node once at most, and the depot once for each tour; with split deliveries each tour
    may leave each node.
    """
    customers = max(1, instance.size - 1)
    tours = min(customers, instance.num_tours or customers) if problem.shape.has_several_tours else 1
    if problem.rule(SplitDelivery) is not None and instance.demands is not None and instance.capacity:
        tours = instance.num_tours or int(np.ceil(instance.demands / instance.capacity).sum()) + 1
        return tours * math.fsum(longest)
    return math.fsum(longest) + (tours - 1) * float(longest[instance.depot])


def _beside(problem: Problem, instance: Instance) -> float:
    """The most that a solution can cost beside its travel."""
    cost = 0.0
    if "penalties" in problem.objective.terms and instance.penalties is not None:
        cost += float(instance.penalties.sum())
    if "makespan" in problem.objective.terms and instance.time_windows is not None:
        cost += max(0.0, float(instance.time_windows[:, 0].max()))
        cost += 0.0 if instance.service_times is None else float(instance.service_times.sum())
    return cost


def _last_limit(problem: Problem, instance: Instance) -> float:
    """The highest limit of a tour's length or time: a shortened number must exceed it as the huge one does."""
    limit = 0.0
    if problem.rule(LengthBudget) is not None and instance.max_length is not None:
        limit = instance.max_length
    if problem.rule(TimeWindows) is not None and instance.time_windows is not None:
        windows = instance.time_windows
        limit = max(limit, float(np.abs(np.where(np.isfinite(windows), windows, 0.0)).max()))
    return limit


def _whole(instance: Instance, length: float) -> float:
    """The length, rounded up where all distances are whole numbers; above 0."""
    return math.ceil(length) + 1.0 if instance.integral else length or 1.0
