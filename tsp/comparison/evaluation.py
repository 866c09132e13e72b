"""From answers to rows: the reference of the gaps, gaps, wins and paired differences."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tsp.comparison.rows import OVERRUN_FACTOR, OVERRUN_GRACE, Row
from tsp.statistics import estimate_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tsp.comparison.results import Reference
    from tsp.comparison.runs import SolverRun, Workload
    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution

    Values = NDArray[np.float64]

TIE = 1e-9
"""Relative difference up to which two objectives are the same."""


def find_reference(
    problem: Problem, instances: Sequence[Instance], runs: Sequence[Sequence[Solution]]
) -> tuple[Reference, Values]:
    """The kind of reference of the gaps, and its value for each instance `[N]` (NaN without any answer)."""
    tightest = max if problem.objective.sense == "min" else min
    best = np.full(len(instances), np.nan)
    proved = True
    for i in range(len(instances)):
        leader: Solution | None = None
        bounds: list[float] = []
        for answer in (run[i] for run in runs):
            if answer.bound is not None:
                bounds.append(answer.bound)
            if answer.objective is not None and (leader is None or _is_better(problem, answer.objective, best[i])):
                leader, best[i] = answer, answer.objective
        # The bound of one solver may prove the answer of another.
        bound = tightest(bounds) if bounds else None
        proved = proved and leader is not None and replace(leader, bound=bound).proved_optimal
    if proved:
        return "proved optimal", best
    known = [instance.best_known for instance in instances if instance.best_known is not None]
    if len(known) == len(instances):
        return "best known", np.array(known)
    return "best found", best


def evaluate_runs(workload: Workload, limit: float, runs: Sequence[SolverRun], references: Values) -> list[Row]:
    """The rows of one limit, one for each run, with gaps to the reference values `[N]`."""
    problem = workload.problem
    factors = np.array([instance.units.objective(problem.objective.terms)[1] for instance in workload.instances])
    values = [np.array([np.nan if s.objective is None else s.objective for s in run.solutions]) for run in runs]
    answered = [np.isfinite(own) for own in values]
    common = np.logical_and.reduce([mask for mask in answered if mask.any()] or [answered[0]])
    rows: list[Row] = []
    for run, own, mask in zip(runs, values, answered, strict=True):
        compared = common & mask  # all of `common`, or nothing for a solver that never answered
        gaps = _relative_gaps(problem, own[compared], references[compared])
        others = [(other.solver.name, theirs) for other, theirs in zip(runs, values, strict=True) if other is not run]
        lost = np.zeros(len(own), dtype=bool)
        for _, theirs in others:
            lost |= [_is_better(problem, b, a) for a, b in zip(own, theirs, strict=True)]
        seconds = np.array([solution.seconds for solution in run.solutions])
        rows.append(
            Row(
                solver=run.solver.name,
                time_limit=limit,
                instances=len(own),
                feasible=int(mask.sum()),
                no_answer=sum(not solution.feasible and not solution.tours for solution in run.solutions),
                compared=int(compared.sum()),
                mean_objective=float((factors * own)[compared].mean()) if compared.any() else None,
                mean_gap=estimate_mean(gaps),
                wins=int((mask & ~lost).sum()),
                difference={
                    name: estimate_mean(_relative_gaps(problem, own[both], theirs[both]))
                    for name, theirs in others
                    for both in [mask & np.isfinite(theirs)]
                },
                proved=sum(solution.proved_optimal for solution in run.solutions),
                seconds_per_instance=float(seconds.mean()),
                instances_per_second=len(own) / max(run.wall, 1e-9),
                overruns=int((seconds > OVERRUN_FACTOR * limit + OVERRUN_GRACE).sum()),
                preparation=run.preparation,
                gaps=tuple(gaps),
                solutions=tuple(run.solutions),
            )
        )
    return rows


def _relative_gaps(problem: Problem, values: Values, references: Values) -> list[float]:
    """Relative gaps, without those to a reference of 0, which are not defined; a tie is a gap of 0."""
    pairs = zip(values.tolist(), references.tolist(), strict=True)
    gaps = [0.0 if _is_tie(a, b) else problem.objective.gap(a, b) for a, b in pairs if b != 0.0]
    return [gap for gap in gaps if gap is not None]


def _is_tie(a: float, b: float) -> bool:
    return abs(a - b) <= TIE * max(abs(a), abs(b))


def _is_better(problem: Problem, a: float, b: float) -> bool:
    """Whether `a` is better than `b` by more than a tie; NaN is worse than any number."""
    if not np.isfinite(b):
        return bool(np.isfinite(a))
    return problem.is_better(a, b) and not _is_tie(a, b)
