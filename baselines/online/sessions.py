"""`Sessions`: what planners read of a session under uncertainty: times, prizes and their laws as arrays.

Both kinds of sessions are one: a visit of a node has an equally likely outcome of a wait, a service time and a prize.
In one kind it is known when the visit is over, in the other on arrival, and then a visitor may leave at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tsp.problems import LateEnd, Objective, Problem, QueueSession, Session, TimeWindows, VisitAtMostOnce
from tsp.solution import session_end
from tsp.tolerance import allowance
from tsp.underway import end_to_list

if TYPE_CHECKING:
    from tsp.instance import Instance

Floats = NDArray[np.float64]


class Sessions(NamedTuple):
    """A session, for kernels.

    Attributes:
        distances: `[n, n]`.
        latest: `[n]` when each node has to be left to be back in time.
        opens, closes: `[n]` when a visit may begin.
        waits, service, prizes: `[n, K]` equally likely outcomes; a wait may be infinite, which is nobody there.
        limit: the end of the session.
        slack: the amount by which the checker lets a time exceed a limit.
        sees: whether the outcome is seen on arrival.
        late_price: price of a unit of time late; infinite where visits are broken off, so that no tour is late.
    """

    distances: Floats
    latest: Floats
    opens: Floats
    closes: Floats
    waits: Floats
    service: Floats
    prizes: Floats
    limit: float
    slack: float
    sees: bool
    late_price: float


class Position(NamedTuple):
    """Where a tour under way stands.

    Attributes:
        here: the node.
        now: the time.
        undecided: whether she has just come to it, and may stay or leave.
        gone: `[n]` bool, nodes that cannot be next any more, the ends among them.
    """

    here: int
    now: float
    undecided: bool
    gone: NDArray[np.bool_]


def is_session(problem: Problem) -> bool:
    """Whether a problem is one session, with time windows or without, and no other rules; it may end late."""
    others = {type(rule) for rule in problem.rules} - {Session, QueueSession, VisitAtMostOnce, TimeWindows, LateEnd}
    return problem.rule(Session) is not None and not others and problem.objective == Objective(("prize",), "max")


class SessionTimes(NamedTuple):
    """When one may be where in a session.

    Attributes:
        opens: `[n]` when each node opens.
        closes: `[n]` when it closes.
        latest: `[n]` when she has to leave it, to be at the end in time.
        limit: when she has to be at the end.
    """

    opens: Floats
    closes: Floats
    latest: Floats
    limit: float


def times_of(instance: Instance) -> SessionTimes:
    """The windows of an instance, and its end."""
    assert instance.max_length is not None
    n, limit = instance.size, instance.max_length
    opens, closes = np.zeros(n), np.full(n, np.inf)
    if instance.time_windows is not None:
        opens, closes = (np.array(column) for column in instance.time_windows.T)
        limit = limit if instance.free_end else min(limit, float(closes[instance.finish]))
    home = np.zeros(n) if instance.free_end else instance.legs(np.arange(n), np.full(n, instance.finish))
    return SessionTimes(opens, closes, limit - home, limit)


def sessions_of(problem: Problem, instance: Instance) -> Sessions:
    """What planners read of an instance."""
    n, (opens, closes, latest, limit) = instance.size, times_of(instance)
    laws = [
        (instance.law_waits, None),
        (instance.law_service_times, instance.service_times),
        (instance.law_prizes, instance.prizes),
    ]
    outcomes = next(law.shape[1] for law, _ in laws if law is not None)
    waits, service, prizes = (_outcomes(law, known, n, outcomes) for law, known in laws)
    distances = np.array(instance.distances)
    np.fill_diagonal(distances, 0.0)
    return Sessions(
        distances,
        latest,
        opens,
        closes,
        waits,
        service,
        prizes,
        limit,
        float(allowance(limit)),
        problem.may_stay,
        np.inf if instance.late_price is None else instance.late_price,
    )


def _outcomes(law: Floats | None, known: Floats | None, n: int, outcomes: int) -> Floats:
    """Equally likely values `[n, K]`, the same ones where they are known."""
    if law is not None:
        return np.array(law, order="C")  # writable, as kernels are compiled for
    return np.tile((np.zeros(n) if known is None else known)[:, None], (1, outcomes))


def position_of(problem: Problem, instance: Instance) -> Position:
    """Where the tour of an instance stands, at its start if nothing is under way."""
    visited = () if instance.underway is None else instance.underway.visited
    gone = np.zeros(instance.size, dtype=np.bool_)
    gone[[instance.depot, instance.finish, *visited]] = True
    if not visited:
        opens = 0.0 if instance.time_windows is None else float(instance.time_windows[instance.depot, 0])
        return Position(instance.depot, opens, undecided=False, gone=gone)
    assert instance.underway is not None
    now = instance.underway.elapsed
    if now is None:
        now = session_end(problem, instance, [instance.depot, *visited, *end_to_list(instance, visited)], None)
    undecided = problem.may_stay and visited[-1:] != visited[-2:-1]
    return Position(visited[-1], now, undecided, gone)
