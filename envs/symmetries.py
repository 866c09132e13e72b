"""The eight symmetries of the square, which map an instance to equivalent ones (Kwon et al. 2020, POMO)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .batch import Batch


def symmetries(coordinates: Tensor) -> Tensor:
    """All eight images of points `[B, n, 2]` in the unit square, as `[8, B, n, 2]`, the points themselves first."""
    x, y = coordinates.unbind(-1)
    pairs = [(x, y), (1 - x, y), (x, 1 - y), (1 - x, 1 - y)]
    return torch.stack([torch.stack(pair, -1) for p in pairs for pair in (p, p[::-1])])


def augment(batch: Batch, count: int) -> Batch:
    """The batch repeated `count` times, each time under another symmetry: `[count * B, ...]`.

    Raises:
        ValueError: for another count than 1 to 8.
    """
    if not 1 <= count <= 8:
        raise ValueError(f"symmetries: {count}, expected 1 to 8")
    if count == 1:
        return batch
    images = symmetries(batch.coordinates)[:count].flatten(0, 1)
    return batch.map(lambda x: x.repeat(count, *(1,) * (x.ndim - 1)))._replace(coordinates=images)
