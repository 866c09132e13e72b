"""Insert and remove visits, and copy tours."""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.kernels.geometry import kernel, part

from .evaluation import recount, refresh
from .model import PENALTY, PRIZE
from .state import COLLECTED, LEFT_OUT, PENALTIES, USED

if TYPE_CHECKING:
    from baselines.kernels.geometry import Nodes

    from .model import RouteModel
    from .state import RouteState, Tours


@kernel
def clear(model: RouteModel, state: RouteState) -> None:
    """Remove all visits from all tours."""
    state.sizes[:] = 0
    state.tour_of[:] = -1
    for k in range(model.tours):
        state.stops[k, 0], state.stops[k, 1] = model.start, model.end
        refresh(model, state, k)
    recount(model, state)


@part
def count_visit(model: RouteModel, state: RouteState, node: int, sign: float) -> None:
    """Count a customer in the sums as visited (`sign` 1) or as left out (-1)."""
    state.sums[COLLECTED] += sign * model.nodes[PRIZE, node]
    state.sums[PENALTIES] -= sign * model.nodes[PENALTY, node]
    state.sums[LEFT_OUT] -= sign


@kernel
def insert(model: RouteModel, state: RouteState, k: int, p: int, node: int) -> None:
    """Insert `node` into tour `k` after its stop `p`."""
    stops = state.stops[k]
    for q in range(state.sizes[k] + 1, p, -1):
        stops[q + 1] = stops[q]
    stops[p + 1] = node
    state.sizes[k] += 1
    state.sums[USED] += state.sizes[k] == 1
    count_visit(model, state, node, 1.0)
    state.tour_of[node] = k
    refresh(model, state, k)


@part
def remove(model: RouteModel, state: RouteState, node: int) -> None:
    """Remove `node` from its tour, if it is visited."""
    k = np.int64(state.tour_of[node])
    if k < 0:
        return
    for q in range(state.position[node], state.sizes[k] + 1):
        state.stops[k, q] = state.stops[k, q + 1]
    state.sizes[k] -= 1
    state.sums[USED] -= state.sizes[k] == 0
    count_visit(model, state, node, -1.0)
    state.tour_of[node] = -1
    refresh(model, state, k)


def set_tours(model: RouteModel, state: RouteState, tours: Tours) -> None:
    """Make `state` hold the tours; visits for which it has no room are left out."""
    visits = [[node for node in tour if node not in (model.start, model.end)] for tour in tours[: model.tours]]
    sizes = np.array([len(tour) for tour in visits], dtype=np.int32)
    nodes = np.array([node for tour in visits for node in tour], dtype=np.int32)
    clear(model, state)
    _fill(model, state, nodes, sizes)


@kernel
def _fill(model: RouteModel, state: RouteState, nodes: Nodes, sizes: Nodes) -> None:
    """Give each of the first tours the next `sizes[k]` of `nodes`; all tours are without visits before."""
    first = 0
    for k in range(len(sizes)):
        size = min(np.int64(sizes[k]), model.most_visits)
        for p in range(size):
            node = nodes[first + p]
            state.stops[k, p + 1] = node
            state.tour_of[node] = k
        state.stops[k, size + 1] = model.end
        state.sizes[k] = size
        refresh(model, state, k)
        first += sizes[k]
    recount(model, state)


@part
def copy_sums(state: RouteState, to: RouteState) -> None:
    """Make the sums of `to` those of `state`."""
    for i in range(len(state.sums)):
        to.sums[i] = state.sums[i]


@kernel
def copy(state: RouteState, to: RouteState) -> None:
    """Make `to` the same as `state`."""
    for k in range(len(state.sizes)):
        for p in range(state.sizes[k] + 2):
            to.stops[k, p] = state.stops[k, p]
            to.begin[k, p] = state.begin[k, p]
            to.latest[k, p] = state.latest[k, p]
        to.sizes[k] = state.sizes[k]
        to.length[k] = state.length[k]
        to.load[k] = state.load[k]
    copy_sums(state, to)
    for node in range(len(state.tour_of)):
        to.tour_of[node] = state.tour_of[node]
        to.position[node] = state.position[node]
