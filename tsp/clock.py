"""Times of day: `8:30`, `08:30:15` and ISO dates with time, as minutes."""

from __future__ import annotations

import re
from datetime import datetime

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


def format_clock(minutes: float) -> str:
    """A time as `HH:MM`, with seconds where it is not a whole minute, and `+1d` on later days."""
    seconds = round(60 * minutes)
    days, rest = divmod(seconds, 86_400)
    text = f"{rest // 3600:02d}:{rest // 60 % 60:02d}" + (f":{rest % 60:02d}" if rest % 60 else "")
    return f"{text} +{days}d" if days else text
