"""Sessions of limited time, as the environment reads them: with visits of uncertain time, queues, or new nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from .features import FEATURES, prize_unit
from .limits import mask_limit, outer_limit
from .rule_env import FAR, RuleEnv, way_home, with_given
from .walks import SessionClock, WaitClock, session_clock, wait_clock

if TYPE_CHECKING:
    from torch import Tensor

    from tsp.problems import AppearingSession

    from .batch import Batch
    from .walks import Move


SHORT = 1e-6
"""The shortest time and the smallest rate, so that none is divided by 0."""


class SessionState(NamedTuple):
    """The time of a tour in a session.

    Attributes:
        batch: the instances.
        clock: `[B, 1, n]` the times of each node, the real ones included, which policies do not see.
        deadlines: `[B, 1, n, K]` by when she has to come so that a visit counts, in each outcome of the law; sorted.
        worth: `[B, 1, n, K + 1]` the prize expected of the outcomes whose deadline is not over, by the number of those
            whose deadline is.
        duration: `[B, 1, n]` the time that a visit takes on average, in sides of the square.
        now: `[B, P]` the time at which the current node may be left.
        undecided: `[B, P]` bool, whether she has just come to a node with a queue.
    """

    batch: Batch
    clock: SessionClock
    deadlines: Tensor
    worth: Tensor
    duration: Tensor
    now: Tensor
    undecided: Tensor


class SessionEnv(RuleEnv):
    """Any node may be next from which the end can still be reached in time; a visit is broken off when time is up.

    Where the session may end late (`tsp.problems.LateEnd`), a visit that has begun by then is finished.
    """

    from_depot = True
    shows = ("duration", "deviation")
    context_features = 1
    node_context_features = 3
    geometry = True

    def start(self, batch: Batch, trajectories: int) -> SessionState:
        """The session begins, or the depot opens."""
        clock = session_clock(batch)
        deadlines, order = _law_clock(batch, clock).deadline().sort(-1)
        prizes = batch.values.get("law_prizes", batch.prizes[..., None]).expand(order.shape).gather(-1, order)
        shares = prizes / prize_unit(batch)[..., None] / order.shape[-1]
        worth = torch.nn.functional.pad(shares.flip(-1).cumsum(-1).flip(-1), (0, 1))[:, None]
        duration = FEATURES["duration"](batch)[:, None]
        now = clock.opens.gather(1, batch.depot[:, None]).expand(-1, trajectories)
        undecided = torch.zeros_like(now, dtype=torch.bool)
        return SessionState(batch, clock.map(lambda x: x[:, None]), deadlines[:, None], worth, duration, now, undecided)

    def update(self, state: SessionState, move: Move) -> SessionState:
        """Walk there, and stay until the visit is over or time is up."""
        assert move.returned is not None
        arrive, leave = self._times(state, move)
        stays = (move.node == move.origin) | move.returned
        return state._replace(now=torch.where(stays, arrive, leave))

    def _times(self, state: SessionState, move: Move) -> tuple[Tensor, Tensor]:
        """When a move arrives, and when a visit there ends, `[B, P]` each."""
        assert move.leg is not None
        arrive = state.now + move.leg
        return arrive, state.clock.map(lambda x: x[:, 0].gather(1, move.node)).visit(arrive)[0]

    def resume(self, state: SessionState, batch: Batch) -> SessionState:
        """See `RuleEnv.resume`."""
        return state._replace(now=with_given(state.now, batch, "elapsed"))

    def context(self, state: SessionState, move: Move) -> Tensor:
        """The time that is left."""
        return time_left(state.batch, state.now)

    def node_context(self, state: SessionState, move: Move) -> Tensor:
        """Of each node, if it is next: the probability to finish its visit, the expected prize, and `_rate`."""
        assert move.to_nodes is not None
        arrive = (state.now[..., None] + move.to_nodes).transpose(1, 2).contiguous()
        missed = torch.searchsorted(state.deadlines[:, 0], arrive)  # [B, n, P] outcomes in which it would not count
        chance = 1 - missed.transpose(1, 2).float() / state.deadlines.shape[-1]
        prize = state.worth[:, 0].gather(-1, missed).transpose(1, 2).float()
        return torch.stack([chance, prize, self._rate(state, move, prize)], -1)

    def _rate(self, state: SessionState, move: Move, prize: Tensor) -> Tensor:
        """The expected prize by the time of way and visit, as a share of the largest, `[B, P, n]`; 0 where visited."""
        assert move.to_nodes is not None
        scale = state.batch.scale[:, None, None].to(move.to_nodes.dtype)
        takes = (move.to_nodes / scale).float() + state.duration
        rate = torch.where(move.visited, 0.0, prize / takes.clamp(min=SHORT))
        rate = self._with_stay(state, move, rate)
        return rate / rate.amax(-1, keepdim=True).clamp(min=SHORT)

    def _with_stay(self, state: SessionState, move: Move, rate: Tensor) -> Tensor:
        """The rates, with that of the decision to stay where there is one."""
        return rate

    def forbids_visit(self, state: SessionState, move: Move) -> Tensor:
        """Nodes from which the end could not be reached in time on arrival."""
        assert move.to_nodes is not None
        return state.now[..., None] + move.to_nodes > mask_limit(state.clock.latest)

    def forbids_return(self, state: SessionState, move: Move) -> Tensor:
        """Whether even the direct way to the end is too long."""
        return end_is_late(state.batch, state.clock, state.now, move)


class QueueSessionEnv(SessionEnv):
    """Coming to a node shows its wait and its prize; the same node once more is the decision to stay."""

    shows = ("duration", "deviation", "presence")
    context_features = 4

    def update(self, state: SessionState, move: Move) -> SessionState:
        """Walk there and look; where she decides to stay, until the visit is over or time is up."""
        assert move.returned is not None
        arrive, leave = self._times(state, move)
        stays = (move.node == move.origin) & state.undecided
        now = torch.where(stays, leave, arrive)
        return state._replace(now=now, undecided=(move.node != move.origin) & ~move.returned)

    def allows_stay(self, state: SessionState, move: Move) -> Tensor:
        """Where she has just arrived, and it is not yet too late."""
        latest = state.clock.latest[:, 0].gather(1, move.here)
        return state.undecided & (state.now <= mask_limit(latest))

    def context(self, state: SessionState, move: Move) -> Tensor:
        """The time that is left; of a node just reached, that it is, how long a visit would take, and its prize."""
        seen = torch.stack([state.undecided.float(), *self._stay(state, move)], -1)
        return torch.cat([super().context(state, move), seen], -1)

    def _stay(self, state: SessionState, move: Move) -> tuple[Tensor, Tensor]:
        """How long a visit of the node just reached would take, and its prize, `[B, P]`; 0 where there is none."""
        here = state.clock.map(lambda x: x[:, 0].gather(1, move.here))
        leave, lost = here.visit(state.now)
        prize = state.batch.real_prizes.gather(1, move.here) / prize_unit(state.batch)
        takes = torch.where(state.undecided, (leave - state.now) / state.batch.scale[:, None], 0.0).clamp(max=FAR)
        return takes.float(), torch.where(state.undecided & ~lost, prize, 0.0).float()

    def _with_stay(self, state: SessionState, move: Move, rate: Tensor) -> Tensor:
        """See `SessionEnv._with_stay`."""
        takes, gain = self._stay(state, move)
        return rate.scatter(-1, move.here[..., None], (gain / takes.clamp(min=SHORT))[..., None])


def _law_clock(batch: Batch, clock: SessionClock) -> SessionClock:
    """The clock `[B, n, K]` of the equally likely outcomes; K is 1 where all is known."""
    service = batch.values.get("law_service_times", clock.service[..., None]).to(clock.latest.dtype)
    waits = batch.values.get("law_waits", clock.waits[..., None]).to(clock.latest.dtype)
    return SessionClock(
        *torch.broadcast_tensors(*clock.map(lambda x: x[..., None])._replace(service=service, waits=waits))
    )


class AppearingState(NamedTuple):
    """The time of a tour in a session in which nodes appear.

    Attributes:
        batch: the instances.
        clock: `[B, 1, n]` the times of each node.
        waits: the clock of waits, the real appearances included, which policies see as they happen.
        law: `[B, 1, n, K]` the equally likely times at which each node appears.
        now: `[B, P]` the time at which the current node may be left.
        over: `[B, P]` bool, whether the tour has ended.
    """

    batch: Batch
    clock: SessionClock
    waits: WaitClock
    law: Tensor
    now: Tensor
    over: Tensor


class AppearingSessionEnv(RuleEnv):
    """Only a node that has appeared may be next, or the current one once more: the decision to wait."""

    from_depot = True
    shows = ("service",)
    context_features = 1
    node_context_features = 2
    geometry = True
    rule: AppearingSession

    def start(self, batch: Batch, trajectories: int) -> AppearingState:
        """The session begins, or the depot opens."""
        clock = session_clock(batch)
        law = batch.values["law_appears"].to(clock.latest.dtype)[:, None]
        now = clock.opens.gather(1, batch.depot[:, None]).expand(-1, trajectories)
        over = torch.zeros_like(now, dtype=torch.bool)
        return AppearingState(batch, clock.map(lambda x: x[:, None]), wait_clock(batch, self.rule), law, now, over)

    def update(self, state: AppearingState, move: Move) -> AppearingState:
        """Walk there, and stay until the visit is over or time is up; or wait."""
        assert move.returned is not None
        assert move.leg is not None
        arrive = state.now + move.leg
        there = state.clock.map(lambda x: x[:, 0].gather(1, move.node))
        waited = state.waits.end(state.now, there.latest)
        now = torch.where(move.node == move.origin, waited, there.visit(arrive)[0])
        return state._replace(now=torch.where(move.returned, arrive, now), over=state.over | move.returned)

    def resume(self, state: AppearingState, batch: Batch) -> AppearingState:
        """See `RuleEnv.resume`."""
        return state._replace(now=with_given(state.now, batch, "elapsed"))

    def context(self, state: AppearingState, move: Move) -> Tensor:
        """The time that is left."""
        return time_left(state.batch, state.now)

    def node_context(self, state: AppearingState, move: Move) -> Tensor:
        """Whether each node is there, and the probability that it will be: one of the outcomes still to come."""
        is_there = self._is_there(state)
        ahead = state.law > state.now[..., None, None]
        finite = (ahead & (state.law < state.clock.latest[..., None])).sum(-1) / ahead.sum(-1).clamp(min=1)
        return torch.stack([is_there.float(), torch.where(is_there, 1.0, finite).float()], -1)

    def _is_there(self, state: AppearingState) -> Tensor:
        """Whether each node has appeared, `[B, P, n]` bool."""
        return state.waits.appears <= mask_limit(state.now)[..., None]

    def forbids_visit(self, state: AppearingState, move: Move) -> Tensor:
        """Nodes that are not there, or from which the end could not be reached in time on arrival."""
        assert move.to_nodes is not None
        too_far = state.now[..., None] + move.to_nodes > mask_limit(state.clock.latest)
        return too_far | ~self._is_there(state)

    def allows_stay(self, state: AppearingState, move: Move) -> Tensor:
        """Until it is time to go to the end."""
        latest = state.clock.latest[:, 0].gather(1, move.here)
        return ~state.over & (latest > mask_limit(state.now))

    def forbids_return(self, state: AppearingState, move: Move) -> Tensor:
        """Whether even the direct way to the end is too long."""
        return end_is_late(state.batch, state.clock, state.now, move)


def time_left(batch: Batch, now: Tensor) -> Tensor:
    """The time that is left of a session, as a policy sees it, `[B, P, 1]`."""
    left = (batch.values["max_length"][:, None] - now) / batch.scale[:, None]
    return left.clamp(max=FAR).float()[..., None]


def end_is_late(batch: Batch, clock: SessionClock, now: Tensor, move: Move) -> Tensor:
    """Whether even the direct way to the end of a session is too long, `[B, P]` bool; never where it may end late."""
    limit = clock.latest[:, 0].gather(1, batch.finish[:, None])
    return (now + way_home(move) > outer_limit(limit)) & clock.late_price[:, 0, :1].isinf()


class SessionWindowsEnv(RuleEnv):
    """Time windows in a session: they count by its clock, and forbid nothing."""

    from_depot = True
    shows = ("opens", "closes")
