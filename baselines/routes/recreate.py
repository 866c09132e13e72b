"""Recreate: insert the queued customers where they cost least, with blinks (SISR; see `ruin`).

A prize has a price, too, while a quota is not met; the price rises when the quota is missed and falls
when it is met.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.kernels.geometry import embedded, inlined, part
from baselines.kernels.randomness import RANGE, random_below, random_bits

from .edits import insert
from .evaluation import evaluate_insertion, removal_saving, totals_of
from .model import PRIZE, WORTH
from .state import USED
from .workspace import (
    CHANGED,
    EMPTY,
    PRICE,
    QUEUED,
    STEP,
    Workspace,
    mark_changed,
    mark_touched,
    remove_visit,
    shuffle_queue,
)

if TYPE_CHECKING:
    from baselines.kernels.geometry import Nodes

    from .state import RouteState

BLINK_INTERVAL = 100
"""One position in this number is skipped, on average."""

WORTH_FACTOR = 2.0
"""The largest factor by which the worth of optional customers is changed at random, up or down."""

RISE, FALL = 0.05, 0.02
"""Changes of the price of a prize when the quota was missed and when it was met, in units of `quota_price[STEP]`."""


@part
def recreate(work: Workspace, state: RouteState, perturbed: bool) -> None:
    """Insert the queued customers in one of the orders, at random: all compulsory ones, and optional ones that pay.

    Where a region is perturbed, the customers are inserted in the order of the queue, and then those that
    do not pay are removed.
    """
    model = work.model
    totals = totals_of(model, state)
    longest, end, collected = totals.longest, totals.end, totals.collected
    order = -1 if perturbed else random_below(work.random, len(work.ranks) + 2) - 2
    factor = WORTH_FACTOR ** (2.0 * random_bits(work.random) / RANGE - 1.0)
    count = work.lists.counts[QUEUED]
    if order >= 0:
        _sort_queue(work, work.ranks[order])
    elif not perturbed:  # a random order, but the first customer of the queue stays first
        shuffle_queue(work, 1)
    for i in range(count):
        node = work.lists.queue[i]
        work.lists.is_queued[node] = False
        cost, k, p = best_insertion(work, state, node, longest, end, BLINK_INTERVAL)
        worth = model.nodes[WORTH, node]
        if collected < model.quota:
            worth += work.quota_price[PRICE] * model.nodes[PRIZE, node]
        if k < 0 or (model.optional and cost >= factor * worth + work.priority[node]):
            continue
        mark_changed(work.lists, k)
        insert(model, state, k, p, np.int64(node))
        mark_touched(work.lists, node)
        longest, end = max(longest, state.length[k]), max(end, state.begin[k, state.sizes[k] + 1])
        collected += model.nodes[PRIZE, node]
    work.lists.counts[QUEUED] = 0
    if perturbed:
        collected = _remove_unprofitable(work, state, collected)
        work.priority[:] = 0.0
    if model.quota > 0.0:
        price = work.quota_price[PRICE] + (RISE if collected < model.quota else -FALL) * work.quota_price[STEP]
        work.quota_price[PRICE] = max(0.0, price)


@part
def _sort_queue(work: Workspace, ranks: Nodes) -> None:
    """Sort the queue by rank (Shell, Communications of the ACM 2, 1959)."""
    queue, count = work.lists.queue, work.lists.counts[QUEUED]
    gap = 1
    while gap < count // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, count):
            node = queue[i]
            j = i
            while j >= gap and ranks[queue[j - gap]] > ranks[node]:
                queue[j] = queue[j - gap]
                j -= gap
            queue[j] = node
        gap //= 3


@embedded
def best_insertion(
    work: Workspace, state: RouteState, node: int, longest: float, end: float, blink_interval: int
) -> tuple[float, int, int]:
    """The best position of `node` beside its neighbours, at the ends of changed tours, or in a tour without visits.

    Returns:
        the change of cost, infinite where no position is feasible; the tour; and the stop before the position.
    """
    model, near = work.model, work.near
    empty = model.tours
    if state.sums[USED] < model.tours:
        empty = work.lists.counts[EMPTY]
        while state.sizes[empty] > 0:
            empty = (empty + 1) % model.tours
        work.lists.counts[EMPTY] = empty
    beside = 2 * near.shape[1]
    total = beside + 2 * work.lists.counts[CHANGED] + 1
    best, best_tour, best_stop = np.inf, np.int64(-1), np.int64(-1)
    for e in range(total):
        if e < beside:
            other = near[node, e >> 1]
            k = np.int64(state.tour_of[other])
            if k < 0:
                continue
            p = state.position[other] - (e & 1)
        elif e < total - 1:
            k = np.int64(work.lists.changed[(e - beside) >> 1])
            p = state.sizes[k] if e & 1 else 0
        else:
            k, p = empty, 0
            if k == model.tours:
                continue
        cost = evaluate_insertion(model, state, k, p, node, longest, end).cost
        if cost < best and random_bits(work.random) % blink_interval > 0:
            best, best_tour, best_stop = cost, k, p
    return best, best_tour, best_stop


@inlined
def _remove_unprofitable(work: Workspace, state: RouteState, collected: float) -> float:
    """Remove visits that cost more length than they are worth and that no quota needs; return the prizes left."""
    model = work.model
    n = len(model.customers)
    first = random_below(work.random, n)
    for i in range(n):
        node = model.customers[(first + i) % n]
        if state.tour_of[node] < 0 or collected - model.nodes[PRIZE, node] < model.quota:
            continue
        if removal_saving(model, state, node) > model.nodes[WORTH, node]:
            collected -= model.nodes[PRIZE, node]
            remove_visit(work, state, node)
    return collected
