"""Sessions with whole-number times, in which an exact program, the checker and planners agree to the bit."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from tsp.budget import Budget
from tsp.composition import problem_of
from tsp.instance import HIDDEN, Instance, Realization, Underway
from tsp.laws import with_known
from tsp.solution import check, session_end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsp.problems import Problem
    from tsp.solvers import Solver


def whole_session(
    name: str,
    seed: int,
    n: int,
    outcomes: int,
    limit: int = 300,
    *,
    windows: bool = False,
    late_price: float | None = None,
) -> Instance:
    """A session with n customers; visits take about an eighth of a session of 300."""
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 61, (n + 1, 2))
    distances = np.ceil(np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1)))
    times = np.round(rng.uniform(15, 60, (n + 1, 1)) * rng.lognormal(-0.25, 0.7, (n + 1, outcomes)))
    prizes = np.tile(rng.integers(5, 51, (n + 1, 1)), (1, outcomes)).astype(float)
    given = {}
    if name == "dop":
        law = np.round(rng.uniform(1, limit, (n + 1, outcomes)))
        law = np.where(rng.random(law.shape) < 0.15, np.inf, law)
        law[np.append(True, rng.random(n) < 0.3)] = 0  # there from the beginning
        service = np.round(0.4 * times.mean(1)) * (np.arange(n + 1) > 0)
        given |= {"law_appears": law, "prizes": prizes[:, 0] * (np.arange(n + 1) > 0), "service_times": service}
    elif name == "opst":
        times[0] = 0
        given |= {"law_service_times": times, "prizes": prizes[:, 0] * (np.arange(n + 1) > 0)}
    else:
        waits = np.where(rng.random(times.shape) < 0.12, np.inf, np.round(0.7 * times))
        law = np.where(np.isinf(waits), 0, np.round(2 * prizes * rng.random(times.shape)))
        waits[0], law[0] = 0, 0
        service = np.round(0.4 * times.mean(1)) * (np.arange(n + 1) > 0)
        given |= {"law_waits": waits, "law_prizes": law, "service_times": service}
    if windows:
        opens = np.round(rng.uniform(0, 0.6 * limit, n + 1)) * (np.arange(n + 1) > 0)
        closes = opens + np.round(rng.uniform(0.15 * limit, 0.4 * limit, n + 1))
        closes[0] = limit
        given["time_windows"] = np.stack([opens, closes], 1)
    return Instance(matrix=distances, max_length=limit, late_price=late_price, problem=name, **given)


def realizations(instance: Instance) -> list[Realization]:
    """Every joint outcome of all nodes, all equally likely."""
    laws = {name: law for name in HIDDEN if (law := getattr(instance, f"law_{name}")) is not None}
    outcomes = next(iter(laws.values())).shape[1]
    customers = np.arange(1, instance.size)
    found = []
    for drawn in product(range(outcomes), repeat=len(customers)):
        values = {name: law[:, 0].copy() for name, law in laws.items()}
        for name, law in laws.items():
            values[name][customers] = law[customers, list(drawn)]
        found.append(Realization(**values))
    return found


def best_policy(instance: Instance) -> float:
    """Expected prize of the best policy, by trying every one; prizes are the checker's."""
    problem, worlds = problem_of(instance), realizations(instance)

    def observed(world: Realization, node: int) -> tuple[float, ...]:
        hidden = (world.service_times, world.waits, world.prizes)
        return tuple(float(values[node]) for values in hidden if values is not None)

    def best(tour: list[int], possible: list[Realization]) -> float:
        """The sum over the possible worlds of the prize of the best policy that has made this tour."""
        made = [check(problem, instance, [tour], realization=world) for world in possible]
        if not all(solution.feasible for solution in made):
            return -np.inf
        value = sum(solution.objective for solution in made)
        nodes = [node for node in range(1, instance.size) if node not in tour]
        if problem.may_stay and len(tour) > 1 and tour[-1] != tour[-2]:
            nodes.append(tour[-1])
        for node in nodes:
            parts: dict[tuple[float, ...], list[Realization]] = {}
            for world in possible:
                parts.setdefault(observed(world, node), []).append(world)
            value = max(value, sum(best([*tour, node], part) for part in parts.values()))
        return value

    return best([0], worlds) / len(worlds)


class AppearingProgram:
    """The optimal policy of a small session with whole-number times in which nodes appear, by dynamic programming.

    It shares no code with the checker or the environment. A state is where she is, when, what she has visited, and
    which other nodes are there; every other node appears at one of its outcomes that are not over, all equally likely.
    """

    def __init__(self, instance: Instance, longest_wait: float) -> None:
        n, limit = instance.size, float(instance.max_length)
        self.distances, self.prizes, self.service = instance.distances, instance.prizes, instance.service_times
        self.windows = np.tile([0.0, np.inf], (n, 1)) if instance.time_windows is None else instance.time_windows
        self.latest = min(limit, self.windows[0, 1]) - self.distances[:, 0]
        self.wait = longest_wait * limit
        self.law = [sorted(row) for row in instance.law_appears.tolist()]
        self.start = float(self.windows[0, 0])
        self.value = cache(self._value)

    def expected(self) -> float:
        """The expected prize of the best policy; nodes all of whose outcomes are over are there."""
        there = frozenset(v for v in range(1, len(self.law)) if self.law[v][-1] <= self.start)
        return self.value(0, self.start, frozenset({0}), there)

    def _value(self, here: int, now: float, gone: frozenset[int], there: frozenset[int]) -> float:
        return max((value for _, value in self.actions(here, now, gone, there)), default=0.0)

    def actions(self, here: int, now: float, gone: frozenset[int], there: frozenset[int]) -> list[tuple[int, float]]:
        """Each action, a node or where she is, with its expected prize."""
        found = []
        for node in sorted(there):
            arrive = now + self.distances[here, node]
            if arrive <= self.latest[node]:
                over, prize = self._visit(node, arrive)
                rest = self._after(node, now, over, gone | {node}, there - {node})
                found.append((node, prize + rest))
        if now < self.latest[here]:
            found.append((here, self._waiting(here, now, gone, there)))
        return found

    def _visit(self, node: int, arrive: float) -> tuple[float, float]:
        opens, closes = self.windows[node]
        begin = max(arrive, opens)
        if begin > closes:
            return max(arrive, min(closes, self.latest[node])), 0.0
        if begin + self.service[node] > self.latest[node]:
            return max(arrive, self.latest[node]), 0.0
        return begin + self.service[node], self.prizes[node]

    def _after(self, here: int, now: float, later: float, gone: frozenset[int], there: frozenset[int]) -> float:
        """The expected value at a later time, over what appears until then."""
        hidden = [v for v in range(1, len(self.law)) if v not in gone and v not in there]
        chances = [self._chance(v, now, later) for v in hidden]
        return self._mean(here, later, gone, there, hidden, chances)

    def _waiting(self, here: int, now: float, gone: frozenset[int], there: frozenset[int]) -> float:
        """The expected value of a wait: over the time at which the first nodes appear, and which ones these are."""
        hidden = [v for v in range(1, len(self.law)) if v not in gone and v not in there]
        end = min(now + self.wait, self.latest[here])
        times = sorted({t for v in hidden for t in self.law[v] if now < t <= end} | {end})
        total, none_yet = 0.0, 1.0
        before = now
        for time in times:
            chances = [self._chance(v, before, time) for v in hidden]
            none = float(np.prod([1 - chance for chance in chances]))
            total += none_yet * self._mean(here, time, gone, there, hidden, chances, some=time < end)
            none_yet, before = none_yet * none, time
        return total

    def _chance(self, node: int, now: float, later: float) -> float:
        ahead = [t for t in self.law[node] if t > now]
        return sum(t <= later for t in ahead) / len(ahead) if ahead else 0.0

    def _mean(
        self,
        here: int,
        now: float,
        gone: frozenset[int],
        there: frozenset[int],
        hidden: Sequence[int],
        chances: Sequence[float],
        *,
        some: bool = False,
    ) -> float:
        """The mean value over which hidden nodes have appeared; `some`: only where at least one has."""
        total = 0.0
        for seen in product((False, True), repeat=len(hidden)):
            chance = float(np.prod([c if s else 1 - c for c, s in zip(chances, seen, strict=True)]))
            if chance > 0 and (any(seen) or not some):
                new = frozenset(v for v, s in zip(hidden, seen, strict=True) if s)
                total += chance * self.value(here, now, gone, there | new)
        return total


def best_appearing_policy(problem: Problem, instance: Instance) -> float:
    """Expected prize of the best policy where nodes appear, by trying every one; prizes and times are the checker's."""
    worlds = realizations(instance)

    def best(tour: list[int], possible: list[Realization]) -> float:
        made = [check(problem, instance, [tour], realization=world) for world in possible]
        if not all(solution.feasible for solution in made):
            return -np.inf
        value = sum(solution.objective for solution in made)
        for node in range(instance.size):
            if node in tour and node != tour[-1]:
                continue
            parts: dict[tuple[object, ...], list[Realization]] = {}
            for world in possible:
                now = session_end(problem, instance, [*tour, node], world)
                parts.setdefault((now, *(world.appears <= now)), []).append(world)
            value = max(value, sum(best([*tour, node], part) for part in parts.values()))
        return value

    return best([instance.depot], worlds) / len(worlds)


def value_of_planning(solver: Solver, problem: Problem, instance: Instance, time_limit: float) -> float:
    """Expected prize of the steps of a solver where nodes appear, over every joint outcome."""

    def follow(tour: list[int], possible: list[Realization]) -> float:
        world = possible[0]
        now = session_end(problem, instance, tour, world)
        begun = replace(instance, underway=Underway(tuple(tour[1:]), elapsed=now)) if len(tour) > 1 else instance
        found = solver.solve(problem, [with_known(begun, world, [])], Budget(time_limit))[0]
        if len(found.tours[0]) == len(tour):
            return sum(check(problem, instance, [tour], realization=each).objective for each in possible)
        longer = [*tour, int(found.tours[0][len(tour)])]
        parts: dict[tuple[object, ...], list[Realization]] = {}
        for each in possible:
            later = session_end(problem, instance, longer, each)
            parts.setdefault((later, *(each.appears <= later)), []).append(each)
        return sum(follow(longer, part) for part in parts.values())

    worlds = realizations(instance)
    return follow([instance.depot], worlds) / len(worlds)
