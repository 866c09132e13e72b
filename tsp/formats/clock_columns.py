"""Columns of times of day: windows, durations and appearances of a file's nodes, as minutes.

Where some cell of a column is a time of day, all are: an empty one is the column's empty value, and a duration may also
be a number of minutes. Dates count from the midnight before the first of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsp.clock import DATED, MINUTES_OF_DAY, format_day, is_clock, parse_clock
from tsp.formats.appearances import APPEARS, APPEARS_BY, CHANCE
from tsp.formats.text import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tsp.instance import Array

WINDOW = ("opens", "closes")
DURATION = "duration"
MOMENTS = (*WINDOW, APPEARS, APPEARS_BY)
"""Columns that hold points in time: where one of them has a time of day, all have."""
EMPTY = {"closes": np.inf, APPEARS: np.nan, APPEARS_BY: np.nan, CHANCE: np.nan}
"""The value of an empty cell by column; 0 in all other columns."""


class ClockColumns(NamedTuple):
    """Columns of times of day.

    Attributes:
        minutes: of each column of times of day, by its name `[n]`.
        day: date of the midnight from which they count, if they have dates.
    """

    minutes: dict[str, Array]
    day: str | None


def read_clock_columns(
    texts: Mapping[str, Sequence[str]], refuse: Callable[[int, str], ValueError], number: Callable[[str], float | None]
) -> ClockColumns:
    """The columns of times of day among those of a file.

    Args:
        texts: the cells of each column, by its name; an empty text is an empty cell.
        refuse: makes the error for a node, from its index and what is wrong.
        number: the number in a cell, None where it holds none.

    Raises:
        ValueError: for a cell that is no time of day.
    """
    timed = [name for name in (*MOMENTS, DURATION) if any(map(is_clock, texts.get(name, ())))]
    if set(timed) & set(MOMENTS):
        timed = [name for name in (*MOMENTS, DURATION) if name in timed or (name in MOMENTS and name in texts)]
    minutes: dict[str, Array] = {}
    for name in timed:
        values: list[float] = []
        for k, text in enumerate(texts[name]):
            value = parse_clock(text) if text else EMPTY.get(name, 0.0)
            if name == DURATION:
                value = number(text) if value is None else value
                if value is not None and value >= DATED and is_clock(text):
                    raise refuse(k, f"column {name}: {quote(text)}, expected a duration such as 0:20, without a date")
            if value is None:
                raise refuse(k, f"column {name}: {quote(text)}, expected a time such as 8:30, as in other lines")
            values.append(value)
        minutes[name] = np.array(values)
    _require_dates(texts, minutes, refuse)
    return ClockColumns(minutes, _count_from_first_day(minutes))


def _require_dates(
    texts: Mapping[str, Sequence[str]], minutes: dict[str, Array], refuse: Callable[[int, str], ValueError]
) -> None:
    """Refuse, where some window has a date, a time of day without one."""
    windows = [name for name in MOMENTS if name in minutes]
    if not any((minutes[name][np.isfinite(minutes[name])] >= DATED).any() for name in windows):
        return
    for name in windows:
        for k, (text, value) in enumerate(zip(texts[name], minutes[name].tolist(), strict=True)):
            if text and value < DATED:
                raise refuse(k, f"column {name}: {quote(text)}, expected a date with it, as in other cells")


def _count_from_first_day(minutes: dict[str, Array]) -> str | None:
    """Shift dated times so that they count from the midnight before the first of them; return its date."""
    windows = [name for name in MOMENTS if name in minutes]
    dated = [minutes[name][np.isfinite(minutes[name]) & (minutes[name] >= DATED)] for name in windows]
    times = np.concatenate([np.empty(0), *dated])
    if not times.size:
        return None
    first = float(times.min())
    midnight = first - first % MINUTES_OF_DAY
    for name in windows:
        minutes[name] = np.where(minutes[name] >= DATED, minutes[name] - midnight, minutes[name])
    return format_day(midnight)
