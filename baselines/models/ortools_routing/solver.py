"""`ortools`: OR-Tools routing as a solver, with tuned settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from baselines.incumbent import Incumbent
from baselines.trivial import SQUARE, solve_trivial
from tsp.budget import Budget, Clock
from tsp.problems import SplitDelivery, VisitOnce, get_problem
from tsp.solvers import InstanceSolver
from tsp.tolerance import exceeds

from .constraints import ROUTING_RULES
from .objective import MAXIMIZED, ROUTING_TERMS
from .search import search
from .settings import FREE_ARCS, ArcCost, FirstSolution, Metaheuristic, Settings, tuned_row

if TYPE_CHECKING:
    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers import Task


class ORToolsSolver(InstanceSolver):
    """OR-Tools routing on one core.

    Args:
        first_solution: OR-Tools' first solution strategy; None: as tuned.
        metaheuristic: OR-Tools' local search metaheuristic; None: as tuned.
        guided_lambda: weight of guided local search's penalties; None: as tuned.
        resolution: integer steps in the diagonal of the points' bounding box (with a matrix: in the median distance
            to the nearest node), where distances are not whole numbers (simulated annealing in OR-Tools starts at
            temperature 100, whatever the unit); None: as tuned.
        arc_cost: the cost of arcs where the objective gives them none (prizes, the longest tour, the latest
            end), so that guided local search has something to penalize: nothing, a small cost for their
            distance, the difference between the highest prize and that of the node they lead to, or both;
            None: as tuned.
    """

    def __init__(
        self,
        *,
        first_solution: FirstSolution | None = None,
        metaheuristic: Metaheuristic | None = None,
        guided_lambda: float | None = None,
        resolution: int | None = None,
        arc_cost: ArcCost | None = None,
    ) -> None:
        if guided_lambda is not None and guided_lambda <= 0:
            raise ValueError(f"guided_lambda: {guided_lambda:g}, expected a positive number")
        if resolution is not None and resolution < 1:
            raise ValueError(f"resolution: {resolution}, expected 1 or more")
        self.name = "ortools"
        self._given = {
            "first_solution": first_solution,
            "metaheuristic": metaheuristic,
            "guided_lambda": guided_lambda,
            "resolution": resolution,
            "arc_cost": arc_cost,
        }

    def supports(self, problem: Problem) -> bool:
        """Whether every rule and every objective term is modelled."""
        return all(type(rule) in ROUTING_RULES for rule in problem.rules) and all(
            term in ROUTING_TERMS and (term in MAXIMIZED) == (problem.objective.sense == "max")
            for term in problem.objective.terms
        )

    def settings(self, problem: Problem, size: int, time_limit: float) -> Settings:
        """The settings for instances of `size` nodes within `time_limit` seconds."""
        row = tuned_row(problem.name, size, time_limit)
        untuned = Settings() if "length" in problem.objective.terms else FREE_ARCS
        tuned = untuned if row is None else Settings(**{key: row[key] for key in Settings._fields})
        return tuned._replace(**{key: value for key, value in self._given.items() if value is not None})

    def describe(self, problem: Problem, size: int, time_limit: float) -> str:
        """The settings, and how they were tuned."""
        row = tuned_row(problem.name, size, time_limit)
        text = f"{self.name} at {size} nodes and {time_limit:g} s: {self.settings(problem, size, time_limit)}"
        if row is None:
            return f"{text} (not tuned)."
        return f"{text} (tuned at {row['size']} nodes and {row['time_limit']:g} s on {row['instances']} instances)."

    def warm_up(self, problem: Problem) -> None:
        """Read the table, and let OR-Tools initialize."""
        self.solve(get_problem("tsp"), [SQUARE], Budget(0.01))

    def solve_one(self, task: Task) -> Solution:
        """Solve one instance; see `InstanceSolver.solve_one`."""
        problem, instance = task.problem, task.instance
        trivial = solve_trivial(problem, instance)
        if trivial is not None:
            return trivial
        best = Incumbent(task)
        settings = self.settings(problem, instance.size, task.clock.limit)
        stages = phases(problem, instance, settings, task.initial)
        initial = task.initial
        for k, (searched, chosen) in enumerate(stages):
            share = Clock(task.clock.remaining / (len(stages) - k))
            search(replace(task, problem=searched, clock=share, initial=initial), chosen, best)
            initial = best.solution if best.solution.feasible else None
        return best.solution


def phases(
    problem: Problem, instance: Instance, settings: Settings, initial: Solution | None = None
) -> list[tuple[Problem, Settings]]:
    """The searches to run in turn, each from the best solution so far and in an equal share of the time.

    Returns:
        for each search its problem, perhaps a restriction of the one given, and its settings.
    """
    last = (problem, settings)
    if initial is None and problem.rule(SplitDelivery) is not None:
        # The search space without split deliveries is much smaller.
        rules = tuple(VisitOnce() if isinstance(rule, SplitDelivery) else rule for rule in problem.rules)
        unsplit = replace(problem, rules=rules)
        assert instance.demands is not None
        if not exceeds(float(instance.demands.max()), instance.capacity or 0.0):
            return [(unsplit, settings), last]
    if settings.arc_cost == "both" and "prize" in problem.objective.terms:
        # With lengths the search finds customers worth a detour, without them those on the way.
        return [last, (problem, settings._replace(arc_cost="prize"))]
    return [last]
