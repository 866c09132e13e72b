"""Does a shipped policy before the search pay? The search after a policy, alone, and after an untrained network.

Written down before any run: instances are drawn anew with seed 2026 (for `op`, `pctsp`, `cvrp` as Kool et al. draw
them), which no setting was chosen on. Solvers get all instances of a case at once, as a user with many similar
instances hands them over: the policy decodes them in batches, the search takes one after the other. Time is processor
time on one thread, inference included, import and compilation excluded; every solver may use the same for an instance
on average. The policy is decoded with 16 samples under eight symmetries, in the chain with half of the time at most; in
poster halls as chosen on halls for training, for each time. The control is the same network with its initial weights.

Hypotheses, for orienteering with 50 and 100 customers at 0.1 s: the policy and then the search (1) is better than the
search alone, and (2) than the search after an untrained network; both 95 % intervals exclude zero. All other cells are
reported. One look.

For orienteering past 50 posters in halls that no policy was trained on, with the shipped policy for halls: the same
two at 10 and at 30 ms. One look; earlier policies, trained for 12 minutes, did not pay there (`amortization.py`).
For the same with time windows, written down when the policy for them was shipped: the same two at 30 and at 100 ms.

    python benchmarks/learned_start.py --raw runs/learned-start.json

Finished cells are kept in `--raw`: a run that was stopped continues. About 40 minutes of one core.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from amortization import hall_set, save_untrained
from benchmark_figures import keep_raw, mean_of, read_raw
from processor_clock import count_processor_time
from write_results import measured, save

from envs.generators import generate_set
from envs.halls import TEST_LAYOUTS
from policies.zoo import ZOO
from tsp.problems import get_problem
from tsp.solvers.protocol import Request, solve_request
from tsp.solvers.registry import make

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsp.instance import Instance

SEED = 2026
MANY = "samples=16,augmentations=8"
LIMITS = {0.03: MANY, 0.1: MANY, 0.3: MANY}
"""Time limits, and how the policy is decoded at each."""
FAST = "augmentations=1,precision=bfloat16"
IN_HALLS = {0.01: f"samples=4,{FAST}", 0.03: f"samples=16,{FAST}", 0.1: f"{MANY},precision=bfloat16"}
"""The same in halls."""


class Case(NamedTuple):
    """Instances of one kind, and a shipped policy for them."""

    problem: str
    distribution: str
    size: int
    count: int
    policy: str
    limits: dict[float, str] = LIMITS

    @property
    def title(self) -> str:
        """The problem, and where it is not on uniform points, its place."""
        return f"{self.problem} in halls" if self.distribution == "hall" else self.problem

    def instances(self) -> list[Instance]:
        """The instances; halls are those that are reserved for tests."""
        if self.distribution == "hall":
            return hall_set(self.problem, self.count, size=self.size, first=len(TEST_LAYOUTS) - self.count, seed=SEED)
        return generate_set(self.problem, self.distribution, self.size, self.count, SEED)[0]


CASES = (
    Case("op", "kool-dist", 50, 500, "op"),
    Case("op", "kool-dist", 100, 500, "op"),
    Case("op", "hall", 50, 500, "hall-op", IN_HALLS),
    Case("optw", "hall", 50, 500, "hall-optw", IN_HALLS),
    Case("pctsp", "kool", 50, 100, "pctsp"),
    Case("pctsp", "kool", 100, 100, "pctsp"),
    Case("cvrp", "kool", 50, 100, "cvrp"),
    Case("cvrp", "kool", 100, 100, "cvrp"),
    Case("tsptw", "uniform-medium", 50, 100, "tsptw"),
)


def solvers(case: Case, limit: float, folder: Path) -> dict[str, str]:
    """Names and specs of the solvers that are compared."""
    trained, untrained = ZOO / case.policy / "model.safetensors", folder / f"untrained-{case.policy}.safetensors"
    if not untrained.exists():
        save_untrained(get_problem(case.problem), str(trained), untrained)
    decoding = case.limits[limit]
    return {
        "ls": "ls",
        "policy": f"policy(path={trained},{decoding})",
        "policy+ls": f"policy(path={trained},{decoding})+ls",
        "untrained+ls": f"policy(path={untrained},temperature=1,{decoding})+ls",
    }


def solve(spec: str, case: Case, limit: float) -> list[list[float]]:
    """The objective of each instance, NaN without an answer, and the seconds used for one on average."""
    problem, solver, instances = get_problem(case.problem), make(spec), case.instances()
    solver.warm_up(problem)
    solve_request(solver, Request(problem, instances[:2], [1.0, 1.0], 1, 0))
    begun = time.process_time()
    found = solve_request(solver, Request(problem, instances, [limit] * case.count, 1, 0))
    used = (time.process_time() - begun) / case.count
    values = [one.objective if one.feasible and one.objective is not None else float("nan") for one in found]
    return [values, [used]]


def against(case: Case, one: NDArray[np.float64], other: NDArray[np.float64]) -> str:
    """By how much the first is better, in percent; no answer is as bad as twice the length, or no prize at all."""
    maximizes = get_problem(case.problem).objective.sense == "max"
    best = np.fmax(one, other) if maximizes else np.fmin(one, other)
    worst = np.zeros_like(best) if maximizes else 2 * best
    a, b = (np.where(np.isnan(x), worst, x) for x in (one, other))
    return mean_of(100 * ((a - b) if maximizes else (b - a)) / np.where(best == 0, 1, best))


def main() -> None:
    """Solve what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, default=Path("runs/learned-start.json"))
    arguments = parser.parse_args()
    arguments.raw.parent.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    count_processor_time()
    raw: dict[str, list[list[float]]] = read_raw(arguments.raw)
    rows: dict[str, list[list[str]]] = {"max": [], "min": []}  # in orienteering, and in other problems
    for case in CASES:
        for limit in case.limits:
            found: dict[str, NDArray[np.float64]] = {}
            used: dict[str, float] = {}
            for name, spec in solvers(case, limit, arguments.raw.parent).items():
                key = f"{case.title} {case.size} {limit:g} {name}"
                if key not in raw:
                    raw[key] = solve(spec, case, limit)
                    keep_raw(arguments.raw, raw)
                found[name], used[name] = np.array(raw[key][0]), raw[key][1][0]
            about = [case.title, str(case.size), f"{1000 * limit:g}"]
            means = [f"{np.nanmean(found[name]):.3f}" for name in ("ls", "policy", "policy+ls")]
            differences = [against(case, found["policy+ls"], found[name]) for name in ("ls", "untrained+ls", "policy")]
            cells = [*about, *means, f"{1000 * used['policy']:.0f}", *differences]
            rows[get_problem(case.problem).objective.sense].append(cells)
            print(" | ".join(cells), flush=True)
    for name, about, sense in (
        ("learned-start", "orienteering", "max"),
        ("learned-start-others", "other problems", "min"),
    ):
        count = next(case.count for case in CASES if get_problem(case.problem).objective.sense == sense)
        table = measured(
            name,
            f"The search after a policy, at equal time: {about}",
            [
                *("problem", "customers", "ms", "`ls`", "`policy`", "`policy+ls`", "ms of `policy`"),
                *("better than `ls` % (95 %)", "than `untrained+ls` %", "than `policy` %"),
            ],
            rows[sense],
            f"Processor time for an instance on one thread; {count} instances, drawn for this, and solved at once. "
            "Means are over the instances with an answer; in the differences, no answer counts as no prize, or "
            "twice the length.",
            "python benchmarks/learned_start.py",
        )
        save(table)


if __name__ == "__main__":
    main()
