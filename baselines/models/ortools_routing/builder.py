"""Builds OR-Tools' routing model of a problem from the constraints of its rules and the terms of its objective."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ortools.constraint_solver import pywrapcp

from tsp.problems import SplitDelivery

from .constraints import ROUTING_RULES
from .model import MOST_NODES, ModelAbandoned, ORToolsModel
from .objective import ROUTING_TERMS, add_free_arc_cost
from .pieces import pieces_of
from .scale import cost_unit, limit_step

if TYPE_CHECKING:
    from tsp.budget import Clock
    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution

    from .settings import Settings


def build_model(
    problem: Problem, instance: Instance, settings: Settings, clock: Clock, initial: Solution | None = None
) -> ORToolsModel | None:
    """The model, or None where there is no time to make it, or the rules allow no solution.

    Args:
        problem: the problem to model.
        instance: the instance to model.
        settings: the settings of the costs.
        clock: the time limit.
        initial: a solution that the model must be able to represent, where deliveries may be split.
    """
    try:
        model = _empty_model(problem, instance, settings, clock, initial)
        for term in problem.objective.terms:
            ROUTING_TERMS[term](model)
        if model.per_length == 0:
            add_free_arc_cost(model, settings)
        for rule in problem.rules:
            ROUTING_RULES[type(rule)](model, rule)
        if model.per_length or model.incoming.any():
            incoming = model.incoming.astype(np.float64)
            transit = model.register(lambda legs, _: np.rint(legs * model.per_length) + incoming)
            model.routing.SetArcCostEvaluatorOfAllVehicles(transit)
    except ModelAbandoned:
        return None
    return model


def _empty_model(
    problem: Problem, instance: Instance, settings: Settings, clock: Clock, initial: Solution | None
) -> ORToolsModel:
    """The model without rules and costs."""
    nodes, amounts = np.arange(instance.size), None
    start, end = instance.depot, instance.finish
    if instance.size > MOST_NODES:
        raise ModelAbandoned
    if problem.rule(SplitDelivery) is not None:
        nodes, amounts = pieces_of(instance, initial)
    if problem.shape.is_path and (instance.free_start or instance.end is None):
        nodes = np.append(nodes, -1)
        start = len(nodes) - 1 if instance.free_start else start
        end = len(nodes) - 1 if instance.end is None else end
    if len(nodes) > MOST_NODES:
        raise ModelAbandoned
    vehicles = 1
    if problem.shape.has_several_tours:
        vehicles = max(1, len(nodes) - len({start, end}))
        vehicles = min(vehicles, instance.num_tours or vehicles)
    manager = pywrapcp.RoutingIndexManager(len(nodes), vehicles, [start] * vehicles, [end] * vehicles)
    step = limit_step(problem, instance, len(nodes), settings.resolution)
    model = ORToolsModel(
        problem=problem,
        instance=instance,
        clock=clock,
        nodes=nodes,
        amounts=amounts,
        start=start,
        end=end,
        manager=manager,
        routing=pywrapcp.RoutingModel(manager),
        step=step,
        unit=cost_unit(problem, instance, settings, len(nodes), step),
        incoming=np.zeros(len(nodes), dtype=np.int64),
        forgone=np.zeros(len(nodes), dtype=np.int64),
    )
    if not model.several:
        model.routing.SetVehicleUsedWhenEmpty(True, 0)  # so that the leg from start to end costs its length
    return model
