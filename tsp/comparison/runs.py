"""Running every solver under every time limit, in turns.

One-shot solvers, which end before the limit when they are done, run once, on all instances together. The
others take turns, block of instances by block, in an order that rotates, so that a machine that slows
down slows all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tsp.instance import Instance, Realization
from tsp.problems import Problem
from tsp.solution import Solution
from tsp.solvers import Solver, is_one_shot
from tsp.solvers.online import play_all
from tsp.solvers.protocol import Request, foreign_errors, solve_request

if TYPE_CHECKING:
    from tsp.budget import Budget

Progress = Callable[[int, int], None]
"""Called with the number of instances solved so far, over all solvers and limits, and their total."""

BLOCKS = 8
"""Number of blocks that the instances are divided into where solvers take turns."""

WARM_UP = 0.05
"""Seconds for which each solver may solve before any clock runs, so that lazy imports are done."""


@dataclass(frozen=True)
class Workload:
    """The instances that every solver solves and, where prizes are hidden, their realizations."""

    problem: Problem
    instances: Sequence[Instance]
    realizations: Sequence[Realization] | None

    def solve(self, solver: Solver, block: slice, budget: Budget) -> list[Solution]:
        """A solver's answers to some of the instances."""
        # Fresh copies: an instance keeps its distances once they are computed, and each solver pays for them.
        instances = [replace(instance) for instance in self.instances[block]]
        if self.realizations is None:
            limits = [budget.time_limit] * len(instances)
            return solve_request(solver, Request(self.problem, instances, limits, budget.threads, budget.seed))
        return play_all(solver, self.problem, instances, self.realizations[block], budget)


@dataclass
class SolverRun:
    """One solver's checked answers under one limit.

    Attributes:
        solver: the solver that was run.
        preparation: seconds before any clock ran.
        solutions: in the order of the instances.
        wall: seconds of wall clock over all blocks.
    """

    solver: Solver
    preparation: float
    solutions: list[Solution]
    wall: float = 0.0


def run_solvers(
    workload: Workload, solvers: Sequence[Solver], budgets: dict[float, Budget], progress: Progress | None
) -> dict[tuple[str, float], SolverRun]:
    """Run each solver under each limit; return the runs by the solver's name and the limit."""
    count, shortest, longest = len(workload.instances), min(budgets), max(budgets)
    ready = {solver.name: _prepare(workload, solver, budgets[shortest]) for solver in solvers}
    once = {s.name: SolverRun(s, ready[s.name], []) for s in solvers if is_one_shot(s)}
    turns = {
        (s.name, limit): SolverRun(s, ready[s.name], []) for limit in budgets for s in solvers if s.name not in once
    }
    done, total = 0, (len(once) + len(turns)) * count

    def take_turn(run: SolverRun, first: int, past: int, budget: Budget) -> None:
        nonlocal done
        _solve_block(workload, run, first, past, budget)
        done += past - first
        if progress is not None:
            progress(done, total)

    for run in once.values():
        take_turn(run, 0, count, budgets[longest])
    borders = np.linspace(0, count, min(BLOCKS, count) + 1).astype(int).tolist() if turns else [0]
    order = list(turns.items())
    for first, past in pairwise(borders):
        for (_, limit), run in order:
            take_turn(run, first, past, budgets[limit])
        order = order[1:] + order[:1]
    return turns | {(name, limit): run for name, run in once.items() for limit in budgets}


def _prepare(workload: Workload, solver: Solver, budget: Budget) -> float:
    """Warm a solver up and let it solve briefly; return the seconds that took."""
    started = time.perf_counter()
    with foreign_errors(solver, solver.name):
        solver.warm_up(workload.problem)
    workload.solve(solver, slice(budget.threads), budget.with_limit(min(WARM_UP, budget.time_limit)))
    return time.perf_counter() - started


def _solve_block(workload: Workload, run: SolverRun, first: int, past: int, budget: Budget) -> None:
    """Solve the instances from `first` to before `past`, and add the answers to the run."""
    started = time.perf_counter()
    run.solutions += workload.solve(run.solver, slice(first, past), budget)
    run.wall += time.perf_counter() - started
