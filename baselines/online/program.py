"""The optimal policy of small sessions with whole-number times, by dynamic programming over (gone, here, now).

It is the referee of planners: no policy collects more on average. Where all times are whole numbers, float64 is exact,
so that this program, the environment, the checker and the planners agree to the bit.
"""

# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.kernels.geometry import kernel, part

from .values import Nodes, value_of_end, visit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .sessions import Floats, Sessions


@part
def _arrival(s: Sessions, values: Floats, node: int, name: int, after: int, arrive: int) -> float:
    """Expected prize on arrival at a node."""
    total = 0.0
    leaving = values[after, name, arrive]
    for k in range(s.prizes.shape[1]):
        over, lost = visit(s, node, k, float(arrive))
        staying = values[after, name, int(over)] + (0.0 if lost else s.prizes[node, k])
        total += max(staying, leaving) if s.sees else staying
    return total / s.prizes.shape[1]


@kernel
def fill_program(s: Sessions, nodes: Nodes, values: Floats) -> None:
    """Fill in the expected prize still to be collected on departure from each state.

    Args:
        s: the session, with whole-number times.
        nodes: `[m + 1]` the customers, and the start last.
        values: `[2^m, m + 1, T]` for the set of customers that are gone (bit j for customer j), the one she is
            at (m: the start), and the time.
    """
    m, times = len(nodes) - 1, values.shape[2]
    for gone in range((1 << m) - 1, -1, -1):
        for here in range(m + 1):
            if here < m and not gone & (1 << here):
                continue
            for now in range(times):
                best = value_of_end(s, nodes[here], float(now))
                for name in range(m):
                    node = nodes[name]
                    arrive = now + int(s.distances[nodes[here], node])
                    if gone & (1 << name) or arrive > s.latest[node]:
                        continue
                    best = max(best, _arrival(s, values, node, name, gone | (1 << name), arrive))
                values[gone, here, now] = best


@kernel
def value_of_going(s: Sessions, nodes: Nodes, values: Floats, gone: int, here: int, now: int, name: int) -> float:
    """Expected prize if a customer is next, by a filled program; -inf where it cannot be."""
    node = nodes[name]
    arrive = now + int(s.distances[nodes[here], node])
    if gone & (1 << name) or arrive > s.latest[node]:
        return -np.inf
    return _arrival(s, values, node, name, gone | (1 << name), arrive)


class Program:
    """The optimal values of a session.

    Args:
        sessions: the session.
        start: the node it starts from.
        customers: the nodes that may be visited.
    """

    def __init__(self, sessions: Sessions, start: int, customers: Sequence[int]) -> None:
        times = (sessions.distances, sessions.latest, sessions.opens, sessions.closes, sessions.waits, sessions.service)
        if any((values[np.isfinite(values)] % 1 != 0).any() for values in times):
            raise ValueError("exact program: expected whole-number times")
        self.sessions, self.nodes = sessions, np.array([*customers, start])
        self.names = {node: name for name, node in enumerate(customers)}
        m = len(customers)
        last = int(sessions.limit + (sessions.service.max() if sessions.late_price < np.inf else 0.0))
        self.values = np.zeros((1 << m, m + 1, last + 1))
        fill_program(sessions, self.nodes, self.values)

    def departure(self, gone: Sequence[int], here: int, now: float) -> float:
        """Expected prize of the optimal policy on departure."""
        return float(self.values[self._bits(gone), self.names.get(here, len(self.names)), int(now)])

    def going(self, gone: Sequence[int], here: int, now: float, node: int) -> float:
        """Expected prize if a node is next and the policy is optimal from then on."""
        name = self.names.get(here, len(self.names))
        return value_of_going(
            self.sessions, self.nodes, self.values, self._bits(gone), name, int(now), self.names[node]
        )

    def _bits(self, gone: Sequence[int]) -> int:
        return sum(1 << self.names[node] for node in set(gone))
