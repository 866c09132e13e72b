"""`compare`: run solvers on the same instances and report their results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsp.budget import Budget
from tsp.comparison.evaluation import evaluate_runs, find_reference
from tsp.comparison.results import Comparison
from tsp.comparison.rows import OVERRUN_FACTOR, OVERRUN_GRACE, Row
from tsp.comparison.runs import Workload, run_solvers
from tsp.solvers import Chain, description_of, is_one_shot, require_support

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tsp.comparison.runs import Progress
    from tsp.instance import Instance, Realization
    from tsp.problems import Problem
    from tsp.solvers import Solver


def compare(
    problem: Problem,
    instances: Sequence[Instance],
    solvers: Sequence[Solver],
    time_limits: Sequence[float],
    *,
    decision_time: float | None = None,
    threads: int = 1,
    seed: int = 0,
    progress: Progress | None = None,
    realizations: Sequence[Realization] | None = None,
    specs: Mapping[str, str] | None = None,
) -> Comparison:
    """Run every solver on every instance under every time limit.

    Where prizes are hidden, every solver plays online (`tsp.solvers.online`): it plans, makes one visit, observes
    the prize, and plans again, under one time limit for the whole tour.

    Args:
        problem: the problem of the instances.
        instances: the instances, the same for all solvers.
        solvers: each with a name of its own.
        time_limits: seconds for each instance; a solver that takes batches has N times the limit
            for N instances.
        decision_time: seconds for each decision, where prizes are hidden; the time limits hold beside it.
        threads: number of threads for each solver.
        seed: seed of all random choices.
        progress: called after each block of answers.
        realizations: the hidden values of the instances; solvers never see them.
        specs: spec of each solver that has an alias, by the alias.

    Raises:
        ValueError: in one sentence, before anything runs, when there is nothing to compare, two
            solvers have one name, a solver does not support the problem or an instance lacks
            something.
    """
    limits = sorted(set(time_limits))
    _validate_request(instances, solvers, limits)
    budgets = {limit: Budget(limit, threads, seed, decision_time) for limit in limits}
    for solver in solvers:
        require_support(solver, problem)
    for instance in instances:
        problem.validate(instance)
    if problem.reveals and (realizations is None or len(realizations) != len(instances)):
        hides = " and ".join(problem.reveals).replace("_", " ")
        raise ValueError(f"problem {problem.name!r} hides {hides}, expected a realization for each instance to compare")

    workload = Workload(problem, instances, realizations if problem.reveals else None)
    runs = run_solvers(workload, solvers, budgets, progress)
    reference, values = find_reference(problem, instances, [run.solutions for run in runs.values()])
    rows: list[Row] = []
    for limit in limits:
        rows += evaluate_runs(workload, limit, [runs[solver.name, limit] for solver in solvers], values)
    notes = [
        *(f"{alias} is {spec}." for alias, spec in (specs or {}).items()),
        *_describe_settings(problem, instances, solvers, limits),
        *([] if decision_time is None else [f"Each decision had {decision_time:g} s at most."]),
        *_reading_notes(instances, solvers, threads, rows),
    ]
    units = {instance.units.objective(problem.objective.terms)[0] for instance in instances}
    unit = units.pop() if len(units) == 1 else None
    return Comparison(
        problem.name,
        reference,
        threads,
        tuple(rows),
        tuple(dict.fromkeys(notes)),
        unit,
        tuple(instances),
        tuple(values.tolist()),
        specs or {},
    )


def _validate_request(instances: Sequence[Instance], solvers: Sequence[Solver], limits: Sequence[float]) -> None:
    """Refuse a comparison of nothing, or of two solvers with one name."""
    if not instances or not solvers or not limits:
        raise ValueError("a comparison needs at least one instance, one solver and one time limit")
    names = [solver.name for solver in solvers]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"solver {name!r} is given twice")


def _describe_settings(
    problem: Problem, instances: Sequence[Instance], solvers: Sequence[Solver], limits: Sequence[float]
) -> Iterator[str]:
    """The solvers' descriptions of their settings for the smallest and the largest instance, under each limit."""
    sizes = [instance.size for instance in instances]
    for solver in _stages(solvers):
        for limit in limits:
            for size in (min(sizes), max(sizes)):
                description = description_of(solver, problem, size, limit)
                if description is not None:
                    yield description


def _reading_notes(
    instances: Sequence[Instance], solvers: Sequence[Solver], threads: int, rows: Sequence[Row]
) -> Iterator[str]:
    """Notes that a reader of the rows needs."""
    if threads > 1:
        yield (
            f"A solver that takes instances one by one works on {threads} at once; its seconds are each instance's own."
        )
    speeds = sorted({instance.speed for instance in instances if instance.speed is not None})
    if speeds:
        yield f"Times of day are lengths at {' and '.join(f'{speed:g}' for speed in speeds)} km/h."
    if min((row.compared for row in rows if row.compared), default=0) < len(instances):
        yield "Mean objective and gap are over the instances that every solver with any answer answered feasibly."
    if any(row.overruns for row in rows):
        yield (
            f"Overruns are answers after {OVERRUN_FACTOR:g} times the limit and {OVERRUN_GRACE:g} s; "
            f"their time is charged."
        )
    ready = {row.solver: f"{row.solver} {row.preparation:.1f} s" for row in rows}
    yield f"Imports, compilation and weights, not charged: {', '.join(ready.values())}."
    if any(is_one_shot(solver) for solver in solvers):
        yield "A one-shot solver ran once; its row is repeated under every limit."


def _stages(solvers: Iterable[Solver]) -> Iterator[Solver]:
    """The solvers, and the stages of those that are chains."""
    for solver in solvers:
        if isinstance(solver, Chain):
            yield from _stages(solver.stages)
        else:
            yield solver
