"""`Batch`: instances as tensors, scaled into the unit square for the policy and back for the user.

This is the only place that scales. A training batch has one size; solving pads mixed sizes, and a
padded node counts as visited from the start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsp.instance import Instance


class Batch(NamedTuple):
    """B instances of up to n nodes.

    Attributes:
        coordinates: what the policy sees, `[B, n, 2]` float32 in the unit square.
        scale: `[B]` float64, the unit square's side in the instance's own unit of length.
        padding: `[B, n]` bool, True where there is no node; None when all have n nodes.
        distances: `[B, n, n]` float64 in the instances' own units and rounding; None in training,
            where they are the plain Euclidean ones of `coordinates`.
    """

    coordinates: Tensor
    scale: Tensor
    padding: Tensor | None = None
    distances: Tensor | None = None

    @property
    def count(self) -> int:  # pyright: ignore[reportIncompatibleMethodOverride] - nobody counts a batch's equal fields
        """B, the number of instances."""
        return self.coordinates.shape[0]

    @property
    def size(self) -> int:
        """n, the number of nodes of the largest instance."""
        return self.coordinates.shape[1]

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.coordinates.device

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return Batch(*(x.to(device) if x is not None else None for x in self))  # pyright: ignore[reportArgumentType]

    def rows(self, index: slice | Tensor) -> Batch:
        """The instances at `index`."""
        return Batch(*(x[index] if x is not None else None for x in self))  # pyright: ignore[reportArgumentType]

    def node_features(self) -> Tensor:
        """What an encoder is given of each node, `[B, n, f]` float32."""
        return self.coordinates

    def legs(self, origins: Tensor, destinations: Tensor) -> Tensor:
        """Distances between nodes `[B, ...]` and `[B, ...]`, in the instances' own units."""
        flat = (origins.flatten(1), destinations.flatten(1))
        if self.distances is not None:
            n = self.size
            out = self.distances.flatten(1).gather(1, flat[0] * n + flat[1])
        else:
            a, b = (self.coordinates.gather(1, i[..., None].expand(-1, -1, 2)) for i in flat)
            out = (a - b).square().sum(-1).sqrt() * self.scale[:, None].to(a.dtype)
        return out.view(origins.shape)


def from_coordinates(coordinates: Tensor) -> Batch:
    """A batch of generated instances `[B, n, 2]` that lie in the unit square already."""
    return Batch(coordinates, torch.ones(coordinates.shape[0], dtype=torch.float64, device=coordinates.device))


def from_instances(instances: Sequence[Instance], *, distances: bool = True) -> Batch:
    """A padded batch of instances, their coordinates scaled into the unit square.

    Args:
        instances: all with two-dimensional coordinates.
        distances: whether the instances' own distances come along (environments that report
            lengths need them, a policy does not).

    Raises:
        ValueError: for an instance without coordinates in the plane.
    """
    n = max(instance.size for instance in instances)
    points = np.zeros((len(instances), n, 2), dtype=np.float32)
    scale = np.ones(len(instances))
    padding = np.ones((len(instances), n), dtype=bool)
    own = np.zeros((len(instances), n, n)) if distances else None
    for i, instance in enumerate(instances):
        if instance.coordinates is None or instance.coordinates.shape[1] != 2:
            raise ValueError(f"{instance.name or 'instance'}: a policy needs coordinates in the plane")
        low = instance.coordinates.min(0)
        extent = float((instance.coordinates.max(0) - low).max())
        scale[i] = extent if extent > 0 else 1.0
        points[i, : instance.size] = (instance.coordinates - low) / scale[i]
        padding[i, : instance.size] = False
        if own is not None:
            own[i, : instance.size, : instance.size] = instance.distances
    return Batch(
        torch.from_numpy(points),
        torch.from_numpy(scale),
        torch.from_numpy(padding) if padding.any() else None,
        torch.from_numpy(own) if own is not None else None,
    )
