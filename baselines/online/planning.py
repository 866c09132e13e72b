"""`Plan`: the search for an a-priori order from where a tour stands, and the decision that follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsp.budget import Clock

from .improvement import Order, complete_order, improve, make_order
from .values import Grid, Values, best_from, end_of_visit, fill_all, follow, make_grid, make_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .sessions import Floats, Position, Sessions

LEAST = 1e-4
"""Share of all prizes that an insertion must add: orders with visits that are hardly ever made are slow to search."""
FIRST_STEPS, MOST_STEPS = 64, 4096
"""Number of backward steps between two looks at the clock: at first, and at most."""


class Decision(NamedTuple):
    """What to do next, and what is planned after it.

    Attributes:
        stays: whether to stay where she is undecided.
        order: the nodes to go to after that; empty: home.
        value: expected prize from here on.
    """

    stays: bool
    order: list[int]
    value: float


class Followed(NamedTuple):
    """What happens to an order on drawn days.

    Attributes:
        order: the nodes.
        mean: mean prize.
        late: share of draws in which the tour ends late.
        arrivals: `[draws, m]` when each node is reached, NaN where it is not.
        in_time: `[m]` share of draws in which it is reached, and a visit counts.
    """

    order: list[int]
    mean: float
    late: float
    arrivals: Floats
    in_time: Floats


class Departure(NamedTuple):
    """One way to leave the node where a tour stands: after the visit, or at once.

    Attributes:
        stays: whether she stays there, where she is undecided.
        prize: what that visit collects.
        position: where the tour stands then, with nothing to decide there.
    """

    stays: bool
    prize: float
    position: Position


def departures(s: Sessions, position: Position) -> list[Departure]:
    """The ways to leave where the tour stands; at once first, so that of equal ones more time is left."""
    leaving = Departure(False, 0.0, position._replace(undecided=False))
    if not position.undecided:
        return [leaving]
    over, lost = end_of_visit(s, position.here, 0, position.now)
    if lost:
        return [leaving]
    return [leaving, Departure(True, float(s.prizes[position.here, 0]), leaving.position._replace(now=over))]


class Plan:
    """An a-priori order under search.

    Args:
        sessions: the session.
        position: where the tour stands; nothing is to be decided there.
        first: nodes of an earlier plan, to start from.
        cells: number of cells of the grid of times.
        seed: seed of the search.
        complete: whether the order is completed by insertions.
    """

    def __init__(
        self,
        sessions: Sessions,
        position: Position,
        first: Sequence[int],
        *,
        cells: int,
        seed: int,
        complete: bool = True,
    ) -> None:
        n = len(sessions.latest)
        self.sessions, self.position = sessions, position
        self.grid: Grid = make_grid(sessions, position.now, cells)
        self.values: Values = make_values(n, cells)
        unreachable = position.now + sessions.distances[position.here] > sessions.latest + sessions.slack
        self.order: Order = make_order(sessions, position.gone | unreachable, seed)
        self.least = LEAST * float(sessions.prizes.mean(axis=1).sum())
        start = [node for node in dict.fromkeys(first) if not self.order.used[node]]
        self.order.nodes[: len(start)] = start[::-1]
        self.order.used[start] = 2
        self.order.state[0] = len(start)
        least = self.least if complete else np.inf
        self.value = complete_order(*self._arguments, self.order, self.values, least)

    @property
    def _arguments(self) -> tuple[Sessions, Grid, int, float]:
        return self.sessions, self.grid, self.position.here, self.position.now

    def search(self, clock: Clock | None, *, steps: int | None = None) -> None:
        """Improve the order until time is up, or for a number of backward steps."""
        if steps is not None:
            self._improve(steps)
            return
        assert clock is not None
        chunk = FIRST_STEPS
        while (left := clock.remaining) > 0:
            started = Clock(left)
            self._improve(chunk)
            used = left - started.remaining
            if 2 * used > clock.remaining:
                break
            chunk = min(2 * chunk, MOST_STEPS)

    def _improve(self, steps: int) -> None:
        self.value = improve(*self._arguments, self.order, self.values, self.value, self.least, steps)

    def onward(self) -> tuple[list[int], float]:
        """The nodes to go to from here, as the order is, and their expected prize."""
        count, nodes = int(self.order.state[0]), self.order.nodes
        fill_all(*self._arguments, nodes, count, self.values)
        value, chosen = best_from(self.sessions, self.grid, *self._arguments[2:], nodes, count, self.values)
        return nodes[: chosen + 1][::-1].tolist(), float(value)

    def follow(self, draws: int, seed: int) -> Followed:
        """Follow the order as it is, without planning again, over drawn outcomes."""
        count, random = int(self.order.state[0]), np.array([seed], np.uint64)
        fill_all(*self._arguments, self.order.nodes, count, self.values)
        arrivals, in_time = np.empty((draws, count)), np.empty(count)
        mean, late = follow(*self._arguments, self.order.nodes, count, self.values, random, arrivals, in_time)
        order = self.order.nodes[:count][::-1].tolist()
        return Followed(order, float(mean), float(late), arrivals[:, ::-1], in_time[::-1])


def decide(
    sessions: Sessions,
    position: Position,
    first: Sequence[int],
    clock: Clock,
    *,
    cells: int,
    seed: int,
    steps: int | None = None,
) -> Decision:
    """Search for an order from where a tour stands, and decide.

    Where she may stay or leave, an order is searched for each: nodes that only one of them leaves time for are not in
    the best order of the other.
    """
    found: list[Decision] = []
    options = departures(sessions, position)
    for i, option in enumerate(options):
        plan = Plan(sessions, option.position, first, cells=cells, seed=seed)
        part = type(clock)(clock.remaining / (len(options) - i))
        plan.search(part, steps=None if steps is None else steps // len(options))
        order, value = plan.onward()
        found.append(Decision(option.stays, order, option.prize + value))
    return max(found, key=lambda decision: decision.value)
