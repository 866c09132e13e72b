"""Logs of visits on past days, from which laws are fitted: CSV files with a line for each visit.

A line has the `day`, the `name` of the node, a `status`, what was observed (`duration`, `wait`, `prize`) and features
that were known before the day, such as a topic. Nodes that were not visited are not in the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tsp.clock import DATED, is_clock, parse_clock
from tsp.files import require_different
from tsp.formats.columns import HEADINGS, canonical
from tsp.formats.csv_file import read_cells, read_number
from tsp.formats.text import quote
from tsp.instance import Array, Integers
from tsp.problems import unknown

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from tsp.formats.text import TextFile

NEEDED = ("day", "name", "status")
FEATURE_ATTRIBUTES = {"demand": "demands"}
"""Columns of a day's file that become attributes of its instance and may be features."""


class Target(StrEnum):
    """The quantity whose law is fitted: a column of logs."""

    DURATION = "duration"
    WAIT = "wait"
    PRIZE = "prize"


class Status(StrEnum):
    """How a visit ended: over, left on arrival, broken off before it was over, or with nobody there."""

    DONE = "done"
    LEFT = "left"
    BROKEN_OFF = "broken-off"
    ABSENT = "absent"


@dataclass(frozen=True, eq=False)
class VisitLog:
    """The visits that say something about a target, in the order of the logs.

    Attributes:
        target: the quantity.
        day: number of each visit's day, in the order in which the logs name the days `[R]`.
        values: what was observed `[R]`; infinite: nobody was there.
        censored: whether the real value is above the observed one, since the visit was broken off `[R]`.
        features: each feature's texts `[R]`, by its column's name in lower case.
        visits: number of lines read, those without a value of the target included.
    """

    target: Target
    day: Integers
    values: Array
    censored: NDArray[np.bool_]
    features: dict[str, tuple[str, ...]]
    visits: int

    @property
    def days(self) -> int:
        """Number of days with a value of the target."""
        return len(np.unique(self.day))

    def rows(self, chosen: NDArray[np.bool_]) -> VisitLog:
        """The log of the chosen visits only."""
        keep = np.flatnonzero(chosen)
        features = {name: tuple(column[i] for i in keep.tolist()) for name, column in self.features.items()}
        return VisitLog(self.target, self.day[keep], self.values[keep], self.censored[keep], features, len(keep))


def read_logs(paths: Sequence[str | os.PathLike[str]], target: Target, ignored: Sequence[str] = ()) -> VisitLog:
    """Read logs of past days, which have the same columns of features.

    Values follow the status. `done`: the target's value, which a wait or a prize may lack where it was not noted.
    `left`: no duration; a wait and a prize where they were seen. `broken-off`: the duration so far, which the real one
    exceeds. `absent`: nobody was there, an infinite wait.

    Args:
        paths: CSV files.
        target: the column whose law is wanted.
        ignored: names of columns that are no features.

    Raises:
        ValueError: with the file, the line, the column and what was expected.
    """
    require_different(paths)
    days: dict[str, int] = {}
    day: list[int] = []
    values: list[float] = []
    censored: list[bool] = []
    columns: dict[str, list[str]] = {}
    visits = 0
    for i, path in enumerate(map(Path, paths)):
        file, delimiter, ((header_line, header), *rows) = read_cells(path)
        places = _places(file, header_line, header, target, ignored)
        features = [name for name in places if name not in (*NEEDED, *Target)]
        if i and features != list(columns):
            found = f"features {', '.join(features) or 'none'}"
            raise file.error(header_line, f"{found}, expected those of {paths[0]}: {', '.join(columns) or 'none'}")
        columns = columns or {name: [] for name in features}
        if not rows:
            raise file.error(header_line, "no visit after the header, expected a line for each")
        for line, cells in rows:
            if any(cells[len(header) :]) or len(cells) < len(header):
                raise file.error(line, f"{len(cells)} cells, expected {len(header)} ({', '.join(header)})")
            texts = {name: cells[k] for name, k in places.items()}
            visits += 1
            found = _observed(file, line, texts, target, delimiter)
            if found is not None:
                day.append(days.setdefault(texts["day"], len(days)))
                values.append(found[0])
                censored.append(found[1])
                for name in features:
                    columns[name].append(texts[name])
    if all(censored):
        raise ValueError(f"{paths[0]}: no visit with a {target} that was observed to its end, expected some")
    return VisitLog(
        target,
        np.array(day),
        np.array(values),
        np.array(censored),
        {name: tuple(texts) for name, texts in columns.items()},
        visits,
    )


def _places(file: TextFile, line: int, header: Sequence[str], target: Target, ignored: Sequence[str]) -> dict[str, int]:
    """The place of each column that is read, by its name."""
    places: dict[str, int] = {}
    for k, heading in enumerate(header):
        name = canonical(heading)
        if name in places:
            raise file.error(line, f"columns {quote(', '.join(header))}, expected different names")
        places[name] = k
    for name in (*NEEDED, target):
        if name not in places:
            raise file.error(line, f"columns {quote(', '.join(header))}, expected {', '.join(NEEDED)} and {target}")
    left_out = [canonical(name) for name in ignored]
    for name in left_out:
        if name not in places or name in (*NEEDED, target):
            features = [known for known in places if known not in (*NEEDED, *Target)]
            raise ValueError(f"--ignore: {unknown('feature', name, features)}")
    places = {name: k for name, k in places.items() if name not in left_out}
    for name in places:
        if name in HEADINGS and name not in (*NEEDED, *Target, *FEATURE_ATTRIBUTES):
            raise file.error(line, f"column {name}: no feature, expected it to be left out (--ignore {name})")
    return places


def _observed(
    file: TextFile, line: int, texts: Mapping[str, str], target: Target, delimiter: str
) -> tuple[float, bool] | None:
    """The value of the target in a line, and whether the real one is above it; None where the line has none."""
    for name in NEEDED:
        if not texts[name]:
            raise file.error(line, f"column {name}: empty, expected a value")
    if texts["status"] not in list(Status):
        raise file.error(
            line, f"column status: {unknown('status', texts['status'], [status.value for status in Status])}"
        )
    status = Status(texts["status"])
    numbers = {name: _value(file, line, name, texts.get(name, ""), delimiter) for name in Target}
    seen = {name for name, number in numbers.items() if number is not None}
    if (status is Status.ABSENT and seen) or (status is Status.LEFT and Target.DURATION in seen):
        name = min(seen) if status is Status.ABSENT else Target.DURATION
        raise file.error(line, f"column {name}: {quote(texts[name])}, expected it empty where the status is {status}")
    number = numbers[target]
    if target is Target.WAIT and status is Status.ABSENT:
        return np.inf, False
    if target is Target.DURATION and status in (Status.DONE, Status.BROKEN_OFF):
        if number is None:
            raise file.error(line, f"column duration: empty, expected a number where the status is {status}")
        return number, status is Status.BROKEN_OFF
    return None if number is None else (number, False)


def _value(file: TextFile, line: int, column: str, text: str, delimiter: str) -> float | None:
    """The number in a cell, or a duration such as 0:20 as minutes; None where it is empty."""
    if not text:
        return None
    minutes = parse_clock(text) if is_clock(text) and column != Target.PRIZE else None
    number = minutes if minutes is not None else read_number(file, line, column, text, delimiter)
    if number < 0 or number >= DATED:
        raise file.error(line, f"column {column}: {quote(text)}, expected a number of 0 or more")
    return number
