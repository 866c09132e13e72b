"""The checks: whether tours keep each rule, and the value of each term of the objective.

A check of `CHECKS` is a function from a `Claim` and a rule to a sentence for each violation. A term of `TERMS` is a
function from a feasible claim to a number. `tsp.solution.check` calls both; nothing here shares code with the
environments that train policies.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

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
from tsp.timeline import Timeline, compute_timeline
from tsp.tolerance import allowance, exceeds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tsp.instance import Array, Instance, Underway

Tours = tuple[NDArray[np.int64], ...]
Amounts = tuple[NDArray[np.float64], ...]


class Resumed(NamedTuple):
    """A tour on its way.

    Attributes:
        given: number of its stops already visited, its start included.
        used: what it has used.
    """

    given: int
    used: Underway


class Claim(NamedTuple):
    """Tours to check, with the data that the checks need.

    Attributes:
        problem: its rules are checked.
        instance: its numbers are used.
        tours: the nodes of each tour, all of them valid.
        stops: each tour's nodes in order, the node where it ends included (with a free end, the last customer).
        amounts: the amount delivered to each node of each tour.
        prizes: the real prize of each node; None if there are no prizes.
        durations: the real duration of each visit; None if visits take no time.
        waits: the real wait before each visit, where there are queues.
        appears: when each node really appears, where they do so on the way.
        begun: number of tours that have begun; where there may be several, the others leave the depot later.
        resumed: those of them that are on their way, by their index.
    """

    problem: Problem
    instance: Instance
    tours: Tours
    stops: Tours
    amounts: Amounts | None
    prizes: Array | None
    durations: Array | None
    waits: Array | None
    appears: Array | None
    begun: int
    resumed: dict[int, Resumed]

    @property
    def customers(self) -> NDArray[np.bool_]:
        """Nodes that are neither where tours start nor where they end `[n]`; of a closed tour or a path, all."""
        out = np.ones(self.instance.size, dtype=bool)
        if self.problem.shape.has_depot:
            out[[self.instance.depot, self.instance.finish]] = False
        return out

    def is_over(self, k: int) -> bool:
        """Whether tour `k` was finished before, so that what it did cannot be forbidden any more."""
        if k >= self.begun:
            return False
        return k not in self.resumed or (self.given(k) == len(self.stops[k]) and not self.instance.free_end)

    def given(self, k: int) -> int:
        """The number of stops of tour `k` that were visited before, where it is on its way."""
        return self.resumed[k].given if k in self.resumed else 0

    @property
    def visited(self) -> NDArray[np.bool_]:
        """Nodes that some tour visits `[n]`."""
        out = np.zeros(self.instance.size, dtype=bool)
        out[np.concatenate([*self.tours, np.empty(0, dtype=np.int64)])] = True
        return out


def _names(instance: Instance, nodes: Iterable[int]) -> str:
    listed = [instance.node_name(int(node)) for node in nodes]
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")


def _visits(claim: Claim, tour: NDArray[np.int64]) -> NDArray[np.int64]:
    """The nodes of a tour without the repetitions that are waits."""
    return tour[np.append(True, tour[1:] != tour[:-1])[: len(tour)]] if claim.problem.may_wait else tour


def _counts(claim: Claim) -> NDArray[np.int64]:
    """The number of visits of each node `[n]`."""
    visits = [_visits(claim, tour) for tour in claim.tours]
    return np.bincount(np.concatenate([*visits, np.empty(0, dtype=np.int64)]), minlength=claim.instance.size)


def _revisits(claim: Claim) -> list[str]:
    counts, found = _counts(claim), list[str]()
    if claim.problem.may_stay:  # to go to a node, and to stay there, is one visit
        for tour in claim.tours:
            np.subtract.at(counts, np.unique(tour[1:][(tour[1:] == tour[:-1]) & claim.customers[tour[1:]]]), 1)
    again = np.flatnonzero((counts > 1) & claim.customers)
    if again.size:
        found.append(f"visited more than once: {_names(claim.instance, again)}")
    for k, tour in enumerate(claim.tours):
        ends = np.flatnonzero(~claim.customers)
        if any(np.count_nonzero(_visits(claim, tour) == node) > 1 for node in ends):
            found.append(f"tour {k}: passes the depot on its way, expected another tour there")
    return found


def _check_visit_once(claim: Claim, rule: VisitOnce) -> list[str]:
    missing = np.flatnonzero((_counts(claim) == 0) & claim.customers)
    found = [f"not visited: {_names(claim.instance, missing)}"] if missing.size else []
    return found + _revisits(claim)


def _check_visit_at_most_once(claim: Claim, rule: VisitAtMostOnce) -> list[str]:
    return _revisits(claim)


def _check_compulsory_visits(claim: Claim, rule: CompulsoryVisits) -> list[str]:
    assert claim.instance.required is not None
    missing = np.flatnonzero((claim.instance.required > 0) & claim.customers & ~claim.visited)
    return [f"required, but not visited: {_names(claim.instance, missing)}"] if missing.size else []


def _check_split_delivery(claim: Claim, rule: SplitDelivery) -> list[str]:
    instance, amounts = claim.instance, claim.amounts
    assert instance.demands is not None
    assert amounts is not None
    delivered = np.zeros(instance.size)
    found: list[str] = []
    for tour, amount in zip(claim.tours, amounts, strict=True):
        if (amount < 0).any() or not np.isfinite(amount).all():
            found.append("amounts: expected numbers of 0 or more")
        np.add.at(delivered, tour, amount)
    largest = float(instance.demands.max())  # what is left of a load is a difference of such numbers
    short = np.flatnonzero((np.abs(delivered - instance.demands) > allowance(largest)) & claim.customers)
    if short.size:
        node = int(short[0])
        found.append(
            f"node {instance.node_name(node)} is delivered {delivered[node]:g}, expected {instance.demands[node]:g}"
        )
    return found


def _check_capacity(claim: Claim, rule: Capacity) -> list[str]:
    instance = claim.instance
    assert instance.demands is not None
    assert instance.capacity is not None
    found: list[str] = []
    for k, tour in enumerate(claim.tours):
        amounts = instance.demands[tour] * claim.customers[tour] if claim.amounts is None else claim.amounts[k]
        load = float(amounts.sum())
        resumed = claim.resumed.get(k)
        if resumed is not None and resumed.used.load is not None:
            load = resumed.used.load + float(amounts[resumed.given :].sum())
        is_past = claim.is_over(k) and claim.amounts is None  # split amounts are claimed, not given
        if exceeds(load, instance.capacity) and not is_past:
            found.append(f"tour {k}: delivers {load:g}, expected at most {instance.capacity:g}")
    return found


def _check_length_budget(claim: Claim, rule: LengthBudget) -> list[str]:
    limit, units = claim.instance.max_length, claim.instance.units
    if limit is None:
        return []
    found: list[str] = []
    for k in range(len(claim.tours)):
        walked, visits = budget_use(claim, k)
        if exceeds(walked + visits, limit) and not claim.is_over(k):
            length = f"is {units.format_length(walked)} long"
            length += f" and visits take {units.format_length(visits)}" if visits else ""
            found.append(f"tour {k}: {length}, expected at most {units.format_length(limit)}")
    return found


def _check_max_visits(claim: Claim, rule: MaxVisits) -> list[str]:
    visits = int((claim.visited & claim.customers).sum())
    return [f"{visits} visits, expected at most {rule.most}"] if visits > rule.most else []


def _check_prize_quota(claim: Claim, rule: PrizeQuota) -> list[str]:
    assert claim.prizes is not None
    assert claim.instance.min_prize is not None
    if claim.visited[claim.customers].all():
        return []
    collected = float(claim.prizes[claim.visited & claim.customers].sum())
    if exceeds(claim.instance.min_prize, collected):
        return [f"collects {collected:g}, expected {claim.instance.min_prize:g} or more"]
    return []


def _check_time_windows(claim: Claim, rule: TimeWindows) -> list[str]:
    instance = claim.instance
    assert instance.time_windows is not None
    if claim.problem.rule(Session) is not None:  # whose clock counts
        return []
    found: list[str] = []
    origin = instance.first_opening
    for k, stops in enumerate(claim.stops):
        for i, (node, begin) in enumerate(zip(stops.tolist(), timeline_of(claim, k).begin.tolist(), strict=True)):
            closes = float(instance.time_windows[node, 1])
            if i >= max(claim.given(k), 1) and exceeds(begin, closes, origin) and not claim.is_over(k):
                name = instance.node_name(node)
                late, latest = map(instance.units.format_time, (begin, closes))
                found.append(f"tour {k}: is at {name} at {late}, expected {latest} at the latest")
                break
    return found


class SessionTimes(NamedTuple):
    """The times of a tour in a session, by `tsp.problems.Session`.

    Attributes:
        stops: the nodes after its start or, where the time is stated at which the last given one is left, after that.
        arrive: when it is at each of them.
        latest: when it has to leave each of them to be back in time.
        leave: when it leaves.
        lost: whether a visit there counts nothing, since it begins too late or has to be broken off.
        given: number of the stops that are given.
        start: when it leaves for the first of them.
        late: the time by which the tour ends after the session.
    """

    stops: NDArray[np.int64]
    arrive: Array
    latest: Array
    leave: Array
    lost: NDArray[np.bool_]
    given: int
    start: float
    late: float


def session_times(claim: Claim, k: int) -> SessionTimes:
    """The times at the stops of tour `k`."""
    instance, given = claim.instance, max(claim.given(k), 1)
    assert instance.max_length is not None
    stops, resumed = claim.stops[k], claim.resumed.get(k)
    stated = None if resumed is None else resumed.used.elapsed
    first = given if stated is not None else 1
    now = start = _session_start(claim) if stated is None else stated
    limit = instance.max_length
    if instance.time_windows is not None:  # the day ends when the end closes
        limit = limit if instance.free_end else min(limit, float(instance.time_windows[instance.finish, 1]))
    legs = instance.legs(stops[:-1], stops[1:]).tolist()
    ways_home = (
        np.zeros(len(stops)) if instance.free_end else instance.legs(stops, np.full(len(stops), instance.finish))
    )
    home = ways_home.tolist()
    columns = arrive, latest, leave, lost = tuple(list[float]() for _ in range(4))
    for i in range(first, len(stops)):
        at, until = now + legs[i - 1], limit - home[i]
        is_visit = claim.customers[stops[i]] and (not claim.problem.may_stay or stops[i] == stops[i - 1])
        if _is_wait(claim, k, i):
            now, fails = _end_of_wait(claim, at, until), False
        else:
            now, fails = _visit(claim, int(stops[i]), at, until) if is_visit else (at, False)
        for column, value in zip(columns, (at, until, now, float(fails)), strict=True):
            column.append(value)
    return SessionTimes(
        stops[first:],
        np.array(arrive),
        np.array(latest),
        np.array(leave),
        np.array(lost, bool),
        given - first,
        start,
        max(0.0, now - limit),
    )


def _session_start(claim: Claim) -> float:
    """When a session begins: at 0, or when the depot opens."""
    windows = claim.instance.time_windows
    return 0.0 if windows is None else max(0.0, float(windows[claim.instance.depot, 0]))


def _visit(claim: Claim, node: int, arrive: float, latest: float) -> tuple[float, bool]:
    """When a visit of a node ends, and whether it counts nothing."""
    opens, closes = (0.0, np.inf) if claim.instance.time_windows is None else claim.instance.time_windows[node]
    begin = max(arrive + (0.0 if claim.waits is None else float(claim.waits[node])), float(opens))
    over = begin + (0.0 if claim.durations is None else float(claim.durations[node]))
    if exceeds(begin, float(closes)):  # turned away when the window closes
        return max(arrive, min(float(closes), latest)), True
    if exceeds(over if claim.instance.late_price is None else begin, latest):
        return max(arrive, latest), True
    return over, False


def _is_wait(claim: Claim, k: int, i: int) -> bool:
    """Whether stop `i` of tour `k` is the decision to wait: the stop before it once more, but not the tour's end."""
    stops, closes = claim.stops[k], len(claim.stops[k]) > len(claim.tours[k])
    return claim.problem.may_wait and stops[i] == stops[i - 1] and not (closes and i == len(stops) - 1)


def _end_of_wait(claim: Claim, now: float, latest: float) -> float:
    """When a wait ends: a node appears, it lasted for the longest wait, or it is time to go to the tour's end."""
    rule = claim.problem.rule(AppearingSession)
    assert rule is not None
    assert claim.appears is not None
    assert claim.instance.max_length is not None
    later = (time for time in claim.appears[claim.customers].tolist() if exceeds(time, now))
    return max(now, min(now + rule.longest_wait * claim.instance.max_length, latest, *later))


def _check_appearing_session(claim: Claim, rule: AppearingSession) -> list[str]:
    """Beside what is checked of every session, that each node was there when the tour left for it."""
    assert claim.appears is not None
    found, write = _check_session(claim, rule), claim.instance.units.format_time
    for k in range(len(claim.tours)):
        times = session_times(claim, k)
        left = times.start
        for i, (node, at) in enumerate(zip(times.stops.tolist(), times.arrive.tolist(), strict=True)):
            here = len(claim.stops[k]) - len(times.stops) + i
            name, is_given = claim.instance.node_name(node), i < times.given or claim.is_over(k)
            if _is_wait(claim, k, here):
                if not exceeds(float(times.latest[i]), at) and not is_given:
                    found.append(f"tour {k}: waits at {name} at {write(at)}, when it is time to go to its end")
                    break
            elif claim.customers[node] and exceeds(float(claim.appears[node]), left) and not is_given:
                when = float(claim.appears[node])
                there = "never appears" if np.isinf(when) else f"appears at {write(when)}"
                found.append(f"tour {k}: leaves for {name} at {write(left)}, which {there}")
                break
            left = float(times.leave[i])
    return found


def _check_session(claim: Claim, rule: Session) -> list[str]:
    found: list[str] = []
    may_be_late = claim.instance.late_price is not None
    for k in range(len(claim.tours)):
        times = session_times(claim, k)
        for node, at, until in list(zip(times.stops, times.arrive, times.latest, strict=True))[times.given :]:
            is_limited = claim.customers[node] or not may_be_late
            if is_limited and exceeds(at, until) and not claim.is_over(k):
                name = claim.instance.node_name(int(node))
                now, last = map(claim.instance.units.format_time, (at, until))
                found.append(f"tour {k}: is at {name} at {now}, expected {last} at the latest, to be back in time")
                break
    return found


def _check_nothing(claim: Claim, rule: LateEnd) -> list[str]:
    """A late end changes the times of a session and the prize; it forbids nothing itself."""
    return []


def timeline_of(claim: Claim, k: int) -> Timeline:
    """The times at the stops of tour `k`.

    A tour on its way leaves its last given stop at the elapsed time, where that is stated. One that has not begun
    leaves its start at the earliest elapsed time that is stated, or later.
    """
    instance, departures = claim.instance, dict[int, float]()
    stated = () if instance.underway is None else instance.underway.tours
    times = [tour.elapsed for tour in stated if tour.elapsed is not None]
    resumed = claim.resumed.get(k)
    if resumed is not None and resumed.used.elapsed is not None:
        departures[resumed.given - 1] = resumed.used.elapsed
    elif k >= claim.begun and times:
        departures[0] = max(min(times), float(compute_timeline(instance, claim.stops[k][:1]).leave[0]))
    return compute_timeline(instance, claim.stops[k], departures)


def check_roads(claim: Claim) -> list[str]:
    """A sentence for each tour that uses a road that is missing in the matrix."""
    instance, found = claim.instance, list[str]()
    if not instance.misses_roads:
        return found
    for k, stops in enumerate(claim.stops):
        missing = np.flatnonzero(np.isinf(instance.legs(stops[:-1], stops[1:])))
        if missing.size:
            a, b = (instance.node_name(int(node)) for node in stops[missing[0] : missing[0] + 2])
            more = f" (and {len(missing) - 1} more of them)" if len(missing) > 1 else ""
            found.append(f"tour {k}: goes from {a} to {b}, where there is no road{more}")
    return found


def check_fixed_edges(claim: Claim) -> list[str]:
    """A sentence for each fixed edge that no tour uses."""
    if claim.instance.fixed_edges is None:
        return []
    edges, name = claim.instance.fixed_edges.tolist(), claim.instance.node_name
    used = {frozenset((int(a), int(b))) for stops in claim.stops for a, b in pairwise(stops)}
    return [f"fixed edge {name(a)}-{name(b)} is not used" for a, b in edges if frozenset((a, b)) not in used]


def _tour_length(claim: Claim, k: int) -> float:
    """Length of tour `k`; for a tour on its way, the length travelled so far is used where it is stated."""
    resumed = claim.resumed.get(k)
    if resumed is not None and resumed.used.travelled is not None:
        return resumed.used.travelled + claim.instance.path_length(claim.stops[k][resumed.given - 1 :])
    return claim.instance.path_length(claim.stops[k])


def budget_use(claim: Claim, k: int) -> tuple[float, float]:
    """What tour `k` uses of a length budget: its length, and the duration of its visits."""
    service, tour = claim.instance.service_times, claim.tours[k]
    visits = 0.0 if service is None else float((service[tour] * claim.customers[tour]).sum())
    return _tour_length(claim, k), visits


def _length(claim: Claim) -> float:
    return sum(_tour_length(claim, k) for k in range(len(claim.tours)))


def _longest(claim: Claim) -> float:
    return max((_tour_length(claim, k) for k in range(len(claim.tours))), default=0.0)


def _prize(claim: Claim) -> float:
    assert claim.prizes is not None
    counted, price = claim.visited & claim.customers, 0.0
    for k, tour in enumerate(claim.tours if claim.problem.rule(Session) is not None else ()):
        if claim.problem.may_stay:
            counted[np.setdiff1d(tour, tour[1:][tour[1:] == tour[:-1]])] = False
        times = session_times(claim, k)
        counted[times.stops[times.lost]] = False
        price += times.late * (claim.instance.late_price or 0.0)
    return float(claim.prizes[counted].sum()) - price


def _penalties(claim: Claim) -> float:
    assert claim.instance.penalties is not None
    return float(claim.instance.penalties[~claim.visited & claim.customers].sum())


def _makespan(claim: Claim) -> float:
    """The latest end of a tour: its arrival at its end or, where that is free, the end of its last visit."""
    times = (timeline_of(claim, k) for k in range(len(claim.tours)))
    return max((float((one.leave if claim.instance.free_end else one.begin)[-1]) for one in times), default=0.0)


CHECKS: dict[type[Rule], Callable[[Claim, Any], list[str]]] = {
    VisitOnce: _check_visit_once,
    VisitAtMostOnce: _check_visit_at_most_once,
    CompulsoryVisits: _check_compulsory_visits,
    SplitDelivery: _check_split_delivery,
    Capacity: _check_capacity,
    LengthBudget: _check_length_budget,
    MaxVisits: _check_max_visits,
    PrizeQuota: _check_prize_quota,
    TimeWindows: _check_time_windows,
    Session: _check_session,
    QueueSession: _check_session,
    AppearingSession: _check_appearing_session,
    LateEnd: _check_nothing,
}
"""The check of each rule: a sentence for each violation."""

TERMS: dict[str, Callable[[Claim], float]] = {
    "length": _length,
    "longest": _longest,
    "prize": _prize,
    "penalties": _penalties,
    "makespan": _makespan,
}
"""Each objective term's value for feasible tours."""
