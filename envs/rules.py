"""Each rule as the environment reads it: what is legal, and what the policy sees of it.

A rule is a small class; all of them share one `Move` a step, in which geometry is computed once.
`RULES` maps the rule's data (`tsp.problems`) to the class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from tsp.problems import Rule, VisitOnce

if TYPE_CHECKING:
    from torch import Tensor

    from .batch import Batch


class Move(NamedTuple):
    """What happened in a step, computed once for all rules.

    Attributes:
        origin: `[B, P]` the node she came from (the node itself at the very start).
        node: `[B, P]` the node she is at.
        visited: `[B, P, n]` bool, nodes visited so far; padding counts as visited.
    """

    origin: Tensor
    node: Tensor
    visited: Tensor


class RuleEnv(Protocol):
    """One rule's state and its say in what is legal; all tensors are batched `[B, P, ...]`."""

    context_features: int

    def start(self, batch: Batch, trajectories: int) -> Any:  # noqa: ANN401 - each rule has its own state
        """The rule's state before the first step."""
        ...

    def update(self, state: Any, move: Move) -> Any:  # noqa: ANN401
        """The rule's state after a step."""
        ...

    def context(self, state: Any, move: Move) -> Tensor | None:  # noqa: ANN401
        """What the policy sees of the state, `[B, P, context_features]`."""
        ...

    def forbids_visit(self, state: Any, move: Move) -> Tensor | None:  # noqa: ANN401
        """Nodes that must not be next, `[B, P, n]` bool; None when the rule forbids nothing."""
        ...


class VisitOnceEnv:
    """A visited node is not visited again."""

    context_features = 0

    def __init__(self, rule: VisitOnce) -> None:
        self.rule = rule

    def start(self, batch: Batch, trajectories: int) -> None:
        """There is no state beyond the visited nodes that every move carries."""

    def update(self, state: None, move: Move) -> None:
        """Nothing to keep."""

    def context(self, state: None, move: Move) -> None:
        """The policy sees visited nodes in the mask alone."""

    def forbids_visit(self, state: None, move: Move) -> Tensor:
        """The visited nodes."""
        return move.visited


RULES: dict[type[Rule], type[Any]] = {VisitOnce: VisitOnceEnv}
"""From a rule's data to its environment."""
