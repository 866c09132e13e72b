"""The times of arrival below a map of a plan whose visits take an unknown time: a fan over the nodes of its order."""

# matplotlib does not declare the types of its keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsp.plotting.canvas import (
    INK,
    LONGEST_NAME,
    PALETTE,
    START,
    disable_math,
    frame_axes,
    ignore_missing_glyphs,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tsp.instance import Instance
    from tsp.solution import Outlook

ROW = 0.2
"""Inches of a row."""


def arrivals_height(outlook: Outlook | None) -> float:
    """Inches for the times of arrival and the room around them."""
    return len(outlook.order) * ROW + 0.75 if outlook is not None and outlook.order else 0.0


def draw_arrivals(axes: Axes, instance: Instance, outlook: Outlook) -> None:
    """Draw a fan of the times of arrival, a row for each node from top to bottom, with the share of days in time."""
    times = instance.units.minutes(outlook.arrivals)
    rows = np.arange(len(times))
    color = PALETTE[0]
    axes.fill_betweenx(rows, times[:, 0], times[:, 4], color=color, alpha=0.18, linewidth=0)
    axes.fill_betweenx(rows, times[:, 1], times[:, 3], color=color, alpha=0.3, linewidth=0)
    axes.hlines(rows, times[:, 0], times[:, 4], color=color, linewidth=0.8)
    axes.plot(times[:, 2], rows, color=INK, marker="|", markersize=8, markeredgewidth=1.4, linewidth=0.8)
    if instance.max_length is not None:
        axes.axvline(instance.units.minutes(instance.max_length), color=START, linewidth=1.2)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    labels = [
        f"{shorten(instance.node_name(node).strip(), LONGEST_NAME)} · {100 * share:.0f} %"
        for node, share in zip(outlook.order, outlook.in_time, strict=True)
    ]
    axes.set_yticks(rows, labels)
    disable_math(axes.get_yticklabels())
    axes.set_xlabel("arrival · tick: median · dark: half of the days · pale: 8 of 10 · %: in time · red: the end")
    with ignore_missing_glyphs():
        frame_axes(axes, grid="x")
    axes.tick_params(axis="y", labelsize=7)
