"""A solution as an itinerary: for each stop its times, its prize, and the length of the tour so far.

Times and lengths of stops are in the instance's own units, in which a unit of length takes a unit of time; texts show
them as `tsp.units` writes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from math import floor, isinf, log10
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsp.checks import timeline_of
from tsp.problems import TimeWindows
from tsp.solution import claim_of
from tsp.statistics import format_number
from tsp.units import Units
from tsp.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tsp.checks import Claim
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
        interest: the node's prize, at its visit; None where a tour starts or ends, and where there are no prizes.
        walked: length of the tour so far.
        title: the node's text in the source's column `title`, or nothing.
        delivered: quantity delivered at this visit; None at the depot, and where deliveries are not split.
        window: when the visit may begin; None where the problem has no time windows.
        load: quantity that the tour has delivered so far; None where nothing is delivered.
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
    window: tuple[float, float] | None = None
    load: float | None = None


@dataclass(frozen=True)
class Totals:
    """What one tour comes to.

    Attributes:
        tour: index of the tour, from 0.
        visits: number of customers visited.
        length: of the tour.
        load: quantity delivered; None where nothing is delivered.
        prize: sum of the prizes; None where there are none.
        times: when the tour leaves its start and when it ends; None where the problem has no time windows.
    """

    tour: int
    visits: int
    length: float
    load: float | None
    prize: float | None
    times: tuple[float, float] | None


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
    windows = _windows(problem, instance)
    if problem.rule(TimeWindows) is None and instance.time_windows is not None:
        instance = replace(instance, time_windows=None)
    claim = claim_of(problem, instance, tours)
    titles = _titles(instance)
    out: list[Stop] = []
    for k, stops in enumerate(claim.stops):
        times, resumed = timeline_of(claim, k), claim.resumed.get(k)
        legs = instance.legs(stops[:-1], stops[1:]).tolist()
        loads = _loads(claim, solution, k)
        walked = 0.0
        for i, (node, begin) in enumerate(zip(stops.tolist(), times.begin.tolist(), strict=True)):
            arrive = float(times.arrive[i]) if i else begin
            walked += legs[i - 1] if i else 0.0
            now = resumed.used if resumed is not None and i == resumed.given - 1 else None
            is_end = 0 < i == len(stops) - 1 and not claim.customers[node]  # there is no service where a tour ends
            leave = begin if is_end and now is None else float(times.leave[i])
            if now is not None and now.travelled is not None:
                walked = now.travelled
            # In a session, a second step at a node is the visit of a queue that was seen, or a wait after the visit.
            is_visit = (i > 0 and node == stops[i - 1]) == problem.may_stay
            prizes = instance.prizes if claim.customers[node] and is_visit else None
            interest = None if prizes is None else float(prizes[node])
            name = instance.node_name(node)
            amounts = solution.amounts if claim.customers[node] else None
            delivered = None if amounts is None else float(amounts[k][i])
            out.append(
                Stop(
                    tour=k,
                    order=i,
                    node=node,
                    name=name,
                    arrive=arrive,
                    begin=begin,
                    leave=leave,
                    interest=interest,
                    walked=walked,
                    title=titles[int(node)],
                    delivered=delivered,
                    window=None if windows is None else windows[int(node)],
                    load=None if loads is None else loads[i],
                )
            )
    return out


def _windows(problem: Problem, instance: Instance) -> list[tuple[float, float]] | None:
    """The time window of each node, where they count."""
    if problem.rule(TimeWindows) is None or instance.time_windows is None:
        return None
    pairs: list[list[float]] = instance.time_windows.tolist()
    return [(opens, closes) for opens, closes in pairs]


def _loads(claim: Claim, solution: Solution, k: int) -> list[float] | None:
    """The quantity that tour `k` has delivered up to each of its stops, where the problem has deliveries."""
    demands = claim.instance.demands
    if demands is None or "demands" not in claim.problem.needs:
        return None
    stops = claim.stops[k]
    given = np.where(claim.customers, demands, 0.0)[stops]
    if solution.amounts is not None:
        given[: len(solution.amounts[k])] = solution.amounts[k]
    loads, resumed = given.cumsum(), claim.resumed.get(k)
    if resumed is not None and resumed.used.load is not None:
        loads += resumed.used.load - loads[resumed.given - 1]
    return loads.tolist()


def make_totals(stops: Sequence[Stop], instance: Instance) -> list[Totals]:
    """The totals of each tour of an itinerary; `instance` is that of `make_itinerary`."""
    ends = {instance.depot, instance.finish}
    out: list[Totals] = []
    for k, tour in groupby(stops, key=lambda stop: stop.tour):
        listed = list(tour)
        first, last = listed[0], listed[-1]
        visited = {stop.node for stop in listed} - ends if listed[0].node in ends else {stop.node for stop in listed}
        prizes = {stop.node: stop.interest for stop in listed if stop.interest is not None}
        out.append(
            Totals(
                k,
                len(visited),
                last.walked,
                last.load,
                sum(prizes.values()) if instance.prizes is not None else None,
                None if first.window is None else (first.leave, last.leave),
            )
        )
    return out


def format_totals(totals: Totals, words: Words, instance: Instance) -> list[str]:
    """The totals of a tour as texts."""
    units = instance.units
    out = [words.stops(totals.visits), f"{words.length} {units.with_unit(format_number(totals.length, 4))}"]
    if totals.load is not None:
        limit = "" if instance.capacity is None else f" of {instance.capacity:g}"
        out.append(f"load {totals.load:g}{limit}")
    if totals.prize is not None:
        out.append(f"{words.prize} {format_number(totals.prize)}")
    if totals.times is not None:
        out.append(" to ".join(map(units.format_time, totals.times)))
    return out


def _titles(instance: Instance) -> tuple[str, ...]:
    for name, texts in instance.extras.items():
        if name.lower() == "title":
            return tuple(text.strip() for text in texts)
    return ("",) * instance.size


def format_itinerary_text(
    stops: Sequence[Stop],
    units: Units | None = None,
    words: Words | None = None,
    headings: Sequence[str] | None = None,
) -> str:
    """Itineraries as tables in plain text, one for each tour, without columns that would be empty or repeat others.

    Args:
        stops: of all tours.
        units: how times and lengths are shown; None: as numbers.
        words: the nouns in the headings of the columns; None: those of plain tours.
        headings: a line above each table; None: the number of the tour, where there are several.
    """
    units, words = units or Units(), words or Words()
    times = partial(_clock_times, units) if units.is_clock else _numbers
    columns = [
        Column("order", ">", [str(stop.order) for stop in stops]),
        Column(words.stop, "<", [stop.name for stop in stops]),
    ]
    if any(stop.window is not None for stop in stops):
        columns.append(times("opens", stops, lambda stop: None if stop.window is None else stop.window[0]))
        columns.append(times("closes", stops, _closing))
    if any(stop.arrive != stop.walked or stop.leave != stop.arrive for stop in stops):
        columns.append(times("arrive", stops, lambda stop: stop.arrive))
        if any(stop.begin > stop.arrive for stop in stops):
            columns.append(times("begin", stops, lambda stop: stop.begin))
        columns.append(times("leave", stops, lambda stop: stop.leave))
    if any(stop.interest is not None for stop in stops):
        columns.append(_numbers(words.prize, stops, lambda stop: stop.interest))
    if any(stop.delivered is not None for stop in stops):
        columns.append(_numbers("delivered", stops, lambda stop: stop.delivered))
    if any(stop.load is not None for stop in stops):
        columns.append(_numbers("load", stops, lambda stop: stop.load))
    columns.append(_numbers(units.with_unit(words.length), stops, lambda stop: stop.walked))
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
        if headings is not None:
            lines.insert(0, headings[tour])
        elif stops[-1].tour > 0:
            lines.insert(0, f"tour {tour}")
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def _closing(stop: Stop) -> float | None:
    """When a stop's window closes; None where it never does."""
    return None if stop.window is None or isinf(stop.window[1]) else stop.window[1]


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
