"""Insert and remove visits, and copy tours."""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.kernels.geometry import kernel, part

from .evaluation import refresh

if TYPE_CHECKING:
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


@kernel
def insert(model: RouteModel, state: RouteState, k: int, p: int, node: int) -> None:
    """Insert `node` into tour `k` after its stop `p`."""
    stops = state.stops[k]
    for q in range(state.sizes[k] + 1, p, -1):
        stops[q + 1] = stops[q]
    stops[p + 1] = node
    state.sizes[k] += 1
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
    state.tour_of[node] = -1
    refresh(model, state, k)


def set_tours(model: RouteModel, state: RouteState, tours: Tours) -> None:
    """Make `state` hold the tours."""
    clear(model, state)
    for k, tour in enumerate(tours):
        for node in tour:
            if node not in (model.start, model.end):
                insert(model, state, k, int(state.sizes[k]), node)


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
    for node in range(len(state.tour_of)):
        to.tour_of[node] = state.tour_of[node]
        to.position[node] = state.position[node]
