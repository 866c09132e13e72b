"""Times of day: `8:30`, `08:30:15` and ISO dates with time, as minutes, and back."""

from __future__ import annotations

import re
from datetime import date, datetime
from math import isfinite

MINUTES_OF_DAY = 24 * 60

DATED = 366.0 * MINUTES_OF_DAY
"""Times of `parse_clock` of at least this many minutes have a date."""


def is_clock(text: str) -> bool:
    """Whether a cell looks like a time of day or a date rather than a number."""
    return bool(re.match(r"\d{1,2}:\d\d|\d{4}-\d\d-\d\d", text.strip()))


def parse_clock(text: str) -> float | None:
    """Minutes since midnight, of a date since the first midnight of the calendar; None for anything else."""
    text = text.strip()
    match = re.fullmatch(r"(\d{1,2}):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?", text)
    if match is not None:
        hours, minutes, seconds = match.groups(default="0")
        return 60.0 * int(hours) + int(minutes) + float(seconds) / 60
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is not None:
        return None  # times of one file are local times
    day = float(MINUTES_OF_DAY * moment.toordinal())
    return day + 60 * moment.hour + moment.minute + (moment.second + moment.microsecond / 1e6) / 60


def format_day(midnight: float) -> str:
    """The date of a midnight, in minutes since the first of the calendar."""
    return date.fromordinal(round(midnight / MINUTES_OF_DAY)).isoformat()


def format_clock(minutes: float, day: str | None = None) -> str:
    """A time as `HH:MM`, with seconds where it is not a whole minute.

    Args:
        minutes: since the first midnight; infinity is `never`.
        day: date of that midnight, with which the time is written as an ISO date with time; without one, later
            days are written as `+1d`.
    """
    if not isfinite(minutes):
        return "never"
    days, rest = divmod(round(60 * minutes), 86_400)
    text = f"{rest // 3600:02d}:{rest // 60 % 60:02d}" + (f":{rest % 60:02d}" if rest % 60 else "")
    if day is not None and (number := date.fromisoformat(day).toordinal() + days) <= date.max.toordinal():
        return f"{date.fromordinal(number)}T{text}"
    return f"{text} +{days}d" if days else text
