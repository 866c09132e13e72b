"""The gaps of a comparison: their spread under one time limit, gap against time under several."""

# matplotlib does not declare the types of its keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsp.plotting.canvas import (
    INK,
    MOST_LINES,
    PALETTE,
    PAPER,
    LineStyle,
    add_legend,
    disable_math,
    frame_axes,
    line_style,
    make_canvas,
    shorten,
)
from tsp.statistics import format_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tsp.comparison import Comparison, Row

LINEAR = 0.01
"""Gap in percent below which the scale is linear, where curves reach far above it."""

MOST_DOTS = 300
"""The most instances that are dots."""

WIDE = 100
"""The scale is logarithmic above `LINEAR` where the largest gap is at least this many times `LINEAR`."""


def gap_figure(comparison: Comparison) -> Figure:
    """Draw a comparison: each solver's gaps under one time limit, gap against time used under several.

    Means have their 95 % intervals. Under one limit the spread over the instances is drawn as well: the
    middle half, and from the 5th to the 95th percentile.

    Raises:
        ValueError: when no instance has gaps.
    """
    drawn = [row for row in comparison.rows if row.mean_gap is not None]
    if not drawn:
        what = "no instance with a reference other than 0 was answered by every solver that answered any"
        raise ValueError(f"no gap can be drawn: {what}")
    limits = comparison.time_limits
    answered = {row.solver for row in drawn}
    solvers = [solver for solver in dict.fromkeys(row.solver for row in comparison.rows) if solver in answered]
    title = f"{comparison.problem}: gap to the {comparison.reference}"
    facts = _describe_sample(comparison, drawn)
    if len(limits) == 1:
        figure, axes = make_canvas(8.0, 0.9 + 0.75 * len(solvers), title, f"{limits[0]:g} s an instance · {facts}")
        _draw_spreads(axes, drawn, {solver: PALETTE[k % len(PALETTE)] for k, solver in enumerate(solvers)})
    else:
        if len(solvers) > MOST_LINES:
            facts += f" · the best {MOST_LINES} of {len(solvers)} solvers at {limits[-1]:g} s"
        best = _best(drawn, solvers)
        figure, axes = make_canvas(8.0, 4.6, title, facts)
        _draw_gaps_over_time(axes, drawn, {solver: line_style(k) for k, solver in enumerate(best)})
    return figure


def _best(rows: Sequence[Row], solvers: Sequence[str]) -> list[str]:
    """The solvers whose lines are drawn, in their order: those of the smallest mean gap under their longest limit."""
    last = {row.solver: row.mean_gap.mean for row in rows if row.mean_gap is not None}
    kept = sorted(solvers, key=lambda solver: last[solver])[:MOST_LINES]
    return [solver for solver in solvers if solver in kept]


def _describe_sample(comparison: Comparison, rows: Sequence[Row]) -> str:
    """The number of instances in the means, and the number of threads."""
    count, fewest, most = rows[0].instances, min(row.compared for row in rows), max(row.compared for row in rows)
    share = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    instances = f"{count} instances" if fewest == count else f"{share} of {count} instances"
    threads = "1 thread" if comparison.threads == 1 else f"{comparison.threads} threads"
    return f"{instances} · {threads} · mean and 95 % interval"


def _draw_spreads(axes: Axes, rows: Sequence[Row], colors: Mapping[str, str]) -> None:
    for place, row in enumerate(rows):
        color, gaps = colors[row.solver], 100 * np.array(row.gaps)
        assert row.mean_gap is not None
        low, quarter, three_quarters, high = np.quantile(gaps, (0.05, 0.25, 0.75, 0.95))
        axes.plot([low, high], [place, place], color=color, alpha=0.25, linewidth=5, solid_capstyle="butt")
        axes.plot(
            [quarter, three_quarters], [place, place], color=color, alpha=0.35, linewidth=15, solid_capstyle="butt"
        )
        if len(gaps) <= MOST_DOTS:
            spread = np.random.default_rng(0).uniform(-0.2, 0.2, len(gaps))
            axes.scatter(gaps, place + spread, s=7, color=color, alpha=0.45, linewidths=0)
        mean = 100 * row.mean_gap.mean
        if row.mean_gap.interval is not None:
            ends = 100 * np.array(row.mean_gap.interval)
            axes.plot(ends, [place, place], color=INK, linewidth=1.6, zorder=4)
        axes.scatter(mean, place, s=42, color=INK, edgecolor=PAPER, linewidth=1.0, marker="D", zorder=5)
        axes.annotate(
            f"{mean:.2f} %", (mean, place), (0, 16), textcoords="offset points", ha="center", fontsize=9, color=INK
        )
    names = [f"{shorten(row.solver, 40)}\n{format_number(row.seconds_per_instance, 2)} s" for row in rows]
    axes.set_yticks(range(len(rows)), names)
    disable_math(axes.get_yticklabels())
    axes.set_ylim(len(rows) - 0.45, -0.55)
    dots = "dot: an instance · " if len(rows[0].gaps) <= MOST_DOTS else ""
    axes.set_xlabel(f"gap, % · {dots}bars: middle half and middle 90 %")
    frame_axes(axes, grid="x")


def _draw_gaps_over_time(axes: Axes, rows: Sequence[Row], looks: Mapping[str, LineStyle]) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    rows = [row for row in rows if row.solver in looks]
    for solver, look in looks.items():
        color = look.color
        curve = [row for row in rows if row.solver == solver]
        name = shorten(solver, 40)
        seconds = np.array([row.seconds_per_instance for row in curve])
        gaps = [row.mean_gap for row in curve if row.mean_gap is not None]
        means = 100 * np.array([gap.mean for gap in gaps])
        low, high = 100 * np.array([gap.interval or (gap.mean, gap.mean) for gap in gaps]).T
        if np.ptp(seconds) == 0:  # a one-shot solver: the same run under every limit
            axes.plot(seconds[[0, 0]], [low[0], high[0]], color=color, linewidth=1.8)
            axes.plot(seconds[:1], means[:1], color=color, linewidth=0, marker=look.marker, markersize=7, label=name)
        else:
            axes.fill_between(seconds, low, high, color=color, alpha=0.18, linewidth=0)
            axes.plot(seconds, means, **look._asdict(), linewidth=1.8, markersize=5, label=name)
    means = [100 * row.mean_gap.mean for row in rows if row.mean_gap is not None]
    if max(means) > WIDE * LINEAR and min(means) < 10 * LINEAR:  # on a linear scale only the worst could be read
        axes.set_yscale("symlog", linthresh=LINEAR)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_ylim(bottom=min(0.0, *means))
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("seconds used for each instance")
    axes.set_ylabel("gap, %")
    frame_axes(axes, grid="both")
    disable_math(add_legend(axes).get_texts())
