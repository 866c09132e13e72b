"""Sections of numbers in files of keywords, such as TSPLIB's, and the numbers by which they call the nodes.

Nodes are numbered from 1, unless the first section with a line for each node has other numbers: from 0,
or with gaps. Then nodes are in that section's order, and every other section must use the same numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tsp.formats.text import TextFile, format_number, parse_number, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tsp.instance import Array, Instance

Integers = NDArray[np.int64]
Places = tuple[Integers, Integers]

LARGEST_NODE_NUMBER = 10**15

AXES = ("x", "y", "z")
WINDOW = ("opens", "closes")


def _full(n: int) -> Places:
    rows, columns = np.indices((n, n)).reshape(2, -1)
    return rows, columns


# Rows and columns of an EDGE_WEIGHT_SECTION's numbers, in their order. A symmetric matrix's upper
# triangle by columns is its lower triangle by rows.
_PLACES: dict[str, Callable[[int], Places]] = {
    "FULL_MATRIX": _full,
    "UPPER_ROW": lambda n: np.triu_indices(n, 1),
    "LOWER_ROW": lambda n: np.tril_indices(n, -1),
    "UPPER_DIAG_ROW": lambda n: np.triu_indices(n),
    "LOWER_DIAG_ROW": lambda n: np.tril_indices(n),
    "UPPER_COL": lambda n: np.tril_indices(n, -1),
    "LOWER_COL": lambda n: np.triu_indices(n, 1),
    "UPPER_DIAG_COL": lambda n: np.tril_indices(n),
    "LOWER_DIAG_COL": lambda n: np.triu_indices(n),
}
WEIGHT_FORMATS = (*_PLACES, "FUNCTION")


def _count(weight_format: str, n: int) -> int:
    if weight_format == "FULL_MATRIX":
        return n * n
    return n * (n + 1) // 2 if "DIAG" in weight_format else n * (n - 1) // 2


@dataclass(frozen=True, eq=False)
class Numbering:
    """The numbers by which a file calls its nodes.

    Attributes:
        size: number of nodes.
        ids: number of each node `[n]`; None: 1 to n.
    """

    size: int
    ids: Integers | None = None

    @classmethod
    def of(cls, instance: Instance) -> Numbering:
        """The numbers in files of an instance's tours: its names, where they are different whole numbers, or 1 to n."""
        names = instance.names or ()
        if not names or not all(re.fullmatch("[0-9]{1,15}", name) for name in names):
            return cls(instance.size)
        ids = np.array(list(map(int, names)), dtype=np.int64)
        return cls(instance.size, ids if len(np.unique(ids)) == len(ids) else None)

    @property
    def names(self) -> tuple[str, ...] | None:
        """The nodes' names: their numbers, unless those are 1 to n."""
        return None if self.ids is None else tuple(map(str, self.ids.tolist()))

    @property
    def rows(self) -> Integers | None:
        """The row of each node in a matrix, where that is not its position: numbers from 0 to n - 1 are rows."""
        if self.ids is None or not np.array_equal(np.sort(self.ids), np.arange(self.size)):
            return None
        return self.ids

    @property
    def expected(self) -> str:
        """The condition on a node's number, for messages."""
        if self.ids is None:
            return f"a whole number from 1 to {self.size}"
        return f"the number of a node, such as {self.ids[0]}"

    def number(self, node: int) -> int:
        """The number of the node at this position."""
        return node + 1 if self.ids is None else int(self.ids[node])

    def find(self, numbers: Array) -> Integers:
        """The nodes of these numbers `[m]`, -1 where there is none."""
        if self.ids is None:
            known = (numbers >= 1) & (numbers <= self.size) & (numbers == np.floor(numbers))
            return np.where(known, numbers - 1, -1).astype(np.int64)
        order = np.argsort(self.ids)
        place = np.minimum(np.searchsorted(self.ids[order], numbers), self.size - 1)
        return np.where(self.ids[order][place] == numbers, order[place], -1)


@dataclass(frozen=True)
class Section:
    """Numbers after a keyword: `body` is the text from the end of the keyword's line."""

    file: TextFile
    keyword: str
    line: int
    body: str

    def error(self, index: int, message: str) -> ValueError:
        """The error for the number at `index`, or for the section's end where there is none."""
        return self.file.error(self._line_of(index), f"{self.keyword}: {message}")

    def _line_of(self, index: int) -> int:
        last = self.line
        seen = 0
        for line, text in enumerate(self.body.split("\n"), self.line):
            count = len(text.split())
            seen += count
            if count:
                last = line
            if index < seen:
                break
        return last

    @cached_property
    def numbers(self) -> Array:
        """All numbers; nan and inf are allowed."""
        tokens = self.body.split()
        try:
            joined = "".join(tokens)
            if "_" in joined or not joined.isascii():  # float would accept 1_000 and digits of other scripts
                raise ValueError
            return np.array(list(map(float, tokens)), dtype=np.float64)
        except ValueError:
            bad = next(i for i, token in enumerate(tokens) if parse_number(token) is None)
            raise self.error(bad, f"{quote(tokens[bad])}, expected a number") from None

    def numbering(self, n: int, names: Sequence[str]) -> Numbering:
        """The numbers of the nodes in this section, which has a line for each with a value for each of `names`."""
        width = self._require_lines(n, names)
        numbers = self.numbers[::width]
        whole = (numbers >= 0) & (numbers <= LARGEST_NODE_NUMBER) & (numbers == np.floor(numbers))
        if not whole.all():
            bad = int(np.argmin(whole))
            raise self.error(bad * width, f"node {_text(numbers[bad])}, expected a whole number of 0 or more")
        self._require_distinct(Numbering(n), width)
        in_order = bool(numbers.min() == 1 and numbers.max() == n)
        return Numbering(n, None if in_order else numbers.astype(np.int64))

    def points(self, nodes: Numbering, dimensions: int) -> Array:
        """Coordinates `[n, d]`, from a line `node x y` for each node in any order."""
        return self._columns(nodes, AXES[:dimensions])

    def column(self, nodes: Numbering, name: str) -> Array:
        """A value of 0 or more for each node `[n]`, from a line `node value` for each in any order."""
        values = self._columns(nodes, (name,))[:, 0]
        bad = np.flatnonzero(values < 0)
        if bad.size:
            message = f"{name} {_text(values[bad[0]])}, expected 0 or more"
            raise self.error(self._index_of(nodes, int(bad[0]), 2), message)
        return values

    def windows(self, nodes: Numbering) -> Array:
        """A time window for each node `[n, 2]`, from a line `node opens closes` for each in any order."""
        values = self._columns(nodes, WINDOW)
        bad = np.flatnonzero(values[:, 0] > values[:, 1])
        if bad.size:
            opens, closes = map(_text, values[bad[0]])
            message = f"a window from {opens} to {closes}, expected to open before it closes"
            raise self.error(self._index_of(nodes, int(bad[0]), 3), message)
        return values

    def _index_of(self, nodes: Numbering, node: int, width: int) -> int:
        """Index of the number at the beginning of a node's line."""
        return width * int(np.flatnonzero(self.numbers[::width] == nodes.number(node))[0])

    def _columns(self, nodes: Numbering, names: Sequence[str]) -> Array:
        """Values `[n, k]`, from a line with the node and a value for each name, nodes in any order."""
        n = nodes.size
        width = self._require_lines(n, names)
        values = self.numbers
        found = nodes.find(values[::width])
        if found.min() < 0:
            bad = int(found.argmin()) * width
            raise self.error(bad, f"node {_text(values[bad])}, expected {nodes.expected}")
        self._require_distinct(nodes, width)
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise self.error(int(bad[0]), f"{values[bad[0]]:g}, expected a finite number")
        columns = np.empty((n, len(names)))
        columns[found] = values.reshape(n, width)[:, 1:]
        return columns

    def _require_lines(self, n: int, names: Sequence[str]) -> int:
        """Require a line for each of `n` nodes, with its number and a value for each name; return their count."""
        width = 1 + len(names)
        for line, text in enumerate(self.body.split("\n"), self.line):
            found = len(text.split())
            if found not in (0, width):
                expected = f"{width}: {', '.join(('node', *names))}"
                raise self.file.error(line, f"{self.keyword}: {found} number(s), expected {expected}")
        if len(self.numbers) != n * width:
            raise self.error(n * width, f"{len(self.numbers) // width} nodes, expected {n} (DIMENSION)")
        return width

    def _require_distinct(self, nodes: Numbering, width: int) -> None:
        """Refuse a node that is given twice, so that one of `nodes` is missing."""
        numbers = self.numbers[::width]
        first = np.unique(numbers, return_index=True)[1]
        if len(first) == nodes.size:
            return
        twice = int(np.setdiff1d(np.arange(nodes.size), first)[0])
        missing = int(np.setdiff1d(np.arange(nodes.size), nodes.find(numbers))[0])
        raise self.error(
            twice * width,
            f"node {_text(numbers[twice])} is given twice and node {nodes.number(missing)} is missing",
        )

    def matrix(self, nodes: Numbering, weight_format: str, *, symmetric: bool) -> Array:
        """Distances `[n, n]`; its numbers may be broken into lines in any way."""
        n, values = nodes.size, self.numbers
        expected = _count(weight_format, n)
        if len(values) != expected:
            raise self.error(expected, f"{len(values)} numbers, expected {expected} (DIMENSION {n}, {weight_format})")
        rows, columns = _PLACES[weight_format](n)
        bad = np.flatnonzero(~((values >= 0) & (values < np.inf)) & (rows != columns))
        if bad.size:
            raise self.error(int(bad[0]), f"{values[bad[0]]:g}, expected a finite distance of 0 or more")
        matrix = np.empty((n, n))
        if weight_format != "FULL_MATRIX":
            matrix[columns, rows] = values
        matrix[rows, columns] = values
        np.fill_diagonal(matrix, 0.0)
        if symmetric and not (matrix == matrix.T).all():
            i, j = (int(k) for k in np.argwhere(matrix != matrix.T)[0])
            first, second = (nodes.number(k) if nodes.rows is None else k for k in (i, j))
            raise self.error(
                j * n + i,
                f"{matrix[j, i]:g} from node {second} to {first}, but {matrix[i, j]:g} from {first} to {second}, "
                "expected a symmetric matrix or TYPE ATSP",
            )
        return matrix if nodes.rows is None else matrix[np.ix_(nodes.rows, nodes.rows)]

    def node_lists(self, nodes: Numbering) -> list[Integers]:
        """Lists of nodes, each ended by -1 (or by the section's end)."""
        values = self.numbers
        found = nodes.find(values)
        bad = np.flatnonzero((found < 0) & (values != -1))
        if bad.size:
            message = f"node {_text(values[bad[0]])}, expected {nodes.expected}, or -1 at the end"
            raise self.error(int(bad[0]), message)
        lists = np.split(found, np.flatnonzero(found < 0))
        return [part[part >= 0] for part in lists if (part >= 0).any()]

    def node(self, nodes: Numbering) -> int:
        """The one node that the section lists."""
        lists = self.node_lists(nodes)
        if len(lists) != 1 or len(lists[0]) != 1:
            raise self.error(0, f"{sum(map(len, lists))} nodes, expected one")
        return int(lists[0][0])


def _text(number: Array | np.float64) -> str:
    return format_number(float(number))
