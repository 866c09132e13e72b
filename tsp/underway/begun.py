"""The beginning of an instance under way, validated."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsp.problems import Capacity, LengthBudget, Session, SplitDelivery
from tsp.solution import session_end
from tsp.timeline import compute_timeline
from tsp.tolerance import exceeds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tsp.instance import Instance, Integers, Underway
    from tsp.problems import Problem

FIRST = 1
"""The first node of a reduced instance of several tours that stands for a tour on its way; the depot is node 0."""


class Current(NamedTuple):
    """A tour on its way.

    Attributes:
        nodes: its nodes so far, from its start on.
        elapsed: the time now, ready to leave the last of them.
        length: its length so far.
        visits: the duration of its visits so far, where a length budget counts it.
        load: the amount that it has delivered.
    """

    nodes: list[int]
    elapsed: float
    length: float
    visits: float
    load: float


class Begun(NamedTuple):
    """The beginning and what is left, for the functions of `UNDERWAY_RULES`.

    Attributes:
        problem: has the rules.
        instance: as given.
        finished: the finished tours, each from the depot on.
        current: the tours on their way.
        rest: the nodes that may still be visited.
        left: the amount that each node still demands `[n]`; None without demands.
        departure: of several tours in time windows, when those that have not begun leave the depot.
    """

    problem: Problem
    instance: Instance
    finished: list[list[int]]
    current: list[Current]
    rest: list[int]
    left: NDArray[np.float64] | None
    departure: float

    @property
    def is_first(self) -> bool:
        """Whether the visits so far are the start of the only tour."""
        return not self.problem.shape.has_several_tours

    @property
    def merged(self) -> list[int]:
        """For each tour on its way the node of the reduced instance that stands for its visits so far."""
        return [0] if self.is_first else [FIRST + i for i in range(len(self.current))]

    @property
    def among_several(self) -> list[int]:
        """The nodes of `merged` where there may be several tours, which must come right after the depot."""
        return [] if self.is_first else self.merged

    @property
    def returns_home(self) -> bool:
        """Whether the depot, where the only tour ends, is the last node of the reduced instance."""
        return self.problem.shape.has_one_depot_tour and listed_end(self.problem, self.instance) is None

    @property
    def nodes(self) -> Integers:
        """The original node of each node of the reduced instance `[m]`; of those of `merged`, the one reached last."""
        depot = [self.instance.depot]
        first = ([] if self.is_first else depot) + [one.nodes[-1] for one in self.current]
        return np.array([*first, *self.rest, *(depot if self.returns_home else [])], dtype=np.int64)

    @property
    def loads(self) -> list[float]:
        """The amount that each tour on its way has delivered."""
        return [one.load for one in self.current]

    @property
    def collected(self) -> NDArray[np.bool_]:
        """Whether each node's prize was collected `[n]`."""
        out = np.zeros(self.instance.size, dtype=bool)
        out[[node for tour in (*self.finished, *(one.nodes for one in self.current)) for node in tour]] = True
        if self.problem.shape.has_depot:
            out[[self.instance.depot, self.instance.finish]] = False
        return out

    @property
    def lure(self) -> float:
        """A prize above the sum of all prizes, which keeps each optional node of `among_several` in the tours."""
        if not self.among_several or self.problem.visits_all or self.instance.prizes is None:
            return 0.0
        return 1.0 + float(self.instance.prizes.sum())

    @property
    def is_limited(self) -> bool:
        """Whether the length of each tour is limited."""
        return self.problem.rule(LengthBudget) is not None and self.instance.max_length is not None

    @property
    def counts_length(self) -> bool:
        """Whether the length of tours is limited, or part of the objective."""
        return self.is_limited or not {"length", "longest"}.isdisjoint(self.problem.objective.terms)

    @property
    def far(self) -> float:
        """A length that no reasonable tours reach; where only time counts, it also takes beyond the elapsed times."""
        far = 1.0 + 2.0 * float(self.instance.distances.max(axis=1).sum()) + (self.instance.max_length or 0.0)
        if self.counts_length or self.instance.time_windows is None:
            return far
        opens = float(self.instance.time_windows[self.instance.depot, 0])
        return far + max([0.0, *(one.elapsed - opens for one in self.current)])

    @property
    def entries(self) -> list[float]:
        """For each tour on its way the length of the leg from the depot to its node of `among_several`.

        That is the length of the tour so far, where its own length counts.
        """
        if self.problem.rule(SplitDelivery) is not None:
            return [self.far for _ in self.current]  # so that only one tour visits the node
        counts = self.is_limited or "longest" in self.problem.objective.terms
        return [one.length if counts else 0.0 for one in self.current]

    @property
    def visits(self) -> list[float]:
        """For each tour on its way the duration of the visit of its node of `among_several`."""
        return [one.visits for one in self.current]

    @property
    def arrivals(self) -> list[float]:
        """For each tour on its way the time from which on it can be at its node of `among_several`, if all is kept."""
        return [one.elapsed - one.visits for one in self.current]

    @property
    def are_late(self) -> bool:
        """Whether some tour on its way goes on before it could be at its node of `among_several`."""
        pairs = zip(self.entries, self.arrivals, strict=True)
        return any(exceeds(self.departure + entry, arrival, self.departure) for entry, arrival in pairs)

    @property
    def with_waiting(self) -> Begun:
        """The same with the tours that may still leave the depot as tours that wait there until `departure`.

        So the depot can open as early as the legs to the nodes of `among_several` need.
        """
        last, most = listed_end(self.problem, self.instance), self.instance.num_tours
        count = sum(node != last for node in self.rest)
        if most is not None:
            count = min(count, most - len(self.finished) - len(self.current))
        waiting = [Current([self.instance.depot], self.departure, 0.0, 0.0, 0.0)] * count
        early = min(arrival - entry for entry, arrival in zip(self.entries, self.arrivals, strict=True))
        return self._replace(current=self.current + waiting, departure=early)

    @property
    def shift(self) -> float:
        """What is added to all times, so that none is negative."""
        service = self.instance.service_times
        return max(0.0, (0.0 if service is None else float(service[self.instance.depot])) - self.departure)


def validate_underway(problem: Problem, instance: Instance) -> tuple[list[list[int]], list[list[int]]]:
    """The finished tours and those on their way, each from its start on; empty lists without `underway`.

    The only tour of a problem with one is always the second, be it at its end or, where no path has begun, empty.

    Raises:
        ValueError: in one sentence, for what cannot have happened.
    """
    if instance.underway is None:
        return [], []
    several = problem.shape.has_several_tours
    stated = instance.underway.tours
    if len(stated) > 1 and not several:
        raise ValueError(f"visited: {len(stated)} tours under way, expected one in problem {problem.name!r}")
    tours = [_given_tours(problem, instance, underway) for underway in stated]
    finished, current = [tour for begun, _ in tours for tour in begun], [tour for _, tour in tours]
    _require_once(problem, instance, [*finished, *current])
    for underway, tour in zip(stated, current, strict=True):
        _require_possible(problem, instance, underway, tour)
    _require_on_way(problem, instance, current)
    if several:
        last = listed_end(problem, instance)
        finished += [tour for tour in current if tour[-1] == last]
        current = [tour for tour in current if tour[-1] != last and len(tour) > 1]
    for tour in [*finished, *current] if instance.misses_roads else []:
        for a, b in pairwise(tour):
            if math.isinf(instance.legs(a, b)):
                name = instance.node_name
                raise ValueError(f"visited: from {name(a)} to {name(b)} there is no road, expected visits along roads")
    used = len(finished) + len(current)
    if several and instance.num_tours is not None and used > instance.num_tours:
        raise ValueError(f"visited: {used} tours, expected at most {instance.num_tours}")
    return finished, current


def listed_end(problem: Problem, instance: Instance) -> int | None:
    """The node that each tour lists last because tours end there; None where no end is listed."""
    if problem.shape.is_path:
        return instance.end
    return instance.finish if problem.shape.has_depot and instance.finish != instance.depot else None


def _given_tours(problem: Problem, instance: Instance, underway: Underway) -> tuple[list[list[int]], list[int]]:
    """The finished tours, and the current one from its start on, which is empty where no path has begun."""
    depot, last, name = instance.depot, listed_end(problem, instance), instance.node_name
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
    for tour in tours:
        tour = tour[waits_at_start(problem, tour) :]
        for i, node in enumerate(tour[1:] if problem.shape.has_depot else tour):
            if node == last and i < len(tour) - 1 - problem.shape.has_depot:
                raise ValueError(f"visited: {name(node)} is where the tour ends, expected nothing after it")
            if node == depot and problem.shape.has_depot:
                raise ValueError(f"visited: {name(node)} is where the tour ends, expected only what is before it")
    for tour in finished:
        if last is not None and tour[-1] != last:
            raise ValueError(
                f"visited: a tour ends at {name(tour[-1])}, expected the end {name(last)} before the next tour"
            )
    return finished, current


def _require_once(problem: Problem, instance: Instance, tours: list[list[int]]) -> None:
    """Refuse a node that is there twice: at all, or where deliveries are split, in one tour."""
    last, name = listed_end(problem, instance), instance.node_name
    seen: set[int] = set()
    for tour in tours:
        seen = set[int]() if problem.rule(SplitDelivery) is not None else seen
        here, before = set[int](), None
        for node in tour[1 + waits_at_start(problem, tour) :] if problem.shape.has_depot else tour:
            stays = node == before and (problem.may_wait or (problem.may_stay and tour.count(node) == 2))
            before = node
            if node in here and node != last and not stays:
                raise ValueError(f"visited: {name(node)} is there twice, expected each node once")
            if node in seen and node != last:
                raise ValueError(f"visited: {name(node)} is in two tours, expected each node in one")
            here.add(node)
        seen |= here


def _require_possible(problem: Problem, instance: Instance, underway: Underway, current: list[int]) -> None:
    """Refuse what has been used that no tour can have used."""
    at_depot = problem.shape.has_several_tours and len(current) == 1
    for field in ("travelled", "load"):
        if at_depot and getattr(underway, field):
            raise ValueError(f"{field}: {getattr(underway, field):g} at the depot, expected none before a tour begins")
    _require_late_enough(problem, instance, underway, [] if at_depot else current[:1])
    if underway.load is not None and problem.rule(Capacity) is None:
        raise ValueError(f"load: {underway.load:g}, expected none in problem {problem.name!r}, which has no capacity")
    limit = instance.capacity if problem.rule(Capacity) is not None else None
    if limit is not None and underway.load is not None and exceeds(underway.load, limit):
        raise ValueError(f"load: {underway.load:g}, expected at most the capacity {limit:g}")


def _require_late_enough(problem: Problem, instance: Instance, underway: Underway, start: list[int]) -> None:
    """Refuse a time that is earlier than the opening of a node that was visited, or of the start that was left.

    In a session, a node may be left before it opens: seen, or when time is up.
    """
    visited = [*start, *(underway.visited if problem.rule(Session) is None else ())]
    if underway.elapsed is None or instance.time_windows is None or not visited:
        return
    opens, node = max((float(instance.time_windows[node, 0]), node) for node in visited)
    if exceeds(opens, underway.elapsed, instance.first_opening):
        now, first = map(instance.units.format_time, (underway.elapsed, opens))
        raise ValueError(f"elapsed: {now}, expected {first} or later, when {instance.node_name(node)} opens")


def _require_on_way(problem: Problem, instance: Instance, current: list[list[int]]) -> None:
    """Refuse, among several tours under way, one that is not, and time that only some of them state."""
    assert instance.underway is not None
    if len(current) == 1:
        return
    for i, tour in enumerate(current):
        if len(tour) == 1 or tour[-1] == listed_end(problem, instance):
            where = instance.node_name(tour[-1])
            raise ValueError(
                f"visited: tour {i + 1} of {len(current)} is at {where}, expected only tours that are on their way "
                f"(a finished tour and the depot come before the visits of one of them)"
            )
    elapsed = [tour.elapsed for tour in instance.underway.tours]
    if None in elapsed and any(time is not None for time in elapsed):
        raise ValueError(f"elapsed: missing for tour {elapsed.index(None) + 1} of {len(elapsed)}, expected all or none")


def earliest_departure(instance: Instance) -> float:
    """When tours that have not begun leave the depot: as it opens, or at the earliest elapsed time."""
    assert instance.underway is not None
    planned = float(compute_timeline(instance, [instance.depot]).leave[0])
    elapsed = [tour.elapsed for tour in instance.underway.tours if tour.elapsed is not None]
    return max(planned, min(elapsed, default=planned))


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


def end_to_list(instance: Instance, visited: Sequence[int]) -> list[int]:
    """The end of a tour from the depot, as it is listed: nothing where that is the depot, or where it was reached."""
    return [] if instance.finish == instance.depot or list(visited[-1:]) == [instance.finish] else [instance.finish]


def waits_at_start(problem: Problem, tour: Sequence[int]) -> int:
    """How often a tour, listed from the depot on, waits there before it leaves."""
    if not problem.may_wait:
        return 0
    return next((i for i, node in enumerate(tour[1:]) if node != tour[0]), len(tour) - 1)


def is_undecided(problem: Problem, visited: Sequence[int], finish: int) -> bool:
    """Whether she has just come to the last node visited, and may stay there."""
    return problem.may_stay and bool(visited) and visited[-1] != finish and visited[-1:] != visited[-2:-1]


def current_tours(
    problem: Problem, instance: Instance, tours: list[list[int]], amounts: list[list[float]]
) -> list[Current]:
    """The tours on their way, with what each has used: as stated, else computed.

    Args:
        problem: says whether visits count towards a length budget.
        instance: says what was stated.
        tours: those on their way.
        amounts: what each of them has delivered; empty without a capacity.
    """
    assert instance.underway is not None
    is_limited = problem.rule(LengthBudget) is not None and instance.max_length is not None
    out: list[Current] = []
    for i, (tour, underway) in enumerate(zip(tours, instance.underway.tours, strict=bool(tours))):
        elapsed = underway.elapsed
        if elapsed is None:
            if problem.rule(Session) is not None:
                elapsed = session_end(problem, replace(instance, underway=None), tour, None)
            else:
                elapsed = float(compute_timeline(instance, tour).leave[-1])
        length = instance.path_length(tour) if underway.travelled is None else underway.travelled
        visits = 0.0
        if is_limited and instance.service_times is not None:
            stops = tour[1:] if problem.shape.has_depot else tour
            visits = float(instance.service_times[[node for node in stops if node != instance.finish]].sum())
        load = underway.load
        if load is None:
            load = sum(amounts[i]) if amounts else 0.0
        out.append(Current(tour, elapsed, length, visits, load))
    return out
