"""The beginning of an instance under way, validated."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsp.problems import Capacity, LengthBudget, SplitDelivery
from tsp.timeline import compute_timeline
from tsp.tolerance import exceeds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsp.instance import Instance, Integers, Underway
    from tsp.problems import Problem

CURRENT = 1
"""The node of a reduced instance of several tours that stands for the current tour so far; the depot is node 0."""


class Begun(NamedTuple):
    """The beginning and what is left, for the functions of `UNDERWAY_RULES`.

    Attributes:
        problem: has the rules.
        instance: as given.
        finished: the finished tours, each from the depot on.
        current: the current tour so far, from its start on.
        nodes: the original node of each node of the reduced instance `[m]`; of `merged`, the node reached last.
        merged: the node of the reduced instance that stands for the visits so far; None between two tours.
        left: the amount that each node still demands `[n]`; None without demands.
        elapsed: the time now, ready to leave.
        travelled: length of the current tour so far.
        load: the amount that the current tour has delivered.
    """

    problem: Problem
    instance: Instance
    finished: list[list[int]]
    current: list[int]
    nodes: Integers
    merged: int | None
    left: NDArray[np.float64] | None
    elapsed: float
    travelled: float
    load: float

    @property
    def collected(self) -> NDArray[np.bool_]:
        """Whether each node's prize was collected `[n]`."""
        out = np.zeros(self.instance.size, dtype=bool)
        out[[node for tour in (*self.finished, self.current) for node in tour]] = True
        if self.problem.shape.has_depot:
            out[[self.instance.depot, self.instance.finish]] = False
        return out

    @property
    def lure(self) -> float:
        """A prize above the sum of all prizes, which keeps the optional node `CURRENT` in the tours."""
        if self.merged != CURRENT or self.problem.visits_all or self.instance.prizes is None:
            return 0.0
        return 1.0 + float(self.instance.prizes.sum())

    @property
    def far(self) -> float:
        """A length that no reasonable tours reach."""
        return 1.0 + 2.0 * float(self.instance.distances.max(axis=1).sum()) + (self.instance.max_length or 0.0)

    @property
    def used(self) -> float:
        """The part of a length budget that the current tour has used: its length, and the duration of its visits."""
        service, shape = self.instance.service_times, self.problem.shape
        if service is None or self.problem.rule(LengthBudget) is None or self.instance.max_length is None:
            return self.travelled
        visited = self.current[1:] if shape.has_depot else self.current
        return self.travelled + float(service[[node for node in visited if node != self.instance.finish]].sum())

    @property
    def entry(self) -> float:
        """Length of the leg from the depot to `CURRENT`: what the tour has used so far, where its length counts."""
        if self.problem.rule(SplitDelivery) is not None:
            return self.far  # so that only one tour visits the node
        counts = self.problem.rule(LengthBudget) is not None or "longest" in self.problem.objective.terms
        return self.used if counts else 0.0


def validate_underway(problem: Problem, instance: Instance) -> tuple[list[list[int]], list[int]]:
    """The finished tours and the current one, each from its start on; empty lists without `underway`.

    Raises:
        ValueError: in one sentence, for what cannot have happened.
    """
    if instance.underway is None:
        return [], []
    finished, current = _given_tours(problem, instance, instance.underway)
    _require_possible(problem, instance, instance.underway, finished, current)
    return finished, current


def listed_end(problem: Problem, instance: Instance) -> int | None:
    """The node that each tour lists last because tours end there; None where no end is listed."""
    if problem.shape.is_path:
        return instance.end
    return instance.finish if problem.shape.has_depot and instance.finish != instance.depot else None


def _given_tours(problem: Problem, instance: Instance, underway: Underway) -> tuple[list[list[int]], list[int]]:
    """The finished tours, and the current one from its start on, which is empty where no path has begun."""
    depot, last = instance.depot, listed_end(problem, instance)
    several = problem.shape.has_several_tours
    tours: list[list[int]] = [[depot] if problem.shape.has_depot else []]
    for node in underway.visited:
        if node == depot and several:
            tours.append([depot])
        else:
            tours[-1].append(node)
    if not problem.shape.has_depot and tours[0][:1] != [depot] and not instance.free_start:
        tours[0].insert(0, depot)
    finished, current = [tour for tour in tours[:-1] if len(tour) > 1], tours[-1]
    name = instance.node_name
    seen: set[int] = set()
    for tour in tours:
        for i, node in enumerate(tour[1:] if problem.shape.has_depot else tour):
            if node == last and i < len(tour) - 1 - problem.shape.has_depot:
                raise ValueError(f"visited: {name(node)} is where the tour ends, expected nothing after it")
            if node == depot and problem.shape.has_depot:
                raise ValueError(f"visited: {name(node)} is where the tour ends, expected only what is before it")
            if node in seen and node != last and problem.rule(SplitDelivery) is None:
                raise ValueError(f"visited: {name(node)} is there twice, expected each node once")
            seen.add(node)
    for tour in finished:
        if last is not None and tour[-1] != last:
            raise ValueError(
                f"visited: a tour ends at {name(tour[-1])}, expected the end {name(last)} before the next tour"
            )
    return finished, current


def _require_possible(
    problem: Problem, instance: Instance, underway: Underway, finished: list[list[int]], current: list[int]
) -> None:
    """Refuse visits over missing roads, and what has been used that no tour can have used."""
    for tour in [*finished, current] if instance.misses_roads else []:
        for a, b in pairwise(tour):
            if math.isinf(instance.legs(a, b)):
                name = instance.node_name
                raise ValueError(f"visited: from {name(a)} to {name(b)} there is no road, expected visits along roads")
    between = problem.shape.has_several_tours and len(current) == 1
    for field in ("travelled", "load"):
        if between and getattr(underway, field):
            raise ValueError(f"{field}: {getattr(underway, field):g} at the depot, expected none before a tour begins")
    used = len(finished) + (not between and problem.shape.has_several_tours)
    if problem.shape.has_several_tours and instance.num_tours is not None and used > instance.num_tours:
        raise ValueError(f"visited: {used} tours, expected at most {instance.num_tours}")
    if underway.load is not None and problem.rule(Capacity) is None:
        raise ValueError(f"load: {underway.load:g}, expected none in problem {problem.name!r}, which has no capacity")
    limit = instance.capacity if problem.rule(Capacity) is not None else None
    if limit is not None and underway.load is not None and exceeds(underway.load, limit):
        raise ValueError(f"load: {underway.load:g}, expected at most the capacity {limit:g}")


def deliveries(
    problem: Problem, instance: Instance, tours: list[list[int]]
) -> tuple[NDArray[np.float64] | None, list[list[float]]]:
    """The amount that each node still demands `[n]`, and the amounts delivered at the stops of each tour."""
    if instance.demands is None or problem.rule(Capacity) is None:
        return None, []
    split = problem.rule(SplitDelivery) is not None
    left = instance.demands.copy()
    if problem.shape.has_depot:
        left[[instance.depot, instance.finish]] = 0.0
    amounts: list[list[float]] = []
    for tour in tours:
        room = instance.capacity if split and instance.capacity is not None else math.inf
        amounts.append([])
        for node in tour:
            amount = min(room, float(left[node]))
            room -= amount
            left[node] -= amount
            amounts[-1].append(amount)
    return left, amounts


def elapsed_time(instance: Instance, underway: Underway, current: list[int]) -> float:
    """The time now: as given, else the duration of the tour so far."""
    if underway.elapsed is not None:
        return underway.elapsed
    return float(compute_timeline(instance, current).leave[-1]) if current else 0.0
