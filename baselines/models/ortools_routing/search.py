"""One search of OR-Tools' routing model: from a solution of the instance to solutions of the instance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ortools.constraint_solver import pywrapcp, routing_enums_pb2
from ortools.util.optional_boolean_pb2 import BOOL_TRUE

from tsp.interrupts import held_interrupts

from .builder import build_model
from .pieces import cut, piece_sizes

if TYPE_CHECKING:
    from collections.abc import Callable

    from baselines.incumbent import Incumbent
    from tsp.instance import Array
    from tsp.solution import Solution
    from tsp.solvers import Task

    from .model import ORToolsModel
    from .settings import Settings


CLOSING = 3e-4
"""Seconds for each node that closing a model of split deliveries may take: no clock ends it."""


def search(task: Task, settings: Settings, best: Incumbent) -> None:
    """Search from `task.initial`, and let `best` consider each solution."""
    clock, initial = task.clock, task.initial
    model = build_model(task.problem, task.instance, settings, clock, initial)
    if model is None or (model.amounts is not None and clock.remaining <= CLOSING * len(model.nodes)):
        return
    routing = model.routing
    routing.CloseModelWithParameters(search_parameters(settings, clock.remaining))
    routing.solver().ReSeed(task.seed % 2**31)
    least = math.inf

    def consider_current() -> None:
        nonlocal least
        cost = routing.CostVar().Value()
        if cost < least or not model.exact:
            least = min(least, cost)
            best.consider(*read_tours(model, lambda index: routing.NextVar(index).Value()))

    if best.report is not None or not model.exact:
        routing.AddAtSolutionCallback(consider_current)
    # None where the model, with its rounded numbers, does not allow it.
    assignment = None if initial is None else routing.ReadAssignmentFromRoutes(as_routes(model, initial), True)
    if clock.remaining <= 0:
        return
    parameters = search_parameters(settings, clock.remaining)
    # An exception in a callback would be lost in the search.
    with held_interrupts(routing.solver().FinishCurrentSearch):
        if assignment is None:
            found = routing.SolveWithParameters(parameters)
        else:
            found = routing.SolveFromAssignmentWithParameters(assignment, parameters)
    if found:
        best.consider(*read_tours(model, lambda index: found.Value(routing.NextVar(index))))


def search_parameters(settings: Settings, seconds: float) -> Any:  # noqa: ANN401 (a protocol buffer)
    """OR-Tools' search parameters: its defaults, apart from the settings and the time limit."""
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.Value.Value(settings.first_solution)
    parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.Value.Value(
        settings.metaheuristic
    )
    parameters.local_search_operators.use_extended_swap_active = BOOL_TRUE
    parameters.guided_local_search_lambda_coefficient = settings.guided_lambda
    parameters.time_limit.FromNanoseconds(max(1, int(seconds * 1e9)))
    return parameters


def as_routes(model: ORToolsModel, solution: Solution) -> list[list[int]]:
    """The solution's tours in OR-Tools' indices, without their starts and ends."""
    copies: dict[int, list[int]] = {}
    for node, at in reversed(list(enumerate(model.nodes.tolist()))):
        copies.setdefault(at, []).append(node)
    found: list[list[int]] = []
    for k, tour in enumerate(solution.tours):
        stops: list[int] = []
        for i, at in enumerate(tour.tolist()):
            if at in (model.start, model.end):
                continue
            # Each delivery was cut into copies of its own, in this order.
            count = 1
            if solution.amounts is not None:
                count = len(cut(float(solution.amounts[k][i]), *piece_sizes(model.instance)))
            stops += [copies[at].pop() for _ in range(count)]
        found.append([model.manager.NodeToIndex(node) for node in stops])
    return found


def read_tours(
    model: ORToolsModel, following: Callable[[int], int]
) -> tuple[list[list[int]], list[list[float]] | None]:
    """The instance's tours, and, where deliveries may be split, the amount delivered at each stop.

    Args:
        model: a model with a solution.
        following: gives the index that comes after an index in the solution.
    """
    tours: list[list[int]] = []
    for vehicle in model.vehicles:
        visited: list[int] = []
        index = following(model.routing.Start(vehicle))
        while not model.routing.IsEnd(index):
            visited.append(model.manager.IndexToNode(index))
            index = following(index)
        if visited or not model.several:
            last = [model.end] if model.end != model.start else []
            tours.append([node for node in (model.start, *visited, *last) if model.nodes[node] >= 0])
    if model.amounts is None:
        return tours, None
    merged = [_merge_copies(model, model.amounts, tour) for tour in tours]
    return [places for places, _ in merged], [given for _, given in merged]


def _merge_copies(model: ORToolsModel, amounts: Array, tour: list[int]) -> tuple[list[int], list[float]]:
    """The tour in the instance's nodes and the amounts delivered; consecutive copies of a node are one visit."""
    places: list[int] = []
    given: list[float] = []
    for node in tour:
        at = int(model.nodes[node])
        if places and places[-1] == at:
            given[-1] += float(amounts[node])
        else:
            places.append(at)
            given.append(float(amounts[node]))
    return places, given
