"""The choice of the device, in one place, so that a GPU is never left unused silently."""

from __future__ import annotations

import torch


def resolve_device(name: str) -> torch.device:
    """The device called `name`; `auto` is a GPU where there is one.

    Raises:
        ValueError: for a device that does not exist.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError):
        raise ValueError(f"device {name!r} is not there; expected cpu, cuda or auto") from None
    return device
