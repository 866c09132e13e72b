"""`solve_files`: solve the instances of many files in workers, and write the answers part by part."""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tsp import __version__
from tsp.budget import Budget
from tsp.composition import validated_problem
from tsp.formats import with_best_known
from tsp.formats.json_file import solution_entry
from tsp.instance import Instance
from tsp.shortcuts import solve_all
from tsp.solvers.defaults import default_spec
from tsp.solvers.protocol import foreign_errors, require_support
from tsp.solvers.spread import make_once
from tsp.streaming.parts import MOST_PARTS, Counts
from tsp.streaming.sources import cut
from tsp.workers import ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tsp.instance import Realization
    from tsp.solution import Solution
    from tsp.streaming.parts import Parts
    from tsp.streaming.sources import Piece, Shard, Source
    from tsp.workers import Workers

TASK_SECONDS = 5.0
"""Seconds that a worker should take for a shard: long beside what sending it costs, short beside what a kill loses."""

LEAST_SECONDS = 1.0
"""Seconds below which a shard is not made smaller, even if some workers then have nothing to do."""

MEASURED_SECONDS = 0.3
"""Seconds for which the first instances are solved to measure how long an instance takes."""

MOST_IN_SHARD = 1000
"""The most instances in a shard, which bounds memory where an instance takes no time."""

LARGEST_SHARD = 2**25
"""The most bytes of a shard's instances in memory, unless one instance alone has more."""

WARM_UP = 0.05
"""Time limit of the first instance, which is solved for the sake of imports alone."""

SHARDS_EACH = 8
"""Shards for each worker: as many finish at about the same time."""


@dataclass(frozen=True)
class Settings:
    """How instances are solved.

    Attributes:
        spec: the solver, or None for each instance's default.
        budget: time for each instance, threads of each worker, seed.
        device: for solvers that run on several kinds of devices.
        complete: changes each instance as options ask for it.
    """

    spec: str | None
    budget: Budget
    device: str
    complete: Callable[[Instance], Instance]


@dataclass(frozen=True)
class Answer:
    """What a worker gives for a shard.

    Attributes:
        number: position of the shard.
        text: the content of its part.
        counts: of its instances.
        notes: different warnings.
    """

    number: int
    text: str
    counts: Counts
    notes: tuple[str, ...]


@dataclass(frozen=True)
class State:
    """How far a run is.

    Attributes:
        counts: of the instances in the parts so far.
        notes: different warnings of the last part.
    """

    counts: Counts
    notes: tuple[str, ...] = ()


def solve_files(
    sources: Sequence[Source],
    settings: Settings,
    workers: Workers,
    parts: Parts,
    size: int | None,
    *,
    strict: bool,
) -> Iterator[State]:
    """Solve all instances that no part has, and write a part for each shard as soon as it is solved.

    Args:
        sources: the instances.
        settings: how they are solved.
        workers: they solve a shard each; their number does not change an answer.
        parts: where the answers are written.
        size: number of instances in a part, or None: by the time that the first ones take.
        strict: whether an instance that cannot be read or solved ends the run.

    Yields:
        how far the run is, at its beginning and after each part.

    Raises:
        ValueError: in one sentence, for an instance that cannot be read or solved where that is `strict`.
    """
    counts, done = Counts(), parts.done()
    for part in done.values():
        counts.add(part)
    yield State(counts)
    if size is None:
        size = shard_size(sources, settings, workers)
        parts.write_size(size)
    shards = cut(sources, size, skip=frozenset(done))
    for _, answer in workers.run(partial(solve_shard, settings), shards, lost=_lost):
        if strict and answer.counts.failed:
            raise ValueError(answer.counts.examples[0])
        parts.write(answer.number, answer.text)
        counts.add(answer.counts)
        yield State(counts, answer.notes)


def shard_size(sources: Sequence[Source], settings: Settings, workers: Workers) -> int:
    """The number of instances in a shard, from the time that the first ones take."""
    total = sum(source.count for source in sources)
    first = next(cut(sources, min(total, MOST_IN_SHARD)))
    ((_, (seconds, largest)),) = workers.run(partial(measure, settings), [first], lost=lambda _: (TASK_SECONDS, 1))
    least = math.ceil(LEAST_SECONDS / seconds)
    wanted = max(least, min(math.ceil(TASK_SECONDS / seconds), total // (SHARDS_EACH * workers.count)))
    return max(1, min(wanted, MOST_IN_SHARD, LARGEST_SHARD // largest), math.ceil(total / MOST_PARTS))


def prepare(settings: Settings, piece: Piece) -> None:
    """Warm up what solves the first instance of a piece; run once in each worker, in all of them at the same time."""
    warnings.simplefilter("ignore")  # the same warnings come with the answers
    with suppress(ValueError):  # the answers will say what is wrong
        instance = settings.complete(piece.instance(0))
        problem = validated_problem(instance)
        spec = settings.spec or default_spec(instance, settings.budget.time_limit)[0]
        solver = make_once(spec, device=settings.device)
        require_support(solver, problem)
        with foreign_errors(solver, solver.name):
            solver.warm_up(problem)


def measure(settings: Settings, shard: Shard) -> tuple[float, int]:
    """The seconds and the bytes that an instance takes; more and more instances are solved until that is measured."""
    warnings.simplefilter("ignore")  # the same warnings come with the answers
    items = list(shard)
    warm_up = replace(settings, budget=settings.budget.with_limit(min(WARM_UP, settings.budget.time_limit)))
    solve_items(warm_up, items[:1], 0)
    count, started = 0, time.perf_counter()
    while True:
        last, count = count, min(2 * count + 1, len(items))
        solve_items(settings, items[last:count], last)
        seconds = time.perf_counter() - started
        if seconds >= MEASURED_SECONDS or count == len(items):
            return max(seconds / count, 1e-6), max(1, *(_bytes(piece, k) for piece, k in items[:count]))


def _bytes(piece: Piece, k: int) -> int:
    """The bytes of an instance's arrays; 0 of a broken one."""
    try:
        instance = piece.instance(k)
    except ValueError:
        return 0
    return sum(value.nbytes for value in vars(instance).values() if isinstance(value, np.ndarray))


def solve_shard(settings: Settings, shard: Shard) -> Answer:
    """Solve the instances of a shard; the work of a worker."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        entries, failures = solve_items(settings, list(shard), shard.first)
    return _answer(shard, entries, failures, tuple(dict.fromkeys(str(one.message) for one in caught)))


def _lost(shard: Shard) -> Answer:
    """The answer for a shard that no worker survives."""
    sentence = f"{ATTEMPTS} workers in turn ended unexpectedly, perhaps out of memory"
    failures = [_failure(shard.first + i, piece.name(k), sentence) for i, (piece, k) in enumerate(shard)]
    return _answer(shard, [], failures, ())


def _answer(
    shard: Shard, entries: list[dict[str, Any]], failures: list[dict[str, Any]], notes: tuple[str, ...]
) -> Answer:
    content = {
        "version": __version__,
        "part": shard.number,
        "first": shard.first,
        "solutions": entries,
        "failures": failures,
    }
    return Answer(shard.number, json.dumps(content, allow_nan=False) + "\n", Counts.of(content), notes)


def _failure(index: int, name: str, error: str) -> dict[str, Any]:
    """An instance that could not be read or solved, as it is written."""
    return {"index": index, "instance": name, "error": error}


def solve_items(
    settings: Settings, items: Sequence[tuple[Piece, int]], first: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Solve instances; return entries of those that are solved and of those that cannot be read or solved.

    Args:
        settings: how they are solved.
        items: the instances, each as a piece and the position in it.
        first: position of the first one, over all files.

    Raises:
        ValueError: for a solver that does not exist, or does not support a problem.
    """
    failures: list[dict[str, Any]] = []
    good: list[tuple[int, Instance, Realization | None]] = []
    for index, (piece, k) in enumerate(items, first):
        try:
            instance = settings.complete(with_best_known(piece.instance(k)))
            validated_problem(instance)
            good.append((index, instance, piece.realization(k)))
        except ValueError as error:
            failures.append(_failure(index, piece.name(k), str(error)))
    if settings.spec is not None:
        for problem in {validated_problem(instance): None for _, instance, _ in good}:
            require_support(make_once(settings.spec, device=settings.device), problem)
    entries: list[dict[str, Any]] = []
    for (index, instance, _), found in zip(good, _solve(settings, good), strict=True):
        if isinstance(found, ValueError):
            failures.append(_failure(index, instance.name, str(found)))
        else:
            entries.append(solution_entry(instance, found))
    return entries, sorted(failures, key=lambda failure: failure["index"])


def _solve(
    settings: Settings, given: Sequence[tuple[int, Instance, Realization | None]]
) -> list[Solution] | list[Solution | ValueError]:
    """The solutions, all at once; where that fails, one by one, so that it fails for some only."""
    if not given:
        return []
    try:
        return solve_all(
            [instance for _, instance, _ in given],
            settings.spec,
            settings.budget,
            device=settings.device,
            realizations=[realization for _, _, realization in given],
            find_solver=make_once,
        )
    except ValueError as error:
        if len(given) == 1:
            return [error]
        return [answer for one in given for answer in _solve(settings, [one])]
