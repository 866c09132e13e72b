"""OR-Tools' routing model of one instance, and the dimensions that rules and objective terms are stated with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from ortools.constraint_solver import pywrapcp

from tsp.budget import Clock
from tsp.instance import Array, Instance, Integers
from tsp.problems import Problem

from .scale import LARGEST_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable


MOST_NODES = 7_500
"""The matrix is passed to OR-Tools as Python integers, 2 GB of them at this size."""

MOST_COPIED = 150
"""The most nodes for which dimensions have a matrix; see `ORToolsModel.register_growth`."""

BLOCK = 200_000
"""Distances that are computed between two readings of the clock."""


class ModelAbandoned(Exception):  # noqa: N818 (not an error)
    """There is no time to make the model, or it has no solution."""


@dataclass
class ORToolsModel:
    """OR-Tools' routing model of one instance, with the data for making it and for reading its solutions.

    Its nodes are the instance's, then further copies of those whose delivery may be split, then one without a
    place (-1) where a path may start or end anywhere.

    Attributes:
        problem: the problem that is modelled.
        instance: the instance that is modelled.
        clock: the time limit for making the model.
        nodes: the instance's node of each of the model's `[m]`.
        amounts: the amount delivered to each node `[m]`, where deliveries may be split.
        start: the model's node where tours start.
        end: the model's node where they end.
        manager: maps the model's nodes to OR-Tools' indices.
        routing: OR-Tools' model.
        step: integer steps in a unit of length or time where those are limited.
        unit: cost of a unit of the objective.
        incoming: arc cost by the node that the arc leads to `[m]`.
        forgone: cost of leaving out each node `[m]`.
        per_length: arc cost for a unit of length.
        free_per_length: the same, where the objective gives arcs no cost and the settings do.
        exact: whether a better solution has a lower cost, apart from rounding.
        dimensions: lengths and times along the tours, made when a rule or term needs them.
    """

    problem: Problem
    instance: Instance
    clock: Clock
    nodes: Integers
    amounts: Array | None
    start: int
    end: int
    manager: pywrapcp.RoutingIndexManager
    routing: pywrapcp.RoutingModel
    step: float
    unit: float
    incoming: Integers
    forgone: Integers
    per_length: float = 0.0
    free_per_length: float = 0.0
    exact: bool = True
    dimensions: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def several(self) -> bool:
        """Whether there may be several tours; one without visits is then none."""
        return self.problem.shape.has_several_tours

    @property
    def vehicles(self) -> range:
        """OR-Tools' numbers of the tours."""
        return range(self.routing.vehicles())

    @property
    def between(self) -> list[tuple[int, int]]:
        """The model's nodes that are neither start nor end, each with its index."""
        stops = (node for node in range(len(self.nodes)) if node not in (self.start, self.end))
        return [(node, self.manager.NodeToIndex(node)) for node in stops]

    def of_customers(self, values: Array) -> Array:
        """Each node's value `[m]` of the instance's `[n]`, zero for ends that do not count."""
        counts = self.nodes >= 0
        if self.problem.shape.has_depot:
            counts &= (self.nodes != self.instance.depot) & (self.nodes != self.instance.finish)
        return np.where(counts, values[self.nodes], 0.0)

    def add_sum(self, steps: Array, most: int, name: str) -> None:
        """Add a dimension that sums the nodes' `steps` `[m]` along each tour, from 0 up to `most`."""
        counts = steps.astype(np.int64)
        if self.start != self.end:
            counts[self.start] += counts[self.end]  # no arc leaves the end, where its value would be added
        evaluator = self.routing.RegisterUnaryTransitVector(counts.tolist())
        self.routing.AddDimension(evaluator, 0, most, True, name)

    def lengths(self, visits: Array | None = None) -> Any:  # noqa: ANN401 (OR-Tools' RoutingDimension)
        """The dimension of the length of each tour so far, perhaps with the durations `[n]` of its visits."""
        name = "length" if visits is None else "length and visits"
        if name not in self.dimensions:
            at = np.zeros(len(self.nodes)) if visits is None else self.of_customers(visits)

            def growth(legs: Array, origins: Integers) -> Array:
                leaves = self.nodes[origins][:, None] != self.nodes  # copies of a node in a row are one visit
                return np.ceil((legs + at[origins][:, None] * leaves) * self.step)

            self.routing.AddDimension(self.register_growth(growth), 0, 2 * LARGEST_LIMIT, True, name)
            self.dimensions[name] = self.routing.GetDimensionOrDie(name)
        return self.dimensions[name]

    def times(self) -> Any:  # noqa: ANN401 (OR-Tools' RoutingDimension)
        """The dimension of the times when visits begin; tours start when the depot opens."""
        if "time" not in self.dimensions:
            instance, most = self.instance, 2 * LARGEST_LIMIT
            service = np.zeros(instance.size) if instance.service_times is None else instance.service_times
            at = np.where(self.nodes < 0, 0.0, service[self.nodes])
            transit = self.register_growth(lambda legs, origins: np.ceil((legs + at[origins][:, None]) * self.step))
            self.routing.AddDimension(transit, most, most, False, "time")
            times = self.dimensions["time"] = self.routing.GetDimensionOrDie("time")
            windows = instance.time_windows
            opens = np.zeros(instance.size) if windows is None else np.maximum(windows[:, 0], 0.0)
            steps = np.ceil(np.where(self.nodes < 0, 0.0, opens[self.nodes]) * self.step).astype(np.int64).tolist()
            for node, index in self.between:
                times.CumulVar(index).SetMin(steps[node])
            for vehicle in self.vehicles:
                times.CumulVar(self.routing.Start(vehicle)).SetValue(steps[self.start])
                times.CumulVar(self.routing.End(vehicle)).SetMin(steps[self.end])
        return self.dimensions["time"]

    def register(self, steps: Callable[[Array, Integers], Array]) -> int:
        """Register the cost of an arc, in integer `steps`, which are computed from legs `[a, m]` of origins `[a]`.

        Raises:
            ModelAbandoned: where that would take more than the time that is left.
        """
        return self.routing.RegisterTransitMatrix(self._rows(steps))

    def register_growth(self, steps: Callable[[Array, Integers], Array]) -> int:
        """Register the growth of a dimension along arcs, as `register` does costs.

        OR-Tools copies a dimension's matrix whenever it evaluates a path: 12 s for the 1,000 empty tours among
        which a search of 1,000 customers begins, whatever its time limit. A function is copied at once, but
        calling it takes longer, so small matrices stay.

        Raises:
            ModelAbandoned: where that would take more than the time that is left.
        """
        rows = self._rows(steps)
        if len(rows) <= MOST_COPIED:
            return self.routing.RegisterTransitMatrix(rows)
        at = [self.manager.IndexToNode(index) for index in range(self.manager.GetNumberOfIndices())]
        return self.routing.RegisterTransitCallback(lambda a, b: rows[at[a]][at[b]])

    def _rows(self, steps: Callable[[Array, Integers], Array]) -> list[list[int]]:
        """Integer steps between all nodes."""
        nodes, m = self.nodes, len(self.nodes)
        without_place = np.flatnonzero(nodes < 0)
        rows: list[list[int]] = []
        for block in np.array_split(np.arange(m), m * m // BLOCK + 1):
            # OR-Tools' own copy takes about a quarter of the time that ours takes.
            if self.clock.elapsed > 0.7 * self.clock.limit:
                raise ModelAbandoned
            legs = self.instance.legs(nodes[block][:, None], nodes)
            legs[:, without_place] = 0.0
            legs[np.isin(block, without_place)] = 0.0
            rows += steps(legs, block).astype(np.int64).tolist()
        if self.several:
            rows[self.start][self.end] = 0  # an empty tour
        return rows
