"""Whether the default solver is the best of the toolkit, at every size and time limit.

The default search (without the stage that proves), OR-Tools and PyVRP solve the same instances, one after the other,
on one core. The instances are like those of set X (Uchoa et al. 2017); the distribution gives the places, and
problems without demands draw the rest as usual. A difference is that of the default from the other, relative to the
other; positive is better for the default, whatever the objective.

    python benchmarks/default_choice.py --sizes 100 300 1000 --limits 1 2 10
    python benchmarks/default_choice.py --problems op pctsp cvrptw --sizes 1000 --limits 10 --against ortools

A solver whose package is not installed is left out, with a note; one that has no answer has a dash.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from envs.generators import generate_instances
from tsp.budget import Budget
from tsp.problems import PROBLEMS, Problem
from tsp.solvers.defaults import default_spec
from tsp.solvers.registry import make
from tsp.statistics import estimate_mean, format_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsp.instance import Instance
    from tsp.solvers import Solver

SEED = 2017
"""Of the instances; no constant of the search was chosen on them."""

Objectives = list[float | None]


def search_of(instance: Instance, limit: float) -> str:
    """The default solver without the stage that proves."""
    return default_spec(instance, limit)[0].partition("+")[0]


def solved(problem: Problem, solver: Solver, instances: Sequence[Instance], limit: float) -> tuple[Objectives, float]:
    """The objectives, None where there is no answer, and the longest time for one of them."""
    found = [solver.solve(problem, [instance], Budget(limit, seed=1))[0] for instance in instances]
    return [answer.objective for answer in found], max(answer.seconds for answer in found)


def difference(problem: Problem, own: Objectives, others: Objectives) -> str:
    """By how many per cent the default is better, with the 95 % interval, where both have answers."""
    sign = 100.0 if problem.objective.sense == "max" else -100.0
    pairs = [(a, b) for a, b in zip(own, others, strict=True) if a is not None and b is not None]
    estimate = estimate_mean([sign * (a / b - 1.0) for a, b in pairs])
    if estimate is None:
        return "–"
    missing = f"; {len(own) - len(pairs)} without answer" if len(pairs) < len(own) else ""
    if estimate.interval is None:
        return f"{estimate.mean:+.2f}{missing}"
    low, high = estimate.interval
    return f"{estimate.mean:+.2f} ({low:+.2f} to {high:+.2f}){missing}"


def available(specs: Sequence[str]) -> list[str]:
    """The specs whose packages are installed."""
    kept = []
    for spec in specs:
        try:
            make(spec)
        except ValueError as error:
            print(error, file=sys.stderr)
        else:
            kept.append(spec)
    return kept


def main() -> None:
    """Print the table, a row at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=["cvrp"], metavar="NAME")
    parser.add_argument("--sizes", nargs="+", type=int, default=[100, 300, 1_000, 5_000, 10_000], help="customers")
    parser.add_argument("--limits", nargs="+", type=float, default=[1.0, 2.0, 10.0, 60.0], help="seconds")
    parser.add_argument("--instances", type=int, default=3, help="number of instances of each size")
    parser.add_argument("--distribution", default="x")
    parser.add_argument("--against", nargs="+", default=["ortools", "pyvrp"], metavar="SPEC")
    arguments = parser.parse_args()
    against = available(arguments.against)
    columns = [
        "problem",
        "n",
        "limit s",
        "default",
        "mean",
        "longest s",
        *(f"% better than {spec}" for spec in against),
    ]
    print(f"| {' | '.join(columns)} |\n{'| --- ' * 2}{'| --: ' * (len(columns) - 2)}|", flush=True)
    for name in arguments.problems:
        problem = PROBLEMS[name]
        for size in arguments.sizes:
            instances = generate_instances(name, arguments.distribution, size, arguments.instances, SEED)
            for limit in arguments.limits:
                spec = search_of(instances[0], limit)
                results = {}
                for solver_spec in dict.fromkeys([spec, *against]):
                    solver = make(solver_spec)
                    solver.warm_up(problem)
                    results[solver_spec] = solved(problem, solver, instances, limit)
                own, longest = results[spec]
                values = [value for value in own if value is not None]
                mean = format_number(sum(values) / len(values)) if len(values) == len(own) else "–"
                row = [name, str(size), f"{limit:g}", f"`{spec}`", mean, f"{longest:.2f}"]
                row += [difference(problem, own, results[other][0]) for other in against]
                print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
