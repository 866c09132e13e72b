"""Shares of a batch that are decoded and scored at the same time, each by a thread of its own.

The tensors of a decoder's step are small: threads that divide each operation among themselves wait for each other more
than they compute. Instances do not depend on each other, so each thread takes its own instead, where each has several
trajectories: with one, the time is Python's own, for which threads wait, too. The encoder is computed for the whole
batch, since batch norm needs it.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, NamedTuple

import torch

from .processes import share_of

if TYPE_CHECKING:
    from torch import Tensor

    from envs.batch import Batch
    from policies.decoder import Cache, Decoder


def count_shares(batch: Batch, trajectories: int) -> int:
    """Into how many equal shares a batch is best divided: one for each thread, where their numbers allow it."""
    if batch.device.type != "cpu" or trajectories == 1:
        return 1
    return math.gcd(batch.count, torch.get_num_threads())


class Share(NamedTuple):
    """Some instances of a batch, with all that a thread needs to decode and score them.

    Attributes:
        batch: the instances.
        leaf: their rows of the decoder's cache, cut off from the encoder; it collects gradients.
        decoder: collects gradients too; a copy where there are several shares, so that their sum has a fixed order.
    """

    batch: Batch
    leaf: Cache
    decoder: Decoder


def split(decoder: Decoder, batch: Batch, cache: Cache, count: int) -> list[Share]:
    """Equal shares of a batch and its cache.

    Args:
        decoder: the decoder.
        batch: the instances.
        cache: from `decoder.prepare`, for the batch.
        count: number of shares.
    """
    if count == 1:
        return [Share(batch, cache.detach(requires_grad=True), decoder)]
    parts = [share_of(batch.count, i, count) for i in range(count)]
    return [Share(batch.rows(x), cache.rows(x).detach(requires_grad=True), copy.deepcopy(decoder)) for x in parts]


def backward_through_encoder(decoder: Decoder, cache: Cache, shares: list[Share]) -> None:
    """Add the gradients that scoring left in the shares: the decoder's own, then those of one pass from the cache."""
    for share in shares:
        if share.decoder is decoder:
            continue
        for parameter, copied in zip(decoder.parameters(), share.decoder.parameters(), strict=True):
            if copied.grad is not None:
                parameter.grad = copied.grad if parameter.grad is None else parameter.grad + copied.grad
    reached: list[Tensor] = []
    gradients: list[Tensor] = []
    for x, *cuts in zip(cache, *(share.leaf for share in shares), strict=True):
        if x is not None and any(cut.grad is not None for cut in cuts):
            reached.append(x)
            parts = [torch.zeros_like(cut) if cut.grad is None else cut.grad for cut in cuts]
            gradients.append(parts[0] if len(parts) == 1 else torch.cat(parts))
    torch.autograd.backward(reached, gradients)
