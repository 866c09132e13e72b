"""Proofs, without a search, that no solution of an instance keeps every rule.

Each rule has a row in `REASONS`: a function that proves a rule of its class to be too tight. It assumes the best
case, the shortest way and the earliest arrival at each node, whatever else a tour has to visit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tsp.instance import Instance
from tsp.problems import (
    AppearingSession,
    Capacity,
    CompulsoryVisits,
    LateEnd,
    LengthBudget,
    MaxVisits,
    PrizeQuota,
    Problem,
    QueueSession,
    Rule,
    Session,
    SplitDelivery,
    TimeWindows,
    VisitAtMostOnce,
    VisitOnce,
)
from tsp.tolerance import N, exceeds, outer_limit
from tsp.underway import reduce

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tsp.instance import Array, Integers
    from tsp.solution import Solution

MOST_NODES = 2000
"""The most nodes for which ways are computed, which takes about a second."""

NEVER = 1e200
"""The closing time of an end that never closes: finite, and later than any sum of numbers."""

MOST_NAMED = 3
"""The most nodes, or pairs of nodes, that get a sentence of their own."""

MOST_PAIRS = 20
"""The most pairs of nodes that are examined by all ways, not only by the direct one."""


@dataclass(frozen=True, eq=False)
class BestCase:
    """The best case of a tour: shortest ways and earliest times, computed when a rule needs them.

    All arrays are over the m customers.

    Attributes:
        problem: has the rules.
        instance: nothing is under way in it.
        is_underway: whether it is what is left of an instance under way.
    """

    problem: Problem
    instance: Instance
    is_underway: bool = False

    @property
    def start(self) -> int | None:
        """The node where tours start; None where a path may start anywhere."""
        return None if self.instance.free_start else self.instance.depot

    @property
    def end(self) -> int | None:
        """The node where tours end, unless their end is free; None where a path may end anywhere."""
        return self.instance.end if self.problem.shape.is_path else self.instance.finish

    @property
    def tours(self) -> float:
        """The most tours; infinity where their number is free."""
        if not self.problem.shape.has_several_tours:
            return 1
        return np.inf if self.instance.num_tours is None else self.instance.num_tours

    @cached_property
    def customers(self) -> Integers:
        """Nodes where tours neither start nor end `[m]`."""
        ends = (self.start, self.end)
        return np.array([node for node in range(self.instance.size) if node not in ends], dtype=np.int64)

    @property
    def has_ways(self) -> bool:
        """Whether ways are computed: of few nodes, where no node is visited twice."""
        return self.instance.size <= MOST_NODES and self.problem.rule(SplitDelivery) is None

    @cached_property
    def there(self) -> Array:
        """Length of the leg from the start to each customer `[m]`."""
        return np.zeros(len(self.customers)) if self.start is None else self.instance.legs(self.start, self.customers)

    @cached_property
    def home(self) -> Array:
        """Length of the leg from each customer to the end `[m]`."""
        if self.end is None or self.instance.free_end:
            return np.zeros(len(self.customers))
        return self.instance.legs(self.customers, self.end)

    @cached_property
    def legs(self) -> Array:
        """Lengths of the legs between customers `[m, m]`."""
        return self.instance.distances[np.ix_(self.customers, self.customers)]

    @property
    def direct(self) -> float:
        """Length of the leg from the start to the end."""
        if self.start is None or self.end is None or self.instance.free_end:
            return 0.0
        return float(self.instance.legs(self.start, self.end))

    @cached_property
    def windows(self) -> Array:
        """When a visit may begin `[n, 2]`; always, where no rule limits that."""
        windows = self.instance.time_windows
        if windows is None or self.problem.rule(TimeWindows) is None:
            return np.tile([0.0, NEVER], (self.instance.size, 1))
        return np.column_stack((np.maximum(windows[:, 0], 0.0), np.minimum(windows[:, 1], NEVER)))

    def outer_time(self, closes: N) -> N:
        """`outer_limit` of times."""
        return outer_limit(closes, self.instance.first_opening)

    @cached_property
    def service(self) -> Array:
        """The duration of each visit `[n]`."""
        times = self.instance.service_times
        return np.zeros(self.instance.size) if times is None else times

    @property
    def departure(self) -> float:
        """When tours leave their start."""
        return 0.0 if self.start is None else float(self.windows[self.start, 0] + self.service[self.start])

    @property
    def closing(self) -> float:
        """When the end closes."""
        return NEVER if self.end is None or self.instance.free_end else float(self.windows[self.end, 1])

    @cached_property
    def arrivals(self) -> Array:
        """The earliest arrival at each customer, by way of any others `[m]`."""
        return self.arrivals_after(self.departure + self.there)

    def arrivals_after(self, first: Array) -> Array:
        """The earliest arrival at each customer, where those of `first` are known `[m]`."""
        arrivals = first
        while True:
            better = np.minimum(arrivals, (self.departures(arrivals)[:, None] + self.legs).min(axis=0, initial=np.inf))
            if (better >= arrivals).all():
                return arrivals
            arrivals = better

    def departures(self, arrivals: Array) -> Array:
        """When each customer is left, given the arrivals `[m]`; never, where the visit would begin too late."""
        begins, closes = self.begins(arrivals), self.windows[self.customers, 1]
        return np.where(begins <= self.outer_time(closes), begins + self.service[self.customers], np.inf)

    def begins(self, arrivals: Array) -> Array:
        """When each customer's visit begins, given the arrivals `[m]`."""
        return np.maximum(arrivals, self.windows[self.customers, 0])

    def arrival_at_end(self, arrivals: Array) -> float:
        """The earliest arrival at the end that follows the visit of some customer."""
        return float((self.departures(arrivals) + self.home).min(initial=np.inf))

    def arrivals_from(self, k: int) -> Array:
        """The earliest arrival at each customer after the earliest visit of customer `k` `[m]`."""
        first = np.full(len(self.customers), np.inf)
        first[k] = self.arrivals[k]
        return self.arrivals_after(first)

    @cached_property
    def too_late(self) -> NDArray[np.bool_]:
        """Customers that close before the earliest arrival `[m]`."""
        return self.arrivals > self.outer_time(self.windows[self.customers, 1])

    @cached_property
    def no_return(self) -> NDArray[np.bool_]:
        """Customers after whose earliest visit the end is closed, whichever way is taken `[m]`."""
        opens, closes = self.windows[self.customers, 0], self.outer_time(self.windows[self.customers, 1])
        service = self.service[self.customers]
        latest = np.minimum(closes, self.outer_time(self.closing) - self.home - service)
        while True:
            usable = np.where(latest >= opens, latest, -np.inf)
            later = np.minimum(closes, (usable - self.legs).max(axis=1, initial=-np.inf) - service)
            if (later <= latest).all():
                return self.begins(self.arrivals) > latest
            latest = np.maximum(latest, later)

    @cached_property
    def shortest(self) -> Array:
        """Length of the shortest way from the start to the end past each customer `[m]`."""
        return _shortest(self.there, self.legs) + _shortest(self.home, self.legs.T)

    @cached_property
    def too_far(self) -> NDArray[np.bool_]:
        """Customers that a tour within the length budget does not reach `[m]`."""
        limit = self.instance.max_length
        if limit is None or self.problem.rule(LengthBudget) is None:
            return np.zeros(len(self.customers), dtype=bool)
        return self.shortest > outer_limit(limit)

    def name(self, k: int | Integers) -> str:
        """The name of customer `k` in messages."""
        return self.instance.node_name(int(self.customers[k]))

    def each(self, chosen: NDArray[np.bool_], sentence: Callable[[int], str]) -> list[str]:
        """A sentence for each of the first customers chosen, and the number of the others."""
        places = np.flatnonzero(chosen).tolist()
        return _shortened([sentence(k) for k in places[:MOST_NAMED]], len(places))


def reasons(problem: Problem, instance: Instance) -> tuple[str, ...]:
    """Why no solution keeps every rule, a sentence for each reason; none where that is not proved."""
    is_underway = instance.underway is not None
    if is_underway:
        if problem.rule(SplitDelivery) is not None:
            return ()  # a remainder has longer ways than its original
        try:
            rest = reduce(problem, instance.closed)
        except ValueError:
            return ()  # the rest is no instance of its own; policies plan it nevertheless
        if not rest.has_true_reasons:
            return ()
        problem, instance = rest.problem, rest.instance
    case = BestCase(problem, instance, is_underway)
    proofs = ((REASONS.get(type(rule)), rule) for rule in problem.rules)
    return tuple(sentence for prove, rule in proofs if prove is not None for sentence in prove(case, rule))


def explain(problem: Problem, instance: Instance, solution: Solution) -> Solution:
    """The solution, if infeasible with the reasons why none is feasible, as far as they can be proved."""
    if solution.feasible:
        return solution
    found = reasons(problem, instance) or solution.reasons or _too_short(problem, instance, solution.bound)
    violations = solution.violations if solution.tours or not found else found
    return replace(solution, violations=tuple(violations), reasons=tuple(found))


def _visits(case: BestCase, rule: Rule) -> list[str]:
    """No reason: each node can be visited if other rules allow it."""
    return []


def _compulsory_visits(case: BestCase, rule: CompulsoryVisits) -> list[str]:
    if not case.has_ways or case.instance.required is None:
        return []
    lost = (case.instance.required[case.customers] > 0) & (case.too_far | case.too_late | case.no_return)
    return case.each(lost, lambda k: f"{case.name(k)} must be visited, but no tour can do so within the limits")


def _capacity(case: BestCase, rule: Capacity) -> list[str]:
    instance, split = case.instance, case.problem.rule(SplitDelivery) is not None
    if not case.problem.visits_all or instance.demands is None or instance.capacity is None:
        return []
    demands, capacity = instance.demands[case.customers], instance.capacity
    found: list[str] = []
    if not split:
        too_much = demands > outer_limit(capacity)
        found = case.each(too_much, lambda k: f"{case.name(k)} demands {demands[k]:g}, the capacity is {capacity:g}")
    total, halves = float(demands.sum()), int((demands > outer_limit(capacity / 2)).sum())
    if total > outer_limit(case.tours * capacity):
        fleet = f"{case.tours:g} tour(s) of capacity {capacity:g} deliver {case.tours * capacity:g} at most"
        found.append(f"the demands sum to {total:g}, but {fleet}")
    elif halves > case.tours and not split and not found:
        many = f"{halves} nodes demand more than half of the capacity {capacity:g} each"
        found.append(f"{many}, so that they need as many tours, expected at most {case.tours:g}")
    return found


def _length_budget(case: BestCase, rule: LengthBudget) -> list[str]:
    limit, instance = case.instance.max_length, case.instance
    if limit is None or not case.has_ways:
        return []
    several = case.problem.shape.has_several_tours
    left = "what is left of the budget" if case.is_underway and not several else "the budget"
    written = instance.units.format_length
    way = min(case.direct, float(case.shortest.min(initial=np.inf)))
    if not several and limit < np.inf and way > outer_limit(limit):
        assert case.start is not None
        assert case.end is not None
        ends = f"from {instance.node_name(case.start)} to {instance.node_name(case.end)}"
        return [f"the shortest way {ends} is {written(way)} long, {left} is {written(limit)}"]
    if not case.problem.visits_all:
        return []
    return case.each(
        case.too_far,
        lambda k: (
            f"the shortest tour to {case.name(k)} is {written(case.shortest[k])} long, {left} is {written(limit)}"
        ),
    )


def _session(case: BestCase, rule: Session) -> list[str]:
    instance, limit = case.instance, case.instance.max_length
    is_open = instance.free_end or instance.late_price is not None  # the way to the end may take longer
    if limit is None or case.start is None or case.end is None or is_open:
        return []
    nodes, start, end = case.customers, case.start, case.end
    ways = instance.legs(np.full(len(nodes), start), nodes) + instance.legs(nodes, np.full(len(nodes), end))
    way = min(float(instance.legs(start, end)), float(ways.min(initial=np.inf)))
    if not way > outer_limit(limit):
        return []
    ends = f"from {instance.node_name(start)} to {instance.node_name(end)}"
    left = "what is left of the session" if case.is_underway else "the session"
    return [
        f"the shortest way {ends} takes {instance.units.format_time(way)}, {left} {instance.units.format_time(limit)}"
    ]


def _max_visits(case: BestCase, rule: MaxVisits) -> list[str]:
    count = len(case.customers)
    if not case.problem.visits_all or count <= rule.most:
        return []
    return [f"{count} nodes are to be visited, expected at most {rule.most}"]


def _prize_quota(case: BestCase, rule: PrizeQuota) -> list[str]:
    """The prizes of all nodes that a tour can reach are too few; visiting every node is enough whatever the prizes."""
    instance = case.instance
    if rule.stochastic or instance.prizes is None or instance.min_prize is None or not case.has_ways:
        return []
    limit = case.problem.rule(MaxVisits)
    most = len(case.customers) if limit is None else limit.most
    reached = ~(case.too_far | case.too_late | case.no_return)
    if reached.all() and most >= len(reached):
        return []
    prizes = np.sort(instance.prizes[case.customers[reached]])[::-1]
    total = float(prizes[: max(0, most)].sum())
    if not exceeds(instance.min_prize, total):
        return []
    return [f"at most {total:g} of prizes can be collected within the other limits, expected {instance.min_prize:g}"]


def _time_windows(case: BestCase, rule: TimeWindows) -> list[str]:
    if case.instance.time_windows is None or not case.has_ways:
        return []
    since, at = "", case.instance.units.format_time
    if case.is_underway and case.problem.shape.has_several_tours:
        since = ", from where the tours are now"
    elif case.is_underway and case.start is not None:
        since = f", leaving {case.instance.node_name(case.start)} at {at(case.departure)}"
    found = _closed_end(case, since)
    if found or not case.problem.visits_all:
        return found

    def closed(k: int) -> str:
        closes = case.windows[case.customers[k], 1]
        return f"{case.name(k)} closes at {at(closes)}, the earliest arrival there is {at(case.arrivals[k])}{since}"

    def no_return(k: int) -> str:
        assert case.end is not None
        end, arrival = case.instance.node_name(case.end), case.arrival_at_end(case.arrivals_from(k))
        earliest = f", the earliest arrival there is {at(arrival)}" if np.isfinite(arrival) else ""
        return f"after {case.name(k)}, {end} is not reached before it closes at {at(case.closing)}{earliest}{since}"

    found = case.each(case.too_late & np.isfinite(case.arrivals), closed)
    found += case.each(case.no_return & ~case.too_late, no_return) if case.end is not None else []
    return found or (_excluding_pairs(case) if case.tours == 1 else [])


def _closed_end(case: BestCase, since: str) -> list[str]:
    """The end of the one tour closes before it can be reached at all."""
    if case.end is None or case.problem.shape.has_several_tours:
        return []
    arrival = min(case.departure + case.direct, case.arrival_at_end(case.arrivals))
    if not np.isfinite(arrival) or arrival <= case.outer_time(case.closing):
        return []
    name, at = case.instance.node_name(case.end), case.instance.units.format_time
    return [f"{name} closes at {at(case.closing)}, the earliest arrival there is {at(arrival)}{since}"]


def _excluding_pairs(case: BestCase) -> list[str]:
    """Pairs of customers of which neither can be visited in time after the other."""
    begins, closes = case.begins(case.arrivals), case.windows[case.customers, 1]
    at = case.instance.units.format_time
    leaves = begins + case.service[case.customers]
    late = leaves[:, None] + case.legs > case.outer_time(closes)  # by the direct way
    found: list[str] = []
    for a, b in np.argwhere(np.triu(late & late.T, 1)).tolist()[:MOST_PAIRS]:
        there, back = case.arrivals_from(a)[b], case.arrivals_from(b)[a]
        if there > case.outer_time(closes[b]) and back > case.outer_time(closes[a]):
            one, other = case.name(a), case.name(b)
            after = f"after {one}, {other} is reached at {at(there)} and closes at {at(closes[b])}"
            before = f"after {other}, {one} is reached at {at(back)} and closes at {at(closes[a])}"
            found.append(f"{one} and {other} cannot both be visited in time: {after}; {before}")
    return _shortened(found[:MOST_NAMED], len(found))


def _too_short(problem: Problem, instance: Instance, bound: float | None) -> list[str]:
    """The length budget is below a proved bound on the length of all tours, or of the longest."""
    limit, terms, written = instance.max_length, problem.objective.terms, instance.units.format_length
    if bound is None or limit is None or problem.rule(LengthBudget) is None or instance.underway is not None:
        return []
    case = BestCase(problem, instance)
    if terms == ("length",) and bound > outer_limit(case.tours * limit):
        return [
            f"all tours together are at least {written(bound)} long, which is proved, "
            f"but {case.tours:g} of {written(limit)} are allowed"
        ]
    if terms == ("longest",) and bound > outer_limit(limit):
        return [
            f"the longest tour is at least {written(bound)} long, which is proved, but the budget is {written(limit)}"
        ]
    return []


def _shortest(first: Array, legs: Array) -> Array:
    """Length of the shortest way to each customer, where those of the direct ways are `first` `[m]`."""
    lengths = first
    while True:
        better = np.minimum(lengths, (lengths[:, None] + legs).min(axis=0, initial=np.inf))
        if (better >= lengths).all():
            return lengths
        lengths = better


def _shortened(sentences: Sequence[str], count: int) -> list[str]:
    """The sentences, the last with the number of others like it."""
    more = count - len(sentences)
    return list(sentences) if more <= 0 else [*sentences[:-1], f"{sentences[-1]} (and {more} more like it)"]


REASONS: dict[type[Rule], Callable[[BestCase, Any], list[str]]] = {
    VisitOnce: _visits,
    VisitAtMostOnce: _visits,
    CompulsoryVisits: _compulsory_visits,
    SplitDelivery: _visits,
    Capacity: _capacity,
    LengthBudget: _length_budget,
    MaxVisits: _max_visits,
    PrizeQuota: _prize_quota,
    TimeWindows: _time_windows,
    Session: _session,
    QueueSession: _session,
    AppearingSession: _session,
    LateEnd: lambda case, rule: [],
}
"""For each rule the function that proves it too tight: a sentence for each reason. A rule without one gives none."""
