"""`SessionRollout`: one step of look-ahead on orders with recourse (Secomandi 2001; Goodson, Thomas & Ohlmann 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .planning import Decision, Plan, departures
from .recourse import SessionRecourse
from .sessions import Position
from .values import end_of_visit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsp.budget import Clock

    from .planning import Departure
    from .sessions import Sessions

SHARE = 0.3
"""Share of the time in which the order is searched from which the candidates come."""


class SessionRollout(SessionRecourse):
    """The next node after whose outcomes, each planned for anew, most prize is expected.

    Args:
        candidates: number of nodes that are compared: the first ones of the best order.
        steps: as of `session-recourse`, for the best order.
        steps_after: number of backward steps for the order after each outcome.
        cells: number of cells of the grid of times.
    """

    name = "session-rollout"

    def __init__(
        self, *, candidates: int = 4, steps: int | None = None, steps_after: int = 60, cells: int = 128
    ) -> None:
        super().__init__(steps=steps, cells=cells)
        if candidates < 1 or steps_after < 0:
            raise ValueError(
                f"{self.name}: candidates={candidates}, steps_after={steps_after}, "
                "expected candidates of 1 or more, steps_after of 0 or more"
            )
        self.candidates, self.steps_after = candidates, steps_after

    def decide(self, sessions: Sessions, position: Position, first: Sequence[int], clock: Clock, seed: int) -> Decision:
        """What to do next: candidates are compared in the order of the plan until time is up."""
        found: list[Decision] = []
        options = departures(sessions, position)
        for i, option in enumerate(options):
            part = type(clock)(clock.remaining / (len(options) - i))
            found.append(self._look_ahead(sessions, option, first, part, seed))
        return max(found, key=lambda decision: decision.value)

    def _look_ahead(
        self, sessions: Sessions, option: Departure, first: Sequence[int], clock: Clock, seed: int
    ) -> Decision:
        """The best next node after one way to leave where she is."""
        position = option.position
        plan = Plan(sessions, position, first, cells=self.cells, seed=seed)
        plan.search(type(clock)(SHARE * clock.remaining), steps=self.steps)
        order, planned = plan.onward()
        if not order:
            return Decision(option.stays, order, option.prize + planned)
        best, chosen = -np.inf, order[0]
        for node in order[: self.candidates]:
            if clock.remaining == 0:
                break
            arrive = position.now + float(sessions.distances[position.here, node])
            if arrive > sessions.latest[node] + sessions.slack:
                continue
            rest = [other for other in order if other != node]
            value = self._value_of_going(sessions, position, node, arrive, rest, seed)
            if value > best:
                best, chosen = value, node
        order = [chosen, *(node for node in order if node != chosen)]
        return Decision(option.stays, order, option.prize + max(best, planned))

    def _value_of_going(
        self, sessions: Sessions, position: Position, node: int, arrive: float, rest: Sequence[int], seed: int
    ) -> float:
        """Mean over the outcomes of a node of its prize and the expected prize of the best order after it."""
        gone = position.gone.copy()
        gone[node] = True
        values: list[float] = []
        for k in range(sessions.prizes.shape[1]):
            over, lost = end_of_visit(sessions, node, k, arrive)
            prize = 0.0 if lost else float(sessions.prizes[node, k])
            values.append(prize + self._value(sessions, Position(node, over, False, gone), rest, seed))
            if sessions.sees:
                values[-1] = max(values[-1], self._value(sessions, Position(node, arrive, False, gone), rest, seed))
        return float(np.mean(values))

    def _value(self, sessions: Sessions, position: Position, rest: Sequence[int], seed: int) -> float:
        """Expected prize of the best order found from a position."""
        plan = Plan(sessions, position, rest, cells=self.cells, seed=seed)
        plan.search(None, steps=self.steps_after)
        return plan.value
