"""Clocks of tests, which do not depend on the machine."""

from tsp.budget import Clock


class TickingClock(Clock):
    """A clock that advances by a second with each reading.

    Attributes:
        readings: number of readings so far.
    """

    readings = 0

    @property
    def elapsed(self):
        self.readings += 1
        return float(self.readings)
