"""The solvers on several tours under way, compared with a plain enumeration that knows nothing of the checker."""

from dataclasses import replace
from itertools import pairwise, permutations, product

import numpy as np
import pytest

from tsp.budget import Budget
from tsp.composition import validated_problem
from tsp.instance import Instance, Underway
from tsp.solution import check
from tsp.solvers.registry import make

SOLVERS = {name: make(name) for name in ("ls(kicks=500)", "ortools", "cpsat")}
LIMITS = {"ortools": 0.25}
WITHIN = {"cpsat": 1e-6}


def drawn(kind, seed):
    """Seven nodes with two tours on their way; some have room for one more tour, some for any number."""
    rng = np.random.default_rng([seed, len(kind)])
    n = 7
    given = {"coordinates": rng.integers(0, 50, (n, 2)).astype(float)}
    orders = rng.permutation(np.arange(1, n)).tolist()
    first, second = orders[: 1 + seed % 2], orders[2:3]
    used = [{"travelled": float(rng.integers(20, 60))}, {}] if "length" in kind or "mtsp" in kind else [{}, {}]
    if "windows" in kind:
        opens = rng.integers(0, 60, n).astype(float)
        opens[0] = 0.0
        closes = opens + rng.integers(80, 200, n)
        closes[0] = 400.0
        given |= {"time_windows": np.stack([opens, closes], 1), "service_times": rng.integers(0, 9, n).astype(float)}
        drawn = rng.integers(40, 120, 2).tolist()
        times = [max(time, *opens[visited]) for time, visited in zip(drawn, (first, second), strict=True)]
        used = [{**one, "elapsed": float(time)} for one, time in zip(used, times, strict=True)]
    if "cvrp" in kind:
        given |= {"demands": rng.integers(1, 5, n).astype(float), "capacity": 11.0}
        used[1]["load"] = float(rng.integers(0, 8))
    if "length" in kind:
        given["max_length"] = 190.0
    if kind.startswith("mtsp") or seed % 3 == 0:
        given["num_tours"] = 3
    name = {"c": "cvrptw" if "windows" in kind else "cvrp", "v": "vrptw", "m": "mtsp"}[kind[0]]
    tours = [Underway(tuple(visited), **one) for visited, one in zip((first, second), used, strict=True)]
    return Instance(**given, problem=name, name=kind, underway=replace(tours[0], others=(tours[1],)))


def cost_of(instance, order, begun, now):
    """Length of a tour that begins as given, then has this order; None where it breaks a limit."""
    distances, service = instance.distances, instance.service_times
    service = np.zeros(instance.size) if service is None else service
    at, time, length, visits, load = 0, now, 0.0, 0.0, 0.0
    if begun is not None:
        path = [0, *begun.visited]
        at, length = path[-1], sum(distances[a, b] for a, b in pairwise(path))
        length = length if begun.travelled is None else begun.travelled
        visits = float(service[list(begun.visited)].sum())
        time = now if begun.elapsed is None else begun.elapsed
        if instance.demands is not None:
            load = instance.demands[list(begun.visited)].sum() if begun.load is None else begun.load
    for node in (*order, 0):
        length, time, at = length + distances[at, node], time + distances[at, node], node
        if instance.time_windows is not None:
            time = max(time, instance.time_windows[node, 0])
            if time > instance.time_windows[node, 1]:
                return None
        if node:
            time, visits = time + service[node], visits + service[node]
            load += 0.0 if instance.demands is None else instance.demands[node]
    if instance.max_length is not None and length + visits > instance.max_length + 1e-9:
        return None
    return None if instance.capacity is not None and load > instance.capacity else length


def best_by_plain_enumeration(instance):
    """The optimum over all ways to give the nodes left to the two tours and to new ones; None where there is none."""
    begun = list(instance.underway.tours)
    left = [node for node in range(1, instance.size) if all(node not in tour.visited for tour in begun)]
    new = len(left) if instance.num_tours is None else instance.num_tours - len(begun)
    times = [tour.elapsed for tour in begun if tour.elapsed is not None]
    now = 0.0 if instance.service_times is None else float(instance.service_times[0])
    now = max([now, min(times)]) if times else now
    memo = {}

    def cheapest(nodes, k):
        key = (nodes, min(k, len(begun)))
        if key not in memo:
            tour = begun[k] if k < len(begun) else None
            costs = [cost_of(instance, order, tour, now) for order in permutations(nodes)]
            memo[key] = min((cost for cost in costs if cost is not None), default=None)
        return memo[key]

    best = None
    for places in product(range(len(begun) + new), repeat=len(left)):
        costs = []
        for k in range(len(begun) + new):
            nodes = tuple(node for node, place in zip(left, places, strict=True) if place == k)
            if nodes or k < len(begun):
                costs.append(cheapest(nodes, k))
        if None not in costs:
            value = max(costs) if instance.problem == "mtsp" else sum(costs)
            best = value if best is None else min(best, value)
    return best


KINDS = ["cvrp", "cvrp with length", "cvrp in windows", "cvrp in windows with length", "vrptw in windows",
         "vrptw in windows with length", "mtsp", "mtsp in windows"]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", KINDS)
def test_solvers_continue_several_tours_as_a_plain_enumeration_does(kind, seed):
    instance = drawn(kind, seed)
    problem, best = validated_problem(instance), best_by_plain_enumeration(instance)
    for name, solver in SOLVERS.items():
        solver.warm_up(problem)
        answer = solver.solve(problem, [instance], Budget(LIMITS.get(name, 30.0)))[0]
        assert answer.feasible == (best is not None), (name, answer.violations)
        if best is not None:
            assert answer.objective == pytest.approx(best, rel=WITHIN.get(name, 1e-2)), name
            again = check(problem, replace(instance, underway=None), answer.tours)
            for tour, begun in zip(again.tours, instance.underway.tours, strict=False):
                assert tour[1 : 1 + len(begun.visited)].tolist() == list(begun.visited)
            assert answer.bound is None or answer.bound <= best * (1 + 1e-6)
            assert name != "cpsat" or answer.proved_optimal


def test_rounding_in_a_model_does_not_stop_tours_that_leave_at_an_exact_time():
    n, rng = 250, np.random.default_rng(1)
    windows = np.tile([0.0, 1e5], (n, 1))
    begun = [Underway((node,)) for node in range(1, 6)]
    instance = Instance(
        rng.random((n, 2)) * 1000.0, problem="vrptw", time_windows=windows, underway=replace(begun[0], others=begun[1:])
    )
    answer = SOLVERS["ortools"].solve(validated_problem(instance), [instance], Budget(0.6))[0]
    assert answer.feasible, answer.violations
