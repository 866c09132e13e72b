"""The best solution, the bound and the rejected solutions of a search, over one model and the next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from ortools.sat.python import cp_model

from tsp.instance import Array
from tsp.solution import Solution, check, no_answer

if TYPE_CHECKING:
    from tsp.solvers import Task

    from .circuit import CircuitTours
    from .graph import TourGraph
    from .model import CPSATModel


class ProofSearch:
    """The results of a search so far.

    Attributes:
        best: the best solution, None while there is none.
        bound: a bound on every solution's objective, None while there is none.
        rejected: solutions of the model that the checker rejected.
    """

    def __init__(self, task: Task, graph: TourGraph) -> None:
        self.problem, self.instance, self.report = task.problem, task.instance, task.report
        self.graph = graph
        self.best = task.initial
        self.bound: float | None = None
        self.rejected: list[CircuitTours] = []

    def accept(self, tours: CircuitTours, amounts: list[Array] | None) -> bool:
        """Check a solution of the model and keep it if it is better; whether the checker accepts it."""
        found = self._checked(tours, amounts)
        if found.objective is None:
            self.rejected.append(tours)
            return False
        best = None if self.best is None else self.best.objective
        if self.problem.is_better(found.objective, best):
            self.best = found
            if self.report is not None:
                self.report(found)
        return True

    def _checked(self, circuit_tours: CircuitTours, amounts: list[Array] | None) -> Solution:
        if amounts is None:
            several = self.problem.shape.has_several_tours
            tours = [self.graph.tour(nodes) for those in circuit_tours for nodes in those if nodes or not several]
            return check(self.problem, self.instance, tours)
        assert self.instance.demands is not None
        tours, delivered = list[list[int]](), list[Array]()
        left = self.instance.demands.copy()
        last: dict[int, tuple[int, int]] = {}
        for (nodes,), amount in zip(circuit_tours, amounts, strict=True):
            if not nodes:
                continue
            tour = self.graph.tour(nodes)
            here = np.zeros(len(tour))
            for k in nodes:
                node = int(self.graph.customers[k - 1])
                last[node] = len(tours), tour.index(node)
                here[tour.index(node)] = amount[k - 1]
                left[node] -= amount[k - 1]
            tours.append(tour)
            delivered.append(here)
        for node, (k, i) in last.items():  # the last visit delivers what rounding left
            delivered[k][i] = max(0.0, delivered[k][i] + left[node])
        return check(self.problem, self.instance, tours, amounts=delivered)

    def tighten(self, bound: float) -> None:
        """Keep a proved bound if it is tighter."""
        tighter = min if self.problem.objective.sense == "max" else max
        self.bound = bound if self.bound is None else tighter(self.bound, bound)

    def answer(self, seconds: float) -> Solution:
        """The best solution with its bound, which rounding errors of sums do not put beyond the objective."""
        if self.best is None or self.best.objective is None:
            return no_answer(seconds=seconds, solver="cpsat", bound=self.bound)
        looser = max if self.problem.objective.sense == "max" else min
        return replace(self.best, bound=None if self.bound is None else looser(self.bound, self.best.objective))


class SolutionCallback(cp_model.CpSolverSolutionCallback):
    """Gives each solution of the model to the search, and stops CP-SAT at one that the checker rejects."""

    def __init__(self, model: CPSATModel, search: ProofSearch) -> None:
        super().__init__()
        self.model = model
        self.search = search

    def on_solution_callback(self) -> None:
        """Read the solution; CP-SAT calls this."""
        model = self.model
        tours = [circuit.tours_of([self.boolean_value(x) for x in circuit.literals]) for circuit in model.circuits]
        amounts = [np.array([self.value(x) for x in row]) / model.demand.per for row in model.amounts]
        if not self.search.accept(tours, amounts or None):
            self.stop_search()
