"""`PolicySolver`: a trained policy behind the solver protocol."""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from envs.batch import Batch, from_instances
from envs.routing_env import RoutingEnv
from envs.rules import RULES
from envs.symmetries import augment
from tsp.budget import Clock
from tsp.problems import Problem, get_problem
from tsp.solution import Solution, check, no_answer
from tsp.solvers import BaseSolver, require_support, slow_refusal

from .checkpoint import Decoding, load_policy
from .decoding import Greedy, SeededSampling, draw_uniform
from .device import resolve_device, threads
from .pace import Pace, Work
from .policy import Policy
from .recourse import EFFORTS, ENDED, best_plan, disappointing
from .rollout import OutOfTime, decode
from .zoo import find_policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tsp.instance import Instance
    from tsp.solvers import Request

MOST_STARTS = 100
TEMPERATURE = 2.0
"""Temperature of sampling where neither the user nor the policy's file gives one."""
LARGEST = 6_000
"""Nodes above which attention over all pairs of nodes does not fit."""
UNSURE = 3.0
"""Decoding begins with one tour where it would exceed the time limit by taking this many times the prediction."""
BATCH_ELEMENTS = 4_000_000
"""Largest number of elements of one attention or trace tensor while solving."""


@dataclass(frozen=True)
class _Loaded:
    policy: Policy
    env: RoutingEnv
    sizes: tuple[int, int]
    name: str
    samples: int
    decoding: Decoding
    augmentations: int


class PolicySolver(BaseSolver):
    """A trained policy; one-shot: it ends by itself, and at the time limit with what it has.

    Args:
        path: a policy file; default is the shipped policy for the problem and size.
        decoding: greedy, or sampling from the policy's distribution; default is sampling where `samples`
            or `temperature` say how or a tour leaves a depot, and greedy where it may start anywhere. Where
            prizes are hidden, the sampled order of least average cost is the answer (see `recourse`).
        samples: trajectories drawn for each symmetry of an instance when sampling; default is the
            recommendation of the policy's file, else 16.
        temperature: temperature of sampling; above 1 trajectories differ more, so that the best of many is
            better; default is the recommendation of the policy's file, else 2.
        starts: number of greedy trajectories, from spread first nodes, where a tour may start anywhere;
            default is every node, up to 100. With 1 the policy chooses the first node.
        augmentations: number of the square's eight symmetries that are decoded; default is the
            recommendation of the policy's file, else 8, and 1 where instances have no coordinates.
        search: how sampled orders are improved where prizes are hidden. `quick` moves single nodes of the
            best order, at most three times; `thorough` also reverses stretches (2-opt), in the six best
            orders, until no move saves, as `recourse` does.
        device: the device to compute on.
    """

    name = "policy"
    one_shot = True
    uses_initial = False

    def __init__(
        self,
        *,
        path: str | None = None,
        decoding: Literal["greedy", "sampling"] | None = None,
        samples: int | None = None,
        temperature: float | None = None,
        starts: int | None = None,
        augmentations: int | None = None,
        search: Literal["quick", "thorough"] = "quick",
        device: str = "auto",
    ) -> None:
        if starts is not None and starts < 1:
            raise ValueError(f"policy: starts={starts}, expected 1 or more")
        try:
            self.requested = Decoding(samples, temperature, augmentations)
        except ValueError as error:
            raise ValueError(f"policy: {error}") from None
        if samples is not None or temperature is not None:
            if decoding == "greedy":
                raise ValueError("policy: samples and temperature are of sampling, expected no decoding=greedy beside")
            decoding = "sampling"
        self.path, self.device = path, resolve_device(device)
        self.decoding = decoding
        self.effort = EFFORTS[search]
        self.starts = starts or (1 if decoding == "sampling" else MOST_STARTS)
        self._loaded: dict[tuple[str, Problem], _Loaded] = {}

    def supports(self, problem: Problem) -> bool:
        """Whether the environment covers every rule, and there is a policy for the problem."""
        known = all(type(rule) in RULES for rule in problem.rules)
        return known and (self.path is not None or find_policy(problem.name, 1) is not None)

    def warm_up(self, problem: Problem) -> None:
        """Load the weights given by a path; shipped ones are chosen by size when instances are solved."""
        if self.path is not None:
            self._load(problem, 1)
        else:
            for size in (1, 20, 50, 100):
                for matrix in (False, True):
                    self._load(problem, size, matrix=matrix)

    def _load(self, problem: Problem, size: int, *, matrix: bool = False) -> _Loaded:
        shipped = None if self.path is not None else find_policy(problem.name, size, matrix=matrix)
        if shipped is None and self.path is None:
            raise ValueError(f"policy: none is shipped for {problem.name!r}, expected policy(path=…) with one of yours")
        path = str(self.path if shipped is None else shipped.path)
        if (path, problem) not in self._loaded:
            policy, info = load_policy(path, self.device)
            if not get_problem(info.problem).resembles(problem):
                raise ValueError(f"{path}: a policy for {info.problem}, expected one for {problem.name}")
            name = path if shipped is None else shipped.name
            best = self.requested.over(info.decoding)
            self._loaded[path, problem] = _Loaded(
                policy,
                RoutingEnv(problem),
                info.sizes,
                name,
                samples=best.samples or 16,
                decoding=best,
                augmentations=best.augmentations or 8,
            )
        return self._loaded[path, problem]

    def refusal(self, problem: Problem, instance: Instance, time_limit: float) -> str | None:
        """Refuse where attention does not fit into memory, encoding does not fit into the time, or edges are fixed."""
        size = instance.size
        if instance.fixed_edges is not None:
            return f"{len(instance.fixed_edges)} fixed edge(s): {self.name} keeps none, expected another solver"
        if size > LARGEST:
            return f"{size} nodes: {self.name} attends over all pairs of nodes, expected at most {LARGEST} of them"
        loaded = self._load(problem, size, matrix=instance.matrix is not None)
        needed = self.work_of(loaded, size, 1, size).preparation()
        return slow_refusal(self, instance, needed, time_limit) if self.device.type == "cpu" else None

    def solve_request(self, request: Request) -> list[Solution]:
        """Solve all instances in padded batches of similar sizes, in the sum of their time limits."""
        problem, instances, report = request.problem, request.instances, request.report
        require_support(self, problem)
        clock = Clock(sum(request.limits))
        refusals = [self.refusal(problem, *each) for each in zip(instances, request.limits, strict=True)]
        with threads(request.threads):
            found = self._solve_groups(request, [i for i, why in enumerate(refusals) if why is None], clock)
        seconds = clock.elapsed / max(1, len(instances))
        solutions = [
            check(problem, instance, found[i], seconds=seconds, solver=self.name)
            if i in found
            else no_answer(seconds=seconds, solver=self.name, reason=refusals[i])
            for i, instance in enumerate(instances)
        ]
        for i, solution in enumerate(solutions):
            if report is not None and solution.feasible:
                report(i, solution)
        return solutions

    def _solve_groups(self, request: Request, chosen: Sequence[int], clock: Clock) -> dict[int, list[list[int]]]:
        """The tours of the chosen instances, as far as the time allows."""
        problem, instances = request.problem, request.instances
        groups: dict[tuple[str, int, bool], tuple[_Loaded, list[int]]] = {}
        for i in sorted(chosen, key=lambda i: instances[i].size):
            loaded = self._load(problem, instances[i].size, matrix=instances[i].matrix is not None)
            key = (loaded.name, len(_given(problem, instances[i])), instances[i].coordinates is None)
            groups.setdefault(key, (loaded, []))[1].append(i)
        pace = Pace()
        found: dict[int, list[list[int]]] = {}
        left = len(chosen)
        for loaded, members in groups.values():
            self._warn_of_sizes(loaded, [instances[i] for i in members])
            for chunk in self._chunks(problem, loaded, members, instances):
                share = Clock(clock.remaining * len(chunk) / left)
                left -= len(chunk)
                with suppress(OutOfTime):
                    seeds = [request.seed_at(i) for i in chunk]
                    tours = self._solve_batch(loaded, [instances[i] for i in chunk], seeds, share, pace)
                    found |= dict(zip(chunk, tours, strict=True))
        return found

    def _warn_of_sizes(self, loaded: _Loaded, instances: list[Instance]) -> None:
        low, high = loaded.sizes
        outside = [instance.size for instance in instances if not low <= instance.size <= high]
        if outside:
            span = f"{min(outside)} to {max(outside)}" if min(outside) < max(outside) else str(outside[0])
            warnings.warn(
                f"policy {loaded.name} was trained on {low} to {high} nodes; {span} nodes are outside that range",
                stacklevel=4,
            )

    def _chunks(
        self, problem: Problem, loaded: _Loaded, members: list[int], instances: Sequence[Instance]
    ) -> list[list[int]]:
        """Groups of instances of similar size, as large as memory allows."""
        chunks: list[list[int]] = []
        for i in members:
            each = self._pictures(loaded, [instances[i]]) * self.elements_of(problem, loaded, instances[i].size)
            if chunks and (len(chunks[-1]) + 1) * each <= BATCH_ELEMENTS:
                chunks[-1].append(i)
            else:
                chunks.append([i])
        return chunks

    def _solve_batch(
        self, loaded: _Loaded, instances: list[Instance], seeds: list[int], clock: Clock, pace: Pace
    ) -> list[list[list[int]]]:
        """The tours of the best trajectory of each instance, by its own distances in float64.

        Raises:
            OutOfTime: where there is no trajectory when the clock runs out.
        """
        env = loaded.env
        if clock.remaining == 0:
            raise OutOfTime
        batch = from_instances(instances).to(self.device)
        pictures = self._pictures(loaded, instances)
        given = [_given(env.problem, instance) for instance in instances]
        prefix = torch.tensor(given, device=self.device)[:, None] if given[0] else None  # [B, 1, L]
        with torch.inference_mode():
            decoding = _Decoding(self, loaded, augment(batch, pictures), prefix, seeds, clock, pace)
            actions = decoding.trajectories(pictures, batch.count)
            if self.draws_orders(env.problem):
                chosen = best_plan(env, batch, actions, len(given[0]), self.effort, clock)
            else:
                cost, missed = env.judge(batch, actions)
                best = cost.masked_fill(missed > 0, float("inf")).argmin(1)  # over A * P
                chosen = actions[torch.arange(batch.count, device=best.device), best]
        return [env.tours(row, instance) for row, instance in zip(chosen.cpu(), instances, strict=True)]

    def _pictures(self, loaded: _Loaded, instances: Sequence[Instance]) -> int:
        """The number of symmetries that are decoded."""
        return 1 if any(instance.coordinates is None for instance in instances) else loaded.augmentations

    def is_sampling(self, problem: Problem) -> bool:
        """Whether trajectories are sampled."""
        if self.decoding is None:
            return problem.shape.has_depot
        return self.decoding == "sampling"

    def draws_orders(self, problem: Problem) -> bool:
        """Whether trajectories are orders of all nodes that are followed until the quota is met."""
        return problem.hides_prizes and self.is_sampling(problem) and ENDED.keys() >= set(problem.objective.terms)

    def work_of(self, loaded: _Loaded, size: int, instances: int, steps: int) -> Work:
        """The work of decoding instances of one size."""
        return Work(loaded.policy.config, size, steps, _reads_pairs(loaded.env.problem), instances)

    def next_probabilities(self, problem: Problem, instance: Instance) -> NDArray[np.float64]:
        """P(next node | nodes so far) `[n]`, averaged over the symmetries that are decoded.

        The talk's view of a policy; the nodes so far are those of `instance.underway`. All are 0 where
        there is no next node: the tour is at its end, or no node is legal.
        """
        loaded = self._load(problem, instance.size, matrix=instance.matrix is not None)
        self._warn_of_sizes(loaded, [instance])
        given = _given(problem, instance)
        with torch.inference_mode():
            batch = augment(from_instances([instance]).to(self.device), self._pictures(loaded, [instance]))
            prefix = torch.tensor(given, dtype=torch.long, device=self.device).expand(batch.count, 1, -1)
            state = loaded.env.reset(batch, 1, prefix)
            if bool((state.dead | state.finished).all()):
                return torch.zeros(instance.size, dtype=torch.double).numpy()
            logits = loaded.policy.decoder.logits(loaded.policy.prepare(batch), loaded.env.observe(state))
        return logits.softmax(-1).mean((0, 1)).double().cpu().numpy()

    def elements_of(self, problem: Problem, loaded: _Loaded, size: int) -> int:
        """Elements of the largest tensor that one symmetry of an instance needs."""
        count = self.trajectories_of(loaded, size)
        pairs = count * size if _reads_pairs(problem) else 0
        return size * max(loaded.policy.config.heads * max(size, count), pairs)

    def trajectories_of(self, loaded: _Loaded, size: int) -> int:
        """P, the number of trajectories for each symmetry of an instance of `size` nodes."""
        problem = loaded.env.problem
        if self.is_sampling(problem):
            return loaded.samples
        return min(self.starts, size) if problem.shape.is_closed else 1


def _given(problem: Problem, instance: Instance) -> list[int]:
    """The actions of a tour under way."""
    if instance.underway is None:
        return []
    visited = list(instance.underway.visited)
    if problem.shape.has_several_tours:  # back at the depot: the action is to go where tours end
        out = [instance.finish if node == instance.depot else node for node in visited]
        return [node for i, node in enumerate(out) if i == 0 or node != instance.finish or out[i - 1] != node]
    at_depot = problem.shape.has_depot or instance.free_start or visited[:1] == [instance.depot]
    return visited if at_depot else [instance.depot, *visited]


def _reads_pairs(problem: Problem) -> bool:
    """Whether each step's mask reads all pairs of nodes: where one tour must visit all nodes in time windows."""
    return problem.visits_all and problem.shape.has_one_depot_tour


class _Decoding:
    """Decodes one batch of instances under their symmetries, piece by piece, within a time limit.

    Where all pieces fit, the trajectories depend on the seed alone. Where they may not fit, a greedy trajectory is
    decoded first, and then as many as fit by the time of the pieces before.

    Args:
        solver: has the settings of the decoding.
        loaded: the policy.
        batch: `[A * B]`, B instances under A symmetries.
        prefix: given first actions `[B, 1, L]`, or None.
        seeds: of sampling, one for each instance `[B]`.
        clock: the time limit.
        pace: predicts the time of the pieces, and is corrected by them.
    """

    def __init__(
        self,
        solver: PolicySolver,
        loaded: _Loaded,
        batch: Batch,
        prefix: Tensor | None,
        seeds: list[int],
        clock: Clock,
        pace: Pace,
    ) -> None:
        self.solver, self.loaded, self.batch = solver, loaded, batch
        self.prefix = None if prefix is None else prefix.repeat(batch.count // len(prefix), 1, 1)
        self.clock, self.pace = clock, pace
        problem = loaded.env.problem
        self.most = solver.trajectories_of(loaded, batch.size)
        self.is_sampling = solver.is_sampling(problem)
        if self.is_sampling:
            symmetries = batch.count // len(seeds)
            drawn = draw_uniform(seeds, loaded.env.horizon(batch), symmetries, self.most)
            self.uniform = drawn.to(batch.device)  # [T, A * B, P]
            sizes = batch.sizes.tolist()
            self.temperature = torch.tensor(
                [loaded.decoding.temperature_at(size) or TEMPERATURE for size in sizes], device=batch.device
            )

    def trajectories(self, symmetries: int, count: int) -> Tensor:
        """Actions `[B, K, T]` of as many trajectories as the time allows.

        Raises:
            OutOfTime: where there is time for none.
        """
        env, solver = self.loaded.env, self.solver
        work = solver.work_of(self.loaded, self.batch.size, count, env.horizon(self.batch))
        fitting = max(1, BATCH_ELEMENTS // solver.elements_of(env.problem, self.loaded, self.batch.size))
        block = max(1, fitting // count)  # symmetries at once
        pieces: list[Tensor] = []
        first: Tensor | None = None
        if self.pace.predict(UNSURE * work.seconds(symmetries, self.most)) > self.clock.remaining:
            first = self._timed(work, slice(count), 1, 1, is_sampling=False)
        done = 0
        with suppress(OutOfTime):
            while done < symmetries:
                at_once, most = self._fitting(work, min(block, symmetries - done), pressed=first is not None)
                if most == 0:
                    break
                rows = slice(done * count, (done + at_once) * count)
                found = self._timed(work, rows, at_once, most, is_sampling=self.is_sampling)
                pieces.append(found.unflatten(0, (at_once, count)).transpose(0, 1).flatten(1, 2))
                done += at_once
        complete = done == symmetries and sum(piece.shape[1] for piece in pieces) == symmetries * self.most
        if first is not None and not complete:
            pieces.append(first)
        if not pieces:
            raise OutOfTime
        longest = max(piece.shape[-1] for piece in pieces)  # finished trajectories stay
        return torch.cat([_stay(piece, longest) for piece in pieces], 1)

    def _fitting(self, work: Work, symmetries: int, *, pressed: bool) -> tuple[int, int]:
        """The number of symmetries to decode at once, and of trajectories of each."""
        left = self.clock.remaining
        if not pressed or self.pace.predict(work.seconds(symmetries, self.most)) <= left:
            return symmetries, self.most
        return 1, self.pace.trajectories(work, self.most, left)

    def _timed(self, work: Work, rows: slice, symmetries: int, most: int, *, is_sampling: bool) -> Tensor:
        """Actions `[., most, T]` of some rows of the batch; the pace records the time."""
        begun = self.clock.elapsed
        found = self._decode(rows, most, is_sampling=is_sampling)
        self.pace.learn(work.seconds(symmetries, most), self.clock.elapsed - begun)
        return found

    def _decode(self, rows: slice, count: int, *, is_sampling: bool) -> Tensor:
        env, solver, batch = self.loaded.env, self.solver, self.batch.rows(rows)
        prefix = None if self.prefix is None else self.prefix[rows]
        strategy = SeededSampling(self.temperature[rows], self.uniform[:, rows, :count]) if is_sampling else Greedy()
        if solver.draws_orders(env.problem):
            batch = disappointing(batch, prefix)
        if prefix is not None:
            prefix = prefix.expand(-1, count, -1)
        elif solver.starts > 1:
            prefix = env.starts(batch, min(solver.starts, count))
            if prefix is not None:
                prefix = prefix.repeat(1, -(-count // prefix.shape[1]), 1)[:, :count]
        return decode(
            env,
            batch,
            self.loaded.policy.decoder,
            self.loaded.policy.prepare(batch),
            strategy,
            trajectories=count,
            prefix=prefix,
            clock=self.clock,
        )


def _stay(actions: Tensor, steps: int) -> Tensor:
    return torch.cat([actions, actions[..., -1:].expand(*actions.shape[:2], steps - actions.shape[-1])], -1)
