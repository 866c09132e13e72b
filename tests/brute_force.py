"""Every solution of a tiny instance of up to 6 nodes, by enumeration: slow, plain, and decided by `check` alone.

`canonical` maps all spellings of one solution to one name.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import chain, combinations, permutations, product
from typing import TYPE_CHECKING

from instances import tiny_instance

from tsp.problems import PROBLEMS, AppearingSession, SplitDelivery
from tsp.solution import check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy as np

    from tsp.instance import Instance, Realization
    from tsp.problems import Problem
    from tsp.solution import Solution

Canonical = tuple[tuple[int, ...], ...]


def canonical(problem: Problem, instance: Instance, tours: Iterable[Sequence[int]]) -> Canonical:
    """The one name of all spellings of a solution.

    Closed tours begin at the depot (their direction stays), several tours are sorted, and those of
    the depot alone are dropped there.
    """
    depot, finish = instance.depot, instance.finish
    out: list[tuple[int, ...]] = []
    for tour in tours:
        nodes = [int(node) for node in tour]
        if problem.shape.has_several_tours and set(nodes) <= {depot, finish}:
            continue
        if problem.shape.is_closed or (problem.shape.has_depot and depot == finish):
            i = nodes.index(depot)
            nodes = nodes[i:] + nodes[:i]
        out.append(tuple(nodes))
    return tuple(sorted(out))


def feasible_solutions(
    problem: Problem,
    instance: Instance,
    realization: Realization | None = None,
    checked: Mapping[Canonical, Solution] | None = None,
) -> dict[Canonical, Solution]:
    """All solutions that `check` accepts, by their canonical names.

    Where deliveries are split: those that deliver as much as possible, and more than nothing, at each node.

    Args:
        problem: has the rules.
        instance: tiny.
        realization: the real values of hidden numbers.
        checked: by `as_key`, what `check` has said of some tours already.
    """
    known = checked or {}
    walks = _split_walks if problem.rule(SplitDelivery) else _walks
    found: dict[Canonical, Solution] = {}
    for tours in walks(problem, instance, realization):
        name = canonical(problem, instance, tours)
        if name not in found:
            solution = known.get(as_key(tours)) or check(problem, instance, tours, realization=realization)
            if solution.feasible:
                found[name] = solution
    return found


def as_key(tours: Iterable[Sequence[int]]) -> Canonical:
    """Tours as they are, as a key."""
    return tuple(tuple(tour) for tour in tours)


def best_by_enumeration(problem: Problem, instance: Instance) -> tuple[float | None, list[Canonical]]:
    """The best objective, None where nothing is feasible; and all feasible solutions' canonical names."""
    found = feasible_solutions(problem, instance)
    return best_of(problem, found.values()), list(found)


def best_of(problem: Problem, solutions: Iterable[Solution]) -> float | None:
    """The best objective of feasible solutions; None of none."""
    pick = min if problem.objective.sense == "min" else max
    return pick((solution.objective for solution in solutions), default=None)


KINDS = 120
"""Seeds that differ by this give the same kind of tiny instance: the same end, distances and tightness."""


def _enumerable(problem: Problem) -> Problem:
    """The problem with few waits, so that its solutions can be enumerated."""
    rules = tuple(AppearingSession(1.0) if isinstance(rule, AppearingSession) else rule for rule in problem.rules)
    return replace(problem, rules=rules)


ENUMERABLE = {name: _enumerable(problem) for name, problem in PROBLEMS.items()}
"""Problems by name, in a form whose solutions can be enumerated."""


def solvable_instance(
    problem: Problem, seed: int, n: int = 5, suits: Callable[[Solution], bool] = lambda solution: True
) -> tuple[Instance, list[Solution]]:
    """A tiny instance that has a solution, and all its solutions, so that no test has to leave one out.

    It is that of the seed, else of the next one of its kind.

    Args:
        problem: as for `tiny_instance`.
        seed: as for `tiny_instance`.
        n: as for `tiny_instance`.
        suits: which solutions count; None of the others is returned.
    """
    for later in range(seed, seed + 50 * KINDS, KINDS):
        instance, solutions = _enumerated(problem, later, n)
        found = [solution for solution in solutions if suits(solution)]
        if found:
            return instance, found
    raise AssertionError(f"no instance of {problem.name} like that of seed {seed} has a solution")


@lru_cache(maxsize=256)
def _enumerated(problem: Problem, seed: int, n: int) -> tuple[Instance, list[Solution]]:
    """A tiny instance and all its solutions, which tests of many solvers share."""
    instance = tiny_instance(problem, seed, n)
    return instance, list(feasible_solutions(problem, instance).values())


def _orders(nodes: Iterable[int]) -> Iterator[tuple[int, ...]]:
    """Every order of every selection of nodes, none of them first."""
    nodes = list(nodes)
    return chain.from_iterable(permutations(nodes, k) for k in range(len(nodes) + 1))


def _walks(problem: Problem, instance: Instance, realization: Realization | None) -> Iterator[list[list[int]]]:
    depot, finish = instance.depot, instance.finish
    if problem.shape.is_path:
        for order in _orders(range(instance.size)):
            yield [list(order)]
        return
    if problem.shape.is_closed:
        finish = depot
    closing = [] if finish == depot else [finish]
    customers = [node for node in range(instance.size) if node not in (depot, finish)]
    if problem.may_wait:
        yield from _waiting_walks(problem, instance, customers, closing, realization)
        return
    if not problem.shape.has_several_tours:
        for order in _orders(customers):
            for stays in product((1, 2), repeat=len(order)) if problem.may_stay else ((1,) * len(order),):
                yield [[depot, *(x for node, k in zip(order, stays, strict=True) for x in (node,) * k), *closing]]
        return
    for chosen in chain.from_iterable(combinations(customers, k) for k in range(len(customers) + 1)):
        for groups in _partitions(list(chosen)):
            for tours in _ordered(groups):
                walks = [[depot, *tour, *closing] for tour in tours]
                # tours that have begun come first, so that their order counts
                yield from ([list(w) for w in permutations(walks)] if instance.underway else [walks])


def _waiting_walks(
    problem: Problem, instance: Instance, customers: list[int], closing: list[int], realization: Realization | None
) -> Iterator[list[list[int]]]:
    """Tours with waits, made step by step: what breaks a rule does so however it continues."""
    given = () if instance.underway is None else instance.underway.visited
    open_ones = [[instance.depot, *given]]
    if closing and list(given[-1:]) == closing:  # the tour is over
        yield open_ones
        return
    while open_ones:
        tour = open_ones.pop()
        if not check(problem, instance, [[*tour, *closing]], realization=realization).feasible:
            continue
        if len(tour) == 1 + len(given) or closing or set(tour) != {instance.depot}:  # else the empty tour
            yield [[*tour, *closing]]
        open_ones += [[*tour, node] for node in [tour[-1], *customers] if node == tour[-1] or node not in tour]


def _partitions(nodes: list[int]) -> Iterator[list[list[int]]]:
    if not nodes:
        yield []
        return
    first, *rest = nodes
    for groups in _partitions(rest):
        yield [[first], *groups]
        for i, group in enumerate(groups):
            yield [*groups[:i], [first, *group], *groups[i + 1 :]]


def _ordered(groups: list[list[int]]) -> Iterator[list[tuple[int, ...]]]:
    if not groups:
        yield []
        return
    for order in permutations(groups[0]):
        for rest in _ordered(groups[1:]):
            yield [order, *rest]


def _split_walks(problem: Problem, instance: Instance, realization: Realization | None) -> Iterator[list[list[int]]]:
    """Tours on which every visit delivers something, until all demands are met; made step by step."""
    depot, finish = instance.depot, instance.finish
    closing = [] if finish == depot else [finish]
    customers = [node for node in range(instance.size) if node not in (depot, finish)]

    seen: set[tuple[Canonical, tuple[int, ...], tuple[float, ...], float]] = set()

    def extend(tours: list[list[int]], wanted: np.ndarray) -> Iterator[list[list[int]]]:
        yield [[*tour, *closing] for tour in tours]
        if instance.num_tours is not None and len(tours) > instance.num_tours:
            return
        for node in (node for node in customers if wanted[node] > 0):
            onward = [[*tours[:-1], [*tours[-1], node]]] if tours else []
            for longer in [*onward, [*tours, [depot, node]]]:
                amounts = check(problem, instance, [[*tour, *closing] for tour in longer]).amounts
                if amounts is None or amounts[-1][len(longer[-1]) - 1] <= 0:
                    continue
                left = wanted.copy()
                left[node] -= amounts[-1][len(longer[-1]) - 1]
                finished = tuple(sorted(tuple(tour) for tour in longer[:-1]))
                state = (finished, tuple(longer[-1]), tuple(left), float(amounts[-1].sum()))
                if state not in seen:  # the rest is the same
                    seen.add(state)
                    yield from extend(longer, left)

    yield from extend([], instance.demands)
