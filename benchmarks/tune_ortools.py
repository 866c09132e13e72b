"""Make `baselines/ortools_table.json`: the settings with which OR-Tools is the strongest opponent.

    python benchmarks/tune_ortools.py

takes about seven minutes on a core of its own. The validation instances are uniform points in the
unit square from `numpy.random.default_rng([SEED, size])`; test sets are drawn from other seeds. For
each size the first solution strategy is chosen first (under guided local search), then the
metaheuristic, then the weight of the penalties, each by the mean length at the time limit.

Time is counted in core-seconds, so that a busy machine tunes for the same budgets as an idle one. A
run lasts until it has had the longest limit's, and the best tour so far is read off at each limit.
"""

from __future__ import annotations

import argparse
import json
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from baselines.ortools_routing import TABLE, FirstSolution, Settings, build_model, search_parameters, walk
from tsp.budget import Clock
from tsp.files import write_text
from tsp.instance import Instance
from tsp.problems import get_problem

if TYPE_CHECKING:
    from collections.abc import Sequence

SEED = 4321

PLAN: dict[int, tuple[float, ...]] = {20: (0.1, 1.0), 50: (0.1, 1.0), 100: (0.1, 1.0), 1000: (2.0,)}
"""Time limits in seconds for each number of nodes."""

FINE, COARSE = Settings().resolution, 1_000
"""OR-Tools' simulated annealing starts at temperature 100: a tenth of the longest distance if that is cut coarsely."""


class Tuner:
    """Runs each setting once on the instances of a size and remembers the means."""

    def __init__(self, size: int, limits: tuple[float, ...], count: int) -> None:
        rng = np.random.default_rng([SEED, size])
        self.instances = [Instance(coordinates=rng.random((size, 2))) for _ in range(count)]
        self.limits = limits
        self.measured: dict[Settings, dict[float, float]] = {}  # mean length at each limit

    def explore(self, limit: float) -> None:
        """Measure what may be best at the limit, one choice after another."""
        start = Settings(resolution=FINE)
        choice = self.best([start._replace(first_solution=name) for name in get_args(FirstSolution)], limit)
        others = (("SIMULATED_ANNEALING", FINE), ("SIMULATED_ANNEALING", COARSE), ("TABU_SEARCH", FINE))
        choice = self.best(
            [choice, *(choice._replace(metaheuristic=name, resolution=steps) for name, steps in others)], limit
        )
        if choice.metaheuristic == "GUIDED_LOCAL_SEARCH":
            self.best([choice._replace(guided_lambda=weight) for weight in (0.05, 0.2)], limit)

    def best(self, settings: Sequence[Settings], limit: float) -> Settings:
        """The setting with the shortest tours at the limit, the first of equals; measured where not yet."""
        for one in settings:
            if one not in self.measured:
                runs = [run(one, instance, self.limits) for instance in self.instances]
                self.measured[one] = dict(zip(self.limits, np.mean(runs, axis=0).tolist(), strict=True))
                print(f"{self.instances[0].size} nodes: {one}: {self.measured[one]}", flush=True)
        return min(settings, key=lambda one: self.measured[one][limit])

    def row(self, limit: float) -> dict[str, Any]:
        """The table's row for a limit: the best of all settings measured, and every mean."""
        ranked = sorted(self.measured, key=lambda one: self.measured[one][limit])
        means = {str(one): self.measured[one][limit] for one in ranked}
        size = self.instances[0].size
        return {
            "problem": "tsp",
            "size": size,
            "time_limit": limit,
            **ranked[0]._asdict(),
            "instances": len(self.instances),
            "made_by": f"python benchmarks/tune_ortools.py --instances {len(self.instances)} --sizes {size}",
            "means": {name: round(mean, 5) if np.isfinite(mean) else None for name, mean in means.items()},
        }


def run(settings: Settings, instance: Instance, limits: Sequence[float]) -> list[float]:
    """Length of the best tour at each limit, infinite where there is none."""
    trace: list[tuple[float, float]] = []
    start = time.process_time()
    # The wall clock ends only what finds no further solutions.
    model = build_model(get_problem("tsp"), instance, settings.resolution, Clock(60 * limits[-1]))
    assert model is not None
    routing = model.routing
    parameters = search_parameters(settings, 60 * limits[-1])
    routing.CloseModelWithParameters(parameters)

    def note() -> None:
        length = instance.tour_length(walk(model, lambda index: routing.NextVar(index).Value()))
        trace.append((time.process_time() - start, length))
        if trace[-1][0] > limits[-1]:
            routing.solver().FinishCurrentSearch()

    routing.AddAtSolutionCallback(note)
    routing.SolveWithParameters(parameters)
    return [min((length for at, length in trace if at <= limit), default=np.inf) for limit in limits]


def main() -> None:
    """Tune and write the table."""
    parser = argparse.ArgumentParser(description="Tune OR-Tools on validation instances.")
    parser.add_argument("--instances", type=int, default=8, help="how many of each size")
    parser.add_argument(
        "--sizes", type=int, nargs="+", choices=PLAN, default=list(PLAN), help="which sizes; the table's others stay"
    )
    arguments = parser.parse_args()
    for size in arguments.sizes:
        tuner = Tuner(size, PLAN[size], arguments.instances)
        for limit in PLAN[size]:
            tuner.explore(limit)
        old = json.loads(TABLE.read_text(encoding="utf-8"))["settings"]
        rows = [row for row in old if row["size"] != size] + [tuner.row(limit) for limit in PLAN[size]]
        table = {
            "ortools": version("ortools"),
            "validation": f"uniform points in the unit square, numpy.random.default_rng([{SEED}, size])",
            "means": "mean tour length after the time limit's core-seconds, null where an instance had no tour",
            "settings": sorted(rows, key=lambda row: (row["problem"], row["size"], row["time_limit"])),
        }
        write_text(TABLE, json.dumps(table, indent=2) + "\n", force=True)
        print(f"{TABLE}: {size} nodes", flush=True)


if __name__ == "__main__":
    main()
