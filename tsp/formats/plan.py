"""`Plan`: what a file of a solution holds, before it is checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ANY = "any"
"""The end of tours with a free end, in options and in files of solutions."""


class Plan(NamedTuple):
    """Tours as a file has them.

    Attributes:
        tours: the nodes of each tour, from 0.
        amounts: the amount delivered at each stop of each tour; None where the file has none.
        free_end: whether the file says that its tours end at their last customer (open routes).
    """

    tours: list[NDArray[np.int64]]
    amounts: list[NDArray[np.float64]] | None = None
    free_end: bool = False
