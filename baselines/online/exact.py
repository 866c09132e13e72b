"""The optimal policy of small sessions with whole-number times, by dynamic programming over (visited, here, now).

It is the referee of planners: no policy collects more on average. Walks, durations and the session's length are whole
numbers, so that float64 is exact and this program, the environment and the checker agree to the bit.
"""

# pyright: reportArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from baselines.kernels.geometry import kernel
from tsp.problems import Problem, Session, VisitAtMostOnce
from tsp.solution import check
from tsp.solvers import InstanceSolver

if TYPE_CHECKING:
    from tsp.instance import Instance
    from tsp.solution import Solution
    from tsp.solvers import Task

Whole = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST_STATES = 50_000_000
"""The most states of a program: 400 MB."""


@kernel
def fill_values(distances: Whole, home: Whole, law: Whole, prizes: Floats, limit: int, values: Floats) -> None:
    """Fill in the expected prize still to be collected from each state on.

    Args:
        distances: `[m + 1, m + 1]` between customers, the start last.
        home: `[m + 1]` to the end.
        law: `[m, K]` equally likely durations.
        prizes: `[m]`.
        limit: length of the session.
        values: `[2^m, m + 1, limit + 1]` for the set of nodes that were visited (bit j for customer j), the node she
            is at (m: the start), and the time.
    """
    m, outcomes = law.shape
    for left in range((1 << m) - 1, -1, -1):
        for here in range(m + 1):
            if here < m and not left & (1 << here):
                continue
            for now in range(limit + 1):
                best = 0.0
                for node in range(m):
                    arrive, latest = now + distances[here, node], limit - home[node]
                    if left & (1 << node) or arrive > latest:
                        continue
                    after, total = left | (1 << node), 0.0
                    for k in range(outcomes):
                        over = arrive + law[node, k]
                        if over <= latest:
                            total += prizes[node] + values[after, node, over]
                        else:  # broken off
                            total += values[after, node, latest]
                    best = max(best, total / outcomes)
                values[left, here, now] = best


class ExactSession(InstanceSolver):
    """The optimal next visit of a small session with whole-number times."""

    name = "exact-session"

    def supports(self, problem: Problem) -> bool:
        """Whether the problem is one session without other rules."""
        return is_session(problem)

    def refusal(self, problem: Problem, instance: Instance, time_limit: float) -> str | None:
        """Refuse times that are not whole numbers, and too many states."""
        assert instance.law_service_times is not None
        assert instance.max_length is not None
        numbers = (instance.distances, instance.law_service_times, np.array(instance.max_length))
        if any((values != np.floor(values)).any() for values in numbers):
            return f"{self.name}: expected whole-number distances, durations and length of the session"
        m = instance.size - 1
        states = 2.0**m * (m + 1) * (instance.max_length + 1)
        if states > MOST_STATES:
            return f"{instance.size} nodes: {self.name} has {states:.0f} states, expected at most {MOST_STATES}"
        return None

    def solve_one(self, task: Task) -> Solution:
        """The best next visit; the plan ends after it."""
        values, customers = optimal_values(task.instance)
        limit = values.shape[2] - 1
        best, node = 0.0, -1
        for j, customer in enumerate(customers):
            value = _value_of_visit(task.instance, values, customers, j, limit)
            if value > best:
                best, node = value, customer
        tour = [task.instance.depot, *([node] if node >= 0 else [])]
        if task.instance.finish != task.instance.depot:
            tour.append(task.instance.finish)
        return check(task.problem, task.instance, [tour])


def is_session(problem: Problem) -> bool:
    """Whether a problem is one session of uncertain visits, without other rules."""
    return {type(rule) for rule in problem.rules} == {VisitAtMostOnce, Session} and problem.objective.terms == (
        "prize",
    )


def optimal_values(instance: Instance) -> tuple[Floats, list[int]]:
    """The values of `fill_values` for an instance with nothing under way, and the customers in their order there."""
    assert instance.law_service_times is not None
    assert instance.prizes is not None
    assert instance.max_length is not None
    customers = [node for node in range(instance.size) if node not in (instance.depot, instance.finish)]
    nodes = np.array([*customers, instance.depot])
    m, limit = len(customers), int(instance.max_length)
    distances = instance.legs(nodes[:, None], nodes[None]).astype(np.int64)
    home = instance.legs(nodes, np.full(m + 1, instance.finish)).astype(np.int64)
    values = np.zeros((1 << m, m + 1, limit + 1))
    law = instance.law_service_times[customers].astype(np.int64)
    fill_values(distances, home, law, instance.prizes[customers], limit, values)
    return values, customers


def _value_of_visit(instance: Instance, values: Floats, customers: list[int], j: int, limit: int) -> float:
    """Expected prize if customer j is next, at the start of the session."""
    assert instance.law_service_times is not None
    assert instance.prizes is not None
    node = customers[j]
    arrive = int(instance.legs(instance.depot, node))
    latest = limit - int(instance.legs(node, instance.finish))
    if arrive > latest:
        return -1.0
    total = 0.0
    for duration in instance.law_service_times[node].astype(np.int64).tolist():
        over = arrive + duration
        prize = float(instance.prizes[node]) if over <= latest else 0.0
        total += prize + float(values[1 << j, j, min(over, latest)])
    return total / instance.law_service_times.shape[1]
