"""Features of nodes that a policy may see, as shares or in sides of the unit square."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .batch import finite_mean

if TYPE_CHECKING:
    from torch import Tensor

    from .batch import Batch


def prize_unit(batch: Batch) -> Tensor:
    """The unit of prizes, `[B, 1]`."""
    unit = batch.values.get("prize_unit")
    return torch.ones((batch.count, 1), device=batch.device) if unit is None else unit[:, None]


def _prizes(batch: Batch) -> Tensor:
    return batch.prizes / prize_unit(batch)


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


def _duration(batch: Batch) -> Tensor:
    return _law(batch)[0]


def _deviation(batch: Batch) -> Tensor:
    return _law(batch)[1]


def _presence(batch: Batch) -> Tensor:
    assert batch.laws is not None
    return batch.laws.isfinite().float().mean(-1)


def _law(batch: Batch) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the time that each visit takes, over the outcomes in which somebody is there."""
    assert batch.laws is not None
    law = batch.laws / batch.scale[:, None, None].to(batch.laws.dtype)
    mean = finite_mean(law)
    mean = torch.where(mean.isfinite(), mean, 0.0)
    square = torch.where(law.isfinite(), (law - mean[..., None]).square(), 0.0).sum(-1)
    return mean.float(), (square / law.isfinite().sum(-1).clamp(min=1)).sqrt().float()


FEATURES = {
    "prizes": _prizes,
    "penalties": _penalties,
    "demands": _demands,
    "opens": _opens,
    "closes": _closes,
    "service": _service,
    "duration": _duration,
    "deviation": _deviation,
    "presence": _presence,
}
"""Name of a feature → its value for each node `[B, n]`."""
