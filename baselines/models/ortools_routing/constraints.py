"""The constraints of each rule in OR-Tools' routing model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tsp.problems import (
    Capacity,
    CompulsoryVisits,
    LengthBudget,
    MaxVisits,
    PrizeQuota,
    Rule,
    SplitDelivery,
    TimeWindows,
    VisitAtMostOnce,
    VisitOnce,
)
from tsp.solvers import visit_durations
from tsp.tolerance import inner_limit

from .model import ModelAbandoned
from .scale import LARGEST_LIMIT, are_whole, integer_scale, most_steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from .model import ORToolsModel

MANDATORY = 2**60
"""The cost of leaving out all nodes where every node must be visited: more than that of any solution."""


def visit_once(model: ORToolsModel, rule: VisitOnce) -> None:
    """Visit every node once, as OR-Tools does by default.

    Where a feasible solution is hard to find, the search may begin with nodes left out, at a high cost.
    """
    others = any(not isinstance(rule, VisitOnce) for rule in model.problem.rules)
    if others and len(model.vehicles) < len(model.between):
        for _, index in model.between:
            model.routing.AddDisjunction([index], MANDATORY // len(model.nodes))


def visit_at_most_once(model: ORToolsModel, rule: VisitAtMostOnce) -> None:
    """Let nodes be left out."""
    for node, index in model.between:
        model.routing.AddDisjunction([index], int(model.forgone[node]))


def compulsory_visits(model: ORToolsModel, rule: CompulsoryVisits) -> None:
    """Visit every required node."""
    assert model.instance.required is not None
    for node, index in model.between:
        if model.instance.required[model.nodes[node]] > 0:
            model.routing.ActiveVar(index).SetValue(1)


def split_delivery(model: ORToolsModel, rule: SplitDelivery) -> None:
    """Visit each copy of a node once; copies with nothing to deliver may be left out."""
    assert model.amounts is not None
    for node, index in model.between:
        if model.amounts[node] == 0:
            model.routing.AddDisjunction([index], 0)


def capacity(model: ORToolsModel, rule: Capacity) -> None:
    """Limit the load of each tour."""
    instance = model.instance
    assert instance.demands is not None
    assert instance.capacity is not None
    demands = model.of_customers(instance.demands)
    loads = demands if model.amounts is None else model.amounts
    scale = integer_scale(float(loads.sum()), are_whole(loads), most=LARGEST_LIMIT)
    model.add_sum(np.ceil(loads * scale), most_steps(instance.capacity, scale), "load")


def length_budget(model: ORToolsModel, rule: LengthBudget) -> None:
    """Limit the length of each tour, with its visits."""
    if model.instance.max_length is None:
        return
    lengths = model.lengths(visit_durations(model.instance))
    most = most_steps(model.instance.max_length, model.step)
    for index in (*(index for _, index in model.between), *map(model.routing.End, model.vehicles)):
        lengths.CumulVar(index).SetMax(most)


def max_visits(model: ORToolsModel, rule: MaxVisits) -> None:
    """Limit the number of customers visited."""
    solver = model.routing.solver()
    solver.Add(solver.Sum([model.routing.ActiveVar(index) for _, index in model.between]) <= rule.most)


def prize_quota(model: ORToolsModel, rule: PrizeQuota) -> None:
    """Collect the quota of prizes, or visit every node where all prizes together are less."""
    instance = model.instance
    assert instance.prizes is not None
    assert instance.min_prize is not None
    prizes = model.of_customers(instance.prizes)
    scale = integer_scale(float(prizes.sum()), are_whole(prizes), most=LARGEST_LIMIT)
    steps = np.floor(prizes * scale)
    # Half the checker's tolerance makes up for prizes that were rounded down.
    least = math.ceil(-inner_limit(-instance.min_prize) * scale)
    if steps.sum() < least:
        for _, index in model.between:
            model.routing.ActiveVar(index).SetValue(1)
        return
    model.add_sum(steps, int(steps.sum()), "prize")
    collected = model.routing.GetDimensionOrDie("prize")
    ends = [collected.CumulVar(model.routing.End(vehicle)) for vehicle in model.vehicles]
    if len(ends) == 1:
        ends[0].SetMin(least)
    else:
        solver = model.routing.solver()
        solver.Add(solver.Sum(ends) >= least)


def time_windows(model: ORToolsModel, rule: TimeWindows) -> None:
    """Let each visit begin before its window closes; `ORToolsModel.times` lets it begin after the window opens."""
    assert model.instance.time_windows is not None
    times = model.times()
    closes = model.instance.time_windows[:, 1]

    def close(node: int, index: int) -> bool:
        closing = float(closes[model.nodes[node]]) if model.nodes[node] >= 0 else math.inf
        latest = most_steps(closing, model.step, model.instance.first_opening)
        if latest < times.CumulVar(index).Min():
            return False
        times.CumulVar(index).SetMax(latest)
        return True

    for node, index in model.between:
        if not close(node, index):
            if model.problem.visits_all:
                raise ModelAbandoned
            model.routing.ActiveVar(index).SetValue(0)
    if not all(close(model.end, model.routing.End(vehicle)) for vehicle in model.vehicles):
        raise ModelAbandoned


ROUTING_RULES: dict[type[Rule], Callable[[ORToolsModel, Any], None]] = {
    VisitOnce: visit_once,
    VisitAtMostOnce: visit_at_most_once,
    CompulsoryVisits: compulsory_visits,
    SplitDelivery: split_delivery,
    Capacity: capacity,
    LengthBudget: length_budget,
    MaxVisits: max_visits,
    PrizeQuota: prize_quota,
    TimeWindows: time_windows,
}
"""For each rule the function that adds its constraints."""
