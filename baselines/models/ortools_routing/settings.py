"""The settings of one search, and the table of tuned settings."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

FirstSolution = Literal[
    "AUTOMATIC",
    "PATH_CHEAPEST_ARC",
    "SAVINGS",
    "CHRISTOFIDES",
    "PARALLEL_CHEAPEST_INSERTION",
    "LOCAL_CHEAPEST_INSERTION",
]
Metaheuristic = Literal["GUIDED_LOCAL_SEARCH", "SIMULATED_ANNEALING", "TABU_SEARCH"]
ArcCost = Literal["none", "distance", "prize", "both"]

TABLE = Path(__file__).with_name("table.json")


class Settings(NamedTuple):
    """The settings of one search.

    Attributes:
        first_solution: OR-Tools' first solution strategy.
        metaheuristic: OR-Tools' local search metaheuristic.
        guided_lambda: weight of guided local search's penalties.
        resolution: integer steps in the diagonal of the points' bounding box (with a matrix: in the median distance
            to the nearest node), or in the highest prize, where those are not whole numbers.
        arc_cost: the cost of arcs where the objective gives them none, so that guided local search has
            something to penalize: nothing, a small cost for their `distance`, the difference between the highest
            `prize` and that of the node they lead to, or both.
    """

    first_solution: str = "PATH_CHEAPEST_ARC"
    metaheuristic: str = "GUIDED_LOCAL_SEARCH"
    guided_lambda: float = 0.1
    resolution: int = 1_000_000
    arc_cost: str = "none"

    def __str__(self) -> str:
        """The settings as `compare` prints them."""
        weight = f" (lambda {self.guided_lambda:g})" if self.metaheuristic == "GUIDED_LOCAL_SEARCH" else ""
        arcs = f", arcs cost {self.arc_cost}" if self.arc_cost != "none" else ""
        steps = f"{self.resolution:,} steps in the longest distance"
        return f"{self.first_solution}, {self.metaheuristic}{weight}, {steps}{arcs}"


FREE_ARCS = Settings(guided_lambda=1.0, arc_cost="both")
"""The settings without a row in the table, where the objective gives arcs no cost.

Mean prizes of 20 uniform orienteering instances with prizes by distance after 1 s on a busy core, with arc costs
`none`, `distance`, `prize`, `both`: 4.70, 5.18, 5.49, 5.50 with 20 customers and budget 2; 13.14, 13.28, 14.17,
15.25 with 50 and budget 3.
"""


def tuned_row(problem: str, size: int, time_limit: float) -> dict[str, Any] | None:
    """The problem's row of the table that is nearest in size, then in time, both by ratio."""

    def distance(row: dict[str, Any]) -> tuple[float, float]:
        return abs(math.log(row["size"] / size)), abs(math.log(row["time_limit"] / time_limit))

    return min((row for row in _rows() if row["problem"] == problem), key=distance, default=None)


@cache
def _rows() -> list[dict[str, Any]]:
    return json.loads(TABLE.read_text(encoding="utf-8"))["settings"]
