"""Labels: near-optimal tours that a solver finds for generated instances.

A shard holds the labels of instances of one size. The instances of shard i depend only on the seed and on i; so do
the labels, if the teacher stops after a number of kicks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from envs.generators import generate, to_instances
from envs.routing_env import RoutingEnv
from tsp.budget import Budget
from tsp.instance import Underway
from tsp.problems import get_problem
from tsp.solvers.online import play_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envs.batch import Batch
    from tsp.instance import Instance, Realization
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers import Solver

UNSOLVED = -1
"""Stands for the actions of an instance of which the teacher found no solution."""
SAME_COST = 1e-4
"""Relative difference in cost up to which an equivalent tour counts as the same."""


@dataclass(frozen=True)
class Labelling:
    """Settings of the labels.

    Attributes:
        problem: name of the problem.
        distribution: the distribution of the instances.
        sizes: numbers of customers, which take turns from shard to shard.
        solver: spec of the teacher, such as `ls(kicks=50)`.
        time_limit: time limit of the teacher, in seconds for each instance.
        count: instances in a shard.
        ways: P, number of equivalent action sequences for each tour: with other first nodes, reversed, with
            the tours in another order.
        seed: seed of the instances and the teacher.
        order: the order in which a label's tours are written down: `random`, or `fullest` first (Drakulic et al. 2023),
            which are those of the largest demand.
    """

    problem: str
    distribution: str
    sizes: tuple[int, ...]
    solver: str
    time_limit: float
    count: int
    ways: int
    seed: int
    order: str = "random"

    def size(self, index: int) -> int:
        """Number of customers in shard `index`."""
        return self.sizes[index % len(self.sizes)]


class Label(NamedTuple):
    """Solutions to imitate, and from which step on.

    Attributes:
        actions: `[B, P, T]` actions that make a solution's tours, for each trajectory.
        after: `[B]` number of leading actions that are given and not imitated, such as a mistake to recover from;
            None where there are none.
    """

    actions: Tensor
    after: Tensor | None = None


class Shard(NamedTuple):
    """Labelled instances.

    Attributes:
        batch: the instances.
        label: their solutions.
    """

    batch: Batch
    label: Label


def draw_shard(labelling: Labelling, index: int) -> Batch:
    """The instances of a shard."""
    seeds = np.random.SeedSequence([labelling.seed, index])
    generator = Generator().manual_seed(int(np.random.default_rng(seeds).integers(2**63)))
    size = labelling.size(index)
    return generate(labelling.problem, labelling.distribution, labelling.count, size, generator)


def label_shard(labelling: Labelling, index: int, solver: Solver) -> np.ndarray:
    """The trajectories `[B, P, T]` of a shard, int16; -1 for an instance of which the teacher finds no solution.

    Raises:
        ValueError: when the teacher finds no solution of any instance.
    """
    env = RoutingEnv(labelling.problem)
    batch = draw_shard(labelling, index)
    instances, days = to_instances(labelling.problem, batch, f"shard {index}")
    solutions = teach(labelling, solver, instances, days)
    solved = [i for i, solution in enumerate(solutions) if solution.feasible]
    if not solved:
        raise ValueError(f"teacher {labelling.solver!r}: no solution of shard {index}; a longer --label-time may help")
    rng = np.random.default_rng([labelling.seed, index])
    rows: list[list[list[int]]] = []
    for i in solved:
        tours = ORDERS[labelling.order]([tour.tolist() for tour in solutions[i].tours], instances[i])
        is_free = labelling.order == "random"
        ways = [tours, *(_another_way(env, tours, rng, is_free=is_free) for _ in range(labelling.ways - 1))]
        rows.append([env.actions(way, instances[i]) for way in ways])
    longest = max(len(row) for ways in rows for row in ways)
    actions = np.array([[row + row[-1:] * (longest - len(row)) for row in ways] for ways in rows])
    labels = np.full((batch.count, labelling.ways, longest), UNSOLVED, dtype=np.int16)
    labels[solved] = _replace_illegal(env, batch.rows(torch.tensor(solved)), actions)
    return labels


def teach(
    labelling: Labelling,
    solver: Solver,
    instances: Sequence[Instance],
    days: Sequence[Realization] | None,
    begun: Sequence[Sequence[int]] | None = None,
) -> list[Solution]:
    """The teacher's solutions. Where values are revealed on the way, it plays the days, and sees no more than a policy.

    Args:
        labelling: settings of the labels.
        solver: the teacher.
        instances: what to solve.
        days: the real values that are revealed, if any are.
        begun: the first visits of each tour, if they are given.
    """
    problem, budget = get_problem(labelling.problem), Budget(labelling.time_limit, threads=1, seed=labelling.seed)
    if days is not None:
        return play_all(solver, problem, instances, days, budget, begun=begun)
    if begun is not None:
        instances = [_under_way(problem, one, nodes) for one, nodes in zip(instances, begun, strict=True)]
    return solver.solve(problem, instances, budget)


def _under_way(problem: Problem, instance: Instance, nodes: Sequence[int]) -> Instance:
    """The instance in a tour that began with these nodes."""
    if problem.shape.has_depot:
        return replace(instance, underway=Underway(tuple(nodes)))
    return replace(instance, depot=nodes[0], underway=Underway(tuple(nodes[1:])))


def _fullest_first(tours: list[list[int]], instance: Instance) -> list[list[int]]:
    """The tours in descending order of their demand; without demands, as they are."""
    demands = instance.demands
    return tours if demands is None else sorted(tours, key=lambda tour: -float(demands[tour].sum()))


ORDERS = {"random": lambda tours, _: tours, "fullest": _fullest_first}
"""Name of an order → the tours of an instance in it; a random one is drawn for each further way."""


def _another_way(
    env: RoutingEnv, tours: list[list[int]], rng: np.random.Generator, *, is_free: bool
) -> list[list[int]]:
    """The same tours, each reversed or not, from another first node where that is free, in any order if `is_free`."""
    if env.problem.reveals:  # another order would have seen other values
        return tours
    if env.problem.shape.has_depot:
        order = rng.permutation(len(tours)) if is_free else range(len(tours))
        return [[tours[i][0], *tours[i][1:][:: rng.choice((-1, 1))]] for i in order]
    if env.problem.shape.is_closed:
        nodes = np.roll(tours[0][:: rng.choice((-1, 1))], rng.integers(len(tours[0])))
        return [nodes.tolist()]
    return tours


def is_equivalent(env: RoutingEnv, batch: Batch, actions: Tensor) -> Tensor:
    """Whether trajectories `[B, P, T]` are legal and cost no more than the first of their instance, `[B, P]` bool."""
    trace = env.replay(batch, actions)
    forbidden = trace.forbidden.gather(-1, trace.actions[..., None])[..., 0].any(-1)
    cost = env.cost(batch, actions)
    return ~forbidden & (cost <= cost[:, :1] + SAME_COST * cost[:, :1].abs())


def _replace_illegal(env: RoutingEnv, batch: Batch, actions: np.ndarray) -> np.ndarray:
    """The trajectories, where those that are forbidden or cost more are replaced by the teacher's own."""
    fits = is_equivalent(env, batch, torch.from_numpy(actions))
    return np.where(fits.numpy()[..., None], actions, actions[:, :1])


def whole_shard(batch: Batch, actions: Tensor, after: Tensor | None = None) -> Shard:
    """A shard of the same size in which instances without a solution are replaced by solved ones, in turn."""
    solved = (actions[:, 0, 0] != UNSOLVED).nonzero()[:, 0]
    if len(solved) < batch.count:
        rows = solved.repeat(-(-batch.count // len(solved)))[: batch.count]
        return Shard(batch.rows(rows), Label(actions[rows], None if after is None else after[rows]))
    return Shard(batch, Label(actions, after))
