"""Proved bounds on objectives: no solution is better.

The shape of the tours, the rules and the objective determine which bound is computed. Each bound is of a
relaxation, which drops some of the rules; a rule that is unknown here makes the bound weaker, never wrong.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tsp.instance import Instance
from tsp.problems import (
    Capacity,
    CompulsoryVisits,
    LengthBudget,
    MaxVisits,
    SplitDelivery,
    TimeWindows,
    VisitAtMostOnce,
)
from tsp.tolerance import allowance, outer_limit
from tsp.underway import as_cycle

from .ascent import ascend
from .guides import sorted_edges

if TYPE_CHECKING:
    from baselines.kernels.geometry import Array
    from tsp.budget import Clock
    from tsp.instance import Integers
    from tsp.problems import Problem

NEIGHBOURS = 7
"""Nearest neighbours of each node whose edges an ascent begins with, in addition to those of a triangulation."""

PREPARATION = 3e-5
"""Seconds a node for the shortest ascent and its proof; with less time there is no bound."""

LARGEST_ASSIGNMENT = 2000
"""The most nodes for which an assignment is solved (within a few seconds)."""

LARGEST_REMADE = 2000
"""The most nodes for which prizes are bounded, or a modified matrix is made."""

PRICINGS = 200
"""Steps of the search for the division of lengths that gives the smallest prize bound."""

ROUNDING = 1e-9
"""Relative rounding error of sums of floats."""


def bound(problem: Problem, instance: Instance, clock: Clock) -> float | None:
    """A bound on the objective of every solution; None where no bound is known.

    Args:
        problem: with its rules and objective.
        instance: with nothing under way.
        clock: the time limit, which may be exceeded a little.

    Returns:
        a lower bound where the objective is minimized, else an upper bound.
    """
    if instance.underway is not None or problem.reveals:
        return None
    terms, sense = problem.objective.terms, problem.objective.sense
    if sense == "max":
        return prize_bound(problem, instance, clock) if terms == ("prize",) else None
    if not problem.visits_all or len(terms) != 1:
        return None
    length = length_bound(problem, instance, clock)
    if length is None or terms == ("length",):
        return length
    if terms == ("longest",):
        return None if instance.num_tours is None else _rounded_up(instance, length / instance.num_tours)
    if terms == ("makespan",) and problem.shape.has_one_depot_tour and instance.time_windows is not None:
        service = _service(instance, instance.depot)
        return max(0.0, float(instance.time_windows[instance.depot, 0])) + float(service.sum()) + length
    return None


def length_bound(problem: Problem, instance: Instance, clock: Clock) -> float | None:
    """A lower bound on the length of all tours together, if they visit every node.

    The bound is that of the 1-tree for symmetric distances, that of the assignment for others. A path
    becomes a closed tour through one more node. Several tours become one closed tour by shortcuts at the
    depot, where each distance is at most that by way of the depot. With a capacity the radial bound holds
    too: demands times distances from the depot (Haimovich, Rinnooy Kan, "Bounds and heuristics for
    capacitated routing problems", Mathematics of Operations Research 10, 1985).

    Args:
        problem: that visits all nodes.
        instance: with nothing under way.
        clock: the time limit.
    """
    ends = {instance.depot, instance.finish} if problem.shape.has_depot else {instance.depot}
    several, open_ended = problem.shape.has_several_tours, problem.shape.is_path or len(ends) > 1
    if instance.size < 3 or ((several or open_ended) and instance.size > LARGEST_REMADE):
        return None
    if several:
        if open_ended:
            return None
        distances = _past_depot(problem, instance, clock)
        if distances is None:
            return _radial_bound(problem, instance)
        needed = _needed(problem, instance)
        joined = Instance(matrix=distances[np.ix_(needed, needed)])
        bounds = [_radial_bound(problem, instance), _tour_bound(joined, clock)]
        return max((value for value in bounds if value is not None), default=None)
    if not open_ended:
        return _tour_bound(instance, clock)
    if not instance.symmetric:
        return _tour_bound(as_cycle(problem, instance)[1].instance, clock)
    return _path_bound(problem, instance, clock)


def _tour_bound(instance: Instance, clock: Clock) -> float | None:
    """A lower bound on closed tours through every node."""
    n = instance.size
    if n < 3:
        return float(instance.tour_length(np.arange(n)))
    if not instance.symmetric:
        return _assignment_bound(instance) if n <= LARGEST_ASSIGNMENT else None
    if clock.remaining < PREPARATION * n:
        return None
    _, geometry, pairs = sorted_edges(instance, NEIGHBOURS)
    return _rounded_up(instance, ascend(geometry, pairs, clock).bound)


def _assignment_bound(instance: Instance) -> float:
    """The shortest total length of closed tours, any number of them, that together visit every node."""
    from scipy.optimize import linear_sum_assignment

    cost = instance.distances.copy()
    np.fill_diagonal(cost, np.inf)
    rows, columns = linear_sum_assignment(cost)
    length = math.fsum(cost[rows, columns])
    return _rounded_up(instance, length - ROUNDING * length)


def _path_bound(problem: Problem, instance: Instance, clock: Clock) -> float | None:
    """A lower bound on symmetric paths, which become closed tours through one more node.

    That node is at distance 0 from each fixed end, or, where no end is fixed, from every node. From the other
    nodes it is so far that no tour gains by leaving out a fixed end.
    """
    start = None if problem.shape.is_path and instance.free_start else instance.depot
    fixed = [node for node in (start, instance.end) if node is not None]
    n = instance.size
    far = float(instance.distances.max()) if fixed else 0.0
    matrix = np.full((n + 1, n + 1), far)
    matrix[:n, :n] = instance.distances
    matrix[n, fixed] = matrix[fixed, n] = 0.0
    found = _tour_bound(Instance(matrix=matrix), clock)
    return None if found is None else max(0.0, found - far * (len(set(fixed)) == 1))


def _past_depot(problem: Problem, instance: Instance, clock: Clock) -> Array | None:
    """Distances with shortcuts by way of the depot (by way of any node, where nodes may be visited repeatedly).

    None where the clock runs out before.
    """
    distances, depot = instance.distances, instance.depot
    if problem.rule(SplitDelivery) is None:
        return np.minimum(distances, distances[:, depot, None] + distances[None, depot, :])
    out = distances.copy()
    for via in range(instance.size):
        if clock.remaining <= 0:
            return None
        np.minimum(out, out[:, via, None] + out[None, via, :], out=out)
    return out


def _needed(problem: Problem, instance: Instance) -> Integers:
    """The nodes that every solution visits: all or, where deliveries are split, those with a demand or required."""
    if problem.rule(SplitDelivery) is None or instance.demands is None:
        return np.arange(instance.size)
    needed = instance.demands > allowance(float(instance.demands.max()))
    if problem.rule(CompulsoryVisits) is not None and instance.required is not None:
        needed |= instance.required > 0
    needed[instance.depot] = True
    return np.flatnonzero(needed)


def _radial_bound(problem: Problem, instance: Instance) -> float | None:
    """The radial bound: demands times the distances from and to the depot, divided by the capacity."""
    if problem.rule(Capacity) is None or instance.demands is None or not instance.capacity:
        return None
    out = _shortest(instance.distances, instance.depot)
    back = _shortest(instance.distances.T, instance.depot)
    return _rounded_up(instance, math.fsum(instance.demands * (out + back)) / outer_limit(instance.capacity))


def prize_bound(problem: Problem, instance: Instance, clock: Clock) -> float | None:
    """An upper bound on the prizes that tours of limited length can collect.

    The length of every leg is divided between its two nodes, so that a visit takes at least the node's two
    smallest shares of the length budget: a fractional knapsack. Subgradient steps on the nodes' potentials
    improve the division, towards the bound of the relaxation to degrees of two.

    Args:
        problem: whose objective is the sum of prizes.
        instance: with nothing under way.
        clock: the time limit.
    """
    assert instance.prizes is not None
    n = instance.size
    if problem.rule(VisitAtMostOnce) is None or not problem.shape.has_depot or n > LARGEST_REMADE:
        return None
    tours = (instance.num_tours or n) if problem.shape.has_several_tours else 1
    distances = np.minimum(instance.distances, instance.distances.T)
    there = _shortest(instance.distances, instance.depot) + _shortest(instance.distances.T, instance.finish)
    customers = np.setdiff1d(np.arange(n), [instance.depot, instance.finish])
    best = math.inf
    most = problem.rule(MaxVisits)
    for limit, extra in _budgets(problem, instance):
        reached = customers[(there + extra)[customers] <= limit]
        prizes = instance.prizes[reached]
        best = min(best, float(np.sort(prizes)[::-1][: None if most is None else most.most].sum()))
        if len(reached):
            nodes = np.concatenate([[instance.depot, instance.finish], reached])
            shared = _knapsack_bound(distances[np.ix_(nodes, nodes)], prizes, extra[reached], limit, tours, clock)
            best = min(best, shared)
    best *= 1.0 + ROUNDING
    whole = bool((instance.prizes == np.floor(instance.prizes)).all())
    return float(math.floor(best)) if whole else best


def _budgets(problem: Problem, instance: Instance) -> list[tuple[float, Array]]:
    """The limits of each tour, each with the amount of it that a visit uses besides travel `[n]`; at least one."""
    out: list[tuple[float, Array]] = []
    if problem.rule(LengthBudget) is not None and instance.max_length is not None:
        out.append((outer_limit(instance.max_length), np.zeros(instance.size)))
    if problem.rule(TimeWindows) is not None and instance.time_windows is not None:
        opens, closes = instance.time_windows[instance.depot, 0], instance.time_windows[instance.finish, 1]
        service = _service(instance, instance.depot)
        begin = max(0.0, float(opens)) + float(service[instance.depot])
        out.append((outer_limit(float(closes), instance.first_opening) - begin, service))
    return out or [(math.inf, np.zeros(instance.size))]


def _knapsack_bound(distances: Array, prizes: Array, extra: Array, limit: float, tours: int, clock: Clock) -> float:
    """The smallest fractional knapsack over divisions of the legs' lengths.

    Args:
        distances: `[m + 2, m + 2]`, symmetric, of the start, the end (which may be the same node) and m customers.
        prizes: `[m]`.
        extra: `[m]`, the amount of the limit that each visit uses besides travel.
        limit: of each tour.
        tours: the most tours.
        clock: the time limit.
    """
    if not math.isfinite(limit):
        return float(prizes.sum())
    legs = distances.copy()
    np.fill_diagonal(legs, np.inf)
    legs[0, 1] = legs[1, 0] = np.inf  # a tour without customers collects nothing
    m = len(prizes)
    potentials, best = np.zeros(m + 2), math.inf
    for step in range(PRICINGS):
        left = legs - potentials
        two = np.argpartition(left[2:], 1, axis=1)[:, :2]
        shares = potentials[2:] + 0.5 * np.take_along_axis(left[2:], two, 1).sum(axis=1)
        ends = np.argmin(left[:2], axis=1)
        way = 0.5 * float((potentials[:2] + left[[0, 1], ends]).sum())
        size = shares.mean()
        room = (tours if limit > way else 1) * (limit - way)
        # Rounding errors must not make the knapsack smaller.
        room += ROUNDING * tours * (abs(limit) + abs(way) + float(np.abs(potentials).sum()))
        value, chosen = _fractional(prizes, shares + extra, room)
        best = min(best, value)
        if clock.remaining <= 0:
            break
        direction = np.zeros(m + 2)
        direction[2:] = chosen
        direction -= 0.5 * np.bincount(two.ravel(), np.repeat(chosen, 2), m + 2)
        direction[:2] += 0.5 * tours
        direction -= 0.5 * tours * np.bincount(ends, minlength=m + 2)
        potentials += 0.5 * abs(size) * (1.0 - step / PRICINGS) ** 2 * direction
    return best


def _fractional(values: Array, weights: Array, room: float) -> tuple[float, Array]:
    """The value of the fractional knapsack, and the share of each item taken; weights may be negative."""
    free = weights <= 0.0
    taken = free.astype(np.float64)
    room -= float(weights[free].sum())
    order = np.flatnonzero(~free)
    order = order[np.argsort(-values[order] / weights[order], kind="stable")]
    before = np.cumsum(weights[order]) - weights[order]
    taken[order] = np.clip((room - before) / weights[order], 0.0, 1.0)
    return float((values * taken).sum()), taken


def _shortest(distances: Array, start: int) -> Array:
    """Length of the shortest path from `start` to each node (Dijkstra)."""
    out = distances[start].copy()
    out[start] = 0.0
    done = np.zeros(len(out), dtype=bool)
    for _ in range(len(out)):
        node = int(np.argmin(np.where(done, np.inf, out)))
        done[node] = True
        np.minimum(out, out[node] + distances[node], out=out)
    return out


def _service(instance: Instance, depot: int) -> Array:
    """Service times `[n]`, without that of the end."""
    out = np.zeros(instance.size) if instance.service_times is None else instance.service_times.copy()
    if instance.finish != depot:
        out[instance.finish] = 0.0
    return out


def _rounded_up(instance: Instance, value: float) -> float:
    """The smallest possible length that is not below `value`."""
    return float(math.ceil(value)) if instance.integral else value
