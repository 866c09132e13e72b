"""`Units`: what a unit of length and a unit of time are, and how lengths and times are written and read.

In an instance a unit of length takes a unit of time. So times of day are converted into lengths where they are read
(a minute is a unit of length, or what the speed covers in it), and back where they are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, TypeVar

from tsp.clock import DATED, format_clock, parse_clock
from tsp.validation import real_number, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

METRES = {"m": 1.0, "km": 1000.0, "mi": 1609.344}
"""Units of length on the Earth → metres."""

UNIT = "km"
"""The unit of lengths on the Earth where none is given."""

SPEED = 50.0
"""Kilometres an hour, where times come from a clock and no speed is given."""

SLOWEST, FASTEST = 1e-3, 1e6
"""The speeds that are allowed, in kilometres an hour."""

LENGTHS, TIMES = ("length", "longest", "penalties"), ("makespan",)
"""Terms of objectives that are lengths, and times."""

LATEST = 1e100
"""The largest time that is read."""

Times = TypeVar("Times", float, "NDArray[np.float64]")


def require_unit(value: object, name: str = "unit") -> str:
    """The name of a unit of length.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(value, str) and value in METRES:
        return value
    *others, last = METRES
    raise ValueError(f"{name}: {shown(value)}, expected {', '.join(others)} or {last}")


def require_speed(value: object, name: str = "speed") -> float:
    """The number of kilometres an hour.

    Raises:
        ValueError: for anything but a number from `SLOWEST` to `FASTEST`.
    """
    expected = f"a number of kilometres an hour from {SLOWEST:g} to {FASTEST:.0f}"
    return real_number(value, name, least=SLOWEST, most=FASTEST, expected=expected)


def refuse_units(expected: str, unit: str | None, speed: float | None) -> None:
    """Refuse a unit or a speed for distances that are not computed between places on the Earth.

    Raises:
        ValueError: naming what is given, with what was expected.
    """
    for name, value in (("unit", unit), ("speed", speed)):
        if value is not None:
            text = value if isinstance(value, str) else f"{value:g}"
            raise ValueError(f"--{name} {text}: distances are not between places on the Earth, {expected}")


def require_day(value: object) -> str:
    """A date, such as 2026-11-24.

    Raises:
        ValueError: for anything else.
    """
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise ValueError(f"day: {shown(value)}, expected a date such as 2026-11-24") from None


@dataclass(frozen=True)
class Units:
    """The units of an instance's lengths and times.

    Attributes:
        length: unit of lengths, a key of `METRES`; None: they have none.
        speed: kilometres an hour, by which times of day become lengths; None: a minute is a unit of length.
        is_clock: whether times are times of day.
        day: the date of the first midnight, such as 2026-11-24, where times of day have a date.
    """

    length: str | None = None
    speed: float | None = None
    is_clock: bool = False
    day: str | None = None

    @property
    def per_minute(self) -> float:
        """The units of length that take a minute."""
        if self.length is None or self.speed is None:
            return 1.0
        return self.speed * 1000 / 60 / METRES[self.length]

    def lengths(self, minutes: Times) -> Times:
        """Minutes as lengths."""
        return minutes * self.per_minute

    def minutes(self, times: Times) -> Times:
        """Times, in units of length, as minutes."""
        return times / self.per_minute

    def format_time(self, time: float) -> str:
        """A time, in units of length, as text: a time of day, or a number."""
        return format_clock(self.minutes(time), self.day) if self.is_clock else f"{time:.9g}"

    def format_length(self, length: float) -> str:
        """A length as text, with its unit."""
        return self.with_unit(f"{length:.9g}")

    def with_unit(self, text: str) -> str:
        """The text of a length, with its unit."""
        return text if self.length is None else f"{text} {self.length}"

    def parse_time(self, text: str, name: str) -> float:
        """A time in units of length: a time of day, or a number, of minutes where times are times of day.

        Raises:
            ValueError: naming the field, for other texts, for times of day where no times are, and for a date where
                no times have one, or none where they have one.
        """
        minutes = parse_clock(text)
        if minutes is None:
            expected = "a time such as 8:30, or minutes" if self.is_clock else "a number of 0 or more"
            return self.lengths(real_number(_as_number(text), name, least=0.0, most=LATEST, expected=expected))
        if not self.is_clock:
            raise ValueError(f"{name}: {text}, expected a number, since no times of the instance are times of day")
        if minutes >= DATED:
            if self.day is None:
                raise ValueError(f"{name}: {text}, expected a time without a date, as in the instance")
            minutes -= parse_clock(self.day) or 0.0
            if minutes < 0:
                raise ValueError(f"{name}: {text}, expected {self.day} or later")
        elif self.day is not None:
            example = format_clock(minutes, self.day)
            raise ValueError(f"{name}: {text}, expected a date with it, as in the instance, such as {example}")
        return self.lengths(minutes)

    def objective(self, terms: Sequence[str]) -> tuple[str | None, float]:
        """The unit in which programs read an objective of these terms, and its factor from units of length."""
        if self.is_clock and set(terms) <= set(TIMES):
            return "min", 1 / self.per_minute
        return (self.length, 1.0) if set(terms) <= set(LENGTHS) else (None, 1.0)

    def format_objective(self, terms: Sequence[str], value: float, write: Callable[[float], str]) -> str:
        """The value of an objective of these terms as users read it; `write` writes its number."""
        if self.is_clock and set(terms) <= set(TIMES):
            return self.format_time(value)
        return self.with_unit(write(value)) if set(terms) <= set(LENGTHS) else write(value)


def _as_number(text: str) -> object:
    """The number that a text holds; the text itself where it is none."""
    try:
        return float(text)
    except ValueError:
        return text
