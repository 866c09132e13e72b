"""`Answer`: a solution together with its instance, so that it can draw itself and be a table."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from tsp.drawing import draw
from tsp.formats.csv_file import itinerary_rows
from tsp.formats.text import parse_number
from tsp.html_table import html_table
from tsp.instance import Instance
from tsp.plotting import picture_text, plot_tour
from tsp.solution import Solution

if TYPE_CHECKING:
    import os

    from matplotlib.figure import Figure

MOST_ROWS = 200
"""The most rows of the table that a notebook shows."""

TEXTS = ("name",)
"""Columns that stay texts, even if all are numbers."""


@dataclass(frozen=True, eq=False)
class Answer(Solution):
    """A solution of `tsp.solve`, with its instance.

    In a notebook it shows its picture and its itinerary.

    Attributes:
        instance: what it solves.
    """

    instance: Instance = field(kw_only=True)

    @classmethod
    def of(cls, instance: Instance, solution: Solution) -> Answer:
        """The answer that holds a solution and its instance."""
        return cls(**{part.name: getattr(solution, part.name) for part in fields(Solution)}, instance=instance)

    def plot(
        self, path: str | os.PathLike[str] | None = None, *, title: str | None = None, force: bool = False
    ) -> Figure:
        """Draw the tours.

        Args:
            path: where they are written, by its ending: a picture (PNG, SVG or PDF) or, of places on the Earth, a map
                (HTML or GeoJSON); None: nowhere.
            title: replaces the instance's name.
            force: whether an existing file may be replaced.

        Returns:
            the picture, a figure of matplotlib.

        Raises:
            ValueError: for another ending, for a map of places that are not on the Earth, or when `path` exists and
                `force` is not given, or cannot be written.
        """
        figure = None if path is None else draw(path, self.instance, self, title=title, force=force)
        return figure or plot_tour(self.instance, self, title=title)

    def to_columns(self) -> dict[str, list[Any]]:
        """The itinerary as columns by name, those of the CSV file that `tsp solve --out` writes.

        Columns of numbers hold numbers, with None for empty cells; the names of nodes and times of day are texts.
        """
        heading, *rows = itinerary_rows(self.instance, self)
        out: dict[str, list[Any]] = {}
        for k, name in enumerate(heading):
            key = f"{name} (of the file)" if name in out else name  # a column for display
            out[key] = _typed(name, [row[k] for row in rows])
        return out

    def to_dataframe(self) -> Any:  # noqa: ANN401 - pandas is not a requirement
        """The itinerary as a data frame of pandas; see `to_columns`.

        Raises:
            ValueError: where pandas is not installed.
        """
        try:
            import pandas as pd  # pyright: ignore[reportMissingTypeStubs]
        except ImportError:
            raise ValueError("to_dataframe: pandas is not installed; to_columns gives the same columns") from None
        return pd.DataFrame(self.to_columns())

    def _repr_svg_(self) -> str:
        """The picture, for notebooks."""
        return picture_text(plot_tour(self.instance, self))

    def _repr_html_(self) -> str:
        """The picture and the itinerary, for notebooks."""
        heading, *rows = itinerary_rows(self.instance, self)
        more = f"<p>… and {len(rows) - MOST_ROWS:,} more rows</p>" if len(rows) > MOST_ROWS else ""
        return f"<div>{self._repr_svg_()}</div>{html_table([heading, *rows[:MOST_ROWS]])}{more}"


def _typed(name: str, texts: list[str]) -> list[Any]:
    """The values of a column: numbers where all its texts are, else the texts."""
    numbers = [parse_number(text) for text in texts if text]
    if name in TEXTS or not numbers or None in numbers:
        return list(texts)
    is_whole = all(text.lstrip("-").isdecimal() for text in texts if text)
    return [None if not text else int(text) if is_whole else float(text) for text in texts]
