"""Solvers side by side on the same instances, under the same wall clock and number of threads.

What is charged is the time used, not the limit; an instance without an answer is counted, never
dropped; every answer passes the checker here once more, whatever its solver says of it. Warming up
is outside the clock. Solvers that end when they are done (`one_shot`) run once, on all instances
together; the others take turns, block of instances by block, in an order that rotates, so that a
machine that slows down slows all of them.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tsp.budget import Budget
from tsp.files import atomic_write
from tsp.instance import Instance, Realization
from tsp.problems import Problem
from tsp.solution import Solution, check
from tsp.solvers import Chain, Solver, description_of, is_one_shot, require_support
from tsp.solvers.online import play_all
from tsp.statistics import Estimate, estimate_mean, format_number

if TYPE_CHECKING:
    from pathlib import Path


Values = NDArray[np.float64]

Progress = Callable[[int, int], None]
"""Called with how many instances were solved so far, over all solvers and limits, and of how many."""

Reference = Literal["proved optimal", "best known", "best found"]

ROUNDS = 8
"""In how many blocks the instances are taken where solvers take turns."""

WARM_UP = 0.05
"""Seconds that each solver may solve for before any clock runs, to start what it starts lazily."""

OVERRUN = 1.1, 0.05
"""An answer overran its limit when it took longer than this many times the limit plus these seconds."""

TIE = 1e-9
"""Relative difference up to which two objectives are the same."""


@dataclass(frozen=True)
class Row:
    """What one solver did with one time limit.

    The mean objective and gap are over the instances that every solver with any feasible answer
    answered feasibly under this limit, a difference over those that both solvers did. Objectives are
    in the instances' own units, gaps and differences are fractions, positive where worse.

    Attributes:
        solver: its spec as typed.
        time_limit: seconds for each instance.
        instances: how many it was given.
        feasible: how many it answered feasibly.
        no_answer: how many it did not answer at all; the rest it answered infeasibly.
        compared: how many the mean objective and gap are over.
        mean_objective: None where nothing is compared.
        mean_gap: mean gap to the reference, and its interval.
        wins: on how many instances no other solver was better (ties count for all who tie).
        difference: to each other solver, the mean paired relative difference and its interval.
        proved: how many it proved optimal.
        seconds_per_instance: mean seconds used; in a batch, the batch's time divided by its size.
        instances_per_second: instances over the wall clock of all, whatever worked at once.
        overruns: how many answers took notably longer than the limit (`OVERRUN`).
        preparation: seconds for imports, compilation and weights, before any clock ran; not charged.
        gaps: of each compared instance, for drawing their distribution.
    """

    solver: str
    time_limit: float
    instances: int
    feasible: int
    no_answer: int
    compared: int
    mean_objective: float | None
    mean_gap: Estimate | None
    wins: int
    difference: dict[str, Estimate | None]
    proved: int
    seconds_per_instance: float
    instances_per_second: float
    overruns: int
    preparation: float
    gaps: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """The row as the command line prints it."""
        return {
            "solver": self.solver,
            "time_limit": self.time_limit,
            "instances": self.instances,
            "feasible": self.feasible,
            "no_answer": self.no_answer,
            "compared": self.compared,
            "mean_objective": self.mean_objective,
            "mean_gap": self.mean_gap.mean if self.mean_gap else None,
            "gap_interval": list(self.mean_gap.interval) if self.mean_gap and self.mean_gap.interval else None,
            "wins": self.wins,
            "difference": {other: _triple(estimate) for other, estimate in self.difference.items()},
            "proved": self.proved,
            "seconds_per_instance": self.seconds_per_instance,
            "instances_per_second": self.instances_per_second,
            "overruns": self.overruns,
            "preparation": self.preparation,
        }


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes:
        problem: its name.
        reference: what gaps are relative to: `proved optimal` where every instance was proved here,
            `best known` where every instance brings its best known objective, else `best found` by
            any of the solvers under any of the limits.
        threads: how many each solver had.
        rows: by time limit, then in the order of the solvers.
        notes: what a reader must know beside the figures, such as a solver's tuned settings.
    """

    problem: str
    reference: Reference
    threads: int
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    @property
    def time_limits(self) -> list[float]:
        """The limits compared, shortest first."""
        return list(dict.fromkeys(row.time_limit for row in self.rows))

    def under(self, time_limit: float) -> list[Row]:
        """The rows of one limit."""
        return [row for row in self.rows if row.time_limit == time_limit]

    def verdicts(self) -> list[str]:
        """For each limit, in a sentence: who is best, by how much, and whether that is significant."""
        return [_verdict(self.under(limit)) for limit in self.time_limits]

    def to_json(self) -> dict[str, Any]:
        """The comparison as the command line prints it; no value in it is NaN or infinite."""
        return {
            "problem": self.problem,
            "reference": self.reference,
            "rows": [row.to_json() for row in self.rows],
            "verdicts": self.verdicts(),
            "notes": list(self.notes),
        }

    def table(self) -> str:
        """The comparison as aligned text: a line a row, paired differences, verdicts, notes."""
        given = f"{_count(self.rows[0].instances, 'instance')}, {_count(self.threads, 'thread')}"
        lines = [[title for title, _ in COLUMNS]]
        lines += [[cell(row) for _, cell in COLUMNS] for row in self.rows]
        blocks = [f"{self.problem}, {given}, gap to the {self.reference}", _aligned(lines, left={1})]
        if self.rows[0].difference:
            pairs = [["limit", "solver", "against", "difference %", "95 % interval"]]
            for limit in self.time_limits:
                for a, b in combinations(self.under(limit), 2):
                    estimate = a.difference[b.solver]
                    mean = "–" if estimate is None else f"{100 * estimate.mean:+.3f}"
                    pairs.append([f"{limit:g} s", a.solver, b.solver, mean, _percent_interval(estimate)])
            title = "Paired relative difference (negative: the first is better)"
            blocks.append(f"{title}\n{_aligned(pairs, left={1, 2})}")
        blocks.append("\n".join([*self.verdicts(), *self.notes]))
        return "\n\n".join(blocks)

    def write_csv(self, path: str | Path, *, force: bool = False) -> None:
        """Write a line for each row, with three columns for the difference to each solver.

        Raises:
            ValueError: when `path` exists and `force` is not given, or cannot be written.
        """
        lines: list[dict[str, Any]] = []
        for row in self.rows:
            line = row.to_json()
            line["gap_low"], line["gap_high"] = line.pop("gap_interval") or (None, None)
            for other, triple in line.pop("difference").items():
                ends = zip(("low", "mean", "high"), triple or (None,) * 3, strict=True)
                line |= {f"difference to {other} {end}": value for end, value in ends}
            lines.append(line)
        columns = list(dict.fromkeys(column for line in lines for column in line))
        with atomic_write(path, force=force) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)


def compare(
    problem: Problem,
    instances: Sequence[Instance],
    solvers: Sequence[Solver],
    time_limits: Sequence[float],
    *,
    threads: int = 1,
    seed: int = 0,
    progress: Progress | None = None,
    realizations: Sequence[Realization] | None = None,
) -> Comparison:
    """Run every solver on every instance under every time limit.

    Where prizes are hidden, every solver plays online (`tsp.solvers.online`): it plans, makes one visit, sees
    what that is worth, and plans anew, under one time limit for the whole tour.

    Args:
        problem: what the instances are instances of.
        instances: the same for all solvers.
        solvers: each with a name of its own.
        time_limits: seconds for each instance; a solver that takes batches has N times the limit
            for N instances.
        threads: how many each solver may use.
        seed: of every random choice.
        progress: told how far it is.
        realizations: what the instances hide; solvers never see it.

    Raises:
        ValueError: in one sentence, before anything runs, when there is nothing to compare, two
            solvers have one name, a solver does not support the problem or an instance lacks
            something.
    """
    limits = sorted(set(time_limits))
    names = [solver.name for solver in solvers]
    if not instances or not solvers or not limits:
        raise ValueError("a comparison needs at least one instance, one solver and one time limit")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"solver {name!r} is given twice")
    budgets = {limit: Budget(limit, threads, seed) for limit in limits}
    for solver in solvers:
        require_support(solver, problem)
    for instance in instances:
        problem.validate(instance)
    if problem.hides_prizes and (realizations is None or len(realizations) != len(instances)):
        raise ValueError(f"problem {problem.name!r} hides prizes: a comparison needs what they are for each instance")

    game = _Game(problem, instances, realizations if problem.hides_prizes else None)
    runs = _run(game, solvers, budgets, progress)
    reference, best = _reference(problem, instances, [run.solutions for run in runs.values()])
    rows: list[Row] = []
    for limit in limits:
        rows += _rows(problem, limit, [runs[name, limit] for name in names], best)
    notes = _notes(problem, instances, solvers, limits, threads, rows)
    return Comparison(problem.name, reference, threads, tuple(rows), notes)


@dataclass(frozen=True)
class _Game:
    """What is solved: instances and, where something is hidden from solvers, what it is."""

    problem: Problem
    instances: Sequence[Instance]
    realizations: Sequence[Realization] | None

    def solve(self, solver: Solver, block: slice, budget: Budget) -> list[Solution]:
        """The solver's checked answers to some of the instances, and nothing that it kept from before."""
        # Fresh copies: what an instance computes once and keeps, its distances, each solver pays for.
        instances = [replace(instance) for instance in self.instances[block]]
        if self.realizations is None:
            return solver.solve(self.problem, instances, budget)
        return play_all(solver, self.problem, instances, self.realizations[block], budget)

    def checked(self, block: slice, found: Sequence[Solution]) -> list[Solution]:
        """The answers, judged here once more."""
        hidden = [None] * len(found) if self.realizations is None else self.realizations[block]
        return [_checked(self.problem, *pair) for pair in zip(self.instances[block], found, hidden, strict=True)]


@dataclass
class _Run:
    """One solver's answers under one limit, and the wall clock that passed."""

    solver: Solver
    solutions: list[Solution]
    preparation: float
    wall: float = 0.0


def _run(
    game: _Game, solvers: Sequence[Solver], budgets: dict[float, Budget], progress: Progress | None
) -> dict[tuple[str, float], _Run]:
    instances, shortest, longest = game.instances, min(budgets), max(budgets)
    threads = budgets[shortest].threads
    ready: dict[str, float] = {}
    for solver in solvers:
        started = time.perf_counter()
        solver.warm_up(game.problem)
        game.solve(solver, slice(threads), budgets[shortest].with_limit(min(WARM_UP, shortest)))
        ready[solver.name] = time.perf_counter() - started
    once = {s.name: _Run(s, [], ready[s.name]) for s in solvers if is_one_shot(s)}
    turns = {(s.name, limit): _Run(s, [], ready[s.name]) for limit in budgets for s in solvers if s.name not in once}
    done, total = 0, (len(once) + len(turns)) * len(instances)

    def take(run: _Run, first: int, past: int, budget: Budget) -> None:
        nonlocal done
        block = slice(first, past)
        started = time.perf_counter()
        found = game.solve(run.solver, block, replace(budget, seed=budget.seed + first))
        run.wall += time.perf_counter() - started
        if len(found) != past - first:
            raise ValueError(f"solver {run.solver.name!r} gave {len(found)} answers for {past - first} instances")
        run.solutions += game.checked(block, found)
        done += past - first
        if progress is not None:
            progress(done, total)

    for run in once.values():
        take(run, 0, len(instances), budgets[longest])
    borders = np.linspace(0, len(instances), min(ROUNDS, len(instances)) + 1).astype(int).tolist() if turns else [0]
    order = list(turns.items())
    for first, past in pairwise(borders):
        for (_, limit), run in order:
            take(run, first, past, budgets[limit])
        order = order[1:] + order[:1]
    return turns | {(name, limit): run for name, run in once.items() for limit in budgets}


def _checked(problem: Problem, instance: Instance, solution: Solution, realization: Realization | None) -> Solution:
    if not solution.feasible and not solution.tours:
        return replace(solution, objective=None)
    return check(
        problem,
        instance,
        solution.tours,
        amounts=solution.amounts,
        realization=realization,
        seconds=solution.seconds,
        bound=solution.bound,
        solver=solution.solver,
    )


def _reference(
    problem: Problem, instances: Sequence[Instance], runs: Sequence[Sequence[Solution]]
) -> tuple[Reference, Values]:
    """What gaps are relative to, and its value for each instance `[N]` (NaN without any answer)."""
    tightest = max if problem.objective.sense == "min" else min
    best = np.full(len(instances), np.nan)
    proved = True
    for i in range(len(instances)):
        leader: Solution | None = None
        bounds: list[float] = []
        for answer in (run[i] for run in runs):
            if answer.bound is not None:
                bounds.append(answer.bound)
            if answer.objective is not None and (leader is None or _beats(problem, answer.objective, best[i])):
                leader, best[i] = answer, answer.objective
        # One solver's bound may prove what another one found.
        bound = tightest(bounds) if bounds else None
        proved = proved and leader is not None and replace(leader, bound=bound).proved_optimal
    if proved:
        return "proved optimal", best
    known = [instance.best_known for instance in instances if instance.best_known is not None]
    if len(known) == len(instances):
        return "best known", np.array(known)
    return "best found", best


def _rows(problem: Problem, limit: float, runs: Sequence[_Run], best: Values) -> list[Row]:
    values = [np.array([np.nan if s.objective is None else s.objective for s in run.solutions]) for run in runs]
    answered = [np.isfinite(own) for own in values]
    common = np.logical_and.reduce([mask for mask in answered if mask.any()] or [answered[0]])
    factor, grace = OVERRUN
    rows: list[Row] = []
    for run, own, mask in zip(runs, values, answered, strict=True):
        shared = common & mask  # all of `common`, or nothing for a solver that never answered
        gaps = _gaps(problem, own[shared], best[shared])
        others = [(other.solver.name, theirs) for other, theirs in zip(runs, values, strict=True) if other is not run]
        lost = np.zeros(len(own), dtype=bool)
        for _, theirs in others:
            lost |= [_beats(problem, b, a) for a, b in zip(own, theirs, strict=True)]
        seconds = np.array([solution.seconds for solution in run.solutions])
        rows.append(
            Row(
                solver=run.solver.name,
                time_limit=limit,
                instances=len(own),
                feasible=int(mask.sum()),
                no_answer=sum(not solution.feasible and not solution.tours for solution in run.solutions),
                compared=int(shared.sum()),
                mean_objective=float(own[shared].mean()) if shared.any() else None,
                mean_gap=estimate_mean(gaps),
                wins=int((mask & ~lost).sum()),
                difference={
                    name: estimate_mean(_gaps(problem, own[both], theirs[both]))
                    for name, theirs in others
                    for both in [mask & np.isfinite(theirs)]
                },
                proved=sum(solution.proved_optimal for solution in run.solutions),
                seconds_per_instance=float(seconds.mean()),
                instances_per_second=len(own) / max(run.wall, 1e-9),
                overruns=int((seconds > factor * limit + grace).sum()),
                preparation=run.preparation,
                gaps=tuple(gaps),
            )
        )
    return rows


def _gaps(problem: Problem, values: Values, references: Values) -> list[float]:
    """Relative gaps, where they are defined: not to a reference of 0; a tie is a gap of 0."""
    pairs = zip(values.tolist(), references.tolist(), strict=True)
    gaps = [0.0 if _tie(a, b) else problem.objective.gap(a, b) for a, b in pairs if b != 0.0]
    return [gap for gap in gaps if gap is not None]


def _tie(a: float, b: float) -> bool:
    return abs(a - b) <= TIE * max(abs(a), abs(b))


def _beats(problem: Problem, a: float, b: float) -> bool:
    """Whether `a` is better than `b` by more than a tie; NaN never beats and is always beaten."""
    if not np.isfinite(b):
        return bool(np.isfinite(a))
    return problem.objective.better(a, b) and not _tie(a, b)


def _verdict(rows: Sequence[Row]) -> str:
    """The leader is better than most others in the mean paired difference, which a silent solver cannot spoil."""
    limit = f"At {rows[0].time_limit:g} s"
    if not any(row.feasible for row in rows):
        return f"{limit} nothing was answered."
    first = max(
        rows, key=lambda row: (sum(d is not None and d.mean < 0 for d in row.difference.values()), row.feasible)
    )
    others = [(row, row.difference[first.solver]) for row in rows if row is not first]
    found = sorted(((row, d) for row, d in others if d is not None), key=lambda pair: pair[1].mean)
    equal = [row.solver for row, d in found if d.mean == 0]
    unsure = [row.solver for row, d in found if d.mean < 0 or (d.mean > 0 and not d.significant)]
    head = first.solver
    if not found:
        head += " has no opponent"
    elif equal:
        head += f" and {_listed(equal)} are level"
    elif unsure and all(d.interval is None for _, d in found):
        head += " is ahead, but one instance says nothing of the next"
    elif unsure:
        head += f" leads, but not significantly before {_listed(unsure)}"
    else:
        head += " wins"
    parts = [f"{limit} {head} ({format_number(first.seconds_per_instance, 2)} s an instance)"]
    for row, estimate in found:
        if row.solver not in equal:
            interval = f" {_percent_interval(estimate)}" if estimate.interval else ""
            used = format_number(row.seconds_per_instance, 2)
            parts.append(f"{row.solver} is {100 * estimate.mean:.3f} %{interval} worse ({used} s)")
    for row in rows:
        if row.feasible < row.instances:
            parts.append(
                f"{row.solver} answered {f'only {row.feasible}' if row.feasible else 'none'} of {row.instances}"
            )
        if row.overruns:
            parts.append(f"{row.solver} was late on {row.overruns} of {row.instances}")
    return "; ".join(parts) + "."


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _notes(
    problem: Problem,
    instances: Sequence[Instance],
    solvers: Sequence[Solver],
    limits: Sequence[float],
    threads: int,
    rows: Sequence[Row],
) -> tuple[str, ...]:
    notes: list[str] = []
    sizes = sorted({instance.size for instance in instances})
    for solver in _stages(solvers):
        for limit in limits:
            for size in dict.fromkeys((sizes[0], sizes[-1])):
                description = description_of(solver, problem, size, limit)
                notes += [] if description is None else [description]
    if threads > 1:
        notes.append(
            f"A solver that takes instances one by one works on {threads} at once; its seconds are each instance's own."
        )
    fewer = min((row.compared for row in rows if row.compared), default=0)
    if fewer < len(instances):
        notes.append(
            "Mean objective and gap are over the instances that every solver with any answer answered feasibly."
        )
    if any(row.overruns for row in rows):
        factor, grace = OVERRUN
        notes.append(f"Overruns are answers after {factor:g} times the limit and {grace:g} s; their time is charged.")
    ready = {row.solver: f"{row.solver} {row.preparation:.1f} s" for row in rows}
    notes.append(f"Imports, compilation and weights, not charged: {', '.join(ready.values())}.")
    if any(is_one_shot(solver) for solver in solvers):
        notes.append("A solver that ends when it is done ran once and stands under every limit.")
    return tuple(dict.fromkeys(notes))


def _stages(solvers: Iterable[Solver]) -> Iterator[Solver]:
    for solver in solvers:
        if isinstance(solver, Chain):
            yield from _stages(solver.stages)
        else:
            yield solver


COLUMNS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("limit", lambda row: f"{row.time_limit:g} s"),
    ("solver", lambda row: row.solver),
    ("feasible", lambda row: f"{row.feasible}/{row.instances}"),
    ("objective", lambda row: "–" if row.mean_objective is None else format_number(row.mean_objective)),
    ("gap %", lambda row: "–" if row.mean_gap is None else f"{100 * row.mean_gap.mean:.3f}"),
    ("95 % interval", lambda row: _percent_interval(row.mean_gap)),
    ("wins", lambda row: str(row.wins)),
    ("proved", lambda row: str(row.proved)),
    ("s/instance", lambda row: format_number(row.seconds_per_instance, 3)),
    ("instances/s", lambda row: format_number(row.instances_per_second, 3)),
    ("overruns", lambda row: str(row.overruns)),
)
"""The table's columns: title, and what stands in each row."""


def _triple(estimate: Estimate | None) -> list[float | None] | None:
    if estimate is None:
        return None
    low, high = estimate.interval or (None, None)
    return [low, estimate.mean, high]


def _percent_interval(estimate: Estimate | None) -> str:
    if estimate is None or estimate.interval is None:
        return "–"
    low, high = estimate.interval
    return f"[{100 * low:.3f}, {100 * high:.3f}]"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _aligned(lines: Sequence[Sequence[str]], *, left: set[int]) -> str:
    """Columns of text, aligned right but for those in `left`."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if k in left else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
