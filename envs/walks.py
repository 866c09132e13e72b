"""Moves and whole trajectories of the environment: their objective, the nodes they miss, and their cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from tsp.problems import AppearingSession, SplitDelivery

from .limits import mask_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tsp.problems import Problem

    from .batch import Batch

DEAD_END = 2.0
"""Cost of a dead end in addition to that of the nodes it misses, in sides of the unit square."""


class Move(NamedTuple):
    """One step of the trajectories, computed once for all rules.

    Attributes:
        origin: `[B, P]` the node before the step (at the very start, the node of the step itself).
        node: `[B, P]` the node of the step.
        here: `[B, P]` the position after the step: `node`, but the depot once a tour has ended elsewhere.
        visited: `[B, P, n]` bool, nodes that need no further visit; padding, and the nodes where tours
            start and end, count as visited.
        returned: `[B, P]` bool, whether the step ended a tour; None where tours have no depot.
        leg: `[B, P]` length of the step; it and the next two are None where no rule needs geometry.
        to_nodes: `[B, P, n]` distances from `here`.
        home: `[B, 1, n]` distances to where tours end.
    """

    origin: Tensor
    node: Tensor
    here: Tensor
    visited: Tensor
    returned: Tensor | None
    leg: Tensor | None
    to_nodes: Tensor | None
    home: Tensor | None


class Walks(NamedTuple):
    """Whole trajectories.

    Attributes:
        batch: the instances.
        origins, nodes: `[B, P, T]` the two ends of each step; staying is a step to the same node.
        returned: `[B, P, T]` bool, whether the step ends a tour; None where tours have no depot.
        customers: `[B, n]` bool, nodes that are neither padding nor where tours start and end.
        appearing: the rule by which a step to the same node is a wait; None where it is none.
    """

    batch: Batch
    origins: Tensor
    nodes: Tensor
    returned: Tensor | None
    customers: Tensor
    appearing: AppearingSession | None = None

    def legs(self) -> Tensor:
        """Length of each step, `[B, P, T]`."""
        return self.batch.legs(self.origins, self.nodes)

    def visited(self) -> Tensor:
        """Customers that are visited, `[B, P, n]` bool."""
        B, P, _ = self.nodes.shape
        none = torch.zeros((B, P, self.batch.size), dtype=torch.bool, device=self.nodes.device)
        return none.scatter(-1, self.nodes, value=True) & self.customers[:, None]


class SessionClock(NamedTuple):
    """What the clock of a session reads, in the instances' own units.

    Attributes:
        opens, closes: `[B, n]` of each node's time window.
        latest: `[B, n]` the latest time to leave each node and be back in time.
        late_price: `[B, n]` the price of a unit of time late, the same for each node; infinite where visits are broken
            off, so that no tour is late.
        service, waits: `[B, n]` the real duration of each visit, and the real wait before it.
    """

    opens: Tensor
    closes: Tensor
    latest: Tensor
    late_price: Tensor
    service: Tensor
    waits: Tensor

    def map(self, change: Callable[[Tensor], Tensor]) -> SessionClock:
        """The clock with each tensor changed, such as its values at given nodes."""
        return SessionClock(*(change(x) for x in self))

    def visit(self, arrive: Tensor) -> tuple[Tensor, Tensor]:
        """When visits end that begin to queue at `arrive`, and which of them count nothing; see `_visit` of checks."""
        begin = torch.maximum(arrive + self.waits, self.opens)
        over = begin + self.service
        missed = begin > mask_limit(self.closes)
        until = torch.where(missed, torch.minimum(self.closes, self.latest), self.latest)
        due = torch.where(self.late_price.isinf(), over, begin)  # by when it has to be over, or to have begun
        lost = missed | (due > mask_limit(self.latest))
        return torch.where(lost, torch.maximum(arrive, until), over), lost

    def deadline(self) -> Tensor:
        """The latest time at which a visit may begin to queue and count; -inf where none does."""
        begin = torch.minimum(self.closes, self.latest - torch.where(self.late_price.isinf(), self.service, 0.0))
        return torch.where(self.opens > mask_limit(begin), -float("inf"), mask_limit(begin) - self.waits)


def session_clock(batch: Batch) -> SessionClock:
    """The clock of the batch's sessions, whose visits take their real times."""
    nodes = torch.arange(batch.size, device=batch.device).expand(batch.count, -1)
    home = batch.legs(nodes, batch.finish[:, None].expand_as(nodes))
    limit, none = batch.values["max_length"][:, None].to(home.dtype), torch.zeros_like(home)
    opens, closes = none, torch.full_like(home, float("inf"))
    if "time_windows" in batch.values:
        opens, closes = batch.values["time_windows"].to(home.dtype).unbind(-1)
        limit = torch.minimum(limit, closes.gather(1, batch.finish[:, None]))
    real = (
        none if values is None else values.to(home.dtype) for values in (batch.real_service_times, batch.real_waits)
    )
    price = batch.values.get("late_price", torch.full_like(limit[:, 0], float("inf")))
    return SessionClock(opens, closes, limit - home, price[:, None].to(home.dtype).expand_as(home), *real)


class WaitClock(NamedTuple):
    """When waits end where nodes appear on the way, in the instances' own units.

    Attributes:
        appears: `[B, 1, n]` when each node really appears; 0 where tours start and end.
        longest: `[B, 1]` the longest wait.
    """

    appears: Tensor
    longest: Tensor

    def end(self, now: Tensor, latest: Tensor) -> Tensor:
        """When waits end that begin at `now`, where it is time to go at `latest`, `[B, P]` each."""
        later = torch.where(self.appears > mask_limit(now)[..., None], self.appears, float("inf")).amin(-1)
        until = torch.minimum(torch.minimum(now + self.longest, later), latest)
        return torch.maximum(now, until)


def wait_clock(batch: Batch, rule: AppearingSession) -> WaitClock:
    """The clock of the batch's waits."""
    appears = batch.real_appears
    assert appears is not None
    ends = torch.stack([batch.depot, batch.finish], 1)
    longest = rule.longest_wait * batch.values["max_length"]
    return WaitClock(appears.scatter(1, ends, 0.0)[:, None], longest[:, None])


def in_session(walks: Walks) -> tuple[Tensor, Tensor]:
    """What becomes of trajectories in a session, by `tsp.problems.Session`.

    Returns:
        the customers whose visit counts, `[B, P, n]` bool, and the price of the time late, `[B, P]`.
    """
    batch, (B, P, T) = walks.batch, walks.nodes.shape
    clock = session_clock(batch)
    start = clock.opens.gather(1, batch.depot[:, None]).expand(B, P)
    at = clock.map(lambda x: x[:, None].expand(B, P, -1).gather(-1, walks.nodes))
    stays = walks.nodes == walks.origins
    first = torch.cat([torch.zeros_like(stays[..., :1]), ~stays[..., :-1]], -1)  # the step before was no stay
    customer = walks.customers[:, None].expand(B, P, -1).gather(-1, walks.nodes)
    visits = customer & ((stays & first) if "law_waits" in batch.values else ~stays)
    legs, now, done = walks.legs(), start, torch.zeros_like(walks.nodes)
    waits = None if walks.appearing is None else wait_clock(batch, walks.appearing)
    elapsed = batch.values.get("elapsed", torch.full_like(start[:, 0], float("nan")))[:, None].to(start.dtype)
    given = torch.where(elapsed.isnan(), 0, batch.values.get("given", torch.zeros_like(batch.depot))[:, None])
    for t in range(T):
        arrive = now + legs[..., t]
        here = SessionClock(*(x[..., t] for x in at))
        leave, lost = here.visit(arrive)
        before, now = now, torch.where(visits[..., t], leave, arrive)
        if waits is not None:
            now = torch.where(stays[..., t], waits.end(before, here.latest), now)
        now = torch.where(given == t + 1, elapsed, now)
        done[..., t] = (visits[..., t] & (~lost | (t < given))).long()
    counts = torch.zeros((B, P, batch.size), dtype=torch.long, device=legs.device)
    price, late = clock.late_price[:, :1], (now - clock.latest.gather(1, batch.finish[:, None])).clamp(min=0)
    fine = torch.where(price.isinf(), 0.0, price * late)
    return counts.scatter_add(-1, walks.nodes, done) > 0, fine


def _length(walks: Walks) -> Tensor:
    return walks.legs().sum(-1)


def _longest(walks: Walks) -> Tensor:
    assert walks.returned is not None
    ended = walks.returned.long()
    tour = ended.cumsum(-1) - ended  # which tour each step belongs to
    legs = walks.legs()
    return torch.zeros_like(legs).scatter_add(-1, tour, legs).amax(-1)


def _prize(walks: Walks) -> Tensor:
    prizes = walks.batch.real_prizes
    counted, fine = in_session(walks) if walks.batch.in_session else (walks.visited(), None)
    collected = (counted.to(prizes.dtype) * prizes[:, None]).sum(-1)
    return collected if fine is None else collected - fine.to(collected.dtype)


def _penalties(walks: Walks) -> Tensor:
    penalties = walks.batch.values["penalties"]
    missed = walks.customers[:, None] & ~walks.visited()
    return (missed.to(penalties.dtype) * penalties[:, None]).sum(-1)


def _makespan(walks: Walks) -> Tensor:
    assert walks.returned is not None
    values, (B, P, T) = walks.batch.values, walks.nodes.shape
    legs = walks.legs()
    opens = values["time_windows"][..., 0].to(legs.dtype)
    service = values.get("service_times", torch.zeros_like(opens))
    opens_at, service_at = (x[:, None].expand(B, P, -1).gather(-1, walks.nodes) for x in (opens, service))
    leaving = (opens + service).gather(1, walks.batch.depot[:, None]).expand(B, P)
    now, latest = leaving, torch.zeros_like(leaving)
    for t in range(T):
        begin = torch.maximum(now + legs[..., t], opens_at[..., t])
        ends = walks.returned[..., t]
        latest = torch.where(ends, torch.maximum(latest, begin), latest)
        now = torch.where(ends, leaving, begin + service_at[..., t])
    return latest


TERMS: dict[str, Callable[[Walks], Tensor]] = {
    "length": _length,
    "longest": _longest,
    "prize": _prize,
    "penalties": _penalties,
    "makespan": _makespan,
}
"""Term of `tsp.problems.Objective` → its value `[B, P]`, in the instances' own units."""


TOUR_TERMS = ("longest", "makespan")
"""Terms that are computed for each tour, and so exist only where tours leave a depot."""


def _leg(batch: Batch, move: Move) -> Tensor:
    return batch.legs(move.origin, move.node)


def _prize_there(batch: Batch, move: Move) -> Tensor:
    prizes = batch.real_prizes.gather(1, move.node)
    return prizes if move.returned is None else torch.where(move.returned, 0.0, prizes)


INCREMENTS: dict[str, Callable[[Batch, Move], Tensor]] = {"length": _leg, "prize": _prize_there}
"""Term → the amount that a move adds to it, `[B, P]`; the rest (the way home, other terms) is added at the end."""


def ends_of(problem: Problem, batch: Batch) -> Tensor:
    """The node where tours end `[B]`: the depot, unless the instance names a node; n for a path without an end."""
    return batch.finish if problem.shape.has_depot else batch.end


def customers_of(problem: Problem, batch: Batch) -> Tensor:
    """Nodes to visit `[B, n]` bool: neither padding nor where tours start and end."""
    nodes = torch.ones((batch.count, batch.size), dtype=torch.bool, device=batch.device)
    if batch.padding is not None:
        nodes = ~batch.padding
    if problem.shape.has_depot:
        ends = torch.stack([batch.depot, ends_of(problem, batch)], 1)
        nodes = nodes.scatter(1, ends, value=False)
    return nodes


def most_steps(problem: Problem, size: int) -> int:
    """The most steps of one tour among `size` nodes: the customers, each of them twice where she may stay, and home.

    Where she may wait, a wait lasts for the longest time, or until a node appears, or until it is time to go.
    """
    appearing = problem.rule(AppearingSession)
    if appearing is not None:
        return 3 * size + math.ceil(1 / appearing.longest_wait)
    return 2 * size - 1 if problem.may_stay else size


def require_whole(problem: Problem, batch: Batch, actions: Tensor) -> None:
    """Refuse actions whose shape is not that of whole trajectories `[B, P, T]`.

    Raises:
        ValueError: naming the shape found and the one expected.
    """
    n, shape = batch.size, list(actions.shape)
    fits = len(shape) == 3 and shape[0] == batch.count
    if not problem.shape.has_depot:
        steps, meaning, fits = str(n), f"a step for each of the {n} nodes", fits and shape[2] == n
    elif problem.rule(SplitDelivery):  # a node may be visited several times
        steps, meaning = "T", "steps"
    else:
        most = most_steps(problem, n) if problem.shape.has_one_depot_tour else max(1, 2 * (n - 1))
        steps, meaning, fits = f"T <= {most}", "steps", fits and shape[2] <= most
    if not fits:
        expected = f"[{batch.count}, P, {steps}]"
        raise ValueError(f"actions: shape {shape}, expected {expected}: instances, trajectories, {meaning}")


def require_prefix(batch: Batch, trajectories: int, prefix: Tensor | None) -> None:
    """Refuse a prefix that is not `[B, P, L]`.

    Raises:
        ValueError: naming the shape found and the one expected.
    """
    if prefix is not None and (prefix.ndim != 3 or prefix.shape[:2] != (batch.count, trajectories)):
        expected = f"[{batch.count}, {trajectories}, L]: instances, trajectories, given steps"
        raise ValueError(f"prefix: shape {list(prefix.shape)}, expected {expected}")


def walks_of(problem: Problem, batch: Batch, actions: Tensor) -> Walks:
    """Whole trajectories from their actions `[B, P, T]`."""
    customers = customers_of(problem, batch)
    if not problem.shape.has_depot:
        before = actions.roll(1, dims=-1)
        if problem.shape.is_path:
            before[..., 0] = actions[..., 0]
        return Walks(batch, before, actions, None, customers)
    depot = batch.depot[:, None, None].expand(*actions.shape[:2], 1)
    end = ends_of(problem, batch)[:, None, None]
    before = torch.cat([depot, actions[..., :-1]], -1)
    returned = actions == end
    if problem.may_wait:  # at the depot, before the first visit
        returned = returned & ((actions != depot).cumsum(-1) > 0)
    before = torch.where((before == end) & ~returned, depot, before)  # another tour begins
    if problem.shape.has_several_tours:  # a tour without a visit has no length
        before = torch.where(returned & (before == depot), end, before)
        returned = returned & (before != end)
    return Walks(batch, before, actions, returned, customers, problem.rule(AppearingSession))


def objective_of(problem: Problem, walks: Walks) -> Tensor:
    """The objective in the instances' own units, `[B, P]`."""
    first, *others = (TERMS[term](walks) for term in problem.objective.terms)
    return sum(others, first)


def missed_of(problem: Problem, readings: Sequence[Callable[[Walks], Tensor | None]], walks: Walks) -> Tensor:
    """The number of nodes that trajectories miss by the rules' `readings`, `[B, P]`."""
    none = torch.zeros(walks.nodes.shape[:2], dtype=torch.long, device=walks.nodes.device)
    if not problem.shape.has_depot:
        return none
    parts = (reading(walks) for reading in readings)
    return sum((part for part in parts if part is not None), none)


def cost_of(problem: Problem, walks: Walks, missed: Tensor) -> Tensor:
    """The objective, with the sign that makes less better, and the cost of `missed` nodes, `[B, P]`."""
    cost = objective_of(problem, walks)
    if problem.objective.sense == "max":
        cost = -cost
    fine = (missed + DEAD_END * (missed > 0)) * walks.batch.scale[:, None]
    return cost + fine.to(cost.dtype)
