"""The lines below a map: the meaning of its marks, remarks, and a legend of its tours."""

# matplotlib does not declare the types of its keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from tsp.itinerary import format_totals, make_itinerary, make_totals
from tsp.plotting.canvas import FADED, INK, PALETTE, SHADES, tour_color
from tsp.words import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.figure import Figure

    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution

LINE = 0.21
"""Inches from one line to the next."""

LEFT, RIGHT = 0.03, 0.97
"""Where lines begin and end, as parts of the figure's width."""

SCALE = 2.2
"""Inches at the right of the first line that a scale bar may take."""

DOTS = 100
"""Dots per inch at which texts are measured."""

MOST_LISTED = len(PALETTE) * len(SHADES)
"""The most tours in a legend: each of them has a color of its own."""


class Mark(NamedTuple):
    """The meaning of a kind of mark on the map."""

    symbol: str
    color: str
    meaning: str


class Piece(NamedTuple):
    """A text of a footnote, with its size in points and its color."""

    text: str
    size: float
    color: str


def footnote_height(marks: Sequence[Mark], remarks: Sequence[str], width: float) -> float:
    """Inches that a footnote takes in a figure of `width` inches."""
    return LINE * len(_lines(marks, remarks, width))


def write_footnote(figure: Figure, marks: Sequence[Mark], remarks: Sequence[str], top: float) -> None:
    """Write the meaning of each mark, and remarks, in lines from `top` inches above the figure's lower edge down."""
    width, height = figure.get_size_inches().tolist()
    for number, line in enumerate(_lines(marks, remarks, width), 1):
        for x, piece in line:
            y = (top - number * LINE + 0.06) / height
            figure.text(x / width, y, piece.text, fontsize=piece.size, color=piece.color, va="baseline")


def _lines(marks: Sequence[Mark], remarks: Sequence[str], width: float) -> list[list[tuple[float, Piece]]]:
    """The pieces of each line, with the place of each in inches."""
    groups = [[Piece(mark.symbol, 10, mark.color), Piece(mark.meaning, 8.5, FADED)] for mark in marks]
    groups += [[Piece(f"· {remark}", 8.5, FADED)] for remark in remarks]
    lines: list[list[tuple[float, Piece]]] = [[]]
    x = LEFT * width
    for group in groups:
        widths = [_measure(piece) + 0.06 for piece in group]
        right = RIGHT * width - (SCALE if len(lines) == 1 else 0.0)
        if lines[-1] and x + sum(widths) > right:
            lines.append([])
            x = LEFT * width
        if not lines[-1]:  # no dot before the first remark of a line
            group[0] = group[0]._replace(text=group[0].text.removeprefix("· "))
        for piece, own in zip(group, widths, strict=True):
            lines[-1].append((x, piece))
            x += own
    return lines if lines[0] else []


def _measure(piece: Piece) -> float:
    """The width of a text in inches."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    renderer = RendererAgg(1, 1, DOTS)
    width, _, _ = renderer.get_text_width_height_descent(piece.text, FontProperties(size=piece.size), ismath=False)
    return width / DOTS


class Legend(NamedTuple):
    """The tours of a picture.

    Attributes:
        entries: color and text of each tour.
        rest: a line about tours that are not listed, or nothing.
        columns: number of columns.
    """

    entries: list[Piece]
    rest: str
    columns: int

    @property
    def height(self) -> float:
        """Inches."""
        return LINE * (math.ceil(len(self.entries) / self.columns) + bool(self.rest)) + 0.1 * bool(self.entries)


def make_legend(problem: Problem, instance: Instance, solution: Solution | None, width: float) -> Legend:
    """The totals of each tour, where there are several, for a figure of `width` inches."""
    if solution is None or len(solution.tours) < 2:
        return Legend([], "", 1)
    entries = list(_entries(problem, instance, solution))
    hidden = len(entries) - MOST_LISTED
    rest = f"and {hidden} more tours, in the same colors again" if hidden > 0 else ""
    kept = entries[:MOST_LISTED]
    widest = max(map(_measure, kept)) + 0.45
    return Legend(kept, rest, max(1, int((RIGHT - LEFT) * width / widest)))


def _entries(problem: Problem, instance: Instance, solution: Solution) -> Iterator[Piece]:
    words = words_of(problem, instance)
    for totals in make_totals(make_itinerary(problem, instance, solution), instance):
        text = " · ".join([f"tour {totals.tour}", *format_totals(totals, words, instance)])
        yield Piece(text, 8, tour_color(totals.tour))


def draw_legend(figure: Figure, legend: Legend, top: float) -> None:
    """Draw the entries, column by column, from `top` inches above the figure's lower edge down."""
    from matplotlib.lines import Line2D

    width, height = figure.get_size_inches().tolist()
    rows = math.ceil(len(legend.entries) / legend.columns)
    for k, entry in enumerate(legend.entries):
        column, row = divmod(k, rows)
        x = LEFT + column * (RIGHT - LEFT) / legend.columns
        y = (top - (row + 1) * LINE + 0.06) / height
        middle = y + 0.04 / height
        figure.add_artist(Line2D([x, x + 0.28 / width], [middle, middle], color=entry.color, linewidth=2.5))
        figure.text(x + 0.36 / width, y, entry.text, fontsize=entry.size, color=INK, va="baseline", parse_math=False)
    if legend.rest:
        y = (top - (rows + 1) * LINE + 0.06) / height
        figure.text(LEFT, y, legend.rest, fontsize=8.5, color=FADED, va="baseline")
