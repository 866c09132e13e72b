"""Times of day are minutes, and are shown as times of day."""

import pytest

from tsp.clock import MINUTES_OF_DAY, format_clock, is_clock, parse_clock


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("8:30", 510), ("08:30", 510), ("8:30:15", 510.25), ("0:00", 0), ("24:00", 1440), ("25:10", 1510)],
)
def test_a_time_of_day_is_minutes_since_midnight(text, minutes):
    assert is_clock(text)
    assert parse_clock(text) == minutes


def test_dates_count_on_one_line_of_time():
    monday, tuesday = parse_clock("2026-11-23T08:30"), parse_clock("2026-11-24 08:30:30")
    assert tuesday - monday == pytest.approx(MINUTES_OF_DAY + 0.5)
    assert parse_clock("2026-11-24") == pytest.approx(tuesday - 510.5)


@pytest.mark.parametrize("text", ["8", "8:60", "8:3", "8.30", "noon", "2026-13-01", "2026-11-24T08:30+01:00", ""])
def test_anything_else_is_no_time_of_day(text):
    assert parse_clock(text) is None


@pytest.mark.parametrize(
    ("minutes", "text"),
    [(510, "08:30"), (510.25, "08:30:15"), (0, "00:00"), (1500, "01:00 +1d"), (599.9999, "10:00")],
)
def test_minutes_are_shown_as_a_time_of_day(minutes, text):
    assert format_clock(minutes) == text
