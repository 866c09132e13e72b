"""CP-SAT: circuit constraints over arc literals, which prove small instances optimal.

Every way that tours may run is one graph: its node 0 is where they start and where they end (of a
path, whatever is free there costs nothing), the others are customers. CP-SAT works on integers.
What is measured is rounded so that no solution is lost and none looks worse than it is: legs,
times and loads down, prizes up, limits by the checker's tolerance in favour of the tour. So what
is proved holds for the instance's own numbers. Whole numbers, and decimals, stay what they are;
others are cut so finely that an optimum is recognized as one, and finer where it is not. A solution
that only the rounding allows is refused by the checker, forbidden to the model, and the search goes on.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from ortools.sat.python import cp_model

from baselines.trivial import SQUARE
from tsp.budget import Budget
from tsp.problems import (
    Capacity,
    LengthBudget,
    MaxVisits,
    PrizeQuota,
    Rule,
    SplitDelivery,
    TimeWindows,
    VisitAtMostOnce,
    VisitOnce,
    get_problem,
)
from tsp.solution import TOLERANCE, Solution, check, no_answer
from tsp.solvers import InstanceSolver

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tsp.budget import Clock
    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solvers import Task

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_NODES = 400
"""Beyond it the model, n² literals, takes longer to make than there is to gain from it."""

RESOLUTION = 2.0**20
"""Steps in the largest number, for each number that a sum may have: what rounding takes off is 1e-6 of it at most."""

LARGEST_SUM = 2.0**52
"""What a sum may come to in integer steps: exact as a float, far from overflow."""

NO_LIMIT = 2.0**60
"""Steps that no sum comes to, for limits beyond."""

DECIMALS = 6
"""Digits behind the point up to which numbers are taken as they are."""

FINER = 2.0**10
"""How much finer numbers are cut where an optimum is not recognized as one."""

IMPOSSIBLE = Solution((), None, False, ("no solution keeps every rule, which is proved",))
"""The answer where there is none."""


class Scale(NamedTuple):
    """Numbers as integer steps.

    Attributes:
        per: steps in one unit.
        exact: whether the numbers it was made for are whole numbers of steps.
    """

    per: float
    exact: bool

    def down(self, values: Floats | float) -> Integers:
        """Steps, rounded down."""
        return self._steps(values, np.floor)

    def up(self, values: Floats | float) -> Integers:
        """Steps, rounded up."""
        return self._steps(values, np.ceil)

    def _steps(self, values: Floats | float, rounded: np.ufunc) -> Integers:
        steps = np.asarray(values) * self.per
        nearest = np.rint(steps)
        # 0.29 * 100 is 28.999999999999996
        return np.where(np.abs(nearest - steps) <= 4e-15 * np.abs(steps), nearest, rounded(steps)).astype(np.int64)

    def most(self, limit: float, tolerance: float = 2 * TOLERANCE) -> int:
        """The most steps that keep an upper limit; the checker's sums may exceed it by its tolerance."""
        steps = (limit + tolerance * max(1.0, abs(limit))) * self.per
        return math.floor(min(max(steps, -NO_LIMIT), NO_LIMIT))

    def least(self, limit: float) -> int:
        """The fewest steps that keep a lower limit."""
        return math.ceil(min((limit - 2 * TOLERANCE * max(1.0, abs(limit))) * self.per, NO_LIMIT))


def make_scale(numbers: Floats, count: int, finer: float = 1.0) -> Scale:
    """The scale for sums of `count` of such numbers, `finer` times as fine as usual where it must round."""
    numbers = np.abs(numbers[np.isfinite(numbers)])
    largest = float(numbers.max(initial=0.0))
    if largest == 0:
        return Scale(1.0, exact=True)
    for digits in range(DECIMALS + 1):
        per = 10.0**digits
        if largest * per * count > LARGEST_SUM:
            break
        if (np.rint(numbers * per) / per == numbers).all():
            return Scale(per, exact=True)
    wanted = math.log2(finer * RESOLUTION * count) - math.log2(largest)
    most = math.log2(LARGEST_SUM / count) - math.log2(largest)
    # Scaling by a power of two is exact.
    return Scale(math.ldexp(1.0, min(math.ceil(wanted), math.floor(most), 1000)), exact=False)


class Frame(NamedTuple):
    """An instance as a graph: node 0, where tours start and end, and customers.

    Attributes:
        customers: the instance's node for each of the nodes 1 to m.
        legs: distances `[m + 1, m + 1]`, row = from; row 0 leads away from the start, column 0 to the end.
        start: where tours start, None where that is free.
        end: where they end, None where that is free.
        ways: nodes passed between two of the instance's nodes, where that is shorter.
        walks: how many walks, each with literals of its own, the model needs.
    """

    customers: Integers
    legs: Floats
    start: int | None
    end: int | None
    ways: dict[tuple[int, int], tuple[int, ...]]
    walks: int = 1

    def tour(self, nodes: Sequence[int]) -> list[int]:
        """The instance's tour that visits these of the graph's nodes."""
        start = [] if self.start is None else [self.start]
        end = [] if self.end is None else [self.end]
        stops = [*start, *self.customers[np.array(nodes, dtype=np.int64) - 1].tolist(), *end]
        out = stops[:1]
        for a, b in pairwise(stops):
            out += [*self.ways.get((a, b), ()), b]
        return out[:-1] if len(out) > 1 and self.start is not None and self.start == self.end else out

    def nodes(self, tour: NDArray[np.int64]) -> list[int]:
        """The graph's nodes that a tour of the instance visits, in its order."""
        places = {node: k for k, node in enumerate(self.customers.tolist(), 1)}
        return [places[node] for node in tour.tolist() if node in places]


def make_frame(problem: Problem, instance: Instance) -> Frame:
    """The graph of an instance.

    Where deliveries are split, only nodes that want something are in it, and distances are those of
    the shortest ways, on which other nodes may be passed.
    """
    start = None if instance.free_start else instance.depot
    end = instance.depot if problem.shape == "cycle" else instance.end if problem.shape == "path" else instance.finish
    distances, ways = instance.distances, dict[tuple[int, int], tuple[int, ...]]()
    customers = np.array([node for node in range(instance.size) if node not in (start, end)], dtype=np.int64)
    if problem.rule(SplitDelivery) is not None:
        assert instance.demands is not None
        # Where one may come home as often as one likes, passing the depot is coming home.
        free = instance.num_tours is None and start == end
        distances, ways = _shortest_ways(distances, [n for n in range(instance.size) if not free or n != start])
        customers = customers[instance.demands[customers] > 0]
    legs = np.zeros((len(customers) + 1, len(customers) + 1))
    legs[1:, 1:] = distances[np.ix_(customers, customers)]
    if start is not None:
        legs[0, 1:] = distances[start, customers]
    if end is not None:
        legs[1:, 0] = distances[customers, end]
    if start is not None and end is not None and problem.shape != "tours":  # there, idle tours are none
        legs[0, 0] = distances[start, end]
    frame = Frame(customers, legs, start, end, ways)
    return frame if problem.rule(SplitDelivery) is None else frame._replace(walks=_most_tours(problem, instance, frame))


def _shortest_ways(distances: Floats, through: list[int]) -> tuple[Floats, dict[tuple[int, int], tuple[int, ...]]]:
    """Lengths of the shortest ways by those nodes, and which they are where they are not direct (Floyd, Warshall)."""
    shortest, ways = distances.copy(), dict[tuple[int, int], tuple[int, ...]]()
    for k in through:
        by = shortest[:, [k]] + shortest[k]
        # Not by the last digit of a sum.
        for a, b in np.argwhere(by < shortest * (1 - 1e-12)).tolist():
            shortest[a, b] = by[a, b]
            ways[a, b] = (*ways.get((a, k), ()), k, *ways.get((k, b), ()))
    return shortest, ways


class Walk(NamedTuple):
    """The literals of one tour, or of all tours where nothing tells them apart.

    Attributes:
        arcs: origins and destinations `[a, 2]`, one row for each literal; an arc from a node to
            itself leaves it out, that of node 0 leaves out all.
        literals: whether the arc is used.
        visited: for each of the nodes 0 to m whether it is visited: literals, or 1.
        several: whether there may be any number of tours.
    """

    arcs: Integers
    literals: list[cp_model.IntVar]
    visited: list[Any]
    several: bool

    def total(self, steps: Integers) -> cp_model.LinearExprT:
        """The sum of the steps `[m + 1, m + 1]` of the arcs used."""
        a, b = self.arcs.T
        counted = np.where((a != b) | (a == 0), steps[a, b], 0)
        return cp_model.LinearExpr.weighted_sum(self.literals, counted.tolist())

    def forbid(self, arcs: NDArray[np.bool_]) -> list[Any]:
        """The literals' negations of those arcs `[m + 1, m + 1]`."""
        return [~x for x, out in zip(self.literals, arcs[tuple(self.arcs.T)].tolist(), strict=True) if out]


class Cumulated(NamedTuple):
    """What grows along each tour.

    Attributes:
        ends: for each arc to node 0 whether it is used, and what has come together after it.
        most: what that is at most.
    """

    ends: list[tuple[cp_model.IntVar, Any]]
    most: int


class Model:
    """CP-SAT's model of one instance.

    Attributes:
        cp: the model itself.
        problem, instance, frame: what is modelled.
        length: the scale of lengths, times and penalties.
        prize: the scale of prizes.
        demand: the scale of demands.
        legs: `frame.legs` in steps.
        walks: one; where deliveries are split, one for each tour.
        amounts: where deliveries are split, what each walk brings to each of the nodes 1 to m.
    """

    def __init__(self, problem: Problem, instance: Instance, frame: Frame, finer: float, clock: Clock) -> None:
        self.cp = cp_model.CpModel()
        self.clock = clock
        self.problem, self.instance, self.frame = problem, instance, frame
        self.length, self.prize, self.demand = _make_scales(problem, instance, frame, finer)
        self.legs = self.length.down(frame.legs)
        self.amounts: list[list[cp_model.IntVar]] = []
        self.walks = [self._make_walk() for _ in range(frame.walks)]

    def _make_walk(self) -> Walk:
        m, cp = len(self.frame.customers), self.cp
        several = self.problem.shape == "tours" and self.problem.rule(SplitDelivery) is None
        optional = self.problem.rule(VisitOnce) is None
        between = ~np.eye(m + 1, dtype=bool)
        if optional:
            between |= np.eye(m + 1, dtype=bool)
        between[0, 0] &= not several
        arcs = np.argwhere(between)
        literals: list[cp_model.IntVar] = []
        for row in np.array_split(arcs, m + 1):
            self.hurry(0.25)
            literals += [cp.new_bool_var("") for _ in range(len(row))]
        rows = list(zip(*arcs.T.tolist(), literals, strict=True))
        out = {a: x for a, b, x in rows if a == b}
        visited = [~out[k] if k in out else 1 for k in range(m + 1)]
        if several:
            # Its presolve takes a depot that no arc may leave for a contradiction: one idle tour always leaves.
            idle = [(0, m + 1, True), (m + 1, 0, True)] if optional else []
            cp.add_multiple_circuit([*rows, *idle])
            if self.instance.num_tours is not None:
                cp.add(sum(x for a, _, x in rows if a == 0) <= self.instance.num_tours)
        else:
            cp.add_circuit(rows)
            if 0 in out:
                cp.add_bool_and([x for k, x in out.items() if k]).only_enforce_if(out[0])
        return Walk(arcs, literals, visited, several)

    def hurry(self, share: float) -> None:
        """Give up where more than this share of the time is gone, and making the model would use up the rest."""
        if self.clock.elapsed > share * self.clock.limit:
            raise TimeoutError

    @cached_property
    def lengths(self) -> Cumulated:
        """The length of each tour so far."""
        lows, highs = np.zeros(len(self.legs)), np.full(len(self.legs), np.inf)
        limit = self.instance.max_length
        if limit is not None and self.problem.rule(LengthBudget) is not None:
            highs[0] = self.length.most(limit)
        return self.cumulate(self.legs, lows, highs)

    @cached_property
    def times(self) -> Cumulated:
        """When each tour's visits begin; of its end, without waiting there."""
        frame, windows, service = self.frame, self.instance.time_windows, self.instance.service_times
        assert windows is not None
        opens, closes, takes = np.zeros(len(self.legs)), np.full(len(self.legs), np.inf), np.zeros(len(self.legs))
        opens[1:], closes[1:] = windows[frame.customers].T
        if service is not None:
            takes[1:] = service[frame.customers]
        if frame.end is not None:
            closes[0] = windows[frame.end, 1]
        if frame.start is not None:
            opens[0] = windows[frame.start, 0]
            takes[0] = 0.0 if service is None else service[frame.start]
            if windows[frame.start, 1] < -2 * TOLERANCE:
                closes[0] = -1.0  # she comes too late to leave
        highs = np.array([self.length.most(time) if time < np.inf else np.inf for time in closes.tolist()])
        lows = self.length.down(np.maximum(opens, 0.0)).astype(np.float64)
        return self.cumulate(self.length.down(frame.legs + takes[:, None]), lows, highs)

    def cumulate(self, steps: Integers, lows: Floats, highs: Floats) -> Cumulated:
        """Variables that grow along the arcs of the one walk.

        Arcs that no tour within the limits can use are forbidden.

        Args:
            steps: by how much along each arc `[m + 1, m + 1]`, at least.
            lows: least value at each node; of node 0, the value at the start.
            highs: largest value at each node, infinity for none; of node 0, at the end.
        """
        (walk,), cp = self.walks, self.cp
        nearest = _nearest(steps.astype(np.float64))
        horizon = float(lows.max() + steps.max(axis=1).sum())
        lows = np.append(lows[0], np.maximum(lows[1:], lows[0] + nearest[0, 1:]))
        latest = np.minimum(highs[1:], min(highs[0], horizon) - nearest[1:, 0])
        late = lows[:, None] + steps > np.append(highs[0], latest)
        late[1:] |= (lows[1:] > latest)[:, None]
        np.fill_diagonal(late[1:, 1:], val=False)
        cp.add_bool_and(walk.forbid(late))
        at: list[Any] = [int(lows[0])]
        at += [cp.new_int_var(int(a), int(max(a, b)), "") for a, b in zip(lows[1:], latest, strict=True)]
        ends: list[tuple[cp_model.IntVar, Any]] = []
        for i, ((a, b), x) in enumerate(zip(walk.arcs.tolist(), walk.literals, strict=True)):
            if i % len(at) == 0:
                self.hurry(0.5)
            if late[a, b] or (a == b and a > 0):
                continue
            after = at[a] + int(steps[a, b])
            if b > 0:
                cp.add(at[b] >= after).only_enforce_if(x)
                continue
            ends.append((x, after))
            if a > 0 and highs[0] < np.inf:
                cp.add(after <= int(highs[0])).only_enforce_if(x)
        return Cumulated(ends, int(horizon))

    @property
    def objective(self) -> Scale:
        """The scale of the objective."""
        return self.prize if self.problem.objective.sense == "max" else self.length

    def forbid(self, routes: Routes) -> None:
        """Forbid one solution."""
        used = [x for walk, tours in zip(self.walks, routes, strict=True) for x in _used(walk, tours)]
        self.cp.add_bool_or([~x for x in used])

    def hint(self, solution: Solution) -> None:
        """Start from a solution."""
        routes = [self.frame.nodes(tour) for tour in solution.tours]
        if not self.amounts:
            self._hint_walk(self.walks[0], routes)
            return
        assert solution.amounts is not None
        loads = [amount.sum() for amount in solution.amounts]
        order = sorted(range(len(routes)), key=lambda k: -loads[k])
        for k, walk in enumerate(self.walks):
            place = order[k] if k < len(order) else None
            nodes = [] if place is None else list(dict.fromkeys(routes[place]))
            self._hint_walk(walk, [nodes])
            steps = np.zeros(len(self.frame.customers), dtype=np.int64)
            if place is not None:
                for node, amount in zip(solution.tours[place].tolist(), solution.amounts[place], strict=True):
                    steps[self.frame.customers == node] += self.demand.down(amount)
            for variable, value in zip(self.amounts[k], steps.tolist(), strict=True):
                self.cp.add_hint(variable, value)

    def _hint_walk(self, walk: Walk, tours: list[list[int]]) -> None:
        used = {x.index for x in _used(walk, tours)}
        for literal in walk.literals:
            self.cp.add_hint(literal, literal.index in used)

    def always(self, steps: Integers) -> int:
        """The sum of the steps `[n]` of nodes that are no customers here and count nevertheless."""
        ends = (
            [] if self.problem.from_depot else [node for node in range(len(steps)) if node not in self.frame.customers]
        )
        return int(steps[ends].sum())

    def collected(self, steps: Integers) -> cp_model.LinearExprT:
        """The sum of the steps `[n]` of the visited nodes that count."""
        (walk,) = self.walks
        return self.always(steps) + cp_model.LinearExpr.weighted_sum(
            walk.visited[1:], steps[self.frame.customers].tolist()
        )

    def missed(self, steps: Integers) -> cp_model.LinearExprT:
        """The sum of the steps `[n]` of the nodes that are left out."""
        (walk,) = self.walks
        steps = steps[self.frame.customers]
        return int(steps.sum()) - cp_model.LinearExpr.weighted_sum(walk.visited[1:], steps.tolist())


def _make_scales(problem: Problem, instance: Instance, frame: Frame, finer: float) -> tuple[Scale, Scale, Scale]:
    """Of lengths, prizes and demands."""
    n, lengths = instance.size, [frame.legs.ravel()]
    if "penalties" in problem.objective.terms and instance.penalties is not None:
        lengths.append(instance.penalties)
    if problem.rule(TimeWindows) is not None and instance.time_windows is not None:
        lengths.append(instance.time_windows[:, 0])
        if instance.service_times is not None:
            lengths.append(instance.service_times)
    none = np.empty(0)
    demands = none if instance.demands is None or instance.capacity is None else instance.demands
    split = problem.rule(SplitDelivery) is not None
    return (
        make_scale(np.concatenate(lengths), 2 * n * len(lengths), finer),
        make_scale(none if instance.prizes is None else instance.prizes, n, finer),
        # Split amounts are read back: as fine as the checker's tolerance is.
        make_scale(np.append(demands, instance.capacity or 0.0) if split else demands, n, 2.0**12 if split else 1.0),
    )


def _nearest(steps: NDArray[Any]) -> NDArray[Any]:
    """Steps of the shortest ways between nodes, which do not pass node 0."""
    nearest = steps
    for k in range(1, len(steps)):
        nearest = np.minimum(nearest, nearest[:, [k]] + nearest[k])
    return nearest


def _most_tours(problem: Problem, instance: Instance, frame: Frame) -> int:
    """How many tours some best answer needs at most, where deliveries are split and ways are shortest.

    Shifting deliveries along tours that share nodes leaves each group of such tours all full but one,
    and never makes a tour longer. Two tours whose loads fit in one can be one, which is no longer.
    """
    assert instance.demands is not None
    assert instance.capacity is not None
    demands = instance.demands[frame.customers]
    if not instance.capacity:
        return 1
    most = int(np.ceil(demands / instance.capacity).sum())
    metric = (frame.legs[1:, [0]] + frame.legs[0, 1:] >= frame.legs[1:, 1:]).all()
    if metric and problem.objective.terms == ("length",) and problem.rule(LengthBudget) is None:
        most = min(most, max(1, math.ceil(2 * demands.sum() / instance.capacity) - 1))
    return most if instance.num_tours is None else min(most, instance.num_tours)


def _visits(model: Model, rule: Rule) -> None:
    """Nothing to add: the walks' circuits visit every node once, or leave it out."""


def _capacity(model: Model, rule: Capacity) -> None:
    instance, cp, customers = model.instance, model.cp, model.frame.customers
    assert instance.demands is not None
    assert instance.capacity is not None
    if model.problem.rule(SplitDelivery) is not None:
        return  # which reads it
    demands = model.demand.down(instance.demands)
    most = model.demand.most(instance.capacity)
    (walk,) = model.walks
    if not walk.several:
        cp.add(model.collected(demands) <= most)
        return
    demands = demands[customers]
    steps = np.zeros((len(customers) + 1, len(customers) + 1), dtype=np.int64)
    steps[:, 1:] = demands
    model.cumulate(steps, np.append(0.0, demands), np.full(len(customers) + 1, float(most)))
    leaving = sum(x for (a, _), x in zip(walk.arcs.tolist(), walk.literals, strict=True) if a == 0)
    if most:
        cp.add(leaving * most >= sum(int(d) * visited for d, visited in zip(demands, walk.visited[1:], strict=True)))
        if model.problem.visits_all:
            cp.add(leaving >= -(-int(demands.sum()) // most))


def _split_delivery(model: Model, rule: SplitDelivery) -> None:
    """Each walk brings something to each node that it visits; a walk with more comes before one with less."""
    instance, cp = model.instance, model.cp
    assert instance.demands is not None
    assert instance.capacity is not None
    demands = model.demand.down(instance.demands[model.frame.customers]).tolist()
    # Half the checker's tolerance is left to what reading the amounts back takes off.
    most = model.demand.most(instance.capacity, TOLERANCE / 2)
    for walk in model.walks:
        row = [cp.new_int_var(0, min(demand, most), "") for demand in demands]
        for amount, visited, demand in zip(row, walk.visited[1:], demands, strict=True):
            cp.add(amount >= visited)
            cp.add(amount <= min(demand, most) * visited)
        cp.add(sum(row) <= most)
        if model.amounts:
            cp.add(sum(model.amounts[-1]) >= sum(row))
        model.amounts.append(row)
    for k, demand in enumerate(demands):
        cp.add(sum(row[k] for row in model.amounts) == demand)
        if most:
            cp.add(sum(walk.visited[k + 1] for walk in model.walks) >= -(-demand // most))
    for walk in model.walks[: -(-sum(demands) // most) if most else 0]:
        cp.add(walk.visited[0] == 1)


def _length_budget(model: Model, rule: LengthBudget) -> None:
    limit = model.instance.max_length
    if limit is None:
        return
    most = model.length.most(limit)
    for walk in model.walks:
        if walk.several:
            assert model.lengths, "made by asking for them"
            if model.instance.num_tours is not None:
                model.cp.add(walk.total(model.legs) <= most * model.instance.num_tours)
        else:
            model.cp.add(walk.total(model.legs) <= most)
            model.cp.add_bool_and(walk.forbid(_too_far(model.legs, most)))


def _too_far(steps: Integers, most: int) -> NDArray[np.bool_]:
    """Arcs `[m + 1, m + 1]` that are on no tour of `most` steps."""
    nearest = _nearest(steps)
    there, home = nearest[0].copy(), nearest[:, 0].copy()
    there[0] = home[0] = 0
    out = there[:, None] + steps + home > most
    np.fill_diagonal(out[1:, 1:], val=False)
    return out


def _max_visits(model: Model, rule: MaxVisits) -> None:
    model.cp.add(sum(sum(walk.visited[1:]) for walk in model.walks) <= rule.most)


def _prize_quota(model: Model, rule: PrizeQuota) -> None:
    instance = model.instance
    assert instance.prizes is not None
    assert instance.min_prize is not None
    (walk,) = model.walks
    prizes, least = model.prize.up(instance.prizes), model.prize.least(instance.min_prize)
    every = model.always(prizes) + int(prizes[model.frame.customers].sum())
    if every >= least:
        model.cp.add(model.collected(prizes) >= least)
    else:
        model.cp.add(sum(walk.visited[1:]) == len(model.frame.customers))


def _time_windows(model: Model, rule: TimeWindows) -> None:
    assert model.times, "made by asking for them"


CPSAT_RULES: dict[type[Rule], Callable[[Model, Any], None]] = {
    VisitOnce: _visits,
    VisitAtMostOnce: _visits,
    SplitDelivery: _split_delivery,
    Capacity: _capacity,
    LengthBudget: _length_budget,
    MaxVisits: _max_visits,
    PrizeQuota: _prize_quota,
    TimeWindows: _time_windows,
}
"""Each rule's reading: the constraints that it adds."""


def _length(model: Model) -> cp_model.LinearExprT:
    return sum(walk.total(model.legs) for walk in model.walks)


def _longest(model: Model) -> cp_model.LinearExprT:
    out = model.cp.new_int_var(0, int(model.legs.max(axis=1).sum()), "")
    for walk in model.walks:
        if not walk.several:
            model.cp.add(out >= walk.total(model.legs))
        elif model.instance.num_tours is not None:
            model.cp.add(model.instance.num_tours * out >= walk.total(model.legs))
    if model.walks[0].several:
        _last(model, out, model.lengths.ends)
    return out


def _makespan(model: Model) -> cp_model.LinearExprT:
    windows, end = model.instance.time_windows, model.frame.end
    assert windows is not None
    opens = 0 if end is None else max(0, int(model.length.down(windows[end, 0])))
    out = model.cp.new_int_var(0, max(opens, model.times.most), "")
    _last(model, out, model.times.ends)
    _last(model, out, [(used, opens) for used, _ in model.times.ends])
    return out


def _last(model: Model, out: cp_model.IntVar, ends: list[tuple[cp_model.IntVar, Any]]) -> None:
    """`out` is at least what each tour ends with."""
    for used, value in ends:
        model.cp.add(out >= value).only_enforce_if(used)


def _prize(model: Model) -> cp_model.LinearExprT:
    assert model.instance.prizes is not None
    return model.collected(model.prize.up(model.instance.prizes))


def _penalties(model: Model) -> cp_model.LinearExprT:
    assert model.instance.penalties is not None
    return model.missed(model.length.down(model.instance.penalties))


CPSAT_TERMS: dict[str, tuple[str, Callable[[Model], cp_model.LinearExprT]]] = {
    "length": ("min", _length),
    "longest": ("min", _longest),
    "makespan": ("min", _makespan),
    "penalties": ("min", _penalties),
    "prize": ("max", _prize),
}
"""Each objective term's sense and reading: steps that are no worse than it."""

SPLIT = ({SplitDelivery, Capacity, LengthBudget}, {"length", "longest"})
"""Rules and terms that are read where deliveries are split."""


class CPSATSolver(InstanceSolver):
    """CP-SAT with a proved bound; up to `MOST_NODES` nodes.

    Args:
        workers: threads of its own, at work on the same instance.
    """

    def __init__(self, *, workers: int = 1) -> None:
        if workers < 1:
            raise ValueError(f"workers: {workers}, expected 1 or more")
        self.name = "cpsat"
        self.workers = workers

    def supports(self, problem: Problem) -> bool:
        """Whether every rule and every objective term has a reading here, and goes with the others."""
        rules, terms = {type(rule) for rule in problem.rules}, set(problem.objective.terms)
        if not (rules <= CPSAT_RULES.keys() and terms <= CPSAT_TERMS.keys()):
            return False
        if any(CPSAT_TERMS[term][0] != problem.objective.sense for term in terms):
            return False
        if SplitDelivery in rules:
            return problem.shape == "tours" and Capacity in rules and rules <= SPLIT[0] and terms <= SPLIT[1]
        return len(rules & {VisitOnce, VisitAtMostOnce}) == 1 and (VisitOnce in rules or problem.from_depot)

    def warm_up(self, problem: Problem) -> None:
        """Let CP-SAT set itself up."""
        self.solve(get_problem("tsp"), [SQUARE], Budget(1.0))

    def describe(self, problem: Problem, size: int, time_limit: float) -> str:
        """The settings in words."""
        return f"{self.name}: {self.workers} worker{'s' if self.workers > 1 else ''} for each instance."

    def solve_one(self, task: Task) -> Solution:
        """Solve one instance; see `InstanceSolver.solve_one`."""
        problem, instance, clock, initial = task.problem, task.instance, task.clock, task.initial
        if instance.size > MOST_NODES:
            sentence = f"{instance.size} nodes: cpsat takes on at most {MOST_NODES}"
            return initial or Solution((), None, False, (sentence,))
        frame = make_frame(problem, instance)
        if problem.shape == "path" and frame.start is not None and frame.start == frame.end and instance.size > 1:
            return IMPOSSIBLE  # it would be there twice
        if frame.walks * instance.size**2 > MOST_NODES**2:
            most = int(MOST_NODES / math.sqrt(frame.walks))
            sentence = f"{instance.size} nodes: with {frame.walks} tours to split among cpsat takes on at most {most}"
            return initial or Solution((), None, False, (sentence,))
        if not len(frame.customers):
            only = check(problem, instance, [] if problem.shape == "tours" else [frame.tour([])])
            return replace(only, bound=only.objective) if only.feasible else IMPOSSIBLE
        search = _Search(task, frame)
        scale, finer = None, 1.0
        while clock.remaining > 0:
            model = build_model(problem, instance, frame, clock, finer)
            if model is None or model.objective == scale:  # no finer scale is to be had
                break
            for routes in search.refused:
                model.forbid(routes)
            if search.best is not None:
                model.hint(search.best)
            scale, refused = model.objective, len(search.refused)
            solver = cp_model.CpSolver()
            solver.parameters.num_workers = self.workers
            solver.parameters.linearization_level = 2  # cuts for circuits: 50 nodes proved in 1 s, not in 12 s without
            solver.parameters.random_seed = task.seed % 2**31
            solver.parameters.catch_sigint_signal = False
            solver.parameters.max_time_in_seconds = clock.remaining
            status = _solve(solver, model.cp, _Relay(model, search))
            if status == cp_model.INFEASIBLE:  # but for what is refused
                return IMPOSSIBLE if search.best is None else search.answer(clock.elapsed)
            if status in {cp_model.OPTIMAL, cp_model.FEASIBLE} or solver.best_objective_bound:
                search.tighten(solver.best_objective_bound / scale.per)
            if len(search.refused) > refused:
                if model.amounts:  # other amounts for the same tours might do
                    break
                scale = None
            elif status != cp_model.OPTIMAL or scale.exact or search.answer(0.0).proved_optimal:
                break
            else:
                finer *= FINER
        return search.answer(clock.elapsed)


def _solve(solver: cp_model.CpSolver, model: cp_model.CpModel, relay: _Relay) -> cp_model.CpSolverStatus:
    """Solve beside the main thread, so that Ctrl-C is heard before the time is up."""
    with ThreadPoolExecutor(1) as pool:
        status = pool.submit(solver.solve, model, relay)
        try:
            return status.result()
        except KeyboardInterrupt:
            solver.stop_search()
            raise


def build_model(problem: Problem, instance: Instance, frame: Frame, clock: Clock, finer: float = 1.0) -> Model | None:
    """The model, or None where making it would use up the time.

    Args:
        problem: one that is supported.
        instance: with at least one node that is not an end.
        frame: the instance's graph.
        clock: what is left of the time.
        finer: how many times as fine as usual numbers are cut.
    """
    try:
        model = Model(problem, instance, frame, finer, clock)
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


Routes = list[list[list[int]]]
"""For each walk its tours, as customers of the graph."""


class _Search:
    """What is known so far, over one model and the next.

    Attributes:
        best: the best answer, None while there is none.
        bound: on every answer's objective, None while there is none.
        refused: solutions of the model that the checker did not accept.
    """

    def __init__(self, task: Task, frame: Frame) -> None:
        self.problem, self.instance, self.report = task.problem, task.instance, task.report
        self.frame = frame
        self.best = task.initial
        self.bound: float | None = None
        self.refused: list[Routes] = []

    def offer(self, routes: Routes, amounts: list[Floats] | None) -> bool:
        """Take an answer of the model; whether the checker accepts it."""
        found = self._checked(routes, amounts)
        if found.objective is None:
            self.refused.append(routes)
            return False
        best = None if self.best is None else self.best.objective
        if best is None or self.problem.objective.better(found.objective, best):
            self.best = found
            if self.report is not None:
                self.report(found)
        return True

    def _checked(self, routes: Routes, amounts: list[Floats] | None) -> Solution:
        if amounts is None:
            several = self.problem.shape == "tours"
            tours = [self.frame.tour(nodes) for walk in routes for nodes in walk if nodes or not several]
            return check(self.problem, self.instance, tours)
        assert self.instance.demands is not None
        tours, delivered = list[list[int]](), list[Floats]()
        left = self.instance.demands.copy()
        last: dict[int, tuple[int, int]] = {}
        for (nodes,), amount in zip(routes, amounts, strict=True):
            if not nodes:
                continue
            tour = self.frame.tour(nodes)
            here = np.zeros(len(tour))
            for k in nodes:
                node = int(self.frame.customers[k - 1])
                last[node] = len(tours), tour.index(node)
                here[tour.index(node)] = amount[k - 1]
                left[node] -= amount[k - 1]
            tours.append(tour)
            delivered.append(here)
        for node, (k, i) in last.items():  # what rounding left
            delivered[k][i] = max(0.0, delivered[k][i] + left[node])
        return check(self.problem, self.instance, tours, amounts=delivered)

    def tighten(self, bound: float) -> None:
        """Take a bound that was proved: of two the one that says more."""
        tighter = min if self.problem.objective.sense == "max" else max
        self.bound = bound if self.bound is None else tighter(self.bound, bound)

    def answer(self, seconds: float) -> Solution:
        """The best answer with its bound, which sums of floats may miss by the last digit."""
        if self.best is None or self.best.objective is None:
            return no_answer(seconds=seconds, solver="cpsat", bound=self.bound)
        looser = max if self.problem.objective.sense == "max" else min
        return replace(self.best, bound=None if self.bound is None else looser(self.bound, self.best.objective))


class _Relay(cp_model.CpSolverSolutionCallback):
    """Offers each solution of the model to the search, and stops at one that the checker refuses."""

    def __init__(self, model: Model, search: _Search) -> None:
        super().__init__()
        self.model = model
        self.search = search

    def on_solution_callback(self) -> None:
        routes = [_routes(walk, [self.boolean_value(x) for x in walk.literals]) for walk in self.model.walks]
        amounts = [np.array([self.value(x) for x in row]) / self.model.demand.per for row in self.model.amounts]
        if not self.search.offer(routes, amounts or None):
            self.stop_search()


def _used(walk: Walk, tours: list[list[int]]) -> list[cp_model.IntVar]:
    """The literals that are true where a walk's tours are these."""
    arcs = {arc for tour in tours for arc in pairwise([0, *tour, 0])}
    visited = {node for tour in tours for node in tour}
    arcs |= {(k, k) for k in range(1, len(walk.visited)) if k not in visited}
    return [x for (a, b), x in zip(walk.arcs.tolist(), walk.literals, strict=True) if (a, b) in arcs]


def _routes(walk: Walk, used: list[bool]) -> list[list[int]]:
    """The tours of a walk, each as its customers."""
    arcs = [(a, b) for a, b in walk.arcs[np.array(used)].tolist() if a != b]
    following = {a: b for a, b in arcs if a}
    tours: list[list[int]] = []
    for node in (b for a, b in arcs if a == 0):
        tours.append([node])
        while (node := following[node]) != 0:
            tours[-1].append(node)
    return tours if tours or walk.several else [[]]
