"""Whether every solver keeps its time limit: seconds used and allowed, by solver, problem, size and limit.

A solver may use the limit, a tenth of it and 0.1 s more; reading, compiling and loading do not count. Seconds are
measured both as wall clock and as processor time. On a busy machine a process waits for the processor, so the smaller
of the two counts. Both are printed, since a solver that sleeps or computes in another process uses little processor
time.

    python benchmarks/time_limits.py --only policy ls --sizes 10 1000 --limits 0.1
    python benchmarks/time_limits.py --problems cvrp --limits 10

The limit of 10 s is measured on one problem of each shape. Rows above what is allowed are marked MISSED; the last
line counts them, and the exit code is 1 where there are any. Solvers whose package is not installed are left out,
with a note.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from envs.generators import generate_instances
from tsp.budget import Budget
from tsp.instance import Instance
from tsp.problems import PROBLEMS, Problem
from tsp.solvers import refusal_of
from tsp.solvers.registry import make

if TYPE_CHECKING:
    from tsp.solvers import Solver

SOLVERS = (
    "policy",
    "recourse",
    "ga",
    "nearest-feasible",
    "tsiligirides",
    "nearest",
    "spacefilling",
    "insertion",
    "2opt",
    "ls",
    "ls(candidates=alpha)",
    "guided-ls",
    "bound",
    "ortools",
    "cpsat",
    "pyvrp",
    "lkh",
)
SIZES = (10, 100, 1_000, 5_000)
LIMITS = (0.1, 1.0)
LONG = 10.0
"""Limits of at least this many seconds are measured only on the first problem of each shape."""
SEED = 1


@dataclass(frozen=True)
class Measurement:
    """One solve.

    Attributes:
        solver: its spec.
        problem: its name.
        size: number of nodes.
        limit: seconds given.
        wall: seconds of wall clock.
        processor: seconds of processor time of this process.
        outcome: the objective, or the reason why there is none.
    """

    solver: str
    problem: str
    size: int
    limit: float
    wall: float
    processor: float
    outcome: str

    @property
    def allowed(self) -> float:
        """Seconds that the solver may use."""
        return 1.1 * self.limit + 0.1

    @property
    def missed(self) -> bool:
        """Whether the solver used more."""
        return min(self.wall, self.processor) > self.allowed

    def __str__(self) -> str:
        """A row of the table."""
        mark = " **MISSED**" if self.missed else ""
        return (
            f"| {self.solver} | {self.problem} | {self.size} | {self.limit:g} | {self.wall:.2f} | "
            f"{self.processor:.2f} | {self.allowed:.2f}{mark} | {self.outcome} |"
        )


HEAD = "| solver | problem | nodes | limit s | wall s | processor s | allowed s | answer |\n" + 8 * "|---" + "|"


def solved(solver: Solver, problem: Problem, instance: Instance, limit: float) -> str:
    """The objective, or the reason why there is none."""
    try:
        found = solver.solve(problem, [instance], Budget(limit, seed=SEED))[0]
    except ValueError as error:  # such as a curve without coordinates
        return f"refused: {error}"
    return f"{found.objective:.6g}" if found.objective is not None else "; ".join(found.violations[:1])


def measure(spec: str, solver: Solver, problem: Problem, instance: Instance, limit: float) -> Measurement:
    """Solve a copy of the instance, in which no distances are computed yet."""
    fresh = replace(instance)
    refusal = refusal_of(solver, problem, fresh, limit)
    wall, processor = time.perf_counter(), time.process_time()
    outcome = solved(solver, problem, fresh, limit) if refusal is None else f"refused: {refusal}"
    used = time.perf_counter() - wall, time.process_time() - processor
    return Measurement(spec, problem.name, instance.size, limit, *used, outcome)


def drawn(problem: Problem, size: int) -> Instance:
    """A uniform instance with that many nodes, the depot among them."""
    if (
        "matrix" in problem.demanded
    ):  # the generator makes ways the shortest, which takes minutes for thousands of nodes
        points = generate_instances("tsp", "uniform", size, 1, SEED)[0]
        longer = np.random.default_rng(SEED).uniform(1.0, 1.5, (size, size))
        return Instance(matrix=points.distances * longer, problem=problem.name)
    return generate_instances(problem.name, "uniform", size - problem.shape.has_depot, 1, SEED)[0]


def first_of_each_shape() -> set[str]:
    """The names of the problems that are the first of their shape."""
    return {problem.name for problem in {p.shape: p for p in reversed(PROBLEMS.values())}.values()}


def main() -> int:
    """Measure, and print a row at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=SOLVERS, metavar="SPEC", help="solvers")
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, help="numbers of nodes")
    parser.add_argument("--limits", nargs="+", type=float, default=LIMITS, help="seconds")
    arguments = parser.parse_args()
    shortest, missed, measured = first_of_each_shape(), 0, 0
    print(HEAD, flush=True)
    for name in arguments.problems:
        problem = PROBLEMS[name]
        instances = [drawn(problem, size) for size in arguments.sizes]
        for spec in arguments.only:
            try:
                solver = make(spec)
            except ValueError as error:
                print(f"{spec}: {error}", file=sys.stderr)
                continue
            if not solver.supports(problem):
                continue
            solver.warm_up(problem)
            solved(solver, problem, drawn(problem, 10), 0.05)
            for instance in instances:
                for limit in arguments.limits:
                    if limit >= LONG and name not in shortest:
                        continue
                    row = measure(spec, solver, problem, instance, limit)
                    missed, measured = missed + row.missed, measured + 1
                    print(row, flush=True)
    print(f"\n{missed} of {measured} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
