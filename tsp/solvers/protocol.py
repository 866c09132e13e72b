"""The one solver protocol, and what solvers of single instances share.

A solver turns instances into checked solutions within a budget, whether it is learned, classical
or both. What passes between solvers is numpy: `initial` solutions and `candidates`.
"""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tsp.budget import Budget, Clock
from tsp.solution import Solution, no_answer
from tsp.underway import reduce

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

    from tsp.instance import Instance
    from tsp.problems import Problem

Candidates = Sequence[NDArray[np.int64]]
"""For each instance `[n, k]`: the neighbours worth trying, best first."""

Report = Callable[[int, Solution], None]
"""Called with an instance's position and each better solution as it is found."""


@runtime_checkable
class Solver(Protocol):
    """Anything that turns instances into checked solutions within a budget."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    def supports(self, problem: Problem) -> bool:
        """Whether it covers every rule of the problem."""
        ...

    def warm_up(self, problem: Problem) -> None:
        """Pay what is paid once (imports, compilation, loading weights) before any clock runs."""
        ...

    def solve(
        self,
        problem: Problem,
        instances: Sequence[Instance],
        budget: Budget,
        *,
        initial: Sequence[Solution] | None = None,
        candidates: Candidates | None = None,
        report: Report | None = None,
    ) -> list[Solution]:
        """Solve each instance.

        Args:
            problem: what the instances are instances of.
            instances: any number, of any sizes.
            budget: time for each instance, threads, seed.
            initial: a solution of each instance to start from; an infeasible one is ignored.
            candidates: neighbour lists for each instance.
            report: called with each better solution.

        Returns:
            a checked solution for each instance, at its place.
        """
        ...


def require_support(solver: Solver, problem: Problem) -> None:
    """Refuse, by name, a problem that the solver does not cover.

    Raises:
        ValueError: in one sentence.
    """
    if not solver.supports(problem):
        raise ValueError(f"solver {solver.name!r} does not support problem {problem.name!r}")


def is_one_shot(solver: Solver) -> bool:
    """Whether the solver ends when it is done, whatever the time limit (its attribute `one_shot`)."""
    return bool(getattr(solver, "one_shot", False))


class InstanceSolver(ABC):
    """A solver that takes instances one by one; with `threads` > 1, as many at once.

    A subclass says how one instance is solved; this class does the rest of the protocol. Where most of
    the work holds Python's lock, processes do it: they report an instance once, when it is done, are
    started once and kept as long as the solver.
    """

    name: str
    in_threads = False
    """Whether the work is done without Python's lock, so that threads are enough."""
    _pool: ProcessPoolExecutor | None = None
    _pool_serves: tuple[Problem, int] | None = None

    @abstractmethod
    def supports(self, problem: Problem) -> bool:
        """Whether it covers every rule of the problem."""

    def warm_up(self, problem: Problem) -> None:  # noqa: B027 (a hook that most need not fill)
        """Nothing to pay, unless a subclass says so."""

    @abstractmethod
    def solve_one(
        self,
        problem: Problem,
        instance: Instance,
        clock: Clock,
        *,
        seed: int,
        initial: Solution | None,
        candidates: NDArray[np.int64] | None,
        report: Callable[[Solution], None] | None,
    ) -> Solution:
        """Solve one instance before `clock` runs out and return the checked solution.

        `initial` is feasible where it is given. `seconds` and `solver` are filled in by the caller,
        in what is reported too.
        """

    def solve(
        self,
        problem: Problem,
        instances: Sequence[Instance],
        budget: Budget,
        *,
        initial: Sequence[Solution] | None = None,
        candidates: Candidates | None = None,
        report: Report | None = None,
    ) -> list[Solution]:
        """Solve each instance; see `Solver.solve`."""
        limits = [budget.time_limit] * len(instances)
        return self.solve_each(
            problem, instances, limits, budget, initial=initial, candidates=candidates, report=report
        )

    def solve_each(
        self,
        problem: Problem,
        instances: Sequence[Instance],
        limits: Sequence[float],
        budget: Budget,
        *,
        initial: Sequence[Solution] | None = None,
        candidates: Candidates | None = None,
        report: Report | None = None,
    ) -> list[Solution]:
        """Solve each instance in a time limit of its own, which stands in for the budget's."""
        require_support(self, problem)
        jobs = [
            _Job(
                instance,
                limits[i],
                initial[i] if initial is not None and initial[i].feasible else None,
                candidates[i] if candidates is not None else None,
                budget.seed + i,
            )
            for i, instance in enumerate(instances)
        ]
        several = budget.threads > 1 and len(jobs) > 1
        if several and not self.in_threads:
            return self._solve_in_processes(problem, jobs, budget.threads, report)
        reports = [None if report is None else partial(report, i) for i in range(len(jobs))]
        if several:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(budget.threads) as pool:
                return list(pool.map(partial(_solve_job, self, problem), jobs, reports))
        return list(map(partial(_solve_job, self, problem), jobs, reports))

    def _solve_in_processes(
        self, problem: Problem, jobs: Sequence[_Job], threads: int, report: Report | None
    ) -> list[Solution]:
        from concurrent.futures import ProcessPoolExecutor, as_completed
        from concurrent.futures.process import BrokenProcessPool
        from multiprocessing import get_context

        if self._pool is None or self._pool_serves != (problem, threads):
            self._close()
            self._pool = ProcessPoolExecutor(
                threads, mp_context=get_context("spawn"), initializer=_start_worker, initargs=(self, problem)
            )
            self._pool_serves = (problem, threads)
        solutions: list[Solution | None] = [None] * len(jobs)
        try:
            places = {self._pool.submit(_work, problem, job): i for i, job in enumerate(jobs)}
            for future in as_completed(places):
                i = places[future]
                solution = solutions[i] = replace(future.result(), solver=self.name)
                if report is not None:
                    report(i, solution)
        except BrokenProcessPool:
            self._close()
            raise OSError(f"solver {self.name!r}: a worker process ended unexpectedly, perhaps out of memory") from None
        except BaseException:
            self._close()
            raise
        return [solution for solution in solutions if solution is not None]

    def _close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._pool_serves = None

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the processes, which cannot go to another process."""
        return {key: value for key, value in vars(self).items() if key not in {"_pool", "_pool_serves"}}


class _Job(NamedTuple):
    """One instance to solve, with all that goes with it."""

    instance: Instance
    limit: float
    initial: Solution | None
    candidates: NDArray[np.int64] | None
    seed: int


def _solve_job(
    solver: InstanceSolver, problem: Problem, job: _Job, report: Callable[[Solution], None] | None
) -> Solution:
    """Solve one instance; of one under way the rest, which the solver need not know."""
    clock = Clock(job.limit)
    instance, initial, candidates = job.instance, job.initial, job.candidates
    rest = None if instance.underway is None else reduce(problem, instance)
    if rest is not None:
        begun = None if initial is None else rest.question(rest.problem, initial)
        instance, candidates = rest.instance, None
        initial = begun if begun is not None and begun.feasible else None

    def stamp(solution: Solution) -> Solution:
        answer = solution if rest is None else rest.answer(problem, job.instance, solution)
        return replace(answer, seconds=clock.elapsed, solver=solver.name)

    if rest is not None and rest.decided:
        answer = stamp(no_answer(seconds=0.0, solver=solver.name))
        return replace(answer, bound=answer.objective)
    found = solver.solve_one(
        problem if rest is None else rest.problem,
        instance,
        clock,
        seed=job.seed,
        initial=initial,
        candidates=candidates,
        report=None if report is None else lambda solution: report(stamp(solution)),
    )
    return stamp(found)


_worker: InstanceSolver | None = None
"""In a worker process: the solver it serves, warmed up once."""


def _start_worker(solver: InstanceSolver, problem: Problem) -> None:
    global _worker
    # Ctrl-C reaches every process: a worker goes at once and without a word, the parent reports.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    solver.warm_up(problem)
    _worker = solver


def _work(problem: Problem, job: _Job) -> Solution:
    assert _worker is not None
    return _solve_job(_worker, problem, job, None)


def solve_in_limits(
    solver: Solver,
    problem: Problem,
    instances: Sequence[Instance],
    limits: Sequence[float],
    budget: Budget,
    *,
    initial: Sequence[Solution] | None = None,
    candidates: Candidates | None = None,
    report: Report | None = None,
) -> list[Solution]:
    """Solve each instance in its own limit, or a batch in the sum of them."""
    if isinstance(solver, InstanceSolver):
        return solver.solve_each(
            problem, instances, limits, budget, initial=initial, candidates=candidates, report=report
        )
    share = budget.with_limit(sum(limits) / len(limits))
    return solver.solve(problem, instances, share, initial=initial, candidates=candidates, report=report)
