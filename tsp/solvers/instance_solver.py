"""`InstanceSolver`, the base class of solvers that take instances one by one, in threads or processes."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tsp.solution import no_answer
from tsp.solvers.fixed_edges import without_fixed_edges
from tsp.solvers.protocol import BaseSolver, require_support
from tsp.solvers.visit_times import without_visit_times
from tsp.underway import is_undecided, reduce
from tsp.workers import LostError, ProcessWorkers

if TYPE_CHECKING:
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers.protocol import Request, Task


class InstanceSolver(BaseSolver):
    """A solver that takes instances one by one; with `threads` > 1, as many at once.

    A subclass writes `supports` and `solve_one`. An instance under way is reduced to what is left of it
    before `solve_one` is called, and the solution is expanded afterwards. `solve_one` is not called for what
    `refusal` refuses.

    Where most of the work holds Python's lock, the instances are solved in processes. Processes report
    an instance once, when it is solved; they are started once and kept as long as the solver.
    """

    in_threads: bool = False
    """Whether most of the work releases Python's lock, so that threads suffice in place of processes."""
    _pool: ProcessWorkers | None = None
    _pool_serves: tuple[Problem, int] | None = None

    @abstractmethod
    def solve_one(self, task: Task) -> Solution:
        """Solve one instance before `task.clock` runs out and return the checked solution.

        The caller sets `seconds` and `solver` in the solution, and in each that is reported.
        """

    def solve_request(self, request: Request) -> list[Solution]:
        """Solve each instance in its own time limit; see `BaseSolver.solve_request`."""
        require_support(self, request.problem)
        count = len(request.instances)
        several = request.threads > 1 and count > 1
        if several and not self.in_threads:
            return self._solve_in_processes(request)

        report, reported = request.report, set[int]()

        def note(i: int, solution: Solution) -> None:
            assert report is not None
            reported.add(i)
            report(i, solution)

        if report is not None:
            request = replace(request, report=note)

        def solve_at(i: int) -> Solution:
            solution = _solve_task(self, request.task(i))
            initial = None if request.initial is None else request.initial[i].objective
            if report is not None and i not in reported and request.problem.is_better(solution.objective, initial):
                report(i, solution)  # which keeps it if the work on the others is interrupted
            return solution

        if several:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(request.threads) as pool:
                return list(pool.map(solve_at, range(count)))
        return [solve_at(i) for i in range(count)]

    def _solve_in_processes(self, request: Request) -> list[Solution]:
        problem, threads, count = request.problem, request.threads, len(request.instances)
        if self._pool is None or self._pool_serves != (problem, threads):
            self._close()
            self._pool, self._pool_serves = (
                ProcessWorkers(threads, partial(_start_worker, self, problem)),
                (problem, threads),
            )
        singles = (request.select([i]).without_report() for i in range(count))
        solutions: list[Solution | None] = [None] * count
        try:
            for i, found in self._pool.run(_work, singles):
                solution = solutions[i] = replace(found, solver=self.name)
                if request.report is not None:
                    request.report(i, solution)
        except LostError as error:
            raise OSError(f"solver {self.name!r}: {error}") from None
        return [solution for solution in solutions if solution is not None]

    def _close(self) -> None:
        if self._pool is not None:
            self._pool.close()
        self._pool = self._pool_serves = None

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the processes, which cannot be sent to another process."""
        return {key: value for key, value in vars(self).items() if key not in {"_pool", "_pool_serves"}}


def _solve_task(solver: InstanceSolver, task: Task) -> Solution:
    """Solve one task; of an instance under way, solve the rest."""
    problem, instance, report = task.problem, task.instance, task.report

    def stamp(solution: Solution) -> Solution:
        return replace(solution, seconds=task.clock.elapsed, solver=solver.name)

    def stamped(solution: Solution) -> None:
        assert report is not None
        report(stamp(solution))

    if report is not None:
        task = replace(task, report=stamped)
    if instance.underway is None:
        return stamp(_solve_whole(solver, task))
    if is_undecided(problem, instance.underway.visited, instance.finish):
        place = instance.node_name(instance.underway.visited[-1])
        raise ValueError(f"{solver.name}: to stay at {place} is still possible, expected a solver such as means")
    rest = reduce(problem, instance.closed)
    if rest.decided:
        answer = rest.answer(problem, instance, no_answer(seconds=0.0, solver=solver.name))
        return replace(stamp(answer), bound=answer.objective)
    return stamp(rest.answer(problem, instance, _solve_whole(solver, task.reduced(rest))))


def _solve_whole(solver: InstanceSolver, task: Task) -> Solution:
    """Solve a task with nothing under way; of an instance that is refused, the initial solution or the reason.

    Visits that count towards a length budget, and fixed edges, become part of the distances.
    """
    reason = solver.refusal(task.problem, task.instance, task.clock.limit)
    if reason is not None:
        return task.initial or no_answer(seconds=0.0, solver=solver.name, reason=reason)
    for simplify in (without_visit_times, without_fixed_edges):
        simpler = simplify(task.problem, task.instance)
        if simpler is not None:
            return simpler.answer(task.problem, task.instance, solver.solve_one(task.reduced(simpler)))
    return solver.solve_one(task)


_worker: InstanceSolver | None = None
"""In a worker process: its solver, warmed up once."""


def _start_worker(solver: InstanceSolver, problem: Problem) -> None:
    global _worker
    solver.warm_up(problem)
    _worker = solver


def _work(request: Request) -> Solution:
    assert _worker is not None
    return _solve_task(_worker, request.task(0))
