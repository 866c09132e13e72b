"""The rest of a tour under way, as an instance of its own.

`reduce` turns an instance with `Instance.underway` into one without, so that a solver plans the rest without
knowing about the beginning. The nodes visited are merged into one node. With one tour, that node is the start of
the rest; the depot, if the tour ends there, becomes another node, the end (in a cycle, the start's column of
the matrix). With several tours, it stands for the current tour so far and comes right after the depot. The table
`UNDERWAY_RULES` reduces the limit of each rule to what is left of it.

`as_cycle` turns a path into a closed tour in the same way, for solvers of closed tours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tsp.instance import Instance, Integers
from tsp.problems import (
    Capacity,
    CompulsoryVisits,
    LengthBudget,
    MaxVisits,
    PrizeQuota,
    Problem,
    Shape,
    SplitDelivery,
    TimeWindows,
    VisitAtMostOnce,
    VisitOnce,
)
from tsp.solution import check
from tsp.tolerance import allowance
from tsp.underway.begun import CURRENT, Begun, deliveries, elapsed_time, listed_end, validate_underway

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from tsp.problems import Rule
    from tsp.solution import Solution

Changes = dict[str, Any]
"""Attributes of the reduced instance that a rule changes, and, as `rule`, the rule itself where it changes."""


@dataclass(frozen=True, eq=False)
class Reduced:
    """An instance to solve in place of another, and how its solutions become solutions of the other.

    Attributes:
        problem: has the original rules, with what is left of their limits.
        instance: to be solved; nothing is under way in it.
        nodes: the original node of each of its nodes; -1 for a node that the original tour does not list.
        before: the finished tours.
        head: the beginning of the tour that visits `merged`, in place of the depot and `merged`.
        tail: the end of that tour, appended where it is missing.
        merged: the node that stands for `head`, 0 or `CURRENT`; None where there is none.
        amounts: the amounts delivered to the nodes of `before` and `head`, where deliveries may be split.
        exact: whether every solution of the original is an expanded one, so that a proved bound holds.
    """

    problem: Problem
    instance: Instance
    nodes: Integers
    before: tuple[tuple[int, ...], ...] = ()
    head: tuple[int, ...] = ()
    tail: tuple[int, ...] = ()
    merged: int | None = None
    amounts: tuple[tuple[float, ...], ...] = ()
    exact: bool = True

    @property
    def decided(self) -> bool:
        """Whether nothing is left to plan, so that expanding no tours gives the only solution."""
        others = 1 + (self.merged == CURRENT) + (self.instance.end is not None)
        return bool(self.head or self.before) and len(self.nodes) <= others

    def expand(
        self, tours: Sequence[ArrayLike], amounts: Sequence[ArrayLike] | None = None
    ) -> tuple[list[Integers], list[NDArray[np.float64]] | None]:
        """Tours of the reduced instance, and their amounts, as those of the original instance.

        The nodes visited come first, even if a solver put `merged` elsewhere.
        """
        first, first_amounts = np.empty(0, dtype=np.int64), np.empty(0)
        rest: list[Integers] = []
        rest_amounts: list[NDArray[np.float64]] = []
        for k, tour in enumerate(tours):
            stops = np.asarray(tour, dtype=np.int64)
            amount = np.zeros(len(stops)) if amounts is None else np.asarray(amounts[k], dtype=np.float64)
            if self.merged is not None and not first.size and self.merged in stops:
                keep = (stops > self.merged) & (self.nodes[stops] >= 0)
                first, first_amounts = self.nodes[stops[keep]], amount[keep]
            else:
                keep = np.ones(len(stops), dtype=bool) if self.merged is None else stops != self.merged
                rest.append(self.nodes[stops[keep]])
                rest_amounts.append(amount[keep])
        out = [np.array(tour, dtype=np.int64) for tour in self.before]
        out_amounts = [np.array(amount) for amount in self.amounts]
        if self.merged == CURRENT and self.instance.num_tours is not None and len(rest) == len(tours):
            most = self.instance.num_tours - 1  # the tour under way is one of them, though the answer leaves it out
            rest, rest_amounts = rest[:most], rest_amounts[:most]
        if self.merged is not None:
            begun = [*self.head, *first.tolist()]
            tail = [node for node in self.tail if begun[-1:] != [node]]
            out.append(np.array(begun + tail, dtype=np.int64))
            if out_amounts:
                out_amounts[-1] = np.concatenate([out_amounts[-1], first_amounts, np.zeros(len(tail))])
        return out + rest, None if amounts is None else out_amounts + rest_amounts

    def shrink(
        self, tours: Sequence[ArrayLike], amounts: Sequence[ArrayLike] | None = None
    ) -> tuple[list[Integers], list[NDArray[np.float64]] | None]:
        """Tours of the original instance that begin as given, and their amounts, as those of the reduced instance."""
        place = {node: i for i, node in enumerate(self.nodes.tolist()) if i != self.merged}
        out: list[Integers] = []
        out_amounts: list[NDArray[np.float64]] = []
        for k in range(len(self.before), len(tours)):
            nodes = np.asarray(tours[k], dtype=np.int64).tolist()
            amount = [0.0] * len(nodes) if amounts is None else np.asarray(amounts[k], dtype=np.float64).tolist()
            start: list[int] = []
            start_amounts: list[float] = []
            if k == len(self.before) and self.merged is not None:
                start = list(range(self.merged + 1))
                start_amounts = [0.0] * self.merged + [sum(amount[: len(self.head)])]
                nodes, amount = nodes[len(self.head) :], amount[len(self.head) :]
            kept = [(place[node], a) for node, a in zip(nodes, amount, strict=True) if node in place]
            if self.instance.end is not None and (not kept or kept[-1][0] != self.instance.end):
                kept.append((self.instance.end, 0.0))
            out.append(np.array(start + [i for i, _ in kept], dtype=np.int64))
            out_amounts.append(np.array(start_amounts + [a for _, a in kept]))
        return out, None if amounts is None else out_amounts

    def answer(self, problem: Problem, instance: Instance, found: Solution) -> Solution:
        """The solution `found` of the reduced instance as one of the original instance, checked."""
        if found.objective is None and not found.tours and not self.decided:
            return replace(found, bound=None, reasons=found.reasons if self.exact else ())
        tours, amounts = self.expand(found.tours, found.amounts)
        checked = check(problem, instance, tours, amounts=amounts, seconds=found.seconds, solver=found.solver)
        if not checked.feasible and self.exact:
            checked = replace(checked, reasons=found.reasons)
        if found.bound is None or not self.exact or found.objective is None or checked.objective is None:
            return checked
        return replace(checked, bound=found.bound + checked.objective - found.objective)

    def question(self, problem: Problem, solution: Solution) -> Solution:
        """A solution of the original instance as one of the reduced instance, checked."""
        tours, amounts = self.shrink(solution.tours, solution.amounts)
        return check(problem, self.instance, tours, amounts=amounts)


def reduce(problem: Problem, instance: Instance) -> Reduced:
    """The rest of an instance under way, as an instance in which nothing is under way.

    Every solution of it, expanded, begins with the nodes visited, and its objective differs by a constant
    (except where a finished tour is the longest or the latest). Between two of several tours, with time
    windows, the tours to come leave at `elapsed` or later.

    Raises:
        ValueError: in one sentence, for what cannot have happened, or for several tours with optional nodes
            where neither length nor time would make a tour continue its beginning.
    """
    underway = instance.underway
    if underway is None:
        return Reduced(problem, instance, np.arange(instance.size))
    finished, current = validate_underway(problem, instance)
    if not current:
        return Reduced(problem, replace(instance, underway=None), np.arange(instance.size))
    last = listed_end(problem, instance)
    several = problem.shape.has_several_tours
    arrived = current[-1] == last
    if several and arrived:
        finished, current = [*finished, current], [instance.depot]
    between = several and len(current) == 1
    left, amounts = deliveries(problem, instance, [*finished, *([] if between else [current])])
    over = (arrived and not several) or (between and instance.num_tours == len(finished))
    rest = [] if over else _nodes_left(problem, instance, [*finished, current], left, last)
    merged = None if between else CURRENT if several else 0
    nodes = np.array([instance.depot, current[-1]] if merged == CURRENT else [current[-1]], dtype=np.int64)
    home = problem.shape.has_one_depot_tour and last is None
    nodes = np.concatenate([nodes, np.array(rest + [instance.depot] * home, dtype=np.int64)])
    begun = Begun(
        problem,
        instance,
        finished,
        current,
        nodes,
        merged,
        left,
        elapsed_time(instance, underway, current),
        instance.path_length(current) if underway.travelled is None else underway.travelled,
        sum(amounts[-1]) if underway.load is None and amounts and not between else underway.load or 0.0,
    )
    rules, changes = _rules_and_changes(begun)
    if home or last in rest:
        changes["end"] = len(nodes) - 1 if home else int(np.flatnonzero(nodes == last)[-1])
    return Reduced(
        replace(problem, rules=rules),
        replace(instance, **changes),
        np.append(nodes[:-1], -1) if home else nodes,
        before=tuple(map(tuple, finished)),
        head=() if between else tuple(current),
        tail=() if last is None else (last,),
        merged=merged,
        amounts=tuple(map(tuple, amounts)),
        exact=not (several and problem.rule(TimeWindows)),
    )


def _nodes_left(
    problem: Problem,
    instance: Instance,
    tours: list[list[int]],
    left: NDArray[np.float64] | None,
    last: int | None,
) -> list[int]:
    """The nodes that may still be visited: not in the tours so far, or still with a demand where it may be split."""
    visited = {node for tour in tours for node in tour}
    if left is not None and problem.rule(SplitDelivery) is not None:
        assert instance.demands is not None
        visited -= set(np.flatnonzero(left > allowance(instance.demands)).tolist())
    visited = (visited | {tours[-1][0]}) - {last}
    return [node for node in range(instance.size) if node not in visited]


def _rules_and_changes(begun: Begun) -> tuple[tuple[Rule, ...], Changes]:
    """The rules of the reduced instance, and its attributes."""
    changes = _restricted(begun) | _changed_distances(begun)
    rules: list[Rule] = []
    for rule in begun.problem.rules:
        change = UNDERWAY_RULES[type(rule)](begun, rule, changes)
        rules.append(change.pop("rule", rule))
        changes |= change
    return tuple(rules), changes


PATH_FACTOR = 2.0
"""Time for turning a path into a closed tour, as a multiple of the time for its distances."""


def as_cycle(problem: Problem, instance: Instance) -> tuple[Problem, Reduced]:
    """A path as a closed tour of an instance with an explicit, asymmetric matrix.

    The path's fixed ends are merged into one node. The legs from this node have the lengths of those from
    the start, the legs to it the lengths of those to the end; to or from a free end they have length 0.
    The length of the path is that of the closed tour.

    Args:
        problem: of shape `path`, with no rule but `VisitOnce`.
        instance: with nothing under way.
    """
    start = None if instance.free_start else instance.depot
    ends = {node for node in (start, instance.end) if node is not None}
    rest = np.array([node for node in range(instance.size) if node not in ends], dtype=np.int64)
    matrix = np.zeros((len(rest) + 1, len(rest) + 1))
    matrix[1:, 1:] = instance.distances[np.ix_(rest, rest)]
    if start is not None:
        matrix[0, 1:] = instance.legs(start, rest)
    if instance.end is not None:
        matrix[1:, 0] = instance.legs(rest, instance.end)
    stand_in = start if start is not None else instance.finish
    closed = _subset(instance, np.append(stand_in, rest)) | {"matrix": matrix, "end": None, "free_start": False}
    cycle = replace(problem, shape=Shape.CYCLE)
    return cycle, Reduced(
        cycle,
        replace(instance, **closed),
        np.append(-1, rest),
        head=() if start is None else (start,),
        tail=() if instance.end is None else (instance.end,),
        merged=0,
    )


def _subset(instance: Instance, nodes: Integers) -> Changes:
    """Every attribute restricted to `nodes`, in their order; the first of them becomes the depot."""
    changes: Changes = {"depot": 0, "underway": None, "fixed_edges": None, "best_known": None}
    kept: list[int] = nodes.tolist()
    for name in ("coordinates", "prizes", "penalties", "demands", "time_windows", "service_times", "required"):
        values = getattr(instance, name)
        changes[name] = None if values is None else values[nodes]
    if instance.matrix is not None:
        changes["matrix"] = instance.matrix[np.ix_(nodes, nodes)]
    changes["names"] = tuple(map(instance.node_name, kept))
    changes["extras"] = {name: tuple(column[node] for node in kept) for name, column in instance.extras.items()}
    return changes


def _restricted(begun: Begun) -> Changes:
    """The changes that do not depend on the rules: what is left of the instance."""
    changes: Changes = {**_subset(begun.instance, begun.nodes), "end": None, "free_start": False}
    if begun.instance.num_tours is not None:
        changes["num_tours"] = max(1, begun.instance.num_tours - len(begun.finished))
    for name in ("prizes", "penalties", "demands", "required"):
        if changes[name] is not None:
            changes[name] = _with(changes[name], begun.merged, 0.0)
    return changes


def _changed_distances(begun: Begun) -> Changes:
    """The distances, where they are not simply those between the nodes left."""
    problem, instance, nodes = begun.problem, begun.instance, begun.nodes
    if begun.merged is None or (begun.merged == 0 and (not problem.shape.is_closed or nodes[0] == instance.depot)):
        return {}
    matrix = instance.distances[np.ix_(nodes, nodes)]
    if begun.merged == 0:
        matrix[:, 0] = instance.legs(nodes, instance.depot)
    else:
        limited = problem.rule(LengthBudget) is not None and instance.max_length is not None
        if not (limited or problem.rule(TimeWindows) or {"length", "longest"} & set(problem.objective.terms)):
            raise ValueError(
                f"visited: in problem {problem.name!r} neither length nor time counts, "
                f"which alone would hold the rest of several tours to their beginning"
            )
        matrix[:, CURRENT] = 2.0 * begun.far
        matrix[0, CURRENT] = begun.entry
    return {"matrix": matrix}


def _visit_once(begun: Begun, rule: VisitOnce, changes: Changes) -> Changes:
    return {}


def _visit_at_most_once(begun: Begun, rule: VisitAtMostOnce, changes: Changes) -> Changes:
    """With several tours, a high prize or penalty keeps the node `CURRENT` in the tours."""
    if begun.merged != CURRENT:
        return {}
    instance, out = begun.instance, Changes()
    if instance.prizes is not None:
        out["prizes"] = _with(changes["prizes"], CURRENT, begun.lure)
    if instance.penalties is not None:
        out["penalties"] = _with(changes["penalties"], CURRENT, 4.0 * begun.far + float(instance.penalties.sum()))
    return out


def _compulsory_visits(begun: Begun, rule: CompulsoryVisits, changes: Changes) -> Changes:
    return {}


def _split_delivery(begun: Begun, rule: SplitDelivery, changes: Changes) -> Changes:
    assert begun.left is not None
    return {"demands": _with(begun.left[begun.nodes], begun.merged, begun.load)}


def _capacity(begun: Begun, rule: Capacity, changes: Changes) -> Changes:
    """One tour has what is left of the capacity; with several, the current tour's load is the demand of `CURRENT`."""
    assert begun.instance.capacity is not None
    if begun.merged == 0:
        return {"capacity": max(0.0, begun.instance.capacity - begun.load)}
    return {"demands": _with(changes["demands"], begun.merged, begun.load)}


def _length_budget(begun: Begun, rule: LengthBudget, changes: Changes) -> Changes:
    """One tour has what is left of the budget; with several, the leg to `CURRENT` has what the tour has used."""
    limit, service = begun.instance.max_length, changes["service_times"]
    if limit is None or begun.merged is None:
        return {}
    out: Changes = {} if service is None else {"service_times": _with(service, begun.merged, 0.0)}
    return out | ({"max_length": max(0.0, limit - begun.used)} if begun.merged == 0 else {})


def _max_visits(begun: Begun, rule: MaxVisits, changes: Changes) -> Changes:
    """The number of visits that are left, plus one for the node `CURRENT`, whose visits are counted already."""
    left = max(0, rule.most - int(begun.collected.sum()))
    return {"rule": MaxVisits(left + int(begun.merged == CURRENT))}


def _prize_quota(begun: Begun, rule: PrizeQuota, changes: Changes) -> Changes:
    assert begun.instance.prizes is not None
    assert begun.instance.min_prize is not None
    collected = float(begun.instance.prizes[begun.collected].sum())
    return {"min_prize": max(0.0, begun.instance.min_prize - collected) + begun.lure}


def _time_windows(begun: Begun, rule: TimeWindows, changes: Changes) -> Changes:
    """The current tour continues at `elapsed`."""
    windows, service = changes["time_windows"].copy(), changes["service_times"]
    instance, now = begun.instance, begun.elapsed
    assert instance.time_windows is not None
    out: Changes = {}
    if service is not None and begun.merged is not None:
        out["service_times"] = _with(service, begun.merged, 0.0)
    wait = 0.0 if service is None else float(service[0])
    if begun.merged == 0:
        windows[0] = now, max(now, float(instance.time_windows[instance.finish, 1]))
    elif begun.merged == CURRENT:
        windows[CURRENT] = now, max(now, float(windows[0, 0]) + wait + min(begun.entry, begun.used))
    else:
        opens = max(float(windows[0, 0]), now - wait)
        windows[0] = opens, max(opens, float(windows[0, 1]))
    return out | {"time_windows": windows}


def _with(values: NDArray[np.float64], place: int | None, value: float) -> NDArray[np.float64]:
    """A copy of `values` with `value` at `place`."""
    out = values.copy()
    if place is not None:
        out[place] = value
    return out


UNDERWAY_RULES: dict[type[Rule], Callable[[Begun, Any, Changes], Changes]] = {
    VisitOnce: _visit_once,
    VisitAtMostOnce: _visit_at_most_once,
    CompulsoryVisits: _compulsory_visits,
    SplitDelivery: _split_delivery,
    Capacity: _capacity,
    LengthBudget: _length_budget,
    MaxVisits: _max_visits,
    PrizeQuota: _prize_quota,
    TimeWindows: _time_windows,
}
"""For each rule the function that gives its changes, from the changes so far."""
