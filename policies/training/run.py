"""The common parts of training runs: configuration, loop and directory.

The directory holds `config.json`, `metrics.csv` and checkpoints. This module also implements Ctrl-C, `--resume` and
`--force`.
"""

from __future__ import annotations

import csv
import json
import time
from abc import ABC, abstractmethod
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

import torch

from envs.generators import MOST_NUMBERS
from policies.checkpoint import read_tensors, write_tensors
from tsp.files import atomic_write, hold_folder, read_utf8
from tsp.interrupts import held_interrupts
from tsp.settings import require_settings

from .event_log import EVENTS, EventLog
from .processes import ALONE

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from torch import Tensor
    from torch.nn import Parameter
    from torch.optim import Optimizer

    from .processes import Processes


CONFIG, LOG, REPORT = "config.json", "metrics.csv", "report.html"
CHECKPOINT, STATE = "checkpoint-last.safetensors", "training-state.safetensors"
"""The files of a run: its trained network, and all that resuming needs."""


class RunConfig:
    """The settings of a training run, one of which is the configuration of its network.

    Subclasses are frozen dataclasses with at least the fields declared here.

    Attributes:
        lengths: names of the fields that may give the length of training; exactly one of them is set.
        part: name of the field that holds the network's configuration.
        part_class: class of that configuration.
    """

    lengths: ClassVar[tuple[str, ...]]
    part: ClassVar[str]
    part_class: ClassVar[type[Any]]

    size: str
    minutes: float | None
    epochs: int | None
    batch_size: int
    clip_norm: float
    seed: int

    @classmethod
    def from_dict(cls, raw: dict[str, Any], source: str, *, options: bool = False) -> Self:
        """A configuration from plain values, of a file and, where `options` says so, of the command line.

        Raises:
            ValueError: for an unknown setting, or a wrong value, naming `source`.
        """
        settings = require_settings(cls, raw, source, nested=cls.part)
        inner = require_settings(cls.part_class, settings.get(cls.part, {}), f"{source}: {cls.part}")
        try:
            return cls(**{**settings, cls.part: cls.part_class(**inner)})
        except ValueError as error:
            raise ValueError(f"{source}{' with options' if options else ''}: {error}") from None

    @classmethod
    def read(cls, out: str | os.PathLike[str]) -> Self:
        """The configuration of the run in the directory `out`, to resume it.

        Raises:
            ValueError: when there is no run, or its configuration is not readable.
        """
        path = Path(out) / CONFIG
        if not path.exists():
            raise ValueError(f"{path}: no such file; there is no run to resume")
        try:
            raw = json.loads(read_utf8(path))
        except (RecursionError, ValueError) as error:
            raise ValueError(f"{path}: not readable ({str(error).removeprefix(f'{path}: ')})") from None
        return cls.from_dict(raw, str(path))

    def to_json(self) -> str:
        """The text of the run's `config.json`."""
        return json.dumps(asdict(self), indent=2) + "\n"  # pyright: ignore[reportArgumentType]

    def files_of_a_run(self) -> tuple[str, ...]:
        """The files in a run's directory that a new run deletes, by name or pattern."""
        return CONFIG, STATE, LOG, CHECKPOINT, REPORT, EVENTS

    def require_positive(self, *names: str) -> None:
        """Refuse settings that must be positive and are not, empty texts, and runs without exactly one length.

        Raises:
            ValueError: naming the setting, its value, and what was expected.
        """
        lengths = sorted(name for name in self.lengths if getattr(self, name) is not None)
        if len(lengths) != 1:
            raise ValueError(
                f"length of training: {lengths or 'none'} given, expected one of {', '.join(self.lengths)}"
            )
        for name in (*names, lengths[0]):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: {getattr(self, name)}, expected a positive number")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed: {self.seed}, expected a whole number from 0 to {2**32 - 1}")
        for name, value in vars(self).items():
            if isinstance(value, str) and (not value or "\0" in value):
                raise ValueError(f"{name}: {value!r}, expected a text, or no such setting")

    def require_memory(self, nodes: int, counts: dict[str, int]) -> None:
        """Refuse instances or trajectories of `nodes` nodes that no memory holds.

        Args:
            nodes: of the largest instance.
            counts: by the setting that decides on it, the number of instances or trajectories held at once.

        Raises:
            ValueError: naming the setting, its value, and what was expected.
        """
        for name, count in counts.items():
            if count * nodes > MOST_NUMBERS:
                raise ValueError(
                    f"{name}: {getattr(self, name)} with size {self.size}: too many to be held in memory, "
                    f"expected at most {MOST_NUMBERS:.0e} nodes together"
                )


ConfigT = TypeVar("ConfigT", bound=RunConfig)

USUAL_STEPS = 20
"""Steps whose median time is what a step usually takes."""
SLOWER = 10.0
"""Steps that take this many times as long as usual are slow, and the user is told."""
SLOW_STEPS = 5
"""Slow steps in a row before that."""


class StepTimes:
    """Notices when steps take much longer than at first, as threads do that wait for a busy processor."""

    def __init__(self) -> None:
        self._first: list[float] = []
        self._slow = 0
        self._told = False

    def slowdown(self, seconds: float) -> float | None:
        """How many times longer steps take than usual, the first time that it is `SLOWER` or more; else None."""
        if len(self._first) < USUAL_STEPS:
            self._first.append(seconds)
            return None
        factor = seconds / median(self._first)
        self._slow = self._slow + 1 if factor >= SLOWER else 0
        if self._told or self._slow < SLOW_STEPS:
            return None
        self._told = True
        return factor


class Run(ABC, Generic[ConfigT]):
    """A training run: everything that changes during training, and how it is saved.

    Args:
        config: the run's configuration.
        out: the run's directory.
        device: where to train.
        command: the command line, for the checkpoint's description.
        version: version of the toolkit, for the checkpoint's description.
        resume: continue the run in `out`.
        say: called with notes for the user.
        processes: those that share each batch.
        tensorboard: write the log for TensorBoard too.
    """

    parameters: list[Parameter]
    """The parameters that are trained."""
    optimizer: Optimizer
    sums: Tensor
    """Sums over the steps since the last row of the log."""

    def __init__(
        self,
        config: ConfigT,
        out: str | os.PathLike[str],
        *,
        device: torch.device | str = "cpu",
        command: str = "",
        version: str = "",
        resume: bool = False,
        say: Callable[[str], None] = lambda _: None,
        processes: Processes = ALONE,
        tensorboard: bool = False,
    ) -> None:
        self.processes = processes
        self.config, self.out, self.device, self.say = config, Path(out), torch.device(device), say
        self.command, self.version = command, version
        self.step, self.seconds = 0, 0.0
        self.set_up()
        if resume:
            with self.hold():
                self.load()
        self.event_log = EventLog(self.out) if tensorboard and processes.is_first else None

    def hold(self) -> AbstractContextManager[None]:
        """Keep other programs and threads out of the run's directory; of several processes, the first one does that.

        Raises:
            ValueError: when another program trains there.
        """
        return hold_folder(self.out) if self.processes.is_first else nullcontext()

    def log(self, row: dict[str, float]) -> None:
        """Append a row to the log."""
        append_row(self.out / LOG, {"step": self.step, **row})
        if self.event_log is not None:
            self.event_log.write(self.step, row)

    @abstractmethod
    def set_up(self) -> None:
        """Make the network, and from it `parameters`, `optimizer` and `sums`."""

    @property
    @abstractmethod
    def epoch_steps(self) -> int:
        """Steps between two rows of the log."""

    @property
    @abstractmethod
    def length(self) -> int:
        """Instances in the whole training, where its length is not given in minutes."""

    @abstractmethod
    def learning_rate(self) -> float:
        """The learning rate of the next step."""

    @abstractmethod
    def add_gradient(self) -> None:
        """Add the gradient of one step's loss to the parameters, and the loss to the logged sums."""

    @abstractmethod
    def measure_epoch(self) -> tuple[dict[str, float], str]:
        """Validate: the epoch's row of the log, without the step, and a short text for the user."""

    @property
    def instances(self) -> int:
        """Instances trained on so far."""
        return self.step * self.config.batch_size

    def progress(self) -> float:
        """The share of the training that is done, 0 to 1."""
        if self.config.minutes is not None:
            return min(1.0, self.seconds / (60 * self.config.minutes))
        return min(1.0, self.instances / self.length)

    def train_step(self) -> None:
        """One step: set the learning rate, add the gradient, clip it, update, count."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.optimizer.zero_grad(set_to_none=True)
        self.add_gradient()
        self.processes.average_gradients(self.parameters)
        torch.nn.utils.clip_grad_norm_(self.parameters, self.config.clip_norm)
        self.optimizer.step()
        self.step += 1

    def end_epoch(self) -> str:
        """Validate, log and save; a short text for the user."""
        row, text = self.measure_epoch()
        self.sums.zero_()
        if self.processes.is_first:
            self.log(row)
        self.save()
        return text

    def not_finite(self, advice: str) -> ValueError:
        """The error for a loss that is not finite."""
        return ValueError(f"step {self.step}: the loss is not finite; the last checkpoint is kept. {advice} may help")

    @abstractmethod
    def model_state(self) -> dict[str, Tensor]:
        """The tensors that resuming needs in addition to the optimizer, the sums and the counters."""

    @abstractmethod
    def load_model_state(self, tensors: dict[str, Tensor]) -> None:
        """Restore what `model_state` returned."""

    @abstractmethod
    def save_model(self, path: Path) -> None:
        """Write the trained network, ready for use."""

    def run(self, progress: Callable[[float, str], None] = lambda *_: None) -> None:
        """Train to the end, or until Ctrl-C, after which the current step or end of an epoch is finished and saved.

        If anything else ends the run, such as a second Ctrl-C, it can be resumed from the last checkpoint.

        Args:
            progress: called after each step with the share done and a short text.

        Raises:
            ValueError: when the loss is not finite, which is never saved, or when another program trains there.
        """
        latest, times, note = "", StepTimes(), "stopping after this step; Ctrl-C again to stop at once"
        with self.hold(), held_interrupts(lambda: self.say(note)) as interrupted:
            if self.step == 0:
                self.save()  # so that there is a checkpoint from the start
            while self.progress() < 1.0 and not interrupted():
                start = time.perf_counter()
                self.train_step()
                if self.device.type == "cuda" and self.step % self.epoch_steps == 0:
                    torch.cuda.synchronize()
                seconds = time.perf_counter() - start
                self.count_seconds(seconds)
                if (slowdown := times.slowdown(seconds)) is not None:
                    self.say(
                        f"step {self.step}: steps take {slowdown:.0f} times as long as at first; "
                        f"where other programs are busy, fewer --threads than {torch.get_num_threads()} may be faster"
                    )
                if self.step % self.epoch_steps == 0 or self.progress() >= 1.0:
                    latest = self.end_epoch()
                progress(self.progress(), latest)
            if interrupted():
                self.save()

    def count_seconds(self, seconds: float) -> None:
        """Add to the training time."""
        self.seconds += seconds

    def save(self) -> None:
        """Write the state that resuming needs, then the trained network; each file atomically."""
        if not self.processes.is_first:
            return
        tensors = {**self.model_state(), **optimizer_tensors(self.optimizer), "sums": self.sums}
        counters = json.dumps({"step": self.step, "seconds": self.seconds})
        write_tensors(self.out / STATE, tensors, {"counters": counters}, force=True)
        self.save_model(self.out / CHECKPOINT)

    def load(self) -> None:
        """Continue from the state that `save` wrote; a run that ended before its first step begins anew.

        Such a run may have no state, or one without the first row of its log. The trained network is written again
        from the state: a run that ended between the two files of a checkpoint has an older network.

        Raises:
            ValueError: when the state is corrupted, or of another configuration.
        """
        if not (self.out / STATE).exists():
            return self._begin_anew()
        tensors, metadata = read_tensors(self.out / STATE, self.device)
        try:
            counters = json.loads(metadata["counters"])
            if counters["step"] == 0:
                return self._begin_anew()
            self.load_model_state(tensors)
            load_optimizer(self.optimizer, tensors)
            self.sums = tensors["sums"].cpu()
            self.step, self.seconds = counters["step"], counters["seconds"]
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ValueError(f"{self.out}: its state does not fit its configuration ({error})") from None
        if self.processes.is_first:
            self.save_model(self.out / CHECKPOINT)
            drop_rows_after(self.out / LOG, self.step)
        return None

    def _begin_anew(self) -> None:
        if self.processes.is_first:
            (self.out / LOG).unlink(missing_ok=True)


def append_row(path: Path, row: dict[str, float]) -> None:
    """Append a line to `metrics.csv`, which gets its header with the first."""
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row)
        if file.tell() == 0:
            writer.writeheader()
        writer.writerow(row)


def drop_rows_after(path: Path, step: int) -> None:
    """Drop log lines past the checkpoint, a half-written last one included.

    Raises:
        ValueError: for a line that does not begin with a step, and for a file that is no text in UTF-8.
    """
    if not path.exists():
        return
    whole = [line for line in read_utf8(path).splitlines(keepends=True) if line.endswith("\n")]
    kept: list[str] = []
    for number, row in enumerate(whole[1:], 2):
        written, _, _ = row.partition(",")
        if not (written.isascii() and written.isdecimal()):
            raise ValueError(f"{path}:{number}: step {written.strip()!r}, expected a whole number")
        if int(written) <= step:
            kept.append(row)
    with atomic_write(path, force=True) as temporary:
        temporary.write_text("".join((*whole[:1], *kept)))


def start_run(config: RunConfig, out: str | os.PathLike[str], *, resume: bool = False, force: bool = False) -> None:
    """Make a run's directory with its `config.json`; a resumed run may get another length.

    Raises:
        ValueError: when the directory holds a run already that is neither resumed nor replaced, or another program
            trains there.
    """
    folder = Path(out)
    if (folder / CONFIG).exists() and not (resume or force):
        raise ValueError(f"{folder}: holds a run already; --resume continues it, --force replaces it")
    with hold_folder(folder):
        for stale in () if resume else config.files_of_a_run():
            for path in folder.glob(stale):
                path.unlink()
        with atomic_write(folder / CONFIG, force=True) as temporary:
            temporary.write_text(config.to_json())


def warmup(step: int, steps: int) -> float:
    """Factor of the learning rate that rises linearly to 1 over the first `steps` steps."""
    return min(1.0, (step + 1) / steps) if steps else 1.0


def cooldown(progress: float, share: float) -> float:
    """Factor of the learning rate that is 1 at first and falls linearly to 0 over the last `share` of training."""
    return min(1.0, (1 - progress) / share)


def size_range(text: str, example: str) -> tuple[int, int]:
    """The two ends of a range such as `10-50`, or one number twice.

    Raises:
        ValueError: for other text, with an `example` of a range.
    """
    low, dash, high = text.partition("-")
    try:
        return int(low), int(high if dash else low)
    except ValueError:
        raise ValueError(f"size: {text!r}, expected a number such as 50 or a range such as {example}") from None


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """An optimizer's state, as `optimizer.INDEX.NAME`."""
    states = optimizer.state_dict()["state"].items()
    return {f"optimizer.{index}.{key}": value for index, state in states for key, value in state.items()}


def load_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Restore what `optimizer_tensors` returned."""
    states: dict[int, dict[str, Tensor]] = {}
    for key, value in under("optimizer.", tensors).items():
        index, _, name = key.partition(".")
        states.setdefault(int(index), {})[name] = value.cpu() if name == "step" else value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": states})


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
