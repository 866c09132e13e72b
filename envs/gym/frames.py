"""Pictures of an episode: an instance and the tours so far, as pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution

FRAME_INCHES, FRAME_DOTS = 6.0, 100
"""Side of a frame in inches, and dots per inch."""


def draw_frame(
    problem: Problem, instance: Instance, visits: NDArray[np.int64], solution: Solution | None
) -> NDArray[np.uint8]:
    """A picture `[600, 600, 3]` of an instance with its solution, or with its visits so far where there is none."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = _draw_figure(problem, instance, visits, solution)
    figure.set_size_inches(FRAME_INCHES, FRAME_INCHES)
    figure.set_dpi(FRAME_DOTS)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _draw_figure(problem: Problem, instance: Instance, visits: NDArray[np.int64], solution: Solution | None) -> Figure:
    from tsp.plotting import plot_tour, tour_color

    if not problem.shape.has_depot and len(visits):
        instance = replace(instance, depot=int(visits[0]))  # the picture marks the start of the tour
    figure = plot_tour(instance, solution, problem=problem, title=problem.title)
    if solution is None:
        axes = figure.axes[0]
        places = np.asarray(axes.collections[0].get_offsets())  # of the nodes in the picture
        paths: list[list[int]] = [[instance.depot] if problem.shape.has_depot else []]
        for node in visits.tolist():
            paths[-1].append(node)
            if problem.shape.has_depot and node == instance.finish:
                paths.append([instance.depot])
        for k, path in enumerate(paths):
            color = tour_color(k)
            axes.plot(*places[path].T, color=color, linewidth=2.0, zorder=2)
            axes.scatter(*places[path[-1:]].T, s=90 if k == len(paths) - 1 else 0, color=color, zorder=2.5)
    return figure
