"""`PolicySolver`: a trained policy behind the solver protocol."""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from envs.batch import from_instances
from envs.routing_env import RoutingEnv
from envs.rules import RULES
from envs.symmetries import augment
from tsp.budget import Clock
from tsp.composition import described
from tsp.problems import Problem, get_problem
from tsp.solution import Solution, check, no_answer
from tsp.solvers import BaseSolver, require_support, slow_refusal

from .active_search import Incumbents
from .batch_decoding import BATCH_ELEMENTS, BatchDecoding, Loaded, Method
from .checkpoint import MOST_SAMPLES, Decoding, load_policy
from .device import resolve_device, threads
from .pace import Pace
from .recourse import EFFORTS, QUICK, best_plan
from .rollout import OutOfTime
from .zoo import find_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tsp.instance import Instance
    from tsp.solvers import Request

    Relay = Callable[[Incumbents, Tensor], None]

MOST_STARTS = 100
WIDTH = 16
"""Trajectories that beam search keeps where the user gives no number."""
LARGEST = 6_000
"""Nodes above which attention over all pairs of nodes does not fit."""


class PolicySolver(BaseSolver):
    """A trained policy; it ends by itself unless it searches actively, and at the time limit with what it has.

    Args:
        path: a policy file; default is the shipped policy for the problem and size.
        decoding: greedy; sampling from the policy's distribution; distinct, which samples without replacement;
            or beam, the most probable trajectories that a beam search finds. Default is beam where `width` is
            given, sampling where `samples` or `temperature` say how or a tour leaves a depot, and greedy where
            it may start anywhere. Where prizes are hidden, the sampled order of least average cost is the
            answer (see `recourse`).
        samples: trajectories drawn for each symmetry of an instance when sampling; default is the
            recommendation of the policy's file, else 16.
        width: trajectories that beam search keeps for each symmetry of an instance; default is 16.
        temperature: temperature of sampling; above 1 trajectories differ more, so that the best of many is
            better; default is the recommendation of the policy's file, else 2.
        starts: number of trajectories, or of spread first nodes that they share, where a tour may start
            anywhere; default is every node, up to 100, when decoding is greedy, else 1. With 1 the policy
            chooses the first node.
        augmentations: number of the square's eight symmetries that are decoded; default is the
            recommendation of the policy's file, else 8, and 1 where instances have no coordinates.
        search: how the answer is improved. Where prizes are hidden, `quick` moves single nodes of the best
            sampled order, at most three times; `thorough` also reverses stretches (2-opt), in the six best
            orders, until no move saves, as `recourse` does; default is `quick`. Elsewhere `eas`, efficient
            active search, samples and trains the instance's embeddings until the time is up; default is none.
        steps: of efficient active search; default is as many as the time allows.
        precision: of products when solving. Bfloat16 takes two thirds of the time where the processor has instructions
            for it; trajectories then depend on it and on what else is in a batch, and are as good.
        device: the device to compute on.
    """

    name = "policy"
    uses_initial = False

    def __init__(
        self,
        *,
        path: str | None = None,
        decoding: Literal["greedy", "sampling", "distinct", "beam"] | None = None,
        samples: int | None = None,
        width: int | None = None,
        temperature: float | None = None,
        starts: int | None = None,
        augmentations: int | None = None,
        search: Literal["quick", "thorough", "eas"] | None = None,
        steps: int | None = None,
        precision: Literal["float32", "bfloat16"] = "float32",
        device: str = "auto",
    ) -> None:
        for option, value in {"starts": starts, "width": width, "steps": steps}.items():
            if value is not None and value < 1:
                raise ValueError(f"policy: {option}={value}, expected 1 or more")
        if width is not None and width > MOST_SAMPLES:
            raise ValueError(f"policy: width={width}, expected at most {MOST_SAMPLES}")
        try:
            self.requested = Decoding(samples, temperature, augmentations)
        except ValueError as error:
            raise ValueError(f"policy: {error}") from None
        if decoding is None and width is not None:
            decoding = "beam"
        if samples is not None or temperature is not None:
            if decoding in ("greedy", "beam"):
                unwanted = "width" if width is not None else f"decoding={decoding}"
                raise ValueError(f"policy: samples and temperature are of sampling, expected no {unwanted} beside")
            decoding = decoding or "sampling"
        _require_matching(decoding, search, width=width, temperature=temperature, starts=starts, steps=steps)
        if search == "eas" and precision != "float32":
            raise ValueError(f"policy: search=eas trains in float32, expected no precision={precision} beside")
        self.path, self.device = path, resolve_device(device)
        self.method = Method(
            decoding,
            width=width or WIDTH,
            starts=starts or (MOST_STARTS if decoding in (None, "greedy") else 1),
            is_active=search == "eas",
            steps=steps,
            bfloat16=precision == "bfloat16",
        )
        self.one_shot = search != "eas" or steps is not None
        self.search = search
        self.effort = QUICK if search is None else EFFORTS.get(search, QUICK)
        self._loaded: dict[tuple[str, Problem], Loaded] = {}

    def supports(self, problem: Problem) -> bool:
        """Whether the environment covers every rule, and there is a policy for the problem."""
        if not all(type(rule) in RULES for rule in problem.rules):
            return False
        shipped = find_policy(problem.name, 1)
        return self.path is not None or (shipped is not None and get_problem(shipped.problem).resembles(problem))

    def warm_up(self, problem: Problem) -> None:
        """Load the weights given by a path; shipped ones are chosen by size when instances are solved."""
        if self.path is not None:
            self._load(problem, 1)
        else:
            for size in (1, 20, 50, 100):
                for matrix in (False, True):
                    self._load(problem, size, matrix=matrix)

    def _load(self, problem: Problem, size: int, *, matrix: bool = False) -> Loaded:
        shipped = None if self.path is not None else find_policy(problem.name, size, matrix=matrix)
        if shipped is None and self.path is None:
            raise ValueError(f"policy: none is shipped for {problem.name!r}, expected policy(path=…) with one of yours")
        path = str(self.path if shipped is None else shipped.path)
        if (path, problem) not in self._loaded:
            policy, info = load_policy(path, self.device)
            if not get_problem(info.problem).resembles(problem):
                raise ValueError(f"{path}: a policy for {info.problem}, expected one for {described(problem)}")
            name = path if shipped is None else shipped.name
            best = self.requested.over(info.decoding)
            self._loaded[path, problem] = Loaded(
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
        needed = self.method.work(loaded, size, 1, size).preparation()
        return slow_refusal(self, instance, needed, time_limit) if self.device.type == "cpu" else None

    def solve_request(self, request: Request) -> list[Solution]:
        """Solve all instances in padded batches of similar sizes, in the sum of their time limits."""
        problem, instances = request.problem, request.instances
        require_support(self, problem)
        if self.method.is_active and problem.reveals:
            expected = "quick or thorough" if problem.expects_prizes else "no search"
            hides = " and ".join(problem.reveals).replace("_", " ")
            raise ValueError(f"policy: search=eas in {problem.name}, which hides {hides}; expected {expected}")
        if self.search in EFFORTS and not problem.expects_prizes:
            raise ValueError(f"policy: search={self.search} in {problem.name}, which hides no prizes; expected eas")
        clock = Clock(sum(request.limits))
        refusals = [self.refusal(problem, *each) for each in zip(instances, request.limits, strict=True)]
        with threads(request.threads):
            found = self._solve_groups(request, [i for i, why in enumerate(refusals) if why is None], clock)
        seconds = clock.elapsed / max(1, len(instances))
        return [
            replace(found[i], seconds=seconds)
            if i in found
            else no_answer(seconds=seconds, solver=self.name, reason=refusals[i])
            for i in range(len(instances))
        ]

    def _solve_groups(self, request: Request, chosen: Sequence[int], clock: Clock) -> dict[int, Solution]:
        """The solutions of the chosen instances, as far as the time allows; each batch is reported when it is done."""
        problem, instances, report = request.problem, request.instances, request.report
        groups: dict[tuple[str, int, bool], tuple[Loaded, list[int]]] = {}
        for i in sorted(chosen, key=lambda i: instances[i].size):
            loaded = self._load(problem, instances[i].size, matrix=instances[i].matrix is not None)
            key = (loaded.name, len(_given(problem, instances[i])), instances[i].coordinates is None)
            groups.setdefault(key, (loaded, []))[1].append(i)
        pace = Pace()
        found: dict[int, Solution] = {}
        left = len(chosen)
        for loaded, members in groups.values():
            self._warn_of_sizes(loaded, [instances[i] for i in members])
            for chunk in self._chunks(loaded, members, instances):
                share = Clock(clock.remaining * len(chunk) / left)
                left -= len(chunk)
                with suppress(OutOfTime):
                    seeds = [request.seed_at(i) for i in chunk]
                    relay = self._relay(request, loaded.env, chunk, clock)
                    tours = self._solve_batch(loaded, [instances[i] for i in chunk], seeds, share, pace, relay)
                    seconds = clock.elapsed / len(instances)
                    for i, each in zip(chunk, tours, strict=True):
                        found[i] = check(problem, instances[i], each, seconds=seconds, solver=self.name)
                        if report is not None and found[i].feasible:
                            report(i, found[i])
        return found

    def _warn_of_sizes(self, loaded: Loaded, instances: list[Instance]) -> None:
        low, high = loaded.sizes
        outside = [instance.size for instance in instances if not low <= instance.size <= high]
        if outside:
            span = f"{min(outside)} to {max(outside)}" if min(outside) < max(outside) else str(outside[0])
            warnings.warn(
                f"policy {loaded.name} was trained on {low} to {high} nodes; {span} nodes are outside that range",
                stacklevel=4,
            )

    def _chunks(self, loaded: Loaded, members: list[int], instances: Sequence[Instance]) -> list[list[int]]:
        """Groups of instances of similar size, as large as memory allows."""
        chunks: list[list[int]] = []
        for i in members:
            each = self._pictures(loaded, [instances[i]]) * self.method.elements(loaded, instances[i].size)
            if chunks and (len(chunks[-1]) + 1) * each <= BATCH_ELEMENTS:
                chunks[-1].append(i)
            else:
                chunks.append([i])
        return chunks

    def _solve_batch(
        self, loaded: Loaded, instances: list[Instance], seeds: list[int], clock: Clock, pace: Pace, relay: Relay
    ) -> list[list[list[int]]]:
        """The tours of the best trajectory of each instance, by its own distances in float64.

        Better tours are relayed while they are searched for.

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
        with torch.no_grad() if self.method.is_active else torch.inference_mode():
            decoding = BatchDecoding(self.method, loaded, augment(batch, pictures), prefix, seeds, clock, pace)
            actions = decoding.trajectories()
            if self.method.draws_orders(env.problem):
                chosen = best_plan(env, batch, actions, len(given[0]), self.effort, clock)
            else:
                incumbents = Incumbents(env, batch, actions)
                if self.method.is_active:
                    relay(incumbents, incumbents.cost.isfinite())
                    for better in decoding.improvements(incumbents):
                        relay(incumbents, better)
                chosen = incumbents.actions
        return [env.tours(row, instance) for row, instance in zip(chosen.cpu(), instances, strict=True)]

    def _relay(self, request: Request, env: RoutingEnv, chunk: list[int], clock: Clock) -> Relay:
        """A function that reports the incumbents of a chunk, where they have become better."""

        def relay(incumbents: Incumbents, better: Tensor) -> None:
            if request.report is None:
                return
            seconds = clock.elapsed / len(request.instances)
            for k in better.nonzero()[:, 0].tolist():
                instance = request.instances[chunk[k]]
                tours = env.tours(incumbents.actions[k].cpu(), instance)
                solution = check(request.problem, instance, tours, seconds=seconds, solver=self.name)
                if solution.feasible:
                    request.report(chunk[k], solution)

        return relay

    def _pictures(self, loaded: Loaded, instances: Sequence[Instance]) -> int:
        """The number of symmetries that are decoded."""
        return 1 if any(instance.coordinates is None for instance in instances) else loaded.augmentations

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


def _require_matching(
    decoding: str | None,
    search: str | None,
    *,
    width: int | None,
    temperature: float | None,
    starts: int | None,
    steps: int | None,
) -> None:
    """Refuse options that do not count beside each other."""
    if width is not None and decoding != "beam":
        raise ValueError(f"policy: width is of beam search, expected no decoding={decoding} beside")
    if decoding == "beam" and (starts or 1) > (width or WIDTH):
        raise ValueError(f"policy: starts={starts}, expected at most the beam's width of {width or WIDTH}")
    if search != "eas":
        if steps is not None:
            raise ValueError("policy: steps is of efficient active search, expected search=eas beside")
        return
    if decoding not in (None, "sampling"):
        raise ValueError(f"policy: search=eas samples, expected no decoding={decoding} beside")
    if temperature is not None:
        raise ValueError("policy: search=eas samples at temperature 1, expected no temperature beside")


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
