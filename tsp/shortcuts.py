"""`read`, `solve`, `train` and `compare`: the toolkit in four calls, also available as `tsp.read` and so on."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, overload

import numpy as np

from tsp.answer import Answer
from tsp.budget import Budget, walk_limit
from tsp.comparison import Comparison
from tsp.comparison import compare as compare_solvers
from tsp.composition import problem_of, untimed, unused, validated_problem
from tsp.files import hold_folder
from tsp.formats import read as read_set
from tsp.infeasibility import explain
from tsp.instance import Instance, Realization
from tsp.problems import Session, get_problem
from tsp.solution import Solution, check, no_answer
from tsp.solvers import refusal_of, uses_initial
from tsp.solvers.chain import better_of
from tsp.solvers.defaults import default_spec
from tsp.solvers.online import play_all
from tsp.solvers.protocol import Request, foreign_errors, require_support, solve_request
from tsp.solvers.registry import load, make, split_alias
from tsp.solvers.spread import SpreadSolver, prepare_worker
from tsp.underway import validate_underway
from tsp.validation import items, shown
from tsp.workers import open_workers

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from tsp.problems import Problem
    from tsp.solvers import Report, Solver

    Start = Solution | Sequence[ArrayLike]

__all__ = ["compare", "read", "read_set", "solve", "train"]


def read(
    path: str | os.PathLike[str],
    *,
    problem: str | None = None,
    matrix: str | os.PathLike[str] | None = None,
    unit: str | None = None,
    speed: float | None = None,
    walls: str | os.PathLike[str] | Literal[False] | None = None,
) -> Instance:
    """Read the one instance in a file (TSPLIB, CSV, …); `problem` and `matrix` add what the file does not contain.

    Distances between places on the Earth are in `unit` (`m`, `km`, `mi`; default km); where their times come from a
    clock, `speed` is in kilometres an hour (default 50). Ways lead around the `walls` of a file, of the one beside a
    CSV file (None: `NAME.walls.csv` beside `NAME.csv`, if there is one), or around none (False).

    Raises:
        ValueError: when the file is broken, or holds a set (read those with `read_set`).
    """
    instances = read_set(path, problem=problem, matrix=matrix, unit=unit, speed=speed, walls=walls)
    if len(instances) != 1:
        raise ValueError(f"{path}: holds {len(instances)} instances, expected one; read_set reads them all")
    return instances[0]


@overload
def solve(
    instances: Instance,
    solver: str | None = None,
    *,
    initial: Start | None = None,
    time_limit: float = 2.0,
    decision_time: float | None = None,
    threads: int = 1,
    seed: int = 0,
    report: Callable[[Answer], None] | None = None,
) -> Answer: ...


@overload
def solve(
    instances: Sequence[Instance],
    solver: str | None = None,
    *,
    initial: Sequence[Start | None] | None = None,
    time_limit: float = 2.0,
    decision_time: float | None = None,
    threads: int = 1,
    seed: int = 0,
    report: Callable[[int, Answer], None] | None = None,
) -> list[Answer]: ...


def solve(
    instances: Instance | Sequence[Instance],
    solver: str | None = None,
    *,
    initial: Start | Sequence[Start | None] | None = None,
    time_limit: float = 2.0,
    decision_time: float | None = None,
    threads: int = 1,
    seed: int = 0,
    report: Callable[[Answer], None] | Callable[[int, Answer], None] | None = None,
) -> Answer | list[Answer]:
    """Solve one instance, or several.

    Args:
        instances: each is solved under the rules of its own `problem`, and those that its data add.
        solver: a spec such as `ortools` or `policy(decoding=sampling)+2opt`; default: the toolkit's best
            for each instance.
        initial: where the search starts: a feasible solution, or tours such as `[[0, 2, 1]]`; of several instances, one
            for each, or None. The answer is never worse.
        time_limit: seconds for each instance.
        decision_time: seconds for the next decision, where values are revealed on the way.
        threads: number of threads.
        seed: seed of every random choice.
        report: called with each better solution while the search runs; of several instances, with the position of its
            instance and the solution.

    Returns:
        the checked solution, or a list of them in the order of the instances; an infeasible one has the
        `reasons` why no solution keeps every rule, where that is proved.
    """
    several = [instances] if isinstance(instances, Instance) else _listed(instances)
    budget = Budget(time_limit, threads, seed, decision_time)
    starts = None
    if initial is not None:
        given = [initial] if isinstance(instances, Instance) else items(initial, "initial", "a list of solutions")
        starts = _initial_solutions(several, given)
    is_one = isinstance(instances, Instance)

    def report_answer(position: int, solution: Solution) -> None:
        answer = Answer.of(several[position], solution)
        if is_one:
            cast("Callable[[Answer], None]", report)(answer)
        else:
            cast("Callable[[int, Answer], None]", report)(position, answer)

    found = solve_all(several, solver, budget, initial=starts, report=None if report is None else report_answer)
    answers = [Answer.of(instance, solution) for instance, solution in zip(several, found, strict=True)]
    return answers[0] if is_one else answers


def solve_all(
    instances: Sequence[Instance],
    spec: str | None,
    budget: Budget,
    *,
    initial: Sequence[Solution | None] | None = None,
    device: str = "auto",
    prepare: Callable[[Solver, Problem], None] = lambda solver, problem: solver.warm_up(problem),
    report: Report | None = None,
    realizations: Sequence[Realization | None] | None = None,
    find_solver: Callable[..., Solver] | None = None,
) -> list[Solution]:
    """Solve instances, each with the given solver or its default one; instances of one solver are solved together.

    An instance with a realization is solved online: each prize becomes known on arrival.

    Args:
        instances: the instances to solve.
        spec: the solver, or None for each instance's default.
        budget: time for each instance, threads, seed.
        initial: of each instance a feasible solution to start from (see `initial_solution`), or None.
        device: for solvers that run on several kinds of devices.
        prepare: called with each solver and problem before any clock starts, to warm up.
        report: called with each better solution.
        realizations: the hidden values of each instance.
        find_solver: makes the solver of a spec, or gives the one that it has made before; default: `registry.make`.
    """
    _require_device(device)
    groups: dict[tuple[str, Problem, bool], list[int]] = {}
    notes: dict[str, None] = {}
    hidden: list[Realization | None] = list(realizations or [None] * len(instances))
    starts: list[Solution | None] = list(initial or [None] * len(instances))
    for i, instance in enumerate(instances):
        problem = validated_problem(instance)
        validate_underway(problem, instance)
        require_decisions(problem, instance, budget.decision_time)
        chosen, note = (spec, None) if spec is not None else default_spec(instance, budget.time_limit)
        notes |= dict.fromkeys(filter(None, (note, unused(instance), untimed(instance))))
        online = hidden[i] is not None and bool(problem.reveals)
        groups.setdefault((chosen, problem, online), []).append(i)
    for text in notes:
        warnings.warn(text, stacklevel=3)
    solutions: dict[int, Solution] = {}
    for (chosen, problem, online), members in groups.items():
        solver = (find_solver or make)(chosen, device=device)
        require_support(solver, problem)
        _require_start(solver, [instances[i] for i in members if starts[i] is not None], online=online)
        with foreign_errors(solver, solver.name):
            prepare(solver, problem)
        _require_taken_on(solver, [instances[i] for i in members], budget.time_limit)
        own = None if report is None else _translated(report, members)
        if online:
            real = [r for i in members if (r := hidden[i]) is not None]
            found = play_all(solver, problem, [instances[i] for i in members], real, budget, own)
            solutions |= dict(zip(members, found, strict=True))
            continue
        limits = [min(budget.time_limit, budget.decision_time or budget.time_limit)] * len(members)
        chosen_ones = [instances[i] for i in members]
        none = no_answer(seconds=0.0, solver=solver.name)
        begun = [starts[i] or none for i in members]
        request = Request(problem, chosen_ones, limits, budget.threads, budget.seed, initial=begun, report=own)
        found = solve_request(solver, request if any(starts) else replace(request, initial=None))
        for i, solution in zip(members, found, strict=True):
            start = starts[i]
            solutions[i] = solution if start is None else _not_worse(problem, start, solution)
    answers = [explain(problem_of(one), one, solutions[i]) for i, one in enumerate(instances)]
    return [
        with_outlook(one, answer) if real is None else answer
        for one, answer, real in zip(instances, answers, hidden, strict=True)
    ]


def with_outlook(instance: Instance, solution: Solution) -> Solution:
    """A plan with what it promises, where an instance has laws."""
    problem = problem_of(instance)
    if problem.rule(Session) is None:
        return solution
    return replace(solution, outlook=load("baselines.online.outlook:look_ahead")(problem, instance, solution))


def require_decisions(problem: Problem, instance: Instance, decision_time: float | None) -> None:
    """Refuse a decision time where there is one decision alone."""
    if decision_time is not None and not problem.reveals:
        raise ValueError(
            f"{instance.name or 'instance'}: decision time: problem {problem.name!r} is solved at once, "
            "expected one whose values are revealed on the way, such as opst, opq or spctsp"
        )


def initial_solution(
    instance: Instance,
    tours: Sequence[ArrayLike],
    amounts: Sequence[ArrayLike] | None = None,
    *,
    source: str = "initial",
) -> Solution:
    """Tours as a solution to start from, checked.

    Args:
        instance: the instance that they solve.
        tours: node indices, a sequence for each tour.
        amounts: the amount delivered at each stop, if deliveries may be split.
        source: where they come from, in messages.

    Raises:
        ValueError: for tours that are not feasible, with the reason.
    """
    found = check(validated_problem(instance), instance, tours, amounts=amounts, solver=source)
    if not found.feasible:
        raise ValueError(
            f"{source}: no feasible solution of {instance.name or 'the instance'} to start from "
            f"({'; '.join(found.violations)})"
        )
    return found


def _initial_solutions(instances: Sequence[Instance], given: Sequence[object]) -> list[Solution | None]:
    """The solutions to start from that a caller gives, checked."""
    if len(given) != len(instances):
        raise ValueError(f"initial: {len(given)} solutions, expected one for each of the {len(instances)} instances")
    out: list[Solution | None] = []
    for instance, start in zip(instances, given, strict=True):
        if start is None:
            out.append(None)
        elif isinstance(start, Solution):
            out.append(initial_solution(instance, start.tours, start.amounts))
        else:
            out.append(initial_solution(instance, cast("Sequence[ArrayLike]", start)))
    return out


def _require_start(solver: Solver, started: Sequence[Instance], *, online: bool) -> None:
    """Refuse initial solutions of instances that are solved without one."""
    if not started:
        return
    name = started[0].name or "instance"
    if online:
        raise ValueError(f"{name}: initial: its prizes are hidden, expected no solution to start from")
    if not uses_initial(solver):
        raise ValueError(
            f"{name}: initial: solver {solver.name!r} starts from no solution; "
            "expected one that does, such as ls, 2opt, ortools or cpsat"
        )


def _not_worse(problem: Problem, start: Solution, found: Solution) -> Solution:
    """The answer, or the solution that it started from where that is better."""
    return replace(better_of(problem, start, found), seconds=found.seconds, solver=found.solver)


def _listed(instances: object) -> list[Instance]:
    """Several instances as a list; anything else is refused in one sentence."""
    expected = "an Instance or a list of them (tsp.read and tsp.read_set give them)"
    found: list[Instance] = []
    for item in items(instances, "instances", expected):
        if not isinstance(item, Instance):
            raise ValueError(f"instances: {shown(item)} in the list, expected {expected}")
        found.append(item)
    return found


def _require_device(device: str) -> None:
    """Refuse an unavailable device, even if no solver would use it."""
    if device != "auto":
        load("policies.device:resolve_device")(device)


def _require_taken_on(solver: Solver, instances: Sequence[Instance], time_limit: float) -> None:
    """Refuse instances of one problem all of which the solver refuses, before it begins."""
    if any(instance.underway is not None for instance in instances):  # the rest may be small
        return
    reasons = [refusal_of(solver, problem_of(each), each, time_limit) for each in instances]
    if reasons and all(reasons):
        raise ValueError(f"{instances[0].name or 'instance'}: {reasons[0]}")


def _translated(report: Report, members: Sequence[int]) -> Report:
    return lambda position, solution: report(members[position], solution)


def compare(
    instances: Sequence[Instance],
    solvers: Sequence[str],
    *,
    time_limit: float | Sequence[float] | None = None,
    decision_time: float | None = None,
    threads: int = 1,
    seed: int = 0,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
    realizations: Sequence[Realization] | None = None,
    workers: int | str | None = None,
) -> Comparison:
    """Compare solvers on the same instances, under the same time and number of threads.

    Args:
        instances: instances of one problem.
        solvers: specs of the solvers; `name=SPEC` gives one a name of its own.
        time_limit: seconds for each instance; several give a gap-against-time curve. Default: 2, or with a decision
            time enough for every decision.
        decision_time: seconds for each decision, where values are revealed on the way.
        threads: number of threads of each solver.
        seed: seed of every random choice.
        device: for solvers that run on several kinds of devices.
        progress: called with the number of solutions so far and the total number.
        realizations: the hidden values of the instances, which solvers see node by node on arrival.
        workers: spread the instances over so many processes, or over a Ray cluster (`ray`, `ray://HOST:PORT`), with
            `threads` threads each.

    Raises:
        ValueError: in one sentence, if there is nothing to compare, or the instances cannot be compared.
    """
    _require_device(device)
    instances, specs = _listed(instances), items(solvers, "solvers", "a list of specs, such as ['ls', 'ortools']")
    problems = {validated_problem(instance): None for instance in instances}
    if len(problems) > 1:
        titles = sorted(problem.title for problem in problems)
        raise ValueError(f"instances of {' and '.join(titles)}, expected instances of one problem to compare")
    for text in dict.fromkeys(filter(None, map(untimed, instances))):
        warnings.warn(text, stacklevel=2)
    for problem, instance in zip(problems, instances, strict=False):
        require_decisions(problem, instance, decision_time)
    if time_limit is None:
        time_limit = walk_limit(decision_time, max((one.size for one in instances), default=1))
    given = time_limit if isinstance(time_limit, list | tuple | np.ndarray) else (time_limit,)
    limits = [Budget(limit).time_limit for limit in cast("Sequence[float]", given)]
    problem = next(iter(problems), get_problem("tsp"))
    named = [replace(one, name=one.name or f"#{i}") for i, one in enumerate(instances)]

    def run(made: Sequence[Solver]) -> Comparison:
        return compare_solvers(
            problem,
            named,
            made,
            limits,
            decision_time=decision_time,
            threads=threads,
            seed=seed,
            progress=progress,
            realizations=realizations,
            specs=aliases,
        )

    aliases = {alias: text for alias, text in map(split_alias, map(str, specs)) if alias is not None}
    listed = [cast("str", spec) for spec in specs]
    if workers is None:
        return run([make(spec, device=device) for spec in listed])
    with open_workers(workers, threads, partial(prepare_worker, listed, device, problem)) as opened:
        spread = [SpreadSolver(spec, device, opened) for spec in listed]
        for solver in spread:
            require_support(solver, problem)
        opened.start()
        found = run(spread)
    note = f"The instances were spread over {opened.count} worker(s); seconds are each instance's own."
    return replace(found, notes=(*found.notes, note))


def train(
    out: str | os.PathLike[str],
    *,
    force: bool = False,
    progress: Callable[[float, str], None] | None = None,
    **settings: Any,  # noqa: ANN401 - each has its own type
) -> str:
    """Train a policy.

    Args:
        out: the directory of the run, which then holds the policy and its curves.
        force: whether a run in that directory may be replaced.
        progress: called with the share that is done, and a text.
        settings: those of `policies.training.config.TrainConfig`, such as `problem`, `size` and `minutes`.

    Returns:
        the spec of the solver that it has become, for `solve` and `compare`.

    Raises:
        ValueError: in one sentence, for unknown settings, wrong values, and a run that exists.
    """
    config = load("policies.training.config:TrainConfig").from_dict(settings, "train")
    with hold_folder(out):
        trainer = load("policies.training.trainer:Trainer")(config, out)
        load("policies.training.run:start_run")(config, out, force=force)
        trainer.run(*filter(None, [progress]))
    return f"policy(path={Path(out) / 'checkpoint-last.safetensors'})"
