"""A problem of known rules as plain numbers, for compiled heuristics and searches.

Each rule's reading sets a few numbers of a `RouteModel`; a rule that a problem does not have leaves
numbers that are never binding. So kernels depend on numbers and on no problem; `evaluation` is where
they read the numbers. Split deliveries have no reading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from baselines.kernels.geometry import Array, Nodes, frozen
from tsp.problems import Capacity, LengthBudget, MaxVisits, PrizeQuota, TimeWindows, VisitAtMostOnce, VisitOnce
from tsp.tolerance import inner_limit
from tsp.underway import as_cycle

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsp.instance import Instance
    from tsp.problems import Problem, Rule
    from tsp.solution import Solution
    from tsp.underway import Reduced


NODE = np.dtype([(name, np.float64) for name in ("opens", "closes", "service", "demand", "prize", "penalty", "worth")])
"""What a model knows of a node: when service may begin at the earliest and at the latest (infinite without
windows), how long it takes, what is delivered, what a visit brings and what its absence costs, and `worth`, by
how much prize and penalty of a visited customer reduce the cost."""

NodeRecords = NDArray[Any]


class RouteModel(NamedTuple):
    """A problem and an instance in numbers; the cost is minimized.

    Attributes:
        distances: `[n, n]`, row = from.
        start: the node where tours start.
        end: the node where tours end; it may be the start.
        customers: `[m]`, the nodes to visit.
        several: whether there may be several tours; a tour without visits then costs nothing.
        tours: the largest number of tours.
        optional: whether customers may be left out.
        nodes: `[n]`, records of `NODE`.
        capacity: of a tour, infinite where there is none.
        max_length: of a tour, infinite where there is none.
        quota: the least sum of prizes, 0 where there is none.
        length_weight: weight of the length in the cost.
        longest_weight: weight of the longest tour.
        prize_weight: weight of the prizes, negative where they are maximized.
        penalty_weight: weight of the penalties.
        makespan_weight: weight of the latest end.
        missing: cost of each compulsory customer that is not visited, larger than all other costs.
    """

    distances: Array
    start: int
    end: int
    customers: Nodes
    several: bool
    tours: int
    optional: bool
    nodes: NodeRecords
    capacity: float
    max_length: float
    quota: float
    length_weight: float
    longest_weight: float
    prize_weight: float
    penalty_weight: float
    makespan_weight: float
    missing: float


Numbers = dict[str, Any]


def _time_windows(instance: Instance, rule: TimeWindows) -> Numbers:
    assert instance.time_windows is not None
    opens, closes = instance.time_windows.T
    service = np.zeros(instance.size) if instance.service_times is None else instance.service_times
    return {"opens": opens, "closes": inner_limit(closes), "service": service}


def _capacity(instance: Instance, rule: Capacity) -> Numbers:
    return {"demand": instance.demands, "capacity": inner_limit(instance.capacity or 0.0)}


def _max_visits(instance: Instance, rule: MaxVisits) -> Numbers:
    """Of one tour, visits are a load."""
    return {"demand": np.ones(instance.size), "capacity": float(rule.most)}


def _length_budget(instance: Instance, rule: LengthBudget) -> Numbers:
    return {} if instance.max_length is None else {"max_length": inner_limit(instance.max_length)}


MODEL_RULES: dict[type[Rule], Callable[[Instance, Any], Numbers]] = {
    VisitOnce: lambda instance, rule: {"optional": False},
    VisitAtMostOnce: lambda instance, rule: {"optional": True},
    Capacity: _capacity,
    MaxVisits: _max_visits,
    LengthBudget: _length_budget,
    PrizeQuota: lambda instance, rule: {"quota": max(0.0, -inner_limit(-(instance.min_prize or 0.0)))},
    TimeWindows: _time_windows,
}
"""Each rule's reading: the numbers of the model that it sets."""

MODEL_TERMS = {
    "length": "length_weight",
    "longest": "longest_weight",
    "prize": "prize_weight",
    "penalties": "penalty_weight",
    "makespan": "makespan_weight",
}
"""Each objective term's weight in the model."""


def is_modelled(problem: Problem) -> bool:
    """Whether every rule and objective term has a reading here.

    The objective of several tours is either a sum or a maximum, not both. Visits are limited where
    there is one tour and no other load.
    """
    terms = set(problem.objective.terms)
    return (
        all(type(rule) in MODEL_RULES for rule in problem.rules)
        and terms <= set(MODEL_TERMS)
        and problem.objective.sense == ("max" if terms == {"prize"} else "min")
        and (problem.rule(MaxVisits) is None or not (problem.shape.has_several_tours or problem.rule(Capacity)))
        and (not problem.shape.has_several_tours or len(terms) == 1 or not terms & {"longest", "makespan"})
    )


def closed(problem: Problem, instance: Instance) -> tuple[Problem, Instance, Reduced | None]:
    """The problem and instance to model: a path becomes a closed tour, which `Reduced` turns back into a path."""
    if not problem.shape.is_path:
        return problem, instance, None
    cycle, reduced = as_cycle(problem, instance)
    return cycle, reduced.instance, reduced


def model_of(problem: Problem, instance: Instance) -> RouteModel:
    """The numbers of an instance with nothing under way, of any shape but a path."""
    distances = instance.distances
    end = instance.finish if problem.shape.has_depot else instance.depot
    customers = np.setdiff1d(np.arange(instance.size), [instance.depot, end]).astype(np.int32)
    several = problem.shape.has_several_tours
    most = max(1, len(customers))
    numbers: Numbers = {
        "tours": min(most, instance.num_tours or most) if several else 1,
        "capacity": np.inf,
        "max_length": np.inf,
        "quota": 0.0,
    }
    for rule in problem.rules:
        numbers |= MODEL_RULES[type(rule)](instance, rule)
    for term, weight in MODEL_TERMS.items():
        sign = 1.0 if problem.objective.sense == "min" else -1.0
        numbers[weight] = sign if term in problem.objective.terms else 0.0
    nodes = np.zeros(instance.size, dtype=NODE)
    nodes["closes"] = np.inf
    nodes["prize"] = 0.0 if instance.prizes is None else instance.prizes
    nodes["penalty"] = 0.0 if instance.penalties is None else instance.penalties
    for field in NODE.fields.keys() & numbers.keys():
        nodes[field] = numbers.pop(field)
    nodes["worth"] = numbers["penalty_weight"] * nodes["penalty"] - numbers["prize_weight"] * nodes["prize"]
    sums = sum(nodes[field].sum() for field in ("prize", "penalty", "service"))
    latest = nodes["closes"][np.isfinite(nodes["closes"])].max(initial=0.0)
    missing = 1.0 + 2.0 * distances.max(axis=1).sum() + sums + latest
    return RouteModel(
        distances=distances,
        start=instance.depot,
        end=end,
        customers=customers,
        nodes=frozen(nodes),
        several=several,
        missing=float(missing),
        **numbers,
    )


def visits_of(model: RouteModel, solution: Solution) -> Nodes:
    """Every customer: those that a solution visits first and in its order."""
    inside = [node for tour in solution.tours for node in tour.tolist() if node not in (model.start, model.end)]
    return np.array([*inside, *np.setdiff1d(model.customers, inside)], dtype=np.int32)
