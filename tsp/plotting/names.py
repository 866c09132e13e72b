"""Writing the names of nodes beside them, where they cover nothing."""

# matplotlib does not declare the types of its keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tsp.plotting.canvas import INK, LONGEST_NAME, Points, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.font_manager import FontProperties
    from numpy.typing import NDArray

DIRECTIONS = np.array([(math.cos(t), math.sin(t)) for t in np.linspace(0, 2 * np.pi, 16, endpoint=False)])
"""Directions from a node in which its name may be placed."""

CORNERS = np.array([[-1.0, -1.0], [1.0, 1.0]])
"""Lower left and upper right corner of a box around its centre, in half widths and heights."""


def write_names(
    axes: Axes,
    names: Sequence[str],
    points: Points,
    lines: Sequence[Points],
    tours: Sequence[NDArray[np.int64]],
    radii: Points,
) -> int:
    """Write each node's name on the side away from its tour, unless it would cover a node, a line or a name.

    Args:
        axes: the map.
        names: the nodes' names.
        points: the nodes `[n, 2]`.
        lines: everything drawn that a name must not cover, as corners `[k, 2]`.
        tours: the stops of each tour.
        radii: radii of the nodes' dots, in points `[n]`.

    Returns:
        the number of names that are not written.
    """
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    renderer = RendererAgg(figure.bbox.width, figure.bbox.height, figure.dpi)
    font = FontProperties(size=8.5 if len(names) <= 30 else 7.5)
    least = renderer.get_text_width_height_descent("lp", font, ismath=False)[1]  # the least height matplotlib gives
    extent = np.asarray(figure.bbox.size)
    dots = axes.transData.transform(points)  # the nodes, in pixels
    drawn = _sample_lines(axes, lines)
    inward = _directions_inward(dots, tours)
    pixels = radii * figure.dpi / 72
    clearances = np.maximum(5.5 * figure.dpi / 72, pixels + 2)
    taken: list[Points] = []
    for node, name in enumerate(names):
        text = shorten(name.strip(), LONGEST_NAME)
        if not text:
            continue
        width, height, _ = renderer.get_text_width_height_descent(text, font, ismath=False)
        half = np.array([width, max(height, least)]) / 2 + 2
        clearance = clearances[node]
        free: list[tuple[float, Points]] = []
        for direction in DIRECTIONS:
            offset = clearance * direction + half * np.clip(1.5 * direction, -1.0, 1.0)
            box = dots[node] + offset + half * CORNERS
            outside = (box[0] < clearance).any() or (box[1] > extent - clearance).any()
            on_dot = (np.abs(dots - box.mean(axis=0)) < half + pixels[:, None]).all(axis=1).any()
            if not (outside or on_dot or _covers_any(box, drawn) or any(_overlaps(box, other) for other in taken)):
                free.append((float(direction @ inward[node]), offset))
        if free:
            _, offset = min(free, key=lambda place: place[0])
            taken.append(dots[node] + offset + half * CORNERS)
            _write_name(axes, text, points[node], offset * 72 / figure.dpi, font)
    return sum(bool(name.strip()) for name in names) - len(taken)


def _write_name(axes: Axes, text: str, point: Points, offset: Points, font: FontProperties) -> None:
    """Write a name centred at an offset, in points, from its node."""
    axes.annotate(
        text,
        tuple(point),
        tuple(offset),
        textcoords="offset points",
        ha="center",
        va="center",
        fontproperties=font,
        color=INK,
        parse_math=False,
        zorder=5,
    )


def _sample_lines(axes: Axes, lines: Sequence[Points]) -> Points:
    """Pixels `[m, 2]` along the lines."""
    shares = np.linspace(0.0, 1.0, 60)[:, None]
    segments = [axes.transData.transform(pair) for line in lines for pair in pairwise(line)]
    return np.concatenate([np.empty((0, 2)), *((1 - shares) * a + shares * b for a, b in segments)])


def _directions_inward(dots: Points, tours: Sequence[NDArray[np.int64]]) -> Points:
    """For each node the sum of the unit vectors to its neighbours in the tours `[n, 2]`."""
    pairs = np.concatenate([np.empty((0, 2), np.int64), *(np.stack([t[:-1], t[1:]], axis=1) for t in tours)])
    inward = np.zeros_like(dots)
    for here, there in (pairs.T, pairs.T[::-1]):
        delta = dots[there] - dots[here]
        np.add.at(inward, here, delta / np.maximum(np.hypot(*delta.T), 1e-9)[:, None])
    return inward


def _covers_any(box: Points, pixels: Points) -> bool:
    return bool(((pixels > box[0]) & (pixels < box[1])).all(axis=1).any())


def _overlaps(a: Points, b: Points) -> bool:
    return bool((a[0] < b[1]).all() and (b[0] < a[1]).all())
