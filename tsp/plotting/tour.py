"""A map of an instance and of tours through it, with a schedule below where time windows count."""

# matplotlib does not declare the types of its keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tsp.composition import problem_of
from tsp.instance import EXPLICIT
from tsp.plotting.aisles import aisle_ways, run_along_x
from tsp.plotting.arrivals import arrivals_height, draw_arrivals
from tsp.plotting.canvas import (
    FADED,
    INK,
    LONGEST_FACTS,
    MOST_NAMES,
    PAPER,
    START,
    WIDTH,
    Points,
    fit_facts,
    ignore_missing_glyphs,
    make_canvas,
    tour_color,
)
from tsp.plotting.footnote import LINE, Mark, draw_legend, footnote_height, make_legend, write_footnote
from tsp.plotting.heading import describe_tours, describe_visited
from tsp.plotting.layout import lay_out
from tsp.plotting.names import write_names
from tsp.plotting.scale import draw_scale
from tsp.plotting.schedule import Schedule, draw_schedule, make_schedule
from tsp.problems import Capacity, PrizeQuota, TimeWindows
from tsp.solution import claim_of
from tsp.statistics import format_number
from tsp.walls import Walls
from tsp.words import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from tsp.checks import Claim
    from tsp.instance import Instance
    from tsp.problems import Problem, Rule
    from tsp.solution import Solution

MOST_ARROWS = 120
"""The most stops of tours whose legs have arrows."""

TERM_SIZES = {"prize": "prizes"}
RULE_SIZES: dict[type[Rule], str] = {PrizeQuota: "prizes", Capacity: "demands"}
"""Term of the objective, or rule → the node values that the sizes of the dots show."""

WALL = "#b6bfca"

NO_SCHEDULE = Schedule([], [], [], "", has_windows=False)

FRAME = 1.8
"""The area of the frame of an open route's last customer, relative to that of its dot."""


@dataclass(frozen=True)
class Floor:
    """Walls between the nodes and the walks around them, in the coordinates of the nodes.

    Attributes:
        walls: segments `[w, 2, 2]` that are drawn.
        route: the corners `[k, 2]` of the walk from one point to another, both included.
    """

    walls: Points
    route: Callable[[Points, Points], Points]

    def require_plane(self, instance: Instance) -> None:
        """Refuse an instance whose map is projected, but not its walls.

        Raises:
            ValueError: for places on the Earth.
        """
        if instance.unit is not None:
            raise ValueError(f"{instance.name or 'instance'}: walls between places on the Earth, expected none")


def plot_tour(
    instance: Instance,
    solution: Solution | None = None,
    *,
    problem: Problem | None = None,
    floor: Floor | None = None,
    title: str | None = None,
) -> Figure:
    """Draw an instance's nodes, with start and end marked, and a solution's tours through them.

    Nodes that are not visited are hollow. Where prizes or demands count, dots are larger for larger values.
    Where time windows count, a schedule below the map has a row for each stop with its window, waiting,
    visit and arrival; where what will happen is not known, a fan of the times of arrival at the nodes of
    the plan. Names are written for at most `MOST_NAMES` nodes, and of those the ones that fit; a footnote says how
    many do not. Several tours have a legend.

    Args:
        instance: the instance to draw; without coordinates, its nodes are laid out so that distances in the
            picture are as near to its matrix as a plane allows.
        solution: the tours; without one, only the nodes are drawn.
        problem: decides what counts; None: the problem that the instance names.
        floor: walls and walks between nodes; None: the instance's own walls and the shortest ways around them, and
            straight lines where it has none.
        title: replaces the instance's name.

    Raises:
        ValueError: for a matrix without coordinates that is too large to be laid out, and walls between places on
            the Earth.
    """
    return TourMap(instance, solution, problem=problem, floor=floor, title=title).figure


class TourMap:
    """A picture of tours whose tours can be replaced, as `tsp.plotting.animation` does.

    Attributes:
        figure: the picture.
        problem: decides what counts.
        instance: the instance that is drawn.
    """

    def __init__(
        self,
        instance: Instance,
        solution: Solution | None = None,
        *,
        problem: Problem | None = None,
        floor: Floor | None = None,
        title: str | None = None,
        with_details: bool = True,
        width: float = WIDTH,
    ) -> None:
        """Draw the map and its heading; other arguments as those of `plot_tour`.

        Args:
            instance: the instance.
            solution: the tours.
            problem: decides what counts.
            floor: walls and walks.
            title: the first line of the heading.
            with_details: whether there are a legend and a schedule.
            width: of the picture, in inches; names are written in usual pictures and wider ones.
        """
        self.instance, self.problem = instance, problem or problem_of(instance)
        if floor is not None:
            floor.require_plane(instance)
        elif instance.walls is not None:
            along_aisles = instance.metric == EXPLICIT and run_along_x(instance.walls)
            floor = Floor(instance.walls, aisle_ways(instance.walls) if along_aisles else Walls(instance.walls).route)
        self._floor = floor
        self._points, remark, aspect, unit = lay_out(instance)
        self._is_schematic = (
            instance.matrix is not None and instance.coordinates is not None and floor is None and unit is None
        )
        self._sizes, meaning = _dot_sizes(self.problem, instance)
        claim = _claim_to_draw(self.problem, instance, solution)
        outlook = None if solution is None or not with_details else solution.outlook
        has_arrivals = outlook is not None and bool(outlook.order)
        has_schedule = with_details and not has_arrivals
        schedule = make_schedule(self.problem, instance, solution) if has_schedule else NO_SCHEDULE
        legend = make_legend(self.problem, instance, solution if with_details else None, width)
        names = _names(instance, schedule) if width >= WIDTH else None
        distances = "distances are given by a matrix, not by this picture" if self._is_schematic else ""
        remarks = [text for text in (meaning, remark, distances, schedule.remark) if text]
        marks = _marks(claim, is_solved=solution is not None)

        # The names that find no room are counted when all else has its place, so there is room for a remark on them.
        foot = footnote_height(marks, [*remarks, *_names_remark(names, len(names or ()))], width)
        strip_height = arrivals_height(outlook) or schedule.height
        below = 0.12 + strip_height + legend.height + foot
        height = width * (0.75 if strip_height else 0.95) * _height_to_width(self._points, floor, aspect)
        heading = title or instance.name or "unnamed"
        self.figure, axes = make_canvas(width, height + below, heading, describe_tours(claim, solution))
        self._axes, self._facts = axes, self.figure.texts[-1]
        total = float(self.figure.get_size_inches()[1])
        axes.set_position((0.02, below / total, 0.96, height / total))
        axes.set_axis_off()
        axes.set_aspect(aspect, adjustable="datalim")
        axes.margins(0.05)

        lines = [*_draw_walls(axes, floor), *self._draw(claim, is_solved=solution is not None)]
        unwritten = len(names or ())
        if names is not None and len(names) <= MOST_NAMES:
            with ignore_missing_glyphs():
                radii = np.sqrt(self._sizes / math.pi)
                unwritten = write_names(axes, names, self._points, lines, claim.stops, radii)
        write_footnote(self.figure, marks, [*remarks, *_names_remark(names, unwritten)], below)
        if unit is not None:
            draw_scale(self.figure, axes, unit, (below - LINE + 0.06) / total)
        draw_legend(self.figure, legend, below - foot)
        if strip_height:
            strip = self.figure.add_axes((0.02, 0.0, 0.96, (strip_height - 0.1) / total))
            if outlook is not None and has_arrivals:
                draw_arrivals(strip, instance, outlook)
            else:
                draw_schedule(strip, schedule, instance.units)

    def show(self, solution: Solution, stops: int | None = None, *, shows_plan: bool = False) -> None:
        """Replace the tours by others, and the second line of the heading.

        Args:
            solution: the tours.
            stops: number of stops that are visited, over all tours; None: all.
            shows_plan: whether the rest of the tours is drawn as a plan.
        """
        claim = _claim_to_draw(self.problem, self.instance, solution)
        for artist in self._drawn:
            artist.remove()
        walked = claim if stops is None else _cut(claim, stops)
        self._draw(walked, is_solved=True)
        if shows_plan:
            for line in (_trace(self._points, nodes, self._floor) for nodes in claim.stops):
                look: dict[str, Any] = {"linewidth": 1.2, "linestyle": (0, (2, 2)), "zorder": 1.5}
                self._drawn += self._axes.plot(line[:, 0], line[:, 1], color=FADED, **look)
        facts = describe_tours(claim, solution)
        if stops is not None:
            facts = describe_visited(walked)
        self._facts.set_text(fit_facts(facts, LONGEST_FACTS))

    def _draw(self, claim: Claim, *, is_solved: bool) -> list[Points]:
        """Draw tours and nodes; return the lines."""
        before = set(self._axes.get_children())
        lines = _draw_tours(self._axes, claim, self._points, self._floor, dashed=self._is_schematic)
        _draw_nodes(self._axes, claim, self._points, self._sizes, solved=is_solved)
        self._drawn = [artist for artist in self._axes.get_children() if artist not in before]
        return lines


def _cut(claim: Claim, stops: int) -> Claim:
    """The claim with the first stops only, over all tours in order, and without the way back of an unfinished tour."""
    tours: list[NDArray[np.int64]] = []
    ways: list[NDArray[np.int64]] = []
    for tour, way in zip(claim.tours, claim.stops, strict=True):
        tours.append(tour[:stops])
        ways.append(way if stops >= len(tour) and len(way) == len(tour) else way[:stops])
        if stops > len(tour):
            ways[-1] = way
        stops = max(0, stops - len(tour))
    return claim._replace(tours=tuple(tours), stops=tuple(ways))


def _names(instance: Instance, schedule: Schedule) -> Sequence[str] | None:
    """The names to write beside the nodes; without any, numbers that join the rows of a schedule to the nodes."""
    if instance.names is None and schedule.has_windows and schedule.stops:
        return [instance.node_name(node) for node in range(instance.size)]
    return instance.names


def _names_remark(names: Sequence[str] | None, unwritten: int) -> list[str]:
    """What to say of names that are not written."""
    if names is None or not unwritten:
        return []
    if len(names) > MOST_NAMES:
        return [f"names are written for up to {MOST_NAMES} nodes"]
    return [f"{unwritten} of {len(names)} names find no room"]


def _claim_to_draw(problem: Problem, instance: Instance, solution: Solution | None) -> Claim:
    """The solution's tours, without stops at nodes that the instance does not have."""
    tours = () if solution is None else solution.tours
    return claim_of(problem, instance, [tour[(tour >= 0) & (tour < instance.size)] for tour in tours])


def _height_to_width(points: Points, floor: Floor | None, aspect: float) -> float:
    """The height of the map relative to its width."""
    shown = points if floor is None else np.vstack([points, floor.walls.reshape(-1, 2)])
    width, height = np.ptp(shown, axis=0) * (1.0, aspect)
    return float(np.clip(height / width, 0.4, 1.05)) if width > 0 and height > 0 else 0.6


def _draw_walls(axes: Axes, floor: Floor | None) -> list[Points]:
    """Draw the walls, and return them."""
    walls = [] if floor is None else list(floor.walls)
    for wall in walls:
        axes.plot(wall[:, 0], wall[:, 1], color=WALL, linewidth=2.5, solid_capstyle="butt", zorder=1)
    return walls


def _draw_tours(axes: Axes, claim: Claim, points: Points, floor: Floor | None, *, dashed: bool) -> list[Points]:
    """Draw each tour in its color; return the lines."""
    thickness = _line_width(claim.instance)
    tours = [_trace(points, stops, floor) for stops in claim.stops]
    few = sum(map(len, claim.stops)) <= MOST_ARROWS
    for k, line in enumerate(tours):
        color = tour_color(k)
        axes.plot(
            line[:, 0],
            line[:, 1],
            color=color,
            linewidth=thickness,
            linestyle=(0, (4, 1.5)) if dashed else "-",
            solid_joinstyle="round",
            zorder=2,
        )
        if few and _is_directed(claim.problem, claim.instance):
            for leg in pairwise(claim.stops[k]):
                _draw_arrow(axes, _trace(points, np.array(leg), floor), color)
    return tours


def _trace(points: Points, stops: NDArray[np.int64], floor: Floor | None) -> Points:
    """The line along `stops`, corners included."""
    if floor is None:
        return points[stops]
    parts = [floor.route(points[a], points[b])[1:] for a, b in pairwise(stops)]
    return np.concatenate([points[stops[:1]], *parts])


def _line_width(instance: Instance) -> float:
    return float(np.clip(18 / math.sqrt(instance.size + 40), 0.4, 1.8))


def _is_directed(problem: Problem, instance: Instance) -> bool:
    """Whether the reverse of a tour is another tour."""
    is_open = problem.shape.is_path or instance.free_end
    return is_open or problem.rule(TimeWindows) is not None or not instance.symmetric


def _draw_arrow(axes: Axes, leg: Points, color: str) -> None:
    """Draw an arrowhead in the middle of the leg's longest part."""
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


def _draw_nodes(axes: Axes, claim: Claim, points: Points, sizes: Points, *, solved: bool) -> None:
    """Draw the nodes, hollow where a solution does not visit them, and mark where tours start and end."""
    visited = claim.visited if solved else np.ones(len(points), dtype=bool)
    axes.scatter(
        points[:, 0],
        points[:, 1],
        s=sizes,
        c=np.where(visited, INK, PAPER).tolist(),
        edgecolors=np.where(visited, INK, FADED).tolist(),
        linewidths=np.where(visited, 0.0, min(0.9, _line_width(claim.instance))).tolist(),
        zorder=3,
    )
    size = max(50.0, 2.5 * _dot_size(claim.instance))
    starts, ends = _starts_and_ends(claim)
    frames = claim.instance.free_end  # around the dots of the last customers, whose sizes have a meaning
    for nodes, marker in ((starts, "o"), (ends, "s")):
        if nodes:
            x, y = points[nodes].T
            areas, face, edge = np.full(len(nodes), size), START, PAPER
            if marker == "s" and frames:
                areas, face, edge = np.maximum(size, FRAME * sizes[nodes]), "none", START
            axes.scatter(x, y, s=areas, facecolor=face, edgecolor=edge, linewidth=1.2, marker=marker, zorder=4)


def _marks(claim: Claim, *, is_solved: bool) -> list[Mark]:
    """The marks to explain."""
    starts, ends = _starts_and_ends(claim)
    marks = [Mark("●", START, "start")] if starts else []
    marks += [Mark("□" if claim.instance.free_end else "■", START, "end")] if ends else []
    return marks + ([Mark("○", FADED, "not visited")] if is_solved and not claim.visited.all() else [])


def _dot_size(instance: Instance) -> float:
    """The area of a node's dot in square points."""
    return float(np.clip(1500 / instance.size, 0.1, 30))


def _dot_sizes(problem: Problem, instance: Instance) -> tuple[Points, str]:
    """The area of each node's dot in square points `[n]`, and what it means, if anything."""
    size = _dot_size(instance)
    names = [TERM_SIZES[term] for term in problem.objective.terms if term in TERM_SIZES]
    names += [name for kind, name in RULE_SIZES.items() if problem.rule(kind)]
    values = getattr(instance, names[0]) if names else None
    if values is None or not values.any():
        return np.full(instance.size, size), ""
    what = {"prizes": words_of(problem, instance).prize, "demands": "demand"}[names[0]]
    meaning = f"the largest dot is {what} {format_number(float(values.max()), 3)}"
    return size * (0.4 + 3.4 * values / values.max()), meaning


def _starts_and_ends(claim: Claim) -> tuple[list[int], list[int]]:
    """The nodes where tours start, and those where they end unless they start there."""
    instance, tours = claim.instance, [stops for stops in claim.stops if stops.size]
    starts, ends = [instance.depot], [] if instance.end is None else [instance.end]
    if claim.problem.shape.is_path and tours:
        starts, ends = [int(tours[0][0])], [int(tours[0][-1])]
    elif instance.free_end:
        ends = [int(stops[-1]) for stops in tours]
    elif instance.free_start:
        starts = []
    return starts, [node for node in ends if node not in starts]
