"""`Solution`, and the independent checker: whether tours are feasible, and their objective.

Every solution of every solver, learned or classical, passes `check`, which uses the instance's own
distances in float64 and shares no code with the environments that train policies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from tsp.checks import CHECKS, TERMS, Amounts, Claim, Resumed, Tours, check_fixed_edges, check_roads, session_times
from tsp.instance import HIDDEN
from tsp.laws import expected
from tsp.problems import PrizeQuota, Problem, SplitDelivery
from tsp.validation import items, number_array, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from tsp.instance import Array, Instance, Realization, Underway

PROOF = 1e-6
"""Relative distance within which bound and objective are the same: solvers that prove in integers round each edge."""


class Outlook(NamedTuple):
    """What a plan of a session promises, if its order is kept, and left where that is better.

    Attributes:
        next: the node to go to now: the node where she is: stay; the end: go home.
        order: the nodes to go to after each other from now on.
        expected: expected prize, with what was collected.
        in_time: `[m]` of each node of the order the probability that it is reached, and a visit counts.
        arrivals: `[m, 5]` quantiles of its time of arrival where it is reached: 10, 25, 50, 75 and 90 %.
        drops_first: the node of the order that is most probably dropped; None where none is.
        late: probability that the tour ends late; None where visits are broken off, so that it never does.
    """

    next: int
    order: tuple[int, ...]
    expected: float
    in_time: Array
    arrivals: Array
    drops_first: int | None
    late: float | None = None


@dataclass(frozen=True, eq=False)
class Solution:
    """A checked answer.

    Attributes:
        tours: node indices (positions in the file, from 0); a tour does not repeat its first node.
        objective: in the instance's own units, recomputed in float64; None when infeasible.
        feasible: whether every rule is satisfied.
        violations: one sentence for each broken rule.
        reasons: why no solution at all is feasible, one sentence for each reason; empty where that is not proved.
        seconds: wall clock from the start of solving to the answer.
        bound: proved bound on the objective (below when minimizing, above when maximizing); one
            that is not finite proves nothing and is stored as None.
        solver: name of the solver.
        amounts: the amount delivered at each stop of each tour, if deliveries may be split; otherwise None.
        outlook: what a plan promises, where what will happen is not known; otherwise None.
    """

    tours: Tours
    objective: float | None
    feasible: bool
    violations: tuple[str, ...] = ()
    seconds: float = 0.0
    bound: float | None = None
    solver: str = ""
    amounts: Amounts | None = None
    reasons: tuple[str, ...] = ()
    outlook: Outlook | None = None

    def __post_init__(self) -> None:
        """Drop a bound that is not finite, so that all numbers can be written as JSON."""
        if self.bound is not None and not math.isfinite(self.bound):
            object.__setattr__(self, "bound", None)

    @property
    def proved_optimal(self) -> bool:
        """Whether the proved bound meets the objective (to `PROOF` of it)."""
        if self.objective is None or self.bound is None:
            return False
        return abs(self.objective - self.bound) <= PROOF * abs(self.objective)


NO_ANSWER = "no answer within the time limit"


def no_answer(*, seconds: float, solver: str, bound: float | None = None, reason: str | None = None) -> Solution:
    """The solution of a solver that found no tours: within its time, or for another reason; comparisons count it."""
    return Solution((), None, False, (reason or NO_ANSWER,), seconds, bound, solver)


def is_preferable(problem: Problem, new: Solution, old: Solution) -> bool:
    """Whether an answer is better than another or, where neither is feasible, nearer to feasible.

    An infeasible answer is preferred if it has tours, then if it has another violation than the time limit, then if
    it breaks fewer rules. Then more visits are preferred where they are demanded, and fewer where they are optional.
    """
    if new.feasible or old.feasible:
        return problem.is_better(new.objective, old.objective)
    return _rank(problem, new) < _rank(problem, old)


def _rank(problem: Problem, infeasible: Solution) -> tuple[bool, bool, int, int]:
    """The rank of an infeasible answer; the lowest is preferred."""
    visits = len({int(node) for tour in infeasible.tours for node in tour})
    says_nothing = infeasible.violations == (NO_ANSWER,)
    demands_visits = problem.visits_all or problem.rule(PrizeQuota) is not None
    return not infeasible.tours, says_nothing, len(infeasible.violations), -visits if demands_visits else visits


def left_out(problem: Problem, instance: Instance, solution: Solution) -> NDArray[np.int64]:
    """The customers that a solution does not visit, where the problem leaves that open."""
    out = np.ones(instance.size, dtype=bool)
    out[[instance.depot, instance.finish, *(int(node) for tour in solution.tours for node in tour)]] = False
    return np.flatnonzero(out & (not problem.visits_all))


def check(
    problem: Problem,
    instance: Instance,
    tours: Sequence[ArrayLike],
    *,
    amounts: Sequence[ArrayLike] | None = None,
    realization: Realization | None = None,
    seconds: float = 0.0,
    bound: float | None = None,
    solver: str = "",
) -> Solution:
    """Check `tours` against every rule of `problem` and compute their objective.

    The caller's arrays are copied: the answer's tours are read-only, and a closed tour is returned
    as walked from the instance's depot. A tour that ends at another node than it starts from lists
    that node last; one with a free end ends at the last node that it lists. Tours of the depot alone
    are dropped where there may be several.

    Args:
        problem: its rules are checked.
        instance: its distances are used.
        tours: node indices, a sequence for each tour.
        amounts: the amount delivered to each node of each tour, if deliveries may be split; None: at each
            node the rest of the load or of its demand, whichever is smaller.
        realization: the real values of hidden numbers; None: the instance's own numbers are used, which are
            expectations, or the means of its laws.
        seconds: wall clock that the solver used, stored in the solution.
        bound: proved bound, stored in the solution.
        solver: name of the solver.

    Returns:
        the checked solution; an infeasible one has no objective and says what is violated, tours and amounts that
        are no lists of numbers included.

    Raises:
        ValueError: for an instance that lacks what the problem's rules or its objective read, or a realization of
            another size.
    """
    if not isinstance(problem, Problem):  # pyright: ignore[reportUnnecessaryIsInstance] - from callers
        raise ValueError(f"problem: {shown(problem)}, expected a Problem (tsp.problems.get_problem gives one)")
    problem.require((need for need in problem.needs if need not in problem.demanded), instance)
    problem.require_end(instance)
    arrays, violations = _as_tours(instance, tours)
    objective, delivered = None, None
    stated = None if amounts is None else _as_amounts(amounts, arrays)
    if not violations:
        arrays, stated, violations = _from_start(problem, instance, arrays, stated)
    if not violations and problem.rule(SplitDelivery) is not None and amounts is not None and stated is None:
        violations = ["amounts: expected a number for each node of each tour"]
    if not violations:
        claim, violations = _make_claim(problem, instance, arrays, stated, realization)
        delivered = claim.amounts
        if not violations:
            violations += check_roads(claim)
        if not violations:
            for rule in problem.rules:
                violations += CHECKS[type(rule)](claim, rule)
            violations += check_fixed_edges(claim)
        if not violations:
            objective = float(sum(TERMS[term](claim) for term in problem.objective.terms))
    for array in (*arrays, *(delivered or ())):
        array.flags.writeable = False
    return Solution(arrays, objective, not violations, tuple(violations), seconds, bound, solver, delivered)


def claim_of(problem: Problem, instance: Instance, tours: Sequence[ArrayLike]) -> Claim:
    """Tours, feasible or not, with the node where each of them ends.

    `tsp.checks.timeline_of` computes the times at its stops.
    """
    arrays, _ = _as_tours(instance, tours)
    arrays, _, _ = _from_start(problem, instance, arrays, None)
    return _make_claim(problem, instance, arrays, None, None)[0]


def session_end(problem: Problem, instance: Instance, tour: ArrayLike, realization: Realization | None) -> float:
    """The time at which the last customer of a tour in a session is left, or could be left where she has just arrived.

    The tour begins as given where one is under way, and ends at its last customer or after it.
    """
    arrays, _ = _as_tours(instance, [tour])
    claim = _make_claim(problem, instance, arrays, None, realization)[0]
    leave = session_times(claim, 0).leave
    is_at_end = instance.finish == instance.depot or arrays[0][-1] == instance.finish
    ends = 1 if is_at_end and not instance.free_end else 0
    if len(leave) > ends:
        return float(leave[-1 - ends])
    return (None if instance.underway is None else instance.underway.elapsed) or 0.0


def _as_tours(instance: Instance, tours: object) -> tuple[Tours, list[str]]:
    """The tours as arrays of nodes, and violations for those that are no lists of nodes of the instance."""
    try:
        listed = items(tours, "tours", "a list of tours, such as [[0, 2, 1]]")
    except ValueError as error:
        return (), [str(error)]
    arrays: list[NDArray[np.int64]] = []
    violations: list[str] = []
    for k, tour in enumerate(listed):
        try:
            raw = np.asarray(tour)
        except ValueError:  # lists of different lengths within the tour
            raw = np.empty((0, 0))
        if raw.ndim == 0:
            return (), [f"tours: {shown(tour)} in place of tour {k}, expected a list of tours, such as [[0, 2, 1]]"]
        if raw.ndim != 1 or not (raw.size == 0 or np.issubdtype(raw.dtype, np.integer)):
            violations.append(f"tour {k}: expected a list of node numbers")
            continue
        outside = raw[(raw < 0) | (raw >= instance.size)]
        if outside.size:
            number = int(outside[0]) + 1
            violations.append(f"tour {k}: node {number}, counted from 1, is not one of 1 to {instance.size}")
        arrays.append(raw.astype(np.int64))
    return tuple(arrays), violations


def _as_amounts(amounts: object, tours: Tours) -> Amounts | None:
    """The amounts as arrays, one for each tour with a number for each of its nodes; None where they are not that."""
    try:
        listed = [number_array(cast("ArrayLike", each), "amounts") for each in items(amounts, "amounts", "")]
    except ValueError:
        return None
    return tuple(listed) if [each.shape for each in listed] == [tour.shape for tour in tours] else None


def _from_start(
    problem: Problem, instance: Instance, tours: Tours, amounts: Amounts | None
) -> tuple[Tours, Amounts | None, list[str]]:
    """The tours and their amounts from their start on, and violations in their number, starts and ends."""
    if problem.shape.has_several_tours:
        trivial = {instance.depot, instance.finish}
        kept = [k for k, tour in enumerate(tours) if not set(tour.tolist()) <= trivial]
        tours, amounts = tuple(tours[k] for k in kept), None if amounts is None else tuple(amounts[k] for k in kept)
        if instance.num_tours is not None and len(tours) > instance.num_tours:
            return tours, amounts, [f"{len(tours)} tours, expected at most {instance.num_tours}"]
    elif len(tours) != 1:
        return tours, amounts, [f"{len(tours)} tours, expected one"]
    out: list[NDArray[np.int64]] = []
    turned = None if amounts is None else list(amounts)
    violations: list[str] = []
    depot, finish = instance.depot, instance.finish
    start, last = instance.node_name(depot), instance.node_name(finish)
    for k, tour in enumerate(tours):
        if problem.shape.is_path:
            if tour.size and not instance.free_start and tour[0] != depot:
                violations.append(f"the path starts at {instance.node_name(int(tour[0]))}, expected {start}")
            if tour.size and instance.end is not None and tour[-1] != finish:
                violations.append(f"the path ends at {instance.node_name(int(tour[-1]))}, expected {last}")
        elif instance.free_end and depot in tour:  # an open route has a direction, so that it is not rotated
            if tour[0] != depot:
                violations.append(f"tour {k}: starts at {instance.node_name(int(tour[0]))}, expected {start}")
        elif depot == finish or problem.shape.is_closed:
            if depot in tour:
                ahead = int(np.flatnonzero(tour == depot)[0])
                tour = np.roll(tour, -ahead)
                if turned is not None:
                    turned[k] = np.roll(turned[k], -ahead)
            elif problem.shape.has_depot:
                violations.append(f"tour {k}: does not visit the depot {start}")
        elif tour.size < 2 or tour[0] != depot or tour[-1] != finish:
            violations.append(f"tour {k}: expected a walk from {start} to {last}")
        out.append(tour)
    return tuple(out), None if turned is None else tuple(turned), violations


def _make_claim(
    problem: Problem,
    instance: Instance,
    tours: Tours,
    amounts: Amounts | None,
    realization: Realization | None,
) -> tuple[Claim, list[str]]:
    returns = problem.shape.has_depot and instance.finish == instance.depot and not instance.free_end
    closed = problem.shape.is_closed or returns
    stops = tuple(np.append(tour, tour[0]) if closed and tour.size else tour for tour in tours)
    known: dict[str, Array | None] = {"prizes": instance.prizes, "service_times": instance.service_times}
    means = expected(instance) if any(f"law_{name}" in problem.needs for name in problem.reveals) else None
    if realization is not None:
        known |= {name: realization.values(name, instance.size) for name in problem.reveals}
    elif means is not None:
        known |= {name: values for name in HIDDEN if (values := getattr(means, name)) is not None}
    begun, resumed, violations = _begun(problem, instance, tours)
    claim = Claim(
        problem,
        instance,
        tours,
        stops,
        None,
        known["prizes"],
        known["service_times"],
        known.get("waits"),
        known.get("appears"),
        begun,
        resumed,
    )
    if violations or problem.rule(SplitDelivery) is None:
        return claim, violations
    return claim._replace(amounts=_greedy_amounts(claim) if amounts is None else amounts), violations


def _begun(problem: Problem, instance: Instance, tours: Tours) -> tuple[int, dict[int, Resumed], list[str]]:
    """Number of the tours that have begun, those on their way, and violations where tours do not begin as given.

    The finished tours come first, then those on their way, each in the order of `Instance.underway`.
    """
    if instance.underway is None:
        return 0, {}, []
    depot, several = instance.depot, problem.shape.has_several_tours
    finished: list[list[int]] = []
    current: list[tuple[list[int], Underway]] = []
    for used in instance.underway.tours:
        given: list[list[int]] = [[depot] if problem.shape.has_depot else []]
        for node in used.visited:
            if node == depot and several:
                given.append([depot])
            else:
                given[-1].append(node)
        if not problem.shape.has_depot and given[0][:1] != [depot] and not instance.free_start:
            given[0].insert(0, depot)
        end = [] if instance.finish == depot else [instance.finish]  # which may be listed or not
        finished += [tour if tour[-1:] == end else tour + end for tour in given[:-1] if len(tour) > 1]
        if len(given[-1]) > several:
            current.append((given[-1], used))
    starts = [*finished, *(start for start, _ in current)]
    for k, start in enumerate(starts):
        end = len(tours[k]) if k < len(finished) and k < len(tours) else len(start)
        if k >= len(tours) or tours[k][:end].tolist() != start:
            names = ", ".join(instance.node_name(node) for node in start)
            return 0, {}, [f"tour {k}: does not begin with what was visited: {names}"]
    resumed = {k: Resumed(len(start), used) for k, (start, used) in enumerate(current, len(finished))}
    return len(starts), resumed, []


def _greedy_amounts(claim: Claim) -> Amounts:
    instance = claim.instance
    assert instance.demands is not None
    assert instance.capacity is not None
    wanted = instance.demands.copy()
    out = tuple(np.zeros(len(tour)) for tour in claim.tours)
    left, done = [instance.capacity] * len(out), [0] * len(out)

    def deliver(k: int, stops: int) -> None:
        for i in range(done[k], stops):
            node = int(claim.tours[k][i])
            if node not in (instance.depot, instance.finish):
                out[k][i] = min(left[k], wanted[node])
                left[k] -= out[k][i]
                wanted[node] -= out[k][i]

    for k in range(claim.begun):  # what tours on their way have delivered is gone, whatever the others deliver
        resumed = claim.resumed.get(k)
        deliver(k, len(out[k]) if resumed is None else resumed.given)
        done[k] = len(out[k]) if resumed is None else resumed.given
        if resumed is not None and resumed.used.load is not None:
            left[k] = instance.capacity - resumed.used.load
    for k in range(len(out)):
        deliver(k, len(out[k]))
    return out
