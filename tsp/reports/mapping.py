"""Maps of places on the Earth: GeoJSON for other programs, or a page that needs no network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tsp.composition import problem_of
from tsp.formats.geojson import require_earth, solution_content
from tsp.itinerary import format_totals, make_itinerary, make_totals
from tsp.plotting import tour_color
from tsp.plotting.heading import describe_tours
from tsp.plotting.layout import lay_out
from tsp.plotting.scale import round_length
from tsp.reports.page import fill
from tsp.solution import claim_of
from tsp.words import words_of

if TYPE_CHECKING:
    import os

    from tsp.instance import Instance
    from tsp.solution import Solution

MAP_ENDINGS = (".geojson", ".html")

WIDTH = 1000.0
"""Units of the page's picture."""

START_RADIUS = 8.0
"""The least radius of the start, so that it is found among thousands of nodes."""


def map_text(
    path: str | os.PathLike[str], instance: Instance, solution: Solution | None, *, title: str | None = None
) -> str:
    """The text of a map, by the ending of the path; `title` replaces the instance's name.

    Raises:
        ValueError: for an instance that is not of places on the Earth.
    """
    require_earth(instance)
    if Path(path).suffix.lower() == ".geojson":
        content = {"name": title or instance.name or "map", **solution_content(instance, solution)}
        return json.dumps(content, allow_nan=False) + "\n"
    return _map_page(instance, solution, title)


def _map_page(instance: Instance, solution: Solution | None, title: str | None) -> str:
    """A page with lines, points and a list of the tours, that can be moved and zoomed."""
    problem = problem_of(instance)
    points = lay_out(instance).points
    low, extent = points.min(axis=0), np.ptp(points, axis=0)
    unit = WIDTH / max(float(extent.max()), 1e-9)
    places = (points - low) * unit
    places[:, 1] = float(extent[1]) * unit - places[:, 1]
    height = max(float(extent[1]) * unit, 0.4 * WIDTH)
    stops = [] if solution is None else make_itinerary(problem, instance, solution)
    words = words_of(problem, instance)
    tours = [
        {
            "color": tour_color(totals.tour),
            "text": " · ".join([f"tour {totals.tour}", *format_totals(totals, words, instance)]),
            "points": " ".join(f"{x:.1f},{y:.1f}" for x, y in places[[s.node for s in stops if s.tour == totals.tour]]),
        }
        for totals in make_totals(stops, instance)
    ]
    visits = {stop.node: stop for stop in reversed(stops)}
    write = instance.units.format_time
    nodes = [
        {
            "x": f"{x:.1f}",
            "y": f"{y:.1f}",
            "text": " · ".join(
                [instance.node_name(node)]
                + ([f"tour {stop.tour}, stop {stop.order}"] if (stop := visits.get(node)) is not None else [])
                + ([f"{write(stop.begin)} to {write(stop.leave)}"] if stop is not None and stop.window else [])
            ),
            "is_start": node == instance.depot,
            "is_visited": solution is None or node in visits,
        }
        for node, (x, y) in enumerate(places.tolist())
    ]
    bar = round_length(0.2 * WIDTH / unit)
    return fill(
        "map.html.jinja",
        title=title or instance.name or "map",
        facts=describe_tours(claim_of(problem, instance, () if solution is None else solution.tours), solution),
        box=f"{-0.04 * WIDTH:.1f} {-0.04 * WIDTH:.1f} {1.08 * WIDTH:.1f} {height + 0.08 * WIDTH:.1f}",
        radius=(radius := round(float(np.clip(60 / np.sqrt(instance.size), 1.2, 6)), 2)),
        start_radius=max(2 * radius, START_RADIUS),
        tours=tours,
        nodes=sorted(nodes, key=lambda node: bool(node["is_start"])),  # the start is drawn above the others
        bar={"width": f"{bar * unit:.1f}", "text": f"{bar:,g} {instance.unit}", "y": f"{height + 0.02 * WIDTH:.1f}"},
    )
