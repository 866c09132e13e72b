"""Limits as environments compare with them: with the tolerance of the checker, or of float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tsp.tolerance import SINGLE, TOLERANCE

if TYPE_CHECKING:
    from torch import Tensor


def last_digits(value: Tensor) -> Tensor:
    """By how much a sum may miss a value: the checker's tolerance, or float32's own."""
    relative = SINGLE if value.dtype == torch.float32 else TOLERANCE
    return relative * value.abs().clamp(min=1.0)


def slack(limit: Tensor) -> Tensor:
    """The amount by which a limit may be exceeded."""
    return last_digits(limit)


def mask_limit(limit: Tensor) -> Tensor:
    """A limit as masks apply it: with the tolerance of the checker, or of float32."""
    return limit + slack(limit)


def outer_limit(limit: Tensor) -> Tensor:
    """The limit of `tsp.tolerance.outer_limit`: every value that a mask accepted keeps it, summed in any order."""
    return limit + 2 * slack(limit)
