"""A training run's directory: `config.json`, `metrics.csv`, and what `--resume` and `--force` do to them."""

from __future__ import annotations

import csv
import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tsp.files import atomic_write

if TYPE_CHECKING:
    import os

    from torch import Tensor
    from torch.optim import Optimizer

Config = TypeVar("Config")


def append_row(path: Path, row: dict[str, float]) -> None:
    """Append a line to `metrics.csv`, which gets its header with the first."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row)
        if new:
            writer.writeheader()
        writer.writerow(row)


def drop_rows_after(path: Path, step: int) -> None:
    """Drop log lines past the checkpoint, a half-written last one included."""
    if not path.exists():
        return
    header, *rows = path.read_text().splitlines(keepends=True)
    kept = [row for row in rows if row.endswith("\n") and int(row.split(",", 1)[0]) <= step]
    with atomic_write(path, force=True) as temporary:
        temporary.write_text("".join((header, *kept)))


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
