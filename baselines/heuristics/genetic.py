"""A plain genetic algorithm, for every problem that an order of the customers can stand for.

Order crossover (Davis, IJCAI 1985) of parents chosen by tournament, a mutation now and then, the best
always kept. No local search: it is the talk's example of a classical tool, not the best of them.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import Array, Nodes, jit, kernel
from baselines.kernels.randomness import RANGE, Random, random_bits
from baselines.routes.giant_tour import Plan, decode, decoded_tours, empty_plan
from baselines.routes.model import RouteModel, visits_of
from baselines.routes.model_solver import ModelSolver
from baselines.trivial import SQUARE
from tsp.budget import Budget
from tsp.problems import get_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baselines.routes.state import Tours
    from tsp.budget import Clock
    from tsp.problems import Problem
    from tsp.solution import Solution

ELITE = 2
"""How many of the best go on unchanged."""

TOURNAMENT = 3

MUTATIONS = 0.5
"""How many of the children are mutated."""

DECODED = 20_000
"""Customers decoded between two looks at the clock."""


class People(NamedTuple):
    """A population.

    Attributes:
        orders: `[p, m]`.
        costs: `[p]`.
    """

    orders: Nodes
    costs: Array


@kernel
def _choose(people: People, random: Random) -> int:
    """The best of a few at random."""
    best = random_bits(random) % len(people.costs)
    for _ in range(TOURNAMENT - 1):
        other = random_bits(random) % len(people.costs)
        if people.costs[other] < people.costs[best]:
            best = other
    return best


@kernel
def cross(mother: Nodes, father: Nodes, child: Nodes, taken: Nodes, random: Random) -> None:
    """Order crossover: a stretch of the mother's, the others in the father's order from there on.

    Args:
        mother: `[m]`.
        father: `[m]`.
        child: `[m]`, is written to.
        taken: `[n]`, is written to.
        random: the generator's state.
    """
    m = len(child)
    first, length = random_bits(random) % m, 1 + random_bits(random) % m
    taken[:] = 0
    for i in range(length):
        node = mother[(first + i) % m]
        child[(first + i) % m] = node
        taken[node] = 1
    at = (first + length) % m
    for i in range(m):
        node = father[(first + length + i) % m]
        if taken[node] == 0:
            child[at] = node
            at = (at + 1) % m


@kernel
def mutate(child: Nodes, random: Random) -> None:
    """Exchange two customers, move one, or reverse a stretch."""
    m = len(child)
    kind = random_bits(random) % 3
    i, j = random_bits(random) % m, random_bits(random) % m
    if kind == 0:
        child[i], child[j] = child[j], child[i]
    elif kind == 1:
        node, step = child[i], 1 if i < j else -1
        while i != j:
            child[i] = child[i + step]
            i += step
        child[j] = node
    else:
        low, high = min(i, j), max(i, j)
        while low < high:
            child[low], child[high] = child[high], child[low]
            low, high = low + 1, high - 1


@kernel
def evolve(model: RouteModel, people: People, children: People, taken: Nodes, plan: Plan, random: Random) -> None:
    """One generation: `people` are replaced by the best of them and children."""
    p = len(people.costs)
    for k in range(ELITE):  # the first are the best: each is moved to its place
        best = k
        for i in range(k + 1, p):
            if people.costs[i] < people.costs[best]:
                best = i
        for i in range(people.orders.shape[1]):
            node = people.orders[k, i]
            people.orders[k, i] = people.orders[best, i]
            people.orders[best, i] = node
        cost = people.costs[k]
        people.costs[k] = people.costs[best]
        people.costs[best] = cost
    for k in range(ELITE, p):
        child = children.orders[k]
        cross(people.orders[_choose(people, random)], people.orders[_choose(people, random)], child, taken, random)
        if random_bits(random) < MUTATIONS * RANGE:
            mutate(child, random)
        children.costs[k] = decode(model, child, plan)[0]
    for k in range(ELITE, p):
        people.costs[k] = children.costs[k]
        for i in range(people.orders.shape[1]):
            people.orders[k, i] = children.orders[k, i]


@jit
def _measure(model: RouteModel, people: People, plan: Plan) -> None:
    for i in range(len(people.costs)):
        people.costs[i] = decode(model, people.orders[i], plan)[0]


class GeneticAlgorithm(ModelSolver):
    """A population of orders of the customers that evolves until the clock runs out.

    Args:
        population: how many.
        generations: stop after so many, which makes the answer a function of the instance and the
            seed alone if the time suffices; None: the clock decides.
    """

    def __init__(self, *, population: int = 100, generations: int | None = None) -> None:
        if population <= ELITE:
            raise ValueError(f"population: {population}, expected more than {ELITE}")
        if generations is not None and generations < 0:
            raise ValueError(f"generations: {generations}, expected 0 or more")
        self.name = "ga"
        self.population = population
        self.generations = generations

    def warm_up(self, problem: Problem) -> None:
        """Compile; what is compiled serves every problem."""
        GeneticAlgorithm(generations=1).solve(get_problem("tsp"), [SQUARE], Budget(60.0))

    def search(self, model: RouteModel, clock: Clock, *, seed: int, initial: Solution | None) -> Iterator[Tours]:
        """Evolve until the clock runs out or the generations are done."""
        plan, m = empty_plan(model), len(model.customers)
        random = np.array([seed % 2**64], dtype=np.uint64)
        people = self._begin(model, seed, initial)
        _measure(model, people, plan)
        children = People(people.orders.copy(), people.costs.copy())
        taken = np.zeros(len(model.distances), dtype=np.int32)
        least, generation, batch = np.inf, 0, max(1, DECODED // (self.population * m))
        while True:
            if people.costs.min() < least:
                least = float(people.costs.min())
                _, count = decode(model, people.orders[int(people.costs.argmin())], plan)
                yield decoded_tours(model, plan, count)
            if clock.remaining <= 0 or generation == self.generations:
                return
            for _ in range(batch if self.generations is None else min(batch, self.generations - generation)):
                evolve(model, people, children, taken, plan, random)
                generation += 1

    def _begin(self, model: RouteModel, seed: int, initial: Solution | None) -> People:
        """Random orders, the start's, and with time windows one by when they close."""
        rng = np.random.default_rng(seed)
        orders = rng.permuted(np.tile(model.customers, (self.population, 1)), axis=1)
        if initial is not None:
            orders[0] = visits_of(model, initial)
        if np.isfinite(model.nodes["closes"]).any():
            orders[1] = model.customers[np.argsort(model.nodes["closes"][model.customers], kind="stable")]
        return People(orders, np.full(self.population, np.inf))
