"""Lists of the customers near each node, in space and in time."""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.kernels.geometry import MATRIX, Array, Nodes, distance, kernel, nearest_neighbours, part

from .model import CLOSES, OPENS, SERVICE

if TYPE_CHECKING:
    from .model import RouteModel

POOL = 5
"""Where distances are computed, those near in time are chosen among so many times as many that are near in space."""


def near_in_midpoints(model: RouteModel, count: int) -> Nodes:
    """The customers near each node `[n, k]`, k <= `count`: by distance there and back, and between window midpoints."""
    return _nearest(model, count, False)


def near_in_sequence(model: RouteModel, count: int) -> Nodes:
    """The customers near each node `[n, k]`, k <= `count`, by the leg from one to the other in the cheaper direction.

    Waiting, and more so being late, count as distance (Vidal et al., Computers & Operations Research
    40, 2013).
    """
    return _nearest(model, count, True)


def _nearest(model: RouteModel, count: int, in_sequence: bool) -> Nodes:
    """The nearest customers: among all, or where distances are computed, among those near in space."""
    if model.geometry.code == MATRIX:
        pool = model.customers[None]
    else:
        timed = bool(np.isfinite(model.nodes[CLOSES]).any())
        pool = nearest_neighbours(model.geometry, POOL * count if timed else count + 2)
    near = np.empty((model.size, min(count, len(model.customers) - 1)), dtype=np.int32)
    _choose(model, pool, in_sequence, near, np.empty(near.shape[1] + 1))
    return near


@kernel
def _choose(model: RouteModel, pool: Nodes, in_sequence: bool, near: Nodes, apart: Array) -> None:
    """Fill each row of `near` with the customers of the pool that are least apart from the node, nearest first.

    Args:
        model: of n nodes.
        pool: `[n, p]` or, for all nodes, `[1, p]`.
        in_sequence: the measure: of `near_in_sequence`, else of `near_in_midpoints`.
        near: `[n, k]`, is overwritten.
        apart: `[k + 1]`, is overwritten.
    """
    most = near.shape[1]
    for node in range(len(near)):
        row = pool[node % len(pool)]
        found = 0
        for other in row:
            if other == node or other == model.start or other == model.end:
                continue
            key = _in_sequence(model, node, other) if in_sequence else _in_midpoints(model, node, other)
            if found == most and (most == 0 or key >= apart[most - 1]):
                continue
            i = min(found, most - 1)
            while i > 0 and apart[i - 1] > key:
                apart[i], near[node, i] = apart[i - 1], near[node, i - 1]
                i -= 1
            apart[i], near[node, i] = key, other
            found = min(found + 1, most)


@part
def _in_sequence(model: RouteModel, a: int, b: int) -> float:
    """The leg between two nodes in the cheaper direction, with waiting and being late."""
    out, back = distance(model.geometry, a, b), distance(model.geometry, b, a)
    return min(out + _misfit(model, a, out, b), back + _misfit(model, b, back, a))


@part
def _misfit(model: RouteModel, a: int, leg: float, b: int) -> float:
    """What waiting at `b` or being late there adds to the leg from `a`."""
    if np.isinf(model.nodes[CLOSES, a]) and np.isinf(model.nodes[CLOSES, b]):
        return 0.0
    out = leg + model.nodes[SERVICE, a]
    early = model.nodes[OPENS, b] - out - model.nodes[CLOSES, a]
    late = model.nodes[OPENS, a] + out - model.nodes[CLOSES, b]
    return 0.2 * max(0.0, early) + max(0.0, late)


@part
def _in_midpoints(model: RouteModel, a: int, b: int) -> float:
    """The way there and back, and the time between the middles of the windows."""
    both = distance(model.geometry, a, b) + distance(model.geometry, b, a)
    later = (model.nodes[OPENS, a] + model.nodes[CLOSES, a]) / 2.0
    sooner = (model.nodes[OPENS, b] + model.nodes[CLOSES, b]) / 2.0
    return both + abs(later - sooner) if np.isfinite(later) and np.isfinite(sooner) else both
