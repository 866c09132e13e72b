"""A solution as an itinerary: when she is where, what she sees there, and how far she has walked.

Times and lengths are in the instance's own units, where a unit of length takes a unit of time: with
metres and seconds she walks at 1 m/s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from math import floor, log10
from typing import TYPE_CHECKING

from tsp.problems import TimeWindows
from tsp.solution import begins, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution


@dataclass(frozen=True)
class Stop:
    """One line of an itinerary.

    Attributes:
        tour: which tour, from 0.
        order: which of the tour's stops, 0 where it starts.
        node: position in the file, from 0.
        name: what a reader calls it.
        arrive: when she gets there.
        begin: when the visit begins, after waiting for the window to open.
        leave: when the visit is over; where a tour ends, when it begins.
        interest: the node's prize; None where a tour starts or ends, and where there are no prizes.
        walked: length of the tour so far.
        title: what the source's column `title` says, or nothing.
        delivered: what the node gets at this visit; None where that cannot be split, and at the depot.
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


def rows(problem: Problem, instance: Instance, solution: Solution) -> list[Stop]:
    """The itinerary of each tour, the way back included; an infeasible solution has one too.

    What was given of a tour under way is told as its plan has it, up to where it is now.

    Args:
        problem: decides how tours run, and whether time windows count.
        instance: whose names and numbers are told.
        solution: tours through nodes of the instance; stops that it does not have are left out.
    """
    tours = tuple(tour[(tour >= 0) & (tour < instance.size)] for tour in solution.tours)
    if problem.rule(TimeWindows) is None and instance.time_windows is not None:
        instance = replace(instance, time_windows=None)
    claim = walk(problem, instance, tours)
    titles = _titles(instance)
    out: list[Stop] = []
    for k, stops in enumerate(claim.stops):
        times = begins(claim, k).tolist()
        legs = instance.legs(stops[:-1], stops[1:]).tolist()
        leave, walked = 0.0, 0.0
        for i, (node, begin) in enumerate(zip(stops.tolist(), times, strict=True)):
            arrive = leave + legs[i - 1] if i else begin
            walked += legs[i - 1] if i else 0.0
            leave = begin
            if instance.service_times is not None and (i == 0 or i < len(stops) - 1 or claim.customers[node]):
                leave += float(instance.service_times[node])
            if instance.underway is not None and k == claim.begun and i == claim.given - 1:
                leave = leave if instance.underway.elapsed is None else instance.underway.elapsed
                walked = walked if instance.underway.travelled is None else instance.underway.travelled
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


def format_itinerary_text(stops: Sequence[Stop]) -> str:
    """Itineraries as tables in plain text, one for each tour, with the columns that have something to tell."""
    columns: list[tuple[str, str, list[str]]] = [
        ("order", ">", [str(stop.order) for stop in stops]),
        ("poster", "<", [stop.name for stop in stops]),
    ]
    if any(stop.arrive != stop.walked or stop.leave != stop.arrive for stop in stops):
        columns.append(_numbers("arrive", stops, lambda stop: stop.arrive))
        if any(stop.begin > stop.arrive for stop in stops):
            columns.append(_numbers("begin", stops, lambda stop: stop.begin))
        columns.append(_numbers("leave", stops, lambda stop: stop.leave))
    if any(stop.interest is not None for stop in stops):
        columns.append(_numbers("interest", stops, lambda stop: stop.interest))
    if any(stop.delivered is not None for stop in stops):
        columns.append(_numbers("delivered", stops, lambda stop: stop.delivered))
    columns.append(_numbers("walked", stops, lambda stop: stop.walked))
    if any(stop.title for stop in stops):
        columns.append(("title", "<", [stop.title for stop in stops]))
    widths = [max(map(len, [heading, *texts])) for heading, _, texts in columns]

    def line(cells: Iterable[str]) -> str:
        aligned = (f"{cell:{column[1]}{width}}" for cell, column, width in zip(cells, columns, widths, strict=True))
        return "  ".join(aligned).rstrip()

    heading = line(heading for heading, _, _ in columns)
    tables: list[str] = []
    for tour, places in groupby(range(len(stops)), key=lambda i: stops[i].tour):
        lines = [heading, *(line(texts[i] for _, _, texts in columns) for i in places)]
        tables.append("\n".join([f"tour {tour}", *lines] if stops[-1].tour > 0 else lines))
    return "\n\n".join(tables)


def _numbers(heading: str, stops: Sequence[Stop], value: Callable[[Stop], float | None]) -> tuple[str, str, list[str]]:
    """A column of numbers, all with as few decimals as tell them, or as make four figures of the largest."""
    values = [value(stop) for stop in stops]
    given = [abs(number) for number in values if number is not None]
    most = min(max(0, 3 - floor(log10(max(given)))), 9) if any(given) else 0
    decimals = next((d for d in range(most) if all(round(number, d) == number for number in given)), most)
    return heading, ">", ["" if number is None else f"{number:.{decimals}f}" for number in values]
