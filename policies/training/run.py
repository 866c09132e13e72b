"""What training runs share: their loop, and a directory with `config.json`, `metrics.csv` and checkpoints.

Here is what Ctrl-C, `--resume` and `--force` do to them.
"""

from __future__ import annotations

import csv
import json
import time
from abc import ABC, abstractmethod
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from policies.checkpoint import read_tensors, write_tensors
from tsp.files import atomic_write
from tsp.interrupts import held_interrupts

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from torch import Tensor
    from torch.optim import Optimizer

Config = TypeVar("Config")


class Run(ABC):
    """A training run: whole steps until it is done, and all that is needed to go on with it.

    Args:
        out: the run's directory.
        device: where to train.
        say: called with notes for the user.
    """

    optimizer: Optimizer
    sums: Tensor
    """What the steps since the last log line add up to."""

    def __init__(self, out: str | os.PathLike[str], device: torch.device | str, say: Callable[[str], None]) -> None:
        self.out, self.device, self.say = Path(out), torch.device(device), say
        self.step, self.seconds = 0, 0.0

    @property
    @abstractmethod
    def epoch_steps(self) -> int:
        """Steps between log lines."""

    @abstractmethod
    def progress(self) -> float:
        """How much of the training is done, 0 to 1."""

    @abstractmethod
    def train_step(self) -> None:
        """One step, counted in `step`."""

    @abstractmethod
    def end_epoch(self) -> str:
        """Validate, log and save; a short text for the user."""

    @abstractmethod
    def model_state(self) -> dict[str, Tensor]:
        """What resuming needs beside the optimizer, the sums and the counters."""

    @abstractmethod
    def load_model_state(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `model_state` gave."""

    @abstractmethod
    def save_model(self, path: Path) -> None:
        """Write what was learned so far, ready for use."""

    def run(self, progress: Callable[[float, str], None] = lambda *_: None) -> None:
        """Train to the end, or until Ctrl-C; then the step under way, or the end of the epoch, is finished and saved.

        Whatever else ends it, a second Ctrl-C included, leaves the last checkpoint to go on from.

        Args:
            progress: called after each step with the share done and a short text.

        Raises:
            ValueError: when the loss is not finite; that is never saved.
        """
        latest = ""
        with held_interrupts(lambda: self.say("stopping after this step; Ctrl-C again to stop at once")) as interrupted:
            if self.step == 0:
                self.save()  # so that there is a checkpoint from the start
            while self.progress() < 1.0 and not interrupted():
                start = time.perf_counter()
                self.train_step()
                if self.device.type == "cuda" and self.step % self.epoch_steps == 0:
                    torch.cuda.synchronize()
                self.count_seconds(time.perf_counter() - start)
                if self.step % self.epoch_steps == 0 or self.progress() >= 1.0:
                    latest = self.end_epoch()
                progress(self.progress(), latest)
            if interrupted():
                self.save()

    def count_seconds(self, seconds: float) -> None:
        """Add to the training time."""
        self.seconds += seconds

    def save(self) -> None:
        """Write what was learned and, before it, all that resuming needs; each file atomically."""
        tensors = {**self.model_state(), **optimizer_tensors(self.optimizer), "sums": self.sums}
        counters = json.dumps({"step": self.step, "seconds": self.seconds})
        write_tensors(self.out / "training-state.safetensors", tensors, {"counters": counters}, force=True)
        self.save_model(self.out / "checkpoint-last.safetensors")

    def load(self) -> None:
        """Go on from what `save` wrote.

        Raises:
            ValueError: when that is missing, corrupted, or of another configuration.
        """
        tensors, metadata = read_tensors(self.out / "training-state.safetensors", self.device)
        try:
            self.load_model_state(tensors)
            load_optimizer(self.optimizer, tensors)
            self.sums = tensors["sums"].cpu()
            counters = json.loads(metadata["counters"])
            self.step, self.seconds = counters["step"], counters["seconds"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise ValueError(f"{self.out}: its state does not fit its configuration ({error})") from None
        drop_rows_after(self.out / "metrics.csv", self.step)


def append_row(path: Path, row: dict[str, float]) -> None:
    """Append a line to `metrics.csv`, which gets its header with the first."""
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row)
        if file.tell() == 0:
            writer.writeheader()
        writer.writerow(row)


def drop_rows_after(path: Path, step: int) -> None:
    """Drop log lines past the checkpoint, a half-written last one included."""
    if not path.exists():
        return
    whole = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    kept = [row for row in whole[1:] if int(row.split(",", 1)[0]) <= step]
    with atomic_write(path, force=True) as temporary:
        temporary.write_text("".join((*whole[:1], *kept)))


def make_run_directory(
    out: str | os.PathLike[str], settings: str, *, resume: bool = False, force: bool = False
) -> None:
    """Make a run's directory with its `config.json`; a resumed one may have got another length.

    Raises:
        ValueError: when there is a run already, which is neither to be resumed nor overwritten.
    """
    folder = Path(out)
    if (folder / "config.json").exists() and not (resume or force):
        raise ValueError(f"{folder}: holds a run already; --resume goes on with it, --force starts anew")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{folder}: cannot be made ({error.strerror})") from None
    for stale in () if resume else ("metrics.csv", "training-state.safetensors"):
        (folder / stale).unlink(missing_ok=True)
    with atomic_write(folder / "config.json", force=True) as temporary:
        temporary.write_text(settings)


def read_settings(out: str | os.PathLike[str]) -> tuple[dict[str, Any], str]:
    """What a run's `config.json` holds, and its path.

    Raises:
        ValueError: when there is no run, or its configuration is not readable.
    """
    path = Path(out) / "config.json"
    if not path.exists():
        raise ValueError(f"{path}: no such file; there is no run to resume")
    try:
        return json.loads(path.read_text()), str(path)
    except ValueError as error:
        raise ValueError(f"{path}: not readable ({error})") from None


def nested_config(raw: dict[str, Any], source: str, cls: type[Config], part: str, part_class: type[Any]) -> Config:
    """A configuration from plain values, of which those at `part` are a configuration of their own.

    Raises:
        ValueError: for an unknown key, naming `source`.
    """
    inner = raw.get(part, {})
    for given, known in ((raw, cls), (inner, part_class)):
        extra = set(given) - {item.name for item in fields(known)}  # pyright: ignore[reportArgumentType]
        if extra:
            raise ValueError(f"{source}: unknown setting {min(extra)!r}")
    return cls(**{**raw, part: part_class(**inner)})


def size_range(text: str, example: str) -> tuple[int, int]:
    """The two ends of a range such as `10-50`, or one number twice.

    Raises:
        ValueError: for what is neither, with an `example` of a range.
    """
    low, _, high = text.partition("-")
    try:
        return int(low), int(high or low)
    except ValueError:
        raise ValueError(f"size: {text!r}, expected a number such as 50 or a range such as {example}") from None


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """What resuming needs of an optimizer, as `optimizer.INDEX.NAME`."""
    states = optimizer.state_dict()["state"].items()
    return {f"optimizer.{index}.{key}": value for index, state in states for key, value in state.items()}


def load_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` gave."""
    states: dict[int, dict[str, Tensor]] = {}
    for key, value in under("optimizer.", tensors).items():
        index, _, name = key.partition(".")
        states.setdefault(int(index), {})[name] = value.cpu() if name == "step" else value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": states})


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
