"""A first-in-first-out queue of the nodes that a local search has yet to process, each at most once.

It has the role of don't-look bits: a node outside the queue is not examined.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import Nodes, part

from .array_tour import beside

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEAD, LENGTH = range(2)
"""Slots of `WorkQueue.span`: the first node's place in the ring, and the number of nodes in the queue."""


class WorkQueue(NamedTuple):
    """Nodes to process.

    Attributes:
        ring: `[n]`, the nodes of the queue, from place `HEAD` on and around the end.
        queued: `[n]`, whether each node is in the queue.
        span: `[2]`, slots `HEAD`, `LENGTH`.
    """

    ring: Nodes
    queued: NDArray[np.bool_]
    span: NDArray[np.int64]


def full_queue(nodes: Nodes) -> WorkQueue:
    """A queue of all nodes, in the order given."""
    return WorkQueue(nodes.copy(), np.ones(len(nodes), dtype=np.bool_), np.array([0, len(nodes)]))


@part
def push(queue: WorkQueue, node: int) -> None:
    """Add `node` at the end, unless it is in the queue."""
    if not queue.queued[node]:
        queue.queued[node] = True
        n = len(queue.ring)
        i = queue.span[HEAD] + queue.span[LENGTH]
        queue.ring[i if i < n else i - n] = node
        queue.span[LENGTH] += 1


@part
def pop(queue: WorkQueue) -> int:
    """Remove the first node and return it; the queue must not be empty."""
    i = queue.span[HEAD]
    node = queue.ring[i]
    queue.span[HEAD] = beside(i, True, len(queue.ring))
    queue.span[LENGTH] -= 1
    queue.queued[node] = False
    return node
