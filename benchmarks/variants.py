"""The shipped policies against OR-Tools and exact solutions, on the same instances of every variant.

For each problem and size: what share of the answers is feasible, the mean objective, the mean gap to
the best of all answers (how many of those CP-SAT proved optimal is printed), the paired difference to
OR-Tools with its 95 % interval, and seconds an instance. Where prizes are hidden, every solver plays
online. `--out` keeps each finished arm: a run that was stopped continues.

    python benchmarks/variants.py --sizes 20 --instances 200 --threads 2
    python benchmarks/variants.py --problems tsptw-easy tsptw-medium tsptw-hard --sizes 20 50
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from benchmark_figures import with_interval
from tqdm import tqdm

from envs.generators import generate_set
from tsp.budget import Budget
from tsp.files import write_text
from tsp.problems import get_problem
from tsp.solution import check
from tsp.solvers.online import play_all
from tsp.solvers.registry import make
from tsp.statistics import estimate_mean

SETS = {
    "op": ("op", "kool-dist"),
    "pctsp": ("pctsp", "kool"),
    "spctsp": ("spctsp", "kool"),
    "cvrp": ("cvrp", "kool"),
    "tsptw-easy": ("tsptw", "uniform-easy"),
    "tsptw-medium": ("tsptw", "uniform-medium"),
    "tsptw-hard": ("tsptw", "uniform-hard"),
}
"""Rows: the problem, and the distribution of its instances."""

SEED = 1234


def arms(ortools: float, cpsat: float) -> dict[str, tuple[str, float]]:
    """Solver specs and their seconds for an instance."""
    return {
        "policy": ("policy", 1.0),
        "ls, 50 ms": ("ls", 0.05),
        "ls, 0.1 s": ("ls", 0.1),
        "policy+ls, 0.1 s": ("policy+ls", 0.1),
        "policy, greedy": ("policy(decoding=greedy, augmentations=1)", 1.0),
        "policy, greedy × 8": ("policy(decoding=greedy)", 1.0),
        "policy, 16 samples × 8": ("policy(decoding=sampling, samples=16)", 1.0),
        "policy, 64 samples × 8": ("policy(decoding=sampling, samples=64)", 1.0),
        f"OR-Tools, {ortools:g} s": ("ortools", ortools),
        f"CP-SAT, {cpsat:g} s": ("cpsat", cpsat),
    }


def run(label: str, size: int, count: int, spec: str, limit: float, threads: int) -> dict[str, Any] | None:
    """One arm on one set: objectives (None where infeasible), whether each is proved, seconds an instance."""
    name, distribution = SETS[label]
    problem = get_problem(name)
    instances, hidden = generate_set(name, distribution, size, count, SEED)
    if problem.reveals and spec not in ONLINE:
        return None
    solver = make(spec, device="cpu")
    if not solver.supports(problem):
        return None
    solver.warm_up(problem)
    budget = Budget(limit, threads, SEED)
    start = time.perf_counter()
    if problem.reveals:
        assert hidden is not None
        found = play_all(solver, problem, instances, hidden, budget)
    else:
        found = solver.solve(problem, instances, budget)
    wall = time.perf_counter() - start
    checked = [
        check(problem, instance, s.tours, amounts=s.amounts, realization=real, bound=s.bound) if s.tours else s
        for instance, s, real in zip(instances, found, hidden or [None] * len(instances), strict=True)
    ]
    return {
        "objectives": [s.objective for s in checked],
        "proved": [s.proved_optimal and not problem.reveals for s in checked],
        "seconds": float(np.mean([s.seconds for s in found])),
        "wall": wall,
    }


ONLINE = ("policy", "ls", "policy(decoding=greedy, augmentations=1)", "policy(decoding=greedy)", "ortools")
"""Arms where prizes are hidden; all of them plan again after every visit, from the expected prizes of the rest."""


def table(results: dict[str, Any], labels: list[str], sizes: list[int]) -> str:
    """The measurements as a Markdown table."""
    lines = [
        "| problem | n | solver | infeasible | mean objective | gap to best % | "
        "against OR-Tools % (95 %) | s an instance |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for label in labels:
        for size in sizes:
            rows = {key[2]: value for raw, value in results.items() if (key := json.loads(raw))[:2] == [label, size]}
            if rows:
                lines += _lines(label, size, rows)
    return "\n".join(lines)


def _lines(label: str, size: int, rows: dict[str, Any]) -> list[str]:
    sense = get_problem(SETS[label][0]).objective
    sign = 1.0 if sense.sense == "min" else -1.0
    values = {arm: np.array(row["objectives"], dtype=float) for arm, row in rows.items()}
    best = sign * np.nanmin([sign * v for v in values.values()], axis=0)
    proved = int(np.any([row["proved"] for row in rows.values()], axis=0).sum())
    reference = next((v for arm, v in values.items() if arm.startswith("OR-Tools")), None)
    out: list[str] = []
    for arm, row in rows.items():
        value = values[arm]
        there = np.isfinite(value)
        gap = 100 * sign * (value - best)[there] / best[there]
        against = "–"
        if reference is not None and not arm.startswith("OR-Tools"):
            both = there & np.isfinite(reference)
            difference = estimate_mean(100 * sign * (value - reference)[both] / reference[both])
            if difference.interval is not None:
                against = with_interval(difference)
        note = f" (proved {proved} of {len(value)})" if arm.startswith("CP-SAT") else ""
        out.append(
            f"| {label} | {size} | {arm}{note} | {100 * (1 - there.mean()):.1f} % | {value[there].mean():.3f} | "
            f"{gap.mean():.2f} | {against} | {row['seconds']:.3f} |"
        )
    return out


def main() -> None:
    """Run the arms that are missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--sizes", type=int, nargs="+", default=[20])
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--ortools", type=float, default=1.0, help="seconds for an instance (default 1)")
    parser.add_argument("--cpsat", type=float, default=10.0, help="seconds for an instance (default 10)")
    parser.add_argument("--threads", type=int, default=2, help="instances at once")
    parser.add_argument("--skip", nargs="*", default=[], help="arms to leave out, by the first word")
    parser.add_argument("--out", type=Path, default=Path("runs/variants.json"), help="results so far")
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    jobs = [
        (label, size, arm, *call)
        for label in arguments.problems
        for size in arguments.sizes
        for arm, call in arms(arguments.ortools, arguments.cpsat).items()
        if not arm.startswith(tuple(arguments.skip))
    ]
    for label, size, arm, spec, limit in tqdm(jobs):
        key = json.dumps([label, size, arm, arguments.instances])
        if key not in results:
            row = run(label, size, arguments.instances, spec, limit, arguments.threads)
            if row is not None:
                results[key] = row
                write_text(arguments.out, json.dumps(results), force=True)
    print(table(results, arguments.problems, arguments.sizes))


if __name__ == "__main__":
    main()
