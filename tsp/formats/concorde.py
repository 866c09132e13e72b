"""Tours as Concorde and its linkern write them: nodes counted from 0, as a list or as edges.

Concorde's `.sol` is the number of nodes, then the nodes in the order of the tour. An edge file is a line
with the numbers of nodes and of edges, then a line `a b length` for each edge.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from tsp.formats.number_table import FileLine, read_rows, rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tsp.formats.text import TextFile
    from tsp.instance import Instance


def is_tour(file: TextFile) -> bool:
    """Whether a file is a number alone, then whole numbers."""
    found = rows(file)
    return bool(found) and len(found[0].words) == 1 and all(map(_is_whole, (w for row in found for w in row.words)))


def is_edge_list(file: TextFile) -> bool:
    """Whether a file is a line of two whole numbers, then a line of three numbers."""
    found = rows(file, 2)
    return [len(row.words) for row in found] == [2, 3] and all(map(_is_whole, found[0].words)) and found[1].is_numeric


def _is_whole(word: str) -> bool:
    return re.fullmatch("[0-9]{1,15}", word) is not None


def read_tour(path: Path, instance: Instance) -> list[NDArray[np.int64]]:
    """Read the number of nodes, then the nodes from 0 in the order of the tour.

    Raises:
        ValueError: with the file, the line, what is wrong and what was expected.
    """
    header, *lines = read_rows(path)
    _require_size(header, instance)
    tour = [node for line in lines for node in _nodes(line, line.words, instance)]
    if len(tour) != instance.size:
        raise (lines or [header])[-1].error(f"{len(tour)} nodes, expected {instance.size}, as the first line says")
    return [np.array(tour, dtype=np.int64)]


def read_edges(path: Path, instance: Instance) -> list[NDArray[np.int64]]:
    """Read the edges of closed tours, a tour for each cycle, in the direction of its first edge.

    Raises:
        ValueError: with the file, the line, what is wrong and what was expected.
    """
    header, *lines = read_rows(path)
    _require_size(header, instance)
    if len(lines) != int(header.words[1]):
        raise header.error(f"{header.words[1]} edges announced, but {len(lines)} lines follow")
    neighbours: list[list[int]] = [[] for _ in range(instance.size)]
    for line in lines:
        line.numbers(3, "two nodes and the length between them")
        a, b = _nodes(line, line.words[:2], instance)
        for node, other in ((a, b), (b, a)):
            neighbours[node].append(other)
            if len(neighbours[node]) > 2:
                raise line.error(f"a third edge of node {node}, expected two of each node")
    single = next((node for node, others in enumerate(neighbours) if len(others) < 2), None)
    if single is not None:
        raise lines[-1].error(f"{len(neighbours[single])} edge(s) of node {single}, expected two of each node")
    return _cycles(neighbours, [(int(line.words[0]), int(line.words[1])) for line in lines])


def _cycles(neighbours: Sequence[Sequence[int]], edges: Sequence[tuple[int, int]]) -> list[NDArray[np.int64]]:
    """The cycles of edges, two at each node; each begins with the first of its edges."""
    seen = [False] * len(neighbours)
    cycles: list[NDArray[np.int64]] = []
    for first, second in edges:
        if seen[first]:
            continue
        cycle, node = [first], second
        while node != first:
            a, b = neighbours[node]
            cycle.append(node)
            node = b if a == cycle[-2] else a
        for visited in cycle:
            seen[visited] = True
        cycles.append(np.array(cycle, dtype=np.int64))
    return cycles


def _require_size(header: FileLine, instance: Instance) -> None:
    if int(header.words[0]) != instance.size:
        expected = f"expected {instance.size}, the nodes of {instance.name or 'the instance'}"
        raise header.error(f"{header.words[0]} nodes, {expected}")


def _nodes(line: FileLine, words: list[str], instance: Instance) -> list[int]:
    """Nodes of a line, which count from 0."""
    bad = next((word for word in words if not _is_whole(word) or int(word) >= instance.size), None)
    if bad is not None:
        raise line.error(f"node {bad[:40]}, expected a whole number from 0 to {instance.size - 1}")
    return [int(word) for word in words]
