"""Proved bounds on objectives, whatever tours have been found: what no solution can be better than.

Which bound serves is decided by how tours run, the rules and the objective. Each forgets some of the
rules (a relaxation), so that a rule that is not known here makes it weaker, never wrong.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tsp.instance import Instance
from tsp.problems import Capacity, LengthBudget, MaxVisits, SplitDelivery, TimeWindows, VisitAtMostOnce
from tsp.solution import TOLERANCE
from tsp.underway import as_cycle

from .guides import sorted_edges
from .one_tree import ascend

if TYPE_CHECKING:
    from baselines.kernels.geometry import Array
    from tsp.budget import Clock
    from tsp.problems import Problem

NEIGHBOURS = 7
"""Nearest neighbours of each node whose edges an ascent begins with, beside a triangulation's."""

PREPARATION = 3e-5
"""Seconds a node that the shortest ascent and its proof take; with less time there is no bound."""

LARGEST_ASSIGNMENT = 2000
"""Nodes up to which an assignment is solved (within some seconds)."""

LARGEST_REMADE = 2000
"""Nodes up to which prizes are bounded, and matrices are made anew."""

PRICINGS = 200
"""Steps of the search for shares of length that let few prizes be collected."""

ROUNDING = 1e-9
"""Relative; what sums of floats may be off by."""


def bound(problem: Problem, instance: Instance, clock: Clock) -> float | None:
    """A number that no solution's objective is better than; None where none is known.

    Args:
        problem: with its rules and objective.
        instance: with nothing under way.
        clock: what it may take; it ends soon after at the latest.

    Returns:
        a lower bound where the objective is to be small, else an upper bound.
    """
    if instance.underway is not None or problem.hides_prizes:
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
    if terms == ("makespan",) and problem.shape == "tour" and instance.time_windows is not None:
        service = _service(instance, instance.depot)
        return max(0.0, float(instance.time_windows[instance.depot, 0])) + float(service.sum()) + length
    return None


def length_bound(problem: Problem, instance: Instance, clock: Clock) -> float | None:
    """A lower bound on the length of all tours together, if they visit every node.

    One-tree for symmetric distances, assignment for others. A path closes over one more node. Several
    tours join where they meet, at the depot, if no leg counts for more than the way past the depot;
    and they are no shorter than the demands are to be carried far (Haimovich, Rinnooy Kan, "Bounds and
    heuristics for capacitated routing problems", Mathematics of Operations Research 10, 1985).

    Args:
        problem: that visits all nodes.
        instance: with nothing under way.
        clock: what it may take.
    """
    ends = {instance.depot, instance.finish} if problem.from_depot else {instance.depot}
    several, open_ended = problem.shape == "tours", problem.shape == "path" or len(ends) > 1
    if instance.size < 3 or ((several or open_ended) and instance.size > LARGEST_REMADE):
        return None
    if several:
        if open_ended:
            return None
        joined = Instance(matrix=_past_depot(problem, instance))
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
    """The least length of closed tours, however many, that together visit every node."""
    from scipy.optimize import linear_sum_assignment

    cost = instance.distances.copy()
    np.fill_diagonal(cost, np.inf)
    rows, columns = linear_sum_assignment(cost)
    length = math.fsum(cost[rows, columns])
    return _rounded_up(instance, length - ROUNDING * length)


def _path_bound(problem: Problem, instance: Instance, clock: Clock) -> float | None:
    """A lower bound on symmetric paths: they are closed tours through one node more.

    It costs nothing to go there from an end that is fixed, or from anywhere if none is; else so much
    that it does not pay not to use that end.
    """
    start = None if problem.shape == "path" and instance.free_start else instance.depot
    fixed = [node for node in (start, instance.end) if node is not None]
    n = instance.size
    far = float(instance.distances.max()) if fixed else 0.0
    matrix = np.full((n + 1, n + 1), far)
    matrix[:n, :n] = instance.distances
    matrix[n, fixed] = matrix[fixed, n] = 0.0
    found = _tour_bound(Instance(matrix=matrix), clock)
    return None if found is None else max(0.0, found - far * (len(set(fixed)) == 1))


def _past_depot(problem: Problem, instance: Instance) -> Array:
    """Distances, none longer than by way of the depot (of all nodes, where visits may be repeated)."""
    distances, depot = instance.distances, instance.depot
    if problem.rule(SplitDelivery) is None:
        return np.minimum(distances, distances[:, depot, None] + distances[None, depot, :])
    out = distances.copy()
    for via in range(instance.size):
        np.minimum(out, out[:, via, None] + out[None, via, :], out=out)
    return out


def _radial_bound(problem: Problem, instance: Instance) -> float | None:
    """Each load goes out and back at least as far as each of its parts: demands times distances, by capacity."""
    if problem.rule(Capacity) is None or instance.demands is None or not instance.capacity:
        return None
    out = _shortest(instance.distances, instance.depot)
    back = _shortest(instance.distances.T, instance.depot)
    length = math.fsum(instance.demands * (out + back)) / instance.capacity
    return _rounded_up(instance, length * (1.0 - 2.0 * TOLERANCE))


def prize_bound(problem: Problem, instance: Instance, clock: Clock) -> float | None:
    """An upper bound on the prizes that tours of limited length can collect.

    Every leg's length is shared between its two nodes, so that a visit takes at least a node's two
    least shares: a fractional knapsack. How legs are shared is improved step by step (the subgradients
    of the shares' potentials), which leads to what a relaxation to degrees two would give.

    Args:
        problem: whose objective is the prizes' sum.
        instance: with nothing under way.
        clock: what it may take.
    """
    assert instance.prizes is not None
    n = instance.size
    if problem.rule(VisitAtMostOnce) is None or not problem.from_depot or n > LARGEST_REMADE:
        return None
    tours = (instance.num_tours or n) if problem.shape == "tours" else 1
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
    """What limits each tour, and what each visit takes of it beside the way there; always at least one."""
    out: list[tuple[float, Array]] = []
    if problem.rule(LengthBudget) is not None and instance.max_length is not None:
        out.append((_relaxed(instance.max_length), np.zeros(instance.size)))
    if problem.rule(TimeWindows) is not None and instance.time_windows is not None:
        opens, closes = instance.time_windows[instance.depot, 0], instance.time_windows[instance.finish, 1]
        service = _service(instance, instance.depot)
        begin = max(0.0, float(opens)) + float(service[instance.depot])
        out.append((_relaxed(float(closes)) - begin, service))
    return out or [(math.inf, np.zeros(instance.size))]


def _knapsack_bound(distances: Array, prizes: Array, extra: Array, limit: float, tours: int, clock: Clock) -> float:
    """The least fractional knapsack over ways to share the legs' lengths.

    Args:
        distances: `[m + 2, m + 2]`, symmetric, of the start, the end (perhaps the same) and m customers.
        prizes: `[m]`.
        extra: `[m]`, what each visit takes beside.
        limit: of each tour.
        tours: how many there may be.
        clock: when to stop.
    """
    if not math.isfinite(limit):
        return float(prizes.sum())
    legs = distances.copy()
    np.fill_diagonal(legs, np.inf)
    legs[0, 1] = legs[1, 0] = np.inf  # a tour that goes straight to its end collects nothing
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
    """The fractional knapsack's value, and how much of each is taken; weights may be negative."""
    free = weights <= 0.0
    taken = free.astype(np.float64)
    room -= float(weights[free].sum())
    order = np.flatnonzero(~free)
    order = order[np.argsort(-values[order] / weights[order], kind="stable")]
    before = np.cumsum(weights[order]) - weights[order]
    taken[order] = np.clip((room - before) / weights[order], 0.0, 1.0)
    return float((values * taken).sum()), taken


def _shortest(distances: Array, start: int) -> Array:
    """Length of the shortest way from `start` to each node, by whatever nodes (Dijkstra)."""
    out = distances[start].copy()
    out[start] = 0.0
    done = np.zeros(len(out), dtype=bool)
    for _ in range(len(out)):
        node = int(np.argmin(np.where(done, np.inf, out)))
        done[node] = True
        np.minimum(out, out[node] + distances[node], out=out)
    return out


def _service(instance: Instance, depot: int) -> Array:
    """How long visits take, without what comes after the end `[n]`."""
    out = np.zeros(instance.size) if instance.service_times is None else instance.service_times.copy()
    if instance.finish != depot:
        out[instance.finish] = 0.0
    return out


def _relaxed(limit: float) -> float:
    """A limit with what the checker forgives."""
    return limit + 2.0 * TOLERANCE * max(1.0, abs(limit)) if math.isfinite(limit) else limit


def _rounded_up(instance: Instance, value: float) -> float:
    """The least number not below `value` that a length can be."""
    return float(math.ceil(value)) if instance.integral else value
