"""`cpsat`: the solver that proves small instances optimal."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ortools.sat.python import cp_model

from baselines.trivial import SQUARE
from tsp.budget import SHORTEST, Budget
from tsp.infeasibility import reasons
from tsp.machine import MOST_AT_ONCE
from tsp.problems import (
    Capacity,
    CompulsoryVisits,
    LengthBudget,
    SplitDelivery,
    VisitAtMostOnce,
    VisitOnce,
    get_problem,
)
from tsp.solution import Solution, check
from tsp.solvers import (
    InstanceSolver,
    counts_visits_apart,
    most_nodes_refusal,
    slow_refusal,
    visit_durations,
)
from tsp.solvers.protocol import NO_WAY

from .builder import build_model
from .conflict import find_conflict
from .constraints import CPSAT_RULES
from .graph import make_graph
from .objective import CPSAT_TERMS
from .search import ProofSearch, SolutionCallback

if TYPE_CHECKING:
    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solvers import Task

    from .graph import TourGraph

MOST_NODES = 400
"""The most nodes: the model has n² literals, and is too slow to make with more nodes."""

ARC = 2e-6
"""Seconds that the model takes for each pair of nodes, at least."""

LEAST_PROBED = 0.5
"""Seconds from which on presolve probes: that looks at no clock, and takes a quarter of a second for ten nodes."""

REFINEMENT = 2.0**10
"""Factor by which numbers are rounded more finely where an optimum is not recognized as one."""

PROVED = "no solution keeps every rule, which is proved"
"""The reason of infeasibility where no other is known."""

RESERVE = 0.1
"""The share of the time limit that is left for the reason of an infeasibility, while there is no solution."""

SPLIT = ({SplitDelivery, Capacity, CompulsoryVisits, LengthBudget}, {"length", "longest"})
"""Rules and terms that can be combined with split deliveries."""


class CPSATSolver(InstanceSolver):
    """CP-SAT with a proved bound; up to `MOST_NODES` nodes.

    Args:
        workers: CP-SAT's threads, which work on the same instance.
    """

    def __init__(self, *, workers: int = 1) -> None:
        if not 1 <= workers <= MOST_AT_ONCE:
            raise ValueError(f"workers: {workers}, expected 1 to {MOST_AT_ONCE}")
        self.name = "cpsat"
        self.keeps_missing_roads = True  # they become no arcs
        self.workers = workers

    def supports(self, problem: Problem) -> bool:
        """Whether every rule and every objective term is modelled, and in this combination."""
        rules, terms = {type(rule) for rule in problem.rules}, set(problem.objective.terms)
        if not (rules <= CPSAT_RULES.keys() and terms <= CPSAT_TERMS.keys()):
            return False
        if any(CPSAT_TERMS[term][0] != problem.objective.sense for term in terms):
            return False
        if SplitDelivery in rules:
            return problem.shape.has_several_tours and Capacity in rules and rules <= SPLIT[0] and terms <= SPLIT[1]
        return len(rules & {VisitOnce, VisitAtMostOnce}) == 1 and (VisitOnce in rules or problem.shape.has_depot)

    def warm_up(self, problem: Problem) -> None:
        """Let CP-SAT initialize."""
        self.solve(get_problem("tsp"), [SQUARE], Budget(1.0))

    def describe(self, problem: Problem, size: int, time_limit: float) -> str:
        """The number of workers."""
        return f"{self.name}: {self.workers} worker{'s' if self.workers > 1 else ''} for each instance."

    def refusal(self, problem: Problem, instance: Instance, time_limit: float) -> str | None:
        """Refuse more than `MOST_NODES` nodes, or so many that the model alone does not fit into the time."""
        needed = ARC * instance.size**2
        return most_nodes_refusal(self, instance, MOST_NODES) or slow_refusal(self, instance, needed, time_limit)

    def solve_one(self, task: Task) -> Solution:
        """Solve one instance; see `InstanceSolver.solve_one`."""
        problem, instance, initial = task.problem, task.instance, task.initial
        graph = make_graph(problem, instance)
        if problem.shape.is_path and graph.start is not None and graph.start == graph.end and instance.size > 1:
            return _infeasible((PROVED,))  # a path would have to visit this node twice
        if graph.circuits * instance.size**2 > MOST_NODES**2:
            most = int(MOST_NODES / math.sqrt(graph.circuits))
            sentence = (
                f"{instance.size} nodes: with deliveries split among {graph.circuits} tours cpsat solves at most {most}"
            )
            return initial or Solution((), None, False, (sentence,))
        if graph.detours and counts_visits_apart(problem) and visit_durations(instance) is not None:
            sentence = "where deliveries are split, cpsat counts visits only where no way is shorter by another node"
            return initial or Solution((), None, False, (sentence,))
        if not len(graph.customers):
            only = check(problem, instance, [] if problem.shape.has_several_tours else [graph.tour([])])
            return replace(only, bound=only.objective) if only.feasible else self._infeasible(task)
        return self._prove(task, graph)

    def _prove(self, task: Task, graph: TourGraph) -> Solution:
        """Solve model after model: without rejected solutions, or rounded more finely, until one proves its optimum."""
        clock, search = task.clock, ProofSearch(task, graph)
        scale, refinement = None, 1.0
        while clock.remaining > 0:
            model = build_model(task.problem, task.instance, graph, clock, refinement)
            if model is None or model.objective == scale:  # numbers cannot be rounded more finely
                break
            for tours in search.rejected:
                model.forbid(tours)
            if search.best is not None:
                model.hint(search.best)
            scale, rejected = model.objective, len(search.rejected)
            reserve = RESERVE * clock.limit if search.best is None else 0.0
            solver = self._make_solver(max(clock.remaining - reserve, SHORTEST), task.seed)
            status = _solve_interruptibly(solver, model.cp, SolutionCallback(model, search))
            if status == cp_model.INFEASIBLE:  # apart from what is rejected
                return self._infeasible(task) if search.best is None else search.answer(clock.elapsed)
            if status in {cp_model.OPTIMAL, cp_model.FEASIBLE} or solver.best_objective_bound:
                search.tighten(solver.best_objective_bound / scale.per)
            if len(search.rejected) > rejected:
                if model.amounts:  # the same tours may be feasible with other amounts
                    break
                scale = None
            elif status != cp_model.OPTIMAL or scale.exact or search.answer(0.0).proved_optimal:
                break
            else:
                refinement *= REFINEMENT
        return search.answer(clock.elapsed)

    def _infeasible(self, task: Task) -> Solution:
        """The answer where there is no feasible solution: with the reasons, or what conflicts, if that is found."""
        if task.instance.misses_roads:
            return _infeasible((NO_WAY,))
        found = reasons(task.problem, task.instance)
        if not found:
            make_solver = partial(self._make_solver, seed=task.seed)
            conflict = find_conflict(task.problem, task.instance, task.clock, make_solver)
            found = (conflict or PROVED,)
        return _infeasible(found)

    def _make_solver(self, seconds: float, seed: int) -> cp_model.CpSolver:
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = self.workers
        solver.parameters.linearization_level = 2  # cuts for circuits: 50 nodes proved in 1 s, not in 12 s without
        solver.parameters.random_seed = seed % 2**31
        solver.parameters.catch_sigint_signal = False
        solver.parameters.max_time_in_seconds = seconds
        if seconds < LEAST_PROBED:
            solver.parameters.cp_model_probing_level = 0
        return solver


def _infeasible(found: tuple[str, ...]) -> Solution:
    """The answer where no solution is feasible, for these reasons."""
    return Solution((), None, False, found, reasons=found)


def _solve_interruptibly(
    solver: cp_model.CpSolver, model: cp_model.CpModel, callback: SolutionCallback
) -> cp_model.CpSolverStatus:
    """Solve outside the main thread, so that Ctrl-C is handled before the time is up."""
    with ThreadPoolExecutor(1) as pool:
        status = pool.submit(solver.solve, model, callback)
        try:
            return status.result()
        except KeyboardInterrupt:
            solver.stop_search()
            raise
