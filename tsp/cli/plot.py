"""`tsp plot`: draw an instance, a tour, or the curves of a training run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tsp.cli.command import DONE, Command
from tsp.cli.console import show
from tsp.cli.options import add_common_options, add_instance_options, add_underway_options, positive

if TYPE_CHECKING:
    import argparse

    from tsp.instance import Instance
    from tsp.solution import Solution

OF_INSTANCES = (
    *(
        "problem",
        "start",
        "end",
        "max_length",
        "capacity",
        "min_prize",
        "num_tours",
        "late_price",
        "matrix",
        "unit",
        "speed",
        "ignore",
    ),
    *("visited", "elapsed", "travelled", "load", "solution", "walls", "animate", "solver"),
)
"""Options that a run's curves make no use of."""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `tsp plot`."""
    command.add_argument("file", metavar="FILE", help="an instance, or the folder of a training run")
    command.add_argument("--problem", help="problem of the instance, where the file does not name one")
    add_instance_options(command)
    add_underway_options(command)
    command.add_argument("--solution", metavar="FILE", help=".tour, .sol, .csv or .json")
    command.add_argument("--out", metavar="PATH", help=".png, .svg or .pdf; on the Earth also .geojson or .html")
    command.add_argument(
        "--animate",
        metavar="PATH.gif",
        help="write the tour of --solution stop by stop; without one, how --solver finds it",
    )
    command.add_argument("--solver", metavar="SPEC", help="of --animate (default ls)")
    command.add_argument("--time-limit", type=positive, help="seconds for the solver of --animate (default 2)")
    add_common_options(command, computes=False)


def run(arguments: argparse.Namespace) -> int:
    """Draw what the options ask for."""
    if Path(arguments.file).is_dir():
        return _draw_run(arguments)
    _require_outputs(arguments)
    instance, solution = _read(arguments)
    if arguments.out:
        _draw(arguments, instance, solution)
    if arguments.animate:
        _animate(arguments, instance, solution)
    return DONE


def _draw_run(arguments: argparse.Namespace) -> int:
    """Draw the curves of a training run."""
    from tsp.cli.outputs import require_picture
    from tsp.plotting import run_curves, save_figure

    folder = Path(arguments.file)
    for name in OF_INSTANCES:
        if getattr(arguments, name) is not None:
            raise ValueError(f"--{name.replace('_', '-')}: {folder} is a folder, whose curves make no use of it")
    log = folder / "metrics.csv"
    if not log.is_file():
        raise ValueError(
            f"{folder}: a folder without metrics.csv, expected an instance or the folder of a training run"
        )
    if require_picture(arguments, "out") is None:
        raise ValueError("--out: expected a path for the picture")
    save_figure(run_curves(log, title=folder.resolve().name), arguments.out, force=arguments.force)
    show(arguments.out)
    return DONE


def _require_outputs(arguments: argparse.Namespace) -> None:
    """Refuse outputs that cannot be written, and options that nothing reads."""
    from tsp.cli.outputs import require_drawing, require_output

    if arguments.out is None and arguments.animate is None:
        raise ValueError("--out: expected a path for the picture, or --animate with one")
    require_drawing(arguments, "out")
    require_output(arguments, "animate", (".gif",))
    for name in ("solver", "time_limit"):
        if getattr(arguments, name) is not None and (arguments.animate is None or arguments.solution is not None):
            option = f"--{name.replace('_', '-')}"
            raise ValueError(f"{option}: is of --animate without --solution, expected these or no {option}")


def _read(arguments: argparse.Namespace) -> tuple[Instance, Solution | None]:
    """The instance, and the solution if one is given."""
    from tsp.cli.inputs import read_one
    from tsp.composition import problem_of, require_read
    from tsp.formats import read_plan
    from tsp.solution import check

    instance = read_one(arguments)
    require_read(problem_of(instance), instance)
    if instance.underway is not None and not arguments.solution:
        raise ValueError("--visited, --elapsed, --travelled, --load: only a plan is under way, expected --solution too")
    if not arguments.solution:
        return instance, None
    plan = read_plan(arguments.solution, instance)
    return instance, check(problem_of(instance), instance, plan.tours, amounts=plan.amounts)


def _draw(arguments: argparse.Namespace, instance: Instance, solution: Solution | None) -> None:
    """Write the picture, or the map."""
    from tsp.drawing import draw

    draw(arguments.out, instance, solution, force=arguments.force)
    show(arguments.out)


def _animate(arguments: argparse.Namespace, instance: Instance, solution: Solution | None) -> None:
    """Write the animation of a tour, or of a search for one."""
    from tsp.budget import Budget
    from tsp.composition import problem_of
    from tsp.formats import read_realizations
    from tsp.plotting.animation import building_frames, save_animation, search_frames
    from tsp.shortcuts import solve_all

    if solution is None:
        found: list[Solution] = []
        hidden = read_realizations(arguments.file) if problem_of(instance).reveals else None
        budget = Budget(arguments.time_limit or 2.0, 1, arguments.seed)
        (last,) = solve_all(
            [instance],
            arguments.solver or "ls",
            budget,
            report=lambda _, better: found.append(better),
            realizations=hidden,
        )
        if not last.feasible:
            raise ValueError(
                f"{instance.name or 'instance'}: no feasible solution to animate ({'; '.join(last.violations)})"
            )
        found = [*found, last] if not found or found[-1] is not last else found
        frames = search_frames(found, is_played=hidden is not None)
    else:
        frames = building_frames(solution)
    save_animation(arguments.animate, instance, frames, force=arguments.force)
    show(arguments.animate)


COMMAND = Command(
    "draw an instance, a tour or a training run",
    "tsp plot examples/berlin52.tsp --out points.png",
    add_options=add_options,
    run=run,
)
