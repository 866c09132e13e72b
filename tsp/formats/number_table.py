"""Lines of numbers separated by blanks, the format of the smaller sets of benchmark instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsp.formats.text import TextFile, format_number, parse_number, quote, read_text
from tsp.instance import Instance

if TYPE_CHECKING:
    from pathlib import Path

    from tsp.instance import Array


LARGEST_COUNT = 10**15


class FileLine(NamedTuple):
    """A line that is not empty: its file, its number and its words."""

    file: TextFile
    line: int
    words: list[str]

    def error(self, message: str) -> ValueError:
        """An error that names the file and this line."""
        return self.file.error(self.line, message)

    @property
    def is_numeric(self) -> bool:
        """Whether every word is a number."""
        return all(parse_number(word) is not None for word in self.words)

    def numbers(self, count: int | None = None, expected: str = "") -> list[float]:
        """The line's numbers, all finite.

        Args:
            count: the expected number of numbers; None: any.
            expected: names of the numbers, for the error message.
        """
        if count is not None and len(self.words) != count:
            raise self.error(f"{len(self.words)} number(s), expected {count}{expected and f': {expected}'}")
        joined = "".join(self.words)
        if joined.isascii() and not set(joined) & set("_nN"):  # Python's float would take 1_000, nan and inf
            try:
                values = list(map(float, self.words))
            except ValueError:
                values = [np.inf]
            if np.isfinite(values).all():
                return values
        bad = next(word for word in self.words if parse_number(word) is None)
        raise self.error(f"{quote(bad)}, expected a number")

    def whole(self, value: float, what: str, least: int = 1) -> int:
        """A number of this line as an integer; it must be whole, from `least` to `LARGEST_COUNT`."""
        if value != int(value) or not least <= value <= LARGEST_COUNT:
            raise self.error(f"{what} {format_number(value)}, expected a whole number of {least} or more")
        return int(value)


def rows(file: TextFile, most: int | None = None) -> list[FileLine]:
    """The lines that are not empty (at most the first `most`); a `#` begins a comment."""
    found: list[FileLine] = []
    for line, text in enumerate(file.text.split("\n"), 1):
        words = text.partition("#")[0].split()
        if words:
            found.append(FileLine(file, line, words))
            if len(found) == most:
                break
    return found


def read_rows(path: Path) -> list[FileLine]:
    """The lines of a file that are not empty.

    Raises:
        ValueError: for a file without such lines.
    """
    file = read_text(path)
    found = rows(file)
    if not found:
        raise file.error(file.last_line, "only comments, expected numbers")
    return found


def require_count(lines: list[FileLine], count: int, what: str) -> None:
    """Refuse `lines`, one part of a file, unless there are `count` of them."""
    if len(lines) < count:
        raise lines[-1].error(f"the file ends after {len(lines)} of {count} {what}")
    if len(lines) > count:
        raise lines[count].error(f"a line after the last of {count} {what}")


def table(lines: list[FileLine], width: int, expected: str) -> Array:
    """Numbers `[len(lines), width]`, one row for each line."""
    return np.array([row.numbers(width, expected) for row in lines]).reshape(len(lines), width)


def square(lines: list[FileLine]) -> Array:
    """Distances `[n, n]` from n lines; the diagonal is not checked."""
    n = len(lines)
    matrix = table(lines, n, "the distances to each node")
    wrong = np.argwhere((matrix < 0) & ~np.eye(n, dtype=bool))
    if wrong.size:
        i, j = (int(k) for k in wrong[0])
        raise lines[i].error(f"{format_number(float(matrix[i, j]))}, expected a distance of 0 or more")
    return matrix


def require_nonnegative(lines: list[FileLine], values: Array, what: str) -> None:
    """Refuse negative `values`, one for each of `lines`."""
    wrong = np.flatnonzero(values < 0)
    if wrong.size:
        k = int(wrong[0])
        raise lines[k].error(f"{what} {format_number(float(values[k]))}, expected 0 or more")


def require_windows(lines: list[FileLine], windows: Array) -> None:
    """Refuse windows `[n, 2]`, one for each of `lines`, that close before they open."""
    wrong = np.flatnonzero(windows[:, 0] > windows[:, 1])
    if wrong.size:
        opens, closes = map(format_number, windows[wrong[0]].tolist())
        raise lines[int(wrong[0])].error(f"a window from {opens} to {closes}, expected to open before it closes")


def make_instance(path: Path, **content: Any) -> Instance:  # noqa: ANN401 - the fields of `Instance`
    """The instance of a file, named after it; an error of the whole instance names the file."""
    try:
        return Instance(**content, name=path.stem)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
