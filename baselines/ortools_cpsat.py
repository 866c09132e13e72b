"""CP-SAT: a circuit constraint over arc literals, which proves small instances optimal.

It works on integers. Distances are rounded down to them, so what it proves holds for the instance's
own distances, and cut so finely that an optimum is recognized as one.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from ortools.sat.python import cp_model

from tsp.budget import Budget
from tsp.problems import Rule, VisitOnce, get_problem
from tsp.solution import Solution, check, no_answer
from tsp.solvers import InstanceSolver

from .trivial import SQUARE, solve_trivial

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tsp.budget import Clock
    from tsp.instance import Instance
    from tsp.problems import Problem

MOST_NODES = 400
"""Beyond it the model, n² literals, takes longer to make than there is to gain from it."""

SLACK = 1e-7
"""What rounding down may take off a bound, relative to the objective."""

LARGEST_SUM = 2**52
"""What the longest tour may sum to in integer steps: exact as a float, far from overflow."""


class Model(NamedTuple):
    """CP-SAT's model of one instance.

    Attributes:
        cp: the model itself.
        arcs: origins and destinations `[m, 2]`, one row for each literal.
        literals: whether the tour uses the arc.
        costs: integer steps `[m]`.
    """

    cp: cp_model.CpModel
    arcs: NDArray[np.int64]
    literals: list[cp_model.IntVar]
    costs: NDArray[np.int64]


def _visit_once(model: Model, rule: Rule) -> None:
    model.cp.add_circuit([(a, b, x) for (a, b), x in zip(model.arcs.tolist(), model.literals, strict=True)])


def _length(model: Model) -> cp_model.LinearExprT:
    return cp_model.LinearExpr.weighted_sum(model.literals, model.costs.tolist())


CPSAT_RULES: dict[type[Rule], Callable[[Model, Any], None]] = {VisitOnce: _visit_once}
"""Each rule's reading: the constraints that it adds."""

CPSAT_TERMS: dict[str, Callable[[Model], cp_model.LinearExprT]] = {"length": _length}
"""Each objective term's reading, in integer steps."""


class CPSATSolver(InstanceSolver):
    """CP-SAT with a proved bound; up to `MOST_NODES` nodes.

    Args:
        workers: threads of its own, at work on the same instance.
    """

    def __init__(self, *, workers: int = 1) -> None:
        if workers < 1:
            raise ValueError(f"workers: {workers}, expected 1 or more")
        self.name = "cpsat"
        self.workers = workers

    def supports(self, problem: Problem) -> bool:
        """Whether every rule and every objective term has a reading here."""
        return (
            problem.objective.sense == "min"
            and all(type(rule) in CPSAT_RULES for rule in problem.rules)
            and all(term in CPSAT_TERMS for term in problem.objective.terms)
        )

    def warm_up(self, problem: Problem) -> None:
        """Let CP-SAT set itself up."""
        self.solve(get_problem("tsp"), [SQUARE], Budget(1.0))

    def describe(self, problem: Problem, size: int, time_limit: float) -> str:
        """The settings in words."""
        return f"{self.name}: {self.workers} worker{'s' if self.workers > 1 else ''} for each instance."

    def solve_one(
        self,
        problem: Problem,
        instance: Instance,
        clock: Clock,
        *,
        seed: int,
        initial: Solution | None,
        candidates: NDArray[np.int64] | None,
        report: Callable[[Solution], None] | None,
    ) -> Solution:
        """Solve one instance; see `InstanceSolver.solve_one`."""
        trivial = solve_trivial(problem, instance)
        if trivial is not None:
            return trivial
        if instance.size > MOST_NODES:
            sentence = f"{instance.size} nodes: cpsat takes on at most {MOST_NODES}"
            return initial or Solution((), None, False, (sentence,))
        costs, unit = integer_distances(instance)
        model = _build(problem, costs, initial, clock)
        if model is None or clock.remaining <= 0:
            return initial or no_answer(seconds=clock.elapsed, solver=self.name)
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = self.workers
        solver.parameters.linearization_level = 2  # cuts for circuits: 50 nodes proved in 1 s, not in 12 s without
        solver.parameters.random_seed = seed % 2**31
        solver.parameters.catch_sigint_signal = False
        solver.parameters.max_time_in_seconds = clock.remaining
        callback = None if report is None else _Relay(model, problem, instance, report)
        status = solver.solve(model.cp, callback)
        bound = max(solver.best_objective_bound, 0.0) * unit
        best = initial or no_answer(seconds=clock.elapsed, solver=self.name)
        if status in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
            found = check(problem, instance, [_walk(model, [solver.boolean_value(x) for x in model.literals])])
            if best.objective is None or (
                found.objective is not None and problem.objective.better(found.objective, best.objective)
            ):
                best = found
        if best.objective is not None:
            bound = min(bound, best.objective)  # which sums of floats may miss by the last digit
        return replace(best, bound=bound)


def integer_distances(instance: Instance) -> tuple[NDArray[np.int64], float]:
    """Distances `[n, n]` rounded down to integer steps, and the length of a step, a power of two.

    Whole numbers stay what they are where they fit. Others are cut so finely that a tour loses less
    than `SLACK` of its length to rounding: a tour is at least as long as the sum of each node's
    shortest way out.
    """
    distances, n = instance.distances, instance.size
    longest = float(distances.max())
    if longest == 0:
        return distances.astype(np.int64), 1.0
    coarsest = math.ceil(math.log2(longest) + math.log2(n) - math.log2(LARGEST_SUM))
    if instance.integral:
        exponent = max(0, coarsest)
    else:
        out = distances.copy()
        np.fill_diagonal(out, np.inf)
        least = float(out.min(axis=1).sum()) or longest
        exponent = max(coarsest, math.floor(math.log2(least) + math.log2(SLACK) - math.log2(n)))
    # Scaling by a power of two is exact.
    return np.floor(np.ldexp(distances, -exponent)).astype(np.int64), math.ldexp(1.0, exponent)


def _build(problem: Problem, costs: NDArray[np.int64], initial: Solution | None, clock: Clock) -> Model | None:
    """The model, or None where making it would use up the time."""
    cp, n = cp_model.CpModel(), len(costs)
    literals: list[cp_model.IntVar] = []
    for _ in range(n):
        if clock.elapsed > clock.limit / 4:  # the literals take about a quarter of the time of the whole
            return None
        literals += [cp.new_bool_var("") for _ in range(n - 1)]
    arcs = np.argwhere(~np.eye(n, dtype=bool))
    model = Model(cp, arcs, literals, costs[arcs[:, 0], arcs[:, 1]])
    for rule in problem.rules:
        CPSAT_RULES[type(rule)](model, rule)
    cp.minimize(sum(CPSAT_TERMS[term](model) for term in problem.objective.terms))
    if initial is not None:
        tour = initial.tours[0]
        following = np.empty_like(tour)
        following[tour] = np.roll(tour, -1)
        used = following[arcs[:, 0]] == arcs[:, 1]
        for literal, value in zip(literals, used.tolist(), strict=True):
            cp.add_hint(literal, value)
    return model


def _walk(model: Model, used: list[bool]) -> list[int]:
    following = dict(model.arcs[np.array(used)].tolist())
    tour = [0]
    while (node := following[tour[-1]]) != 0:
        tour.append(node)
    return tour


class _Relay(cp_model.CpSolverSolutionCallback):
    """Reports each solution, of which every one is better than the last."""

    def __init__(self, model: Model, problem: Problem, instance: Instance, report: Callable[[Solution], None]) -> None:
        super().__init__()
        self.model = model
        self.problem = problem
        self.instance = instance
        self.report = report

    def on_solution_callback(self) -> None:
        used = [self.boolean_value(x) for x in self.model.literals]
        self.report(check(self.problem, self.instance, [_walk(self.model, used)]))
