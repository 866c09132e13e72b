"""The schedule below a map: a row for each stop with its time window, waiting, visit and arrival."""

# matplotlib does not declare the types of its keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsp.clock import MINUTES_OF_DAY, format_clock
from tsp.itinerary import make_itinerary
from tsp.plotting.canvas import (
    INK,
    LONGEST_NAME,
    MOST_NAMES,
    PALETTE,
    START,
    disable_math,
    frame_axes,
    ignore_missing_glyphs,
    shorten,
)
from tsp.problems import TimeWindows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.units import Units

MOST_ROWS = 200
"""The most stops for which a schedule is drawn."""

PALE = "#dfe5ec"

MOST_TICKS = 10
"""The most intervals on an axis of times of day; half as many where times have dates."""

TICK_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440)
"""Minutes between ticks of an axis of times of day."""


class ScheduledStop(NamedTuple):
    """A row of a schedule: a node, its time window and, with a solution, the visit.

    Attributes:
        tour: index of the tour, from 0.
        name: of the node.
        window: opening and closing time, in minutes where times come from a clock.
        visit: times of arrival, begin and leaving; None without a solution.
    """

    tour: int
    name: str
    window: tuple[float, float]
    visit: tuple[float, float, float] | None


def schedule_stops(problem: Problem, instance: Instance, solution: Solution | None) -> list[ScheduledStop]:
    """The stops of each tour in order; without a solution, the depot and then all nodes by opening time.

    There are none for a problem without time windows, and none where there would be more than `MOST_ROWS`.
    """
    if problem.rule(TimeWindows) is None or instance.time_windows is None:
        return []
    shown = instance.units.minutes
    windows: list[tuple[float, float]] = [(opens, closes) for opens, closes in shown(instance.time_windows).tolist()]
    if solution is None:
        order = sorted(range(instance.size), key=lambda node: (node != instance.depot, windows[node]))
        stops = [ScheduledStop(0, instance.node_name(node), windows[node], None) for node in order]
    else:
        stops = [
            ScheduledStop(
                stop.tour, stop.name, windows[stop.node], (shown(stop.arrive), shown(stop.begin), shown(stop.leave))
            )
            for stop in make_itinerary(problem, instance, solution)
        ]
    return stops if len(stops) <= MOST_ROWS else []


def schedule_height(stops: Sequence[ScheduledStop]) -> float:
    """Inches for a schedule and the room around it."""
    return len(stops) * float(np.clip(9 / len(stops), 0.05, 0.16)) + 0.75 if stops else 0.0


def draw_schedule(axes: Axes, stops: Sequence[ScheduledStop], units: Units | None = None) -> None:
    """Draw a row for each stop, from top to bottom, over a common axis of time.

    Args:
        axes: to draw on.
        stops: the rows.
        units: say whether times are times of day; None: they are numbers.
    """
    rows = np.arange(len(stops)) + 0.7 * np.array([stop.tour for stop in stops])
    first, last = _time_span(stops)
    room = 0.01 * (last - first) or 1.0
    for row, stop in zip(rows, stops, strict=True):
        opens, closes = stop.window
        shown = max(0.0, min(closes, last + room) - opens)
        axes.barh(row, shown, left=opens, height=0.82, color=PALE, zorder=1)
        if stop.visit is not None:
            color = PALETTE[stop.tour % len(PALETTE)]
            arrive, begin, leave = stop.visit
            axes.barh(row, leave - begin, left=begin, height=0.5, color=color, zorder=2)
            if begin > arrive:
                axes.plot([arrive, begin], [row, row], color=color, linewidth=1.2, linestyle=(0, (1, 1)), zorder=2)
            tick = START if begin > closes else INK  # START: too late
            axes.plot(arrive, row, color=tick, marker="|", markersize=7, markeredgewidth=1.4, zorder=3)
    axes.set_xlim(first - room, last + room)
    axes.set_ylim(rows[-1] + 0.8, -0.8)
    if units is not None and units.is_clock:
        _tick_clock(axes, last - first, units.day)
    if len(stops) <= MOST_NAMES:
        axes.set_yticks(rows, [shorten(stop.name.strip(), LONGEST_NAME) for stop in stops])
    else:
        axes.set_yticks([])
    disable_math(axes.get_yticklabels())
    visits = stops[0].visit is not None
    axes.set_xlabel("time · pale: open" + (" · tick: arrival · dots: waiting · dark: visit" if visits else ""))
    with ignore_missing_glyphs():
        frame_axes(axes, grid="x")
    axes.tick_params(axis="y", labelsize=7)


def _tick_clock(axes: Axes, minutes: float, day: str | None) -> None:
    """Ticks at round times of day."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    most = MOST_TICKS if day is None else MOST_TICKS // 2
    step = next((step for step in TICK_STEPS if minutes <= most * step), None)
    step = step or MINUTES_OF_DAY * math.ceil(minutes / most / MINUTES_OF_DAY)

    def write(value: float, place: int | None) -> str:
        return format_clock(value, day)

    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(write))


def _time_span(stops: Sequence[ScheduledStop]) -> tuple[float, float]:
    """First and last time to show: all openings and visits, and closings unless they are very late."""
    times = [time for stop in stops for time in stop.visit or stop.window if math.isfinite(time)]
    first, last = min([*times, *(stop.window[0] for stop in stops)]), max(times)
    closings = [stop.window[1] for stop in stops]
    return first, max([last, *(time for time in closings if time - first <= 2 * (last - first))])
