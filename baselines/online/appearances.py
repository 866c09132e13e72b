"""Sessions in which nodes appear, as planners read them: times, drawn days, and what an order brings on these."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsp.problems import AppearingSession, Objective, TimeWindows, VisitAtMostOnce
from tsp.tolerance import allowance

from .releases import Releases
from .sessions import times_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsp.instance import Instance
    from tsp.problems import Problem

    from .sessions import Floats


def is_appearing_session(problem: Problem) -> bool:
    """Whether nodes appear in one session, with time windows or without, and there are no other rules."""
    others = {type(rule) for rule in problem.rules} - {AppearingSession, VisitAtMostOnce, TimeWindows}
    return problem.may_wait and not others and problem.objective == Objective(("prize",), "max")


def draw_scenarios(ahead: Floats, count: int, seed: int) -> Floats:
    """Times at which nodes appear `[count, n]`, of the equally likely ones `[n, K]` that are not NaN.

    Each node gets all of its outcomes about equally often, in random order.
    """
    n, random = len(ahead), np.random.default_rng(seed)
    ordered, possible = np.sort(ahead, axis=1), (~np.isnan(ahead)).sum(axis=1)  # NaN come last
    ranks = random.permuted(np.tile(np.arange(count)[:, None], (1, n)), axis=0)
    drawn: NDArray[np.int64] = ((ranks + random.random((count, n))) / count * possible).astype(np.int64)
    return ordered[np.arange(n), np.minimum(drawn, possible - 1)]


def releases_of(problem: Problem, instance: Instance) -> Releases:
    """What kernels read of an instance; limits are those that the checker accepts."""
    rule = problem.rule(AppearingSession)
    assert rule is not None
    assert instance.max_length is not None
    assert instance.prizes is not None
    n, (opens, closes, latest, limit) = instance.size, times_of(instance)
    distances = np.array(instance.distances)
    service = np.zeros(n) if instance.service_times is None else np.array(instance.service_times)
    longest = rule.longest_wait * instance.max_length
    return Releases(distances, latest, opens, closes, service, np.array(instance.prizes), limit, longest)


class Promise(NamedTuple):
    """What became of an order on drawn days.

    Attributes:
        mean: mean prize.
        in_time: `[m]` share of the days on which each node of the order was visited in time.
        arrivals: `[D, m]` its time of arrival; NaN where it was not visited.
    """

    mean: float
    in_time: Floats
    arrivals: Floats


def end_of_first_wait(session: Releases, appears: Floats, hidden: NDArray[np.bool_], here: int, now: float) -> Floats:
    """When a wait ends on each day `[D]`: as a hidden node appears, after the longest one, or when it is time to go."""
    later = np.where(hidden & (appears > now + allowance(now)), appears, np.inf).min(axis=1)
    return np.maximum(now, np.minimum(later, min(now + session.longest, float(session.latest[here]))))


def follow(
    session: Releases, appears: Floats, last: Floats, here: int, now: Floats, order: list[int], *, patient: bool
) -> Promise:
    """Follow an order of nodes on drawn days.

    A patient visitor waits for the next node of the order until it appears; it leaves the node out as soon as it cannot
    be visited in time any more, or none of the outcomes is left at which it appears. Another one goes to the first
    node of the order that is there and can be visited in time, and waits where there is none.

    Args:
        session: its times and prizes.
        appears: `[D, n]` when each node appears on each day.
        last: `[n]` the last finite outcome of when each node appears.
        here: the node where every day begins.
        now: `[D]` the time of each day's beginning.
        order: the nodes.
        patient: which visitor.
    """
    days, m, nodes = len(now), len(order), np.array(order, dtype=np.int64)
    arrivals, lost = np.full((days, m), np.nan), np.zeros((days, m), np.bool_)
    comes, slack = appears[:, nodes], float(allowance(session.limit))
    final = np.minimum(session.closes[nodes], session.latest[nodes] - session.service[nodes]) + slack  # to begin
    place, now = np.full(days, here), now.copy()
    at = np.arange(days)  # days that go on
    while at.size and m:
        is_left = np.isnan(arrivals[at]) & ~lost[at]
        legs, time = session.distances[place[at]][:, nodes], now[at, None]
        goes_at = np.maximum(time, comes[at])  # the earliest departure
        can = is_left & (np.maximum(goes_at + legs, session.opens[nodes]) <= final)
        is_there = comes[at] <= time + slack
        until = np.minimum(np.minimum(final - legs, last[nodes]), session.latest[place[at], None])
        if patient:
            first = is_left & (np.cumsum(is_left, axis=1) == 1)
            gives_up = first & ~can | (first & ~is_there & (comes[at] > until + slack))
            waits_to = np.where(first & ~is_there & ~gives_up, comes[at], np.inf).min(axis=1)
            given_up_at = np.where(gives_up & ~is_there, until, -np.inf).max(axis=1)
            now[at] = np.maximum(now[at], given_up_at)  # until then it was not known
            lost[at] |= gives_up
            goes = first & can & is_there
        else:
            goes = can & is_there
            goes &= np.cumsum(goes, axis=1) == 1
            waits_to = np.where(can & (goes_at <= session.latest[place[at], None] + slack), goes_at, np.inf).min(axis=1)
            gives_up = np.zeros_like(goes)
        moves = goes.any(axis=1)
        who, which = at[moves], goes[moves].argmax(axis=1)
        arrive = now[who] + legs[moves, which]
        arrivals[who, which] = arrive
        now[who] = np.maximum(arrive, session.opens[nodes[which]]) + session.service[nodes[which]]
        place[who] = nodes[which]
        waits = ~moves & np.isfinite(waits_to)
        now[at[waits]] = waits_to[waits]
        at = at[moves | waits | gives_up.any(axis=1)]
    in_time = ~np.isnan(arrivals)
    return Promise(float((in_time @ session.prizes[nodes]).mean()) if m else 0.0, in_time.mean(axis=0), arrivals)
