"""The constraints of each rule in CP-SAT's model."""

from __future__ import annotations

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

from .graph import shortest_lengths

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tsp.instance import Integers

    from .model import Accumulation, CPSATModel


def visits(model: CPSATModel, rule: Rule) -> None:
    """Add nothing: the circuits visit every node once, or leave it out."""


def compulsory_visits(model: CPSATModel, rule: CompulsoryVisits) -> None:
    """Visit every required customer."""
    assert model.instance.required is not None
    for k in np.flatnonzero(model.instance.required[model.graph.customers] > 0).tolist():
        model.cp.add(sum(circuit.visited[k + 1] for circuit in model.circuits) >= 1)


def capacity(model: CPSATModel, rule: Capacity) -> None:
    """Limit the load of each tour; where deliveries are split, `split_delivery` does that."""
    instance, cp, customers = model.instance, model.cp, model.graph.customers
    assert instance.demands is not None
    assert instance.capacity is not None
    if model.problem.rule(SplitDelivery) is not None:
        return
    demands = model.demand.down(instance.demands)
    most = model.demand.most(instance.capacity)
    (circuit,) = model.circuits
    if not circuit.several:
        cp.add(model.collected(demands) <= most)
        return
    demands = demands[customers]
    steps = np.zeros((len(customers) + 1, len(customers) + 1), dtype=np.int64)
    steps[:, 1:] = demands
    model.accumulate(steps, np.append(0.0, demands), np.full(len(customers) + 1, float(most)))
    leaving = sum(x for (a, _), x in zip(circuit.arcs.tolist(), circuit.literals, strict=True) if a == 0)
    if most:
        visited = circuit.visited[1:]
        cp.add(leaving * most >= sum(int(d) * visit for d, visit in zip(demands, visited, strict=True)))
        if model.problem.visits_all:
            cp.add(leaving >= -(-int(demands.sum()) // most))


def split_delivery(model: CPSATModel, rule: SplitDelivery) -> None:
    """Let each circuit deliver something where it visits a demand; circuits are ordered by load, to break ties."""
    instance, cp = model.instance, model.cp
    assert instance.demands is not None
    assert instance.capacity is not None
    demands = model.demand.down(instance.demands[model.graph.customers]).tolist()
    # Half the checker's tolerance is left for the rounding of the amounts that are read from the model.
    most = model.demand.most(instance.capacity, inner_limit)
    for circuit in model.circuits:
        row = [cp.new_int_var(0, min(demand, most), "") for demand in demands]
        for amount, visited, demand in zip(row, circuit.visited[1:], demands, strict=True):
            if demand:
                cp.add(amount >= visited)
            cp.add(amount <= min(demand, most) * visited)
        cp.add(sum(row) <= most)
        if model.amounts:
            cp.add(sum(model.amounts[-1]) >= sum(row))
        model.amounts.append(row)
    for k, demand in enumerate(demands):
        cp.add(sum(row[k] for row in model.amounts) == demand)
        if most:
            cp.add(sum(circuit.visited[k + 1] for circuit in model.circuits) >= -(-demand // most))
    for circuit in model.circuits[: -(-sum(demands) // most) if most else 0]:
        cp.add(circuit.visited[0] == 1)


def length_budget(model: CPSATModel, rule: LengthBudget) -> None:
    """Limit the length of each tour, with its visits."""
    limit, visits = model.instance.max_length, visit_durations(model.instance)
    if limit is None:
        return
    most, steps = model.length.most(limit), model.legs
    if visits is not None:
        after = np.append(0.0, visits[model.graph.customers])
        steps = model.length.down(np.where(model.missing, 0.0, model.graph.legs) + after[:, None])
    for circuit in model.circuits:
        if circuit.several:
            lengths_so_far(model)  # which limits each tour
            if visits is not None:
                model.accumulate(steps, np.zeros(len(steps)), np.append(most, np.full(len(steps) - 1, np.inf)))
            if model.instance.num_tours is not None:
                model.cp.add(circuit.total(steps) <= most * model.instance.num_tours)
        else:
            model.cp.add(circuit.total(steps) <= most)
            model.cp.add_bool_and(circuit.unused(_too_far(steps, most)))


def max_visits(model: CPSATModel, rule: MaxVisits) -> None:
    """Limit the number of customers visited."""
    model.cp.add(sum(sum(circuit.visited[1:]) for circuit in model.circuits) <= rule.most)


def prize_quota(model: CPSATModel, rule: PrizeQuota) -> None:
    """Collect the quota of prizes, or visit every customer where all prizes together are less."""
    instance = model.instance
    assert instance.prizes is not None
    assert instance.min_prize is not None
    (circuit,) = model.circuits
    prizes, least = model.prize.up(instance.prizes), model.prize.least(instance.min_prize)
    total = model.fixed_sum(prizes) + int(prizes[model.graph.customers].sum())
    if total >= least:
        model.cp.add(model.collected(prizes) >= least)
    else:
        model.cp.add(sum(circuit.visited[1:]) == len(model.graph.customers))


def time_windows(model: CPSATModel, rule: TimeWindows) -> None:
    """Let each visit begin within its window."""
    times_so_far(model)  # whose limits are the windows


CPSAT_RULES: dict[type[Rule], Callable[[CPSATModel, Any], None]] = {
    VisitOnce: visits,
    VisitAtMostOnce: visits,
    CompulsoryVisits: compulsory_visits,
    SplitDelivery: split_delivery,
    Capacity: capacity,
    LengthBudget: length_budget,
    MaxVisits: max_visits,
    PrizeQuota: prize_quota,
    TimeWindows: time_windows,
}
"""For each rule the function that adds its constraints."""


def lengths_so_far(model: CPSATModel) -> Accumulation:
    """The length of each tour up to each node, limited where the problem has a length budget; made once."""
    if "lengths" not in model.accumulations:
        lows, highs = np.zeros(len(model.legs)), np.full(len(model.legs), np.inf)
        limit = model.instance.max_length
        if limit is not None and model.problem.rule(LengthBudget) is not None:
            highs[0] = model.length.most(limit)
        model.accumulations["lengths"] = model.accumulate(model.legs, lows, highs)
    return model.accumulations["lengths"]


def times_so_far(model: CPSATModel) -> Accumulation:
    """When each visit begins, within its time window, and when each tour ends, without waiting there; made once."""
    if "times" not in model.accumulations:
        graph, windows, service = model.graph, model.instance.time_windows, model.instance.service_times
        assert windows is not None
        count = len(model.legs)
        opens, closes, takes = np.zeros(count), np.full(count, np.inf), np.zeros(count)
        opens[1:], closes[1:] = windows[graph.customers].T
        if service is not None:
            takes[1:] = service[graph.customers]
        if graph.end is not None:
            closes[0] = windows[graph.end, 1]
        if graph.start is not None:
            opens[0] = windows[graph.start, 0]
            takes[0] = 0.0 if service is None else service[graph.start]
            if windows[graph.start, 1] < 0.0:
                closes[0] = -1.0  # the start closes before time 0, so no tour is feasible
        origin = model.instance.first_opening
        highs = np.array(
            [model.length.most(time, origin=origin) if time < np.inf else np.inf for time in closes.tolist()]
        )
        lows = model.length.down(np.maximum(opens, 0.0)).astype(np.float64)
        legs = np.where(model.missing, 0.0, graph.legs)
        steps = model.length.down(legs + takes[:, None])
        model.accumulations["times"] = model.accumulate(steps, lows, highs)
    return model.accumulations["times"]


def _too_far(steps: Integers, most: int) -> NDArray[np.bool_]:
    """Arcs `[m + 1, m + 1]` that are on no tour of at most `most` steps."""
    shortest = shortest_lengths(steps)
    there, home = shortest[0].copy(), shortest[:, 0].copy()
    there[0] = home[0] = 0
    out = there[:, None] + steps + home > most
    np.fill_diagonal(out[1:, 1:], val=False)
    return out
