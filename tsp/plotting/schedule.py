"""The schedule below a map: a row for each stop with its time window, waiting, visit and arrival.

Where there are too many stops, each tour has a row.
"""

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
    START,
    disable_math,
    frame_axes,
    ignore_missing_glyphs,
    shorten,
    tour_color,
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
"""The most rows of a schedule."""

LEAST_LABEL = 0.1
"""The least height of a label beside a row, in inches."""

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


class Schedule(NamedTuple):
    """The rows of a schedule, from top to bottom.

    Attributes:
        stops: what is drawn.
        rows: the row of each stop.
        labels: texts beside the rows, each with its row.
        remark: what the picture leaves out, or nothing.
        has_windows: whether each stop has a row of its own, with its window.
    """

    stops: list[ScheduledStop]
    rows: list[float]
    labels: list[tuple[float, str]]
    remark: str
    has_windows: bool

    @property
    def height(self) -> float:
        """Inches for the schedule and the room around it."""
        lines = len(set(self.rows))
        return lines * _row_height(lines) + 0.75 if lines else 0.0


def make_schedule(problem: Problem, instance: Instance, solution: Solution | None) -> Schedule:
    """The stops of each tour in order; without a solution, the depot and then all nodes by opening time.

    There are none for a problem without time windows. Each stop has a row, or each tour where there would be more than
    `MOST_ROWS`.
    """
    stops = _schedule_stops(problem, instance, solution)
    if len(stops) <= MOST_ROWS:
        rows = [k + 0.7 * stop.tour for k, stop in enumerate(stops)]
        named = [(row, shorten(stop.name.strip(), LONGEST_NAME)) for row, stop in zip(rows, stops, strict=True)]
        step = math.ceil(LEAST_LABEL / _row_height(len(stops))) if stops else 1
        remark = f"the schedule names every {step}. stop" if step > 1 else ""
        return Schedule(stops, rows, named[::step], remark, has_windows=True)
    tours = len({stop.tour for stop in stops})
    if solution is None or not 1 < tours <= MOST_ROWS:
        return Schedule([], [], [], f"no schedule: it is drawn for up to {MOST_ROWS} stops", has_windows=False)
    labels = [(float(k), f"tour {k}") for k in range(0, tours, math.ceil(LEAST_LABEL / _row_height(tours)))]
    remark = f"above {MOST_ROWS} stops the schedule has a row for each tour"
    return Schedule(stops, [float(stop.tour) for stop in stops], labels, remark, has_windows=False)


def _row_height(rows: int) -> float:
    """Inches."""
    return float(np.clip(9 / rows, 0.05, 0.16))


def _schedule_stops(problem: Problem, instance: Instance, solution: Solution | None) -> list[ScheduledStop]:
    if problem.rule(TimeWindows) is None or instance.time_windows is None:
        return []
    shown = instance.units.minutes
    windows: list[tuple[float, float]] = [(opens, closes) for opens, closes in shown(instance.time_windows).tolist()]
    if solution is None:
        order = sorted(range(instance.size), key=lambda node: (node != instance.depot, windows[node]))
        return [ScheduledStop(0, instance.node_name(node), windows[node], None) for node in order]
    return [
        ScheduledStop(
            stop.tour, stop.name, windows[stop.node], (shown(stop.arrive), shown(stop.begin), shown(stop.leave))
        )
        for stop in make_itinerary(problem, instance, solution)
    ]


def draw_schedule(axes: Axes, schedule: Schedule, units: Units | None = None) -> None:
    """Draw the rows, from top to bottom, over a common axis of time.

    Args:
        axes: to draw on.
        schedule: its rows.
        units: say whether times are times of day; None: they are numbers.
    """
    stops, rows = schedule.stops, schedule.rows
    first, last = _time_span(stops)
    room = 0.01 * (last - first) or 1.0
    if schedule.has_windows:
        _draw_windows(axes, schedule, last + room)
    else:
        _draw_spans(axes, schedule)
    for row, stop in zip(rows, stops, strict=True):
        if stop.visit is not None:
            color = tour_color(stop.tour)
            arrive, begin, leave = stop.visit
            axes.barh(row, leave - begin, left=begin, height=0.5, color=color, zorder=2)
            if begin > arrive:
                axes.plot([arrive, begin], [row, row], color=color, linewidth=1.2, linestyle=(0, (1, 1)), zorder=2)
            is_late = begin > stop.window[1]
            if is_late or schedule.has_windows:
                tick = START if is_late else INK
                axes.plot(arrive, row, color=tick, marker="|", markersize=7, markeredgewidth=1.4, zorder=3)
    axes.set_xlim(first - room, last + room)
    axes.set_ylim(rows[-1] + 0.8, -0.8)
    if units is not None and units.is_clock:
        _tick_clock(axes, last - first, units.day)
    axes.set_yticks([row for row, _ in schedule.labels], [label for _, label in schedule.labels])
    disable_math(axes.get_yticklabels())
    meaning = "pale: open" if schedule.has_windows else "line: under way"
    if stops[0].visit is not None:
        meaning += f" · tick: {'arrival' if schedule.has_windows else 'too late'} · dots: waiting · dark: visit"
    axes.set_xlabel(f"time · {meaning}")
    with ignore_missing_glyphs():
        frame_axes(axes, grid="x")
    axes.tick_params(axis="y", labelsize=7)


def _draw_windows(axes: Axes, schedule: Schedule, last: float) -> None:
    """Draw the time window of each stop in its row."""
    for row, stop in zip(schedule.rows, schedule.stops, strict=True):
        opens, closes = stop.window
        axes.barh(row, max(0.0, min(closes, last) - opens), left=opens, height=0.82, color=PALE, zorder=1)


def _draw_spans(axes: Axes, schedule: Schedule) -> None:
    """Draw the time that each tour takes in its row."""
    for tour, row in dict(zip((stop.tour for stop in schedule.stops), schedule.rows, strict=True)).items():
        times = [time for stop in schedule.stops if stop.tour == tour for time in stop.visit or ()]
        axes.plot([min(times), max(times)], [row, row], color=tour_color(tour), linewidth=0.8, zorder=1)


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
