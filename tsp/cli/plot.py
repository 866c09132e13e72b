"""`tsp plot`: draw an instance or a tour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsp.cli.command import DONE, Command
from tsp.cli.console import show
from tsp.cli.options import add_common_options, add_instance_options, add_underway_options

if TYPE_CHECKING:
    import argparse


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `tsp plot`."""
    command.add_argument("file", metavar="FILE", help="an instance")
    command.add_argument("--problem", help="problem of the instance, where the file does not name one")
    add_instance_options(command)
    add_underway_options(command)
    command.add_argument("--solution", metavar="FILE", help=".tour, .sol, .csv or .json")
    command.add_argument("--out", required=True, metavar="PATH", help=".png, .svg or .pdf")
    add_common_options(command, computes=False)


def run(arguments: argparse.Namespace) -> int:
    """Draw the instance, with a solution if one is given."""
    from tsp.cli.inputs import read_one
    from tsp.cli.outputs import require_picture
    from tsp.composition import problem_of
    from tsp.formats import read_plan
    from tsp.plotting import plot_tour, save_figure
    from tsp.solution import check

    require_picture(arguments, "out")
    instance = read_one(arguments)
    if instance.underway is not None and not arguments.solution:
        raise ValueError("--visited, --elapsed, --travelled, --load: only a plan is under way, expected --solution too")
    solution = None
    if arguments.solution:
        plan = read_plan(arguments.solution, instance)
        solution = check(problem_of(instance), instance, plan.tours, amounts=plan.amounts)
    save_figure(plot_tour(instance, solution), arguments.out, force=arguments.force)
    show(arguments.out)
    return DONE


COMMAND = Command(
    "draw an instance or a tour", "tsp plot examples/berlin52.tsp --out points.png", add_options=add_options, run=run
)
