"""The teacher: worker processes that make labels in advance, and the labels by number."""

from __future__ import annotations

import hashlib
import shutil
import time
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from envs.routing_env import RoutingEnv
from tsp.files import atomic_write
from tsp.problems import get_problem
from tsp.solvers.registry import make

from .expert import Rounds, draw_round_shard, make_round_shard
from .labelling import Labelling, Shard, draw_shard, label_shard, whole_shard

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from multiprocessing.process import BaseProcess

    from tsp.solvers import Solver

PATIENCE = 600.0
"""Seconds after which a step no longer waits for a shard."""
PAUSE = 0.02
"""Seconds between two looks for a file."""


def shard_path(folder: Path, index: int) -> Path:
    """The path of a shard."""
    return folder / f"{index:06d}.npy"


def make_shards(labelling: Labelling, folder: str, worker: int, workers: int, last: int, rounds: Rounds | None) -> None:
    """Make every `workers`-th shard that is missing, the newest round's first; the work of one process.

    Without rounds it ends with shard `last - 1`; else it goes on until it is ended. It always ends with the process
    that trains, even if that one is killed.
    """
    torch.set_num_threads(1)
    solver = make(labelling.solver)
    solver.warm_up(get_problem(labelling.problem))
    plain = iter(range(worker, last, workers))
    of_rounds = _missing_of_rounds(rounds, worker, workers) if rounds is not None else iter(())
    trainer = parent_process()
    while trainer is None or trainer.is_alive():
        of_round = next(of_rounds, None)
        if rounds is not None and of_round is not None:
            make_round_shard(labelling, rounds, *of_round, solver)
        elif (index := next(plain, None)) is not None:
            make_shard(labelling, Path(folder), index, solver)
        elif rounds is not None:
            time.sleep(PAUSE)
        else:
            return


def make_shard(labelling: Labelling, folder: Path, index: int, solver: Solver) -> None:
    """Make a shard and write it, if it is missing."""
    path = shard_path(folder, index)
    if not path.exists():
        labels = label_shard(labelling, index, solver)
        with atomic_write(path, force=True) as temporary, temporary.open("wb") as file:
            np.save(file, labels)


def _missing_of_rounds(rounds: Rounds, worker: int, workers: int) -> Iterator[tuple[int, int] | None]:
    """The round and index of each shard to make, by rounds; None while there is no policy for the next round."""
    number = 1
    while True:
        if not rounds.policy_path(number).exists():
            yield None
            continue
        for index in range(worker, rounds.shards, workers):
            if not rounds.shard_path(number, index).exists():
                yield number, index
        number += 1


class Teacher:
    """Labels by number, from worker processes that run in advance.

    Args:
        labelling: settings of the labels.
        folder: the parent of the folder of shards, whose name is a digest of the settings.
        shards: number of shards.
        workers: number of processes.
        rounds: the rounds of expert iteration, if any.

    Raises:
        ValueError: for a teacher that cannot be made or does not support the problem, and a folder that is a file.
    """

    def __init__(
        self,
        labelling: Labelling,
        folder: str | os.PathLike[str],
        *,
        shards: int,
        workers: int,
        rounds: Rounds | None = None,
    ) -> None:
        _require_support(labelling)
        if Path(folder).exists() and not Path(folder).is_dir():
            raise ValueError(f"{folder}: a file, expected a folder of labels")
        self.labelling, self.shards, self.rounds = labelling, shards, rounds
        self._env = RoutingEnv(labelling.problem)
        digest = hashlib.sha256(repr(labelling).encode()).hexdigest()
        self.folder = Path(folder) / f"labels-{digest[:12]}"
        context = get_context("spawn")
        self._workers: list[BaseProcess] = [
            context.Process(
                target=make_shards, args=(labelling, str(self.folder), k, workers, shards, rounds), daemon=True
            )
            for k in range(workers)
        ]
        self._kept: dict[int | tuple[int, int], Shard] = {}

    def __enter__(self) -> Teacher:
        """Start the workers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.rounds is not None:
            Path(self.rounds.folder).mkdir(parents=True, exist_ok=True)
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
            path = shard_path(self.folder, index)
            self._wait_for(path)
            actions = torch.from_numpy(np.load(path)).to(device)
            batch = self._env.as_solved(draw_shard(self.labelling, index).to(device))
            self._kept[index] = whole_shard(batch, actions)
        return _with_long_actions(self._kept[index])

    def round_shard(self, number: int, index: int, device: torch.device) -> Shard:
        """A shard of a round on `device`; waits until it is made.

        Raises:
            ValueError: when the workers have ended without it.
        """
        if (number, index) not in self._kept:
            assert self.rounds is not None
            path = self.rounds.shard_path(number, index)
            self._wait_for(path)
            with np.load(path) as file:
                actions, after = (torch.from_numpy(file[name]).to(device) for name in ("actions", "after"))
            batch = self._env.as_solved(draw_round_shard(self.labelling, number, index).to(device))
            self._kept[number, index] = whole_shard(batch, actions, after)
        return _with_long_actions(self._kept[number, index])

    def forget_rounds(self) -> None:
        """Delete the rounds of an earlier run in the same directory."""
        if self.rounds is not None:
            shutil.rmtree(self.rounds.folder, ignore_errors=True)

    def begin_round(self, number: int, write: Callable[[Path], None]) -> None:
        """Give the workers the policy of a round, which `write` writes to a path."""
        assert self.rounds is not None
        write(self.rounds.policy_path(number))

    def wait(self, count: int) -> None:
        """Wait until the first shards are made.

        Raises:
            ValueError: when the workers have ended without them.
        """
        for index in range(min(count, self.shards)):
            self._wait_for(shard_path(self.folder, index))

    def _wait_for(self, path: Path) -> None:
        deadline = time.monotonic() + PATIENCE
        while not path.exists():
            alive = any(worker.is_alive() for worker in self._workers)
            if not path.exists() and (not alive or time.monotonic() > deadline):
                raise ValueError(f"{path}: the workers that make labels ended without it; see their messages above")
            time.sleep(PAUSE)


def _require_support(labelling: Labelling) -> None:
    """Refuse a teacher that cannot be made, or does not support the problem."""
    try:
        solver = make(labelling.solver)
    except ValueError as error:
        raise ValueError(f"teacher: {error}") from None
    if not solver.supports(get_problem(labelling.problem)):
        raise ValueError(f"teacher: solver {solver.name!r} does not support problem {labelling.problem!r}")


def _with_long_actions(shard: Shard) -> Shard:
    """The shard with actions as indices; they are kept as int16."""
    return shard._replace(label=shard.label._replace(actions=shard.label.actions.long()))
