"""Columns of when nodes appear: the earliest time, the latest time, and the chance that they do at all.

They become the law `law_appears`. A node whose cells are empty is there from the beginning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tsp.instance import Array

APPEARS, APPEARS_BY, CHANCE = APPEARANCE = ("appears", "appears_by", "chance_percent")
"""The columns: a node appears at `appears` or, equally likely, at any time until `appears_by`, if it does at all."""
OUTCOMES = 100
"""Number of outcomes of a law with a chance: one for each per cent."""
TIMES = 20
"""Number of outcomes of a law of times alone."""


class Column(NamedTuple):
    """A column of numbers.

    Attributes:
        values: a number for each node; NaN for an empty cell.
        texts: the cells, for messages.
    """

    values: Array
    texts: tuple[str, ...]


def read_law(columns: Mapping[str, Column], count: int, refuse: Callable[[int, str], ValueError]) -> Array:
    """The law of when nodes appear `[count, K]`, of the columns that there are.

    Args:
        columns: those of `APPEARANCE` that are not empty.
        count: number of nodes.
        refuse: makes the error for a node, from its index and what is wrong.

    Raises:
        ValueError: for a cell that is no time or no chance.
    """
    none = Column(np.full(count, np.nan), ("",) * count)
    first, last, chance = (columns.get(name, none) for name in APPEARANCE)
    for name, column in columns.items():
        for k in np.flatnonzero(column.values < 0).tolist():
            raise refuse(k, f"column {name}: {column.texts[k]!r}, expected 0 or more")
    opens = np.where(np.isnan(first.values), 0.0, first.values)
    until = np.where(np.isnan(last.values), opens, last.values)
    for k in np.flatnonzero(until < opens).tolist():
        raise refuse(k, f"column {APPEARS_BY}: {last.texts[k]!r}, expected {first.texts[k] or 0} ({APPEARS}) or later")
    percent = np.where(np.isnan(chance.values), 100.0, chance.values)
    for k in np.flatnonzero((percent > 100) | (percent != np.floor(percent))).tolist():
        raise refuse(k, f"column {CHANCE}: {chance.texts[k]!r}, expected a whole number of per cent from 0 to 100")
    outcomes = OUTCOMES if (percent < 100).any() else TIMES if (until > opens).any() else 1
    possible = np.round(percent / 100 * outcomes)[:, None]
    rank = np.arange(outcomes)
    share = (rank + 0.5) / np.maximum(possible, 1.0)
    return np.where(rank < possible, opens[:, None] + share * (until - opens)[:, None], np.inf)
