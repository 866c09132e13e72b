"""Time windows, compulsory visits and limits that exclude each other.

They are a set that is infeasible, and without any one of its members is not. It is found by deletion: one of them is
dropped if the model without it is still infeasible. So the constraints need no literals of their own, and every model
is built as those that are solved.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from ortools.sat.python import cp_model

from tsp.budget import Clock
from tsp.problems import Capacity, CompulsoryVisits, LengthBudget, MaxVisits, PrizeQuota, TimeWindows

from .builder import build_model
from .graph import make_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tsp.instance import Instance
    from tsp.problems import Problem

MOST_NAMED = 8
"""The most nodes whose time windows, or whose compulsory visits, are listed."""

OF_NODES = {"time_windows": "time window", "required": "compulsory visit"}
"""What can be dropped of single nodes: attributes of the instance, and what users call a row of them."""


class Limit(NamedTuple):
    """What can be dropped: the time window or the compulsory visit of a node, an attribute, or a rule.

    Attributes:
        label: its name in messages.
        node: the node, or None.
        of_nodes: the attribute of the instance in which the node's row becomes `free`, or None.
        attribute: of the instance, which takes the value `free` instead, or None.
        free: a value that limits nothing.
        rule: the class of the problem's rule, or None.
    """

    label: str
    node: int | None = None
    of_nodes: str | None = None
    attribute: str | None = None
    free: Any = None
    rule: type[MaxVisits] | None = None


def find_conflict(
    problem: Problem, instance: Instance, clock: Clock, make_solver: Callable[[float], cp_model.CpSolver]
) -> str | None:
    """A sentence that names what conflicts in an infeasible instance; None where nothing can be dropped.

    Args:
        problem: one that is supported.
        instance: has no feasible solution.
        clock: the time limit; where it runs out, the set may hold more than is needed.
        make_solver: makes CP-SAT's solver with a time limit.
    """

    def is_infeasible(kept: Sequence[Limit]) -> bool:
        model_problem, model_instance = _limited(problem, instance, limits, kept)
        graph = make_graph(model_problem, model_instance)
        model = build_model(model_problem, model_instance, graph, Clock(clock.remaining))
        if model is None or clock.remaining <= 0:
            return False
        model.cp.clear_objective()
        solver = make_solver(clock.remaining)
        solver.parameters.stop_after_first_solution = True
        return solver.solve(model.cp) == cp_model.INFEASIBLE

    limits = list_limits(problem, instance)
    if not limits or is_infeasible([]):
        return None
    kept, size = limits, max(1, len(limits) // 2)
    while size:
        start = 0
        while start < len(kept) and clock.remaining > 0:
            fewer = kept[:start] + kept[start + size :]
            if is_infeasible(fewer):
                kept = fewer
            else:
                start += size
        size //= 2
    hint = "" if clock.remaining > 0 else " (perhaps not even some of these; the time was up)"
    return f"no solution keeps {_listed(instance, kept)}{' at once' if len(kept) > 1 else ''}{hint}"


def list_limits(problem: Problem, instance: Instance) -> list[Limit]:
    """Everything in the instance that can be dropped to make it feasible."""
    out: list[Limit] = []
    if problem.rule(TimeWindows) is not None and instance.time_windows is not None:
        limited = (instance.time_windows[:, 0] > 0) | (instance.time_windows[:, 1] < np.inf)
        out += [_of_node(instance, k, "time_windows", (0.0, np.inf)) for k in np.flatnonzero(limited).tolist()]
    if problem.rule(CompulsoryVisits) is not None and instance.required is not None:
        compulsory = instance.required > 0
        compulsory[[instance.depot, instance.finish]] = False
        out += [_of_node(instance, k, "required", 0.0) for k in np.flatnonzero(compulsory).tolist()]
    if problem.rule(LengthBudget) is not None and instance.max_length is not None:
        out.append(
            Limit(f"the length budget {instance.units.format_length(instance.max_length)}", attribute="max_length")
        )
    if problem.rule(Capacity) is not None and instance.demands is not None:
        everything = float(instance.demands.sum())
        out.append(Limit(f"the capacity {instance.capacity:g}", attribute="capacity", free=everything))
    if problem.rule(PrizeQuota) is not None and instance.min_prize is not None:
        out.append(Limit(f"the prize quota {instance.min_prize:g}", attribute="min_prize", free=0.0))
    if problem.shape.has_several_tours and instance.num_tours is not None:
        out.append(Limit(f"the limit of {instance.num_tours} tour(s)", attribute="num_tours"))
    most = problem.rule(MaxVisits)
    if most is not None:
        out.append(Limit(f"the limit of {most.most} visits", rule=MaxVisits))
    return out


def _of_node(instance: Instance, node: int, attribute: str, free: Any) -> Limit:  # noqa: ANN401 - a row of any array
    return Limit(f"the {OF_NODES[attribute]} of {instance.node_name(node)}", node, attribute, free=free)


def _limited(
    problem: Problem, instance: Instance, limits: Sequence[Limit], kept: Sequence[Limit]
) -> tuple[Problem, Instance]:
    """The problem and the instance with those limits alone that are kept."""
    dropped = [limit for limit in limits if limit not in kept]
    changes = {limit.attribute: limit.free for limit in dropped if limit.attribute is not None}
    for limit in dropped:
        if limit.of_nodes is not None:
            values = changes.setdefault(limit.of_nodes, getattr(instance, limit.of_nodes).copy())
            values[limit.node] = limit.free
    without = {limit.rule for limit in dropped}
    rules = tuple(rule for rule in problem.rules if type(rule) not in without)
    return replace(problem, rules=rules), replace(instance, **changes)


def _listed(instance: Instance, limits: Sequence[Limit]) -> str:
    """The limits in words, those of several nodes together."""
    labels: list[str] = []
    for attribute, noun in OF_NODES.items():
        chosen = [limit.node for limit in limits if limit.of_nodes == attribute and limit.node is not None]
        nodes = [instance.node_name(node) for node in chosen]
        if nodes:
            shown = nodes if len(nodes) <= MOST_NAMED else [*nodes[:MOST_NAMED], f"{len(nodes) - MOST_NAMED} more"]
            labels.append(f"the {noun}{'s' * (len(nodes) > 1)} of {_joined(shown)}")
    return _joined([*labels, *(limit.label for limit in limits if limit.node is None)])


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
