"""An instance as a graph: node 0, where tours start and end, and the customers."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsp.problems import CompulsoryVisits, LengthBudget, SplitDelivery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tsp.instance import Array, Instance, Integers
    from tsp.problems import Problem


class TourGraph(NamedTuple):
    """The graph of an instance.

    Attributes:
        customers: the instance's node for each of the nodes 1 to m.
        legs: distances `[m + 1, m + 1]`, row = from; row 0 is from the start, column 0 to the end.
        start: where tours start, None where that is free.
        end: where they end, None where that is free.
        detours: the nodes passed between two of the instance's nodes, where that is shorter.
        circuits: number of circuits, each with its own literals, that the model needs.
    """

    customers: Integers
    legs: Array
    start: int | None
    end: int | None
    detours: dict[tuple[int, int], tuple[int, ...]]
    circuits: int = 1

    def tour(self, nodes: Sequence[int]) -> list[int]:
        """The instance's tour that visits these nodes of the graph."""
        start = [] if self.start is None else [self.start]
        end = [] if self.end is None else [self.end]
        stops = [*start, *self.customers[np.array(nodes, dtype=np.int64) - 1].tolist(), *end]
        out = stops[:1]
        for a, b in pairwise(stops):
            out += [*self.detours.get((a, b), ()), b]
        return out[:-1] if len(out) > 1 and self.start is not None and self.start == self.end else out

    def nodes(self, tour: Integers) -> list[int]:
        """The graph's nodes that a tour of the instance visits, in its order."""
        places = {node: k for k, node in enumerate(self.customers.tolist(), 1)}
        return [places[node] for node in tour.tolist() if node in places]


def make_graph(problem: Problem, instance: Instance) -> TourGraph:
    """The graph of an instance.

    Where deliveries may be split, it has only the nodes with a demand and those required, and distances are those of
    the shortest paths, on which other nodes may be passed.
    """
    start = None if instance.free_start else instance.depot
    end = instance.depot if problem.shape.is_closed else instance.end if problem.shape.is_path else instance.finish
    distances, detours = instance.distances, dict[tuple[int, int], tuple[int, ...]]()
    customers = np.array([node for node in range(instance.size) if node not in (start, end)], dtype=np.int64)
    if problem.rule(SplitDelivery) is not None:
        assert instance.demands is not None
        # Where the number of tours is not limited, passing the depot is returning to it.
        free = instance.num_tours is None and start == end
        distances, detours = _shortest_paths(distances, [n for n in range(instance.size) if not free or n != start])
        customers = customers[(instance.demands + required_visits(problem, instance))[customers] > 0]
    legs = np.zeros((len(customers) + 1, len(customers) + 1))
    legs[1:, 1:] = distances[np.ix_(customers, customers)]
    if start is not None:
        legs[0, 1:] = distances[start, customers]
    if end is not None:
        legs[1:, 0] = distances[customers, end]
    # of several tours, an empty one is none
    if start is not None and end is not None and not problem.shape.has_several_tours:
        legs[0, 0] = distances[start, end]
    graph = TourGraph(customers, legs, start, end, detours)
    if problem.rule(SplitDelivery) is None:
        return graph
    return graph._replace(circuits=_most_tours(problem, instance, graph))


def shortest_lengths(steps: NDArray[Any]) -> NDArray[Any]:
    """Lengths of the shortest paths between all nodes `[m + 1, m + 1]` that do not pass node 0 (Floyd, Warshall)."""
    shortest = steps
    for k in range(1, len(steps)):
        shortest = np.minimum(shortest, shortest[:, [k]] + shortest[k])
    return shortest


def required_visits(problem: Problem, instance: Instance) -> Array:
    """1 for each node whose visit a rule of its own demands, else 0 `[n]`."""
    if problem.rule(CompulsoryVisits) is None or instance.required is None:
        return np.zeros(instance.size)
    return (instance.required > 0).astype(np.float64)


def _shortest_paths(distances: Array, through: list[int]) -> tuple[Array, dict[tuple[int, int], tuple[int, ...]]]:
    """Lengths of the shortest paths that pass only the nodes `through`, and the nodes passed (Floyd, Warshall)."""
    shortest, detours = distances.copy(), dict[tuple[int, int], tuple[int, ...]]()
    for k in through:
        by = shortest[:, [k]] + shortest[k]
        # A rounding error does not make a detour shorter.
        for a, b in np.argwhere(by < shortest * (1 - 1e-12)).tolist():
            shortest[a, b] = by[a, b]
            detours[a, b] = (*detours.get((a, k), ()), k, *detours.get((k, b), ()))
    return shortest, detours


def _most_tours(problem: Problem, instance: Instance, graph: TourGraph) -> int:
    """The most tours that some best solution needs, where deliveries are split and distances are shortest paths.

    Deliveries can be shifted between tours that share nodes, until in each group of such tours all but one are
    full; no tour becomes longer. Two tours whose loads fit into one can be joined, which is no longer. A required
    node without a demand may need a tour of its own.
    """
    assert instance.demands is not None
    assert instance.capacity is not None
    demands, required = instance.demands[graph.customers], required_visits(problem, instance)[graph.customers]
    if not instance.capacity:
        return max(1, int(required.sum()))
    most = int(np.maximum(np.ceil(demands / instance.capacity), required).sum())
    metric = (graph.legs[1:, [0]] + graph.legs[0, 1:] >= graph.legs[1:, 1:]).all()
    if metric and not required.any() and problem.objective.terms == ("length",) and problem.rule(LengthBudget) is None:
        most = min(most, max(1, math.ceil(2 * demands.sum() / instance.capacity) - 1))
    return most if instance.num_tours is None else min(most, instance.num_tours)
