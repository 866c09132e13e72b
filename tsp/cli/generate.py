"""`tsp generate`: generate a set of instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsp.cli.command import DONE, Command
from tsp.cli.console import show
from tsp.cli.options import add_common_options, add_generator_options

if TYPE_CHECKING:
    import argparse

DEFAULT_COUNT = 1000


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `tsp generate`."""
    add_generator_options(command, default_count=DEFAULT_COUNT)
    command.add_argument("--out", required=True, metavar="PATH", help="an .npz set; .tsp or .csv for one instance")
    add_common_options(command, computes=False)


def run(arguments: argparse.Namespace) -> int:
    """Generate the instances and write them to a file."""
    from tsp.cli.inputs import generate_instances
    from tsp.cli.outputs import require_output
    from tsp.formats import INSTANCE_ENDINGS, write_instances

    require_output(arguments, "out", INSTANCE_ENDINGS)
    instances, realizations = generate_instances(arguments, default_count=DEFAULT_COUNT)
    write_instances(arguments.out, instances, realizations, force=arguments.force)
    show(arguments.out)
    return DONE


COMMAND = Command(
    "generate a set of instances",
    "tsp generate --problem tsp --size 50 --instances 10000 --distribution kool --out tsp50.npz",
    add_options=add_options,
    run=run,
)
