"""Plain lists of points: a line `x y` or `name x y` for each, separated by blanks, tabs, commas or semicolons.

`#` begins a comment. A first line may hold the number of points, or the headings `x y`. A name is a word, or a
number of the node: the numbers of all nodes are then whole and consecutive, in any order.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsp.formats.text import TextFile, parse_number, quote, read_text, without_gz
from tsp.instance import Instance

if TYPE_CHECKING:
    from pathlib import Path

EXPECTED = "expected x y or name x y"
HEADED = "a first line such as name,x,y,demand says what the columns are"


class Line(NamedTuple):
    """A line that is not empty: its number, and its cells."""

    number: int
    cells: list[str]

    @property
    def is_point(self) -> bool:
        """Whether it is two numbers, or anything and two numbers."""
        return len(self.cells) in (2, 3) and all(parse_number(cell) is not None for cell in self.cells[-2:])


class Content(NamedTuple):
    """A file's lines of points, and the line before them that states their number, if there is one."""

    file: TextFile
    lines: list[Line]
    stated: Line | None


def is_list(file: TextFile) -> bool:
    """Whether a file is a list of points, and not a table of distances or another set of numbers."""
    _, lines, stated = _content(file)
    points = [line for line in lines if line.is_point]
    if not points or _have_zero_diagonal(lines):
        return False
    width = len(points[0].cells)
    is_even = len(points) == len(lines) and all(len(line.cells) == width for line in lines)
    if stated is None:
        return is_even and (width == 2 or _unclear_name(lines) is None)
    if int(stated.cells[0]) == len(lines):
        return 2 * len(points) > len(lines)
    return is_even and int(stated.cells[0]) != width  # otherwise distances of as many nodes, and more lines


def resembles_list(file: TextFile) -> bool:
    """Whether most lines of a file are points, so that the others are probably mistakes."""
    _, lines, stated = _content(file)
    return stated is None and 2 * sum(line.is_point for line in lines) > len(lines)


def begins_with_point(file: TextFile) -> bool:
    """Whether the first line is a point or the number of points, so that there is no header."""
    lines = _content(file).lines
    return bool(lines) and lines[0].is_point


def has_zero_diagonal(file: TextFile) -> bool:
    """Whether a file is a square of cells with zeros on its diagonal: a table of distances."""
    lines = _content(file).lines
    return bool(lines) and _have_zero_diagonal(lines)


def _have_zero_diagonal(lines: list[Line]) -> bool:
    """Whether lines are a square of cells with zeros on its diagonal: a table of distances."""
    return all(len(line.cells) == len(lines) and parse_number(line.cells[k]) == 0 for k, line in enumerate(lines))


def read_instance(path: Path) -> Instance:
    """Read a list of points; the first is the depot.

    Raises:
        ValueError: with the file, the line and what was expected.
    """
    file, lines, stated = _content(read_text(path))
    if not lines:
        raise file.error(file.last_line, f"no points, {EXPECTED}")
    width = len(lines[0].cells)
    for line in lines:
        if not line.is_point or len(line.cells) != width:
            raise file.error(line.number, f"{quote(' '.join(line.cells))}, {EXPECTED} as in the other lines")
    if stated is not None and int(stated.cells[0]) != len(lines):
        raise file.error(stated.number, f"{stated.cells[0]} points announced, but {len(lines)} lines of points follow")
    if width == 3 and (unclear := _unclear_name(lines)) is not None:
        raise file.error(unclear.number, _explain_name(unclear, lines))
    try:
        return Instance(
            np.array([[float(cell) for cell in line.cells[-2:]] for line in lines]),
            names=tuple(line.cells[0] for line in lines) if width == 3 else None,
            name=without_gz(path).stem,
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _content(file: TextFile) -> Content:
    texts = [(number, text.partition("#")[0].strip()) for number, text in enumerate(file.text.split("\n"), 1)]
    lines = [Line(number, _cells(text)) for number, text in texts if text]
    if not lines:
        return Content(file, [], None)
    first = lines[0].cells
    stated = lines[0] if len(first) == 1 and re.fullmatch("[0-9]{1,15}", first[0]) else None
    has_heading = [cell.lower() for cell in first[-2:]] == ["x", "y"]
    return Content(file, lines[1:] if stated or has_heading else lines, stated)


def _cells(text: str) -> list[str]:
    """The cells of a line: the first way of separating them that gives a point, else its words."""
    for cells in (
        [cell.strip().replace(",", ".") for cell in text.split(";")],
        [cell.strip(" ,").replace(",", ".") for cell in text.split("\t") if cell.strip(" ,")],
        [cell.strip() for cell in text.split(",")],
        text.replace(",", ".").split(),
    ):
        if Line(0, cells).is_point:
            return cells
    return text.replace(",", " ").replace(";", " ").split()


def _unclear_name(lines: list[Line]) -> Line | None:
    """The first line whose first cell is no name: given twice, or a number that does not count the nodes."""
    seen: set[str] = set()
    for line in lines:
        if not line.cells[0] or line.cells[0] in seen:
            return line
        seen.add(line.cells[0])
    numbers = [number for name in seen if (number := parse_number(name)) is not None]
    if len(numbers) < len(lines):
        return None
    are_consecutive = all(map(float.is_integer, numbers)) and max(numbers) - min(numbers) == len(numbers) - 1
    return None if are_consecutive else lines[0]


def _explain_name(line: Line, lines: list[Line]) -> str:
    if parse_number(line.cells[0]) is None:
        return f"name {quote(line.cells[0])} is given twice, expected different names"
    first = ", ".join(other.cells[0] for other in lines[:3])
    square = "; distances have equal numbers, such as 0, on the diagonal" if len(lines) == len(line.cells) else ""
    unclear = f"3 numbers, and the first ones ({first}, …) do not number the nodes one by one"
    return f"{unclear}; {EXPECTED}; {HEADED}{square}"
