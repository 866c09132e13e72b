"""OR-Tools' routing solver: constructive first solutions, then local search under a metaheuristic.

It works on integers. Distances are scaled to them here, and the answer is measured anew on the
instance's own distances, so no rounding reaches the user. Settings that the caller leaves open come
from `ortools_table.json`, which `benchmarks/tune_ortools.py` makes.
"""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import numpy as np
from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from tsp.budget import Budget
from tsp.metrics import METRICS
from tsp.problems import Rule, VisitOnce, get_problem
from tsp.solution import check, no_answer
from tsp.solvers import InstanceSolver

from .trivial import SQUARE, solve_trivial

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tsp.budget import Clock
    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution

FirstSolution = Literal[
    "AUTOMATIC",
    "PATH_CHEAPEST_ARC",
    "SAVINGS",
    "CHRISTOFIDES",
    "PARALLEL_CHEAPEST_INSERTION",
    "LOCAL_CHEAPEST_INSERTION",
]
Metaheuristic = Literal["GUIDED_LOCAL_SEARCH", "SIMULATED_ANNEALING", "TABU_SEARCH"]

TABLE = Path(__file__).with_name("ortools_table.json")

LARGEST_SUM = 2**52
"""What the longest tour may sum to in integer steps; int64 leaves a factor of 2,000 for penalties."""

MOST_NODES = 7_500
"""The matrix goes to OR-Tools as Python integers, 2 GB of them at this size."""

BLOCK = 200_000
"""Distances that are made at once, between two looks at the clock."""


class Settings(NamedTuple):
    """How one search is run.

    Attributes:
        first_solution: OR-Tools' first solution strategy.
        metaheuristic: OR-Tools' local search metaheuristic.
        guided_lambda: weight of guided local search's penalties.
        resolution: integer steps in the longest distance (of points: in their box's diagonal), where
            distances are not whole numbers.
    """

    first_solution: str = "PATH_CHEAPEST_ARC"
    metaheuristic: str = "GUIDED_LOCAL_SEARCH"
    guided_lambda: float = 0.1
    resolution: int = 1_000_000

    def __str__(self) -> str:
        """As `compare` prints it."""
        weight = f" (lambda {self.guided_lambda:g})" if self.metaheuristic == "GUIDED_LOCAL_SEARCH" else ""
        return f"{self.first_solution}, {self.metaheuristic}{weight}, {self.resolution:,} steps in the longest distance"


class Model(NamedTuple):
    """OR-Tools' model of one instance.

    Attributes:
        routing: the model itself.
        manager: maps nodes to its indices.
        transit: the registered distances.
    """

    routing: pywrapcp.RoutingModel
    manager: pywrapcp.RoutingIndexManager
    transit: int


def _visit_once(model: Model, instance: Instance, rule: Rule) -> None:
    """Nothing to add: a routing model visits every node once."""


def _length(model: Model) -> None:
    model.routing.SetArcCostEvaluatorOfAllVehicles(model.transit)


ROUTING_RULES: dict[type[Rule], Callable[[Model, Instance, Any], None]] = {VisitOnce: _visit_once}
"""Each rule's reading: what it adds to the model."""

ROUTING_TERMS: dict[str, Callable[[Model], None]] = {"length": _length}
"""Each objective term's reading."""


class ORToolsSolver(InstanceSolver):
    """OR-Tools routing on one core.

    Args:
        first_solution: OR-Tools' first solution strategy; None: as tuned.
        metaheuristic: OR-Tools' local search metaheuristic; None: as tuned.
        guided_lambda: weight of guided local search's penalties; None: as tuned.
        resolution: integer steps in the longest distance (of points: in their box's diagonal), where
            distances are not whole numbers (simulated annealing in OR-Tools starts at temperature 100,
            whatever the unit); None: as tuned.
    """

    def __init__(
        self,
        *,
        first_solution: FirstSolution | None = None,
        metaheuristic: Metaheuristic | None = None,
        guided_lambda: float | None = None,
        resolution: int | None = None,
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
        }

    def supports(self, problem: Problem) -> bool:
        """Whether every rule and every objective term has a reading here."""
        return (
            problem.objective.sense == "min"
            and all(type(rule) in ROUTING_RULES for rule in problem.rules)
            and all(term in ROUTING_TERMS for term in problem.objective.terms)
        )

    def settings(self, problem: Problem, size: int, time_limit: float) -> Settings:
        """What is used for instances of `size` nodes within `time_limit` seconds."""
        row = _tuned(problem.name, size, time_limit)
        tuned = Settings() if row is None else Settings(**{key: row[key] for key in Settings._fields})
        return tuned._replace(**{key: value for key, value in self._given.items() if value is not None})

    def describe(self, problem: Problem, size: int, time_limit: float) -> str:
        """The settings in words, and where they come from."""
        row = _tuned(problem.name, size, time_limit)
        text = f"{self.name} at {size} nodes and {time_limit:g} s: {self.settings(problem, size, time_limit)}"
        if row is None:
            return f"{text} (not tuned)."
        return f"{text} (tuned at {row['size']} nodes and {row['time_limit']:g} s on {row['instances']} instances)."

    def warm_up(self, problem: Problem) -> None:
        """Read the table, and let OR-Tools set itself up."""
        self.solve(get_problem("tsp"), [SQUARE], Budget(0.01))

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
        fallback = initial or no_answer(seconds=clock.elapsed, solver=self.name)
        settings = self.settings(problem, instance.size, clock.limit)
        model = build_model(problem, instance, settings.resolution, clock)
        if model is None:
            return fallback
        routing = model.routing
        routing.CloseModelWithParameters(search_parameters(settings, clock.remaining))
        routing.solver().ReSeed(seed % 2**31)
        if report is not None:
            _report_improvements(model, problem, instance, report)
        start = None if initial is None else _as_assignment(model, initial)
        if clock.remaining <= 0:
            return fallback
        parameters = search_parameters(settings, clock.remaining)
        if start is None:
            found = routing.SolveWithParameters(parameters)
        else:
            found = routing.SolveFromAssignmentWithParameters(start, parameters)
        if not found:
            return fallback
        answer = check(problem, instance, [walk(model, lambda index: found.Value(routing.NextVar(index)))])
        if initial is not None and initial.objective is not None and answer.objective is not None:
            # Rounded, the two may stand the other way round.
            return answer if problem.objective.better(answer.objective, initial.objective) else initial
        return answer


@cache
def _rows() -> list[dict[str, Any]]:
    return json.loads(TABLE.read_text(encoding="utf-8"))["settings"]


def _tuned(problem: str, size: int, time_limit: float) -> dict[str, Any] | None:
    """The table's row nearest in size, then in time, both by ratio."""

    def distance(row: dict[str, Any]) -> tuple[float, float]:
        return abs(math.log(row["size"] / size)), abs(math.log(row["time_limit"] / time_limit))

    return min((row for row in _rows() if row["problem"] == problem), key=distance, default=None)


def integer_scale(instance: Instance, resolution: int) -> float:
    """Integer steps in a unit of length, such that no tour is longer than `LARGEST_SUM` steps.

    Whole numbers stay what they are where they fit; of others the longest (of points: their box's
    diagonal) is cut into at most `resolution` steps.
    """
    if instance.matrix is not None:
        longest = float(instance.matrix.max())
    else:
        # No two points are farther apart than the corners of their box. Only distances on the globe
        # are, but those are whole and fit.
        points = cast("NDArray[np.float64]", instance.coordinates)
        longest = float(METRICS[instance.metric].between(points.min(axis=0), points.max(axis=0)))
    most = LARGEST_SUM // instance.size
    if longest == 0 or (instance.integral and longest <= most):
        return 1.0
    # The smallest of numbers would make the scale infinite.
    return (most if instance.integral else min(resolution, most)) / max(longest, 1e-290)


def build_model(problem: Problem, instance: Instance, resolution: int, clock: Clock) -> Model | None:
    """The model, or None where making it would use up the time."""
    n = instance.size
    if n > MOST_NODES:
        return None
    scale = integer_scale(instance, resolution)
    deadline = 0.7 * clock.limit  # OR-Tools' own copy takes about a quarter of the time that ours takes
    nodes = np.arange(n)
    rows: list[list[int]] = []
    for block in np.array_split(nodes, n * n // BLOCK + 1):
        if clock.elapsed > deadline:
            return None
        rows += np.rint(instance.legs(block[:, None], nodes) * scale).astype(np.int64).tolist()
    manager = pywrapcp.RoutingIndexManager(n, 1, instance.depot)
    routing = pywrapcp.RoutingModel(manager)
    model = Model(routing, manager, routing.RegisterTransitMatrix(rows))
    for rule in problem.rules:
        ROUTING_RULES[type(rule)](model, instance, rule)
    for term in problem.objective.terms:
        ROUTING_TERMS[term](model)
    return model


def search_parameters(settings: Settings, seconds: float) -> Any:  # noqa: ANN401 (a protocol buffer)
    """OR-Tools' search parameters, its own defaults but for the settings and the time limit."""
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.Value.Value(settings.first_solution)
    parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.Value.Value(
        settings.metaheuristic
    )
    parameters.guided_local_search_lambda_coefficient = settings.guided_lambda
    parameters.time_limit.FromNanoseconds(max(1, int(seconds * 1e9)))
    return parameters


def _as_assignment(model: Model, solution: Solution) -> Any:  # noqa: ANN401 (OR-Tools' Assignment)
    indices = [model.manager.NodeToIndex(int(node)) for node in solution.tours[0][1:]]
    return model.routing.ReadAssignmentFromRoutes([indices], True)


def walk(model: Model, following: Callable[[int], int]) -> list[int]:
    """The tour, where `following` gives the index after each."""
    tour: list[int] = []
    index = model.routing.Start(0)
    while not model.routing.IsEnd(index):
        tour.append(model.manager.IndexToNode(index))
        index = following(index)
    return tour


def _report_improvements(
    model: Model, problem: Problem, instance: Instance, report: Callable[[Solution], None]
) -> None:
    """Report each solution that is better than all before it."""
    routing = model.routing
    least: int | None = None

    def relay() -> None:
        nonlocal least
        cost = routing.CostVar().Value()
        if least is None or cost < least:
            least = cost
            report(check(problem, instance, [walk(model, lambda index: routing.NextVar(index).Value())]))

    routing.AddAtSolutionCallback(relay)
