"""Tiny random instances of every problem, drawn by what the problem needs and not by its name."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from tsp.instance import LAWS, Instance
from tsp.problems import PROBLEMS, Session, SplitDelivery, get_problem

if TYPE_CHECKING:
    from tsp.problems import Problem


CERTAIN = {name: problem for name, problem in PROBLEMS.items() if problem.rule(Session) is None}
"""The problems without laws, which every solver for known or expected numbers may support."""


def tiny_instance(problem: Problem | str, seed: int, n: int = 5) -> Instance:
    """A random instance of `n` nodes with everything the problem needs; the same for the same seed.

    Even seeds give whole numbers, odd seeds other numbers. One seed in four has an asymmetric matrix, and one
    another end than the depot where the problem may have one (paths have all four kinds of ends in turn). One
    seed in five has another depot than the first node. Limits range from tight to loose; for one seed in three
    some answer reaches the limit exactly. Most instances have a solution, not all.
    """
    problem = get_problem(problem) if isinstance(problem, str) else problem
    rng = np.random.default_rng([seed, n, zlib.crc32(problem.name.encode())])
    whole, needs = seed % 2 == 0, set(problem.needs)
    given: dict[str, Any] = {"depot": n - 1 if seed % 5 == 4 else 0, "name": f"tiny {problem.name} {seed}"}
    if "matrix" in needs or seed % 4 == 2 or seed % 8 == 5:
        given["matrix"] = rng.integers(1, 100, (n, n)) if whole else rng.random((n, n))
    elif whole:
        given |= {"coordinates": rng.integers(0, 100, (n, 2)), "metric": "EUC_2D"}
    else:
        given["coordinates"] = rng.random((n, 2))
    ends = int(rng.choice([node for node in range(n) if node != given["depot"]])) if n > 1 else given["depot"]
    if problem.shape.is_path:
        given |= {"free_start": seed % 4 >= 2, "end": ends if seed % 2 else None}
    elif problem.shape.has_depot and seed % 4 == 3 and n > 1:
        given["end"] = ends
    place = Instance(**given)
    customers = [node for node in range(n) if node not in (place.depot, place.finish)]
    for need in sorted(needs | ({"num_tours"} if problem.shape.has_several_tours and seed % 4 == 1 else set())):
        if need in DRAWS and need not in given:
            given |= DRAWS[need](problem, place, customers, rng, whole, seed % 3 == 0)
    return Instance(**given)


def _values(rng: np.random.Generator, n: int, high: float, whole: bool) -> np.ndarray:
    return rng.integers(1, int(high) + 1, n).astype(float) if whole else high * rng.random(n)


def _some(rng: np.random.Generator, customers: list[int], least: int = 0) -> list[int]:
    """A few customers in random order."""
    return rng.permutation(customers)[: rng.integers(least, max(len(customers), least) + 1)].tolist()


def _demands(problem, place, customers, rng, whole, exact):
    demands = _values(rng, place.size, 9.0, whole)
    heaviest = max(demands[customers], default=1.0)
    if problem.rule(SplitDelivery) is not None:  # a capacity below or above the largest demand
        capacity = rng.uniform(0.7, 1.5) * heaviest
    else:
        capacity = max(demands[_some(rng, customers, 2)].sum() if exact else rng.uniform(1, 3) * heaviest, heaviest)
    capacity = np.ceil(capacity) if whole else capacity
    ends = [place.depot, place.finish]  # demands at the ends of tours do not count, and must not be refused
    demands[ends] = np.minimum(demands[ends], capacity)
    return {"demands": demands, "capacity": capacity}


def _max_length(problem, place, customers, rng, whole, exact):
    exactly = place.path_length([place.depot, *_some(rng, customers, 1), place.finish])
    if exact:
        return {"max_length": exactly}
    loosely = place.path_length([place.depot, *customers, place.finish])
    return {"max_length": place.path_length([place.depot, place.finish]) + rng.uniform(0.1, 0.9) * loosely}


def _prizes(problem, place, customers, rng, whole, exact):
    return {"prizes": _values(rng, place.size, 20.0, whole)}


def _quota(problem, place, customers, rng, whole, exact):
    """Mostly a share of all prizes; sometimes more than all, so that every node must be visited."""
    prizes = _values(rng, place.size, 20.0, whole)
    share = prizes[_some(rng, customers)].sum() if exact else rng.uniform(0.0, 1.1) * prizes[customers].sum()
    return {"prizes": prizes, "min_prize": share}


def _penalties(problem, place, customers, rng, whole, exact):
    return {"penalties": _values(rng, place.size, float(place.distances.mean()) + 1.0 * whole, whole)}


def _num_tours(problem, place, customers, rng, whole, exact):
    return {"num_tours": int(rng.integers(2, 4))}


def _time_windows(problem, place, customers, rng, whole, exact):
    """Windows around the visits of a random tour, which keeps them, from tight to loose; some never close."""
    n, day = place.size, place.path_length([place.depot, *customers, place.finish])
    service = rng.integers(0, 10, n) if whole else rng.random(n) / 5
    start = float(np.floor(rng.uniform(0, 0.3) * day)) if rng.random() < 0.5 else 0.0
    opens, closes = np.full(n, start), np.full(n, np.inf)
    width, now, at = rng.choice([0.05, 0.3, 1.0]) * day, start + service[place.depot], place.depot
    for node in rng.permutation(customers).tolist():
        now += place.path_length([at, node])
        before, after = (0.0, 0.0) if exact else rng.uniform(0, width, 2)
        opens[node] = max(0.0, now - before)
        closes[node] = now + after if rng.random() < 0.8 else np.inf
        at, now = node, now + service[node]
    now += place.path_length([at, place.finish])
    closes[place.finish] = now if exact else now + rng.uniform(0, width)
    if place.finish != place.depot:
        opens[place.finish] = 0.0
        closes[place.depot] = start
    if whole:
        opens, closes = np.floor(opens), np.ceil(closes)
    return {"time_windows": np.stack([opens, closes], -1), "service_times": service}


def _required(problem, place, customers, rng, whole, exact):
    required = np.zeros(place.size)
    required[_some(rng, customers)[:2]] = 1.0
    return {"required": required}


def _late_price(problem, place, customers, rng, whole, exact):
    """One instance in three may end late without a price."""
    return {"late_price": 0.0 if exact else float(_values(rng, 1, 5.0, whole)[0])}


def _service_times(problem, place, customers, rng, whole, exact):
    return {"service_times": rng.integers(0, 10, place.size) if whole else rng.random(place.size) / 5}


NEVER = {"law_waits", "law_appears"}
"""Laws whose values may be infinite: where nobody is there, or a node never appears."""


def _laws(problem, place, customers, rng, whole, exact):
    """Laws of what the problem hides, in which visits take up to a quarter of the session; some authors are absent."""
    outcomes = int(rng.integers(1, 5))
    longest = max(float(place.distances.mean()), 1.0 if whole else 0.0)
    given = {}
    for name in sorted(set(problem.needs) & set(LAWS)):
        high = 20.0 if name == "law_prizes" else longest
        law = np.stack([_values(rng, place.size, high, whole) for _ in range(outcomes)], -1)
        given[name] = np.where(rng.random(law.shape) < 0.2, np.inf, law) if name in NEVER else law
    if "law_appears" in given:
        given["law_appears"][rng.random(place.size) < 0.4] = 0.0
    if set(given) & NEVER:
        given["service_times"] = _values(rng, place.size, longest / 2 + 1.0 * whole, whole)
    return given


DRAWS = {
    **dict.fromkeys(LAWS, _laws),
    "required": _required,
    "service_times": _service_times,
    "num_tours": _num_tours,
    "min_prize": _quota,
    "prizes": _prizes,
    "penalties": _penalties,
    "capacity": _demands,
    "max_length": _max_length,
    "late_price": _late_price,
    "time_windows": _time_windows,
}
"""Attribute that a problem needs → the function that draws it, and others that belong to it."""
