"""Make `baselines/ortools_table.json`: the settings with which OR-Tools is the strongest opponent.

    python benchmarks/tune_ortools.py

takes about five minutes on a core of its own. The validation instances are uniform points in the
unit square from `numpy.random.default_rng([SEED, size])`; test sets are drawn from other seeds. For
each size the first solution strategy is chosen first (under guided local search), then the
metaheuristic, then the weight of the penalties, each by the mean length at the time limit.

Time is counted in core-seconds, so that a busy machine tunes for the same budgets as an idle one: a
run lasts until it has had the longest limit's core-seconds, and the best tour so far is read off at
each limit.
"""

from __future__ import annotations

import argparse
import json
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from baselines.ortools_routing import TABLE, FirstSolution, ORToolsSolver, Settings
from tsp.budget import Budget
from tsp.files import write_text
from tsp.instance import Instance
from tsp.problems import get_problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsp.solution import Solution

SEED = 4321

PLAN: tuple[tuple[int, tuple[float, ...], int], ...] = (
    (20, (0.1, 1.0), 4),
    (50, (0.1, 1.0), 6),
    (100, (0.1, 1.0), 6),
    (1000, (1.0, 5.0), 1),
)
"""Nodes, time limits, and how many instances."""

FINE, COARSE = Settings().resolution, 1_000
"""OR-Tools' simulated annealing starts at temperature 100: a tenth of the longest distance if that is cut coarsely."""

Lengths = dict[float, list[float]]
"""For each time limit each instance's tour length, infinite without an answer."""


class Tuner:
    """Runs each setting once on the instances of a size and remembers what came out."""

    def __init__(self, size: int, limits: tuple[float, ...], count: int) -> None:
        rng = np.random.default_rng([SEED, size])
        self.instances = [Instance(coordinates=rng.random((size, 2))) for _ in range(count)]
        self.limits = limits
        self.measured: dict[Settings, Lengths] = {}
        self.share = 1.0  # of a core that this process gets

    def best(self, settings: Sequence[Settings], limit: float) -> Settings:
        """The setting with the shortest tours at the limit, the first of equals."""
        return min(settings, key=lambda one: float(np.mean(self.measure(one)[limit])))

    def measure(self, settings: Settings) -> Lengths:
        """Run the setting, unless it has been."""
        if settings not in self.measured:
            runs = [self._run(settings, instance) for instance in self.instances]
            self.measured[settings] = {limit: [run[k] for run in runs] for k, limit in enumerate(self.limits)}
            means = {limit: round(float(np.mean(values)), 4) for limit, values in self.measured[settings].items()}
            print(f"{self.instances[0].size} nodes: {settings}: {means}", flush=True)
        return self.measured[settings]

    def _run(self, settings: Settings, instance: Instance) -> list[float]:
        """Tour length at each limit."""
        longest = self.limits[-1]
        while True:
            wall = time.perf_counter()
            trace, used = _trace(settings, instance, 1.1 * longest / self.share)
            self.share = min(1.0, used / (time.perf_counter() - wall))
            if used >= longest:
                return [min((value for at, value in trace if at <= limit), default=np.inf) for limit in self.limits]

    def row(self, limit: float) -> dict[str, Any]:
        """The table's row for a limit: the setting chosen, and every mean on the way there."""
        choice = Settings(resolution=FINE)
        choice = self.best([choice._replace(first_solution=name) for name in get_args(FirstSolution)], limit)
        others = (("SIMULATED_ANNEALING", FINE), ("SIMULATED_ANNEALING", COARSE), ("TABU_SEARCH", FINE))
        choice = self.best(
            [choice, *(choice._replace(metaheuristic=name, resolution=steps) for name, steps in others)], limit
        )
        if choice.metaheuristic == "GUIDED_LOCAL_SEARCH":
            choice = self.best([choice._replace(guided_lambda=weight) for weight in (0.1, 0.05, 0.2)], limit)
        means = {str(settings): np.mean(lengths[limit]) for settings, lengths in self.measured.items()}
        return {
            "problem": "tsp",
            "size": self.instances[0].size,
            "time_limit": limit,
            **choice._asdict(),
            "instances": len(self.instances),
            "means": {
                name: round(float(mean), 5) if np.isfinite(mean) else None
                for name, mean in sorted(means.items(), key=lambda item: item[1])
            },
        }


def _trace(settings: Settings, instance: Instance, limit: float) -> tuple[list[tuple[float, float]], float]:
    """Core-seconds and length of each better tour, and the core-seconds used in all."""
    trace: list[tuple[float, float]] = []
    solver = ORToolsSolver(**settings._asdict())
    start = time.process_time()

    def note(index: int, solution: Solution) -> None:
        assert solution.objective is not None
        trace.append((time.process_time() - start, solution.objective))

    solver.solve(get_problem("tsp"), [instance], Budget(limit), report=note)
    return trace, time.process_time() - start


def main() -> None:
    """Tune and write the table."""
    parser = argparse.ArgumentParser(description="Tune OR-Tools on validation instances.")
    parser.add_argument("--sizes", type=int, nargs="*", help="only these sizes; the table's other rows stay")
    sizes = parser.parse_args().sizes
    plan = [step for step in PLAN if sizes is None or step[0] in sizes]
    old = json.loads(TABLE.read_text(encoding="utf-8"))["settings"]
    rows = [row for row in old if row["size"] not in {size for size, _, _ in plan}]
    for size, limits, count in plan:
        tuner = Tuner(size, limits, count)
        rows += [tuner.row(limit) for limit in limits]
        table = {
            "made_by": "python benchmarks/tune_ortools.py",
            "ortools": version("ortools"),
            "instances": f"uniform points in the unit square, numpy.random.default_rng([{SEED}, size])",
            "means": "mean tour length after the time limit's core-seconds, null where an instance had no tour",
            "settings": sorted(rows, key=lambda row: (row["problem"], row["size"], row["time_limit"])),
        }
        write_text(TABLE, json.dumps(table, indent=2) + "\n", force=True)
        print(f"{TABLE}: {size} nodes")


if __name__ == "__main__":
    main()
