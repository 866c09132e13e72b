"""The times along a tour: arrival, begin of the visit and departure at each stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsp.instance import Array, Instance, Integers


class Timeline(NamedTuple):
    """The times at the stops of a tour, `[stops]` each.

    Attributes:
        arrive: when each stop is reached; 0 at the first.
        begin: when each visit begins, after waiting for its time window to open.
        leave: when each visit has ended.
    """

    arrive: Array
    begin: Array
    leave: Array


def compute_timeline(
    instance: Instance, stops: Sequence[int] | Integers, departures: dict[int, float] | None = None
) -> Timeline:
    """The earliest times along a path, with the instance's time windows and service times, if it has them.

    Args:
        instance: has the distances; a unit of length takes a unit of time.
        stops: nodes in order.
        departures: by place among the stops, known times of departure, which replace the computed ones.
    """
    nodes = np.asarray(stops, dtype=np.int64)
    windows, service, known = instance.time_windows, instance.service_times, departures or {}
    times = Timeline(*(np.zeros(len(nodes)) for _ in Timeline._fields))
    legs = [0.0, *instance.legs(nodes[:-1], nodes[1:]).tolist()]
    leave = 0.0
    for i, node in enumerate(nodes.tolist()):
        arrive = leave + legs[i]
        begin = arrive if windows is None else max(arrive, float(windows[node, 0]))
        leave = known.get(i, begin + (0.0 if service is None else float(service[node])))
        times.arrive[i], times.begin[i], times.leave[i] = arrive, begin, leave
    return times
