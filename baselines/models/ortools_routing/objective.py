"""The objective terms in OR-Tools' routing model, and arc costs where the objective gives arcs none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from .model import ORToolsModel
    from .settings import Settings

PRIZE_SHARE = 0.5
"""Cost of a leg of mean length, as a share of the mean prize, where arcs cost their length and prizes count."""


def length(model: ORToolsModel) -> None:
    """Each arc costs its length."""
    model.per_length += model.unit


def penalties(model: ORToolsModel) -> None:
    """A node that is left out costs its penalty."""
    assert model.instance.penalties is not None
    model.forgone += np.rint(model.of_customers(model.instance.penalties) * model.unit).astype(np.int64)


def prize(model: ORToolsModel) -> None:
    """A node that is left out costs its prize."""
    assert model.instance.prizes is not None
    steps = np.rint(model.of_customers(model.instance.prizes) * model.unit).astype(np.int64)
    model.forgone += steps
    leg = float(model.instance.legs(model.instance.depot, np.arange(model.instance.size)).mean())
    model.free_per_length = PRIZE_SHARE * float(steps.mean()) / leg if leg else 0.0


def longest(model: ORToolsModel) -> None:
    """The longest tour costs its length."""
    _add_span(model, model.lengths())


def makespan(model: ORToolsModel) -> None:
    """The latest end of a tour costs its time."""
    _add_span(model, model.times())


ROUTING_TERMS: dict[str, Callable[[ORToolsModel], None]] = {
    "length": length,
    "penalties": penalties,
    "prize": prize,
    "longest": longest,
    "makespan": makespan,
}
"""For each objective term the function that adds its cost."""

MAXIMIZED = {"prize"}
"""Terms that can be maximized; the others can be minimized."""


def add_free_arc_cost(model: ORToolsModel, settings: Settings) -> None:
    """Give arcs a cost that the objective does not give them."""
    if settings.arc_cost in ("distance", "both") and model.free_per_length:
        model.per_length = model.free_per_length
        model.exact = False
    if settings.arc_cost in ("prize", "both") and model.forgone.any():
        # Each node costs the highest prize, minus its own prize if it is visited.
        highest, optional = int(model.forgone.max()), [node for node, _ in model.between]
        model.incoming[optional] = highest - model.forgone[optional]
        model.forgone[optional] = highest


def _add_span(model: ORToolsModel, dimension: Any) -> None:  # noqa: ANN401 (OR-Tools' RoutingDimension)
    dimension.SetGlobalSpanCostCoefficient(round(model.unit / model.step))
    model.free_per_length = model.step
