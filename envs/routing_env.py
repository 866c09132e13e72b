"""`RoutingEnv`: a routing problem as a batched Markov decision process, composed from its rules.

Tensors carry `[B, P, ...]`: B instances, P trajectories each. States are immutable; `step` returns
the next one. The environment alone decides how tours run (`Problem.shape`), what a finished
trajectory does (it stays) and what happens where no node is legal (a dead end: infeasible).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from tsp.instance import USED
from tsp.problems import TERM_NEEDS, Problem, SplitDelivery, get_problem
from tsp.underway import waits_at_start

from .batch import Batch, rows_at
from .features import FEATURES, load_unit
from .rules import RULES, environment_of
from .walks import (
    TERMS,
    TOUR_TERMS,
    Move,
    Walks,
    cost_of,
    customers_of,
    ends_of,
    missed_of,
    most_steps,
    objective_of,
    require_prefix,
    require_whole,
    walks_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tsp.instance import Instance

    from .rule_env import RuleEnv


class Observation(NamedTuple):
    """Observation of B × P trajectories by a policy.

    Attributes:
        first: `[B, P]` the first node of the tour; n before there is one.
        last: `[B, P]` the current node; n before there is one.
        forbidden: `[B, P, n]` bool, True where a node must not be next; at least one node is allowed.
        context: `[B, P, c]` float32, features of the rules' states; None where c = 0.
        node_context: `[B, P, n, k]` float32, their features of each node now; None where k = 0.
    """

    first: Tensor
    last: Tensor
    forbidden: Tensor
    context: Tensor | None
    node_context: Tensor | None


class State(NamedTuple):
    """State of B × P trajectories.

    Attributes:
        batch: the instances.
        end: `[B]` the node where tours end; n where that is free.
        first: `[B, P]` as in `Observation`.
        move: the last move; before the first step `here` is the depot, or n where the start is free.
        tours: `[B, P]` how many tours have ended.
        finished: `[B, P]` bool.
        dead: `[B, P]` bool, whether the only legal action is to stay: the trajectory is infeasible.
        rules: each rule's own state.
        forbidden: `[B, P, n]` as in `Observation`.
    """

    batch: Batch
    end: Tensor
    first: Tensor
    move: Move
    tours: Tensor
    finished: Tensor
    dead: Tensor
    rules: tuple[Any, ...]
    forbidden: Tensor


class Trace(NamedTuple):
    """Trajectories with the observation before each of their steps.

    All tensors are `[B, P, T, ...]`. Their memory is ordered by step before trajectory, so that writing a
    step and reading the queries of several steps are contiguous; see `RoutingEnv.empty_trace`.

    Attributes:
        actions: `[B, P, T]`, the given prefix included.
        first, last, forbidden, context, node_context: as in `Observation`, `[B, P, T, ...]`.
        given: number of leading steps that were given and not chosen.
    """

    actions: Tensor
    first: Tensor
    last: Tensor
    forbidden: Tensor
    context: Tensor | None
    node_context: Tensor | None
    given: int

    def write(self, step: int, observation: Observation, action: Tensor) -> None:
        """Write one step's observation and action `[B, P]` in place."""
        for buffer, value in zip(self[:-1], (action, *observation), strict=True):
            if isinstance(buffer, Tensor) and value is not None:
                buffer[:, :, step] = value

    def map(self, change: Callable[[Tensor], Tensor]) -> Trace:
        """The trace with each tensor changed."""
        return Trace(
            change(self.actions),
            change(self.first),
            change(self.last),
            change(self.forbidden),
            None if self.context is None else change(self.context),
            None if self.node_context is None else change(self.node_context),
            self.given,
        )

    def queries(self, steps: slice) -> tuple[Observation, Tensor]:
        """The observations `[B, T * P, ...]` and actions `[B, T * P]` of some steps, ordered by step."""
        flat = self.map(lambda x: x[:, :, steps].transpose(1, 2).flatten(1, 2))
        return Observation(flat.first, flat.last, flat.forbidden, flat.context, flat.node_context), flat.actions

    def until(self, steps: int) -> Trace:
        """The first `steps` steps."""
        return self.map(lambda x: x[:, :, :steps])


class Names(NamedTuple):
    """The names of an environment's features, in their order.

    Attributes:
        node: those of a node, `[node_features]`.
        context: those of the rules' states, `[context_features]`.
        node_context: those of each node that change with the step, `[node_context_features]`.
    """

    node: tuple[str, ...]
    context: tuple[str, ...]
    node_context: tuple[str, ...]


class RoutingEnv:
    """The environment of one problem.

    Args:
        problem: a problem, or the name of one.

    Raises:
        ValueError: for an unknown problem, or one with a rule or term that has no environment for it.
    """

    def __init__(self, problem: Problem | str) -> None:
        self.problem = get_problem(problem) if isinstance(problem, str) else problem
        name = self.problem.name
        for rule in self.problem.rules:
            if type(rule) not in RULES:
                raise ValueError(f"problem {name!r}: no environment covers its rule {type(rule).__name__}")
        for term in self.problem.objective.terms:
            if term not in TERMS:
                raise ValueError(f"problem {name!r}: no environment covers its objective term {term!r}")
        self.rules: tuple[RuleEnv, ...] = tuple(environment_of(rule, self.problem) for rule in self.problem.rules)
        if not self.problem.shape.has_depot:
            depot_only = [type(rule.rule).__name__ for rule in self.rules if rule.from_depot]
            depot_only += [term for term in self.problem.objective.terms if term in TOUR_TERMS]
            if depot_only:
                raise ValueError(f"problem {name!r}: {depot_only[0]} has an environment only where tours leave a depot")
        terms = (term for term in TERM_NEEDS if term in self.problem.objective.terms)
        shown = [*(name for rule in self.rules for name in rule.shows), *(n for t in terms for n in TERM_NEEDS[t])]
        self.shows = tuple(name for name in dict.fromkeys(shown) if name in FEATURES)
        self.node_features = 2 + len(self.shows)
        self.counts_tours = "num_tours" in self.problem.demanded
        self.context_features = sum(rule.context_features for rule in self.rules) + int(self.counts_tours)
        self.node_context_features = sum(rule.node_context_features for rule in self.rules)
        self.geometry = any(rule.geometry for rule in self.rules)
        self.sign = 1.0 if self.problem.objective.sense == "min" else -1.0

    @property
    def names(self) -> Names:
        """The names of all features; those of a rule's state are its class and their number, of how many."""

        def numbered(kind: str) -> tuple[str, ...]:
            counts = [(type(rule.rule).__name__, int(getattr(rule, kind))) for rule in self.rules]
            return tuple(f"{rule} {i} of {count}" for rule, count in counts for i in range(count))

        fleet = ("num_tours",) if self.counts_tours else ()
        node, context = ("x", "y", *self.shows), (*numbered("context_features"), *fleet)
        return Names(node, context, numbered("node_context_features"))

    def as_solved(self, batch: Batch) -> Batch:
        """Drawn instances as a policy sees them when it solves; what is allowed and what it costs stays the same."""
        stretched = batch.stretched()
        return stretched._replace(distances=batch.with_distances().distances) if self.geometry else stretched

    def features(self, batch: Batch) -> Tensor:
        """The features of each node, `[B, n, node_features]` float32."""
        shown = (FEATURES[name](batch).to(batch.coordinates.dtype)[..., None] for name in self.shows)
        return torch.cat([batch.coordinates, *shown], -1)

    def kinds(self, batch: Batch) -> Tensor | None:
        """The kind of each node, `[B, n]`: 0 a customer, 1 where tours start, 2 where they end; None in cycles."""
        if self.problem.shape.is_closed:
            return None
        kinds = torch.zeros((batch.count, batch.size + 1), dtype=torch.long, device=batch.device)
        kinds.scatter_(1, ends_of(self.problem, batch)[:, None], 2)
        start = batch.depot
        if "free_start" in batch.values:
            start = torch.where(batch.values["free_start"], batch.size, start)
        return kinds.scatter_(1, start[:, None], 1)[:, :-1]

    def horizon(self, batch: Batch) -> int:
        """Steps after which every trajectory has finished; most finish earlier."""
        n = batch.size
        if not self.problem.shape.has_several_tours:
            return most_steps(self.problem, n)
        most = n - 1
        if "num_tours" in batch.values:
            fleet = batch.values["num_tours"].max()
            if fleet < most:
                most = int(fleet)
        extra = 0
        if self.problem.rule(SplitDelivery) is not None:  # a visit may deliver a part of a demand only
            extra = int((batch.values["demands"].sum(1, keepdim=True) / load_unit(batch)).max().ceil()) + 1
        return max(1, n - 1 + most + 2 * extra)

    def reset(self, batch: Batch, trajectories: int = 1, prefix: Tensor | None = None) -> State:
        """The state before the first free step.

        Args:
            batch: the instances.
            trajectories: P, how many trajectories each instance gets.
            prefix: actions `[B, P, L]` that are given: a start node, or a tour under way; after it the
                rules continue from what the batch says was really used.

        Raises:
            ValueError: when the prefix has another shape, or an action that is not allowed. Actions are not checked
                where the batch says what was really used.
        """
        if self.geometry:
            batch = batch.with_distances()
        B, P, n = batch.count, trajectories, batch.size
        require_prefix(batch, trajectories, prefix)
        customers = customers_of(self.problem, batch)
        visited = ~customers[:, None].expand(B, P, n)
        here = torch.full((B, P), n, dtype=torch.long, device=batch.device)
        if self.problem.shape.has_depot:
            here = batch.depot[:, None].expand(B, P)
        no = torch.zeros((B, P), dtype=torch.bool, device=batch.device)
        end = ends_of(self.problem, batch)
        home = None
        if self.geometry:
            assert batch.distances is not None
            place = end[:, None, None].expand(B, n, 1)
            home = batch.distances.gather(2, place)[:, None, :, 0]
        from_depot = self.problem.shape.has_depot
        move = Move(here, here, here, visited, no if from_depot else None, None, None, home)
        state = State(
            batch,
            end,
            here,
            self._with_geometry(batch, move),
            torch.zeros((B, P), dtype=torch.long, device=batch.device),
            no,
            no,
            tuple(rule.start(batch, P) for rule in self.rules),
            visited,
        )
        state = self._with_forbidden(state)
        planned = not any(name in batch.values for name in USED)
        for step, action in enumerate(prefix.unbind(-1) if prefix is not None else ()):
            if planned and state.forbidden.gather(-1, action[..., None]).any():
                raise ValueError(f"prefix: step {step} goes to a node that is not allowed there")
            state = self.step(state, action) if planned else self._relive(state, action)
        return state if prefix is None else self.resume(state)

    def _relive(self, state: State, action: Tensor) -> State:
        """The state after a step of a tour whose use is stated: it was made, whatever the plan's clock allows."""
        state = state._replace(dead=torch.zeros_like(state.dead))
        return self._step(state, action, action == state.move.here if self.problem.may_wait else None)

    def resume(self, state: State) -> State:
        """The state after a given prefix, with what the batch says was really used on the way."""
        if not any(name in state.batch.values for name in USED):
            return state
        rules = tuple(rule.resume(own, state.batch) for rule, own in zip(self.rules, state.rules, strict=True))
        return self._with_forbidden(state._replace(rules=rules, dead=torch.zeros_like(state.dead)))

    def _with_geometry(self, batch: Batch, move: Move) -> Move:
        if not self.geometry:
            return move
        assert batch.distances is not None
        leg = batch.legs(move.origin, move.node)
        return move._replace(leg=leg, to_nodes=rows_at(batch.distances, move.here))

    def step(self, state: State, action: Tensor) -> State:
        """The state after going to the nodes `action` `[B, P]`, which must be allowed."""
        return self._step(state, action, self._waits(state, action) if self.problem.may_wait else None)

    def _step(self, state: State, action: Tensor, waits: Tensor | None) -> State:
        """`step`, with the actions that are waits `[B, P]`; None where none can be one."""
        batch, before = state.batch, state.move
        n = batch.size
        dead, tours, finished, first = state.dead, state.tours, state.finished, state.first
        if self.problem.shape.has_depot:
            returned = action == state.end[:, None]
            if waits is not None:
                returned = returned & ~waits
            again = returned & (before.here == batch.depot[:, None])  # a tour without a visit: all tours are done
            dead = dead & (action == before.here)  # a given prefix may leave a dead end
            tours = tours + (returned & ~again & ~finished)
            visited = (
                before.visited
                if self.problem.rule(SplitDelivery)
                else before.visited.scatter(-1, action[..., None], value=True)
            )
            finished = finished | dead | again | (returned & self._no_more_tours(state.batch, tours))
            here = torch.where(returned & ~finished, batch.depot[:, None], action)
            move = Move(before.here, action, here, visited, returned, None, None, before.home)
        else:
            started = before.here < n
            first = torch.where(started, first, action)
            visited = before.visited.scatter(-1, action[..., None], value=True)
            origin = torch.where(started, before.here, action)
            move = Move(origin, action, action, visited, None, None, None, before.home)
        move = self._with_geometry(batch, move)
        rules = tuple(rule.update(own, move) for rule, own in zip(self.rules, state.rules, strict=True))
        for rule, own in zip(self.rules, rules, strict=True):
            served = rule.served(own)
            if served is not None:
                move = move._replace(visited=move.visited | served)
        done = move.visited.all(-1)
        if not self.problem.shape.has_depot:
            finished = done
        elif self.problem.shape.has_several_tours:
            assert move.returned is not None
            finished = finished | (done & move.returned)
            move = move._replace(here=torch.where(finished & ~dead, move.node, move.here))
        return self._with_forbidden(State(batch, state.end, first, move, tours, finished, dead, rules, state.forbidden))

    def _waits(self, state: State, action: Tensor) -> Tensor:
        """Whether an action is the decision to stay where the trajectory is, `[B, P]` bool."""
        waits = torch.zeros_like(state.finished)
        for rule, own in zip(self.rules, state.rules, strict=True):
            stay = rule.allows_stay(own, state.move)
            waits = waits if stay is None else waits | stay
        return waits & (action == state.move.here)

    def select(self, state: State, parents: Tensor) -> State:
        """The state in which trajectory p is a copy of trajectory `parents[b, p]` of the same instance b.

        Args:
            state: B × P trajectories.
            parents: `[B, P]` positions of trajectories, each as often as wanted.

        Raises:
            ValueError: where the state of a rule is neither `[B, P, ...]` nor `[B, 1, ...]`.
        """
        rows = torch.arange(len(parents), device=parents.device)[:, None]

        def pick(x: object) -> object:
            if not isinstance(x, Tensor) or x.ndim < 2 or x.shape[1] == 1:
                return x
            if x.shape[1] != parents.shape[1]:
                expected = f"[B, 1, ...] or [B, P, ...] with P = {parents.shape[1]}"
                raise ValueError(f"state: a tensor of shape {list(x.shape)}, expected {expected}")
            return x[rows, parents]

        return tree_map(pick, state, is_leaf=lambda x: isinstance(x, Batch))

    def _no_more_tours(self, batch: Batch, tours: Tensor) -> Tensor | bool:
        if self.problem.shape.has_one_depot_tour:
            return True
        if "num_tours" not in batch.values:
            return False
        return tours >= batch.values["num_tours"][:, None]

    def _with_forbidden(self, state: State) -> State:
        """The state with the nodes that must not be next; finished trajectories and dead ends may only stay."""
        batch, move = state.batch, state.move
        forbidden = move.visited
        for rule, own in zip(self.rules, state.rules, strict=True):
            by_rule = rule.forbids_visit(own, move)
            if by_rule is not None and by_rule is not forbidden:
                forbidden = forbidden | by_rule
        for rule, own in zip(self.rules, state.rules, strict=True):
            stay = rule.allows_stay(own, move)
            if stay is not None:
                forbidden = forbidden.scatter(-1, move.here[..., None], ~stay[..., None])
        if self.problem.shape.has_depot:
            forbidden = forbidden.scatter(
                -1, state.end[:, None, None].expand(*forbidden.shape[:2], 1), self._return_forbidden(state)[..., None]
            )
        elif self.problem.shape.is_path:
            forbidden = self._forbidden_in_path(state, forbidden)
        elif batch.padding is None:  # with one size, all trajectories finish together, after the last step
            return state._replace(forbidden=forbidden)
        nothing = forbidden.all(-1)
        here = torch.where(move.here < batch.size, move.here, 0)
        elsewhere = torch.arange(batch.size, device=forbidden.device) != here[..., None]
        forbidden = torch.where((state.finished | nothing)[..., None], elsewhere, forbidden)
        return state._replace(forbidden=forbidden, dead=state.dead | (nothing & ~state.finished))

    def _return_forbidden(self, state: State) -> Tensor:
        """Whether the current tour must not end now, `[B, P]` bool."""
        move = state.move
        unfinished = ~move.visited.all(-1) if self.problem.visits_all else torch.zeros_like(state.finished)
        forbidden = torch.zeros_like(state.finished)
        for rule, own in zip(self.rules, state.rules, strict=True):
            of_tour, of_all = rule.forbids_return(own, move), rule.forbids_end(own, move)
            forbidden = forbidden if of_tour is None else forbidden | of_tour
            unfinished = unfinished if of_all is None else unfinished | of_all
        if self.problem.shape.has_several_tours:  # the trajectory ends at the depot, or with the fleet's last tour
            at_depot = move.here == state.batch.depot[:, None]
            unfinished = unfinished & (at_depot | self._no_more_tours(state.batch, state.tours + 1))
        return forbidden | unfinished

    def _forbidden_in_path(self, state: State, forbidden: Tensor) -> Tensor:
        """A path begins at its start, unless that is free, and visits its end last."""
        batch, n = state.batch, state.batch.size
        nodes = torch.arange(n, device=forbidden.device)
        ends = nodes == state.end[:, None, None]  # [B, 1, n]
        others_left = (~(state.move.visited | ends)).any(-1, keepdim=True)
        forbidden = forbidden | (ends & others_left)
        start = nodes != batch.depot[:, None, None]
        if "free_start" in batch.values:
            start = start & ~batch.values["free_start"][:, None, None]
        return torch.where((state.move.here == n)[..., None], forbidden | start, forbidden)

    def may_visit(self, state: State) -> Tensor:
        """Whether a node can be an action now or later, `[B, P, n]` bool: some that cannot may be among these."""
        nodes = torch.arange(state.batch.size, device=state.finished.device)
        at_any_time = nodes == state.move.here[..., None]  # to stay there
        if not self.problem.shape.is_closed:
            ends = (nodes == state.batch.depot[:, None]) | (nodes == state.end[:, None])  # [B, n]
            at_any_time = at_any_time | ends[:, None]
        return at_any_time | ~(state.move.visited | state.finished[..., None])

    def observe(self, state: State) -> Observation:
        """The observation of a state."""
        contexts: list[Tensor] = []
        node_contexts: list[Tensor] = []
        for rule, own in zip(self.rules, state.rules, strict=True):
            seen = rule.context(own, state.move)
            if seen is not None:
                contexts.append(seen)
            of_nodes = rule.node_context(own, state.move)
            if of_nodes is not None:
                node_contexts.append(of_nodes)
        if self.counts_tours:
            fleet = state.batch.values["num_tours"][:, None]
            contexts.append((1.0 - state.tours / fleet).float()[..., None])
        context = torch.cat(contexts, -1) if contexts else None
        node_context = torch.cat(node_contexts, -1) if node_contexts else None
        return Observation(state.first, state.move.here, state.forbidden, context, node_context)

    def empty_trace(self, batch: Batch, trajectories: int, steps: int, *, given: int = 0) -> Trace:
        """Uninitialized memory for a trace of P trajectories an instance."""

        def empty(dtype: torch.dtype, *shape: int) -> Tensor:
            size = (batch.count, steps, trajectories, *shape)
            return torch.empty(size, dtype=dtype, device=batch.device).transpose(1, 2)

        n, context, changing = batch.size, self.context_features, self.node_context_features
        return Trace(
            empty(torch.long),
            empty(torch.long),
            empty(torch.long),
            empty(torch.bool, n),
            empty(torch.float32, context) if context else None,
            empty(torch.float32, n, changing) if changing else None,
            given,
        )

    def replay(self, batch: Batch, actions: Tensor) -> Trace:
        """The trace of whole trajectories `[B, P, T]`, with every observation on the way.

        Raises:
            ValueError: for actions of another shape.
        """
        require_whole(self.problem, batch, actions)
        _, P, T = actions.shape
        state, trace = self.reset(batch, P), self.empty_trace(batch, P, T)
        for t, action in enumerate(actions.unbind(-1)):
            trace.write(t, self.observe(state), action)
            state = self.step(state, action)
        return trace

    def starts(self, batch: Batch, count: int) -> Tensor | None:
        """First nodes for `count` trajectories of one instance, spread over all, `[B, count, 1]`.

        None where the start is not free: there trajectories differ only by sampling.
        """
        return spread_starts(batch, count) if self.problem.shape.is_closed and count > 1 else None

    def tours(self, actions: Tensor, instance: Instance) -> list[list[int]]:
        """The tours that one trajectory's actions `[T]` make in an instance."""
        nodes = actions.tolist()
        if not self.problem.shape.has_depot:
            return [nodes[: instance.size]]  # in a padded batch, further actions stay
        depot, end = instance.depot, instance.finish
        closing = [] if end == depot else [end]
        tours: list[list[int]] = [[depot]]
        if self.problem.may_wait:  # at the depot, where she visits a node after it or has waited already
            begun = 0 if instance.underway is None else len(instance.underway.visited)
            waits = waits_at_start(self.problem, [depot, *nodes]) if set(nodes) - {depot} else begun
            tours[0] += nodes[:waits]
            nodes = nodes[waits:]
        for node in nodes:
            if node == end:
                tours[-1] += closing
                if self.problem.shape.has_one_depot_tour:
                    return tours
                tours.append([depot])
            elif node != tours[-1][-1] or self.problem.may_wait or self._stays(tours[-1]):  # a dead end stays
                tours[-1].append(node)
        return [tour for tour in tours if set(tour) - {depot, end}]

    def _stays(self, tour: Sequence[int]) -> bool:
        """Whether the last node of a tour once more is the decision to stay there."""
        return self.problem.may_stay and tour[-1] not in tour[:-1]

    def actions(self, tours: Sequence[Sequence[int]], instance: Instance) -> list[int]:
        """The actions that make the tours of a solution, the reverse of `tours`; each tour begins with the depot."""
        if not self.problem.shape.has_depot:
            return list(tours[0])
        ends = {instance.depot, instance.finish}
        closing = [instance.depot] if instance.finish == instance.depot else []
        nodes = [node for tour in tours if set(tour) - ends for node in (*tour[1:], *closing)]
        return nodes or [instance.finish]

    def walks(self, batch: Batch, actions: Tensor) -> Walks:
        """Whole trajectories `[B, P, T]`, as objective terms read them.

        Raises:
            ValueError: for actions of another shape; so do all methods below.
        """
        require_whole(self.problem, batch, actions)
        return walks_of(self.problem, batch, actions)

    def objective(self, batch: Batch, actions: Tensor) -> Tensor:
        """The objective of whole trajectories `[B, P, T]`, in the instances' own units, `[B, P]`."""
        return objective_of(self.problem, self.walks(batch, actions))

    def missed(self, batch: Batch, actions: Tensor) -> Tensor:
        """The number of nodes `[B, P]` that whole trajectories had to visit and did not; above 0 after a dead end."""
        return self._missed(self.walks(batch, actions))

    def _missed(self, walks: Walks) -> Tensor:
        return missed_of(self.problem, [rule.missed for rule in self.rules], walks)

    def judge(self, batch: Batch, actions: Tensor) -> tuple[Tensor, Tensor]:
        """`cost` and `missed` of whole trajectories `[B, P, T]`, `[B, P]` each."""
        walks = self.walks(batch, actions)
        missed = self._missed(walks)
        return cost_of(self.problem, walks, missed), missed

    def cost(self, batch: Batch, actions: Tensor) -> Tensor:
        """The objective, with the sign that makes less better, and the cost of dead ends, `[B, P]`.

        Each node missed costs the side of the unit square, and a dead end another `DEAD_END` sides.
        """
        return self.judge(batch, actions)[0]


def spread_starts(batch: Batch, starts: int) -> Tensor:
    """First nodes for P multi-start trajectories, spread over each instance's nodes: a prefix `[B, P, 1]`.

    An instance with fewer nodes than P starts from some of them more than once.
    """
    sizes = torch.full((batch.count, 1), batch.size, device=batch.device)
    if batch.padding is not None:
        sizes = (~batch.padding).sum(1, keepdim=True)
    spread = torch.arange(starts, device=batch.device) * sizes.clamp(min=starts) // starts  # [B, P]
    return (spread % sizes)[..., None]
