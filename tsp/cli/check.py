"""`tsp check`: check a solution, whatever made it."""

from __future__ import annotations

import argparse

from tsp.cli.command import DONE, INFEASIBLE, Command
from tsp.cli.console import say, show, show_json
from tsp.cli.options import add_instance_options, add_underway_options, seed


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `tsp check`."""
    command.add_argument("file", metavar="FILE", help="an instance")
    command.add_argument("solution", metavar="SOLUTION", help=".tour, .sol, .csv or .json")
    command.add_argument("--problem", help="problem whose rules count, where the file does not name one")
    add_instance_options(command)
    add_underway_options(command)
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument("--seed", type=seed, default=1234, help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Check the solution, and print its value or its violations."""
    from pathlib import Path

    from tsp.cli.inputs import read_one
    from tsp.cli.outputs import describe_solution, solutions_content
    from tsp.composition import problem_of, require_read, untimed
    from tsp.formats import read_plan
    from tsp.solution import check

    instance = read_one(arguments)
    problem = problem_of(instance)
    require_read(problem, instance)
    if (note := untimed(instance)) is not None:
        say(f"note: {note}")
    plan = read_plan(arguments.solution, instance)
    name = Path(arguments.solution).name
    solution = check(problem, instance, plan.tours, amounts=plan.amounts, solver=name)
    if arguments.json:
        show_json(solutions_content([(instance, solution)]))
    else:
        show(describe_solution(instance, solution))
    return DONE if solution.feasible else INFEASIBLE


COMMAND = Command(
    "check a solution of any program", "tsp check examples/berlin52.tsp berlin52.tour", add_options=add_options, run=run
)
