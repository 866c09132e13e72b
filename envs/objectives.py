"""Objective terms as the environment computes them, for whole trajectories at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from .batch import Batch
    from .rules import Move


def closed_length(batch: Batch, actions: Tensor) -> Tensor:
    """Length of the closed tours along `actions` `[B, P, T]`, as `[B, P]`; staying costs nothing."""
    return batch.legs(actions, actions.roll(-1, dims=-1)).sum(-1)


TERMS: dict[str, Callable[[Batch, Tensor], Tensor]] = {"length": closed_length}
"""From a term of `tsp.problems.Objective` to its value `[B, P]`."""


def _leg(batch: Batch, move: Move) -> Tensor:
    return batch.legs(move.origin, move.node)


INCREMENTS: dict[str, Callable[[Batch, Move], Tensor]] = {"length": _leg}
"""From a term to what a move adds to it, `[B, P]`; what is left (the way home) comes with the end."""
