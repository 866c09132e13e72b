"""Decodes a batch of instances under their symmetries with a policy, piece by piece, within a time limit."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from envs.routing_env import RoutingEnv
from tsp.budget import Clock

from .active_search import search_actively, stay, trace_elements
from .beams import TENSOR_ELEMENTS, SeededGumbel, beam_search
from .checkpoint import Decoding
from .decoding import Greedy, SeededSampling, draw_uniform
from .pace import Work
from .policy import Policy
from .recourse import ENDED, disappointing
from .rollout import OutOfTime, decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envs.batch import Batch
    from tsp.problems import Problem

    from .active_search import Incumbents
    from .pace import Pace

SAMPLED = ("sampling", "distinct")
"""Ways of decoding that draw trajectories."""
TEMPERATURE = 2.0
"""Temperature of sampling where neither the user nor the policy's file gives one."""
UNSURE = 3.0
"""Decoding begins with one tour where it would exceed the time limit by taking this many times the prediction."""
TRAINING_WORK = 2.0
"""Work of a step of active search, where that of decoding as many trajectories is 1; measured steps correct it."""
BATCH_ELEMENTS = 4_000_000
"""Largest number of elements of one attention or trace tensor while solving."""


@dataclass(frozen=True)
class Loaded:
    """A policy, and how the solver decodes it."""

    policy: Policy
    env: RoutingEnv
    sizes: tuple[int, int]
    name: str
    samples: int
    decoding: Decoding
    augmentations: int


@dataclass(frozen=True)
class Method:
    """How the user wants trajectories to be decoded.

    Attributes:
        decoding: greedy, sampling, distinct or beam; None for the default of each problem.
        width: trajectories that a beam search keeps.
        starts: number of first nodes where a tour may start anywhere; with 1 the policy chooses.
        is_active: whether efficient active search improves the trajectories.
        steps: of active search; None for as many as the time allows.
        bfloat16: whether products are computed in bfloat16.
    """

    decoding: str | None
    width: int
    starts: int
    is_active: bool
    steps: int | None
    bfloat16: bool

    def of_problem(self, problem: Problem) -> str:
        """The way of decoding: the user's, or the default for the problem."""
        return self.decoding or ("sampling" if problem.shape.has_depot else "greedy")

    def draws_orders(self, problem: Problem) -> bool:
        """Whether trajectories are orders of all nodes that are followed until the quota is met."""
        return (
            problem.expects_prizes
            and self.of_problem(problem) in SAMPLED
            and ENDED.keys() >= set(problem.objective.terms)
        )

    def work(self, loaded: Loaded, size: int, instances: int, steps: int) -> Work:
        """The work of decoding instances of one size."""
        return Work(loaded.policy.config, size, steps, _reads_pairs(loaded.env.problem), instances)

    def elements(self, loaded: Loaded, size: int) -> int:
        """Elements of the largest tensors that one symmetry of an instance needs."""
        problem, count = loaded.env.problem, self.trajectories(loaded, size)
        heads = loaded.policy.config.heads
        each = [heads * size, heads * count, count * size if _reads_pairs(problem) else 0]
        if self.of_problem(problem) in ("beam", "distinct"):
            each.append(TENSOR_ELEMENTS * count)
        if self.is_active:
            each.append(trace_elements(loaded.env, size) * count)
        return size * max(each)

    def trajectories(self, loaded: Loaded, size: int) -> int:
        """P, the number of trajectories for each symmetry of an instance of `size` nodes."""
        problem = loaded.env.problem
        decoding = self.of_problem(problem)
        if decoding == "beam":
            return self.width
        if problem.shape.is_closed and decoding not in SAMPLED:
            return min(self.starts, size)
        return loaded.samples if self.is_active or decoding in SAMPLED else 1


def _reads_pairs(problem: Problem) -> bool:
    """Whether each step's mask reads all pairs of nodes: where one tour must visit all nodes in time windows."""
    return problem.visits_all and problem.shape.has_one_depot_tour


class BatchDecoding:
    """Decodes one batch of instances under their symmetries, piece by piece, within a time limit.

    Where all pieces fit, the trajectories depend on the seed alone. Where they may not fit, a greedy trajectory is
    decoded first, and then as many as fit by the time of the pieces before.

    Args:
        method: the settings of the decoding.
        loaded: the policy.
        batch: `[A * B]`, B instances under A symmetries.
        prefix: given first actions `[B, 1, L]`, or None.
        seeds: of sampling, one for each instance `[B]`.
        clock: the time limit.
        pace: predicts the time of the pieces, and is corrected by them.
    """

    def __init__(
        self,
        method: Method,
        loaded: Loaded,
        batch: Batch,
        prefix: Tensor | None,
        seeds: list[int],
        clock: Clock,
        pace: Pace,
    ) -> None:
        self.method, self.loaded, self.batch = method, loaded, batch
        self.prefix = None if prefix is None else prefix.repeat(batch.count // len(prefix), 1, 1)
        self.clock, self.pace = clock, pace
        problem = loaded.env.problem
        self.most = method.trajectories(loaded, batch.size)
        self.decoding = method.of_problem(problem)
        self.seeds, self.sizes = seeds, batch.sizes.tolist()
        self.symmetries = batch.count // len(seeds)
        if self.decoding in SAMPLED:
            temperatures = [loaded.decoding.temperature_at(size) or TEMPERATURE for size in self.sizes]
            self.temperature = torch.tensor(temperatures, device=batch.device)
        if self.decoding == "sampling":
            drawn = draw_uniform(seeds, loaded.env.horizon(batch), self.symmetries, self.most)
            self.uniform = drawn.to(batch.device)  # [T, A * B, P]

    def trajectories(self) -> Tensor:
        """Actions `[B, K, T]` of as many trajectories as the time allows.

        Raises:
            OutOfTime: where there is time for none.
        """
        symmetries, count, work = self.symmetries, len(self.seeds), self._work()
        pieces: list[Tensor] = []
        first: Tensor | None = None
        if self.pace.predict(UNSURE * work.seconds(symmetries, self.most)) > self.clock.remaining:
            first = self._timed(work, slice(count), 1, 1, is_greedy=True)
        done = 0
        with suppress(OutOfTime):
            while done < symmetries:
                at_once, most = self._fitting(work, min(self._block(), symmetries - done), pressed=first is not None)
                if most == 0:
                    break
                rows = slice(done * count, (done + at_once) * count)
                found = self._timed(work, rows, at_once, most)
                pieces.append(found.unflatten(0, (at_once, count)).transpose(0, 1).flatten(1, 2))
                done += at_once
        complete = done == symmetries and sum(piece.shape[1] for piece in pieces) == symmetries * self.most
        if first is not None and not complete:
            pieces.append(first)
        if not pieces:
            raise OutOfTime
        longest = max(piece.shape[-1] for piece in pieces)  # finished trajectories stay
        return torch.cat([stay(piece, longest) for piece in pieces], 1)

    def improvements(self, incumbents: Incumbents) -> Iterator[Tensor]:
        """Search actively in the rest of the time; yields after each step which incumbents `[B]` have become better."""
        count, work, done = len(self.seeds), self._work(), 0
        while done < self.symmetries and self.clock.remaining > 0:
            at_once = min(self._block(), self.symmetries - done)
            rows = slice(done * count, (done + at_once) * count)
            batch = self.batch.rows(rows)
            yield from search_actively(
                self.loaded.env,
                self.loaded.policy,
                batch,
                incumbents,
                self.seeds,
                trajectories=self.most,
                prefix=self._given(batch, rows, self.most),
                steps=self.method.steps,
                clock=Clock(self.clock.remaining * at_once / (self.symmetries - done)),
                seconds=self.pace.predict(TRAINING_WORK * work.seconds(at_once, self.most + 1)),
            )
            done += at_once

    def _work(self) -> Work:
        return self.method.work(self.loaded, self.batch.size, len(self.seeds), self.loaded.env.horizon(self.batch))

    def _block(self) -> int:
        """The number of symmetries that memory allows at once."""
        fitting = BATCH_ELEMENTS // self.method.elements(self.loaded, self.batch.size)
        return max(1, fitting // len(self.seeds))

    def _fitting(self, work: Work, symmetries: int, *, pressed: bool) -> tuple[int, int]:
        """The number of symmetries to decode at once, and of trajectories of each."""
        left = self.clock.remaining
        if not pressed or self.pace.predict(work.seconds(symmetries, self.most)) <= left:
            return symmetries, self.most
        return 1, self.pace.trajectories(work, self.most, left)

    def _timed(self, work: Work, rows: slice, symmetries: int, most: int, *, is_greedy: bool = False) -> Tensor:
        """Actions `[., most, T]` of some rows of the batch; the pace records the time."""
        begun = self.clock.elapsed
        found = self._decode(rows, most, "greedy" if is_greedy else self.decoding)
        self.pace.learn(work.seconds(symmetries, most), self.clock.elapsed - begun)
        return found

    def _decode(self, rows: slice, count: int, decoding: str) -> Tensor:
        """Actions `[., count, T]` of some rows of the batch."""
        env, policy, batch = self.loaded.env, self.loaded.policy, self.batch.rows(rows)
        if self.method.draws_orders(env.problem):
            batch = disappointing(batch, None if self.prefix is None else self.prefix[rows])
        prefix = self._given(batch, rows, count)
        cache = policy.prepare(batch, bfloat16=self.method.bfloat16)
        if count == 1:
            cache = cache.to(torch.float32)  # products with single rows are faster so
        if decoding == "beam":
            return beam_search(env, batch, policy.decoder, cache, count, prefix=prefix, clock=self.clock)
        if decoding == "distinct":
            seeds = [(seed, symmetry) for symmetry in range(self.symmetries) for seed in self.seeds][rows]
            noise = SeededGumbel(seeds, self.sizes[rows], self.most)
            return beam_search(
                env,
                batch,
                policy.decoder,
                cache,
                count,
                prefix=prefix,
                noise=noise,
                temperature=self.temperature[rows],
                clock=self.clock,
            )
        is_sampling = decoding == "sampling"
        strategy = SeededSampling(self.temperature[rows], self.uniform[:, rows, :count]) if is_sampling else Greedy()
        return decode(env, batch, policy.decoder, cache, strategy, trajectories=count, prefix=prefix, clock=self.clock)

    def _given(self, batch: Batch, rows: slice, count: int) -> Tensor | None:
        """The first actions `[., count, L]` that are given: of a tour under way, or spread first nodes."""
        if self.prefix is not None:
            return self.prefix[rows].expand(-1, count, -1)
        starts = self.loaded.env.starts(batch, min(self.method.starts, count)) if self.method.starts > 1 else None
        return None if starts is None else starts.repeat(1, -(-count // starts.shape[1]), 1)[:, :count]
