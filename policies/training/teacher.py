"""Labels: near-optimal tours that a solver finds for generated instances, made in advance by worker processes.

A shard is a file of labels for instances of one size. The instances of shard i depend only on the seed and on i; so do
the labels, if the teacher stops after a number of kicks.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from envs.generators import generate, to_instances
from envs.routing_env import RoutingEnv
from tsp.budget import Budget
from tsp.files import atomic_write
from tsp.problems import get_problem
from tsp.solvers.registry import make

if TYPE_CHECKING:
    import os
    from multiprocessing.process import BaseProcess

    from envs.batch import Batch
    from tsp.solvers import Solver

PATIENCE = 600.0
"""Seconds after which a step no longer waits for a shard."""
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
    """

    problem: str
    distribution: str
    sizes: tuple[int, ...]
    solver: str
    time_limit: float
    count: int
    ways: int
    seed: int

    def size(self, index: int) -> int:
        """Number of customers in shard `index`."""
        return self.sizes[index % len(self.sizes)]


class Shard(NamedTuple):
    """Labelled instances.

    Attributes:
        batch: the instances.
        actions: `[B, P, T]` the actions that make the teacher's tours.
    """

    batch: Batch
    actions: Tensor


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
    instances, _ = to_instances(labelling.problem, batch, f"shard {index}")
    budget = Budget(labelling.time_limit, threads=1, seed=labelling.seed)
    solutions = solver.solve(env.problem, instances, budget)
    solved = [i for i, solution in enumerate(solutions) if solution.feasible]
    if not solved:
        raise ValueError(f"teacher {labelling.solver!r}: no solution of shard {index}; a longer --label-time may help")
    rng = np.random.default_rng([labelling.seed, index])
    rows: list[list[list[int]]] = []
    for i in solved:
        tours = [tour.tolist() for tour in solutions[i].tours]
        ways = [tours, *(_another_way(env, tours, rng) for _ in range(labelling.ways - 1))]
        rows.append([env.actions(way, instances[i]) for way in ways])
    longest = max(len(row) for ways in rows for row in ways)
    actions = np.array([[row + row[-1:] * (longest - len(row)) for row in ways] for ways in rows])
    labels = np.full((batch.count, labelling.ways, longest), UNSOLVED, dtype=np.int16)
    labels[solved] = _replace_illegal(env, batch.rows(torch.tensor(solved)), actions)
    return labels


def _another_way(env: RoutingEnv, tours: list[list[int]], rng: np.random.Generator) -> list[list[int]]:
    """The same tours in random order, each reversed or not, with another first node where the start is free."""
    if env.problem.shape.has_depot:
        return [[tours[i][0], *tours[i][1:][:: rng.choice((-1, 1))]] for i in rng.permutation(len(tours))]
    if env.problem.shape.is_closed:
        nodes = np.roll(tours[0][:: rng.choice((-1, 1))], rng.integers(len(tours[0])))
        return [nodes.tolist()]
    return tours


def _replace_illegal(env: RoutingEnv, batch: Batch, actions: np.ndarray) -> np.ndarray:
    """The trajectories, where those that are forbidden or cost more are replaced by the teacher's own."""
    given = torch.from_numpy(actions)
    trace = env.replay(batch, given)
    forbidden = trace.forbidden.gather(-1, trace.actions[..., None])[..., 0].any(-1)  # [B, P]
    cost = env.cost(batch, given)
    worse = cost > cost[:, :1] + SAME_COST * cost[:, :1].abs()
    return np.where((forbidden | worse).numpy()[..., None], actions[:, :1], actions)


def shard_path(folder: Path, index: int) -> Path:
    """The path of a shard."""
    return folder / f"{index:06d}.npy"


def make_shards(labelling: Labelling, folder: str, first: int, step: int, last: int) -> None:
    """Make the missing ones of shards `first`, `first + step`, … before `last`; the work of one process."""
    torch.set_num_threads(1)
    solver = make(labelling.solver)
    solver.warm_up(get_problem(labelling.problem))
    for index in range(first, last, step):
        path = shard_path(Path(folder), index)
        if not path.exists():
            labels = label_shard(labelling, index, solver)
            with atomic_write(path, force=True) as temporary, temporary.open("wb") as file:
                np.save(file, labels)


class Teacher:
    """Labels by number, from worker processes that run in advance.

    Args:
        labelling: settings of the labels.
        folder: the parent of the folder of shards, whose name is a digest of the settings.
        shards: number of shards.
        workers: number of processes.
    """

    def __init__(self, labelling: Labelling, folder: str | os.PathLike[str], *, shards: int, workers: int) -> None:
        self.labelling, self.shards = labelling, shards
        digest = hashlib.sha256(repr(labelling).encode()).hexdigest()
        self.folder = Path(folder) / f"labels-{digest[:12]}"
        context = get_context("spawn")
        self._workers: list[BaseProcess] = [
            context.Process(target=make_shards, args=(labelling, str(self.folder), k, workers, shards), daemon=True)
            for k in range(workers)
        ]
        self._kept: dict[int, Shard] = {}

    def __enter__(self) -> Teacher:
        """Start the workers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.terminate()
            worker.join()

    def shard(self, index: int, device: torch.device) -> Shard:
        """A shard on `device`; waits until it is made.

        Raises:
            ValueError: when the workers have ended without it.
        """
        if index not in self._kept:
            self._wait_for(index)
            self._kept[index] = _whole_shard(
                draw_shard(self.labelling, index).to(device),
                torch.from_numpy(np.load(shard_path(self.folder, index))).to(device),
            )
        batch, actions = self._kept[index]
        return Shard(batch, actions.long())

    def wait(self, count: int) -> None:
        """Wait until the first shards are made.

        Raises:
            ValueError: when the workers have ended without them.
        """
        for index in range(min(count, self.shards)):
            self._wait_for(index)

    def _wait_for(self, index: int) -> None:
        path = shard_path(self.folder, index)
        deadline = time.monotonic() + PATIENCE
        while not path.exists():
            alive = any(worker.is_alive() for worker in self._workers)
            if not path.exists() and (not alive or time.monotonic() > deadline):
                raise ValueError(f"{path}: the workers that make labels ended without it; see their messages above")
            time.sleep(0.02)


def _whole_shard(batch: Batch, actions: Tensor) -> Shard:
    """A shard of the same size in which instances without a solution are replaced by solved ones, in turn."""
    solved = (actions[:, 0, 0] != UNSOLVED).nonzero()[:, 0]
    if len(solved) < batch.count:
        rows = solved.repeat(-(-batch.count // len(solved)))[: batch.count]
        return Shard(batch.rows(rows), actions[rows])
    return Shard(batch, actions)
