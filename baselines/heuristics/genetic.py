"""A simple genetic algorithm, for every problem whose solutions can be decoded from an order of the customers.

Order crossover (Davis, IJCAI 1985) of parents chosen by tournament, random mutations, and an elite that is kept.
There is no local search: the algorithm is an example of a classical method, not a strong one.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import Array, Nodes, jit, kernel
from baselines.kernels.randomness import RANGE, Random, random_bits
from baselines.routes.giant_tour import Plan, decode, decoded_tours, empty_plan
from baselines.routes.model import CLOSES, RouteModel, visits_of
from baselines.routes.model_solver import ModelSolver
from baselines.trivial import SQUARE
from tsp.budget import Budget
from tsp.problems import get_problem
from tsp.solvers import slow_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baselines.routes.state import Tours
    from tsp.budget import Clock
    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution

MOST_MEMBERS = 10_000
"""The most members of a population: all are in memory."""

ELITE = 2
"""Number of the best orders that are kept unchanged."""

TOURNAMENT = 3
"""Number of orders of which the best becomes a parent."""

MUTATIONS = 0.5
"""Share of the children that are mutated."""

DECODED = 20_000
"""Customers decoded between two readings of the clock, where there are few customers."""

PIECES = 10
"""A generation that decodes more customers than this is divided into pieces of a tenth of the number."""


ORDER = 2e-8
"""Seconds for each pair of nodes in which an order is divided into tours of any length, and its tours are read."""


class Population(NamedTuple):
    """A population.

    Attributes:
        orders: `[p, m]`, the order of the customers of each member.
        costs: `[p]`, the cost of each member.
    """

    orders: Nodes
    costs: Array


@kernel
def _choose(population: Population, random: Random) -> int:
    """The best of a few random members."""
    best = random_bits(random) % len(population.costs)
    for _ in range(TOURNAMENT - 1):
        other = random_bits(random) % len(population.costs)
        if population.costs[other] < population.costs[best]:
            best = other
    return best


@kernel
def cross(mother: Nodes, father: Nodes, child: Nodes, taken: Nodes, random: Random) -> None:
    """Order crossover: a section of the mother's order, then the other customers in the father's order.

    Args:
        mother: `[m]`.
        father: `[m]`.
        child: `[m]`, changed.
        taken: `[n]`, whether each node is in the section; changed.
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
    """Exchange two customers, move one, or reverse a section."""
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
def evolve(
    model: RouteModel,
    population: Population,
    children: Population,
    taken: Nodes,
    plan: Plan,
    random: Random,
    first: int,
    past: int,
) -> None:
    """Make children `first` to `past` - 1 of a generation; after the last, the children replace all but the elite.

    Args:
        model: the problem.
        population: the parents; the elite are moved to the first places.
        children: changed.
        taken: `[n]`, working memory.
        plan: working memory.
        random: the generator's state.
        first: index of the first child; `ELITE` at the beginning of a generation.
        past: index after the last child; the size of the population at the end of a generation.
    """
    p = len(population.costs)
    for k in range(ELITE if first == ELITE else 0):  # move the best members to the first places
        best = k
        for i in range(k + 1, p):
            if population.costs[i] < population.costs[best]:
                best = i
        for i in range(population.orders.shape[1]):
            node = population.orders[k, i]
            population.orders[k, i] = population.orders[best, i]
            population.orders[best, i] = node
        cost = population.costs[k]
        population.costs[k] = population.costs[best]
        population.costs[best] = cost
    for k in range(first, past):
        child = children.orders[k]
        mother = population.orders[_choose(population, random)]
        father = population.orders[_choose(population, random)]
        cross(mother, father, child, taken, random)
        if random_bits(random) < MUTATIONS * RANGE:
            mutate(child, random)
        children.costs[k] = decode(model, child, plan)[0]
    for k in range(ELITE, p if past == p else ELITE):
        population.costs[k] = children.costs[k]
        for i in range(population.orders.shape[1]):
            population.orders[k, i] = children.orders[k, i]


@jit
def _measure(model: RouteModel, population: Population, plan: Plan, first: int, past: int) -> None:
    for i in range(first, past):
        population.costs[i] = decode(model, population.orders[i], plan)[0]


class GeneticAlgorithm(ModelSolver):
    """A population of orders of the customers that evolves until the clock runs out.

    Args:
        population: number of members.
        generations: stop after this many generations, so that the answer depends on the instance and the seed
            alone, if the time suffices; None stops when the time is up.
    """

    def __init__(self, *, population: int = 100, generations: int | None = None) -> None:
        if not ELITE < population <= MOST_MEMBERS:
            raise ValueError(f"population: {population}, expected more than {ELITE} and at most {MOST_MEMBERS}")
        if generations is not None and generations < 0:
            raise ValueError(f"generations: {generations}, expected 0 or more")
        self.name = "ga"
        self.population = population
        self.generations = generations

    def warm_up(self, problem: Problem) -> None:
        """Compile; every problem needs the same kernels."""
        GeneticAlgorithm(generations=1).solve(get_problem("tsp"), [SQUARE], Budget(60.0))

    def refusal(self, problem: Problem, instance: Instance, time_limit: float) -> str | None:
        """Refuse so many nodes that the first order alone does not fit into the time where tours have no limit."""
        is_unlimited = problem.shape.has_several_tours and instance.capacity is None
        needed = ORDER * instance.size**2 if is_unlimited else 0.0
        return super().refusal(problem, instance, time_limit) or slow_refusal(self, instance, needed, time_limit)

    def search(self, model: RouteModel, clock: Clock, *, seed: int, initial: Solution | None) -> Iterator[Tours]:
        """Evolve until the clock runs out or the generations are done."""
        plan, m = empty_plan(model), len(model.customers)
        random = np.array([seed % 2**64], dtype=np.uint64)
        population = self._begin(model, seed, initial)
        piece = max(1, DECODED // (PIECES * m))
        whole = False
        for first, past in _pieces(0, self.population, piece, clock):
            _measure(model, population, plan, first, past)
            whole = past == self.population
        if not np.isfinite(population.costs).any():
            return
        children = Population(population.orders.copy(), population.costs.copy())
        taken = np.zeros(model.size, dtype=np.int32)
        least, generation, batch = np.inf, 0, max(1, DECODED // (self.population * m))
        if batch > 1:
            piece = self.population  # a generation is over before the clock is looked at
        while True:
            if population.costs.min() < least:
                least = float(population.costs.min())
                _, count = decode(model, population.orders[int(population.costs.argmin())], plan)
                yield decoded_tours(model, plan, count)
            if not whole or clock.remaining <= 0 or generation == self.generations:
                return
            whole = False
            for _ in range(batch if self.generations is None else min(batch, self.generations - generation)):
                for first, past in _pieces(ELITE, self.population, piece, clock):
                    evolve(model, population, children, taken, plan, random, first, past)
                    whole = past == self.population
                if not whole:
                    return
                generation += 1

    def _begin(self, model: RouteModel, seed: int, initial: Solution | None) -> Population:
        """Random orders, that of the initial solution, and, with time windows, the order by their ends."""
        rng = np.random.default_rng(seed)
        orders = rng.permuted(np.tile(model.customers, (self.population, 1)), axis=1)
        if initial is not None:
            orders[0] = visits_of(model, initial)
        if np.isfinite(model.nodes[CLOSES]).any():
            orders[1] = model.customers[np.argsort(model.nodes[CLOSES, model.customers], kind="stable")]
        return Population(orders, np.full(self.population, np.inf))


def _pieces(first: int, past: int, size: int, clock: Clock) -> Iterator[tuple[int, int]]:
    """The range `first` to `past` in pieces, as long as two more of the longest one's duration fit into the time.

    The first piece is made unless the time is up; after the last one, the best order is decoded once more.
    """
    longest = 0.0
    while first < past and clock.remaining > 2.0 * longest:
        begun = clock.elapsed
        yield first, min(past, first + size)
        longest = max(longest, clock.elapsed - begun, 1e-9)
        first += size
