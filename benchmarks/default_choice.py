"""Whether the default solver is the best of the toolkit, at every size and time limit.

The default search (without the stage that proves), OR-Tools and PyVRP solve the same instances, one after the other,
on one core. The instances are like those of set X (Uchoa et al. 2017); the distribution gives the places, and
problems without demands draw the rest as usual. A difference is that of the default from the other, relative to the
other; positive is better for the default, whatever the objective.

    python benchmarks/default_choice.py --sizes 100 300 1000 --limits 1 2 10
    python benchmarks/default_choice.py --problems op pctsp cvrptw --sizes 1000 --limits 10 --against ortools
    python benchmarks/default_choice.py --files X-*.vrp --limits 1 2 10
    python benchmarks/default_choice.py --problems cvrp cvrptw --sizes 3000 --limits 20 --against pyvrp --unrefused

A solver whose package is not installed is left out, with a note; one that has no answer has a dash. `--unrefused` asks
every solver, even where it refuses the size since it may end late. The seconds shown are the longest of each solver.
"""

from __future__ import annotations

import argparse
import sys
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from benchmark_figures import with_interval

import tsp
from envs.generators import generate_instances
from tsp.budget import Budget
from tsp.problems import PROBLEMS, Problem
from tsp.solvers import BaseSolver
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


class Group(NamedTuple):
    """Instances that a row is about."""

    problem: Problem
    size: str
    instances: Sequence[Instance]


def search_of(instance: Instance, limit: float) -> str:
    """The default solver without the stage that proves."""
    return default_spec(instance, limit)[0].rpartition("+")[0]


def solved(
    problem: Problem, solver: Solver, instances: Sequence[Instance], limit: float, *, unrefused: bool
) -> tuple[Objectives, float]:
    """The objectives, None where there is no answer, and the longest time for one of them."""
    if not solver.supports(problem):
        return [None] * len(instances), 0.0
    if unrefused:
        assert isinstance(solver, BaseSolver)
        solver.refusal = lambda *_: None
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
    return with_interval(estimate) + missing


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


def groups_of(arguments: argparse.Namespace) -> list[Group]:
    """The generated instances of each problem and size, or those of the files as one group."""
    if arguments.files:
        instances = [tsp.read(path) for path in arguments.files]
        sizes = sorted(instance.size - 1 for instance in instances)
        return [Group(PROBLEMS[arguments.problems[0]], f"{sizes[0]} to {sizes[-1]}", instances)]
    return [
        Group(
            PROBLEMS[name],
            str(size),
            generate_instances(name, arguments.distribution, size, arguments.instances, SEED),
        )
        for name, size in product(arguments.problems, arguments.sizes)
    ]


def main() -> None:
    """Print the table, a row at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=["cvrp"], metavar="NAME")
    parser.add_argument("--sizes", nargs="+", type=int, default=[100, 300, 1_000, 5_000, 10_000], help="customers")
    parser.add_argument("--files", nargs="+", help="instances of the (first) problem, in place of generated ones")
    parser.add_argument("--limits", nargs="+", type=float, default=[1.0, 2.0, 10.0, 60.0], help="seconds")
    parser.add_argument("--instances", type=int, default=3, help="number of instances of each size")
    parser.add_argument("--distribution", default="x")
    parser.add_argument("--against", nargs="*", default=["ortools", "pyvrp"], metavar="SPEC")
    parser.add_argument("--unrefused", action="store_true", help="ask solvers that refuse the size")
    arguments = parser.parse_args()
    against = available(arguments.against)
    columns = ["problem", "n", "instances", "limit s", "default", "mean", "s"]
    for spec in against:
        columns += [f"% better than {spec}", f"{spec} s"]
    print(f"| {' | '.join(columns)} |\n{'| --- ' * 2}{'| --: ' * (len(columns) - 2)}|", flush=True)
    for group, limit in product(groups_of(arguments), arguments.limits):
        problem, instances = group.problem, group.instances
        spec = search_of(instances[0], limit)
        results = {}
        for name in dict.fromkeys([spec, *against]):
            solver = make(name)
            solver.warm_up(problem)
            results[name] = solved(problem, solver, instances, limit, unrefused=arguments.unrefused)
        own, longest = results[spec]
        values = [value for value in own if value is not None]
        mean = format_number(sum(values) / len(values)) if len(values) == len(own) else "–"
        row = [problem.name, group.size, str(len(instances)), f"{limit:g}", f"`{spec}`", mean, f"{longest:.2f}"]
        for other in against:
            row += [difference(problem, own, results[other][0]), f"{results[other][1]:.2f}"]
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
