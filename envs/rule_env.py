"""`RuleEnv`: the base class of the rules of the environment, and the limits that masks apply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from tsp.problems import Problem, Rule

    from .batch import Batch
    from .walks import Move, Walks


FAR = 5.0
"""Longest distance, wait or spare time that a policy sees, in sides of the unit square; longer ones look the same."""


class RuleEnv:
    """One rule's state, and what it forbids; all tensors are batched `[B, P, ...]`.

    The state is a tensor, or a tuple of tensors. What all trajectories of an instance share is `[B, 1, ...]`, so that
    `RoutingEnv.select` can tell it from what each of them has.

    The defaults are those of a rule without a state that forbids nothing.

    Attributes:
        shows: names in `FEATURES` of the node features that the policy sees.
        context_features: number of features of the state.
        node_context_features: number of features of each node that change with the step.
        geometry: whether the rule reads a move's distances.
        from_depot: whether it covers only tours that leave a depot.
    """

    shows: tuple[str, ...] = ()
    context_features = 0
    node_context_features = 0
    geometry = False
    from_depot = False

    def __init__(self, rule: Rule, problem: Problem) -> None:
        self.rule, self.problem = rule, problem

    def start(self, batch: Batch, trajectories: int) -> Any:  # noqa: ANN401 - each rule has its own state
        """The rule's state before the first step."""
        return None

    def update(self, state: Any, move: Move) -> Any:  # noqa: ANN401
        """The rule's state after a step."""
        return state

    def resume(self, state: Any, batch: Batch) -> Any:  # noqa: ANN401
        """The state with what a tour under way has really used, where that is given."""
        return state

    def served(self, state: Any) -> Tensor | None:  # noqa: ANN401
        """Nodes that need no further visit, `[B, P, n]` bool; None where one visit is always enough."""
        return None

    def context(self, state: Any, move: Move) -> Tensor | None:  # noqa: ANN401
        """Features of the state, `[B, P, context_features]`."""
        return None

    def node_context(self, state: Any, move: Move) -> Tensor | None:  # noqa: ANN401
        """Features of each node, `[B, P, n, node_context_features]`."""
        return None

    def forbids_visit(self, state: Any, move: Move) -> Tensor | None:  # noqa: ANN401
        """Nodes that must not be next, `[B, P, n]` bool; None when the rule forbids nothing."""
        return None

    def allows_stay(self, state: Any, move: Move) -> Tensor | None:  # noqa: ANN401
        """Whether the current node may be next once more, `[B, P]` bool; None when it never may."""
        return None

    def forbids_return(self, state: Any, move: Move) -> Tensor | None:  # noqa: ANN401
        """Whether the tour must not end now, `[B, P]` bool; None when the rule forbids nothing."""
        return None

    def forbids_end(self, state: Any, move: Move) -> Tensor | None:  # noqa: ANN401
        """Whether the last tour must not end now, `[B, P]` bool; None when the rule forbids nothing."""
        return None

    def missed(self, walks: Walks) -> Tensor | None:
        """The number of nodes that whole trajectories miss, `[B, P]`; None when none can be missed."""
        return None

    def makes_tour(self, batch: Batch, move: Move) -> Tensor | bool:
        """Whether a tour that ends now counts as a tour, `[B, P]`: of several tours, an empty one does not."""
        return not self.problem.shape.has_several_tours or move.here != batch.depot[:, None]


def way_home(move: Move) -> Tensor:
    """Distance from the current node to the node where tours end, `[B, P]`.

    It is compared with outer limits: the step to the current node was found to be
    feasible by another order of additions, and rounding must not turn it into a dead end.
    """
    assert move.home is not None
    return move.home[:, 0].gather(1, move.here)


def with_given(used: Tensor, batch: Batch, name: str) -> Tensor:
    """`used` `[B, P]`, replaced where the batch says what was really used."""
    if name not in batch.values:
        return used
    given = batch.values[name][:, None].to(used.dtype)
    return torch.where(given.isnan(), used, given)
