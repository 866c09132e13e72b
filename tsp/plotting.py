"""Pictures: tours over their nodes with a schedule, a comparison's gaps, a run's learning curve.

Built on matplotlib's objects alone (no `pyplot`, no global state), which is imported when a picture
is asked for. Every figure is legible as it is made; `save_figure` writes it.
"""

# matplotlib does not say what its keyword arguments are.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tsp.files import atomic_write
from tsp.itinerary import rows as itinerary
from tsp.problems import Capacity, LengthBudget, PrizeQuota, TimeWindows, get_problem
from tsp.solution import TERMS, walk
from tsp.statistics import format_number

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

    from tsp.comparison import Comparison, Row
    from tsp.instance import Instance
    from tsp.problems import Problem, Rule
    from tsp.solution import Claim, Solution

Points = NDArray[np.float64]

ENDINGS = (".png", ".svg", ".pdf")
RESOLUTION = 160
"""Dots an inch of a PNG."""

LARGEST_LAYOUT = 2000
"""Nodes up to which a matrix without coordinates is laid out (its eigenvectors take O(n³))."""

MOST_NAMES = 60
LONGEST_NAME = 24
MOST_ARROWS = 120

MOST_ROWS = 200
"""Lines up to which a schedule is drawn."""

TERM_WORDS = {
    "length": "length",
    "longest": "longest tour",
    "prize": "prize",
    "penalties": "penalties",
    "makespan": "done at",
}
"""How a heading tells an objective's term."""

TERM_SIZES = {"prize": "prizes"}
RULE_SIZES: dict[type[Rule], str] = {PrizeQuota: "prizes", Capacity: "demands"}
"""The node values that the dots' sizes tell, by what counts in a problem."""

INK, FADED, PAPER = "#1f2430", "#6b7280", "#ffffff"
WALL, PALE = "#b6bfca", "#dfe5ec"
TOUR, START = "#2b6cb0", "#d9480f"
DIRECTIONS = np.array([(math.cos(t), math.sin(t)) for t in np.linspace(0, 2 * np.pi, 16, endpoint=False)])
"""Where a name may stand, seen from its node."""

CORNERS = np.array([[-1.0, -1.0], [1.0, 1.0]])

PALETTE = ("#2b6cb0", "#d9480f", "#2f855a", "#8e44ad", "#b7791f", "#0e7490", "#be185d", "#4b5563")


@dataclass(frozen=True)
class Floor:
    """What stands between the nodes, in their coordinates.

    Attributes:
        walls: segments `[w, 2, 2]` that are drawn.
        route: the corners `[k, 2]` of the walk from one point to another, both included.
    """

    walls: Points
    route: Callable[[Points, Points], Points]


def plot_tour(
    instance: Instance,
    solution: Solution | None = None,
    *,
    problem: Problem | None = None,
    floor: Floor | None = None,
    title: str | None = None,
) -> Figure:
    """Draw an instance's nodes, start and end marked, and a solution's tours through them.

    Nodes that are left out are hollow. Where prizes or demands count, dots are larger where there is
    more. Where time windows count, a schedule stands below the map: a line for each stop with its
    window, waiting, the visit, and when she gets there. Names are written where there are at most
    `MOST_NAMES` nodes, and of those the ones that fit.

    Args:
        instance: what is drawn; without coordinates, its nodes are laid out so that distances in the
            picture are as near to its matrix as a plane allows.
        solution: the tours; without one, the nodes alone are drawn.
        problem: what counts; None: the problem that the instance names.
        floor: walls and walks between nodes; without it, nodes are joined by straight lines.
        title: stands in for the instance's name.

    Raises:
        ValueError: for a matrix without coordinates that is too large to be laid out.
    """
    problem = problem or get_problem(instance.problem)
    points, remarks, aspect = _layout(instance)
    claim = _walked(problem, instance, solution)
    schedule = _schedule(problem, instance, solution)
    shown = points if floor is None else np.vstack([points, floor.walls.reshape(-1, 2)])
    width, height = np.ptp(shown, axis=0) * (1.0, aspect)
    ratio = float(np.clip(height / width, 0.4, 1.05)) if width > 0 and height > 0 else 0.6
    map_height, strip_height = (6.0 if schedule else 7.6) * ratio, _strip_height(schedule)
    facts = _describe(claim, solution)
    figure, axes = _canvas(8.0, map_height + strip_height, title or instance.name or "unnamed", facts)
    total = float(figure.get_size_inches()[1])
    axes.set_position((0.02, (0.3 + strip_height) / total, 0.96, map_height / total))
    axes.set_axis_off()
    axes.set_aspect(aspect, adjustable="datalim")
    axes.margins(0.05)

    by_matrix = instance.matrix is not None and instance.coordinates is not None and floor is None
    lines = _draw_tours(axes, claim, points, floor, dashed=by_matrix)
    sizes, told = _dots(problem, instance)
    notes = _draw_nodes(axes, claim, points, sizes, solved=solution is not None)
    if by_matrix:
        remarks.append("distances are given by a matrix, not by this picture")
    _footnote(figure, notes, [*told, *remarks], (0.07 + strip_height) / total)
    names = instance.names
    if names is None and schedule:
        names = tuple(map(str, range(instance.size)))  # which line of the schedule is which node
    if names is not None and len(names) <= MOST_NAMES:
        with _missing_glyphs_ignored():
            _write_names(axes, names, points, lines, claim.stops, np.sqrt(sizes / math.pi))
    if schedule:
        _draw_schedule(figure.add_axes((0.02, 0.0, 0.96, (strip_height - 0.1) / total)), schedule)
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


def _walked(problem: Problem, instance: Instance, solution: Solution | None) -> Claim:
    """How the solution's tours run, through those of their nodes that there are."""
    tours = () if solution is None else solution.tours
    return walk(problem, instance, [tour[(tour >= 0) & (tour < instance.size)] for tour in tours])


def _draw_tours(axes: Axes, claim: Claim, points: Points, floor: Floor | None, *, dashed: bool) -> list[Points]:
    """Draw the walls, and each tour in its color; returns all lines drawn."""
    walls = [] if floor is None else list(floor.walls)
    for wall in walls:
        axes.plot(wall[:, 0], wall[:, 1], color=WALL, linewidth=2.5, solid_capstyle="butt", zorder=1)
    thickness = _thickness(claim.instance)
    tours = [_line(points, stops, floor) for stops in claim.stops]
    few = sum(map(len, claim.stops)) <= MOST_ARROWS
    for k, line in enumerate(tours):
        color = PALETTE[k % len(PALETTE)]
        axes.plot(
            line[:, 0],
            line[:, 1],
            color=color,
            linewidth=thickness,
            linestyle=(0, (4, 1.5)) if dashed else "-",
            solid_joinstyle="round",
            zorder=2,
        )
        if few and _directed(claim.problem, claim.instance):
            for leg in pairwise(claim.stops[k]):
                _draw_arrow(axes, _line(points, np.array(leg), floor), color)
    return [*walls, *tours]


def _line(points: Points, stops: NDArray[np.int64], floor: Floor | None) -> Points:
    """The walk along `stops`, its corners included."""
    if floor is None:
        return points[stops]
    parts = [floor.route(points[a], points[b])[1:] for a, b in pairwise(stops)]
    return np.concatenate([points[stops[:1]], *parts])


def _thickness(instance: Instance) -> float:
    return float(np.clip(18 / math.sqrt(instance.size + 40), 0.3, 1.8))


def _directed(problem: Problem, instance: Instance) -> bool:
    """Whether a tour walked backwards is another one."""
    return problem.shape == "path" or problem.rule(TimeWindows) is not None or not instance.symmetric


def _draw_arrow(axes: Axes, leg: Points, color: str) -> None:
    """A small head in the middle of the leg's longest part."""
    from matplotlib.patches import FancyArrowPatch

    steps = np.diff(leg, axis=0)
    k = int(np.hypot(*steps.T).argmax())
    if not steps[k].any():
        return
    tail, head = (leg[k] + share * steps[k] for share in (0.3, 0.6))
    axes.add_patch(
        FancyArrowPatch(
            (float(tail[0]), float(tail[1])),
            (float(head[0]), float(head[1])),
            arrowstyle="-|>",
            mutation_scale=13,
            linewidth=0,
            shrinkA=0,
            shrinkB=0,
            color=color,
            zorder=2.5,
        )
    )


def _draw_nodes(axes: Axes, claim: Claim, points: Points, sizes: Points, *, solved: bool) -> list[tuple[str, str, str]]:
    """Draw the nodes, hollow where a solution leaves them out; returns the marks that need a word."""
    visited = claim.visited if solved else np.ones(len(points), dtype=bool)
    axes.scatter(
        points[:, 0],
        points[:, 1],
        s=sizes,
        c=np.where(visited, INK, PAPER).tolist(),
        edgecolors=np.where(visited, INK, FADED).tolist(),
        linewidths=np.where(visited, 0.0, min(0.9, _thickness(claim.instance))).tolist(),
        zorder=3,
    )
    notes: list[tuple[str, str, str]] = []
    size = max(50.0, 2.5 * _dot(claim.instance))
    starts, ends = _ends(claim)
    for nodes, marker, symbol, word in ((starts, "o", "●", "start"), (ends, "s", "■", "end")):
        if nodes:
            x, y = points[nodes].T
            axes.scatter(x, y, s=size, color=START, edgecolor=PAPER, linewidth=1.2, marker=marker, zorder=4)
            notes.append((symbol, START, word))
    if not visited.all():
        notes.append(("○", FADED, "not visited"))
    return notes


def _dot(instance: Instance) -> float:
    """A node's dot in square points."""
    return float(np.clip(1500 / instance.size, 0.1, 30))


def _dots(problem: Problem, instance: Instance) -> tuple[Points, list[str]]:
    """Each node's dot in square points `[n]`, and what its size tells."""
    dot = _dot(instance)
    names = [TERM_SIZES[term] for term in problem.objective.terms if term in TERM_SIZES]
    names += [name for kind, name in RULE_SIZES.items() if problem.rule(kind)]
    values = getattr(instance, names[0]) if names else None
    if values is None or not values.any():
        return np.full(instance.size, dot), []
    largest = f"the largest dot is {names[0].removesuffix('s')} {format_number(float(values.max()), 3)}"
    return dot * (0.4 + 3.4 * values / values.max()), [largest]


def _ends(claim: Claim) -> tuple[list[int], list[int]]:
    """Where tours start, and where they end if elsewhere."""
    instance, walks = claim.instance, [tour for tour in claim.stops if tour.size]
    starts, ends = [instance.depot], [] if instance.end is None else [instance.end]
    if claim.problem.shape == "path" and walks:
        starts, ends = [int(walks[0][0])], [int(walks[0][-1])]
    elif instance.free_start:
        starts = []
    return starts, [node for node in ends if node not in starts]


def _footnote(figure: Figure, notes: Sequence[tuple[str, str, str]], remarks: Sequence[str], y: float) -> None:
    """A line with what marks mean, symbol, color and word of each, and remarks."""
    from matplotlib.backends.backend_agg import RendererAgg

    renderer = RendererAgg(figure.bbox.width, figure.bbox.height, figure.dpi)
    pieces = [piece for symbol, color, word in notes for piece in ((symbol, 10, color), (word, 8.5, FADED))]
    x = 0.03
    for text, size, color in [*pieces, *((f"· {remark}", 8.5, FADED) for remark in remarks)]:
        drawn = figure.text(x, y, text, fontsize=size, color=color, va="baseline")
        x += (drawn.get_window_extent(renderer).width + 6) / figure.bbox.width


class _Line(NamedTuple):
    """A line of a schedule: who, when she may be there, and when she is, if she is."""

    tour: int
    name: str
    window: tuple[float, float]
    visit: tuple[float, float, float] | None  # arrival, begin, leave


def _schedule(problem: Problem, instance: Instance, solution: Solution | None) -> list[_Line]:
    """The stops of each tour in order; without a solution, the depot and the nodes as they open."""
    if problem.rule(TimeWindows) is None or instance.time_windows is None:
        return []
    windows: list[tuple[float, float]] = [(opens, closes) for opens, closes in instance.time_windows.tolist()]
    if solution is None:
        order = sorted(range(instance.size), key=lambda node: (node != instance.depot, windows[node]))
        lines = [_Line(0, instance.node_name(node), windows[node], None) for node in order]
    else:
        stops = itinerary(problem, instance, solution)
        lines = [_Line(s.tour, s.name, windows[s.node], (s.arrive, s.begin, s.leave)) for s in stops]
    return lines if len(lines) <= MOST_ROWS else []


def _strip_height(schedule: Sequence[_Line]) -> float:
    """Inches for a schedule and the room around it."""
    return len(schedule) * float(np.clip(9 / len(schedule), 0.05, 0.16)) + 0.75 if schedule else 0.0


def _draw_schedule(axes: Axes, schedule: Sequence[_Line]) -> None:
    count = len(schedule)
    places = np.arange(count) + 0.7 * np.array([line.tour for line in schedule])
    times = [time for line in schedule for time in line.visit or line.window if math.isfinite(time)]
    first, last = min([*times, *(line.window[0] for line in schedule)]), max(times)
    closings = [line.window[1] for line in schedule]
    last = max([last, *(time for time in closings if time - first <= 2 * (last - first))])
    room = 0.01 * (last - first) or 1.0
    for place, line in zip(places, schedule, strict=True):
        opens, closes = line.window
        shown = max(0.0, min(closes, last + room) - opens)
        axes.barh(place, shown, left=opens, height=0.82, color=PALE, zorder=1)
        if line.visit is not None:
            color = PALETTE[line.tour % len(PALETTE)]
            arrive, begin, leave = line.visit
            axes.barh(place, leave - begin, left=begin, height=0.5, color=color, zorder=2)
            if begin > arrive:
                axes.plot([arrive, begin], [place, place], color=color, linewidth=1.2, linestyle=(0, (1, 1)), zorder=2)
            tick = START if begin > closes else INK  # too late
            axes.plot(arrive, place, color=tick, marker="|", markersize=7, markeredgewidth=1.4, zorder=3)
    axes.set_xlim(first - room, last + room)
    axes.set_ylim(places[-1] + 0.8, -0.8)
    if count <= MOST_NAMES:
        axes.set_yticks(places, [_shorten(line.name.strip(), LONGEST_NAME) for line in schedule])
    else:
        axes.set_yticks([])
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    visits = schedule[0].visit is not None
    axes.set_xlabel("time · pale: open" + (" · tick: arrival · dots: waiting · dark: visit" if visits else ""))
    with _missing_glyphs_ignored():
        _frame(axes, grid="x")
    axes.tick_params(axis="y", labelsize=7)


def _layout(instance: Instance) -> tuple[Points, list[str], float]:
    """Where the nodes are drawn `[n, 2]`, what must be said of it, and the height of a unit of y."""
    if instance.coordinates is None:
        return _scaled_layout(instance), ["no coordinates given: laid out by the distances"], 1.0
    points = instance.coordinates
    if instance.metric == "GEO":
        degrees = np.trunc(points)
        latitude, longitude = (degrees + (points - degrees) / 0.6).T  # TSPLIB writes minutes as decimals
        middle = math.radians(float(np.clip(np.abs(latitude.mean()), 0, 80)))
        return np.column_stack([longitude, latitude]), [], 1.0 / math.cos(middle)
    remarks = ["seen from above: the third coordinate is not drawn"] if points.shape[1] == 3 else []
    return points[:, :2], remarks, 1.0


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


def _describe(claim: Claim, solution: Solution | None) -> str:
    """The second line of a tour's heading: what the figures are."""
    problem, instance = claim.problem, claim.instance
    facts = ["1 node" if instance.size == 1 else f"{instance.size:,} nodes"]
    best = instance.best_known
    if solution is None:
        if best is not None:
            facts.append(f"best known {_thousands(best)}")
    elif solution.objective is None:
        facts.append(f"not feasible: {_shorten('; '.join(solution.violations), 80)}")
    else:
        terms = " + ".join(TERM_WORDS.get(term, term) for term in problem.objective.terms)
        facts.append(f"{terms} {_thousands(solution.objective)}")
        if problem.objective.terms == ("prize",) and instance.prizes is not None:
            facts[-1] += f" of {_thousands(float(instance.prizes[claim.customers].sum()))}"
        if solution.proved_optimal:
            facts.append("proved optimal")
        elif best:
            gap = (solution.objective - best) / best
            facts.append(
                f"the best known {terms}" if gap == 0 else f"{100 * gap:+.2f} % to the best known {_thousands(best)}"
            )
        facts += _tour_facts(claim)
    if solution is not None and solution.solver:
        facts.append(_shorten(solution.solver, 40))
        facts.append(f"{format_number(solution.seconds, 2)} s")
    return " · ".join(facts)


def _tour_facts(claim: Claim) -> list[str]:
    """What else is worth telling of feasible tours: how many, how much of it they visit, how long they are."""
    problem, instance = claim.problem, claim.instance
    facts: list[str] = []
    if not problem.visits_all:
        visited = np.count_nonzero(claim.visited & claim.customers)
        facts.append(f"{visited} of {np.count_nonzero(claim.customers)} visited")
    if problem.rule(PrizeQuota) is not None and instance.prizes is not None:
        collected = float(instance.prizes[claim.visited & claim.customers].sum())
        facts.append(f"prize {_thousands(collected)} (at least {_thousands(instance.min_prize or 0.0)})")
    several = problem.shape == "tours"
    if several:
        facts.append("1 tour" if len(claim.stops) == 1 else f"{len(claim.stops)} tours")
    if problem.objective.terms != ("length",):
        limit = instance.max_length if problem.rule(LengthBudget) else None
        term = "longest" if several and limit is not None else "length"
        facts.append(f"{TERM_WORDS[term]} {_thousands(TERMS[term](claim))}")
        facts[-1] += "" if limit is None else f" of {_thousands(limit)}"
    return facts


def _thousands(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else format_number(value)


def _shorten(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _write_names(
    axes: Axes,
    names: Sequence[str],
    points: Points,
    lines: Sequence[Points],
    tours: Sequence[NDArray[np.int64]],
    radii: Points,
) -> None:
    """Write each node's name on the side away from its tour, unless it would cover a node, a line or a name."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    renderer = RendererAgg(figure.bbox.width, figure.bbox.height, figure.dpi)
    font = FontProperties(size=8.5 if len(names) <= 30 else 7.5)
    least = renderer.get_text_width_height_descent("lp", font, ismath=False)[1]  # the least height matplotlib gives
    dots = axes.transData.transform(points)  # where the nodes are, in pixels
    steps = np.linspace(0.0, 1.0, 60)[:, None]
    segments = [axes.transData.transform(pair) for line in lines for pair in pairwise(line)]
    drawn = np.concatenate([np.empty((0, 2)), *((1 - steps) * a + steps * b for a, b in segments)])
    pairs = np.concatenate([np.empty((0, 2), np.int64), *(np.stack([t[:-1], t[1:]], axis=1) for t in tours)])
    inward = np.zeros_like(dots)
    for here, there in (pairs.T, pairs.T[::-1]):
        delta = dots[there] - dots[here]
        np.add.at(inward, here, delta / np.maximum(np.hypot(*delta.T), 1e-9)[:, None])
    pixels = radii * figure.dpi / 72
    clearances = np.maximum(5.5 * figure.dpi / 72, pixels + 2)
    taken: list[Points] = []
    for node, name in enumerate(names):
        text = _shorten(name.strip(), LONGEST_NAME)
        width, height, _ = renderer.get_text_width_height_descent(text, font, ismath=False)
        half = np.array([width, max(height, least)]) / 2 + 2
        clearance = clearances[node]
        places: list[tuple[float, Points]] = []
        for direction in DIRECTIONS:
            offset = clearance * direction + half * np.clip(1.5 * direction, -1.0, 1.0)
            box = dots[node] + offset + half * CORNERS
            if (box[0] < clearance).any() or (box[1] > np.asarray(figure.bbox.size) - clearance).any():
                continue
            if (np.abs(dots - box.mean(axis=0)) < half + pixels[:, None]).all(axis=1).any():
                continue
            if _inside(drawn, box).any() or any(_overlap(box, other) for other in taken):
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


LINEAR = 0.01
"""Percent of gap up to which curves are drawn to a linear scale where they reach far above."""

WIDE = 100


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
    means = [100 * row.mean_gap.mean for row in rows if row.mean_gap is not None]
    if max(means) > WIDE * LINEAR and min(means) < 10 * LINEAR:  # straight lines would show the worst alone
        axes.set_yscale("symlog", linthresh=LINEAR)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_ylim(bottom=min(0.0, *means))
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
