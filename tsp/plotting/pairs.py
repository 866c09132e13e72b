"""Solvers instance by instance: the objectives of two solvers against each other, and their differences in order."""

# matplotlib does not declare the types of its keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tsp.plotting.canvas import (
    FADED,
    MOST_LINES,
    LineStyle,
    Points,
    add_legend,
    disable_math,
    frame_axes,
    line_style,
    make_canvas,
    shorten,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from tsp.comparison import Comparison, Row

WIDE = 20
"""The scale is logarithmic where the largest objective is more than this many times the smallest."""

LARGEST_VECTOR = 1000
"""The most points that are drawn as shapes; more are drawn as an image, so that files stay small."""


def best_row(rows: Sequence[Row]) -> Row | None:
    """The row of one limit with the smallest mean gap."""
    known = [(row.mean_gap.mean, k) for k, row in enumerate(rows) if row.mean_gap is not None]
    return rows[min(known)[1]] if known else None


def scatter_figure(comparison: Comparison, time_limit: float) -> Figure:
    """Draw each instance by its objectives: of the best solver across, of another solver up, a panel for each.

    Raises:
        ValueError: when no two solvers answered an instance.
    """
    best, others = _compared(comparison, time_limit)
    columns = min(3, len(others))
    rows = math.ceil(len(others) / columns)
    figure, whole = make_canvas(8.0, 2.9 * rows, f"{shorten(best.solver, 30)} against the others", _facts(best))
    place = whole.get_position()
    whole.remove()
    mine = _objectives(best)
    for k, other in enumerate(others):
        theirs = _objectives(other)
        both = np.isfinite(mine) & np.isfinite(theirs)
        left = place.x0 + 0.06 + (k % columns) / columns * 0.94
        height = place.height / rows
        bottom = place.y1 - (k // columns + 1) * height + 0.16 * height
        axes = figure.add_axes((left, bottom, 0.94 / columns - 0.075, 0.7 * height))
        values = np.concatenate([mine[both], theirs[both]])
        least, most = float(values.min()), float(values.max())
        if least > 0 and most > WIDE * least:
            axes.set_xscale("log")
            axes.set_yscale("log")
        axes.plot([least, most], [least, most], color=FADED, linewidth=0.8, zorder=1)
        color = _look(comparison, other, k).color
        dots = axes.scatter(mine[both], theirs[both], s=12, color=color, alpha=0.6, linewidths=0, zorder=2)
        dots.set_rasterized(bool(both.sum() > LARGEST_VECTOR))
        axes.set_title(shorten(other.solver, 30), fontsize=9, parse_math=False)
        axes.tick_params(labelsize=8, colors=FADED, length=0)
        axes.spines[:].set_visible(False)
        axes.grid(color="#e5e7eb", linewidth=0.8)
        axes.set_axisbelow(True)
        across = f"objective of {shorten(best.solver, 24)}" if k >= len(others) - columns else ""
        axes.set_xlabel(across, fontsize=8, color=FADED)
        disable_math([axes.xaxis.label])
        axes.set_ylabel("objective of the other" if k % columns == 0 else "", fontsize=8, color=FADED)
    return figure


def difference_figure(comparison: Comparison, time_limit: float) -> Figure:
    """Draw how much worse other solvers are than the best one, instances in the order of that, a line for each.

    Raises:
        ValueError: when no two solvers answered an instance.
    """
    best, others = _compared(comparison, time_limit)
    mine = _percent(comparison, best)
    title = f"Gap larger than that of {shorten(best.solver, 30)}"
    figure, axes = make_canvas(8.0, 3.4, title, f"{_facts(best)} · each line: instances in its own order")
    for k, other in enumerate(others):
        differences = np.sort(_percent(comparison, other) - mine)
        differences = differences[np.isfinite(differences)]
        shares = 100 * (np.arange(len(differences)) + 0.5) / len(differences)
        look = _look(comparison, other, k)
        axes.plot(shares, differences, color=look.color, linestyle=look.linestyle, label=shorten(other.solver, 40))
    axes.axhline(0.0, color=FADED, linewidth=0.8, zorder=1)
    axes.set_xlabel("instances, %")
    axes.set_ylabel("difference of the gaps, percentage points")
    frame_axes(axes, grid="y")
    disable_math(add_legend(axes).get_texts())
    return figure


def _compared(comparison: Comparison, time_limit: float) -> tuple[Row, list[Row]]:
    """The best row of a limit, and the others that have instances in common with it, at most `MOST_LINES`."""
    rows = comparison.under(time_limit)
    best = best_row(rows)
    if best is None:
        raise ValueError("no solver answered any instance")
    mine = _percent(comparison, best)
    others = [
        row for row in rows if row is not best and np.isfinite(mine + _percent(comparison, row)).any()
    ]  # NaN where one has no answer
    others = sorted(others, key=lambda row: float(np.nanmean(_percent(comparison, row) - mine)))[: MOST_LINES - 1]
    if not others:
        raise ValueError("no two solvers answered the same instance")
    return best, others


def _look(comparison: Comparison, row: Row, k: int) -> LineStyle:
    """The look of a solver, the same in all pictures of a comparison of a few; among many, that of its place `k`."""
    solvers = list(dict.fromkeys(each.solver for each in comparison.rows))
    return line_style(solvers.index(row.solver) if len(solvers) <= MOST_LINES else k)


def _objectives(row: Row) -> Points:
    """The objective of each instance; NaN without an answer."""
    return np.array([math.nan if answer.objective is None else answer.objective for answer in row.solutions])


def _percent(comparison: Comparison, row: Row) -> Points:
    """The gap of each instance in percent; NaN without an answer."""
    gaps = comparison.gaps_by_instance(row)
    return np.array([math.nan if gap is None else 100 * gap for gap in gaps])


def _facts(row: Row) -> str:
    return f"{row.instances} instances · {row.time_limit:g} s an instance"
