"""PyVRP, an open solver of vehicle routing problems, as a second reference; needs the extra `pyvrp`.

PyVRP is an iterated local search (Wouda, Lan and Kool 2024, doi:10.1287/ijoc.2023.0055, whose genetic search
later versions replaced). It works on integers: distances and times are rounded up, and limits so that every
solution of the model is feasible. The answer is evaluated with the instance's own numbers. PyVRP gives a tour
without visits no length, so it underestimates an empty tour from the depot to another end.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pyvrp  # pyright: ignore[reportMissingImports] - an extra
from pyvrp.stop import MaxRuntime  # pyright: ignore[reportMissingImports]

from baselines.incumbent import Incumbent
from baselines.trivial import SQUARE, solve_trivial
from tsp.budget import Budget
from tsp.instance import Array, Instance, Integers
from tsp.problems import (
    Capacity,
    CompulsoryVisits,
    LengthBudget,
    Problem,
    Rule,
    TimeWindows,
    VisitAtMostOnce,
    VisitOnce,
    get_problem,
)
from tsp.solvers import InstanceSolver, counts_visits_apart, most_nodes_refusal, slow_refusal
from tsp.tolerance import inner_limit

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsp.solution import Solution
    from tsp.solvers import Task

MOST_NODES = 3_000
"""The most nodes: with more, its matrices and neighbourhoods take seconds to make."""

PAIR = 2.4e-6
"""Seconds that the matrices and the first descent take for each pair of nodes, with one tour."""

PAIR_OF_TOURS = 1.4e-6
"""The same with several tours."""

LARGEST_SUM = 2**42
"""The largest sum of lengths and times in integer steps; PyVRP's penalties multiply them."""

LARGEST_LOAD = 2**38
"""The capacity in integer steps, chosen so that PyVRP's bounded penalty suffices for one step of excess load."""

PRIZE_SHARE = 0.01
"""Cost of a leg of mean length, as a share of the mean prize, where prizes count."""


@dataclass
class PyVRPInput:
    """Input of PyVRP, in integers.

    A location is a node, or no node (-1) where a path may start or end anywhere.

    Attributes:
        problem: the problem that is modelled.
        instance: the instance that is modelled.
        nodes: each location's node `[m]`.
        start: location of the depot where tours start.
        end: location of the depot where they end.
        clients: locations of the customers.
        steps: integer steps in a unit of length or time.
        service: the time that is added to every leg from a location `[m]`.
        client: keyword arguments of each client.
        vehicle: keyword arguments of the vehicles.
        depot: keyword arguments of the depot at each location.
    """

    problem: Problem
    instance: Instance
    nodes: Integers
    start: int
    end: int
    clients: list[int]
    steps: float
    service: Array
    client: list[dict[str, Any]]
    vehicle: dict[str, Any] = field(default_factory=dict[str, Any])
    depot: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])

    def most(self, limit: float, origin: float = 0.0) -> int:
        """A limit in steps; half the checker's tolerance makes up for quantities that were rounded up."""
        return math.floor(min(inner_limit(limit, origin) * self.steps, 2.0 * LARGEST_SUM))

    def legs(self) -> Array:
        """Lengths between locations `[m, m]`."""
        without_node = self.nodes < 0
        legs = self.instance.legs(self.nodes[:, None], self.nodes)
        return np.where(without_node[:, None] | without_node, 0.0, legs)


def _visit_once(model: PyVRPInput, rule: VisitOnce) -> None:
    """Add nothing: clients are required by default."""


def _visit_at_most_once(model: PyVRPInput, rule: VisitAtMostOnce) -> None:
    """Let clients be left out."""
    for client in model.client:
        client["required"] = False


def _compulsory_visits(model: PyVRPInput, rule: CompulsoryVisits) -> None:
    """Require the clients that must be visited."""
    assert model.instance.required is not None
    for client, required in zip(model.client, model.instance.required[model.nodes[model.clients]] > 0, strict=True):
        client["required"] = client.get("required", True) or bool(required)


def _capacity(model: PyVRPInput, rule: Capacity) -> None:
    """Limit the load of each vehicle."""
    instance = model.instance
    assert instance.demands is not None
    assert instance.capacity is not None
    demands = instance.demands[model.nodes[model.clients]]
    scale = LARGEST_LOAD / max(instance.capacity, float(demands.max(initial=0.0)), 1e-290)
    if (demands == np.floor(demands)).all():
        scale = max(1.0, math.floor(scale))
    for client, demand in zip(model.client, demands.tolist(), strict=True):
        client["delivery"] = [math.ceil(demand * scale)]
    model.vehicle["capacity"] = [math.floor(min(inner_limit(instance.capacity) * scale, 2.0 * LARGEST_LOAD))]


def _length_budget(model: PyVRPInput, rule: LengthBudget) -> None:
    """Limit the length of each tour."""
    if model.instance.max_length is not None:
        model.vehicle["max_distance"] = model.most(model.instance.max_length)


def _time_windows(model: PyVRPInput, rule: TimeWindows) -> None:
    """Let each visit begin within its window."""
    instance = model.instance
    assert instance.time_windows is not None
    if instance.service_times is not None:
        model.service = np.where(model.nodes < 0, 0.0, instance.service_times[model.nodes])

    def window(location: int) -> dict[str, int]:
        if model.nodes[location] < 0:
            return {}
        opens, closes = instance.time_windows[model.nodes[location]]  # pyright: ignore[reportOptionalSubscript]
        early, late = math.ceil(max(opens, 0.0) * model.steps), model.most(closes, instance.first_opening)
        return {
            "tw_early": early,
            "tw_late": max(early, late),
        }  # where a window closes too early, the checker rejects the answer

    for client, location in zip(model.client, model.clients, strict=True):
        client |= window(location)
    for location, depot in model.depot.items():
        depot |= window(location)


def _length(model: PyVRPInput) -> None:
    """Each leg costs its length."""
    model.vehicle["unit_distance_cost"] = 1


def _penalties(model: PyVRPInput) -> None:
    """A client that is left out costs its penalty."""
    assert model.instance.penalties is not None
    _add_prizes(model, model.instance.penalties[model.nodes[model.clients]] * model.steps)


def _prize(model: PyVRPInput) -> None:
    """A client that is left out costs its prize, in units in which lengths, one step each, cost little."""
    instance = model.instance
    assert instance.prizes is not None
    prizes = instance.prizes[model.nodes[model.clients]]
    leg = float(instance.legs(instance.depot, np.arange(instance.size)).mean()) * model.steps
    unit = max(leg, 1.0) / PRIZE_SHARE / max(float(prizes.mean()), 1e-290)
    model.vehicle["unit_distance_cost"] = 1
    _add_prizes(model, prizes * unit)


def _makespan(model: PyVRPInput) -> None:
    """A tour costs its duration, from the depot's opening to its end."""
    model.vehicle["unit_duration_cost"] = 1
    model.vehicle["start_late"] = model.depot[model.start].get("tw_early", 0)


def _add_prizes(model: PyVRPInput, prizes: Array) -> None:
    for client, prize in zip(model.client, np.rint(prizes).astype(np.int64).tolist(), strict=True):
        client["prize"] = client.get("prize", 0) + prize


PYVRP_RULES: dict[type[Rule], Callable[[PyVRPInput, Any], None]] = {
    VisitOnce: _visit_once,
    VisitAtMostOnce: _visit_at_most_once,
    CompulsoryVisits: _compulsory_visits,
    Capacity: _capacity,
    LengthBudget: _length_budget,
    TimeWindows: _time_windows,
}
"""For each rule the function that adds it. PyVRP has no prize quota and no split deliveries."""

PYVRP_TERMS: dict[str, Callable[[PyVRPInput], None]] = {
    "length": _length,
    "penalties": _penalties,
    "prize": _prize,
    "makespan": _makespan,
}
"""For each objective term the function that adds it. PyVRP cannot minimize the longest of several tours."""

MAXIMIZED = {"prize"}
"""Terms that can be maximized; the others can be minimized."""


class _SolutionWatch(pyvrp.IteratedLocalSearchCallbacks):
    """Passes on solutions that may be better: PyVRP compares solutions by costs that differ from the objective."""

    def __init__(self, consider: Callable[[pyvrp.Solution], None]) -> None:
        self._consider = consider
        self._most_prizes = -1

    def on_best(self, best: pyvrp.Solution) -> None:
        if best.is_feasible():
            self._consider(best)

    def on_iteration(
        self,
        current: pyvrp.Solution,
        candidate: pyvrp.Solution,
        best: pyvrp.Solution,
        cost_evaluator: pyvrp.CostEvaluator,
    ) -> None:
        if candidate.prizes() > self._most_prizes and candidate.is_feasible():
            self._most_prizes = candidate.prizes()
            self._consider(candidate)


class PyVRPSolver(InstanceSolver):
    """PyVRP on one core, with its own default settings."""

    def __init__(self) -> None:
        self.name = "pyvrp"

    def supports(self, problem: Problem) -> bool:
        """Whether PyVRP has every rule and every objective term, and need not count visits apart from the objective."""
        several = problem.shape.has_several_tours
        return (
            not counts_visits_apart(problem)
            and all(type(rule) in PYVRP_RULES for rule in problem.rules)
            and all(
                term in PYVRP_TERMS
                and (term in MAXIMIZED) == (problem.objective.sense == "max")
                and not (term == "makespan" and several)  # PyVRP sums the durations of the tours
                for term in problem.objective.terms
            )
        )

    def describe(self, problem: Problem, size: int, time_limit: float) -> str:
        """The version of PyVRP, which determines its settings."""
        return f"{self.name}: PyVRP {version('pyvrp')} with its default settings."

    def warm_up(self, problem: Problem) -> None:
        """Let PyVRP initialize."""
        self.solve(get_problem("tsp"), [SQUARE], Budget(0.01))

    def refusal(self, problem: Problem, instance: Instance, time_limit: float) -> str | None:
        """Refuse more than `MOST_NODES` nodes, or so many that the first descent may end late: no clock ends it."""
        needed = (PAIR_OF_TOURS if problem.shape.has_several_tours else PAIR) * instance.size**2
        return most_nodes_refusal(self, instance, MOST_NODES) or slow_refusal(self, instance, needed, time_limit)

    def solve_one(self, task: Task) -> Solution:
        """Solve one instance; see `InstanceSolver.solve_one`."""
        problem, instance, clock, initial = task.problem, task.instance, task.clock, task.initial
        trivial = solve_trivial(problem, instance)
        if trivial is not None:
            return trivial
        incumbent = Incumbent(task)
        if clock.remaining <= 0:
            return incumbent.solution
        model = build_model(problem, instance)
        if not model.clients:
            return incumbent.solution
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about penalties at their bounds, which concern the search alone
            data = problem_data(model)
            start = None if initial is None else _as_pyvrp(model, data, initial)
            watch = _SolutionWatch(lambda found: incumbent.consider(_tours(model, found)))
            parameters = pyvrp.SolveParams(ils=replace(pyvrp.IteratedLocalSearchParams(), callbacks=watch))
            result = pyvrp.solve(
                data,
                MaxRuntime(max(clock.remaining, 1e-6)),
                seed=task.seed % 2**31,
                collect_stats=False,
                params=parameters,
                initial_solution=start,
            )
        if result.is_feasible():
            incumbent.consider(_tours(model, result.best))
        return incumbent.solution


def build_model(problem: Problem, instance: Instance) -> PyVRPInput:
    """The input for an instance."""
    nodes, start, end = np.arange(instance.size), instance.depot, instance.finish
    if problem.shape.is_path and (instance.free_start or instance.end is None):
        nodes = np.append(nodes, -1)
        start = instance.size if instance.free_start else start
        end = instance.size if instance.end is None else end
    clients = [location for location in range(len(nodes)) if location not in (start, end)]
    windows, service = instance.time_windows, instance.service_times
    longest = float(instance.distances.max())
    total = len(nodes) * longest
    if windows is not None:
        total += max(0.0, float(windows[:, 0].max())) + (0.0 if service is None else float(service.sum()))
    steps = LARGEST_SUM / max(total, 1e-290)
    given = [instance.distances, windows[np.isfinite(windows)] if windows is not None else None, service]
    if total == 0 or (steps >= 1 and all(a is None or bool((a == np.floor(a)).all()) for a in given)):
        steps = 1.0 if total == 0 else float(math.floor(steps))
    vehicles = max(1, len(clients)) if problem.shape.has_several_tours else 1
    model = PyVRPInput(
        problem=problem,
        instance=instance,
        nodes=nodes,
        start=start,
        end=end,
        clients=clients,
        steps=steps,
        service=np.zeros(len(nodes)),
        client=[{"location": location} for location in clients],
        vehicle={"num_available": min(vehicles, instance.num_tours or vehicles), "unit_distance_cost": 0},
        depot={location: {"location": location} for location in dict.fromkeys((start, end))},
    )
    for rule in problem.rules:
        PYVRP_RULES[type(rule)](model, rule)
    for term in problem.objective.terms:
        PYVRP_TERMS[term](model)
    return model


def problem_data(model: PyVRPInput) -> pyvrp.ProblemData:
    """The input as PyVRP's own data type."""
    legs = model.legs()
    order = list(model.depot)
    vehicle = pyvrp.VehicleType(start_depot=order.index(model.start), end_depot=order.index(model.end), **model.vehicle)
    times = np.ceil((legs + model.service[:, None]) * model.steps)
    np.fill_diagonal(times, 0.0)
    return pyvrp.ProblemData(
        locations=[pyvrp.Location(0.0, 0.0) for _ in model.nodes],
        clients=[pyvrp.Client(**client) for client in model.client],
        depots=[pyvrp.Depot(**depot) for depot in model.depot.values()],
        vehicle_types=[vehicle],
        distance_matrices=[np.ceil(legs * model.steps).astype(np.int64)],
        duration_matrices=[times.astype(np.int64)],
    )


def _as_pyvrp(model: PyVRPInput, data: pyvrp.ProblemData, solution: Solution) -> pyvrp.Solution:
    places = {int(model.nodes[location]): i for i, location in enumerate(model.clients)}
    routes = [[places[node] for node in tour.tolist() if node in places] for tour in solution.tours]
    return pyvrp.Solution(data, [pyvrp.Route(data, visits, 0) for visits in routes if visits])


def _tours(model: PyVRPInput, solution: pyvrp.Solution) -> list[list[int]]:
    """The tours in the instance's nodes."""
    tours: list[list[int]] = []
    last = [model.end] if model.end != model.start else []
    for route in solution.routes():
        visits = [model.clients[activity.idx] for activity in route if activity.is_client()]
        tours.append([int(model.nodes[place]) for place in (model.start, *visits, *last) if model.nodes[place] >= 0])
    return tours
