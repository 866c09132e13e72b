"""Expert iteration: the teacher completes trajectories that the policy began, and the policy imitates the rest.

A policy that only imitates whole tours is lost after its first mistake. Here its own trajectories are cut at a random
step, the teacher plans from there on, and the loss counts the steps after the cut (Ross, Gordon & Bagnell 2011;
Anthony, Tian & Barber 2017). A round of such labels belongs to one policy, written at the round's beginning.

The labels of a round may also be the best of several trajectories of its policy, without the teacher (Pirnay & Grimm
2024).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Generator

from envs.generators import to_instances
from envs.walks import ends_of
from policies.beams import SeededGumbel, beam_search
from policies.checkpoint import load_policy
from policies.decoding import Sampling
from policies.rollout import decode
from tsp.files import atomic_write

from .labelling import UNSOLVED, Labelling, draw_shard, teach

if TYPE_CHECKING:
    from torch import Tensor

    from envs.batch import Batch
    from envs.routing_env import RoutingEnv
    from policies.policy import Policy
    from tsp.solvers import Solver

ROUND = 1_000_000
"""Numbers between the instances of two rounds, so that no two shards have the same."""


class Rounds(NamedTuple):
    """Which policies are completed, and how many of their trajectories.

    Attributes:
        folder: folder of the rounds' policies and labels.
        shards: number of shards of a round.
        samples: if not 0, the labels are the best of so many different trajectories of the policy.
    """

    folder: str
    shards: int
    samples: int = 0

    def policy_path(self, number: int) -> Path:
        """The file of a round's policy; rounds count from 1."""
        return Path(self.folder) / f"policy-{number:04d}.safetensors"

    def shard_path(self, number: int, index: int) -> Path:
        """The file of a round's shard."""
        return Path(self.folder) / f"{number:04d}-{index:04d}.npz"


def draw_round_shard(labelling: Labelling, number: int, index: int) -> Batch:
    """The instances of a shard of a round."""
    return draw_shard(labelling, number * ROUND + index)


def complete_shard(
    labelling: Labelling, rounds: Rounds, number: int, index: int, solver: Solver
) -> tuple[np.ndarray, np.ndarray]:
    """Trajectories that the policy of a round begins and the teacher completes.

    Returns:
        their actions `[B, 1, T]` int16, of which those of an instance without a solution are -1, and the number of
        actions `[B]` that are the policy's.
    """
    policy, _ = load_policy(rounds.policy_path(number))
    batch = draw_round_shard(labelling, number, index)
    begun = _begin(policy, batch, np.random.default_rng([labelling.seed, number, index]))
    instances, days = to_instances(labelling.problem, batch, f"round {number}, shard {index}")
    solutions = teach(labelling, solver, instances, days, begun)
    rows: list[list[int]] = []
    for instance, nodes, solution in zip(instances, begun, solutions, strict=True):
        row = policy.env.actions([t.tolist() for t in solution.tours], instance) if solution.feasible else []
        rows.append(row if row[: len(nodes)] == nodes else [])
    longest = max(1, *(len(row) for row in rows))
    actions = np.full((batch.count, 1, longest), UNSOLVED, dtype=np.int16)
    for own, row in zip(actions[:, 0], rows, strict=True):
        if row:
            own[:] = row + row[-1:] * (longest - len(row))
    return actions, np.array([len(nodes) for nodes in begun], dtype=np.int64)


def sample_shard(labelling: Labelling, rounds: Rounds, number: int, index: int) -> tuple[np.ndarray, np.ndarray]:
    """The best of `rounds.samples` different trajectories that the policy of a round draws for each instance.

    Returns:
        as `complete_shard`.
    """
    policy, _ = load_policy(rounds.policy_path(number))
    batch = policy.env.as_solved(draw_round_shard(labelling, number, index))
    rng = np.random.default_rng([labelling.seed, number, index])
    prefix = _first_nodes(policy.env, batch, rng)
    prefix = None if prefix is None else prefix.expand(-1, rounds.samples, -1)
    seeds = [(int(seed), index) for seed in rng.integers(2**63, size=batch.count)]
    noise = SeededGumbel(seeds, [batch.size] * batch.count, rounds.samples)
    with torch.no_grad():
        cache = policy.prepare(batch)
        drawn = beam_search(policy.env, batch, policy.decoder, cache, rounds.samples, prefix=prefix, noise=noise)
    best = policy.env.cost(batch, drawn).argmin(1)
    actions = drawn[torch.arange(batch.count), best]
    return actions[:, None].numpy().astype(np.int16), np.zeros(batch.count, dtype=np.int64)


def _first_nodes(env: RoutingEnv, batch: Batch, rng: np.random.Generator) -> Tensor | None:
    """A random first node of each instance, `[B, 1, 1]`; None where the start is not free."""
    if env.starts(batch, 2) is None:
        return None
    return torch.from_numpy(rng.integers(batch.size, size=(batch.count, 1, 1)))


def _begin(policy: Policy, batch: Batch, rng: np.random.Generator) -> list[list[int]]:
    """The first nodes of a trajectory of each instance, up to a random one: at least one, never all."""
    env = policy.env
    generator = Generator().manual_seed(int(rng.integers(2**63)))
    prefix = _first_nodes(env, batch, rng)
    with torch.no_grad():
        cache = policy.prepare(batch)
        actions = decode(env, batch, policy.decoder, cache, Sampling(), prefix=prefix, generator=generator)[:, 0]
    ends = ends_of(env.problem, batch).tolist() if env.problem.shape.has_depot else [-1] * batch.count
    return [_cut(row, end, rng) for row, end in zip(actions.tolist(), ends, strict=True)]


def _cut(row: list[int], end: int, rng: np.random.Generator) -> list[int]:
    """The beginning of a row of actions, up to a random visit that is not the last."""
    visits = [t for t, node in enumerate(row) if node != end and (t == 0 or node != row[t - 1])]
    if len(visits) < 2:
        return []
    return row[: visits[int(rng.integers(len(visits) - 1))] + 1]


def make_round_shard(labelling: Labelling, rounds: Rounds, number: int, index: int, solver: Solver) -> None:
    """Make a shard of a round, and write it."""
    if rounds.samples:
        actions, after = sample_shard(labelling, rounds, number, index)
    else:
        actions, after = complete_shard(labelling, rounds, number, index, solver)
    with atomic_write(rounds.shard_path(number, index), force=True) as temporary, temporary.open("wb") as file:
        np.savez(file, actions=actions, after=after)
