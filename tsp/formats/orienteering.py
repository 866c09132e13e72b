"""The classical sets of orienteering (Tsiligirides 1984; Chao, Golden, Wasil 1996), for one and for several paths.

Both are points with a score, from a first to a last node. For one path the file begins with
`Tmax P`, and the second point is the end; team orienteering begins with three lines `n N`, `m P`
and `tmax Tmax`, and the last point is the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsp.formats.number_table import FileLine, make_instance, read_rows, require_count, require_nonnegative, table

if TYPE_CHECKING:
    from pathlib import Path

    from tsp.formats.text import TextFile
    from tsp.instance import Instance

TEAM_HEADER = ("n", "m", "tmax")


def read_paths(path: Path) -> Instance:
    """Read a file by Tsiligirides or Chao: `Tmax P`, then `x y score` for the start, the end, and the other points.

    Raises:
        ValueError: with the file, the line and what was expected.
    """
    header, *points = read_rows(path)
    limit, paths = header.numbers(2, "Tmax and the number of paths")
    if len(points) < 2:
        raise header.error(f"{len(points)} point(s) after it, expected the start and the end at least")
    count = header.whole(paths, "number of paths")
    return _instance(header, points, limit, num_tours=None if count == 1 else count, end=1)


def read_team(path: Path) -> Instance:
    """Read a file of team orienteering: `n N`, `m P`, `tmax Tmax`, then `x y score` from start to end.

    Raises:
        ValueError: with the file, the line and what was expected.
    """
    lines = read_rows(path)
    header = lines[: len(TEAM_HEADER)]
    for row, word in zip(header, TEAM_HEADER, strict=False):
        if len(row.words) != 2 or row.words[0].lower() != word:
            raise row.error(f"expected {word!r} and a number")
    if len(header) < len(TEAM_HEADER):
        raise header[-1].error(f"the file ends without {TEAM_HEADER[len(header)]!r}")
    (nodes,), (paths,), (limit,) = (FileLine(row.file, row.line, row.words[1:]).numbers(1) for row in header)
    n, count = header[0].whole(nodes, "n", 2), header[1].whole(paths, "m")
    points = lines[len(TEAM_HEADER) :]
    if not points:
        raise header[-1].error("the file ends here, expected the points")
    require_count(points, n, "points")
    return _instance(header[-1], points, limit, num_tours=count, end=n - 1)


def _instance(header: FileLine, points: list[FileLine], limit: float, num_tours: int | None, end: int) -> Instance:
    if limit < 0:
        raise header.error(f"Tmax {limit:g}, expected 0 or more")
    values = table(points, 3, "x, y, score")
    require_nonnegative(points, values[:, 2], "score")
    return make_instance(
        header.file.path,
        coordinates=values[:, :2],
        prizes=values[:, 2],
        max_length=limit,
        num_tours=num_tours,
        end=end,
        problem="op" if num_tours is None else "top",
    )


def is_team_header(file: TextFile) -> bool:
    """Whether the file begins like one of team orienteering."""
    words = file.text.lstrip().split("\n", 1)[0].split()
    return len(words) == 2 and words[0].lower() == TEAM_HEADER[0]
