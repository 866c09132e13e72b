"""Builds CP-SAT's model of a problem from the constraints of its rules and the terms of its objective."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .constraints import CPSAT_RULES
from .model import CPSATModel
from .objective import CPSAT_TERMS

if TYPE_CHECKING:
    from tsp.budget import Clock
    from tsp.instance import Instance
    from tsp.problems import Problem

    from .graph import TourGraph


def build_model(
    problem: Problem, instance: Instance, graph: TourGraph, clock: Clock, refinement: float = 1.0
) -> CPSATModel | None:
    """The model, or None where there is no time to make it.

    Args:
        problem: one that is supported.
        instance: with at least one customer.
        graph: the instance's graph.
        clock: the time limit.
        refinement: how many times finer than usual numbers are rounded.
    """
    try:
        model = CPSATModel(problem, instance, graph, clock, refinement)
        for rule in problem.rules:
            CPSAT_RULES[type(rule)](model, rule)
        total = sum(CPSAT_TERMS[term][1](model) for term in problem.objective.terms)
    except TimeoutError:
        return None
    if problem.objective.sense == "min":
        model.cp.minimize(total)
    else:
        model.cp.maximize(total)
    return model
