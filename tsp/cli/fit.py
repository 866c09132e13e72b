"""`tsp fit`: fit the law of a hidden attribute to the logs of past days."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from tsp import __version__
from tsp.cli.command import DONE, Command
from tsp.cli.console import say, show
from tsp.cli.options import seed

if TYPE_CHECKING:
    import argparse

    from policies.laws.calibration import Calibration
    from policies.laws.law import LawInfo

TARGETS = ("duration", "wait", "prize")
MODELS = ("network", "pooled", "group", "ridge")


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `tsp fit`."""
    command.add_argument("files", nargs="+", metavar="LOGS.csv", help="logs: day, name, status, values and features")
    command.add_argument("--target", required=True, choices=TARGETS, help="the column whose law is fitted")
    command.add_argument("--out", required=True, metavar="LAW.safetensors", help="the file of the law")
    command.add_argument("--model", choices=MODELS, default="network", help="default: network")
    command.add_argument("--ignore", metavar="COLUMN,…", help="columns that are no features")
    command.add_argument("--seed", type=seed, default=1234, help="seed of all random choices (default 1234)")
    command.add_argument("--force", action="store_true", help="overwrite existing outputs")


def run(arguments: argparse.Namespace) -> int:
    """Fit the law, print how it fits days held back, and write it."""
    import torch

    from policies.laws.calibration import calibrate
    from policies.laws.law import fit_law, save_law
    from tsp.cli.outputs import require_output
    from tsp.formats.visit_log import Target, read_logs

    require_output(arguments, "out", (".safetensors",))
    torch.set_num_threads(1)
    ignored = [name.strip() for name in (arguments.ignore or "").split(",") if name.strip()]
    log = read_logs(arguments.files, Target(arguments.target), ignored)
    if not log.features and arguments.model != "pooled":
        say(f"note: the logs have no features, so the law is one for all nodes whatever the model ({arguments.model})")
    command = shlex.join(["tsp", *sys.argv[1:]])
    law = fit_law(log, arguments.model, arguments.seed, command=command, version=__version__)
    show(_describe(law.info, arguments.target, arguments.model, law.encoder.names, log.visits))
    show(_describe_calibration(calibrate(log, arguments.model, arguments.seed)))
    save_law(arguments.out, law, force=arguments.force)
    show(arguments.out)
    return DONE


def _describe(info: LawInfo, target: str, model: str, features: tuple[str, ...], visits: int) -> str:
    """What the law was fitted to."""
    share = info.censored / info.visits
    return (
        f"law of the {target} ({model}) from {info.visits} of {visits} visits on {info.days} days, "
        f"{share:.1%} censored (broken off)\nfeatures: {', '.join(features) or 'none'}"
    )


def _describe_calibration(found: Calibration | None) -> str:
    """How a law of the first days fits the last ones."""
    if found is None:
        return "calibration: not measured, since there are too few days to hold some back (5 are enough)"
    return (
        f"calibration on the last {found.days} days, held back ({found.visits} visits): 80 % intervals cover "
        f"{found.coverage:.1%}; pinball loss {found.loss:.4f}, pooled {found.pooled_loss:.4f} ({found.gain:+.1%} saved)"
    )


COMMAND = Command(
    "fit the law of a hidden attribute to logs of past days",
    "tsp fit examples/visits-log.csv --target duration --out law.safetensors",
    add_options=add_options,
    run=run,
)
