"""A problem of known rules as plain numbers, for compiled heuristics and searches.

Each rule's reading sets a few numbers of a `RouteModel`; a rule that a problem does not have leaves
numbers that are never binding. So kernels depend on numbers and on no problem; `evaluation` is where
they read the numbers. Split deliveries have no reading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from baselines.kernels.geometry import (
    MATRIX,
    Array,
    Geometry,
    Nodes,
    frozen,
    geometry_of,
    leg_lengths,
    nearest_neighbours,
    table_of,
)
from tsp.problems import (
    Capacity,
    CompulsoryVisits,
    LengthBudget,
    MaxVisits,
    PrizeQuota,
    TimeWindows,
    VisitAtMostOnce,
    VisitOnce,
)
from tsp.solvers import counts_visits_apart, visit_durations
from tsp.tolerance import inner_limit
from tsp.underway import as_cycle

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsp.instance import Instance
    from tsp.problems import Problem, Rule
    from tsp.solution import Solution
    from tsp.underway import Reduced


OPENS, CLOSES, SERVICE, DEMAND, PRIZE, PENALTY, WORTH = range(7)
"""The rows of `RouteModel.nodes`.

They are the earliest and the latest begin of service (infinite without windows), its duration, the demand, the
prize, the penalty, and the worth of a visit: by how much its prize and penalty reduce the cost. They share one array
since each array of a model is seven arguments of compiled functions, whose speed depends on their number.
"""

ROWS = {"opens": OPENS, "closes": CLOSES, "service": SERVICE, "demand": DEMAND, "prize": PRIZE, "penalty": PENALTY}
"""The names by which rules set the rows."""


MOST_IN_TABLE = 500
"""Nodes up to which all distances between points are looked up in a table; with more, they are computed."""

MOST_STOPS = 10_000_000
"""Stops for which a state has room, 20 bytes each: tours times the most visits of a tour."""


class Weights(NamedTuple):
    """Weights of the terms in the cost, which is minimized; 0 for terms that the objective does not have.

    Attributes:
        length: weight of the total length of all tours.
        longest: weight of the length of the longest tour.
        prize: weight of the prizes, negative where they are maximized.
        penalty: weight of the penalties of customers left out.
        makespan: weight of the latest end of a tour.
    """

    length: float
    longest: float
    prize: float
    penalty: float
    makespan: float


class RouteModel(NamedTuple):
    """A problem and an instance in numbers.

    Attributes:
        geometry: the distances of the n nodes.
        symmetric: whether every distance is the same in both directions, those to the end included.
        start: the node where tours start.
        end: the node where tours end; it may be the start.
        free_end: whether the way from any node to the end has the length 0, whatever the distances are.
        customers: `[m]`, the nodes to visit.
        nodes: `[7, n]`, numbers of the nodes; a row has a name.
        several: whether there may be several tours; a tour without visits then costs nothing.
        tours: the largest number of tours.
        most_visits: a bound on the visits of a feasible tour.
        optional: whether customers may be left out.
        capacity: capacity of a tour, infinite where there is none.
        max_length: largest length of a tour, infinite where there is none.
        quota: the least sum of prizes, 0 where there is none.
        weights: weights of the objective.
        missing: cost of each compulsory customer that is not visited, larger than all other costs.
    """

    geometry: Geometry
    symmetric: bool
    start: int
    end: int
    free_end: bool
    customers: Nodes
    nodes: Array
    several: bool
    tours: int
    most_visits: int
    optional: bool
    capacity: float
    max_length: float
    quota: float
    weights: Weights
    missing: float

    @property
    def size(self) -> int:
        """Number of nodes, n."""
        return self.nodes.shape[1]

    def legs(self, origins: Nodes, destinations: Nodes) -> Array:
        """The distances from each of `origins` to the one of `destinations` at its place (broadcast)."""
        a, b = np.broadcast_arrays(origins, destinations)
        lengths = leg_lengths(self.geometry, a.ravel().astype(np.int32), b.ravel().astype(np.int32))
        return np.where(self.free_end & (b == self.end), 0.0, lengths.reshape(a.shape))


Numbers = dict[str, Any]


def _time_windows(instance: Instance, rule: TimeWindows) -> Numbers:
    assert instance.time_windows is not None
    opens, closes = instance.time_windows.T
    closes = inner_limit(closes, instance.first_opening)
    closes[instance.finish] = np.inf if instance.free_end else closes[instance.finish]
    service = np.zeros(instance.size) if instance.service_times is None else instance.service_times
    return {"opens": opens, "closes": closes, "service": service}


def _capacity(instance: Instance, rule: Capacity) -> Numbers:
    return {"demand": instance.demands, "capacity": inner_limit(instance.capacity or 0.0)}


def _compulsory_visits(instance: Instance, rule: CompulsoryVisits) -> Numbers:
    """Leaving a required customer out costs more than everything else."""
    assert instance.required is not None
    rewards = [values for values in (instance.prizes, instance.penalties) if values is not None]
    most = 1.0 + 2.0 * _farthest(instance) + float(sum(values.sum() for values in rewards))
    penalties = 0.0 if instance.penalties is None else instance.penalties
    return {"penalty": penalties + most * (instance.required > 0)}


def _max_visits(instance: Instance, rule: MaxVisits) -> Numbers:
    """The visits of a single tour are a load."""
    return {"demand": np.ones(instance.size), "capacity": float(rule.most)}


def _length_budget(instance: Instance, rule: LengthBudget) -> Numbers:
    """A limit of the length or, where visits count apart from the objective, of the time that legs and visits take."""
    if instance.max_length is None:
        return {}
    limit, visits = inner_limit(instance.max_length), visit_durations(instance)
    if visits is None:
        return {"max_length": limit}
    closes = np.full(instance.size, np.inf)
    closes[instance.finish] = limit
    return {"closes": closes, "service": visits}


MODEL_RULES: dict[type[Rule], Callable[[Instance, Any], Numbers]] = {
    VisitOnce: lambda instance, rule: {"optional": False},
    VisitAtMostOnce: lambda instance, rule: {"optional": True},
    CompulsoryVisits: _compulsory_visits,
    Capacity: _capacity,
    MaxVisits: _max_visits,
    LengthBudget: _length_budget,
    PrizeQuota: lambda instance, rule: {"quota": max(0.0, -inner_limit(-(instance.min_prize or 0.0)))},
    TimeWindows: _time_windows,
}
"""Each rule's reading: the numbers of the model that it sets."""

MODEL_TERMS = {
    "length": "length",
    "longest": "longest",
    "prize": "prize",
    "penalties": "penalty",
    "makespan": "makespan",
}
"""Each objective term's weight, an attribute of `Weights`."""


def is_modelled(problem: Problem) -> bool:
    """Whether every rule and objective term has a reading here.

    The objective of several tours is either a sum or a maximum, not both. Visits are limited where
    there is one tour and no other load. Visits that count towards a length budget apart from the objective take
    the place of times.
    """
    terms = set(problem.objective.terms)
    return (
        all(type(rule) in MODEL_RULES for rule in problem.rules)
        and terms <= set(MODEL_TERMS)
        and problem.objective.sense == ("max" if terms == {"prize"} else "min")
        and (problem.rule(MaxVisits) is None or not (problem.shape.has_several_tours or problem.rule(Capacity)))
        and (not problem.shape.has_several_tours or len(terms) == 1 or not terms & {"longest", "makespan"})
        and not (counts_visits_apart(problem) and problem.rule(TimeWindows))
    )


def closed(problem: Problem, instance: Instance) -> tuple[Problem, Instance, Reduced | None]:
    """The problem and instance to model: a path becomes a closed tour, which `Reduced` turns back into a path."""
    if not problem.shape.is_path:
        return problem, instance, None
    cycle, reduced = as_cycle(problem, instance)
    return cycle, reduced.instance, reduced


def model_of(problem: Problem, instance: Instance) -> RouteModel:
    """The numbers of an instance with nothing under way, of any shape but a path."""
    instance = instance if instance.size > MOST_IN_TABLE and instance.matrix is None else instance.closed
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
    sign = 1.0 if problem.objective.sense == "min" else -1.0
    weights = Weights(
        **{weight: sign if term in problem.objective.terms else 0.0 for term, weight in MODEL_TERMS.items()}
    )
    if problem.rule(CompulsoryVisits) is not None:
        weights = weights._replace(penalty=1.0)
    nodes = np.zeros((7, instance.size))
    nodes[CLOSES] = np.inf
    nodes[PRIZE] = 0.0 if instance.prizes is None else instance.prizes
    nodes[PENALTY] = 0.0 if instance.penalties is None else instance.penalties
    for name in ROWS.keys() & numbers.keys():
        nodes[ROWS[name]] = numbers.pop(name)
    nodes[WORTH] = weights.penalty * nodes[PENALTY] - weights.prize * nodes[PRIZE]
    latest = nodes[CLOSES, np.isfinite(nodes[CLOSES])].max(initial=0.0)
    everything = 2.0 * _farthest(instance) + nodes[PRIZE].sum() + nodes[PENALTY].sum()
    model = RouteModel(
        geometry=table_of(instance) if instance.size <= MOST_IN_TABLE else geometry_of(instance),
        symmetric=instance.symmetric and not instance.free_end,
        start=instance.depot,
        end=end,
        free_end=instance.free_end,
        customers=customers,
        nodes=frozen(nodes),  # read-only as the distances are, so that one compilation serves every model
        several=several,
        most_visits=most,
        weights=weights,
        missing=1.0 + float(everything + latest + nodes[SERVICE].sum()),
        **numbers,
    )
    most = _most_visits(model)
    return model._replace(most_visits=most, tours=min(model.tours, max(1, MOST_STOPS // most)))


def _farthest(instance: Instance) -> float:
    """A bound on the sum over all nodes of the distance to the farthest other node."""
    if instance.size <= MOST_IN_TABLE or instance.matrix is not None:
        return float(instance.distances.max(axis=1).sum())
    # by the triangle inequality, which rounding breaks by 1 at most
    away = instance.legs(np.arange(instance.size), instance.depot)
    return float(away.sum() + instance.size * (away.max() + 1.0))


def _most_visits(model: RouteModel) -> int:
    """A bound on the visits of a feasible tour, from loads and, where memory asks for it, times and lengths."""
    most = max(1, len(model.customers))
    if not model.several:
        return most
    most = _fitting(model.nodes[DEMAND, model.customers], model.capacity)
    if model.tours * most > MOST_STOPS and model.geometry.code != MATRIX:
        nearest = nearest_neighbours(model.geometry, 1)[model.customers, 0]
        legs = model.legs(nearest, model.customers)
        horizon = model.nodes[CLOSES, model.end] - model.nodes[OPENS, model.start]
        most = min(most, _fitting(legs, model.max_length))
        most = min(most, _fitting(legs + model.nodes[SERVICE, model.customers], horizon))
    return max(1, most)


def _fitting(amounts: Array, limit: float) -> int:
    """How many of the smallest amounts fit into a limit."""
    return int(np.searchsorted(np.cumsum(np.sort(amounts)), limit, side="right"))


def visits_of(model: RouteModel, solution: Solution) -> Nodes:
    """Every customer: those that a solution visits first and in its order."""
    inside = [node for tour in solution.tours for node in tour.tolist() if node not in (model.start, model.end)]
    return np.array([*inside, *np.setdiff1d(model.customers, inside)], dtype=np.int32)
