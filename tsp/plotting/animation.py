"""Animated GIFs: a tour that is built stop by stop, a search that improves its tours, and a day that is played."""

# matplotlib does not declare the types of its keyword arguments.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from tsp.files import atomic_write
from tsp.plotting.canvas import ignore_missing_glyphs
from tsp.plotting.tour import TourMap

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tsp.instance import Instance
    from tsp.plotting.tour import Floor
    from tsp.solution import Solution

T = TypeVar("T")

MOST_FRAMES = 100
FRAMES_A_SECOND = 8
LAST = 16
"""Number of times that the last frame is shown."""

RESOLUTION = 80
"""Dots per inch."""

FEWEST_BETTER = 3
"""The fewest solutions of a search that are shown as such; of fewer the last one is built stop by stop."""


class Frame(NamedTuple):
    """A frame of an animation.

    Attributes:
        solution: its tours are drawn.
        stops: number of stops that are drawn as visited, over all tours; None: all.
        shows_plan: whether the stops after those are drawn as a plan.
    """

    solution: Solution
    stops: int | None = None
    shows_plan: bool = False


def building_frames(solution: Solution) -> list[Frame]:
    """The frames of a tour that is built stop by stop, one tour after the other."""
    total = sum(map(len, solution.tours))
    return [*(Frame(solution, stops) for stops in _thinned(list(range(1, total + 1)))), Frame(solution)]


def search_frames(found: Sequence[Solution], *, is_played: bool) -> list[Frame]:
    """The frames of a solver's solutions, in the order in which it reported them.

    Args:
        found: the solutions, the answer last.
        is_played: whether each is the plan after one more visit, as where values are hidden at first.
    """
    known = [solution for solution in found if solution.tours]
    if is_played:
        made = known[-1].tours[0]
        visits = [min(k + 1, _common(plan.tours[0], made)) for k, plan in enumerate(known)]
        frames = [Frame(plan, visited, shows_plan=True) for plan, visited in zip(known[:-1], visits[:-1], strict=True)]
        return [*_thinned(frames), Frame(known[-1])]
    if len(known) < FEWEST_BETTER:
        return building_frames(known[-1])
    return [*_thinned([Frame(solution) for solution in known[:-1]]), Frame(known[-1])]


def _common(a: NDArray[np.int64], b: NDArray[np.int64]) -> int:
    """The number of first stops that two tours have in common."""
    length = min(len(a), len(b))
    differ = np.flatnonzero(a[:length] != b[:length])
    return int(differ[0]) if differ.size else length


def _thinned(items: list[T]) -> list[T]:
    """At most `MOST_FRAMES` of the items, evenly chosen, the first and the last one among them."""
    if len(items) <= MOST_FRAMES:
        return items
    return [items[k] for k in np.linspace(0, len(items) - 1, MOST_FRAMES).round().astype(int)]


def save_animation(
    path: str | Path, instance: Instance, frames: Sequence[Frame], *, floor: Floor | None = None, force: bool = False
) -> None:
    """Write an animated GIF atomically; the last frame stays for two seconds.

    Args:
        path: the file.
        instance: the instance.
        frames: at least one.
        floor: walls and walks between nodes.
        force: whether an existing file may be replaced.

    Raises:
        ValueError: when `path` exists and `force` is not given, or cannot be written.
    """
    from matplotlib.animation import PillowWriter

    picture = TourMap(instance, frames[-1].solution, floor=floor, with_details=False)
    writer = PillowWriter(fps=FRAMES_A_SECOND)
    with (
        atomic_write(path, force=force) as temporary,
        ignore_missing_glyphs(),
        writer.saving(picture.figure, str(temporary), RESOLUTION),
    ):
        for frame in frames:
            picture.show(frame.solution, frame.stops, shows_plan=frame.shows_plan)
            for _ in range(LAST if frame is frames[-1] else 1):
                writer.grab_frame(facecolor=picture.figure.get_facecolor())
