"""The parts that all pictures share: colors, a figure with a heading, framed axes, and saving to a file."""

# matplotlib does not declare the types of its keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import io
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tsp.files import atomic_write

if TYPE_CHECKING:
    import os
    from collections.abc import Generator, Iterable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.text import Text

Points = NDArray[np.float64]

PICTURE_ENDINGS = (".png", ".svg", ".pdf")
RESOLUTION = 160
"""Dots per inch of a PNG."""

MOST_NAMES = 60
"""The most nodes whose names are written."""

LONGEST_NAME = 24
"""Characters of a node's name; longer names are cut."""

INK, FADED, PAPER = "#1f2430", "#6b7280", "#ffffff"
WIDTH = 8.0
"""Inches of a usual picture."""

LONGEST_TITLE, LONGEST_FACTS = 64, 105
"""Characters of the two lines of a heading, where a picture has the usual width."""

START = "#d55e00"
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#4b5563")
"""Colors of tours and solvers, in this order (Okabe and Ito 2008): people with any kind of color vision tell them
apart. Vermilion is left to `START`, and yellow is not seen on paper."""

MOST_LINES = len(PALETTE)
"""The most lines in a plot."""

LINE_STYLES = ("-", (0, (6, 1.5)), (0, (2, 1)), (0, (6, 1.5, 1, 1.5)), (0, (1, 1)), (0, (8, 1.5, 1, 1, 1, 1.5)))
MARKERS = ("o", "s", "^", "D", "v", "P")

SHADES = (0.0, -0.35, 0.4)
"""How far the colors are mixed with ink (below 0) or paper when they are used for the first, second, third time."""


class LineStyle(NamedTuple):
    """How one of at most `MOST_LINES` lines looks, so that it is also told from the others in grey."""

    color: str
    linestyle: str | tuple[int, tuple[float, ...]]
    marker: str


def line_style(k: int) -> LineStyle:
    """The look of line `k` of a plot, from 0."""
    return LineStyle(PALETTE[k % MOST_LINES], LINE_STYLES[k % MOST_LINES], MARKERS[k % MOST_LINES])


def tour_color(k: int) -> str:
    """The color of tour `k`, from 0: one of its own for the first `len(PALETTE) * len(SHADES)` tours."""
    from matplotlib.colors import to_hex, to_rgb

    times, k = divmod(k, len(PALETTE))
    share = SHADES[times % len(SHADES)]
    own, other = np.array(to_rgb(PALETTE[k])), np.array(to_rgb(INK if share < 0 else PAPER))
    mixed: list[float] = ((1 - abs(share)) * own + abs(share) * other).tolist()
    return to_hex((mixed[0], mixed[1], mixed[2]))


def make_canvas(width: float, height: float, title: str, facts: str) -> tuple[Figure, Axes]:
    """Make a figure with a heading of two lines and, below it, axes of `width` × `height` inches.

    The second line of the heading is the last of `figure.texts`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    top, bottom = 0.85, 0.3
    total, share = height + top + bottom, width / WIDTH
    figure = Figure(figsize=(width, total), facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.02, bottom / total, 0.96, height / total))
    figure.text(
        0.03,
        1 - 0.2 / total,
        shorten(title, round(LONGEST_TITLE * share)),
        fontsize=14,
        fontweight="bold",
        color=INK,
        va="top",
        parse_math=False,
    )
    figure.text(
        0.03,
        1 - 0.5 / total,
        fit_facts(facts, round(LONGEST_FACTS * share)),
        fontsize=10,
        color=FADED,
        va="top",
        parse_math=False,
    )
    return figure, axes


def frame_axes(axes: Axes, *, grid: Literal["x", "y", "both"]) -> None:
    """Style axes that have labels: make room for the labels, draw light grid lines and no box."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    axes.tick_params(colors=FADED, labelcolor=INK, labelsize=9, length=0)
    axes.xaxis.label.set_color(FADED)
    axes.yaxis.label.set_color(FADED)
    axes.grid(axis=grid, color="#e5e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    figure.draw_without_rendering()
    labelled = axes.get_tightbbox()
    assert labelled is not None
    labelled, place = labelled.transformed(figure.transFigure.inverted()), axes.get_position()
    left, bottom = 0.03 + place.x0 - labelled.x0, 0.03 + place.y0 - labelled.y0
    axes.set_position((left, bottom, 0.97 - left, place.y1 - bottom))


def add_legend(axes: Axes) -> Legend:
    """Add a legend without a box around it."""
    return axes.legend(labelcolor=INK, facecolor=PAPER, edgecolor=PAPER, framealpha=0.85)


def disable_math(texts: Iterable[Text]) -> None:
    """Draw texts as they are: a `$` in the name of a node or a solver starts no formula."""
    for text in texts:
        text.set_parse_math(False)


def shorten(text: str, longest: int) -> str:
    """The text, cut to at most `longest` characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def fit_facts(facts: str, longest: int) -> str:
    """The first of the facts between dots, as many as fit into so many characters."""
    while len(facts) > longest and " · " in facts:
        facts = facts.rpartition(" · ")[0]
    return shorten(facts, longest)


def save_figure(figure: Figure, path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Write a figure atomically and without a date, as PNG, SVG or PDF by the ending of the path.

    Raises:
        ValueError: for another ending, or when `path` exists and `force` is not given, or cannot be
            written.
    """
    ending = Path(path).suffix.lower()
    if ending not in PICTURE_ENDINGS:
        raise ValueError(f"{path}: ending {ending!r}, expected {' or '.join(PICTURE_ENDINGS)}")
    undated = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}[ending]
    with atomic_write(path, force=force) as temporary:
        _draw_into(temporary, figure, ending[1:], RESOLUTION, undated)


def picture_text(figure: Figure, dpi: float | Literal["figure"] = "figure") -> str:
    """A figure as the text of an SVG element, to be put into a page; `dpi` is that of its parts that are images."""
    out = io.StringIO()
    _draw_into(out, figure, "svg", dpi, {"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _draw_into(
    out: Path | io.StringIO, figure: Figure, kind: str, dpi: float | Literal["figure"], undated: dict[str, None]
) -> None:
    """Draw a figure, the same one to the same bytes."""
    from matplotlib import rc_context  # pyright: ignore[reportUnknownVariableType]

    with rc_context({"svg.hashsalt": "travelling-scientist"}), ignore_missing_glyphs():
        figure.savefig(out, format=kind, dpi=dpi, metadata=undated)


@contextmanager
def ignore_missing_glyphs() -> Generator[None]:
    """Draw letters that no installed font has as boxes, without a warning for each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield
