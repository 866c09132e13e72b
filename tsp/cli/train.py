"""`tsp train`: train a policy, or the learned guide of a local search."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from tsp import __version__
from tsp.cli.command import DONE, Command
from tsp.cli.console import progress_bar, say, show
from tsp.cli.options import at_once, seed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from policies.guide.training import GuideTrainConfig
    from policies.training.config import TrainConfig
    from policies.training.trainer import Trainer

WITHOUT_FLAG = {"policy", "network", "data", "start_from", "seed"}
"""Fields of configurations that are nested, or have an option of their own."""


BETWEEN_CURVES = 60.0
"""Seconds between two drawings of the learning curve."""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `tsp train`; most are the fields of the configurations."""
    from policies.guide.network import EdgeNetworkConfig
    from policies.guide.training import GuideTrainConfig
    from policies.policy import PolicyConfig
    from policies.training.config import TrainConfig
    from tsp.cli.config_flags import add_config_flags

    command.add_argument("--out", required=True, metavar="DIR", help="the run's directory")
    command.add_argument(
        "--from",
        dest="start_from",
        default=argparse.SUPPRESS,
        metavar="POLICY",
        help="fine-tune this policy: a file, or a shipped policy's name",
    )
    command.add_argument("--data", default=argparse.SUPPRESS, metavar="FILE.npz", help="train on these instances")
    command.add_argument("--config", metavar="FILE.toml", help="settings; flags override them")
    command.add_argument("--resume", action="store_true", help="continue the run in --out")
    of_policies = add_config_flags(command.add_argument, (TrainConfig, PolicyConfig), without=WITHOUT_FLAG)
    command.add_argument(
        "--seed", type=seed, default=argparse.SUPPRESS, help="seed of all random choices (default 1234)"
    )
    command.add_argument("--device", default="auto", help="cpu, cuda or auto (default)")
    command.add_argument("--threads", type=at_once, help="default: the cores that no other program keeps busy")
    command.add_argument("--tensorboard", action="store_true", help="write the log for TensorBoard too (an extra)")
    command.add_argument("--force", action="store_true", help="replace the run in --out")
    of_guides = (GuideTrainConfig, EdgeNetworkConfig)
    shared = ", ".join(_shared_flags(of_guides, of_policies))
    guide = command.add_argument_group(
        "the learned guide of a local search", f"It also takes, with defaults of its own: {shared}."
    )
    guide.add_argument("--guide", action="store_true", help="train this instead of a policy")
    add_config_flags(guide.add_argument, of_guides, without=WITHOUT_FLAG | of_policies)


def _shared_flags(classes: Sequence[type[Any]], names: set[str]) -> list[str]:
    """The flags among `names` that some configurations have too, with their defaults there."""
    from dataclasses import fields

    from tsp.cli.config_flags import flag_name

    return [
        flag_name(item.name) + ("" if item.default is None else f" ({item.default})")
        for cls in classes
        for item in fields(cls)
        if item.name in names
    ]


def run(arguments: argparse.Namespace) -> int:
    """Start or resume the run, and print the path of its last checkpoint."""
    from pathlib import Path

    from policies.device import resolve_device
    from policies.guide.training import GuideTrainConfig
    from policies.training.processes import Processes
    from tsp.cli.settings import guide_settings, policy_settings
    from tsp.files import hold_folder
    from tsp.machine import keep_freed_memory

    device = resolve_device(arguments.device)
    processes = Processes.join(device)
    device = processes.device_of(device)
    about: dict[str, Any] = {
        "device": device,
        "command": shlex.join(["tsp", *sys.argv[1:]]),
        "version": __version__,
        "resume": arguments.resume,
        "say": say if processes.is_first else _say_nothing,
        "processes": processes,
        "tensorboard": arguments.tensorboard,
    }
    if arguments.guide and processes.count > 1:
        raise ValueError(f"--guide: {processes.count} processes, expected one")
    config = guide_settings(arguments) if arguments.guide else policy_settings(arguments)
    keep_freed_memory()
    with hold_folder(arguments.out) if processes.is_first else nullcontext():
        if isinstance(config, GuideTrainConfig):
            _train_guide(arguments, config, about)
        else:
            _train_policy(arguments, config, about)
    if processes.is_first:
        show(str(Path(arguments.out) / "checkpoint-last.safetensors"))
    return DONE


def _set_threads(given: int | None, say: Callable[[str], None]) -> None:
    """Set the number of threads, by default that of free cores; the user is told where those are not all."""
    import torch

    from policies.device import free_cores

    free, cores = free_cores()
    if given is None and free < cores:
        say(f"other programs are busy: training with {free} of {cores} threads (--threads sets their number)")
    torch.set_num_threads(given or free)


def _say_nothing(text: str) -> None:
    """Of several processes, the first one speaks."""


def _train_policy(arguments: argparse.Namespace, config: TrainConfig, about: dict[str, Any]) -> None:
    from pathlib import Path

    from policies.training.run import start_run
    from policies.training.trainer import Trainer
    from tsp.plotting import learning_curve, save_figure

    trainer = Trainer(config, arguments.out, **about)
    is_first = trainer.processes.is_first
    if is_first:
        start_run(config, arguments.out, resume=arguments.resume, force=arguments.force)
    _set_threads(arguments.threads, about["say"])
    folder = Path(arguments.out)
    drawn = time.monotonic()

    def draw() -> None:
        save_figure(learning_curve(folder / "metrics.csv"), folder / "learning-curve.png", force=True)

    with progress_bar(1000, "‰", lines=is_first) as advance:

        def follow(share: float, text: str) -> None:
            nonlocal drawn
            advance(int(1000 * share), text=text)
            if is_first and time.monotonic() - drawn > BETWEEN_CURVES:
                draw()
                drawn = time.monotonic()

        trainer.run(follow)
    if is_first:
        draw()
        _write_report(trainer)


def _write_report(trainer: Trainer) -> None:
    """Leave a report in the run's folder; whatever goes wrong with it, the run is done."""
    from policies.training.run import REPORT
    from policies.training.samples import draw_samples
    from tsp.cli.outputs import how_it_was_run
    from tsp.files import write_text
    from tsp.reports import Sample, run_report

    try:
        samples = [Sample(*sample) for sample in draw_samples(trainer)]
        write_text(trainer.out / REPORT, run_report(trainer.out, samples, how_it_was_run()), force=True)
    except Exception as error:
        say(f"no report: {error}")


def _train_guide(arguments: argparse.Namespace, config: GuideTrainConfig, about: dict[str, Any]) -> None:
    from policies.guide.training import GuideTrainer
    from policies.training.run import start_run

    trainer = GuideTrainer(config, arguments.out, **about)
    start_run(config, arguments.out, resume=arguments.resume, force=arguments.force)
    _set_threads(arguments.threads, about["say"])
    for work in (trainer.prepare, trainer.run):
        with progress_bar(1000, "‰") as advance:
            work(lambda share, text, advance=advance: advance(int(1000 * share), text=text))


COMMAND = Command(
    "train a policy",
    "tsp train --problem tsp --size 20 --minutes 10 --out runs/tsp20",
    add_options=add_options,
    run=run,
)
