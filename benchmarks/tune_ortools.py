"""Write `baselines/models/ortools_routing/table.json`: the settings with which OR-Tools is best.

    python benchmarks/tune_ortools.py
    python benchmarks/tune_ortools.py --problem op --sizes 20 50

takes about seven minutes of one core for tsp. Validation instances of tsp are uniform points in the unit
square from `numpy.random.default_rng([SEED, size])`; those of other problems are drawn by
`envs.generators` from the same seed. Test sets are drawn from other seeds. The settings of each size are
chosen one after another, each by the mean objective at the time limit: first the arc costs, where the
objective leaves them free; then the first solution strategy, under guided local search; then the
metaheuristic; then the weight of the penalties.

Time is counted in core-seconds, so that a busy machine tunes for the same budgets as an idle one.
"""

from __future__ import annotations

import argparse
import json
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from baselines.incumbent import Incumbent
from baselines.models.ortools_routing.builder import build_model
from baselines.models.ortools_routing.search import as_routes, read_tours, search_parameters
from baselines.models.ortools_routing.settings import FREE_ARCS, TABLE, ArcCost, FirstSolution, Settings
from baselines.models.ortools_routing.solver import phases
from envs.generators import generate_instances
from tsp.budget import Clock
from tsp.files import write_text
from tsp.instance import Instance
from tsp.problems import PROBLEMS, Problem, get_problem
from tsp.solvers import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

SEED = 4321

PLAN: dict[int, tuple[float, ...]] = {20: (0.1, 1.0), 50: (0.1, 1.0), 100: (0.1, 1.0), 1000: (2.0,)}
"""Time limits in seconds for each number of nodes (of customers, for other problems than tsp)."""

FINE, COARSE = Settings().resolution, 1_000
"""Steps that the longest distance is divided into.

OR-Tools' simulated annealing starts at temperature 100, which is a tenth of the longest distance in coarse steps.
"""


def draw(problem: Problem, size: int, count: int) -> list[Instance]:
    """The validation instances."""
    if problem.name != "tsp":
        return generate_instances(problem.name, "uniform", size, count, SEED)
    rng = np.random.default_rng([SEED, size])
    return [Instance(coordinates=rng.random((size, 2))) for _ in range(count)]


class Tuner:
    """Runs settings on the instances of one size at one limit, and keeps the mean of each."""

    def __init__(self, problem: Problem, size: int, limit: float, count: int) -> None:
        self.problem, self.size, self.limit = problem, size, limit
        self.instances = draw(problem, size, count)
        self.measured: dict[Settings, float] = {}

    def explore(self) -> None:
        """Measure the settings that may be best, one choice after another."""
        choice = Settings(resolution=FINE)
        weights = [0.05, 0.2]
        if "length" not in self.problem.objective.terms:
            start = FREE_ARCS._replace(resolution=FINE)
            arcs = [start, *(start._replace(arc_cost=name) for name in get_args(ArcCost))]
            choice = self.best([one._replace(guided_lambda=weight) for weight in (1.0, 0.1) for one in arcs])
            weights = [0.3 * choice.guided_lambda, 3 * choice.guided_lambda]
        choice = self.best([choice._replace(first_solution=name) for name in get_args(FirstSolution)])
        others = (("SIMULATED_ANNEALING", FINE), ("SIMULATED_ANNEALING", COARSE), ("TABU_SEARCH", FINE))
        choice = self.best([choice, *(choice._replace(metaheuristic=name, resolution=steps) for name, steps in others)])
        if choice.metaheuristic == "GUIDED_LOCAL_SEARCH":
            self.best([choice._replace(guided_lambda=round(weight, 3)) for weight in weights])

    def best(self, settings: Sequence[Settings]) -> Settings:
        """The setting with the best mean, the first of equals; settings that are not measured yet are run first."""
        for one in settings:
            if one not in self.measured:
                runs = [run(self.problem, one, instance, self.limit) for instance in self.instances]
                self.measured[one] = float(np.mean(runs))
                print(f"{self.problem.name}, {self.size}, {self.limit:g} s: {one}: {self.measured[one]}", flush=True)
        return self.ranked(settings)[0]

    def ranked(self, settings: Sequence[Settings]) -> list[Settings]:
        """The settings from the best to the worst."""
        return sorted(settings, key=self.measured.__getitem__, reverse=self.problem.objective.sense == "max")

    def row(self) -> dict[str, Any]:
        """The table's row: the best of all settings measured, and every mean."""
        ranked = self.ranked(list(self.measured))
        means = {str(one): self.measured[one] for one in ranked}
        made_by = f"python benchmarks/tune_ortools.py --instances {len(self.instances)} --sizes {self.size}"
        return {
            "problem": self.problem.name,
            "size": self.size,
            "time_limit": self.limit,
            **ranked[0]._asdict(),
            "instances": len(self.instances),
            "made_by": made_by + ("" if self.problem.name == "tsp" else f" --problem {self.problem.name}"),
            "means": {name: round(mean, 5) if np.isfinite(mean) else None for name, mean in means.items()},
        }


def run(problem: Problem, settings: Settings, instance: Instance, limit: float) -> float:
    """The best objective after `limit` core-seconds; where there is none, an infinitely bad one."""
    best = Incumbent(Task(problem, instance, Clock(limit)))
    start = time.process_time()
    stages = phases(problem, instance, settings)
    for k, (restricted, chosen) in enumerate(stages):
        search(restricted, instance, chosen, best, start, limit * (k + 1) / len(stages))
    worst = np.inf if problem.objective.sense == "min" else -np.inf
    return worst if best.solution.objective is None else best.solution.objective


def search(
    problem: Problem, instance: Instance, settings: Settings, best: Incumbent, start: float, until: float
) -> None:
    """Search until `until` core-seconds after `start`; the wall clock only ends a search that finds nothing more."""
    begin = best.solution if best.solution.tours and best.solution.objective else None
    wall = max(1.0, 20 * until)
    model = build_model(problem, instance, settings, Clock(wall), begin)
    assert model is not None
    routing, least = model.routing, np.inf
    parameters = search_parameters(settings, wall)
    routing.CloseModelWithParameters(parameters)

    def note() -> None:
        nonlocal least
        if time.process_time() - start > until:
            routing.solver().FinishCurrentSearch()
        elif not model.exact or routing.CostVar().Value() < least:
            least = min(least, routing.CostVar().Value())
            best.consider(*read_tours(model, lambda index: routing.NextVar(index).Value()))

    routing.AddAtSolutionCallback(note)
    assignment = None if begin is None else routing.ReadAssignmentFromRoutes(as_routes(model, begin), True)
    if assignment is None:
        routing.SolveWithParameters(parameters)
    else:
        routing.SolveFromAssignmentWithParameters(assignment, parameters)


def main() -> None:
    """Tune and write the table."""
    parser = argparse.ArgumentParser(description="Tune OR-Tools on validation instances.")
    parser.add_argument("--problem", default="tsp", choices=PROBLEMS)
    parser.add_argument("--instances", type=int, default=8, help="number of instances of each size")
    parser.add_argument(
        "--sizes", type=int, nargs="+", choices=PLAN, default=list(PLAN), help="sizes to tune; other rows stay"
    )
    parser.add_argument("--limits", type=float, nargs="+", help="time limits to tune for; default: those of the plan")
    arguments = parser.parse_args()
    problem = get_problem(arguments.problem)
    for size in arguments.sizes:
        for limit in arguments.limits or PLAN[size]:
            tuner = Tuner(problem, size, limit, arguments.instances)
            tuner.explore()
            old = json.loads(TABLE.read_text(encoding="utf-8"))["settings"]
            here = (problem.name, size, limit)
            rows = [row for row in old if (row["problem"], row["size"], row["time_limit"]) != here] + [tuner.row()]
            table = {
                "ortools": version("ortools"),
                "validation": f"as benchmarks/tune_ortools.py draws them, seed {SEED}",
                "means": "mean objective after the time limit's core-seconds, null where an instance had no answer",
                "settings": sorted(rows, key=lambda row: (row["problem"], row["size"], row["time_limit"])),
            }
            write_text(TABLE, json.dumps(table, indent=2) + "\n", force=True)
            print(f"{TABLE}: {problem.name}, {size} nodes, {limit:g} s", flush=True)


if __name__ == "__main__":
    main()
