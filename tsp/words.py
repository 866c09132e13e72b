"""The words in which results are told: deliveries have stops, distances and loads, days in a hall posters and interest.

What users read is worded here, by the data that a problem reads. Files, options and JSON keep their own names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tsp.instance import Instance
    from tsp.problems import Problem


@dataclass(frozen=True)
class Words:
    """The nouns for what a problem is about.

    Attributes:
        stop: what a tour visits; an `s` makes the plural.
        length: the length of a tour.
        prize: what a visit brings.
    """

    stop: str = "stop"
    length: str = "length"
    prize: str = "prize"

    def term(self, name: str) -> str:
        """The word for a term of an objective."""
        return {"length": self.length, "prize": self.prize}.get(name, name)

    def stops(self, count: int) -> str:
        """The number of stops, with their noun."""
        return f"{count:,} {self.stop}{'' if count == 1 else 's'}"


WORDS: tuple[tuple[str, Words], ...] = (
    ("demands", Words(length="distance")),
    ("prizes", Words("poster", "walked", "interest")),
    ("law_prizes", Words("poster", "walked", "interest")),
    ("time_windows", Words(length="distance")),
)
"""Attribute that a problem reads → its words; the first row that fits."""

ON_EARTH = Words(length="distance")
"""The words for places on the Earth, among which nobody looks for posters."""


def words_of(problem: Problem, instance: Instance) -> Words:
    """The words for an instance of a problem."""
    if instance.unit is not None:
        return ON_EARTH
    return next((words for name, words in WORDS if name in problem.needs), Words())
