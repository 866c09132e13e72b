"""Each rule as the environment reads it: which visits are legal, and what the policy sees of the rule.

A rule is a small class; all of them share one `Move` a step, in which geometry is computed once.
`RULES` maps the rule's data (`tsp.problems`) to the class. Rules compute in the instances' own units, with the
tolerance of the checker; the policy sees features that `Batch` scales.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from tsp.problems import (
    AppearingSession,
    Capacity,
    CompulsoryVisits,
    LateEnd,
    LengthBudget,
    MaxVisits,
    PrizeQuota,
    QueueSession,
    Rule,
    Session,
    SplitDelivery,
    TimeWindows,
    VisitAtMostOnce,
    VisitOnce,
)

from .features import day, load_unit, prize_unit
from .limits import last_digits, mask_limit, outer_limit
from .rule_env import FAR, RuleEnv, way_home, with_given
from .sessions import AppearingSessionEnv, QueueSessionEnv, SessionEnv, SessionWindowsEnv
from .walks import customers_of

if TYPE_CHECKING:
    from tsp.problems import Problem

    from .batch import Batch
    from .walks import Move, Walks


class VisitOnceEnv(RuleEnv):
    """A visited node is not visited again; the environment's shape says when all must be visited."""

    def forbids_visit(self, state: None, move: Move) -> Tensor:
        """The visited nodes."""
        return move.visited

    def missed(self, walks: Walks) -> Tensor | None:
        """The nodes that are not visited, where all must be."""
        return (walks.customers[:, None] & ~walks.visited()).sum(-1) if self.problem.visits_all else None


class CompulsoryVisitsEnv(RuleEnv):
    """The last tour does not end before the required nodes are visited."""

    from_depot = True

    def start(self, batch: Batch, trajectories: int) -> Tensor:
        """The required nodes `[B, 1, n]`."""
        ends = torch.stack([batch.depot, batch.finish], 1)
        return (batch.values["required"] > 0).scatter(1, ends, value=False)[:, None]

    def forbids_end(self, state: Tensor, move: Move) -> Tensor:
        """While a required node is not visited."""
        return (state & ~move.visited).any(-1)

    def missed(self, walks: Walks) -> Tensor:
        """The required nodes that are not visited."""
        required = (walks.batch.values["required"] > 0) & walks.customers
        return (required[:, None] & ~walks.visited()).sum(-1)


class CapacityState(NamedTuple):
    """Load left `[B, P]`, and open demands `[B, P, n]` where deliveries are split."""

    batch: Batch
    left: Tensor
    open_demands: Tensor | None


class CapacityEnv(RuleEnv):
    """Deliveries do not exceed the load left; the depot refills it."""

    from_depot = True
    shows = ("demands",)
    context_features = 1

    def __init__(self, rule: Capacity, problem: Problem) -> None:
        super().__init__(rule, problem)
        self.split = problem.rule(SplitDelivery) is not None
        self.node_context_features = int(self.split)

    def start(self, batch: Batch, trajectories: int) -> CapacityState:
        """A full load."""
        left = batch.values["capacity"][:, None].expand(-1, trajectories)
        open_demands = None
        if self.split:
            open_demands = batch.values["demands"][:, None].expand(-1, trajectories, -1)
            ends = torch.stack([batch.depot, batch.finish], 1)  # nothing is delivered there
            open_demands = open_demands.scatter(2, ends[:, None].expand(-1, trajectories, -1), 0.0)
        return CapacityState(batch, left, open_demands)

    def update(self, state: CapacityState, move: Move) -> CapacityState:
        """Deliver the open demand as far as the load allows; refill at a tour's end."""
        assert move.returned is not None
        if state.open_demands is None:
            open_demands = None
            delivered = state.batch.values["demands"].gather(1, move.node)
        else:
            here = move.node[..., None]
            delivered = torch.minimum(state.open_demands.gather(-1, here)[..., 0], state.left)
            open_demands = state.open_demands.scatter_add(-1, here, -delivered[..., None])
        full = state.batch.values["capacity"][:, None]
        return state._replace(left=torch.where(move.returned, full, state.left - delivered), open_demands=open_demands)

    def resume(self, state: CapacityState, batch: Batch) -> CapacityState:
        """See `RuleEnv.resume`."""
        full = batch.values["capacity"][:, None]
        return state._replace(left=full - with_given(full - state.left, batch, "load"))

    def served(self, state: CapacityState) -> Tensor | None:
        """Nodes without an open demand, where deliveries are split."""
        return None if state.open_demands is None else ~_is_open(state.batch, state.open_demands)

    def context(self, state: CapacityState, move: Move) -> Tensor:
        """The share of the load that is left."""
        return (state.left / load_unit(state.batch)).float()[..., None]

    def node_context(self, state: CapacityState, move: Move) -> Tensor | None:
        """The open demand of each node, in loads, where deliveries are split."""
        if state.open_demands is None:
            return None
        return (state.open_demands / load_unit(state.batch)[..., None]).float()[..., None]

    def forbids_visit(self, state: CapacityState, move: Move) -> Tensor:
        """Nodes with a demand above the load left; where deliveries are split, all nodes once the load is used up."""
        if state.open_demands is not None:
            full = state.batch.values["capacity"][:, None]
            served = (state.left <= last_digits(full))[..., None] | ~_is_open(state.batch, state.open_demands)
            return served.scatter(-1, move.here[..., None], value=True)  # the current node has just been served
        return state.batch.values["demands"][:, None] > mask_limit(state.left)[..., None]

    def missed(self, walks: Walks) -> Tensor | None:
        """The nodes with an open demand, where deliveries are split."""
        if not self.split:
            return None
        assert walks.returned is not None
        values = walks.batch.values
        full = values["capacity"][:, None]
        open_demands = (values["demands"] * walks.customers)[:, None].expand(-1, walks.nodes.shape[1], -1)
        left = full.expand(open_demands.shape[:2])
        for step, (node, returned) in enumerate(zip(walks.nodes.unbind(-1), walks.returned.unbind(-1), strict=True), 1):
            delivered = torch.minimum(open_demands.gather(-1, node[..., None])[..., 0], left)
            open_demands = open_demands.scatter_add(-1, node[..., None], -delivered[..., None])
            left = torch.where(returned, full, left - delivered)
            if "load" in values:  # a tour under way: see `resume`
                left = torch.where(
                    values["given"][:, None] == step, full - with_given(full - left, walks.batch, "load"), left
                )
        return _is_open(walks.batch, open_demands).sum(-1)


def _is_open(batch: Batch, open_demands: Tensor) -> Tensor:
    """Whether the checker would miss what is left of a demand, `[B, P, n]`: more than the last digits of a sum."""
    return open_demands > last_digits(batch.values["demands"])[:, None]


class LengthState(NamedTuple):
    """The part of its budget that the current tour has used.

    Attributes:
        batch: the instances.
        travelled: `[B, P]` length of the tour.
        spent: `[B, P]` duration of its visits.
        visits: `[B, 1, n]` duration of each visit; None where visits take no time.
    """

    batch: Batch
    travelled: Tensor
    spent: Tensor
    visits: Tensor | None

    @property
    def used(self) -> Tensor:
        """`[B, P]` what counts towards the budget."""
        return self.travelled if self.visits is None else self.travelled + self.spent


class LengthBudgetEnv(RuleEnv):
    """A node may be next if the tour can still reach its end within the budget (Kool et al. 2019).

    The durations of visits count too; waiting does not.
    """

    context_features = 1
    from_depot = True
    geometry = True

    def start(self, batch: Batch, trajectories: int) -> LengthState:
        """Nothing is used yet."""
        assert batch.distances is not None
        visits = batch.values.get("service_times")
        if visits is not None:
            ends = torch.stack([batch.depot, batch.finish], 1)  # nothing is visited there
            visits = visits.to(batch.distances.dtype).scatter(1, ends, 0.0)[:, None]
        nothing = batch.distances.new_zeros((batch.count, trajectories))
        return LengthState(batch, nothing, nothing, visits)

    def update(self, state: LengthState, move: Move) -> LengthState:
        """Add the leg and the visit; after a tour's end the next one begins at 0."""
        assert move.leg is not None
        assert move.returned is not None
        state = state._replace(travelled=torch.where(move.returned, 0.0, state.travelled + move.leg))
        if state.visits is None:
            return state
        spent = state.spent + state.visits[:, 0].gather(1, move.node)
        return state._replace(spent=torch.where(move.returned, 0.0, spent))

    def resume(self, state: LengthState, batch: Batch) -> LengthState:
        """See `RuleEnv.resume`."""
        return state._replace(travelled=with_given(state.travelled, batch, "travelled"))

    def context(self, state: LengthState, move: Move) -> Tensor:
        """The part of the budget that is left."""
        limit = state.batch.values.get("max_length")
        if limit is None:
            return torch.full((*state.travelled.shape, 1), FAR, device=state.travelled.device)
        left = (limit[:, None] - state.used) / state.batch.scale[:, None]
        return left.clamp(max=FAR).float()[..., None]

    def forbids_visit(self, state: LengthState, move: Move) -> Tensor | None:
        """Nodes whose visit, or the way home after it, would be too long."""
        if "max_length" not in state.batch.values:
            return None
        assert move.to_nodes is not None
        assert move.home is not None
        limit = state.batch.values["max_length"][:, None]
        left = mask_limit(limit) - state.used
        onward = move.home if state.visits is None else move.home + state.visits
        return move.to_nodes + onward > left[..., None]

    def forbids_return(self, state: LengthState, move: Move) -> Tensor | None:
        """Whether even the direct way home is too long."""
        if "max_length" not in state.batch.values:
            return None
        limit = state.batch.values["max_length"][:, None]
        too_long = state.used + way_home(move) > outer_limit(limit)
        return too_long & self.makes_tour(state.batch, move)


class MaxVisitsEnv(RuleEnv):
    """No node may be next once the allowed number is visited."""

    context_features = 1

    def __init__(self, rule: MaxVisits, problem: Problem) -> None:
        super().__init__(rule, problem)
        self.most = rule.most

    def start(self, batch: Batch, trajectories: int) -> Tensor:
        """No visit yet, `[B, P]`."""
        return torch.zeros((batch.count, trajectories), device=batch.device)

    def update(self, state: Tensor, move: Move) -> Tensor:
        """Count the visit, unless the step ends a tour."""
        return state + 1.0 if move.returned is None else state + (~move.returned).float()

    def context(self, state: Tensor, move: Move) -> Tensor:
        """The share of the visits that is left; none, where none is allowed."""
        left = 1.0 - state / self.most if self.most else torch.zeros_like(state)
        return left[..., None]

    def forbids_visit(self, state: Tensor, move: Move) -> Tensor:
        """Every node, once enough are visited."""
        return (state >= self.most)[..., None].expand_as(move.visited)


class QuotaState(NamedTuple):
    """Prizes collected `[B, P]`."""

    batch: Batch
    collected: Tensor


class PrizeQuotaEnv(RuleEnv):
    """The last tour ends once enough is collected, or all is visited (Kool et al. 2019).

    Where the batch has `real_prizes`, they are collected; the policy sees `prizes`.
    """

    from_depot = True
    shows = ("prizes",)
    context_features = 1

    def start(self, batch: Batch, trajectories: int) -> QuotaState:
        """Nothing is collected."""
        return QuotaState(batch, batch.values["prizes"].new_zeros((batch.count, trajectories)))

    def update(self, state: QuotaState, move: Move) -> QuotaState:
        """Collect the node's prize; the ends of tours have none."""
        assert move.returned is not None
        prize = torch.where(move.returned, 0.0, state.batch.real_prizes.gather(1, move.node))
        return state._replace(collected=state.collected + prize)

    def context(self, state: QuotaState, move: Move) -> Tensor:
        """The prize still to be collected."""
        missing = state.batch.values["min_prize"][:, None] - state.collected
        return (missing.clamp(min=0.0) / prize_unit(state.batch)).float()[..., None]

    def forbids_end(self, state: QuotaState, move: Move) -> Tensor:
        """While too little is collected and some node is unvisited."""
        quota = state.batch.values["min_prize"][:, None]
        return (mask_limit(state.collected) < quota) & ~move.visited.all(-1)

    def missed(self, walks: Walks) -> Tensor:
        """One where too little is collected and some node is unvisited."""
        prizes, visited = walks.batch.real_prizes, walks.visited()
        collected = (visited.to(prizes.dtype) * prizes[:, None]).sum(-1)
        # summed in another order than step by step, so with the outer limit
        too_little = outer_limit(collected) < walks.batch.values["min_prize"][:, None]
        return (too_little & (walks.customers[:, None] & ~visited).any(-1)).long()


class TimeState(NamedTuple):
    """The time `[B, P]` at which the current node can be left, and constants of the instances.

    Attributes:
        batch: the instances.
        now: `[B, P]`.
        opens, closes, service: `[B, 1, n]`.
        leaving: `[B, 1]` the time at which a tour may leave the depot.
        home_closes: `[B, 1]` the time at which the end of tours closes.
        homeward: `[B, 1, n]` latest time to leave each node and still reach the end in time.
        latest: `[B, 1, n, n]`, latest time to leave the row's node and still reach the column's node in
            time by any way; None where another tour may visit a node that this one cannot.
        latest_leave: `[B, P, n]`, latest time to leave each node and still reach any one of the other unvisited
            nodes in time; None where `latest` is.
    """

    batch: Batch
    now: Tensor
    opens: Tensor
    closes: Tensor
    service: Tensor
    leaving: Tensor
    home_closes: Tensor
    homeward: Tensor
    latest: Tensor | None
    latest_leave: Tensor | None


class TimeWindowsEnv(RuleEnv):
    """A visit must begin before its window closes, and leave enough time to return.

    Where one tour must visit all, a node is also forbidden when after it some other node could not
    be reached in time by any way: that avoids the avoidable dead ends (Bi et al. 2024, PIP).
    """

    from_depot = True
    shows = ("opens", "closes", "service")
    context_features = 1
    geometry = True

    def __init__(self, rule: Rule, problem: Problem) -> None:
        super().__init__(rule, problem)
        self.visits_all = problem.visits_all and problem.shape.has_one_depot_tour
        self.node_context_features = 7 if self.visits_all else 2

    def start(self, batch: Batch, trajectories: int) -> TimeState:
        """The depot opens."""
        assert batch.distances is not None
        windows = batch.values["time_windows"].to(batch.distances.dtype)
        opens, closes = windows[..., 0], windows[..., 1]
        service = batch.values.get("service_times", torch.zeros_like(opens))
        leaving = (opens + service).gather(1, batch.depot[:, None])
        end = batch.finish[:, None]
        home_closes = closes.gather(1, end)
        ways, latest, latest_leave = batch.distances, None, None
        if self.visits_all:
            # no way passes padding
            stay = service if batch.padding is None else service.masked_fill(batch.padding, float("inf"))
            ways = _earliest(batch.distances, stay)
            latest = mask_limit(closes)[:, None, :] - ways
            itself = torch.eye(batch.size, dtype=torch.bool, device=batch.device)
            latest = latest.masked_fill(itself, float("inf"))[:, None]
            visited = ~customers_of(self.problem, batch)[:, None]
            latest_leave = _latest_leave(latest, visited).expand(-1, trajectories, -1)
        home = ways.gather(2, end[..., None].expand(-1, batch.size, 1))[..., 0]
        homeward = (mask_limit(home_closes) - home)[:, None]
        now, own = leaving.expand(-1, trajectories), (opens[:, None], closes[:, None], service[:, None])
        return TimeState(batch, now, *own, leaving, home_closes, homeward, latest, latest_leave)

    def update(self, state: TimeState, move: Move) -> TimeState:
        """Travel, wait, and serve; after a tour's end the next one leaves the depot at its opening."""
        assert move.leg is not None
        assert move.returned is not None
        opens, service = (x[:, 0].gather(1, move.node) for x in (state.opens, state.service))
        now = torch.maximum(state.now + move.leg, opens) + service
        latest_leave = None if state.latest is None else _latest_leave(state.latest, move.visited)
        return state._replace(now=torch.where(move.returned, state.leaving, now), latest_leave=latest_leave)

    def resume(self, state: TimeState, batch: Batch) -> TimeState:
        """See `RuleEnv.resume`; the tours to come leave the depot at the elapsed time or later."""
        leaving = torch.maximum(state.leaving, with_given(state.leaving, batch, "elapsed"))
        now = with_given(state.now, batch, "elapsed")
        if self.problem.shape.has_several_tours:
            now = torch.where(state.now == state.leaving, leaving, now)  # at the depot
        return state._replace(now=now, leaving=leaving)

    def context(self, state: TimeState, move: Move) -> Tensor:
        """The time now, as a share of the day."""
        return (state.now / day(state.batch)).float()[..., None]

    def node_context(self, state: TimeState, move: Move) -> Tensor:
        """The wait at each node, and the spare time before it closes, on arrival from the current node.

        Where one tour must visit every node, also the way there, the spare time that a visit leaves for the node that
        then is hardest to reach, and how near each of these is to none, since a choice depends on what is close.
        """
        arrival = self._arrival(state, move)
        unit = state.batch.scale[:, None, None]
        wait = ((state.opens - arrival) / unit).clamp(0.0, FAR)
        spare = ((state.closes - arrival) / unit).clamp(-FAR, FAR)
        if state.latest_leave is None:
            return torch.stack([wait, spare], -1).float()
        assert move.to_nodes is not None
        way = move.to_nodes / unit
        leave = torch.maximum(arrival, state.opens) + state.service
        left = ((state.latest_leave - leave) / unit).clamp(0.0, FAR)
        near = (torch.exp(-wait), torch.exp(-spare.clamp(min=0.0)), torch.exp(-4.0 * way), torch.exp(-left))
        return torch.stack([wait, spare, way, *near], -1).float()

    def _arrival(self, state: TimeState, move: Move) -> Tensor:
        assert move.to_nodes is not None
        return state.now[..., None] + move.to_nodes

    def forbids_visit(self, state: TimeState, move: Move) -> Tensor:
        """Nodes that are closed on arrival, or after which the end or another node cannot be reached in time."""
        begin = torch.maximum(self._arrival(state, move), state.opens)
        leave = begin + state.service
        forbidden = (begin > mask_limit(state.closes)) | (leave > state.homeward)
        if state.latest_leave is not None:
            forbidden = forbidden | (leave > state.latest_leave)
        return forbidden

    def forbids_return(self, state: TimeState, move: Move) -> Tensor:
        """Whether the end would have closed on arrival."""
        too_late = state.now + way_home(move) > outer_limit(state.home_closes)
        return too_late & self.makes_tour(state.batch, move)


def _latest_leave(latest: Tensor, visited: Tensor) -> Tensor:
    """The `latest_leave` of `TimeState` where nodes are `visited` `[B, P, n]`; found once for each step."""
    return torch.where(visited[:, :, None, :], float("inf"), latest).amin(-1)  # over [B, P, n, n]


def _earliest(distances: Tensor, service: Tensor) -> Tensor:
    """Shortest time from leaving each node to arriving at each, by any way, `[B, n, n]`.

    Where the triangle inequality holds this is the distance itself (Floyd and Warshall, otherwise).
    """
    out = distances
    if distances.dtype == torch.float32:
        return out  # generated instances are metric
    for k in range(distances.shape[-1]):
        through = out[:, :, k, None] + (service[:, k, None, None] + out[:, k, None, :])
        out = torch.minimum(out, through)
    return out


RULES: dict[type[Rule], type[RuleEnv]] = {
    VisitOnce: VisitOnceEnv,
    VisitAtMostOnce: VisitOnceEnv,
    CompulsoryVisits: CompulsoryVisitsEnv,
    SplitDelivery: RuleEnv,
    Capacity: CapacityEnv,
    LengthBudget: LengthBudgetEnv,
    MaxVisits: MaxVisitsEnv,
    PrizeQuota: PrizeQuotaEnv,
    TimeWindows: TimeWindowsEnv,
    Session: SessionEnv,
    QueueSession: QueueSessionEnv,
    AppearingSession: AppearingSessionEnv,
    LateEnd: RuleEnv,
}
"""Class of a rule's data → class of its environment."""


def environment_of(rule: Rule, problem: Problem) -> RuleEnv:
    """The environment of a rule; in a session, time windows count by the session's clock."""
    in_session = isinstance(rule, TimeWindows) and problem.rule(Session) is not None
    return (SessionWindowsEnv if in_session else RULES[type(rule)])(rule, problem)
