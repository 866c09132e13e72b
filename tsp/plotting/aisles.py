"""Ways along the aisles of a hall, parallel to the axes, for pictures: between boards on walls that run along x."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsp.plotting.canvas import Points

BESIDE = 0.3
"""How far from the ends of the outer walls one walks around them, in distances between two lines of walls."""


def run_along_x(walls: Points) -> bool:
    """Whether all walls are parallel to x."""
    return bool(np.all(walls[:, 0, 1] == walls[:, 1, 1]))


def aisle_ways(walls: Points) -> Callable[[Points, Points], Points]:
    """The corners `[k, 2]` of a walk from one point to another, for walls that run along x.

    Between aisles one crosses where every line of walls has a gap, or beside its ends, where the walk is shortest.
    """
    lines = np.unique(walls[:, 0, 1])
    low, high = walls[..., 0].min(axis=1), walls[..., 0].max(axis=1)
    margin = BESIDE * float(np.diff(lines).min(initial=0.1 if len(lines) < 2 else np.inf))
    left, right = float(low.min()) - margin, float(high.max()) + margin
    middles = [
        (a + b) / 2
        for a, b in ((high[k], low[low > high[k]].min(initial=np.inf)) for k in range(len(walls)))
        if b < np.inf and not ((low < (a + b) / 2) & (high > (a + b) / 2)).any()
    ]
    inner = sorted({round(float(x), 12) for x in middles})

    def walk(origin: Points, destination: Points) -> Points:
        (x0, y0), (x1, y1) = origin.tolist(), destination.tolist()
        if np.searchsorted(lines, y0) == np.searchsorted(lines, y1):
            return np.array([(x0, y0), (x1, y0), (x1, y1)])
        beside = [min(left, x0, x1), max(right, x0, x1)]
        x = min([*beside, *inner], key=lambda x: (round(abs(x - x0) + abs(x - x1), 9), abs(x - x0)))
        return np.array([(x0, y0), (x, y0), (x, y1), (x1, y1)])

    return walk
