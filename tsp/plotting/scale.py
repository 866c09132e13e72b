"""The scale bar of a map."""

# matplotlib does not declare the types of its keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tsp.plotting.canvas import FADED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST_BAR = 0.2
"""The most of the map's width that the bar takes."""

RIGHT = 0.97
"""Where the bar ends, as a part of the figure's width."""


def round_length(most: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not above `most`."""
    power = 10.0 ** math.floor(math.log10(most))
    return next(factor * power for factor in (5, 2, 1) if factor * power <= most or factor == 1)


def draw_scale(figure: Figure, axes: Axes, unit: str, y: float) -> None:
    """Draw a bar of a round length below a map at the right, with its length in `unit`, that of the coordinates."""
    from matplotlib.lines import Line2D

    axes.apply_aspect()
    left, right = axes.get_xlim()
    width = axes.get_position().width
    length = round_length(LONGEST_BAR * (right - left))
    part = length / (right - left) * width
    height = 0.04 / figure.get_figheight()
    xs, ys = [RIGHT - part, RIGHT - part, RIGHT, RIGHT], [y + height, y, y, y + height]
    figure.add_artist(Line2D(xs, ys, color=FADED, linewidth=1.2, solid_joinstyle="miter"))
    figure.text(RIGHT - part - 0.01, y, f"{length:,g} {unit}", fontsize=8.5, color=FADED, ha="right", va="baseline")
