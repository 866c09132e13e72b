"""`SpreadSolver`: a solver of a spec whose instances are spread over workers."""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from tsp.solvers.protocol import (
    BaseSolver,
    description_of,
    is_one_shot,
    refusal_of,
    share_of,
    solve_request,
    uses_initial,
)
from tsp.solvers.registry import make

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers.protocol import Request, Solver
    from tsp.workers import Workers

SHARDS_EACH = 4
"""Shards for each worker: as many finish at about the same time."""


class SpreadSolver(BaseSolver):
    """The solver of a spec, each of whose requests is cut into shards, which workers solve.

    Args:
        spec: the solver.
        device: for solvers that run on several kinds of devices.
        workers: they have made and warmed up the solver (`prepare_worker`).
    """

    passes_on = True

    def __init__(self, spec: str, device: str, workers: Workers) -> None:
        self._inner = make(spec, device=device)
        self._spec, self._device, self._workers = spec, device, workers
        self.name = self._inner.name
        self.one_shot = is_one_shot(self._inner)
        self.uses_initial = uses_initial(self._inner)
        self.share = share_of(self._inner)

    def supports(self, problem: Problem) -> bool:
        """See `BaseSolver.supports`."""
        return self._inner.supports(problem)

    def describe(self, problem: Problem, size: int, time_limit: float) -> str | None:
        """See `BaseSolver.describe`."""
        return description_of(self._inner, problem, size, time_limit)

    def refusal(self, problem: Problem, instance: Instance, time_limit: float) -> str | None:
        """See `BaseSolver.refusal`."""
        return refusal_of(self._inner, problem, instance, time_limit)

    def solve_request(self, request: Request) -> list[Solution]:
        """See `BaseSolver.solve_request`; an instance is reported once, when it is solved."""
        count = len(request.instances)
        size = math.ceil(count / (SHARDS_EACH * self._workers.count))
        places = [range(first, min(first + size, count)) for first in range(0, count, size)]
        shards = (request.select(place).without_report() for place in places)
        out: list[Solution | None] = [None] * count
        for shard, answers in self._workers.run(partial(_solve, self._spec, self._device), shards):
            for i, solution in zip(places[shard], answers, strict=True):
                out[i] = solution
                if request.report is not None and solution.feasible:
                    request.report(i, solution)
        return [solution for solution in out if solution is not None]


def prepare_worker(specs: Sequence[str], device: str, problem: Problem) -> None:
    """Make solvers and warm them up; the first task of a worker."""
    for spec in specs:
        make_once(spec, device=device).warm_up(problem)


def _solve(spec: str, device: str, request: Request) -> list[Solution]:
    return solve_request(make_once(spec, device=device), request)


@lru_cache(maxsize=32)
def make_once(spec: str, *, device: str) -> Solver:
    """The solver of a spec, made at the first call in this process: that may load weights."""
    return make(spec, device=device)
