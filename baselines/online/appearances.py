"""What a plan promises where nodes appear during a session, by following its order on drawn days."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsp.tolerance import allowance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .releases import Releases
    from .sessions import Floats


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
