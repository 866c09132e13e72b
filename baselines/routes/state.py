"""The tours of an answer as arrays, with the times and sums that make an insertion cheap to evaluate."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from baselines.kernels.geometry import Array, Nodes

    from .model import RouteModel

Tours = list[list[int]]

LENGTH, COLLECTED, PENALTIES, LEFT_OUT, USED = range(5)
"""The slots of `RouteState.sums`.

They are the length of all tours, the prizes of the visits, the penalties and the number of the customers left out,
and the number of tours with visits.
"""


class RouteState(NamedTuple):
    """Tours that change; tour k visits `stops[k, 1]` to `stops[k, sizes[k]]`, at most w of the m customers.

    Attributes:
        stops: `[k, w + 2]`, the start, the visits, the end.
        sizes: `[k]`, the number of visits.
        begin: `[k, w + 2]`, when service begins at each stop.
        latest: `[k, w + 2]`, when service may begin at the latest for all later stops to be in time
            (Solomon, Operations Research 35, 1987).
        length: `[k]`, 0 for a tour without visits where there may be several.
        load: `[k]`.
        tour_of: `[n]`, the tour of each customer, -1 where it is not visited.
        position: `[n]`, the index of each visited customer among its tour's stops.
        sums: `[5]`, over all tours and customers; its slots have names. They follow each change, so that the cost
            of a change does not depend on the number of customers.
    """

    stops: Nodes
    sizes: Nodes
    begin: Array
    latest: Array
    length: Array
    load: Array
    tour_of: Nodes
    position: Nodes
    sums: Array


def empty_state(model: RouteModel) -> RouteState:
    """Arrays for the tours of a model; `edits.clear` makes them tours without visits."""
    n, w, k = model.size, model.most_visits, model.tours
    return RouteState(
        stops=np.zeros((k, w + 2), dtype=np.int32),
        sizes=np.zeros(k, dtype=np.int32),
        begin=np.zeros((k, w + 2)),
        latest=np.zeros((k, w + 2)),
        length=np.zeros(k),
        load=np.zeros(k),
        tour_of=np.full(n, -1, dtype=np.int32),
        position=np.zeros(n, dtype=np.int32),
        sums=np.zeros(5),
    )


def tours_of(model: RouteModel, state: RouteState) -> Tours:
    """The tours as lists of nodes, from the start to the end; the end is left out where it is the start."""
    last = 1 if model.end == model.start else 2
    tours = [state.stops[k, : state.sizes[k] + last].tolist() for k in range(model.tours)]
    return [tour for k, tour in enumerate(tours) if state.sizes[k] or not model.several]
