"""Insertion under any rules: each customer at its best position, then reinsertion.

Runs of visits are removed and inserted again for as long as that improves the answer.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from baselines.kernels.geometry import Nodes, kernel, part
from baselines.trivial import SQUARE
from tsp.budget import Clock
from tsp.problems import get_problem

from .edits import clear, copy, insert, remove
from .evaluation import NEGLIGIBLE, cost_of, evaluate_insertion, has_room, is_complete, is_feasible, totals_of
from .model import CLOSES, OPENS, PRIZE, WORTH, model_of
from .model_solver import ModelSolver
from .neighbours import near_in_midpoints
from .state import RouteState, Tours, empty_state, tours_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tsp.problems import Problem
    from tsp.solution import Solution

    from .model import RouteModel

NEIGHBOURS = 5
"""The most customers near one that are removed with it."""

LONGEST_RUN = 3
"""The most successive visits that are removed at once."""

ATTEMPTS = 30
"""Number of random orders that are tried where compulsory customers do not fit."""

MOST_CHEAPEST = 400
"""The most compulsory customers for cheapest insertion; more are inserted in a given order."""

NEIGHBOUR_PAIR = 5e-8
"""Seconds that the lists of neighbours take for each pair of nodes."""

GRACE = 0.05
"""Seconds by which the first answer may be late, apart from a twentieth of the limit: an incomplete one is useless."""

BETWEEN_LOOKS = 1_000_000
"""About how many insertions are evaluated between two readings of the clock."""


class InsertionByRules(ModelSolver):
    """Insert, then remove and reinsert until nothing improves; it ends when it is done.

    Args:
        whole: the time limit of the first answer, if the clock of the search covers only a part of it.
    """

    one_shot = True
    uses_initial = False

    def __init__(self, whole: Clock | None = None) -> None:
        self.name = "insertion"
        self.whole = whole

    def warm_up(self, problem: Problem) -> None:
        """Compile; what is compiled serves every problem."""
        chosen = replace(SQUARE, prizes=np.array([0.0, 1.0, 1.0, 1.0]), max_length=4.0)
        for name, instance in (("tsp", SQUARE), ("op", chosen)):
            list(self.search(model_of(get_problem(name), instance), Clock(1.0), seed=0, initial=None))

    def search(self, model: RouteModel, clock: Clock, *, seed: int, initial: Solution | None) -> Iterator[Tours]:
        """The improved answers of insertion in several orders."""
        state, spare = empty_state(model), empty_state(model)
        near, complete = None, False
        for order, last_resort in self._orders(model, seed):
            if last_resort and complete:
                return
            clear(model, state)
            self._build(model, state, order, clock)
            if clock.remaining > (NEIGHBOUR_PAIR * model.size**2 - GRACE if near is None else 0.0):
                near = near_in_midpoints(model, NEIGHBOURS) if near is None else near
                self._improve(model, state, spare, near, clock)
            complete |= is_complete(model, state)
            yield tours_of(model, state)
            if clock.remaining <= 0:
                return

    def _orders(self, model: RouteModel, seed: int) -> Iterator[tuple[Nodes, bool]]:
        """The orders of insertion, and whether each is tried only where no complete answer was found before.

        They are cheapest insertion (an empty order), the farthest customer first, by closing time, by
        opening time, and by randomly changed closing times.
        """
        if model.optional or len(model.customers) <= MOST_CHEAPEST:
            yield np.empty(0, dtype=np.int32), False
        if not model.optional:
            far = model.legs(model.start, model.customers) + model.legs(model.customers, model.end)
            yield model.customers[np.argsort(-far, kind="stable")], False
        closes = model.nodes[CLOSES, model.customers]
        yield model.customers[np.argsort(closes, kind="stable")], True
        yield model.customers[np.argsort(model.nodes[OPENS, model.customers], kind="stable")], True
        rng = np.random.default_rng(seed)
        width = np.where(np.isfinite(closes), closes, 0.0).max(initial=1.0)
        for _ in range(ATTEMPTS):
            blurred = np.where(np.isfinite(closes), closes, width) + rng.normal(0.0, 0.1 * width, len(closes))
            yield model.customers[np.argsort(blurred, kind="stable")], True

    def _build(self, model: RouteModel, state: RouteState, order: Nodes, clock: Clock) -> None:
        """Insert customers in the given order; without one, cheapest insertion.

        When the time is up, cheapest insertion inserts the remaining customers in the order of their worth.
        """
        if len(order) == 0:
            at_once = 1 + BETWEEN_LOOKS // len(model.customers) ** 2
            while _insert_cheapest(model, state, at_once):
                if clock.remaining <= 0:
                    order = model.customers[np.argsort(-model.nodes[WORTH, model.customers], kind="stable")]
                    break
        last, looked_at = self.whole or clock, len(model.customers)
        for piece in np.array_split(order, 1 + len(order) * looked_at // BETWEEN_LOOKS):
            if last.elapsed > 1.05 * last.limit + GRACE:
                return
            _insert_in_order(model, state, piece)

    def _improve(self, model: RouteModel, state: RouteState, spare: RouteState, near: Nodes, clock: Clock) -> None:
        """Remove and reinsert until nothing improves; changes `state`."""
        better = True
        while better:
            better = False
            for i in range(len(model.customers)):
                if clock.remaining <= 0:
                    return
                better |= _reinsert(model, state, spare, near, i)


@kernel
def _insert_in_order(model: RouteModel, state: RouteState, order: Nodes) -> None:
    """Insert one customer after the other, each where it costs least."""
    for i in range(len(order)):
        _insert_best(model, state, order[i : i + 1])


@kernel
def _insert_cheapest(model: RouteModel, state: RouteState, most: int) -> bool:
    """Insert up to `most` customers, each time the best one; whether more may follow."""
    while most > 0 and _insert_best(model, state, model.customers):
        most -= 1
    return most == 0


@part
def _insert_best(model: RouteModel, state: RouteState, nodes: Nodes) -> bool:
    """Make the best feasible insertion of one of `nodes`; whether there was one that is worth its cost.

    The best insertion of compulsory customers costs least. That of optional ones costs least for the
    delay, or, while a quota is not met, for the prize.
    """
    totals = totals_of(model, state)
    below_quota = model.optional and totals.collected < model.quota
    best = np.inf
    best_node, best_tour, best_stop = np.int64(-1), np.int64(-1), np.int64(-1)
    for node in nodes:
        if state.tour_of[node] >= 0:
            continue
        for k in range(model.tours):
            if not has_room(model, state, k, node):
                continue
            for p in range(state.sizes[k] + 1):
                effect = evaluate_insertion(model, state, k, p, node, totals.longest, totals.end)
                if effect.cost == np.inf:
                    continue
                net = effect.cost - model.nodes[WORTH, node]
                if below_quota:
                    key = net / max(model.nodes[PRIZE, node], NEGLIGIBLE)
                elif model.optional:
                    if net >= -NEGLIGIBLE:
                        continue
                    key = net / max(effect.delay, NEGLIGIBLE)
                else:
                    key = effect.cost + NEGLIGIBLE * effect.detour
                if key < best:
                    best, best_node, best_tour, best_stop = key, node, k, p
            if state.sizes[k] == 0:
                break  # all tours without visits are equal
    if best_node < 0:
        return False
    insert(model, state, best_tour, best_stop, best_node)
    return True


@kernel
def _reinsert(model: RouteModel, state: RouteState, spare: RouteState, near: Nodes, i: int) -> bool:
    """Remove a customer with the visits after it, or with those near it, and insert anew; whether that is better.

    A customer that is not visited is inserted in place of those near it.

    Args:
        model: the problem.
        state: is changed where that is better.
        spare: is overwritten.
        near: `[n, k]`, the customers near each node.
        i: the customer's index among all.
    """
    node = model.customers[i]
    before = cost_of(model, state)
    margin = NEGLIGIBLE * max(1.0, abs(before))
    for kind in range(LONGEST_RUN + near.shape[1]):
        k = state.tour_of[node]
        if k < 0 and kind < LONGEST_RUN:
            continue
        copy(state, spare)
        if kind < LONGEST_RUN:
            p = spare.position[node]
            for q in range(p, min(p + kind, state.sizes[k]) + 1):
                remove(model, state, spare.stops[k, q])
        else:
            remove(model, state, node)
            for other in near[node, : kind - LONGEST_RUN + 1]:
                remove(model, state, other)
            if k < 0:  # it is inserted before the others
                _insert_best(model, state, model.customers[i : i + 1])
        _insert_cheapest(model, state, len(model.customers))
        better = cost_of(model, state) < before - margin
        for k in range(model.tours):
            better = better and is_feasible(model, state, k)
        if better:
            return True
        copy(spare, state)
    return False
