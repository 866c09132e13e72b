"""`RoutingEnv`: a routing problem as a batched Markov decision process, composed from its rules.

Tensors carry `[B, P, ...]`: B instances, P trajectories each. States are immutable; `step` returns
the next one. The environment alone settles what a finished trajectory does: it stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from tsp.problems import Problem, get_problem

from .objectives import TERMS
from .rules import RULES, Move, RuleEnv

if TYPE_CHECKING:
    from .batch import Batch


class Observation(NamedTuple):
    """What a policy sees of B × P trajectories.

    Attributes:
        first: `[B, P]` the first node of the tour; n before there is one.
        last: `[B, P]` the node she is at; n before there is one.
        mask: `[B, P, n]` bool, True where a node must not be next; one node at least is allowed.
        context: `[B, P, c]` float32, what the rules show of their states; None where c = 0.
    """

    first: Tensor
    last: Tensor
    mask: Tensor
    context: Tensor | None


class State(NamedTuple):
    """Where B × P trajectories stand.

    Attributes:
        batch: the instances.
        first: `[B, P]` as in `Observation`.
        move: the last move; its `node` is n before the first step.
        finished: `[B, P]` bool.
        rules: each rule's own state.
    """

    batch: Batch
    first: Tensor
    move: Move
    finished: Tensor
    rules: tuple[Any, ...]


class Trace(NamedTuple):
    """Whole trajectories, step by step.

    Attributes:
        actions: `[B, T, P]`, the given prefix included.
        first, last, mask, context: the observations before each step, `[B, T, P, ...]`.
        given: number of leading steps that were given and not chosen.
    """

    actions: Tensor
    first: Tensor
    last: Tensor
    mask: Tensor
    context: Tensor | None
    given: int


class RoutingEnv:
    """The environment of one problem.

    Args:
        problem: a problem, or the name of one.

    Raises:
        ValueError: for an unknown problem, or one with a rule that has no environment.
    """

    def __init__(self, problem: Problem | str) -> None:
        self.problem = get_problem(problem) if isinstance(problem, str) else problem
        for rule in self.problem.rules:
            if type(rule) not in RULES:
                raise ValueError(f"problem {self.problem.name!r}: no environment knows its rule {type(rule).__name__}")
        self.rules: tuple[RuleEnv, ...] = tuple(RULES[type(rule)](rule) for rule in self.problem.rules)
        self.context_features = sum(rule.context_features for rule in self.rules)
        self.node_features = 2
        self.sign = 1.0 if self.problem.objective.sense == "min" else -1.0

    def horizon(self, batch: Batch) -> int:
        """Steps after which every trajectory has finished."""
        return batch.size

    def reset(self, batch: Batch, trajectories: int = 1, prefix: Tensor | None = None) -> State:
        """The state before the first free step.

        Args:
            batch: the instances.
            trajectories: P, how many trajectories each instance gets.
            prefix: actions `[B, P, L]` that are given: a start node, or a scientist under way.

        Raises:
            ValueError: when a given action is not allowed where it stands.
        """
        shape = (batch.count, trajectories)
        nowhere = torch.full(shape, batch.size, dtype=torch.long, device=batch.device)
        if batch.padding is None:
            visited = torch.zeros((*shape, batch.size), dtype=torch.bool, device=batch.device)
        else:
            visited = batch.padding[:, None].expand(*shape, batch.size).clone()
        state = State(
            batch,
            nowhere,
            Move(nowhere, nowhere, visited),
            torch.zeros(shape, dtype=torch.bool, device=batch.device),
            tuple(rule.start(batch, trajectories) for rule in self.rules),
        )
        for step, action in enumerate(prefix.unbind(-1) if prefix is not None else ()):
            if self.observe(state).mask.gather(-1, action[..., None]).any():
                raise ValueError(f"prefix: step {step} goes to a node that is not allowed there")
            state = self.step(state, action)
        return state

    def step(self, state: State, action: Tensor) -> State:
        """The state after visiting the nodes `action` `[B, P]`, which must be allowed."""
        before = state.move
        started = before.node < state.batch.size
        visited = before.visited.scatter(-1, action[..., None], value=True)
        move = Move(torch.where(started, before.node, action), action, visited)
        return State(
            state.batch,
            torch.where(started, state.first, action),
            move,
            visited.all(-1),
            tuple(rule.update(s, move) for rule, s in zip(self.rules, state.rules, strict=True)),
        )

    def observe(self, state: State) -> Observation:
        """What the policy sees: finished trajectories may only stay where they are."""
        mask: Tensor | None = None
        contexts: list[Tensor] = []
        for rule, own in zip(self.rules, state.rules, strict=True):
            forbidden = rule.forbids_visit(own, state.move)
            if forbidden is not None:
                mask = forbidden if mask is None else mask | forbidden
            seen = rule.context(own, state.move)
            if seen is not None:
                contexts.append(seen)
        assert mask is not None, "some rule must forbid visiting twice"
        if state.batch.padding is not None:  # with one size, all finish together, after the last step
            here = torch.arange(state.batch.size, device=mask.device) != state.move.node[..., None]
            mask = torch.where(state.finished[..., None], here, mask)
        context = torch.cat(contexts, -1) if contexts else None
        return Observation(state.first, state.move.node, mask, context)

    def replay(self, batch: Batch, actions: Tensor) -> Trace:
        """The trace of given actions `[B, P, T]`, with every observation on the way."""
        state = self.reset(batch, actions.shape[1])
        seen: list[Observation] = []
        for action in actions.unbind(-1):
            seen.append(self.observe(state))
            state = self.step(state, action)
        contexts = [o.context for o in seen if o.context is not None]
        return Trace(
            actions.transpose(1, 2),
            torch.stack([o.first for o in seen], 1),
            torch.stack([o.last for o in seen], 1),
            torch.stack([o.mask for o in seen], 1),
            torch.stack(contexts, 1) if contexts else None,
            given=0,
        )

    def tours(self, actions: Tensor, size: int) -> list[list[int]]:
        """The tours that one trajectory's actions `[T]` walk in an instance of `size` nodes."""
        return [actions[:size].tolist()]  # what follows is staying, in a padded batch

    def objective(self, batch: Batch, actions: Tensor) -> Tensor:
        """The objective of whole trajectories `[B, P, T]`, in the instances' own units, `[B, P]`."""
        first, *others = (TERMS[term](batch, actions) for term in self.problem.objective.terms)
        return sum(others, first)

    def cost(self, batch: Batch, actions: Tensor) -> Tensor:
        """The objective with the sign that makes less better, `[B, P]`."""
        return self.sign * self.objective(batch, actions)
