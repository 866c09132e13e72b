"""Any problem of known rules as plain numbers, for compiled constructions and searches.

Each rule's reading sets a few numbers of a `Model`; a rule that a problem does not have leaves
numbers that never bind. So kernels know numbers and no problem. Split deliveries have no reading.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from baselines.kernels.geometry import Array, Nodes, kernel
from tsp.problems import Capacity, LengthBudget, MaxVisits, PrizeQuota, TimeWindows, VisitAtMostOnce, VisitOnce
from tsp.solution import TOLERANCE
from tsp.underway import as_cycle

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsp.instance import Instance
    from tsp.problems import Problem, Rule
    from tsp.solution import Solution
    from tsp.underway import Reduced


class Model(NamedTuple):
    """A problem and an instance in numbers; costs are to be small.

    Attributes:
        distances: `[n, n]`, row = from.
        start: where tours start.
        end: where they end, perhaps the same.
        customers: `[m]`, the nodes to visit.
        several: whether there may be several tours; one without visits then costs nothing.
        tours: most tours.
        optional: whether customers may be left out.
        opens: `[n]`, when visits may begin.
        closes: `[n]`, when at the latest, infinite without windows.
        service: `[n]`, how long visits take.
        demands: `[n]`.
        capacity: of a tour, infinite where there is none.
        max_length: of a tour, infinite where there is none.
        prizes: `[n]`.
        quota: least sum of prizes, 0 where there is none.
        penalties: `[n]`.
        length: weight of the length in the cost.
        longest: weight of the longest tour.
        prize: weight of the prizes, negative where they are to be many.
        penalty: weight of the penalties.
        makespan: weight of the latest end.
        missing: cost of each customer who must be visited and is not: more than all else.
    """

    distances: Array
    start: int
    end: int
    customers: Nodes
    several: bool
    tours: int
    optional: bool
    opens: Array
    closes: Array
    service: Array
    demands: Array
    capacity: float
    max_length: float
    prizes: Array
    quota: float
    penalties: Array
    length: float
    longest: float
    prize: float
    penalty: float
    makespan: float
    missing: float


class Walk(NamedTuple):
    """A tour so far.

    Attributes:
        at: where it is.
        now: the time, ready to leave.
        length: so far.
        load: so far.
    """

    at: int
    now: float
    length: float
    load: float


Numbers = dict[str, Any]


def _relaxed(limit: float) -> float:
    """A limit that sums of floats may miss by what the checker forgives."""
    return limit + 0.5 * TOLERANCE * max(1.0, abs(limit))


def _time_windows(instance: Instance, rule: TimeWindows) -> Numbers:
    assert instance.time_windows is not None
    closes = instance.time_windows[:, 1]
    slack = 0.5 * TOLERANCE * np.maximum(1.0, np.abs(np.where(np.isinf(closes), 0.0, closes)))
    service = np.zeros(instance.size) if instance.service_times is None else instance.service_times
    return {"opens": instance.time_windows[:, 0], "closes": closes + slack, "service": service}


def _capacity(instance: Instance, rule: Capacity) -> Numbers:
    return {"demands": instance.demands, "capacity": _relaxed(instance.capacity or 0.0)}


def _max_visits(instance: Instance, rule: MaxVisits) -> Numbers:
    """Of one tour, visits are a load."""
    return {"demands": np.ones(instance.size), "capacity": float(rule.most)}


def _length_budget(instance: Instance, rule: LengthBudget) -> Numbers:
    return {} if instance.max_length is None else {"max_length": _relaxed(instance.max_length)}


MODEL_RULES: dict[type[Rule], Callable[[Instance, Any], Numbers]] = {
    VisitOnce: lambda instance, rule: {"optional": False},
    VisitAtMostOnce: lambda instance, rule: {"optional": True},
    Capacity: _capacity,
    MaxVisits: _max_visits,
    LengthBudget: _length_budget,
    PrizeQuota: lambda instance, rule: {"quota": (instance.min_prize or 0.0) * (1.0 - 0.5 * TOLERANCE)},
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
"""Each objective term's weight in the model."""


def is_modelled(problem: Problem) -> bool:
    """Whether every rule and objective term has a reading here.

    Several tours are either measured by sums or by the largest, not by both. Visits are limited where
    there is one tour and no other load.
    """
    terms = set(problem.objective.terms)
    return (
        all(type(rule) in MODEL_RULES for rule in problem.rules)
        and terms <= set(MODEL_TERMS)
        and problem.objective.sense == ("max" if terms == {"prize"} else "min")
        and (problem.rule(MaxVisits) is None or (problem.shape != "tours" and problem.rule(Capacity) is None))
        and (problem.shape != "tours" or len(terms) == 1 or not terms & {"longest", "makespan"})
    )


def closed(problem: Problem, instance: Instance) -> tuple[Problem, Instance, Reduced | None]:
    """The problem and instance to model: a path becomes a closed tour, which `Reduced` leads back from."""
    if problem.shape != "path":
        return problem, instance, None
    cycle, reduced = as_cycle(problem, instance)
    return cycle, reduced.instance, reduced


def model_of(problem: Problem, instance: Instance) -> Model:
    """The numbers of an instance with nothing under way, of any shape but a path."""
    n = instance.size
    zero = np.zeros(n)
    distances = instance.distances
    end = instance.finish if problem.from_depot else instance.depot
    prizes = zero if instance.prizes is None else instance.prizes
    penalties = zero if instance.penalties is None else instance.penalties
    customers = np.setdiff1d(np.arange(n), [instance.depot, end]).astype(np.int32)
    several = problem.shape == "tours"
    most = max(1, len(customers))
    numbers: Numbers = {
        "tours": min(most, instance.num_tours or most) if several else 1,
        "opens": zero,
        "closes": np.full(n, np.inf),
        "service": zero,
        "demands": zero,
        "capacity": np.inf,
        "max_length": np.inf,
        "quota": 0.0,
    }
    for rule in problem.rules:
        numbers |= MODEL_RULES[type(rule)](instance, rule)
    for term, weight in MODEL_TERMS.items():
        sign = 1.0 if problem.objective.sense == "min" else -1.0
        numbers[weight] = sign if term in problem.objective.terms else 0.0
    # NaN-free and read-only, so that one compilation serves all.
    arrays = {name: _frozen(value) for name, value in numbers.items() if isinstance(value, np.ndarray)}
    latest = numbers["closes"][np.isfinite(numbers["closes"])].max(initial=0.0)
    everything = 2.0 * distances.max(axis=1).sum() + prizes.sum() + penalties.sum() + latest + numbers["service"].sum()
    return Model(
        distances=distances,
        start=instance.depot,
        end=end,
        customers=customers,
        several=several,
        prizes=_frozen(prizes),
        penalties=_frozen(penalties),
        missing=1.0 + float(everything),
        **(numbers | arrays),
    )


def _frozen(array: Array) -> Array:
    out = np.array(array, dtype=np.float64)
    out.flags.writeable = False
    return out


def visits_of(model: Model, solution: Solution) -> Nodes:
    """Every customer, those that a solution visits first and in its order."""
    inside = [node for tour in solution.tours for node in tour.tolist() if node not in (model.start, model.end)]
    return np.array([*inside, *np.setdiff1d(model.customers, inside)], dtype=np.int32)


@kernel
def set_out(model: Model) -> Walk:
    """At the start, ready to leave."""
    return Walk(model.start, model.opens[model.start] + model.service[model.start], 0.0, 0.0)


@kernel
def visit(model: Model, walk: Walk, node: int) -> Walk:
    """The walk led on to `node`, and its service."""
    leg = model.distances[walk.at, node]
    begin = max(walk.now + leg, model.opens[node])
    return Walk(np.int64(node), begin + model.service[node], walk.length + leg, walk.load + model.demands[node])


@kernel
def reaches(model: Model, walk: Walk, node: int) -> bool:
    """Whether `node` may be visited next, wherever the tour goes then."""
    leg = model.distances[walk.at, node]
    return (
        walk.now + leg <= model.closes[node]
        and walk.length + leg <= model.max_length
        and walk.load + model.demands[node] <= model.capacity
    )


@kernel
def returns(model: Model, walk: Walk) -> bool:
    """Whether the end can be reached from where the tour is."""
    home = model.distances[walk.at, model.end]
    return walk.now + home <= model.closes[model.end] and walk.length + home <= model.max_length


@kernel
def fits(model: Model, walk: Walk, node: int) -> bool:
    """Whether `node` may be visited next, and the end be reached after it."""
    return reaches(model, walk, node) and returns(model, visit(model, walk, node))


@kernel
def tour_cost(model: Model, walk: Walk) -> float:
    """What a tour costs that goes to its end now: its length and time, weighted."""
    home = model.distances[walk.at, model.end]
    length = walk.length + home
    end = max(walk.now + home, model.opens[model.end])
    return (model.length + model.longest) * length + model.makespan * end
