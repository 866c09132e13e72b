"""Which nodes a local search still has to look at, first in, first out, each at most once."""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import Nodes, part

from .array_tour import beside

if TYPE_CHECKING:
    from numpy.typing import NDArray


class WorkQueue(NamedTuple):
    """Nodes that wait to be looked at.

    Attributes:
        ring: `[n]`, the nodes, from `ends[0]` on and around.
        waiting: `[n]`, whether a node is in it.
        ends: where the first node is, and how many there are.
    """

    ring: Nodes
    waiting: NDArray[np.bool_]
    ends: NDArray[np.int64]


def full_queue(nodes: Nodes) -> WorkQueue:
    """A queue in which every node waits, in the order given."""
    return WorkQueue(nodes.copy(), np.ones(len(nodes), dtype=np.bool_), np.array([0, len(nodes)]))


@part
def push(queue: WorkQueue, node: int) -> None:
    """Let `node` wait, unless it does already."""
    if not queue.waiting[node]:
        queue.waiting[node] = True
        n = len(queue.ring)
        i = queue.ends[0] + queue.ends[1]
        queue.ring[i if i < n else i - n] = node
        queue.ends[1] += 1


@part
def pop(queue: WorkQueue) -> int:
    """Take the node that has waited longest; there must be one."""
    i = queue.ends[0]
    node = queue.ring[i]
    queue.ends[0] = beside(i, True, len(queue.ring))
    queue.ends[1] -= 1
    queue.waiting[node] = False
    return node
