"""Features of nodes that a policy may see, as shares or in sides of the unit square."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from .batch import Batch


def prize_unit(batch: Batch) -> Tensor:
    """The unit of prizes, `[B, 1]`."""
    unit = batch.values.get("prize_unit")
    return torch.ones((batch.count, 1), device=batch.device) if unit is None else unit[:, None]


def _prizes(batch: Batch) -> Tensor:
    return batch.values["prizes"] / prize_unit(batch)


def _penalties(batch: Batch) -> Tensor:
    return batch.lengths("penalties")


def load_unit(batch: Batch) -> Tensor:
    """The unit of loads and demands, `[B, 1]`: the capacity, unless that is 0."""
    capacity = batch.values["capacity"][:, None]
    return torch.where(capacity > 0, capacity, 1.0)


def _demands(batch: Batch) -> Tensor:
    return batch.values["demands"] / load_unit(batch)


def day(batch: Batch) -> Tensor:
    """The time at which the last window closes, not counting windows that never close, `[B, 1]`."""
    windows = batch.values["time_windows"]
    last = torch.where(windows.isfinite(), windows, 0.0).flatten(1).amax(1, keepdim=True)
    return torch.where(last > 0, last, 1.0)


def _opens(batch: Batch) -> Tensor:
    return batch.values["time_windows"][..., 0] / day(batch)


def _closes(batch: Batch) -> Tensor:
    return (batch.values["time_windows"][..., 1] / day(batch)).clamp(max=1.0)


def _service(batch: Batch) -> Tensor:
    if "service_times" not in batch.values:
        return torch.zeros((batch.count, batch.size), device=batch.device)
    return batch.lengths("service_times")


def _expected_duration(batch: Batch) -> Tensor:
    return batch.lengths("law_service_times").mean(-1)


def _deviation(batch: Batch) -> Tensor:
    return batch.lengths("law_service_times").std(-1, correction=0)


FEATURES = {
    "prizes": _prizes,
    "penalties": _penalties,
    "demands": _demands,
    "opens": _opens,
    "closes": _closes,
    "service": _service,
    "duration": _expected_duration,
    "deviation": _deviation,
}
"""Name of a feature → its value for each node `[B, n]`."""
