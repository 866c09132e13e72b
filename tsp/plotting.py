"""Pictures: a tour over its nodes, a comparison's gaps, a run's learning curve.

Built on matplotlib's objects alone (no `pyplot`, no global state), which is imported when a picture
is asked for. Every figure is legible as it is made; `save_figure` writes it.
"""

# matplotlib does not say what its keyword arguments are.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import csv
import math
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tsp.files import atomic_write
from tsp.statistics import format_number

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

    from tsp.comparison import Comparison, Row
    from tsp.instance import Instance
    from tsp.solution import Solution

Points = NDArray[np.float64]

ENDINGS = (".png", ".svg", ".pdf")
RESOLUTION = 160
"""Dots an inch of a PNG."""

LARGEST_LAYOUT = 2000
"""Nodes up to which a matrix without coordinates is laid out (its eigenvectors take O(n³))."""

MOST_NAMES = 60
LONGEST_NAME = 24

INK, FADED, PAPER = "#1f2430", "#6b7280", "#ffffff"
TOUR, START = "#2b6cb0", "#d9480f"
DIRECTIONS = np.array([(math.cos(t), math.sin(t)) for t in np.linspace(0, 2 * np.pi, 16, endpoint=False)])
"""Where a name may stand, seen from its node."""

CORNERS = np.array([[-1.0, -1.0], [1.0, 1.0]])

PALETTE = ("#2b6cb0", "#d9480f", "#2f855a", "#8e44ad", "#b7791f", "#0e7490", "#be185d", "#4b5563")


def plot_tour(instance: Instance, solution: Solution | None = None, *, title: str | None = None) -> Figure:
    """Draw an instance's nodes, the start marked, and a solution's tours through them.

    Names are written where there are at most `MOST_NAMES` nodes, and of those the ones that fit.

    Args:
        instance: what is drawn; without coordinates, its nodes are laid out so that distances in the
            picture are as near to its matrix as a plane allows.
        solution: the tours; without one, the nodes alone are drawn.
        title: stands in for the instance's name.

    Raises:
        ValueError: for a matrix without coordinates that is too large to be laid out.
    """
    points, remark, aspect = _layout(instance)
    width, height = np.ptp(points, axis=0) * (1.0, aspect)
    ratio = float(np.clip(height / width, 0.4, 1.05)) if width > 0 and height > 0 else 0.6
    figure, axes = _canvas(8.0, 7.6 * ratio, title or instance.name or "unnamed", _describe(instance, solution))
    axes.set_axis_off()
    axes.set_aspect(aspect, adjustable="datalim")
    axes.margins(0.05)

    n = instance.size
    tours = [tour[(tour >= 0) & (tour < n)] for tour in solution.tours] if solution is not None else []
    thickness = float(np.clip(18 / math.sqrt(n + 40), 0.3, 1.8))
    dot = float(np.clip(1500 / n, 0.1, 30))
    for k, tour in enumerate(tours):
        walk = points[np.append(tour, tour[:1])]
        color = PALETTE[k % len(PALETTE)]
        axes.plot(walk[:, 0], walk[:, 1], color=color, linewidth=thickness, solid_joinstyle="round", zorder=2)
    axes.scatter(points[:, 0], points[:, 1], s=dot, color=INK, linewidths=0, zorder=3)
    x, y = points[instance.depot]
    axes.scatter(x, y, s=max(50.0, 2.5 * dot), color=START, edgecolor=PAPER, linewidth=1.2, zorder=4)
    _footnote(figure, remark)
    if instance.names is not None and n <= MOST_NAMES:
        with _missing_glyphs_ignored():
            _write_names(axes, instance.names, points, tours)
    return figure


def gap_figure(comparison: Comparison) -> Figure:
    """Draw a comparison: under one limit each solver's gaps, under several gap against time used.

    Means stand with their 95 % intervals. A single limit shows the spread over the instances too:
    the middle half, and from the 5th to the 95th of a hundred.

    Raises:
        ValueError: when no instance was compared.
    """
    drawn = [row for row in comparison.rows if row.mean_gap is not None]
    if not drawn:
        raise ValueError("no gap can be drawn: no instance was answered by every solver that answered any")
    limits = comparison.time_limits
    answered = {row.solver for row in drawn}
    solvers = [solver for solver in dict.fromkeys(row.solver for row in comparison.rows) if solver in answered]
    colors = {solver: PALETTE[k % len(PALETTE)] for k, solver in enumerate(solvers)}
    count, fewest, most = drawn[0].instances, min(row.compared for row in drawn), max(row.compared for row in drawn)
    share = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    over = f"{count} instances" if fewest == count else f"{share} of {count} instances"
    threads = "1 thread" if comparison.threads == 1 else f"{comparison.threads} threads"
    facts = f"{over} · {threads} · mean and 95 % interval"
    title = f"{comparison.problem}: gap to the {comparison.reference}"
    if len(limits) == 1:
        figure, axes = _canvas(8.0, 0.9 + 0.75 * len(solvers), title, f"{limits[0]:g} s an instance · {facts}")
        _draw_spreads(axes, drawn, colors)
    else:
        figure, axes = _canvas(8.0, 4.6, title, facts)
        _draw_curves(axes, drawn, colors)
    return figure


def learning_curve(metrics: str | Path | Sequence[Mapping[str, Any]], *, title: str = "learning curve") -> Figure:
    """Draw a run's training and validation objectives over the minutes of training.

    Args:
        metrics: the run's `metrics.csv`, or its rows: `seconds`, and where there is a value
            `train/objective`, `val/objective`.
        title: what is written above it.

    Raises:
        ValueError: when there is nothing to draw.
    """
    if isinstance(metrics, str | Path):
        with Path(metrics).open(newline="", encoding="utf-8") as file:
            rows: Sequence[Mapping[str, Any]] = list(csv.DictReader(file))
    else:
        rows = metrics
    minutes = _column(rows, "seconds") / 60
    train, validation = _column(rows, "train/objective"), _column(rows, "val/objective")
    seen = np.concatenate([train[np.isfinite(train)], validation[np.isfinite(validation)]])
    if not seen.size:
        raise ValueError(f"{metrics if isinstance(metrics, str | Path) else 'metrics'}: no objective to draw yet")
    checked = np.isfinite(validation)
    facts = [f"{np.nanmax(minutes):.1f} minutes"]
    instances = _column(rows, "instances")
    if np.isfinite(instances).any():
        facts.append(f"{np.nanmax(instances):,.0f} instances")
    if checked.any():
        facts.append(f"validation {format_number(validation[checked][-1])} at the end")
    figure, axes = _canvas(8.0, 4.6, title, " · ".join(facts))
    axes.plot(minutes, train, color=PALETTE[0], linewidth=1.0, alpha=0.55, label="training", zorder=2)
    if checked.any():
        few = int(checked.sum()) <= 40
        axes.plot(
            minutes[checked],
            validation[checked],
            color=START,
            linewidth=1.8,
            marker="o" if few else None,
            markersize=4.5,
            markeredgecolor=PAPER,
            label="validation",
            zorder=3,
        )
    # The first steps of an untrained policy would flatten all that comes after them.
    late = minutes >= 0.05 * np.nanmax(minutes) if len(rows) >= 20 else np.ones(len(rows), dtype=bool)
    shown = np.concatenate([train[late], validation[late]])
    low, high = np.nanmin(shown), np.nanmax(shown)
    if high > low:
        axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    axes.set_xlabel("minutes of training")
    axes.set_ylabel("objective")
    _frame(axes, grid="y")
    _legend(axes)
    return figure


def save_figure(figure: Figure, path: str | Path, *, force: bool = False) -> None:
    """Write a figure as PNG, SVG or PDF by the path's ending, whole or not at all, undated.

    Raises:
        ValueError: for another ending, or when `path` exists and `force` is not given, or cannot be
            written.
    """
    from matplotlib import rc_context  # pyright: ignore[reportUnknownVariableType]

    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(f"{path}: a picture ends in {', '.join(ENDINGS)}, not in {ending or 'nothing'}")
    undated = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}[ending]
    with (
        atomic_write(path, force=force) as temporary,
        rc_context({"svg.hashsalt": "travelling-scientist"}),
        _missing_glyphs_ignored(),
    ):
        figure.savefig(temporary, format=ending[1:], dpi=RESOLUTION, metadata=undated)


@contextmanager
def _missing_glyphs_ignored() -> Generator[None]:
    """A name in a script that no font here has is drawn as boxes, without a warning for each letter."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> Points:
    """A column of numbers `[N]`, NaN where there is none."""
    return np.array([float(row.get(name) or "nan") for row in rows])


def _canvas(width: float, height: float, title: str, facts: str) -> tuple[Figure, Axes]:
    """A figure with a heading of two lines and, below it, axes of `width` × `height` inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    top, bottom = 0.85, 0.3
    total = height + top + bottom
    figure = Figure(figsize=(width, total), facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.02, bottom / total, 0.96, height / total))
    figure.text(
        0.03,
        1 - 0.2 / total,
        _shorten(title, 64),
        fontsize=14,
        fontweight="bold",
        color=INK,
        va="top",
        parse_math=False,
    )
    figure.text(0.03, 1 - 0.5 / total, _shorten(facts, 105), fontsize=10, color=FADED, va="top", parse_math=False)
    return figure, axes


def _footnote(figure: Figure, remark: str) -> None:
    figure.text(0.03, 0.015, "●", fontsize=10, color=START, va="bottom")
    figure.text(0.052, 0.015, f"start{remark}", fontsize=8.5, color=FADED, va="bottom")


def _layout(instance: Instance) -> tuple[Points, str, float]:
    """Where the nodes are drawn `[n, 2]`, what must be said of it, and the height of a unit of y."""
    if instance.coordinates is None:
        return _scaled_layout(instance), " · no coordinates given: laid out by the distances", 1.0
    points = instance.coordinates
    if instance.metric == "GEO":
        degrees = np.trunc(points)
        latitude, longitude = (degrees + (points - degrees) / 0.6).T  # TSPLIB writes minutes as decimals
        middle = math.radians(float(np.clip(np.abs(latitude.mean()), 0, 80)))
        return np.column_stack([longitude, latitude]), "", 1.0 / math.cos(middle)
    remark = " · seen from above: the third coordinate is not drawn" if points.shape[1] == 3 else ""
    if instance.matrix is not None:
        remark += " · distances are given by a matrix, not by this picture"
    return points[:, :2], remark, 1.0


def _scaled_layout(instance: Instance) -> Points:
    """Classical multidimensional scaling (Torgerson 1952) of the matrix, averaged over both directions."""
    n = instance.size
    if n > LARGEST_LAYOUT:
        raise ValueError(
            f"{instance.name or 'instance'}: {n} nodes without coordinates; up to {LARGEST_LAYOUT} can be laid out"
        )
    squared = ((instance.distances + instance.distances.T) / 2) ** 2
    centred = squared - squared.mean(axis=0) - squared.mean(axis=1)[:, None] + squared.mean()
    values, vectors = np.linalg.eigh(-0.5 * centred)
    points = np.zeros((n, 2))
    for k, (value, vector) in enumerate(zip(values[:-3:-1], vectors.T[:-3:-1], strict=True)):
        sign = np.sign(vector[np.abs(vector).argmax()])  # an eigenvector's sign is free: choose one for good
        points[:, k] = sign * vector * math.sqrt(max(float(value), 0.0))
    return points


def _describe(instance: Instance, solution: Solution | None) -> str:
    """The second line of a tour's heading: what the figures are."""
    facts = ["1 node" if instance.size == 1 else f"{instance.size:,} nodes"]
    best = instance.best_known
    if solution is None:
        if best is not None:
            facts.append(f"best known {_thousands(best)}")
    elif solution.objective is None:
        facts.append(f"not feasible: {_shorten('; '.join(solution.violations), 80)}")
    else:
        facts.append(f"length {_thousands(solution.objective)}")
        if solution.proved_optimal:
            facts.append("proved optimal")
        elif best:
            gap = (solution.objective - best) / best
            facts.append(
                "the best known length" if gap == 0 else f"{100 * gap:+.2f} % to the best known {_thousands(best)}"
            )
    if solution is not None and solution.solver:
        facts.append(_shorten(solution.solver, 40))
        facts.append(f"{format_number(solution.seconds, 2)} s")
    return " · ".join(facts)


def _thousands(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else format_number(value)


def _shorten(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _write_names(axes: Axes, names: Sequence[str], points: Points, tours: Sequence[NDArray[np.int64]]) -> None:
    """Write each node's name on the side away from its tour, unless it would cover a node, a leg or a name."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    renderer = RendererAgg(figure.bbox.width, figure.bbox.height, figure.dpi)
    font = FontProperties(size=8.5 if len(names) <= 30 else 7.5)
    least = renderer.get_text_width_height_descent("lp", font, ismath=False)[1]  # the least height matplotlib gives
    dots = axes.transData.transform(points)  # where the nodes are, in pixels
    legs = np.concatenate([np.stack([t, np.roll(t, -1)], axis=1) for t in tours] or [np.empty((0, 2), np.int64)])
    steps = np.linspace(0.0, 1.0, 60)[:, None, None]
    lines = ((1 - steps) * dots[legs[:, 0]] + steps * dots[legs[:, 1]]).reshape(-1, 2)  # points along the tours
    inward = np.zeros_like(dots)
    for here, there in (legs.T, legs.T[::-1]):
        delta = dots[there] - dots[here]
        np.add.at(inward, here, delta / np.maximum(np.hypot(*delta.T), 1e-9)[:, None])
    clearance = 5.5 * figure.dpi / 72
    taken: list[Points] = []
    for node, name in enumerate(names):
        text = _shorten(name.strip(), LONGEST_NAME)
        width, height, _ = renderer.get_text_width_height_descent(text, font, ismath=False)
        half = np.array([width, max(height, least)]) / 2 + 1
        places: list[tuple[float, Points]] = []
        for direction in DIRECTIONS:
            offset = clearance * direction + half * np.clip(1.5 * direction, -1.0, 1.0)
            box = dots[node] + offset + half * CORNERS
            if (box[0] < clearance).any() or (box[1] > np.asarray(figure.bbox.size) - clearance).any():
                continue
            if _inside(dots, box).any() or _inside(lines, box).any() or any(_overlap(box, other) for other in taken):
                continue
            places.append((float(direction @ inward[node]), offset))
        if not places:
            continue
        _, offset = min(places, key=lambda place: place[0])
        taken.append(dots[node] + offset + half * CORNERS)
        axes.annotate(
            text,
            points[node],
            tuple(offset * 72 / figure.dpi),
            textcoords="offset points",
            ha="center",
            va="center",
            fontproperties=font,
            color=INK,
            parse_math=False,
            zorder=5,
        )


def _inside(pixels: Points, box: Points) -> NDArray[np.bool_]:
    return ((pixels > box[0]) & (pixels < box[1])).all(axis=1)


def _overlap(a: Points, b: Points) -> bool:
    return bool((a[0] < b[1]).all() and (b[0] < a[1]).all())


def _draw_spreads(axes: Axes, rows: Sequence[Row], colors: Mapping[str, str]) -> None:
    for place, row in enumerate(rows):
        color, gaps = colors[row.solver], 100 * np.array(row.gaps)
        assert row.mean_gap is not None
        low, quarter, three_quarters, high = np.quantile(gaps, (0.05, 0.25, 0.75, 0.95))
        axes.plot([low, high], [place, place], color=color, alpha=0.25, linewidth=5, solid_capstyle="butt")
        axes.plot(
            [quarter, three_quarters], [place, place], color=color, alpha=0.35, linewidth=15, solid_capstyle="butt"
        )
        if len(gaps) <= 300:
            spread = np.random.default_rng(0).uniform(-0.2, 0.2, len(gaps))
            axes.scatter(gaps, place + spread, s=7, color=color, alpha=0.45, linewidths=0)
        mean = 100 * row.mean_gap.mean
        if row.mean_gap.interval is not None:
            ends = 100 * np.array(row.mean_gap.interval)
            axes.plot(ends, [place, place], color=INK, linewidth=1.6, zorder=4)
        axes.scatter(mean, place, s=42, color=INK, edgecolor=PAPER, linewidth=1.0, marker="D", zorder=5)
        axes.annotate(
            f"{mean:.2f} %", (mean, place), (0, 16), textcoords="offset points", ha="center", fontsize=9, color=INK
        )
    names = [f"{_shorten(row.solver, 40)}\n{format_number(row.seconds_per_instance, 2)} s" for row in rows]
    axes.set_yticks(range(len(rows)), names)
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.set_xlabel("gap, %")
    _frame(axes, grid="x")


def _draw_curves(axes: Axes, rows: Sequence[Row], colors: Mapping[str, str]) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    for solver, color in colors.items():
        curve = [row for row in rows if row.solver == solver]
        seconds = np.array([row.seconds_per_instance for row in curve])
        gaps = [row.mean_gap for row in curve if row.mean_gap is not None]
        means = 100 * np.array([gap.mean for gap in gaps])
        low, high = 100 * np.array([gap.interval or (gap.mean, gap.mean) for gap in gaps]).T
        if np.ptp(seconds) == 0:  # it ran once, whatever the limit
            axes.plot(seconds[[0, 0]], [low[0], high[0]], color=color, linewidth=1.8)
            axes.plot(seconds[:1], means[:1], color=color, linewidth=0, marker="D", markersize=6.5, label=solver)
        else:
            axes.fill_between(seconds, low, high, color=color, alpha=0.18, linewidth=0)
            axes.plot(seconds, means, color=color, linewidth=1.8, marker="o", markersize=5, label=solver)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("seconds used for each instance")
    axes.set_ylabel("gap, %")
    _frame(axes, grid="both")
    for text in _legend(axes).get_texts():
        text.set_parse_math(False)


def _legend(axes: Axes) -> Legend:
    return axes.legend(labelcolor=INK, facecolor=PAPER, edgecolor=PAPER, framealpha=0.85)


def _frame(axes: Axes, *, grid: Literal["x", "y", "both"]) -> None:
    """Axes with labels: room for them, light grid lines, no box."""
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
