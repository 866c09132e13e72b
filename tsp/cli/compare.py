"""`tsp compare`: compare solvers on the same instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsp import __version__
from tsp.cli.command import DONE, INFEASIBLE, Command
from tsp.cli.console import progress_bar, show, show_json
from tsp.cli.options import (
    GENERATED,
    add_common_options,
    add_decision_time,
    add_generator_options,
    add_instance_options,
    limits,
    workers,
)
from tsp.files import require_different

if TYPE_CHECKING:
    import argparse

    from tsp.comparison import Comparison
    from tsp.instance import Instance, Realization

DEFAULT_COUNT = 100


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `tsp compare`."""
    command.add_argument("files", nargs="*", metavar="FILE", help="instances; default: generated ones")
    add_generator_options(command, default_count=DEFAULT_COUNT)
    add_instance_options(command)
    command.add_argument("--solvers", metavar="[NAME=]SPEC,…", default="policy,ortools", help="default policy,ortools")
    command.add_argument("--time-limit", type=limits, metavar="S[,S…]", help="seconds for each instance (default 2)")
    add_decision_time(command)
    command.add_argument(
        "--workers", type=workers, metavar="N|ray", help="spread the instances over processes, or over a Ray cluster"
    )
    command.add_argument("--plot", metavar="PATH", help="draw the gaps: .png, .svg or .pdf")
    command.add_argument("--report", metavar="PATH", help="write a report with tables and pictures: .html")
    command.add_argument("--out", metavar="PATH", help="write the rows as .csv")
    command.add_argument("--json", action="store_true", help="print JSON")
    add_common_options(command)


def run(arguments: argparse.Namespace) -> int:
    """Run the comparison, and print, draw and write it."""
    from tsp.cli.outputs import require_output, require_picture
    from tsp.machine import keep_freed_memory
    from tsp.shortcuts import compare
    from tsp.solvers.registry import split

    keep_freed_memory()
    require_picture(arguments, "plot")
    require_output(arguments, "report", (".html",))
    require_output(arguments, "out", (".csv",))
    instances, realizations = _instances(arguments)
    with progress_bar(0, "answer") as advance:
        comparison = compare(
            instances,
            split(arguments.solvers),
            time_limit=arguments.time_limit,
            decision_time=arguments.decision_time,
            threads=arguments.threads,
            seed=arguments.seed,
            device=arguments.device,
            progress=advance,
            realizations=realizations,
            workers=arguments.workers,
        )
    _write_comparison(arguments, comparison)
    return DONE if all(row.feasible == row.instances for row in comparison.rows) else INFEASIBLE


def _instances(arguments: argparse.Namespace) -> tuple[list[Instance], list[Realization] | None]:
    """The instances of the files, or generated ones; and what they hide."""
    from tsp.cli.inputs import complete_instance, generate_instances, read_instances, require_ignored
    from tsp.units import refuse_units

    if not arguments.files:
        refuse_units("expected files with lat and lon", arguments.unit, arguments.speed)
        for name in ("matrix", "walls", "format"):
            if getattr(arguments, name) is not None:
                raise ValueError(f"--{name}: describes what is read, expected files beside it")
        instances, realizations = generate_instances(arguments, default_count=DEFAULT_COUNT)
        require_ignored(instances, arguments)
        return [complete_instance(instance, arguments, is_generated=True) for instance in instances], realizations
    for name in GENERATED:
        if getattr(arguments, name) is not None:
            raise ValueError(f"--{name}: describes generated instances, expected no files beside it")
    require_different(arguments.files)
    instances, found = read_instances(arguments.files, arguments)
    return instances, [realization for realization in found if realization is not None] or None


def _write_comparison(arguments: argparse.Namespace, comparison: Comparison) -> None:
    """Print the comparison, and write and draw it where options ask for it."""
    if arguments.json:
        show_json({"version": __version__, **comparison.to_json()})
    else:
        show(comparison.table())
    if arguments.out:
        comparison.write_csv(arguments.out, force=arguments.force)
    if arguments.plot:
        from tsp.plotting import gap_figure, save_figure

        save_figure(gap_figure(comparison), arguments.plot, force=arguments.force)
    if arguments.report:
        from tsp.cli.outputs import how_it_was_run
        from tsp.files import write_text
        from tsp.reports import comparison_report

        how = {**how_it_was_run(), "seed": str(arguments.seed)}
        write_text(arguments.report, comparison_report(comparison, how), force=arguments.force)


COMMAND = Command(
    "compare solvers on the same instances",
    "tsp compare --problem tsp --size 50 --instances 100 --solvers policy,ortools --time-limit 1 --plot gap.png",
    add_options=add_options,
    run=run,
)
