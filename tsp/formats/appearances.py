"""Columns of when nodes appear: the earliest time, the latest time, and the chance that they do at all.

They become the law `law_appears`. A node whose cells are empty is there from the beginning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tsp.instance import Array

APPEARS, APPEARS_BY, CHANCE = APPEARANCE = ("appears", "appears_by", "chance_percent")
"""The columns: a node appears at `appears` or, equally likely, at any time until `appears_by`, if it does at all."""
OUTCOMES = 100
"""Number of outcomes of a law with a chance: one for each per cent."""
TIMES = 20
"""Number of outcomes of a law of times alone."""


def read_law(
    columns: Mapping[str, Array],
    texts: Mapping[str, Sequence[str]],
    count: int,
    refuse: Callable[[int, str], ValueError],
) -> Array | None:
    """The law of when nodes appear `[count, K]`, of the columns of `APPEARANCE`; None where there are none.

    Args:
        columns: by name, a number for each node; NaN for an empty cell of `APPEARANCE`.
        texts: the cells of these columns, for messages.
        count: number of nodes.
        refuse: makes the error for a node, from its index and what is wrong.

    Raises:
        ValueError: for a cell that is no time or no chance.
    """
    given = {name: columns[name] for name in APPEARANCE if name in columns}
    if not given:
        return None
    first, last, chance = (given.get(name, np.full(count, np.nan)) for name in APPEARANCE)
    for name, values in given.items():
        for k in np.flatnonzero(values < 0).tolist():
            raise refuse(k, f"column {name}: {texts[name][k]!r}, expected 0 or more")
    opens = np.where(np.isnan(first), 0.0, first)
    until = np.where(np.isnan(last), opens, last)
    for k in np.flatnonzero(until < opens).tolist():
        after = texts[APPEARS][k] if APPEARS in given else ""
        raise refuse(k, f"column {APPEARS_BY}: {texts[APPEARS_BY][k]!r}, expected {after or 0} ({APPEARS}) or later")
    percent = np.where(np.isnan(chance), 100.0, chance)
    for k in np.flatnonzero((percent > 100) | (percent != np.floor(percent))).tolist():
        raise refuse(k, f"column {CHANCE}: {texts[CHANCE][k]!r}, expected a whole number of per cent from 0 to 100")
    outcomes = OUTCOMES if (percent < 100).any() else TIMES if (until > opens).any() else 1
    possible = np.round(percent / 100 * outcomes)[:, None]
    rank = np.arange(outcomes)
    share = (rank + 0.5) / np.maximum(possible, 1.0)
    return np.where(rank < possible, opens[:, None] + share * (until - opens)[:, None], np.inf)
