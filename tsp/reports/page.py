"""The page of a report: sections of texts, tables and pictures, as one HTML file that needs no other."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsp.plotting import picture_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST = 2_000_000
"""The most bytes of a report; pictures that do not fit are left out, and the page says so."""

MOST_SHAPES = 200
"""The most dots of a picture that are shapes; more are an image, which takes less room."""

RESOLUTION = 110
"""Dots per inch of the parts of pictures that are images."""


@dataclass
class Table:
    """A table: headings and rows of texts; the first `labels` columns are aligned left, the others right."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    labels: int = 1


@dataclass
class Picture:
    """A picture.

    Attributes:
        draw: makes the figure.
        caption: one line below it; also what is read aloud in place of the picture.
    """

    draw: Callable[[], Any]
    caption: str


@dataclass
class Section:
    """A section of a report; pictures stand side by side, `columns` in a row."""

    title: str
    texts: Sequence[str] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    columns: int = 1
    is_folded: bool = False
    left_out: int = field(default=0, init=False)


def render_page(title: str, facts: str, sections: Sequence[Section]) -> str:
    """The HTML of a report; pictures beyond `LARGEST` bytes in all are left out, the last ones first."""
    from markupsafe import Markup

    drawn: list[tuple[Section, list[tuple[Markup, str]]]] = []
    room = LARGEST - 20_000 - sum(map(_text_size, sections))
    for number, section in enumerate(sections):
        pictures: list[tuple[Markup, str]] = []
        for k, picture in enumerate(section.pictures):
            figure: Figure = picture.draw()
            svg = to_svg(figure, f"p{number}-{k}-")
            if len(svg.encode()) > room:
                section.left_out += 1
                continue
            room -= len(svg.encode())
            pictures.append((Markup(svg), picture.caption))
        drawn.append((section, pictures))
    return fill("page.html.jinja", title=title, facts=facts, sections=drawn)


def fill(template: str, **values: object) -> str:
    """The text of a template of this folder; values are escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template(template).render(**values)


def _text_size(section: Section) -> int:
    """Bytes of a section's tables and texts, with room for the tags."""
    cells = (cell for table in section.tables for row in table.rows for cell in row)
    return sum(len(text.encode()) + 30 for text in (*section.texts, *cells))


def to_svg(figure: Figure, prefix: str) -> str:
    """A figure as an SVG element; its ids begin with `prefix`, since all pictures of a page share their names."""
    for dots in (collection for axes in figure.axes for collection in axes.collections):
        dots.set_rasterized(len(dots.get_offsets()) > MOST_SHAPES)  # pyright: ignore[reportArgumentType]
    svg = re.sub(r"<metadata>.*?</metadata>", "", picture_text(figure, RESOLUTION), flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{prefix}', svg)
    svg = re.sub(r'(href="|url\()#', rf"\1#{prefix}", svg)
    return re.sub(r'^<svg ([^>]*?)width="[^"]*"', r"<svg \1", re.sub(r'(^<svg [^>]*?)height="[^"]*"', r"\1", svg))
