"""The rest of a tour under way, as an instance of its own.

`reduce` turns an instance with `Instance.underway` into one without, so that a solver plans the rest without
knowing about the beginning. The nodes that a tour has visited are merged into one node. With one tour, that node is
the start of the rest; the depot, if the tour ends there, becomes another node, the end (in a cycle, the start's column
of the matrix). Where there may be several tours, each that is on its way has such a node, which comes right after the
depot: legs from other nodes to it are too long. The table `UNDERWAY_RULES` reduces the limit of each rule to what is
left of it.

`as_cycle` turns a path into a closed tour in the same way, for solvers of closed tours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tsp.instance import LAWS, NODE_VALUES, Instance, Integers
from tsp.problems import (
    AppearingSession,
    Capacity,
    CompulsoryVisits,
    LateEnd,
    LengthBudget,
    MaxVisits,
    PrizeQuota,
    Problem,
    QueueSession,
    Session,
    Shape,
    SplitDelivery,
    TimeWindows,
    VisitAtMostOnce,
    VisitOnce,
)
from tsp.solution import check
from tsp.tolerance import allowance
from tsp.underway.begun import (
    FIRST,
    Begun,
    current_tours,
    deliveries,
    earliest_departure,
    listed_end,
    validate_underway,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from tsp.problems import Rule
    from tsp.solution import Solution

Changes = dict[str, Any]
"""Attributes of the reduced instance that a rule changes, and, as `rules`, what takes its place, if anything does."""


@dataclass(frozen=True, eq=False)
class Reduced:
    """An instance to solve in place of another, and how its solutions become solutions of the other.

    Attributes:
        problem: has the original rules, with what is left of their limits.
        instance: to be solved; nothing is under way in it.
        nodes: the original node of each of its nodes; -1 for a node that the original tour does not list.
        before: the finished tours.
        heads: the beginnings of the tours on their way, each in place of the depot and of its node of `merged`.
        tail: the end of those tours, appended where it is missing.
        merged: the nodes that stand for `heads`: node 0 alone, or those from `FIRST` on.
        amounts: the amounts delivered to the nodes of `before` and `heads`, where deliveries may be split.
        is_shifted: whether its times are later than those of the original, so that reasons name wrong ones.
    """

    problem: Problem
    instance: Instance
    nodes: Integers
    before: tuple[tuple[int, ...], ...] = ()
    heads: tuple[tuple[int, ...], ...] = ()
    tail: tuple[int, ...] = ()
    merged: tuple[int, ...] = ()
    amounts: tuple[tuple[float, ...], ...] = ()
    is_shifted: bool = False

    @property
    def has_true_reasons(self) -> bool:
        """Whether the reasons why it has no solution are those of the original instance."""
        return not self.is_shifted

    @property
    def decided(self) -> bool:
        """Whether nothing is left to plan, so that expanding no tours gives the only solution without waits."""
        others = len({0, *self.merged}) + (self.instance.end is not None)
        return bool(any(self.heads) or self.before) and len(self.nodes) <= others

    def expand(
        self, tours: Sequence[ArrayLike], amounts: Sequence[ArrayLike] | None = None
    ) -> tuple[list[Integers], list[NDArray[np.float64]] | None]:
        """Tours of the reduced instance, and their amounts, as those of the original instance.

        The nodes visited come first, even if a solver put the nodes of `merged` elsewhere.
        """
        merged, onward = set(self.merged), dict[int, list[tuple[int, float]]]()
        rest: list[Integers] = []
        rest_amounts: list[NDArray[np.float64]] = []
        for k, tour in enumerate(tours):
            stops = np.asarray(tour, dtype=np.int64)
            amount = np.zeros(len(stops)) if amounts is None else np.asarray(amounts[k], dtype=np.float64)
            begun = [node for node in stops.tolist() if node in merged and node not in onward]
            if not begun:
                keep = ~np.isin(stops, self.merged)
                rest.append(self.nodes[stops[keep]])
                rest_amounts.append(amount[keep])
                continue
            onward |= {node: [] for node in begun}
            place = begun[0]
            for node, quantity in zip(stops.tolist(), amount.tolist(), strict=True):
                if node in begun:
                    place = node
                elif node > 0 and node not in merged and self.nodes[node] >= 0:
                    onward[place].append((int(self.nodes[node]), quantity))
            if self.problem.may_wait:  # at the node of `merged`, before it goes on
                waits = len(begun) - 1
                onward[place][:0] = [(self.heads[self.merged.index(place)][-1], 0.0)] * waits
        if FIRST in self.merged and self.instance.num_tours is not None:
            most = self.instance.num_tours - len(self.merged)  # all that are under way count, though a solver omit one
            rest, rest_amounts = rest[:most], rest_amounts[:most]
        out = [np.array(tour, dtype=np.int64) for tour in self.before]
        out_amounts = [np.array(amount) for amount in self.amounts]
        for k, (node, head) in enumerate(zip(self.merged, self.heads, strict=True), len(self.before)):
            visits = onward.get(node, [])
            begun = [*head, *(visit for visit, _ in visits)]
            tail = [end for end in self.tail if begun[-1:] != [end]]
            out.append(np.array(begun + tail, dtype=np.int64))
            if out_amounts:
                out_amounts[k] = np.concatenate([out_amounts[k], [a for _, a in visits], np.zeros(len(tail))])
        return out + rest, None if amounts is None else out_amounts + rest_amounts

    def shrink(
        self, tours: Sequence[ArrayLike], amounts: Sequence[ArrayLike] | None = None
    ) -> tuple[list[Integers], list[NDArray[np.float64]] | None]:
        """Tours of the original instance that begin as given, and their amounts, as those of the reduced instance."""
        place = {node: i for i, node in enumerate(self.nodes.tolist()) if i not in self.merged}
        out: list[Integers] = []
        out_amounts: list[NDArray[np.float64]] = []
        for k in range(len(self.before), max(len(tours), len(self.before) + len(self.heads))):
            nodes: list[int] = np.asarray(tours[k], dtype=np.int64).tolist() if k < len(tours) else []
            amount = [0.0] * len(nodes) if amounts is None else np.asarray(amounts[k], dtype=np.float64).tolist()
            start: list[int] = []
            start_amounts: list[float] = []
            if (i := k - len(self.before)) < len(self.heads):
                start, given = sorted({0, self.merged[i]}), len(self.heads[i])
                demands = self.instance.demands
                start_amounts = [0.0 if demands is None else float(demands[node]) for node in start]
                nodes, amount = nodes[given:], amount[given:]
                if self.problem.may_wait:
                    place[self.heads[i][-1]] = self.merged[i]
            kept = [(place[node], a) for node, a in zip(nodes, amount, strict=True) if node in place]
            if self.instance.end is not None and (not kept or kept[-1][0] != self.instance.end):
                kept.append((self.instance.end, 0.0))
            out.append(np.array(start + [i for i, _ in kept], dtype=np.int64))
            out_amounts.append(np.array(start_amounts + [a for _, a in kept]))
        return out, None if amounts is None else out_amounts

    def answer(self, problem: Problem, instance: Instance, found: Solution) -> Solution:
        """The solution `found` of the reduced instance as one of the original instance, checked."""
        if found.objective is None and not found.tours and not self.decided:
            return replace(found, bound=None, reasons=found.reasons if self.has_true_reasons else ())
        tours, amounts = self.expand(found.tours, found.amounts)
        checked = check(problem, instance, tours, amounts=amounts, seconds=found.seconds, solver=found.solver)
        if not checked.feasible and self.has_true_reasons:
            checked = replace(checked, reasons=found.reasons)
        if found.bound is None or found.objective is None or checked.objective is None:
            return checked
        return replace(checked, bound=found.bound + checked.objective - found.objective)

    def question(self, problem: Problem, solution: Solution) -> Solution:
        """A solution of the original instance as one of the reduced instance, checked."""
        tours, amounts = self.shrink(solution.tours, solution.amounts)
        return check(problem, self.instance, tours, amounts=amounts)


def reduce(problem: Problem, instance: Instance) -> Reduced:
    """The rest of an instance under way, as an instance in which nothing is under way.

    Every solution of it, expanded, begins with the nodes visited, and its objective differs by a constant
    (except where a finished tour is the longest or the latest).

    Raises:
        ValueError: in one sentence, for what cannot have happened, or where nothing would make each of several tours
            continue its beginning.
    """
    if instance.underway is None:
        return Reduced(problem, instance, np.arange(instance.size))
    finished, tours = validate_underway(problem, instance)
    several = problem.shape.has_several_tours
    if not several and not tours[0]:
        return Reduced(problem, replace(instance, underway=None), np.arange(instance.size))
    last = listed_end(problem, instance)
    left, amounts = deliveries(problem, instance, [*finished, *tours])
    over = (instance.num_tours == len(finished) and not tours) if several else tours[0][-1] == last
    rest = [] if over else _nodes_left(problem, instance, [*finished, *tours], left, last)
    current = current_tours(problem, instance, tours, amounts[len(finished) :])
    begun = Begun(problem, instance, finished, current, rest, left, earliest_departure(instance))
    if several and problem.rule(TimeWindows) is not None and begun.are_late:
        begun = begun.with_waiting
        amounts += [[0.0]] * (len(begun.current) - len(current)) if amounts else []
    rules, changes = _rules_and_changes(begun)
    nodes, home = begun.nodes, begun.returns_home
    if home or last in rest:
        changes["end"] = len(nodes) - 1 if home else int(np.flatnonzero(nodes == last)[-1])
    return Reduced(
        replace(problem, rules=rules),
        replace(instance, **changes),
        np.append(nodes[:-1], -1) if home else nodes,
        before=tuple(map(tuple, finished)),
        heads=tuple(tuple(one.nodes) for one in begun.current),
        tail=() if last is None else (last,),
        merged=tuple(begun.merged),
        amounts=tuple(map(tuple, amounts)),
        is_shifted=several and problem.rule(TimeWindows) is not None and begun.shift > 0,
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
        visited -= set(np.flatnonzero(left > allowance(float(instance.demands.max()))).tolist())
    depot = instance.depot if problem.shape.has_depot else None
    return [node for node in range(instance.size) if node == last or node not in {*visited, depot}]


def _rules_and_changes(begun: Begun) -> tuple[tuple[Rule, ...], Changes]:
    """The rules of the reduced instance, and its attributes."""
    changes = _restricted(begun) | _changed_distances(begun)
    rules: list[Rule] = []
    for rule in begun.problem.rules:
        change = UNDERWAY_RULES[type(rule)](begun, rule, changes)
        rules += change.pop("rules", (rule,))
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
        heads=(() if start is None else (start,),),
        tail=() if instance.end is None else (instance.end,),
        merged=(0,),
    )


def _subset(instance: Instance, nodes: Integers) -> Changes:
    """Every attribute restricted to `nodes`, in their order; the first of them becomes the depot."""
    changes: Changes = {"depot": 0, "underway": None, "fixed_edges": None, "best_known": None}
    kept: list[int] = nodes.tolist()
    for name in ("coordinates", "time_windows", *NODE_VALUES, *LAWS):
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
    if not begun.merged or (begun.is_first and (not problem.shape.is_closed or nodes[0] == instance.depot)):
        return {}
    matrix = instance.distances[np.ix_(nodes, nodes)]
    if begun.is_first:
        matrix[:, 0] = instance.legs(nodes, instance.depot)
        return {"matrix": matrix}
    if not (begun.counts_length or problem.rule(TimeWindows)):
        raise ValueError(
            f"visited: in problem {problem.name!r} neither length nor time counts, "
            f"which alone would hold the rest of several tours to their beginning"
        )
    longest = "longest" in problem.objective.terms
    if problem.rule(SplitDelivery) is not None and (begun.is_limited or longest or problem.rule(TimeWindows)):
        beside = "the longest tour as the objective" if longest else "a length budget or time windows"
        raise ValueError(f"visited: where deliveries are split, expected no tour on its way beside {beside}")
    waiting = [node for node, one in zip(begun.merged, begun.current, strict=True) if len(one.nodes) == 1]
    if waiting:  # every tour begins with a node of `merged`, and one that visits nothing else costs nothing
        matrix[0] = 2.0 * begun.far
        matrix[waiting, int(nodes[-1] == instance.finish) * (len(nodes) - 1)] = 0.0
    matrix[:, begun.merged] = 2.0 * begun.far
    matrix[begun.merged, begun.merged] = 0.0
    matrix[0, begun.merged] = begun.entries
    return {"matrix": matrix}


def _visit_once(begun: Begun, rule: VisitOnce, changes: Changes) -> Changes:
    return {}


def _visit_at_most_once(begun: Begun, rule: VisitAtMostOnce, changes: Changes) -> Changes:
    """With several tours, a high prize or penalty keeps the nodes of `merged` in the tours."""
    if not begun.among_several:
        return {}
    instance, out = begun.instance, Changes()
    if instance.prizes is not None:
        out["prizes"] = _with(changes["prizes"], begun.merged, begun.lure)
    if instance.penalties is not None:
        penalty = 4.0 * begun.far + float(instance.penalties.sum())
        out["penalties"] = _with(changes["penalties"], begun.merged, penalty)
    return out


def _compulsory_visits(begun: Begun, rule: CompulsoryVisits, changes: Changes) -> Changes:
    return {}


def _split_delivery(begun: Begun, rule: SplitDelivery, changes: Changes) -> Changes:
    """Nodes of `merged` must be visited even where nothing has been delivered so far."""
    assert begun.left is not None
    return {
        "rules": (rule, CompulsoryVisits()),
        "required": _with(np.zeros(len(begun.nodes)), begun.merged, 1.0),
        "demands": _with(begun.left[begun.nodes], begun.merged, begun.loads),
    }


def _capacity(begun: Begun, rule: Capacity, changes: Changes) -> Changes:
    """One tour has what is left of the capacity; with several, the load of each is the demand of its node."""
    assert begun.instance.capacity is not None
    if begun.is_first:
        return {"capacity": max(0.0, begun.instance.capacity - begun.loads[0])}
    return {"demands": _with(changes["demands"], begun.merged, begun.loads)}


def _length_budget(begun: Begun, rule: LengthBudget, changes: Changes) -> Changes:
    """One tour has what is left of the budget; with several, the leg to each node of `merged` and its visit use it."""
    limit, service = begun.instance.max_length, changes["service_times"]
    if limit is None or not begun.merged:
        return {}
    visits = [0.0] if begun.is_first else begun.visits
    out: Changes = {} if service is None else {"service_times": _with(service, begun.merged, visits)}
    used = begun.current[0].length + begun.current[0].visits
    return out | ({"max_length": max(0.0, limit - used)} if begun.is_first else {})


def _max_visits(begun: Begun, rule: MaxVisits, changes: Changes) -> Changes:
    """The number of visits that are left, plus one for each node whose visits are counted already."""
    left = max(0, rule.most - int(begun.collected.sum()))
    return {"rules": (MaxVisits(left + len(begun.among_several)),)}


def _prize_quota(begun: Begun, rule: PrizeQuota, changes: Changes) -> Changes:
    assert begun.instance.prizes is not None
    assert begun.instance.min_prize is not None
    collected = float(begun.instance.prizes[begun.collected].sum())
    return {"min_prize": max(0.0, begun.instance.min_prize - collected) + begun.lure * len(begun.among_several)}


def _time_windows(begun: Begun, rule: TimeWindows, changes: Changes) -> Changes:
    """Each tour on its way continues at its elapsed time, and the others leave the depot at `departure` or later."""
    windows, service = changes["time_windows"].copy(), changes["service_times"]
    instance, merged = begun.instance, begun.merged
    assert instance.time_windows is not None
    out: Changes = {}
    if service is not None and merged:
        out["service_times"] = _with(service, merged, 0.0 if begun.is_first else begun.visits)
    if begun.is_first:
        now = begun.current[0].elapsed
        windows[0] = now, max(now, float(instance.time_windows[instance.finish, 1]))
        return out | {"time_windows": windows}
    opens = begun.departure - (0.0 if service is None else float(service[0]))
    windows[0] = opens, max(opens, float(windows[0, 1]))
    for node, arrival, entry in zip(merged, begun.arrivals, begun.entries, strict=True):
        spare = begun.far / 2  # arrivals by a leg that is too long are later, and rounding does not shut the window
        windows[node] = arrival, max(arrival, begun.departure + entry) + spare
    return out | {"time_windows": windows + begun.shift}


def _with(values: NDArray[np.float64], places: list[int], value: ArrayLike) -> NDArray[np.float64]:
    """A copy of `values` with `value`, or one for each, at `places`."""
    out = values.copy()
    out[places] = value
    return out


def _session(begun: Begun, rule: Session, changes: Changes) -> Changes:
    """What is left of the session; beside time windows, times count from the same beginning as before."""
    assert begun.instance.max_length is not None
    if begun.problem.rule(TimeWindows) is not None:
        return {}
    return {"max_length": max(0.0, begun.instance.max_length - begun.current[0].elapsed)} if begun.merged else {}


def _appearing_session(begun: Begun, rule: AppearingSession, changes: Changes) -> Changes:
    """Waits are as long as before; where the time now becomes 0, outcomes that are over become 0.

    Without a stated time, the outcomes that the tour so far takes longer than, by the means, count as over.
    """
    out, before = _session(begun, rule, changes), begun.instance.max_length
    assert before is not None
    if not out:
        return out
    share = rule.longest_wait * before / out["max_length"] if out["max_length"] > 0 else rule.longest_wait
    law = np.maximum(changes["law_appears"] - begun.current[0].elapsed, 0.0)
    return out | {"law_appears": law, "rules": (replace(rule, longest_wait=share),)}


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
    Session: _session,
    QueueSession: _session,
    AppearingSession: _appearing_session,
    LateEnd: lambda begun, rule, changes: {},
}
"""For each rule the function that gives its changes, from the changes so far."""
