"""TensorBoard's log of a run, beside `metrics.csv`; TensorBoard is an extra that need not be installed."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from torch.utils.tensorboard import SummaryWriter


EVENTS = "events.out.tfevents.*"
"""Names of the files."""


class EventLog:
    """Writes the rows of a run's log as scalars.

    Args:
        folder: the run's directory.

    Raises:
        ValueError: when TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise ValueError(
                "--tensorboard: TensorBoard is not installed, expected the extra of this name "
                '(pip install "travelling-scientist[tensorboard]")'
            ) from None
        self._open = lambda step: SummaryWriter(str(folder), purge_step=step)
        self._writer: SummaryWriter | None = None

    def write(self, step: int, row: dict[str, float]) -> None:
        """Write a row's values, except those that are NaN, where they can be read at once.

        Rows from the first one's step on that an interrupted run wrote before are hidden.
        """
        if self._writer is None:
            self._writer = self._open(step)
        for name, value in row.items():
            if not isnan(value):
                self._writer.add_scalar(name, value, step)
        self._writer.flush()
