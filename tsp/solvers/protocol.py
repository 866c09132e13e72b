"""The one protocol of learned, classical and hybrid solvers: `Solver`, `BaseSolver`, `Task` and `Request`.

`Solver` lists the members that every solver has. `BaseSolver` adds the optional members, each with its
default. A solver from another package may leave them out: the toolkit reads them by the functions
`is_one_shot`, `uses_initial`, `share_of`, `description_of` and `next_probabilities` alone, which know the defaults.
What passes between solvers is numpy: `initial` solutions and `candidates`.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tsp.budget import SHORTEST, Budget, Clock
from tsp.composition import described
from tsp.instance import LARGEST_MATRIX, Instance
from tsp.problems import Problem
from tsp.solution import Solution, check, no_answer
from tsp.stand_ins import StandIns, make_stand_ins, reason_without_tour
from tsp.validation import items, shown

if TYPE_CHECKING:
    from collections.abc import Generator

    from tsp.underway import Reduced

Candidates = Sequence[NDArray[np.int64]]
"""For each instance `[n, k]`: the neighbours of each node that a search tries, best first."""

Report = Callable[[int, Solution], None]
"""Called with an instance's position and each better solution as it is found."""


MATRIX_PAIR = 8e-9
"""Seconds for each pair of nodes in which a matrix is searched for missing roads and huge numbers."""

FREE_END_PAIR = 4e-8
"""Seconds for each pair of nodes that a copy without a free end takes (`Instance.closed`)."""

OWN_PACKAGES = ("tsp", "policies", "baselines")
"""Packages whose errors are the toolkit's own faults."""

NO_WAY = "no solution keeps every rule without missing roads, which is proved"
"""The violation where every solution would use a missing road."""


@runtime_checkable
class Solver(Protocol):
    """Anything that turns instances into checked solutions within a budget.

    These four members are required. The optional ones are those of `BaseSolver`.
    """

    @property
    def name(self) -> str:
        """The name in reports."""
        ...

    def supports(self, problem: Problem) -> bool:
        """Whether the solver covers every rule of the problem."""
        ...

    def warm_up(self, problem: Problem) -> None:
        """Do what is done once (imports, compilation, loading weights) before any clock runs."""
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
            problem: the problem that all instances belong to.
            instances: any number, of any sizes.
            budget: time for each instance, threads, seed.
            initial: a solution of each instance to start from; an infeasible one is ignored.
            candidates: neighbour lists for each instance.
            report: called with each better solution.

        Returns:
            a checked solution for each instance, in the order of the instances.
        """
        ...


@dataclass(frozen=True, eq=False)
class Task:
    """One instance to solve: the argument of `InstanceSolver.solve_one`.

    Attributes:
        problem: the problem that the instance belongs to.
        instance: the instance; nothing is under way in it.
        clock: the running clock; the search ends when it runs out.
        seed: seed of every random choice.
        initial: a feasible solution to start from, or None.
        candidates: `[n, k]`, the neighbours of each node that a search tries, best first; None leaves
            the choice to the solver.
        report: called with each better solution as it is found; None where no report is wanted.
    """

    problem: Problem
    instance: Instance
    clock: Clock
    seed: int = 0
    initial: Solution | None = None
    candidates: NDArray[np.int64] | None = None
    report: Callable[[Solution], None] | None = None

    def reduced(self, reduced: Reduced) -> Task:
        """The same task for a reduced instance; what is reported is expanded again.

        Candidates are dropped, because they name the nodes of the original instance.
        """
        initial = None if self.initial is None else reduced.question(reduced.problem, self.initial)
        report = self.report

        def expand(found: Solution) -> None:
            assert report is not None
            report(reduced.answer(self.problem, self.instance, found))

        return replace(
            self,
            problem=reduced.problem,
            instance=reduced.instance,
            initial=initial if initial is not None and initial.feasible else None,
            candidates=None,
            report=None if report is None else expand,
        )


@dataclass(frozen=True, eq=False)
class Request:
    """Instances of one problem to solve: the arguments of `Solver.solve`, with a time limit for each instance.

    Attributes:
        problem: the problem that all instances belong to.
        instances: any number.
        limits: seconds for each instance.
        threads: number of threads or processes that may work at once.
        seed: seed of every random choice; from it each instance gets one of its own, see `seed_at`.
        initial: a solution of each instance to start from, feasible or not, or None.
        candidates: neighbour lists for each instance, or None.
        report: called with an instance's position and each better solution, or None.
    """

    problem: Problem
    instances: Sequence[Instance]
    limits: Sequence[float]
    threads: int = 1
    seed: int = 0
    initial: Sequence[Solution] | None = None
    candidates: Candidates | None = None
    report: Report | None = None

    def select(self, chosen: Sequence[int]) -> Request:
        """The instances at these positions alone; reports keep the positions in this request."""
        report = self.report

        def relay(i: int, solution: Solution) -> None:
            assert report is not None
            report(chosen[i], solution)

        return replace(
            self,
            instances=[self.instances[i] for i in chosen],
            limits=[self.limits[i] for i in chosen],
            initial=None if self.initial is None else [self.initial[i] for i in chosen],
            candidates=None if self.candidates is None else [self.candidates[i] for i in chosen],
            report=None if report is None else relay,
        )

    def without_report(self) -> Request:
        """The same request for another process, to which a report cannot go."""
        return replace(self, report=None)

    def seed_at(self, i: int) -> int:
        """The seed of every random choice for the instance at position `i`.

        It follows from the request's seed and the instance's content, so that where no clock decides, the answer
        is the same whatever the other instances are.
        """
        content = f"{self.seed} {self.instances[i].fingerprint}".encode()
        return int.from_bytes(hashlib.sha256(content).digest()[:8])

    def task(self, i: int) -> Task:
        """The instance at position `i` as a task, whose clock starts now."""
        seed, initial = self.seed_at(i), None if self.initial is None else self.initial[i]
        return Task(
            self.problem,
            self.instances[i],
            Clock(self.limits[i]),
            seed=seed,
            initial=initial if initial is not None and initial.feasible else None,
            candidates=None if self.candidates is None else self.candidates[i],
            report=None if self.report is None else partial(self.report, i),
        )


class BaseSolver(ABC):
    """A solver with every optional member at its default.

    A subclass writes `supports` and `solve_request`, and overrides the optional members that differ.
    """

    name: str
    one_shot: bool = False
    """Whether the solver ends by itself, whatever the time limit. Read by `is_one_shot`."""
    share: float | None = None
    """The share of a chain's time limit that the solver takes as a stage; None takes an equal share of
    what is left. Read by `share_of`."""
    uses_initial: bool = True
    """Whether the solver starts from an initial solution, where one is given. Read by `uses_initial`."""
    keeps_missing_roads: bool = False
    """Whether `solve_request` takes instances with infinite distances, where nothing is under way; others get
    stand-ins (`tsp.stand_ins`)."""
    keeps_free_ends: bool = False
    """Whether `solve_request` takes points with a free end of tours; others get `Instance.closed`, a table."""
    passes_on: bool = False
    """Whether `solve_request` only passes instances on to other solvers by the function `solve_request`."""

    @abstractmethod
    def supports(self, problem: Problem) -> bool:
        """Whether the solver covers every rule of the problem."""

    def warm_up(self, problem: Problem) -> None:  # noqa: B027 (most solvers have nothing to do)
        """Do what is done once (imports, compilation, loading weights) before any clock runs."""

    def describe(self, problem: Problem, size: int, time_limit: float) -> str | None:
        """The settings used for `size` nodes within `time_limit` seconds, in a sentence; None adds no note.

        `tsp compare` prints it below its table. Read by `description_of`.
        """
        return None

    def refusal(self, problem: Problem, instance: Instance, time_limit: float) -> str | None:
        """Why the solver refuses an instance of that size in that time, in a sentence; None where it does not.

        An instance that is refused has no answer, or the initial solution. Read by `refusal_of`.
        """
        return None

    def next_probabilities(self, problem: Problem, instance: Instance) -> NDArray[np.float64] | None:
        """P(next node | nodes so far) `[n]`, the nodes so far being those of `instance.underway`.

        None where the solver has no such distribution. Read by the function `next_probabilities`.
        """
        return None

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
        return solve_request(
            self, Request(problem, instances, limits, budget.threads, budget.seed, initial, candidates, report)
        )

    @abstractmethod
    def solve_request(self, request: Request) -> list[Solution]:
        """Solve each instance of the request in its own time limit.

        Raises:
            ValueError: for a problem that the solver does not support.
        """


def solve_request(solver: Solver, request: Request) -> list[Solution]:
    """Solve a request: each instance in its own limit, or by a solver without `solve_request` all in the mean limit.

    Where roads are missing, numbers huge or ends of tours free, the solver gets copies of the instances with stand-ins,
    and what it finds is checked with the instances' own distances.
    """
    if not getattr(solver, "passes_on", False) and any(
        one.matrix is not None or one.free_end for one in request.instances
    ):
        return _solve_with_stand_ins(solver, request)
    return _solve_plainly(solver, request)


def _solve_with_stand_ins(solver: Solver, request: Request) -> list[Solution]:
    problem, keeps_missing = request.problem, getattr(solver, "keeps_missing_roads", False)
    out = [_answer_at_once(solver, request, i) for i in range(len(request.instances))]
    chosen = [i for i, answer in enumerate(out) if answer is None]
    if not chosen:
        return [answer for answer in out if answer is not None]
    part, clock = request.select(chosen), Clock(0.0)
    copies = [
        StandIns(problem, instance)
        if _keeps_free_end(solver, instance)
        else make_stand_ins(problem, instance, keep_missing=keeps_missing and instance.underway is None)
        for instance in part.instances
    ]
    spent = clock.elapsed / len(copies)
    part = replace(part, limits=[max(limit - spent, SHORTEST) for limit in part.limits])
    for i, answer in zip(chosen, _solve_copies(solver, part, copies), strict=True):
        out[i] = replace(answer, seconds=answer.seconds + spent)
    return [answer for answer in out if answer is not None]


def _answer_at_once(solver: Solver, request: Request, i: int) -> Solution | None:
    """The answer where missing roads are seen to leave no tour, or there is no time to look for them."""
    instance = request.instances[i]
    reason = _copy_refusal(solver, instance, request.limits[i])
    if reason is not None:
        initial = None if request.initial is None else request.initial[i]
        if initial is not None and initial.feasible:
            return replace(initial, seconds=0.0, solver=solver.name)
        return no_answer(seconds=0.0, solver=solver.name, reason=reason)
    sentence = reason_without_tour(request.problem, instance)
    if sentence is None:
        return None
    return Solution((), None, False, (sentence,), solver=solver.name, reasons=(sentence,))


def _solve_copies(solver: Solver, request: Request, copies: Sequence[StandIns]) -> list[Solution]:
    """Solve the copies of the instances, and check the solutions with the instances' own distances."""
    problem, originals, relayed = request.problem, request.instances, request.report
    if all(copy.instance is original for copy, original in zip(copies, originals, strict=True)):
        return _solve_plainly(solver, request)

    def answer(i: int, found: Solution) -> Solution:
        bound = copies[i].bound(found.bound)
        if copies[i].proves_none(found.bound):
            return replace(
                found, tours=(), objective=None, feasible=False, violations=(NO_WAY,), bound=None, reasons=(NO_WAY,)
            )
        if not found.tours:
            return replace(found, bound=bound)
        checked = check(
            problem,
            originals[i],
            found.tours,
            amounts=found.amounts,
            seconds=found.seconds,
            bound=bound,
            solver=found.solver,
        )
        return checked if checked.feasible else replace(checked, reasons=found.reasons)

    def report(i: int, found: Solution) -> None:
        checked = answer(i, found)
        if relayed is not None and checked.feasible:
            relayed(i, checked)

    def question(i: int, initial: Solution) -> Solution:
        if not initial.feasible:
            return initial
        return check(problem, copies[i].instance, initial.tours, amounts=initial.amounts, solver=initial.solver)

    given = request.initial
    changed = replace(
        request,
        instances=[copy.instance for copy in copies],
        initial=None if given is None else [question(i, one) for i, one in enumerate(given)],
        report=None if relayed is None else report,
    )
    return [answer(i, found) for i, found in enumerate(_solve_plainly(solver, changed))]


def _solve_plainly(solver: Solver, request: Request) -> list[Solution]:
    """Solve a request, and check every answer and every report before anybody sees it."""
    problem, instances, relayed = request.problem, request.instances, request.report

    def report(i: int, found: Solution) -> None:
        checked = _checked_again(solver, problem, instances[i], found)
        if relayed is not None and checked.feasible:
            relayed(i, checked)

    with foreign_errors(solver, solver.name):
        found: object = _call(solver, replace(request, report=None if relayed is None else report))
    answers = items(found, f"solver {solver.name!r}: answers", "a list of solutions")
    if len(answers) != len(instances):
        raise ValueError(f"solver {solver.name!r} returned {len(answers)} answers, expected {len(instances)}")
    return [_checked_again(solver, problem, one, answer) for one, answer in zip(instances, answers, strict=True)]


@contextmanager
def foreign_errors(solver: object, name: str) -> Generator[None]:
    """Turn what a solver of another package raises into a sentence with its name.

    Args:
        solver: the solver or its class.
        name: the solver's name.

    Raises:
        ValueError: in place of an error of any class, but for those that are sentences for the user.
    """
    module = getattr(solver, "__module__", "")  # of a class or of its object
    try:
        yield
    except Exception as error:
        is_sentence = isinstance(error, ValueError | OSError | Warning)
        if is_sentence or str(module).partition(".")[0] in OWN_PACKAGES:
            raise  # the toolkit's own faults keep their traceback
        raise ValueError(f"solver {name!r}: {error_sentence(error)}") from error


def error_sentence(error: Exception) -> str:
    """An error in one line, with its class."""
    return " ".join(f"failed with {type(error).__name__}: {error}".split()).rstrip(":")


def _checked_again(solver: Solver, problem: Problem, instance: Instance, found: object) -> Solution:
    """An answer whose tours are checked here, whatever the solver says of them."""
    if not isinstance(found, Solution):
        raise ValueError(f"solver {solver.name!r} returned {shown(found)}, expected a solution")
    if not found.tours and not found.feasible:
        return replace(found, objective=None)
    seconds, bound, name = found.seconds, found.bound, found.solver
    checked = check(
        problem, instance, found.tours, amounts=found.amounts, seconds=seconds, bound=bound, solver=name or solver.name
    )
    if not checked.feasible:
        return replace(checked, reasons=found.reasons)
    if bound is not None and not checked.proved_optimal and problem.is_better(checked.objective, bound):
        return replace(checked, bound=None)  # it proves nothing: the answer is better than the bound
    return checked


def _call(solver: Solver, request: Request) -> list[Solution]:
    if isinstance(solver, BaseSolver):
        return solver.solve_request(request)
    mean = sum(request.limits) / len(request.limits)
    return solver.solve(
        request.problem,
        request.instances,
        Budget(max(mean, SHORTEST), request.threads, request.seed),
        initial=request.initial,
        candidates=request.candidates,
        report=request.report,
    )


def require_support(solver: Solver, problem: Problem) -> None:
    """Refuse, by name, a problem that the solver does not support.

    Raises:
        ValueError: in one sentence.
    """
    with foreign_errors(solver, solver.name):
        is_supported = solver.supports(problem)
    if not is_supported:
        raise ValueError(f"solver {solver.name!r} does not support problem {described(problem)!r}")


def is_one_shot(solver: Solver) -> bool:
    """Whether the solver ends by itself, whatever the time limit; see `BaseSolver.one_shot`."""
    return bool(getattr(solver, "one_shot", False))


def uses_initial(solver: Solver) -> bool:
    """Whether the solver starts from an initial solution; see `BaseSolver.uses_initial`."""
    return bool(getattr(solver, "uses_initial", True))


def share_of(solver: Solver) -> float | None:
    """The share of a chain's time limit that the solver takes; see `BaseSolver.share`."""
    return getattr(solver, "share", None)


def description_of(solver: Solver, problem: Problem, size: int, time_limit: float) -> str | None:
    """The solver's settings in a sentence, or None; see `BaseSolver.describe`."""
    describe = getattr(solver, "describe", None)
    return None if describe is None else describe(problem, size, time_limit)


def refusal_of(solver: Solver, problem: Problem, instance: Instance, time_limit: float) -> str | None:
    """Why the solver refuses an instance, or None; see `BaseSolver.refusal`."""
    refusal = getattr(solver, "refusal", None)
    own = None if refusal is None else refusal(problem, instance, time_limit)
    return own or _copy_refusal(solver, instance, time_limit)


def _keeps_free_end(solver: Solver, instance: Instance) -> bool:
    return instance.matrix is None and getattr(solver, "keeps_free_ends", False)


def _copy_refusal(solver: Solver, instance: Instance, time_limit: float) -> str | None:
    """The refusal of more nodes in a matrix, or with a free end, than can be looked through in the time, or None."""
    if getattr(solver, "passes_on", False):
        return None  # others may not need to
    if instance.matrix is not None:
        return slow_refusal(solver, instance, MATRIX_PAIR * instance.size**2, time_limit)
    if not instance.free_end or _keeps_free_end(solver, instance):
        return None
    if instance.size > LARGEST_MATRIX:
        return f"{instance.size} nodes: with a free end, {solver.name} solves at most {LARGEST_MATRIX}"
    return slow_refusal(solver, instance, FREE_END_PAIR * instance.size**2, time_limit)


def most_nodes_refusal(solver: Solver, instance: Instance, most: int) -> str | None:
    """The refusal of an instance with more than `most` nodes, or None."""
    return f"{instance.size} nodes: {solver.name} solves at most {most}" if instance.size > most else None


def slow_refusal(solver: Solver, instance: Instance, needed: float, time_limit: float) -> str | None:
    """The refusal of an instance that needs more seconds than the time limit before there is any answer, or None."""
    if needed <= time_limit:
        return None
    return (
        f"{instance.size} nodes: {solver.name} needs about {needed:.2g} s for so many, "
        f"expected fewer nodes or a longer limit than {time_limit:.3g} s"
    )


def next_probabilities(solver: Solver, problem: Problem, instance: Instance) -> NDArray[np.float64] | None:
    """The solver's distribution over the next node, or None; see `BaseSolver.next_probabilities`."""
    predict = getattr(solver, "next_probabilities", None)
    return None if predict is None else predict(problem, instance)
