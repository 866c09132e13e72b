"""Descent: shorten tours that may be walked either way by chains of reversals, after Lin and Kernighan."""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.kernels.geometry import embedded, kernel, part

from .evaluation import NEGLIGIBLE, leg, refresh
from .model import CLOSES, OPENS
from .workspace import CHANGED, LONGEST_CHAIN, QUEUED, TOUCHED, Workspace, enqueue, mark_changed, mark_touched

if TYPE_CHECKING:
    from .model import RouteModel
    from .state import RouteState

CLOSEST = 5
"""The nearest customers that a reversal may join to the end of the path."""


def is_reversible(model: RouteModel) -> bool:
    """Whether reversals that shorten a tour leave it feasible.

    Distances are symmetric, and nothing closes, or just the end of tours that never wait.
    """
    if not model.symmetric or not np.isinf(model.nodes[CLOSES, model.customers]).all():
        return False
    return bool(np.isinf(model.nodes[CLOSES, model.end]) or (model.nodes[OPENS] <= 0.0).all())


@part
def descend(work: Workspace, state: RouteState) -> None:
    """Shorten tours by chains of reversals at the touched nodes, until no chain shortens them."""
    for i in range(work.lists.counts[TOUCHED]):
        enqueue(work.lists, work.lists.touched[i])
    work.lists.counts[TOUCHED] = 0
    while work.lists.counts[QUEUED] > 0:
        work.lists.counts[QUEUED] -= 1
        base = work.lists.queue[work.lists.counts[QUEUED]]
        work.lists.is_queued[base] = False
        if state.tour_of[base] < 0:
            continue
        found, tries = False, 2 * min(CLOSEST, work.near.shape[1])
        while tries > 0 and not found:
            tries -= 1
            found = _apply_chain(work, state, base, 2 * (tries & 1) - 1, tries >> 1)
        if found:
            enqueue(work.lists, base)
    for i in range(work.lists.counts[CHANGED]):
        refresh(work.model, state, np.int64(work.lists.changed[i]))


@kernel
def descend_everywhere(work: Workspace, state: RouteState) -> None:
    """Shorten all tours by chains of reversals at all nodes."""
    for k in range(work.model.tours):
        mark_changed(work.lists, k)
    for node in work.model.customers:
        mark_touched(work.lists, node)
    descend(work, state)


@embedded
def _apply_chain(work: Workspace, state: RouteState, base: int, ahead: int, choice: int) -> bool:
    """Make the part of a chain of reversals that shortens a tour most.

    The edge from `base` to its neighbour is removed, so that the tour is a path from that neighbour;
    each reversal joins the path's end to a visit near it and leaves another end.

    Args:
        work: of symmetric distances.
        state: is changed.
        base: a visited customer.
        ahead: 1 or -1, the side on which the edge is removed.
        choice: the rank, among those near it, of the visit to which the path's end is joined first.

    Returns:
        whether the tour was changed.
    """
    near, reversals, model = work.near, work.reversals, work.model
    k = np.int64(state.tour_of[base])
    stops, position = state.stops[k], state.position
    i = np.int64(position[base])
    gain, made, best = NEGLIGIBLE * state.length[k], 0, 0
    removed = leg(model, base, stops[i + ahead])
    for step in range(LONGEST_CHAIN):
        end = stops[i + ahead]
        most, to = 0.0, np.int64(-1)
        for m in range(choice if step == 0 else 0, choice + 1 if step == 0 else min(CLOSEST, near.shape[1])):
            node = near[end, m]
            left = removed - leg(model, end, node)
            if left <= 0.0:
                break
            p = np.int64(position[node])
            if state.tour_of[node] != k or p == i or p == i + 2 * ahead:
                continue
            left += leg(model, stops[p - ahead], node)
            if left > most:
                most, to = left, p
        if to < 0:
            break
        removed = most
        if (to - i) * ahead > 0:
            reversals[2 * made], reversals[2 * made + 1] = i + ahead, to - ahead
        else:
            reversals[2 * made], reversals[2 * made + 1] = i, to
            i, ahead = to, -ahead
        _reverse(state, k, reversals[2 * made], reversals[2 * made + 1])
        made += 1
        closed = removed - leg(model, stops[i + ahead], base)
        if closed > gain:
            gain, best = closed, made
    for step in range(made - 1, best - 1, -1):
        _reverse(state, k, reversals[2 * step], reversals[2 * step + 1])
    for step in range(2 * best):
        for p in range(reversals[step] - 1, reversals[step] + 2):
            if 0 < p <= state.sizes[k]:
                enqueue(work.lists, stops[p])
    return best > 0


@embedded
def _reverse(state: RouteState, k: int, first: int, last: int) -> None:
    """Reverse the visits of tour `k` between two positions."""
    stops, position = state.stops[k], state.position
    i, j = min(first, last), max(first, last)
    while i <= j:
        a, b = stops[i], stops[j]
        stops[i], stops[j] = b, a
        position[b], position[a] = i, j
        i, j = i + 1, j - 1
