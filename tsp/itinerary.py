"""A solution as an itinerary: for each stop its times, its prize, and the length of the tour so far.

Times and lengths of stops are in the instance's own units, in which a unit of length takes a unit of time; texts show
them as `tsp.units` writes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from math import floor, log10
from typing import TYPE_CHECKING, NamedTuple

from tsp.checks import timeline_of
from tsp.problems import TimeWindows
from tsp.solution import claim_of
from tsp.units import Units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution


@dataclass(frozen=True)
class Stop:
    """One line of an itinerary.

    Attributes:
        tour: index of the tour, from 0.
        order: index of the stop in its tour; 0 is the start.
        node: position in the file, from 0.
        name: of the node.
        arrive: time of arrival.
        begin: time when the visit begins, after waiting for the window to open.
        leave: time when the visit ends; at the end of a tour, the same as `begin`.
        interest: the node's prize; None where a tour starts or ends, and where there are no prizes.
        walked: length of the tour so far.
        title: the node's text in the source's column `title`, or nothing.
        delivered: quantity delivered at this visit; None at the depot, and where deliveries are not split.
    """

    tour: int
    order: int
    node: int
    name: str
    arrive: float
    begin: float
    leave: float
    interest: float | None
    walked: float
    title: str
    delivered: float | None


class Column(NamedTuple):
    """A column of the table: its heading, `<` or `>` for its alignment, and its cells."""

    heading: str
    alignment: str
    texts: list[str]


def make_itinerary(problem: Problem, instance: Instance, solution: Solution) -> list[Stop]:
    """The stops of each tour, return to the depot included; an infeasible solution has them too.

    The given part of a tour under way has the times of its plan, except where elapsed time and travelled
    length are given for its last node.

    Args:
        problem: decides how tours run, and whether time windows count.
        instance: has the names and numbers.
        solution: tours; stops at nodes that the instance does not have are left out.
    """
    tours = tuple(tour[(tour >= 0) & (tour < instance.size)] for tour in solution.tours)
    if problem.rule(TimeWindows) is None and instance.time_windows is not None:
        instance = replace(instance, time_windows=None)
    claim = claim_of(problem, instance, tours)
    titles = _titles(instance)
    out: list[Stop] = []
    for k, stops in enumerate(claim.stops):
        times, resumed = timeline_of(claim, k), claim.resumed.get(k)
        legs = instance.legs(stops[:-1], stops[1:]).tolist()
        walked = 0.0
        for i, (node, begin) in enumerate(zip(stops.tolist(), times.begin.tolist(), strict=True)):
            arrive = float(times.arrive[i]) if i else begin
            walked += legs[i - 1] if i else 0.0
            now = resumed.used if resumed is not None and i == resumed.given - 1 else None
            is_end = 0 < i == len(stops) - 1 and not claim.customers[node]  # there is no service where a tour ends
            leave = begin if is_end and now is None else float(times.leave[i])
            if now is not None and now.travelled is not None:
                walked = now.travelled
            prizes = instance.prizes if claim.customers[node] else None
            interest = None if prizes is None else float(prizes[node])
            name = instance.node_name(node)
            amounts = solution.amounts if claim.customers[node] else None
            delivered = None if amounts is None else float(amounts[k][i])
            out.append(Stop(k, i, node, name, arrive, begin, leave, interest, walked, titles[int(node)], delivered))
    return out


def _titles(instance: Instance) -> tuple[str, ...]:
    for name, texts in instance.extras.items():
        if name.lower() == "title":
            return tuple(text.strip() for text in texts)
    return ("",) * instance.size


def format_itinerary_text(stops: Sequence[Stop], units: Units | None = None) -> str:
    """Itineraries as tables in plain text, one for each tour, without columns that would be empty or repeat others.

    Args:
        stops: of all tours.
        units: how times and lengths are shown; None: as numbers.
    """
    units = units or Units()
    times = partial(_clock_times, units) if units.is_clock else _numbers
    columns = [
        Column("order", ">", [str(stop.order) for stop in stops]),
        Column("poster", "<", [stop.name for stop in stops]),
    ]
    if any(stop.arrive != stop.walked or stop.leave != stop.arrive for stop in stops):
        columns.append(times("arrive", stops, lambda stop: stop.arrive))
        if any(stop.begin > stop.arrive for stop in stops):
            columns.append(times("begin", stops, lambda stop: stop.begin))
        columns.append(times("leave", stops, lambda stop: stop.leave))
    if any(stop.interest is not None for stop in stops):
        columns.append(_numbers("interest", stops, lambda stop: stop.interest))
    if any(stop.delivered is not None for stop in stops):
        columns.append(_numbers("delivered", stops, lambda stop: stop.delivered))
    columns.append(_numbers(units.with_unit("walked"), stops, lambda stop: stop.walked))
    if any(stop.title for stop in stops):
        columns.append(Column("title", "<", [stop.title for stop in stops]))
    widths = [max(map(len, [column.heading, *column.texts])) for column in columns]

    def line(cells: Iterable[str]) -> str:
        pairs = zip(cells, columns, widths, strict=True)
        return "  ".join(f"{cell:{column.alignment}{width}}" for cell, column, width in pairs).rstrip()

    heading = line(column.heading for column in columns)
    tables: list[str] = []
    for tour, places in groupby(range(len(stops)), key=lambda i: stops[i].tour):
        lines = [heading, *(line(column.texts[i] for column in columns) for i in places)]
        tables.append("\n".join([f"tour {tour}", *lines] if stops[-1].tour > 0 else lines))
    return "\n\n".join(tables)


def _clock_times(units: Units, heading: str, stops: Sequence[Stop], value: Callable[[Stop], float | None]) -> Column:
    """A column of times of day."""
    values = [value(stop) for stop in stops]
    return Column(heading, ">", ["" if number is None else units.format_time(number) for number in values])


def _numbers(heading: str, stops: Sequence[Stop], value: Callable[[Stop], float | None]) -> Column:
    """A column of numbers, all with the same number of decimals.

    That is the smallest number that shows all values exactly, but no more than give the largest value four
    significant digits.
    """
    values = [value(stop) for stop in stops]
    given = [abs(number) for number in values if number is not None]
    most = min(max(0, 3 - floor(log10(max(given)))), 9) if any(given) else 0
    decimals = next((d for d in range(most) if all(round(number, d) == number for number in given)), most)
    return Column(heading, ">", ["" if number is None else f"{number:.{decimals}f}" for number in values])
