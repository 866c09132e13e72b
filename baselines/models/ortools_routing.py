"""OR-Tools' routing solver: constructive first solutions, then local search under a metaheuristic.

It works on integers. Costs are rounded to the nearest; what a rule limits is rounded so that whatever
the model allows is allowed. The answer is measured anew on the instance's own numbers, so no rounding
reaches the user. Settings that the caller leaves open come from `ortools_table.json`, which
`benchmarks/tune_ortools.py` makes.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import numpy as np
from ortools.constraint_solver import pywrapcp, routing_enums_pb2
from ortools.util.optional_boolean_pb2 import BOOL_TRUE

from baselines.incumbent import Incumbent
from baselines.trivial import SQUARE, solve_trivial
from tsp.budget import Budget, Clock
from tsp.instance import Array, Instance, Integers
from tsp.interrupts import held_interrupts
from tsp.metrics import METRICS
from tsp.problems import (
    Capacity,
    LengthBudget,
    MaxVisits,
    PrizeQuota,
    Problem,
    Rule,
    SplitDelivery,
    TimeWindows,
    VisitAtMostOnce,
    VisitOnce,
    get_problem,
)
from tsp.solution import TOLERANCE
from tsp.solvers import InstanceSolver

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsp.solution import Solution
    from tsp.solvers import Task

FirstSolution = Literal[
    "AUTOMATIC",
    "PATH_CHEAPEST_ARC",
    "SAVINGS",
    "CHRISTOFIDES",
    "PARALLEL_CHEAPEST_INSERTION",
    "LOCAL_CHEAPEST_INSERTION",
]
Metaheuristic = Literal["GUIDED_LOCAL_SEARCH", "SIMULATED_ANNEALING", "TABU_SEARCH"]
ArcCost = Literal["none", "distance", "prize", "both"]

TABLE = Path(__file__).with_name("ortools_table.json")

LARGEST_SUM = 2**52
"""What the costs of a solution may sum to in integer steps; int64 leaves a factor of 2,000 for penalties."""

LARGEST_LIMIT = 2**48
"""What a limited quantity may sum to in integer steps: one is far below the checker's tolerance."""

MANDATORY = 2**60
"""What leaving out every node may cost, where no answer does: more than any solution."""

MOST_NODES = 7_500
"""The matrix goes to OR-Tools as Python integers, 2 GB of them at this size."""

BLOCK = 200_000
"""Distances that are made at once, between two looks at the clock."""

SPAN_WEIGHT = 100
"""How often more a unit of the longest tour counts than one of any tour, where arcs cost their length beside it."""

PRIZE_SHARE = 0.5
"""What a hop of mean length costs, as a share of the mean prize, where arcs cost their length beside prizes."""

PIECES = 100
"""Into how many pieces of equal size the capacity is cut, where demands are split and not whole numbers."""


class Settings(NamedTuple):
    """How one search is run.

    Attributes:
        first_solution: OR-Tools' first solution strategy.
        metaheuristic: OR-Tools' local search metaheuristic.
        guided_lambda: weight of guided local search's penalties.
        resolution: integer steps in the longest distance (of points: in their box's diagonal), or the
            highest prize, where those are not whole numbers.
        arc_cost: what arcs cost where the objective leaves them free, so that guided local search has
            something to penalize: nothing, a little for their `distance`, what the `prize` that they
            lead to falls short of the highest, or both.
    """

    first_solution: str = "PATH_CHEAPEST_ARC"
    metaheuristic: str = "GUIDED_LOCAL_SEARCH"
    guided_lambda: float = 0.1
    resolution: int = 1_000_000
    arc_cost: str = "none"

    def __str__(self) -> str:
        """As `compare` prints it."""
        weight = f" (lambda {self.guided_lambda:g})" if self.metaheuristic == "GUIDED_LOCAL_SEARCH" else ""
        arcs = f", arcs cost {self.arc_cost}" if self.arc_cost != "none" else ""
        steps = f"{self.resolution:,} steps in the longest distance"
        return f"{self.first_solution}, {self.metaheuristic}{weight}, {steps}{arcs}"


FREE_ARCS = Settings(guided_lambda=1.0, arc_cost="both")
"""What is used where no table row is, if the objective leaves arcs free.

Mean prizes of 20 uniform orienteering instances with prizes by distance after 1 s on a busy core, arcs
costing nothing, `distance`, `prize`, `both`: 4.70, 5.18, 5.49, 5.50 with 20 customers and budget 2;
13.14, 13.28, 14.17, 15.25 with 50 and budget 3.
"""


class _GivenUp(Exception):  # noqa: N818 (not an error)
    """There is no time to make the model, or no solution to be found with it."""


@dataclass
class Model:
    """OR-Tools' model of one instance, and what it takes to make it and to read its answers.

    Its nodes are the instance's, then further copies of those whose delivery may be split, then one
    without a place (-1) where a path may start or end anywhere.

    Attributes:
        problem: what is modelled.
        instance: likewise.
        clock: when to give up.
        nodes: the instance's node of each of the model's `[m]`.
        amounts: what each node is delivered `[m]`.
        start: the model's node where tours start.
        end: the model's node where they end.
        manager: maps the model's nodes to OR-Tools' indices.
        routing: OR-Tools' model.
        step: integer steps in a unit of length or time where those are limited.
        unit: cost of a unit of the objective.
        per_length: what arcs cost for a unit of length.
        incoming: what arcs cost for where they lead `[m]`.
        forgone: what it costs to leave out a node `[m]`.
        beside: what arcs may cost for a unit of length, where the objective leaves them free.
        exact: whether the better of two solutions costs less, but for rounding.
        dimensions: lengths and times along the tours, made when a rule or term asks for them.
    """

    problem: Problem
    instance: Instance
    clock: Clock
    nodes: Integers
    amounts: Array | None
    start: int
    end: int
    manager: pywrapcp.RoutingIndexManager
    routing: pywrapcp.RoutingModel
    step: float
    unit: float
    incoming: Integers
    forgone: Integers
    per_length: float = 0.0
    beside: float = 0.0
    exact: bool = True
    dimensions: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def several(self) -> bool:
        """Whether there may be several tours, those that visit nothing being none."""
        return self.problem.shape == "tours"

    @property
    def vehicles(self) -> range:
        """OR-Tools' numbers of the tours."""
        return range(self.routing.vehicles())

    @property
    def between(self) -> list[tuple[int, int]]:
        """The model's nodes that are neither start nor end, each with its index."""
        stops = (node for node in range(len(self.nodes)) if node not in (self.start, self.end))
        return [(node, self.manager.NodeToIndex(node)) for node in stops]

    def of_customers(self, values: Array) -> Array:
        """Each node's value `[m]` of the instance's `[n]`, zero where it does not count."""
        counts = self.nodes >= 0
        if self.problem.from_depot:
            counts &= (self.nodes != self.instance.depot) & (self.nodes != self.instance.finish)
        return np.where(counts, values[self.nodes], 0.0)


def _visit_once(model: Model, rule: VisitOnce) -> None:
    """A routing model visits every node once. Where finding any solution is hard, it may begin with fewer."""
    others = any(not isinstance(rule, VisitOnce) for rule in model.problem.rules)
    if others and len(model.vehicles) < len(model.between):
        for _, index in model.between:
            model.routing.AddDisjunction([index], MANDATORY // len(model.nodes))


def _visit_at_most_once(model: Model, rule: VisitAtMostOnce) -> None:
    for node, index in model.between:
        model.routing.AddDisjunction([index], int(model.forgone[node]))


def _split_delivery(model: Model, rule: SplitDelivery) -> None:
    """The copies of each node are visited once, but those that want nothing need not be."""
    assert model.amounts is not None
    for node, index in model.between:
        if model.amounts[node] == 0:
            model.routing.AddDisjunction([index], 0)


def _capacity(model: Model, rule: Capacity) -> None:
    instance = model.instance
    assert instance.demands is not None
    assert instance.capacity is not None
    demands = model.of_customers(instance.demands)
    loads = demands if model.amounts is None else model.amounts
    scale = integer_scale(float(loads.sum()), _whole(loads), most=LARGEST_LIMIT)
    _add_count(model, np.ceil(loads * scale), _most(instance.capacity, scale), "load")


def _length_budget(model: Model, rule: LengthBudget) -> None:
    if model.instance.max_length is None:
        return
    lengths, most = _lengths(model), _most(model.instance.max_length, model.step)
    for index in (*(index for _, index in model.between), *map(model.routing.End, model.vehicles)):
        lengths.CumulVar(index).SetMax(most)


def _max_visits(model: Model, rule: MaxVisits) -> None:
    solver = model.routing.solver()
    solver.Add(solver.Sum([model.routing.ActiveVar(index) for _, index in model.between]) <= rule.most)


def _prize_quota(model: Model, rule: PrizeQuota) -> None:
    instance = model.instance
    assert instance.prizes is not None
    assert instance.min_prize is not None
    prizes = model.of_customers(instance.prizes)
    scale = integer_scale(float(prizes.sum()), _whole(prizes), most=LARGEST_LIMIT)
    steps = np.floor(prizes * scale)
    # Half the checker's tolerance makes up for prizes that were rounded down.
    least = math.ceil((instance.min_prize - TOLERANCE / 2 * max(1.0, instance.min_prize)) * scale)
    if steps.sum() < least:  # all there are do not suffice: every node is to be visited
        for _, index in model.between:
            model.routing.ActiveVar(index).SetValue(1)
        return
    _add_count(model, steps, int(steps.sum()), "prize")
    collected = model.routing.GetDimensionOrDie("prize")
    ends = [collected.CumulVar(model.routing.End(vehicle)) for vehicle in model.vehicles]
    if len(ends) == 1:
        ends[0].SetMin(least)
    else:
        solver = model.routing.solver()
        solver.Add(solver.Sum(ends) >= least)


def _time_windows(model: Model, rule: TimeWindows) -> None:
    assert model.instance.time_windows is not None
    times = _times(model)
    closes = model.instance.time_windows[:, 1]

    def close(node: int, index: int) -> bool:
        latest = _most(float(closes[model.nodes[node]]) if model.nodes[node] >= 0 else math.inf, model.step)
        if latest < times.CumulVar(index).Min():
            return False
        times.CumulVar(index).SetMax(latest)
        return True

    for node, index in model.between:
        if not close(node, index):
            if model.problem.visits_all:
                raise _GivenUp
            model.routing.ActiveVar(index).SetValue(0)
    if not all(close(model.end, model.routing.End(vehicle)) for vehicle in model.vehicles):
        raise _GivenUp


def _length(model: Model) -> None:
    model.per_length += model.unit


def _penalties(model: Model) -> None:
    assert model.instance.penalties is not None
    model.forgone += np.rint(model.of_customers(model.instance.penalties) * model.unit).astype(np.int64)


def _prize(model: Model) -> None:
    """What is not collected costs its prize."""
    assert model.instance.prizes is not None
    steps = np.rint(model.of_customers(model.instance.prizes) * model.unit).astype(np.int64)
    model.forgone += steps
    hop = float(model.instance.legs(model.instance.depot, np.arange(model.instance.size)).mean())
    model.beside = PRIZE_SHARE * float(steps.mean()) / hop if hop else 0.0


def _longest(model: Model) -> None:
    _add_span(model, _lengths(model))


def _makespan(model: Model) -> None:
    _add_span(model, _times(model))


ROUTING_RULES: dict[type[Rule], Callable[[Model, Any], None]] = {
    VisitOnce: _visit_once,
    VisitAtMostOnce: _visit_at_most_once,
    SplitDelivery: _split_delivery,
    Capacity: _capacity,
    LengthBudget: _length_budget,
    MaxVisits: _max_visits,
    PrizeQuota: _prize_quota,
    TimeWindows: _time_windows,
}
"""Each rule's reading: what it adds to the model."""

ROUTING_TERMS: dict[str, Callable[[Model], None]] = {
    "length": _length,
    "penalties": _penalties,
    "prize": _prize,
    "longest": _longest,
    "makespan": _makespan,
}
"""Each objective term's reading."""

MAXIMIZED = {"prize"}
"""Terms that can be made large; the others can be made small."""


def _most(limit: float, scale: float) -> int:
    """A limit in steps; half the checker's tolerance makes up for quantities that were rounded up."""
    return math.floor(min((limit + TOLERANCE / 2 * max(1.0, abs(limit))) * scale, 2 * LARGEST_LIMIT))


def _add_count(model: Model, steps: Array, most: int, name: str) -> None:
    """A dimension that sums what is at the nodes, from nothing to `most`."""
    counts = steps.astype(np.int64)
    if model.start != model.end:
        counts[model.start] += counts[model.end]  # nobody leaves the end
    evaluator = model.routing.RegisterUnaryTransitVector(counts.tolist())
    model.routing.AddDimension(evaluator, 0, most, True, name)


def _lengths(model: Model) -> Any:  # noqa: ANN401 (OR-Tools' RoutingDimension)
    if "length" not in model.dimensions:
        transit = _register(model, lambda legs, _: np.ceil(legs * model.step))
        model.routing.AddDimension(transit, 0, 2 * LARGEST_LIMIT, True, "length")
        model.dimensions["length"] = model.routing.GetDimensionOrDie("length")
    return model.dimensions["length"]


def _times(model: Model) -> Any:  # noqa: ANN401 (OR-Tools' RoutingDimension)
    """When visits begin: as soon as one is there and the window is open, from the depot when that opens."""
    if "time" not in model.dimensions:
        instance, most = model.instance, 2 * LARGEST_LIMIT
        service = np.zeros(instance.size) if instance.service_times is None else instance.service_times
        at = np.where(model.nodes < 0, 0.0, service[model.nodes])
        transit = _register(model, lambda legs, origins: np.ceil((legs + at[origins][:, None]) * model.step))
        model.routing.AddDimension(transit, most, most, False, "time")
        times = model.dimensions["time"] = model.routing.GetDimensionOrDie("time")
        windows = instance.time_windows
        opens = np.zeros(instance.size) if windows is None else np.maximum(windows[:, 0], 0.0)
        steps = np.ceil(np.where(model.nodes < 0, 0.0, opens[model.nodes]) * model.step).astype(np.int64).tolist()
        for node, index in model.between:
            times.CumulVar(index).SetMin(steps[node])
        for vehicle in model.vehicles:
            times.CumulVar(model.routing.Start(vehicle)).SetValue(steps[model.start])
            times.CumulVar(model.routing.End(vehicle)).SetMin(steps[model.end])
    return model.dimensions["time"]


def _add_span(model: Model, dimension: Any) -> None:  # noqa: ANN401 (OR-Tools' RoutingDimension)
    dimension.SetGlobalSpanCostCoefficient(round(model.unit / model.step))
    model.beside = model.step


def _register(model: Model, steps: Callable[[Array, Integers], Array]) -> int:
    """Register a transit of integer `steps` from legs `[a, m]` of origins `[a]`.

    Raises:
        _GivenUp: where that would use up the time.
    """
    nodes, m = model.nodes, len(model.nodes)
    nowhere = np.flatnonzero(nodes < 0)
    rows: list[list[int]] = []
    for block in np.array_split(np.arange(m), m * m // BLOCK + 1):
        # OR-Tools' own copy takes about a quarter of the time that ours takes.
        if model.clock.elapsed > 0.7 * model.clock.limit:
            raise _GivenUp
        legs = model.instance.legs(nodes[block][:, None], nodes)
        legs[:, nowhere] = 0.0
        legs[np.isin(block, nowhere)] = 0.0
        rows += steps(legs, block).astype(np.int64).tolist()
    if model.several:
        rows[model.start][model.end] = 0  # nobody goes
    return model.routing.RegisterTransitMatrix(rows)


class ORToolsSolver(InstanceSolver):
    """OR-Tools routing on one core.

    Args:
        first_solution: OR-Tools' first solution strategy; None: as tuned.
        metaheuristic: OR-Tools' local search metaheuristic; None: as tuned.
        guided_lambda: weight of guided local search's penalties; None: as tuned.
        resolution: integer steps in the longest distance (of points: in their box's diagonal), where
            distances are not whole numbers (simulated annealing in OR-Tools starts at temperature 100,
            whatever the unit); None: as tuned.
        arc_cost: what arcs cost where the objective leaves them free (prizes, the longest tour, the
            latest end), so that guided local search has something to penalize: nothing, a little for
            their distance, what the prize that they lead to falls short of the highest, or both; None: as
            tuned.
    """

    def __init__(
        self,
        *,
        first_solution: FirstSolution | None = None,
        metaheuristic: Metaheuristic | None = None,
        guided_lambda: float | None = None,
        resolution: int | None = None,
        arc_cost: ArcCost | None = None,
    ) -> None:
        if guided_lambda is not None and guided_lambda <= 0:
            raise ValueError(f"guided_lambda: {guided_lambda:g}, expected a positive number")
        if resolution is not None and resolution < 1:
            raise ValueError(f"resolution: {resolution}, expected 1 or more")
        self.name = "ortools"
        self._given = {
            "first_solution": first_solution,
            "metaheuristic": metaheuristic,
            "guided_lambda": guided_lambda,
            "resolution": resolution,
            "arc_cost": arc_cost,
        }

    def supports(self, problem: Problem) -> bool:
        """Whether every rule and every objective term has a reading here."""
        return all(type(rule) in ROUTING_RULES for rule in problem.rules) and all(
            term in ROUTING_TERMS and (term in MAXIMIZED) == (problem.objective.sense == "max")
            for term in problem.objective.terms
        )

    def settings(self, problem: Problem, size: int, time_limit: float) -> Settings:
        """What is used for instances of `size` nodes within `time_limit` seconds."""
        row = _tuned(problem.name, size, time_limit)
        untuned = Settings() if "length" in problem.objective.terms else FREE_ARCS
        tuned = untuned if row is None else Settings(**{key: row[key] for key in Settings._fields})
        return tuned._replace(**{key: value for key, value in self._given.items() if value is not None})

    def describe(self, problem: Problem, size: int, time_limit: float) -> str:
        """The settings in words, and where they come from."""
        row = _tuned(problem.name, size, time_limit)
        text = f"{self.name} at {size} nodes and {time_limit:g} s: {self.settings(problem, size, time_limit)}"
        if row is None:
            return f"{text} (not tuned)."
        return f"{text} (tuned at {row['size']} nodes and {row['time_limit']:g} s on {row['instances']} instances)."

    def warm_up(self, problem: Problem) -> None:
        """Read the table, and let OR-Tools set itself up."""
        self.solve(get_problem("tsp"), [SQUARE], Budget(0.01))

    def solve_one(self, task: Task) -> Solution:
        """Solve one instance; see `InstanceSolver.solve_one`."""
        problem, instance = task.problem, task.instance
        trivial = solve_trivial(problem, instance)
        if trivial is not None:
            return trivial
        best = Incumbent(task)
        settings = self.settings(problem, instance.size, task.clock.limit)
        stages = phases(problem, instance, settings, task.initial)
        for k, (relaxed, settings) in enumerate(stages):
            initial = task.initial if k == 0 else best.solution
            share = Clock(task.clock.remaining / (len(stages) - k))
            _search(replace(task, problem=relaxed, clock=share, initial=initial), settings, best)
        return best.solution


def phases(
    problem: Problem, instance: Instance, settings: Settings, initial: Solution | None = None
) -> list[tuple[Problem, Settings]]:
    """What is searched in turn, each from the best before, in equal shares of the time: a problem, and how."""
    last = (problem, settings)
    if initial is None and problem.rule(SplitDelivery) is not None:
        # The search among answers that split no delivery is much smaller.
        rules = tuple(VisitOnce() if isinstance(rule, SplitDelivery) else rule for rule in problem.rules)
        unsplit = replace(problem, rules=rules)
        assert instance.demands is not None
        if instance.demands.max() <= (instance.capacity or 0.0):
            return [(unsplit, settings), last]
    if settings.arc_cost == "both" and "prize" in problem.objective.terms:
        # With lengths the search finds what is worth its way, without them what can be had on the way.
        return [last, (problem, settings._replace(arc_cost="prize"))]
    return [last]


def _search(task: Task, settings: Settings, best: Incumbent) -> None:
    """Search from `task.initial`, and let `best` consider each solution."""
    clock, initial = task.clock, task.initial
    start = initial if initial is not None and initial.feasible else None
    model = build_model(task.problem, task.instance, settings, clock, start)
    if model is None:
        return
    routing = model.routing
    routing.CloseModelWithParameters(search_parameters(settings, clock.remaining))
    routing.solver().ReSeed(task.seed % 2**31)
    least = math.inf

    def look() -> None:
        nonlocal least
        cost = routing.CostVar().Value()
        if cost < least or not model.exact:
            least = min(least, cost)
            best.consider(*walk(model, lambda index: routing.NextVar(index).Value()))

    if best.report is not None or not model.exact:
        routing.AddAtSolutionCallback(look)
    # None where the model, rounded, does not allow it.
    assignment = None if start is None else routing.ReadAssignmentFromRoutes(routes(model, start), True)
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
        best.consider(*walk(model, lambda index: found.Value(routing.NextVar(index))))


@cache
def _rows() -> list[dict[str, Any]]:
    return json.loads(TABLE.read_text(encoding="utf-8"))["settings"]


def _tuned(problem: str, size: int, time_limit: float) -> dict[str, Any] | None:
    """The table's row nearest in size, then in time, both by ratio."""

    def distance(row: dict[str, Any]) -> tuple[float, float]:
        return abs(math.log(row["size"] / size)), abs(math.log(row["time_limit"] / time_limit))

    return min((row for row in _rows() if row["problem"] == problem), key=distance, default=None)


def longest_distance(instance: Instance) -> float:
    """A length that no distance exceeds: of points, their box's diagonal."""
    if instance.matrix is not None:
        return float(instance.matrix.max())
    # No two points are farther apart than the corners of their box. Only distances on the globe
    # are, but those are whole and fit.
    points = cast("Array", instance.coordinates)
    return float(METRICS[instance.metric].between(points.min(axis=0), points.max(axis=0)))


def integer_scale(total: float, whole: bool, *, most: int = LARGEST_SUM, finest: float = math.inf) -> float:
    """Integer steps in a unit, so that what sums to `total` sums to `most` steps or fewer.

    Whole numbers stay what they are where they fit; others are cut into at most `finest` steps a unit.
    """
    if total == 0 or (whole and total <= most):
        return 1.0
    largest = most / max(total, 1e-290)  # the smallest of numbers would make it infinite
    return largest if whole else min(finest, largest)


def _whole(*values: Array | None) -> bool:
    return all(array is None or bool((array == np.floor(array)).all()) for array in values)


def _limit_step(problem: Problem, instance: Instance, count: int, resolution: int) -> float:
    """Integer steps in a unit of length or time: fine, where those are limited."""
    windows, service = instance.time_windows, instance.service_times
    longest = longest_distance(instance)
    total = count * longest
    whole = instance.integral
    if windows is not None:
        finite = np.where(np.isfinite(windows), windows, 0.0)
        total += max(0.0, float(windows[:, 0].max())) + (0.0 if service is None else count * float(service.max()))
        whole = whole and _whole(finite, service)
    limited = problem.rule(LengthBudget) or problem.rule(TimeWindows)
    finest = math.inf if limited else resolution / max(longest, 1e-290)
    return integer_scale(total, whole, most=LARGEST_LIMIT, finest=finest)


def _cost_unit(problem: Problem, instance: Instance, settings: Settings, count: int, step: float) -> float:
    """Cost of a unit of the objective; whole numbers cost whole numbers, where they fit."""
    terms, beside = problem.objective.terms, settings.arc_cost in ("distance", "both")
    if "longest" in terms or "makespan" in terms:
        return step * (SPAN_WEIGHT if beside and "length" not in terms else 1)
    if "prize" in terms:
        assert instance.prizes is not None
        highest = float(instance.prizes.max())
        finest = settings.resolution / max(highest, 1e-290)
        unit = integer_scale(float(instance.prizes.sum()), _whole(instance.prizes), finest=finest)
        return unit * max(1, int(finest / unit)) if beside else unit
    longest, total, whole = longest_distance(instance), 0.0, instance.integral
    total = count * longest
    if "penalties" in terms:
        assert instance.penalties is not None
        total += float(instance.penalties.sum())
        whole = whole and _whole(instance.penalties)
        longest = longest or float(instance.penalties.max())
    return integer_scale(total, whole, finest=settings.resolution / max(longest, 1e-290))


def build_model(
    problem: Problem, instance: Instance, settings: Settings, clock: Clock, initial: Solution | None = None
) -> Model | None:
    """The model, or None where making it would use up the time, or the rules allow no solution.

    Args:
        problem: what to model.
        instance: likewise.
        settings: how costs are made.
        clock: when to give up.
        initial: a solution that the model is to be able to state, where deliveries may be split.
    """
    try:
        return _build(problem, instance, settings, clock, initial)
    except _GivenUp:
        return None


def _build(problem: Problem, instance: Instance, settings: Settings, clock: Clock, initial: Solution | None) -> Model:
    nodes, amounts = np.arange(instance.size), None
    start, end = instance.depot, instance.finish
    if instance.size > MOST_NODES:
        raise _GivenUp
    if problem.rule(SplitDelivery) is not None:
        nodes, amounts = _pieces(instance, initial)
    if problem.shape == "path" and (instance.free_start or instance.end is None):
        nodes = np.append(nodes, -1)
        start = len(nodes) - 1 if instance.free_start else start
        end = len(nodes) - 1 if instance.end is None else end
    if len(nodes) > MOST_NODES:
        raise _GivenUp
    vehicles = 1
    if problem.shape == "tours":
        vehicles = max(1, len(nodes) - len({start, end}))
        vehicles = min(vehicles, instance.num_tours or vehicles)
    manager = pywrapcp.RoutingIndexManager(len(nodes), vehicles, [start] * vehicles, [end] * vehicles)
    step = _limit_step(problem, instance, len(nodes), settings.resolution)
    model = Model(
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
        unit=_cost_unit(problem, instance, settings, len(nodes), step),
        incoming=np.zeros(len(nodes), dtype=np.int64),
        forgone=np.zeros(len(nodes), dtype=np.int64),
    )
    if not model.several:
        model.routing.SetVehicleUsedWhenEmpty(True, 0)  # the way from start to end costs its length
    for term in problem.objective.terms:
        ROUTING_TERMS[term](model)
    if model.per_length == 0:
        _add_arc_cost(model, settings)
    for rule in problem.rules:
        ROUTING_RULES[type(rule)](model, rule)
    if model.per_length or model.incoming.any():
        transit = _register(model, lambda legs, _: np.rint(legs * model.per_length) + model.incoming.astype(np.float64))
        model.routing.SetArcCostEvaluatorOfAllVehicles(transit)
    return model


def _add_arc_cost(model: Model, settings: Settings) -> None:
    """Give arcs a cost that the objective does not give them."""
    if settings.arc_cost in ("distance", "both") and model.beside:
        model.per_length = model.beside
        model.exact = False
    if settings.arc_cost in ("prize", "both") and model.forgone.any():
        # Every node costs the highest prize, unless it is visited and gives back its own.
        highest, optional = int(model.forgone.max()), [node for node, _ in model.between]
        model.incoming[optional] = highest - model.forgone[optional]
        model.forgone[optional] = highest


def _pieces(instance: Instance, initial: Solution | None) -> tuple[Integers, Array]:
    """The nodes with copies of those whose demand may be split, and what each is delivered.

    A demand is cut into 1, 2, 4, … units and a rest, so that few copies make every split in two (compare
    the a-priori splits of Chen, Golden, Wang and Wasil 2017, doi:10.1111/itor.12250). What `initial`
    delivers at once is cut apart, so that the copies can tell it.
    """
    assert instance.demands is not None
    assert instance.capacity is not None
    demands = instance.demands.copy()
    demands[[instance.depot, instance.finish]] = 0.0
    if demands.sum() > MOST_NODES * instance.capacity:
        raise _GivenUp
    portions: list[list[float]] = [[demand] for demand in demands.tolist()]
    if initial is not None and initial.amounts is not None:
        portions = [[] for _ in portions]
        for tour, given in zip(initial.tours, initial.amounts, strict=True):
            for node, amount in zip(tour.tolist(), given.tolist(), strict=True):
                portions[node].append(amount)
    cuts = _cuts(instance)
    cut = [[piece for portion in split for piece in _cut(portion, *cuts)] or [0.0] for split in portions]
    nodes = [*range(instance.size), *(node for node, pieces in enumerate(cut) for _ in pieces[1:])]
    amounts = [pieces[0] for pieces in cut] + [piece for pieces in cut for piece in pieces[1:]]
    return np.array(nodes), np.array(amounts)


def _cuts(instance: Instance) -> tuple[float, float]:
    """The smallest and the largest piece."""
    assert instance.capacity is not None
    return 1.0 if _whole(instance.demands) else instance.capacity / PIECES, instance.capacity


def _cut(amount: float, smallest: float, largest: float) -> list[float]:
    pieces: list[float] = []
    size = min(smallest, largest)
    while amount > size:
        pieces.append(size)
        amount -= size
        size = min(2 * size, largest)
    return [*pieces, amount] if amount > 0 else pieces


def search_parameters(settings: Settings, seconds: float) -> Any:  # noqa: ANN401 (a protocol buffer)
    """OR-Tools' search parameters, its own defaults but for the settings and the time limit."""
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.Value.Value(settings.first_solution)
    parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.Value.Value(
        settings.metaheuristic
    )
    parameters.local_search_operators.use_extended_swap_active = BOOL_TRUE
    parameters.guided_local_search_lambda_coefficient = settings.guided_lambda
    parameters.time_limit.FromNanoseconds(max(1, int(seconds * 1e9)))
    return parameters


def routes(model: Model, solution: Solution) -> list[list[int]]:
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
            count = 1 if solution.amounts is None else len(_cut(float(solution.amounts[k][i]), *_cuts(model.instance)))
            stops += [copies[at].pop() for _ in range(count)]
        found.append([model.manager.NodeToIndex(node) for node in stops])
    return found


def walk(model: Model, following: Callable[[int], int]) -> tuple[list[list[int]], list[list[float]] | None]:
    """The tours, where `following` gives the index after each, and what each stop is delivered, if that is split."""
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
    merged = [_merge(model, model.amounts, tour) for tour in tours]
    return [places for places, _ in merged], [given for _, given in merged]


def _merge(model: Model, amounts: Array, tour: list[int]) -> tuple[list[int], list[float]]:
    """The tour in the instance's nodes, copies that follow each other being one visit, and what each is delivered."""
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
