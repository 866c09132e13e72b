"""Search for the a-priori order of a session with the largest expected prize: ruin and recreate, and reversals.

The expected gain of an insertion is that of the departures at its place: with the masses before it and the values
behind it known, it costs one backward step. It is a lower bound, since what is before it adapts afterwards.
"""

# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import kernel, part
from baselines.kernels.randomness import Random, random_below

from .values import (
    Grid,
    Nodes,
    Values,
    best_next,
    fill_arrival,
    fill_departure,
    fill_masses,
    fill_values,
    value_at,
)

if TYPE_CHECKING:
    from .sessions import Floats, Sessions

CANDIDATES = 16
"""Number of insertions, the most promising ones by their means, whose gain is computed."""
LONGEST_RUN = 4
"""The most successive nodes that are removed at once."""


DEVIATION = 0.003
"""An order is accepted if it is worth this share less than the best one (record-to-record travel, Dueck 1993)."""


class Order(NamedTuple):
    """An order under search.

    Attributes:
        nodes: `[n]` from its end.
        kept: `[n]` memory for the order before a change.
        best: `[n]` the best order so far.
        state: `[2]` number of nodes, and of nodes of the best order.
        used: `[n]` uint8: 1 for nodes that cannot be inserted, 2 for those of the order.
        means: `[n, 2]` mean prize and mean time of a visit.
        scores: `[CANDIDATES, 4]` memory: score, node, place and mean time that an insertion takes.
        random: state of the random numbers.
    """

    nodes: Nodes
    kept: Nodes
    best: Nodes
    state: Nodes
    used: Nodes
    means: Floats
    scores: Floats
    random: Random


def make_order(s: Sessions, gone: np.ndarray, seed: int) -> Order:
    """An empty order."""
    n = len(s.latest)
    there = np.isfinite(s.waits)
    time = np.where(there, s.waits, 0.0) + s.service
    counts = np.maximum(there.sum(1), 1)
    means = np.stack([(s.prizes * there).mean(1), (time * there).sum(1) / counts], 1)
    return Order(
        np.zeros(n + 1, np.int64),
        np.zeros(n + 1, np.int64),
        np.zeros(n + 1, np.int64),
        np.zeros(2, np.int64),
        gone.astype(np.int64),
        means,
        np.zeros((CANDIDATES, 4)),
        np.array([seed], np.uint64),
    )


@part
def _insert(order: Order, node: int, place: int) -> None:
    """Insert a node with `place` nodes behind it."""
    for i in range(order.state[0], place, -1):
        order.nodes[i] = order.nodes[i - 1]
    order.nodes[place] = node
    order.state[0] += 1
    order.used[node] = 2


@part
def _remove(order: Order, place: int) -> None:
    order.used[order.nodes[place]] = 0
    for i in range(place, order.state[0] - 1):
        order.nodes[i] = order.nodes[i + 1]
    order.state[0] -= 1


@part
def _mean_time(grid: Grid, mass: Floats) -> tuple[float, float]:
    """Total mass, and its mean time."""
    total, moment = 0.0, 0.0
    for g in range(grid.cells + 1):
        total += mass[g]
        moment += mass[g] * g
    return total, grid.start + grid.cell * moment / max(total, 1e-300)


@part
def _list_candidates(s: Sessions, grid: Grid, here: int, order: Order, values: Values, rate: float) -> int:
    """List the insertions that promise most by means: prize, less the price of the time that they take."""
    count, listed = order.state[0], 0
    for place in range(count, -1, -1):
        mass, time = _mean_time(grid, values.mass[place])
        if mass < 1e-3:
            continue
        before = here if place == count else order.nodes[place]
        for node in range(len(s.latest)):
            if order.used[node] != 0:
                continue
            arrive = time + s.distances[before, node]
            begin = max(arrive, s.opens[node])
            if arrive > s.latest[node] or begin > s.closes[node] + 0.1 * (s.limit - grid.start):
                continue
            detour = begin - time + order.means[node, 1]
            if place > 0:
                after = order.nodes[place - 1]
                detour += s.distances[node, after] - s.distances[before, after]
            noise = 0.9 + 0.2 * random_below(order.random, 1024) / 1024
            score = mass * (order.means[node, 0] - rate * detour) * noise
            if listed < CANDIDATES:
                slot = listed
                listed += 1
            else:
                slot = 0
                for i in range(1, CANDIDATES):
                    if order.scores[i, 0] < order.scores[slot, 0]:
                        slot = i
                if order.scores[slot, 0] >= score:
                    continue
            order.scores[slot, 0], order.scores[slot, 1], order.scores[slot, 2] = score, node, place
            order.scores[slot, 3] = detour
    return listed


@part
def _gain(s: Sessions, grid: Grid, here: int, order: Order, values: Values, node: int, place: int) -> float:
    """A lower bound of the expected gain of an insertion."""
    before = here if place == order.state[0] else order.nodes[place]
    leg = s.distances[before, node]
    fill_departure(s, grid, node, order.nodes, place, values, values.trial[0])
    fill_arrival(s, grid, node, values.trial[0], values.trial[1])
    gain = 0.0
    for g in range(grid.cells + 1):
        mass = values.mass[place, g]
        if mass > 0.0:
            arrive = grid.start + g * grid.cell + leg
            if arrive <= s.latest[node] + s.slack:
                gain += mass * max(0.0, value_at(grid, values.trial[1], arrive) - values.departure[place, g])
    return gain


@part
def _recreate(
    s: Sessions, grid: Grid, here: int, now: float, order: Order, values: Values, least: float, power: float
) -> int:
    """Insert nodes for as long as one adds at least `least`; the number of backward steps.

    The next one is that with the largest gain, divided by that power of the time that it takes.
    """
    steps = 0
    while True:
        count = order.state[0]
        fill_masses(s, grid, here, now, order.nodes, count, values)
        rate = values.departure[count, 0] / max(s.limit - now, 1e-12)
        listed = _list_candidates(s, grid, here, order, values, rate)
        best, node, place = 0.0, -1, 0
        for i in range(listed):
            gain = _gain(s, grid, here, order, values, int(order.scores[i, 1]), int(order.scores[i, 2]))
            worth = gain / max(order.scores[i, 3], grid.cell) ** power
            if gain > least and worth > best:
                best, node, place = worth, int(order.scores[i, 1]), int(order.scores[i, 2])
        steps += listed + count
        if node < 0:
            return steps
        _insert(order, node, place)
        fill_values(s, grid, order.nodes, count + 1, values, place)


@part
def _reverse(nodes: Nodes, low: int, high: int) -> None:
    while low < high:
        nodes[low], nodes[high] = nodes[high], nodes[low]
        low += 1
        high -= 1


@part
def _restore(order: Order, kept: Nodes, count: int) -> None:
    """Take back an order that was kept."""
    for i in range(order.state[0]):
        order.used[order.nodes[i]] = 0
    for i in range(count):
        order.nodes[i] = kept[i]
        order.used[kept[i]] = 2
    order.state[0] = count


@part
def _keep(order: Order, kept: Nodes) -> None:
    for i in range(order.state[0]):
        kept[i] = order.nodes[i]


@kernel
def complete_order(s: Sessions, grid: Grid, here: int, now: float, order: Order, values: Values, least: float) -> float:
    """Complete an order by best insertions; its expected prize."""
    fill_values(s, grid, order.nodes, order.state[0], values, 0)
    _recreate(s, grid, here, now, order, values, least, 0.0)
    return best_next(s, grid, here, order.nodes, order.state[0], values, now)[0]


@kernel
def improve(
    s: Sessions, grid: Grid, here: int, now: float, order: Order, values: Values, value: float, least: float, steps: int
) -> float:
    """Improve a completed order with about `steps` backward steps; its expected prize.

    Args:
        s: the session.
        grid: its times.
        here: where the tour is.
        now: the time.
        order: changed in place.
        values: filled for the order, and kept so.
        value: expected prize of the order.
        least: expected prize that an insertion must add.
        steps: number of backward steps.
    """
    current = value
    _keep(order, order.best)
    order.state[1] = order.state[0]
    while steps > 0:
        count = order.state[0]
        if count < 1:
            break
        _keep(order, order.kept)
        place = random_below(order.random, count)
        if count > 2 and random_below(order.random, 4) == 0:
            high = min(count - 1, place + 1 + random_below(order.random, 5))
            _reverse(order.nodes, place, high)
            fill_values(s, grid, order.nodes, count, values, place)
            steps -= count - place
        else:
            length = min(count - place, 1 + random_below(order.random, LONGEST_RUN))
            forbidden = order.nodes[place] if random_below(order.random, 2) == 0 else -1
            for _ in range(length):
                _remove(order, place)
            if forbidden >= 0:
                order.used[forbidden] = 1
            fill_values(s, grid, order.nodes, order.state[0], values, place)
            power = 0.5 * random_below(order.random, 3)
            steps -= _recreate(s, grid, here, now, order, values, least, power)
            if forbidden >= 0:
                order.used[forbidden] = 0
                steps -= _recreate(s, grid, here, now, order, values, least, power)
        steps -= 1
        new = best_next(s, grid, here, order.nodes, order.state[0], values, now)[0]
        if new > value:
            value = new
            _keep(order, order.best)
            order.state[1] = order.state[0]
        if new >= min(current, value * (1 - DEVIATION)):
            current = new
        else:
            _restore(order, order.kept, count)
            fill_values(s, grid, order.nodes, count, values, 0)
    _restore(order, order.best, order.state[1])
    fill_values(s, grid, order.nodes, order.state[0], values, 0)
    return value
