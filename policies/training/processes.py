"""Training in several processes, each on its share of every batch (`torchrun`), to the same losses as in one.

Every process draws the whole batch and the random numbers of all its trajectories, and keeps the rows of its share. So
the losses are those of one process with the whole batch, up to rounding. Gradients are averaged after each step.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist

from policies.decoding import Sampling

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Generator, Tensor

    from envs.batch import Batch
    from policies.decoding import Strategy


class Processes:
    """This process and the number of all.

    Args:
        rank: of this process, from 0; the first one validates and writes files.
        count: number of processes.
    """

    def __init__(self, rank: int = 0, count: int = 1) -> None:
        self.rank, self.count = rank, count

    @classmethod
    def join(cls, device: torch.device) -> Processes:
        """The processes that `torchrun` started, connected to each other; one where it started none."""
        count = int(os.environ.get("WORLD_SIZE", "1"))
        if count > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(int(os.environ.get("RANK", "0")), count)

    def device_of(self, device: torch.device) -> torch.device:
        """The GPU of this process, where each has one; else the same device."""
        if self.count == 1 or device.type != "cuda":
            return device
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))

    @property
    def is_first(self) -> bool:
        """Whether this process validates and writes files."""
        return self.rank == 0

    def share(self, batch: Batch) -> Batch:
        """The rows of a batch that this process works on."""
        return batch if self.count == 1 else batch.rows(share_of(batch.count, self.rank, self.count))

    def sampling(self, share: int = 0, shares: int = 1) -> Strategy:
        """Sampling of one of equal shares of this process's trajectories, by the numbers of a single process."""
        count = self.count * shares
        return Sampling() if count == 1 else SharedSampling(self.rank * shares + share, count)

    def mean(self, values: Tensor) -> Tensor:
        """The mean of each value over the processes."""
        if self.count == 1:
            return values
        values = values.clone()
        dist.all_reduce(values)
        return values / self.count

    def deviation(self, values: Tensor) -> Tensor:
        """The standard deviation of the values of all processes together."""
        if self.count == 1:
            return values.std()
        mean, square = self.mean(torch.stack((values.mean(), values.square().mean())))
        total = values.numel() * self.count
        return ((square - mean.square()).clamp(min=0.0) * total / (total - 1)).sqrt()

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace gradients by their means over the processes."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        means = self.mean(torch.cat([gradient.flatten() for gradient in gradients]))  # in one message
        for gradient, mean in zip(gradients, means.split([x.numel() for x in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))


ALONE = Processes()
"""One process with the whole batch."""


class SharedSampling:
    """Sampling of some rows of a batch by the random numbers of the whole one.

    Args:
        rank: of the share, from 0.
        count: number of equal shares.
    """

    def __init__(self, rank: int, count: int) -> None:
        self.rank, self.count = rank, count

    def select(self, logits: Tensor, generator: Generator | None) -> Tensor:
        """See `Strategy.select`."""
        total = logits.shape[0] * self.count
        uniform = torch.rand((total, *logits.shape[1:-1], 1), generator=generator, device=logits.device)
        return Sampling().pick(logits, uniform[share_of(total, self.rank, self.count)])


def share_of(total: int, rank: int, count: int) -> slice:
    """The rows of one of `count` equal shares of `total` rows."""
    each = total // count
    return slice(rank * each, (rank + 1) * each)
