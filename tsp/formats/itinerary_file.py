"""Itineraries in CSV: a line with the node's `name` for each stop, as `tsp solve --out plan.csv` writes them.

The column `order` is the place of a stop in its tour; without it, lines are in order. The column `tour` is the
index of the tour; without it, each visit of the depot begins another tour. `delivered` is the amount of a split
delivery. Other columns follow from these and are not read.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsp.composition import problem_of
from tsp.formats.csv_file import read_cells, read_number
from tsp.formats.plan import Plan
from tsp.formats.text import quote

if TYPE_CHECKING:
    from pathlib import Path

    from tsp.formats.text import TextFile
    from tsp.instance import Instance


class _Stop(NamedTuple):
    line: int
    tour: str
    order: float
    node: int
    delivered: float


def read_plan(path: Path, instance: Instance) -> Plan:
    """Read the tours of an itinerary, and the amounts of a column `delivered`.

    A return to the start at the end of a tour may be in it or not.

    Raises:
        ValueError: with the file, the line, the column and what was expected.
    """
    tours, has_amounts = _tours(path, instance)
    nodes = [np.array([stop.node for stop in tour], dtype=np.int64) for tour in tours]
    if not has_amounts:
        return Plan(nodes)
    return Plan(nodes, [np.array([stop.delivered for stop in tour], dtype=np.float64) for tour in tours])


def _tours(path: Path, instance: Instance) -> tuple[list[list[_Stop]], bool]:
    """The stops of each tour without the return to its start, and whether amounts are given."""
    file, delimiter, ((header_line, header), *rows) = read_cells(path)
    columns = {name.lower(): k for k, name in enumerate(header)}
    if "name" not in columns:
        raise file.error(header_line, f"columns {quote(', '.join(header))}, expected name, and perhaps tour and order")
    places = {name: node for node, name in reversed([*enumerate(instance.names or ())])}
    stops: list[_Stop] = []
    lines = [(line, {name: cells[k] if k < len(cells) else "" for name, k in columns.items()}) for line, cells in rows]
    is_ordered = any(texts.get("order") for _, texts in lines)
    for line, texts in lines:
        if is_ordered and not texts["order"]:
            continue  # a node that the plan leaves out
        numbers = {
            name: read_number(file, line, name, texts[name], delimiter) if texts.get(name) else empty
            for name, empty in (("order", float(len(stops))), ("delivered", 0.0))
        }
        node = _node(file, line, texts["name"], places, instance)
        stops.append(_Stop(line, texts.get("tour", ""), numbers["order"], node, numbers["delivered"]))
    if not stops:
        raise file.error(header_line, "no stop after the header, expected a line for each")
    tours = _by_tour(file, stops) if "tour" in columns else _by_depot(instance, _in_order(file, stops))
    return [_without_return(tour) for tour in tours], "delivered" in columns


def _node(file: TextFile, line: int, name: str, places: dict[str, int], instance: Instance) -> int:
    if name in places:
        return places[name]
    try:
        return instance.find_node(name)
    except ValueError as error:
        raise file.error(line, f"column name: {str(error).removeprefix(f'{instance.name}: ')}") from None


def _in_order(file: TextFile, stops: list[_Stop]) -> list[_Stop]:
    """The stops of a tour by their `order`."""
    ordered = sorted(stops, key=lambda stop: stop.order)
    for before, stop in pairwise(ordered):
        if before.order == stop.order:
            raise file.error(stop.line, f"column order: {stop.order:g} is also in line {before.line}, expected others")
    return ordered


def _by_tour(file: TextFile, stops: list[_Stop]) -> list[list[_Stop]]:
    tours: dict[str, list[_Stop]] = {}
    for stop in stops:
        tours.setdefault(stop.tour, []).append(stop)
    return [_in_order(file, tour) for tour in tours.values()]


def _by_depot(instance: Instance, stops: list[_Stop]) -> list[list[_Stop]]:
    """The stops cut into tours at the depot, where there may be several tours."""
    if not problem_of(instance).shape.has_several_tours:
        return [stops]
    tours: list[list[_Stop]] = [[]]
    for stop in stops:
        if stop.node == instance.depot and tours[-1]:
            tours[-1].append(stop)
            tours.append([])
        tours[-1].append(stop)
    return tours if len(tours) == 1 or len(tours[-1]) > 1 else tours[:-1]


def _without_return(tour: list[_Stop]) -> list[_Stop]:
    return tour[:-1] if len(tour) > 1 and tour[-1].node == tour[0].node else tour
