"""`tsp convert`: convert a checkpoint of Kool et al. to a policy of the toolkit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsp import __version__
from tsp.cli.command import DONE, Command
from tsp.cli.console import show
from tsp.cli.options import add_common_options, count

if TYPE_CHECKING:
    import argparse


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `tsp convert`."""
    command.add_argument("file", metavar="CHECKPOINT", help="Kool et al.'s epoch-99.pt")
    command.add_argument("--problem", default="tsp", help="problem that it was trained on (default tsp)")
    command.add_argument("--size", type=count, default=None, help="number of customers that it was trained on")
    command.add_argument("--out", required=True, metavar="PATH", help="the policy file, .safetensors")
    add_common_options(command, computes=False)


def run(arguments: argparse.Namespace) -> int:
    """Read the checkpoint and write the policy."""
    import shlex
    from pathlib import Path

    from envs.generators import node_count
    from policies.checkpoint import PolicyInfo, save_policy
    from policies.kool import read_kool_checkpoint, trained_size
    from tsp.cli.outputs import require_output
    from tsp.problems import get_problem

    require_output(arguments, "out", (".safetensors",))
    problem = get_problem(arguments.problem)
    policy = read_kool_checkpoint(arguments.file, arguments.problem)
    customers = arguments.size or trained_size(arguments.file)
    size = node_count(problem, customers)
    command = shlex.join(["tsp", "convert", Path(arguments.file).name, "--problem", arguments.problem])
    info = PolicyInfo(arguments.problem, (size, size), "uniform", command, __version__)
    save_policy(arguments.out, policy, info, force=arguments.force)
    show(arguments.out)
    return DONE


COMMAND = Command(
    "convert a checkpoint of Kool et al.",
    "tsp convert tsp_20/epoch-99.pt --problem tsp --out kool-tsp20.safetensors",
    add_options=add_options,
    run=run,
)
