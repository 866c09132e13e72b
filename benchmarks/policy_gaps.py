"""Gaps of policies on the first instances of Kool et al.'s test sets to the search at one second.

The reference is the objective of `ls` after a second of processor time for each instance. It is computed
once and kept in `reference_objectives.npz`. A policy is decoded greedily, with a single trajectory, and as
its file recommends: the best of many starts or samples, under eight symmetries. With `--decodings` every way of
decoding is compared. Prints a Markdown table.

    python benchmarks/policy_gaps.py tsp cvrp --size 20 50 100
    python benchmarks/policy_gaps.py cvrp --size 50 --decodings --seconds 2
    python benchmarks/policy_gaps.py runs/op/checkpoint-last.safetensors --size 50
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from processor_clock import ProcessorClock, count_processor_time

from envs.generators import generate_set
from envs.kool_sets import generate
from policies.checkpoint import load_policy
from policies.solver import PolicySolver
from policies.zoo import ZOO
from tsp.budget import Budget
from tsp.problems import get_problem
from tsp.solvers.registry import make

if TYPE_CHECKING:
    from tsp.instance import Instance

REFERENCES = Path(__file__).with_name("reference_objectives.npz")
SECONDS = 1.0
DECODINGS = {
    "one greedy trajectory": {"decoding": "greedy", "starts": 1, "augmentations": 1},
    "best of many": {},
}
EVERY_DECODING = DECODINGS | {
    "16 samples × 8": {"decoding": "sampling", "samples": 16, "augmentations": 8},
    "beam of 16 × 8": {"decoding": "beam", "width": 16, "augmentations": 8},
    "16 distinct samples × 8": {"decoding": "distinct", "samples": 16, "augmentations": 8},
    "500 samples × 8": {"decoding": "sampling", "samples": 500, "augmentations": 8},
    "active search × 8": {"search": "eas", "augmentations": 8},
}
"""The decodings that `--decodings` compares; many samples are the control of active search, at about equal time."""


def first_instances(problem: str, size: int, count: int, *, halls: bool = False) -> list[Instance]:
    """The first instances of a test set: of orienteering with prizes by distance, of `tsptw` one of this toolkit.

    Of halls, those that are reserved for tests.
    """
    if halls:
        from amortization import hall_set  # matplotlib may be missing where there is a GPU

        return hall_set(problem, count, size=size)
    if problem == "tsptw":
        return generate_set(problem, "uniform-medium", size, count, 1234)[0]
    return generate(problem, "kool-dist" if problem == "op" else "kool", count, size, 1234)[0]


def reference(problem: str, size: int, count: int, *, halls: bool = False) -> np.ndarray:
    """Objectives `[count]` of the search at one second: those that are kept, else computed and kept."""
    kept = dict(np.load(REFERENCES)) if REFERENCES.exists() else {}
    key = f"{problem}-hall{size}" if halls else f"{problem}{size}"
    known = kept.get(key, np.zeros(0))
    if len(known) < count:
        missing = first_instances(problem, size, count, halls=halls)[len(known) :]
        solver = make("ls")
        solver.warm_up(get_problem(problem))
        found = solver.solve(get_problem(problem), missing, Budget(SECONDS))
        values = [float("nan") if solution.objective is None else solution.objective for solution in found]
        kept = dict(np.load(REFERENCES)) if REFERENCES.exists() else {}  # may be newer than `known`
        kept[key] = known = np.concatenate([known, values])
        np.savez_compressed(REFERENCES, allow_pickle=False, **kept)
    return known[:count]


class Measured(NamedTuple):
    """What one way of decoding reaches on a test set.

    Attributes:
        problem: its name.
        place: where the instances are, if not on uniform points.
        size: number of customers.
        decoding: its name.
        feasible: share of the instances with a solution, in percent.
        objective: its mean over the instances that are solved.
        reference: the mean of the search's objectives there.
        gap: between the two means, in percent.
        seconds: processor time for each instance.
    """

    problem: str
    place: str
    size: int
    decoding: str
    feasible: float
    objective: float
    reference: float
    gap: float
    seconds: float

    def texts(self) -> list[str]:
        """The cells of a row of the table."""
        places = 3 if get_problem(self.problem).objective.sense == "min" else 2
        return [
            f"{self.problem}{self.place}",
            str(self.size),
            self.decoding,
            f"{self.feasible:.1f}",
            f"{self.objective:.{places}f}",
            f"{self.reference:.3f}",
            f"{self.gap:.2f}",
            f"{1000 * self.seconds:.0f}",
        ]


def measure(path: Path, size: int, count: int, decodings: dict[str, dict[str, Any]], limit: float) -> list[Measured]:
    """Rows of the table, one for each decoding."""
    info = load_policy(path)[1]
    problem = get_problem(info.problem)
    halls = info.distribution == "hall"
    best = reference(info.problem, size, count, halls=halls)
    instances = first_instances(info.problem, size, count, halls=halls)
    rows: list[Measured] = []
    for name, options in decodings.items():
        if "samples" in options and info.decoding.temperature is None:  # not tuned: the policy's own distribution
            options = {"temperature": 1.0, **options}
        solver = PolicySolver(path=str(path), device="cpu", **options)
        solver.warm_up(problem)
        clock = ProcessorClock(1.0)
        solutions = solver.solve(problem, instances, Budget(600.0 if solver.one_shot else limit))
        seconds = clock.elapsed / count
        values = np.array([solution.objective for solution in solutions], dtype=float)  # NaN where there is none
        solved = ~np.isnan(values) & ~np.isnan(best)
        mean, known = float(values[solved].mean()), float(best[solved].mean())
        gap = 100 * (1 if problem.objective.sense == "min" else -1) * (mean / known - 1)
        place = " in halls" if halls else ""
        rows.append(Measured(info.problem, place, size, name, 100 * float(solved.mean()), mean, known, gap, seconds))
    return rows


COLUMNS = ["problem", "customers", "decoding", "feasible %", "mean objective", "`ls`, 1 s", "gap %", "ms an instance"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policies", nargs="+", help="policy files, or names in the zoo")
    parser.add_argument("--size", type=int, nargs="+", default=[20, 50, 100], help="customers of the test sets")
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--decodings", action="store_true", help="compare every way of decoding")
    parser.add_argument("--seconds", type=float, default=2.0, help="of active search, for each instance")
    arguments = parser.parse_args()
    decodings = EVERY_DECODING if arguments.decodings else DECODINGS
    torch.set_num_threads(1)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    count_processor_time()
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + "---|" * len(COLUMNS))
    for name in arguments.policies:
        path = Path(name) if name.endswith(".safetensors") else ZOO / name / "model.safetensors"
        for size in arguments.size:
            for row in measure(path, size, arguments.instances, decodings, arguments.seconds):
                print("| " + " | ".join(row.texts()) + " |", flush=True)


if __name__ == "__main__":
    main()
