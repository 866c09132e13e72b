"""CP-SAT's model of one instance: its circuits, and what rules and objective terms are stated with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from ortools.sat.python import cp_model

from tsp.problems import SplitDelivery, TimeWindows, VisitOnce

from .circuit import Circuit, CircuitTours
from .graph import shortest_lengths
from .scale import Scale, make_scale

if TYPE_CHECKING:
    from tsp.budget import Clock
    from tsp.instance import Array, Instance, Integers
    from tsp.problems import Problem
    from tsp.solution import Solution

    from .graph import TourGraph


class Accumulation(NamedTuple):
    """A quantity that grows along each tour.

    Attributes:
        ends: for each arc to node 0 whether it is used, and the quantity after it.
        most: an upper bound of the quantity.
    """

    ends: list[tuple[cp_model.IntVar, Any]]
    most: int


class CPSATModel:
    """CP-SAT's model of one instance.

    Attributes:
        cp: the model itself.
        clock: the time limit for making it.
        problem, instance, graph: the problem, the instance and its graph.
        length: the scale of lengths, times and penalties.
        prize: the scale of prizes.
        demand: the scale of demands.
        missing: where there is no road `[m + 1, m + 1]`, and so no arc.
        legs: `graph.legs` in steps, 0 where there is no road.
        circuits: one; where deliveries are split, one for each tour.
        amounts: where deliveries are split, the amount that each circuit delivers to each of the nodes 1 to m.
        accumulations: the lengths and times along tours, by name, made when a rule or term needs them.
    """

    def __init__(self, problem: Problem, instance: Instance, graph: TourGraph, clock: Clock, refinement: float) -> None:
        self.cp = cp_model.CpModel()
        self.clock = clock
        self.problem, self.instance, self.graph = problem, instance, graph
        self.length, self.prize, self.demand = _make_scales(problem, instance, graph, refinement)
        self.missing = np.isinf(graph.legs)
        self.legs = self.length.down(np.where(self.missing, 0.0, graph.legs))
        self.amounts: list[list[cp_model.IntVar]] = []
        self.accumulations: dict[str, Accumulation] = {}
        self.circuits = [self._make_circuit() for _ in range(graph.circuits)]

    def _make_circuit(self) -> Circuit:
        m, cp = len(self.graph.customers), self.cp
        several = self.problem.shape.has_several_tours and self.problem.rule(SplitDelivery) is None
        optional = self.problem.rule(VisitOnce) is None
        between = ~np.eye(m + 1, dtype=bool)
        if optional:
            between |= np.eye(m + 1, dtype=bool)
        between[0, 0] &= not several
        between &= ~self.missing
        arcs = np.argwhere(between)
        literals: list[cp_model.IntVar] = []
        for row in np.array_split(arcs, m + 1):
            self.require_time(0.25)
            literals += [cp.new_bool_var("") for _ in range(len(row))]
        rows = list(zip(*arcs.T.tolist(), literals, strict=True))
        loops = {a: x for a, b, x in rows if a == b}
        visited = [~loops[k] if k in loops else 1 for k in range(m + 1)]
        if several:
            # CP-SAT's presolve takes a depot that no arc needs to leave for a contradiction, so one empty tour,
            # through a node of its own, always leaves it.
            empty = [(0, m + 1, True), (m + 1, 0, True)] if optional else []
            cp.add_multiple_circuit([*rows, *empty])
            if self.instance.num_tours is not None:
                cp.add(sum(x for a, _, x in rows if a == 0) <= self.instance.num_tours)
        else:
            cp.add_circuit(rows)
            if 0 in loops:
                cp.add_bool_and([x for k, x in loops.items() if k]).only_enforce_if(loops[0])
        return Circuit(arcs, literals, visited, several)

    def require_time(self, share: float) -> None:
        """Check that at most this share of the time is used, so that there is time to complete the model.

        Raises:
            TimeoutError: where more is used.
        """
        if self.clock.elapsed > share * self.clock.limit:
            raise TimeoutError

    def accumulate(self, steps: Integers, lows: Array, highs: Array) -> Accumulation:
        """Make variables that grow along the arcs of the only circuit, within limits.

        Arcs that no tour within the limits can use are forbidden.

        Args:
            steps: the least growth along each arc `[m + 1, m + 1]`.
            lows: the smallest value at each node; at node 0, the value at the start.
            highs: the largest value at each node, infinity for none; at node 0, that at the end.
        """
        (circuit,), cp = self.circuits, self.cp
        shortest = shortest_lengths(steps.astype(np.float64))
        horizon = float(lows.max() + steps.max(axis=1).sum())
        lows = np.append(lows[0], np.maximum(lows[1:], lows[0] + shortest[0, 1:]))
        latest = np.minimum(highs[1:], min(highs[0], horizon) - shortest[1:, 0])
        late = lows[:, None] + steps > np.append(highs[0], latest)
        late[1:] |= (lows[1:] > latest)[:, None]
        np.fill_diagonal(late[1:, 1:], val=False)
        cp.add_bool_and(circuit.unused(late))
        at: list[Any] = [int(lows[0])]
        at += [cp.new_int_var(int(a), int(max(a, b)), "") for a, b in zip(lows[1:], latest, strict=True)]
        ends: list[tuple[cp_model.IntVar, Any]] = []
        for i, ((a, b), x) in enumerate(zip(circuit.arcs.tolist(), circuit.literals, strict=True)):
            if i % len(at) == 0:
                self.require_time(0.5)
            if late[a, b] or (a == b and a > 0):
                continue
            after = at[a] + int(steps[a, b])
            if b > 0:
                cp.add(at[b] >= after).only_enforce_if(x)
                continue
            ends.append((x, after))
            if a > 0 and highs[0] < np.inf:
                cp.add(after <= int(highs[0])).only_enforce_if(x)
        return Accumulation(ends, int(horizon))

    @property
    def objective(self) -> Scale:
        """The scale of the objective."""
        return self.prize if self.problem.objective.sense == "max" else self.length

    def forbid(self, tours: CircuitTours) -> None:
        """Forbid one solution."""
        used = [x for circuit, those in zip(self.circuits, tours, strict=True) for x in circuit.literals_of(those)]
        self.cp.add_bool_or([~x for x in used])

    def hint(self, solution: Solution) -> None:
        """Let the search start from a solution."""
        tours = [self.graph.nodes(tour) for tour in solution.tours]
        if not self.amounts:
            self._hint_circuit(self.circuits[0], tours)
            return
        assert solution.amounts is not None
        loads = [amount.sum() for amount in solution.amounts]
        order = sorted(range(len(tours)), key=lambda k: -loads[k])
        for k, circuit in enumerate(self.circuits):
            place = order[k] if k < len(order) else None
            nodes = [] if place is None else list(dict.fromkeys(tours[place]))
            self._hint_circuit(circuit, [nodes])
            steps = np.zeros(len(self.graph.customers), dtype=np.int64)
            if place is not None:
                for node, amount in zip(solution.tours[place].tolist(), solution.amounts[place], strict=True):
                    steps[self.graph.customers == node] += self.demand.down(amount)
            for variable, value in zip(self.amounts[k], steps.tolist(), strict=True):
                self.cp.add_hint(variable, value)

    def _hint_circuit(self, circuit: Circuit, tours: list[list[int]]) -> None:
        used = {x.index for x in circuit.literals_of(tours)}
        for literal in circuit.literals:
            self.cp.add_hint(literal, literal.index in used)

    def fixed_sum(self, steps: Integers) -> int:
        """The sum of the steps `[n]` of the ends of a cycle or path, which every solution visits."""
        if self.problem.shape.has_depot:
            return 0
        ends = [node for node in range(len(steps)) if node not in self.graph.customers]
        return int(steps[ends].sum())

    def collected(self, steps: Integers) -> cp_model.LinearExprT:
        """The sum of the steps `[n]` of the nodes visited, without those of a depot."""
        (circuit,) = self.circuits
        return self.fixed_sum(steps) + cp_model.LinearExpr.weighted_sum(
            circuit.visited[1:], steps[self.graph.customers].tolist()
        )

    def missed(self, steps: Integers) -> cp_model.LinearExprT:
        """The sum of the steps `[n]` of the nodes that are left out."""
        (circuit,) = self.circuits
        steps = steps[self.graph.customers]
        return int(steps.sum()) - cp_model.LinearExpr.weighted_sum(circuit.visited[1:], steps.tolist())


def _make_scales(
    problem: Problem, instance: Instance, graph: TourGraph, refinement: float
) -> tuple[Scale, Scale, Scale]:
    """The scales of lengths, prizes and demands."""
    n, lengths = instance.size, [graph.legs.ravel()]
    if "penalties" in problem.objective.terms and instance.penalties is not None:
        lengths.append(instance.penalties)
    if problem.rule(TimeWindows) is not None and instance.time_windows is not None:
        lengths.append(instance.time_windows[:, 0])
    if instance.service_times is not None:
        lengths.append(instance.service_times)
    none = np.empty(0)
    demands = none if instance.demands is None or instance.capacity is None else instance.demands
    split = problem.rule(SplitDelivery) is not None
    return (
        make_scale(np.concatenate(lengths), 2 * n * len(lengths), refinement),
        make_scale(none if instance.prizes is None else instance.prizes, n, refinement),
        # Split amounts are read from the model: as exactly as the checker's tolerance demands.
        make_scale(np.append(demands, instance.capacity or 0.0) if split else demands, n, 2.0**12 if split else 1.0),
    )
