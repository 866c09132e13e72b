"""Lists of the customers near each node, in space and in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .model import CLOSES, OPENS, SERVICE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from baselines.kernels.geometry import Array, Nodes

    from .model import RouteModel


def near_in_midpoints(model: RouteModel, count: int) -> Nodes:
    """The customers near each node `[n, k]`, k <= `count`: by distance there and back, and between window midpoints."""
    k = min(count, len(model.customers) - 1)
    between = model.distances[:, model.customers] + model.distances.T[:, model.customers]
    middle = (model.nodes[OPENS] + model.nodes[CLOSES]) / 2.0
    with np.errstate(invalid="ignore"):
        apart = np.abs(middle[:, None] - middle[model.customers])
    between += np.where(np.isfinite(apart), apart, 0.0)
    between[model.customers, np.arange(len(model.customers))] = np.inf
    return model.customers[smallest(between, k)]


def near_in_sequence(model: RouteModel, count: int) -> Nodes:
    """The customers near each node `[n, k]`, k <= `count`, by the leg from one to the other in the cheaper direction.

    Waiting, and more so being late, count as distance (Vidal et al., Computers & Operations Research
    40, 2013).
    """
    customers = model.customers
    k = min(count, len(customers) - 1)
    out = model.distances + model.nodes[SERVICE][:, None]
    early = np.maximum(0.0, model.nodes[OPENS] - out - model.nodes[CLOSES][:, None])
    late = np.maximum(0.0, model.nodes[OPENS][:, None] + out - model.nodes[CLOSES])
    ahead = model.distances + 0.2 * early + late
    apart = np.minimum(ahead, ahead.T)[:, customers]
    apart[customers, np.arange(len(customers))] = np.inf
    return customers[smallest(apart, k)]


def smallest(values: Array, count: int) -> NDArray[np.int64]:
    """The columns of the `count` smallest values of each row `[n, count]`, in ascending order; ties by column."""
    where = np.sort(np.argpartition(values, count - 1, axis=1)[:, :count], axis=1)
    order = np.argsort(np.take_along_axis(values, where, axis=1), axis=1, kind="stable")
    return np.take_along_axis(where, order, axis=1)
