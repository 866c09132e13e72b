"""Drawing an instance with its tours into a file: a picture or, of places on the Earth, a map, by the file's ending."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tsp.files import write_text
from tsp.formats.geojson import require_earth
from tsp.plotting import PICTURE_ENDINGS, plot_tour, save_figure
from tsp.reports.mapping import MAP_ENDINGS, map_text

if TYPE_CHECKING:
    import os

    from matplotlib.figure import Figure

    from tsp.instance import Instance
    from tsp.solution import Solution

DRAWING_ENDINGS = (*PICTURE_ENDINGS, *MAP_ENDINGS)


def is_map(path: str | os.PathLike[str]) -> bool:
    """Whether a path is that of a map, by its ending."""
    return Path(path).suffix.lower() in MAP_ENDINGS


def require_drawable(path: str | os.PathLike[str], instance: Instance) -> None:
    """Refuse an ending that is none of a drawing, and a map of an instance that is not of places on the Earth.

    Raises:
        ValueError: in one sentence.
    """
    ending = Path(path).suffix.lower()
    if ending not in DRAWING_ENDINGS:
        raise ValueError(f"{path}: ending {ending!r}, expected {' or '.join(DRAWING_ENDINGS)}")
    if is_map(path):
        require_earth(instance)


def draw(
    path: str | os.PathLike[str],
    instance: Instance,
    solution: Solution | None,
    *,
    title: str | None = None,
    force: bool = False,
) -> Figure | None:
    """Write a picture or a map of an instance and of a solution, if there is one, by the ending of the path.

    Returns:
        the picture; None where a map is written.

    Raises:
        ValueError: where `require_drawable` refuses them, and when `path` exists and `force` is not given, or cannot
            be written.
    """
    require_drawable(path, instance)
    if is_map(path):
        write_text(path, map_text(path, instance, solution, title=title), force=force)
        return None
    figure = plot_tour(instance, solution, title=title)
    save_figure(figure, path, force=force)
    return figure
