"""Ruin: remove strings of visits near a random customer, and queue the customers to insert.

The strings are those of SISR (Christiaens, Vanden Berghe, "Slack induction by string removals for
vehicle routing problems", Transportation Science 54, 2020). Where customers are optional, some iterations
perturb a region, which is a mechanism of this toolkit: all customers of a region are forced in or forbidden. Such
a change may need to pass through worse answers if it is made one visit at a time.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.kernels.geometry import inlined, part
from baselines.kernels.randomness import RANGE, random_below, random_bits

from .edits import count_visit
from .evaluation import refresh
from .state import LEFT_OUT, USED
from .workspace import CHANGED, QUEUED, Workspace, enqueue, mark_changed, mark_touched, remove_visit, shuffle_queue

if TYPE_CHECKING:
    from .state import RouteState

LONGEST_STRING = 10
"""The most visits in a string."""

MEAN_REMOVED = 10.0
"""Visits removed on average where tours are long."""

SHARE_REMOVED = 0.1
"""The share of the visits that is removed on average where they are few."""

PERTURBATION_INTERVAL = 10
"""One iteration in this number perturbs a region, on average."""


@part
def ruin(work: Workspace, state: RouteState) -> bool:
    """Remove strings of visits near a random customer, and queue the customers that may be inserted.

    Returns:
        whether a region is perturbed.
    """
    model, random = work.model, work.random
    visits = len(model.customers) - np.int64(state.sums[LEFT_OUT])
    used = np.int64(state.sums[USED])
    seed = model.customers[random_below(random, len(model.customers))]
    if state.tour_of[seed] < 0:
        enqueue(work.lists, seed)
    if used > 0:
        removed = min(MEAN_REMOVED, 1.0 + SHARE_REMOVED * visits)
        most = max(1, min(LONGEST_STRING, visits // used, int(removed)))
        strings = 1 + int(random_bits(random) / RANGE * max(0.0, 4.0 * removed / (1 + most) - 1.0))
        each = (strings + used - 1) // used
        for j in range(-1, work.near.shape[1]):
            node = seed if j < 0 else work.near[seed, j]
            k = np.int64(state.tour_of[node])
            if k >= 0 and work.lists.strings_removed[k] < each:
                _remove_string(work, state, k, state.position[node], most)
                strings -= 1
                if strings == 0:
                    break
        for i in range(work.lists.counts[CHANGED]):
            refresh(model, state, np.int64(work.lists.changed[i]))
    perturbed = model.optional and random_below(random, PERTURBATION_INTERVAL) == 0
    if perturbed:
        _perturb_region(work, state, seed)
    else:
        _queue_candidates(work, state, seed)
    return perturbed


@inlined
def _remove_string(work: Workspace, state: RouteState, k: int, p: int, most: int) -> None:
    """Remove a run of visits around position `p` from tour `k`; one visit inside the run may be kept."""
    random = work.random
    stops, size = state.stops[k], np.int64(state.sizes[k])
    length = 1 + random_below(random, min(most, size))
    splits = length < size and length > 1 and random_bits(random) % 2 == 0
    span = length + 1 if splits else length
    low, high = max(1, p - span + 1), min(p, size - span + 1)
    first = low + random_below(random, high - low + 1)
    kept = first + 1 + random_below(random, span - 2) if splits else -1
    to = first
    for q in range(first, size + 2):
        node = stops[q]
        if q < first + span and q != kept:
            state.tour_of[node] = -1
            count_visit(work.model, state, node, -1.0)
            enqueue(work.lists, node)
        else:
            stops[to] = node
            state.position[node] = to
            to += 1
    state.sizes[k] = size - length
    state.sums[USED] -= size == length
    for q in (first - 1, first, first + 1):
        mark_touched(work.lists, stops[q])
    mark_changed(work.lists, k)
    work.lists.strings_removed[k] += 1


@inlined
def _perturb_region(work: Workspace, state: RouteState, seed: int) -> None:
    """Forbid the customers around `seed`, force in those around another one, or both; queue others near them."""
    model, near, random = work.model, work.near, work.random
    kind = 1 + random_below(random, 3)
    if kind & 1:
        remove_visit(work, state, seed)
        work.priority[seed] = -np.inf
        for j in range(random_below(random, near.shape[1] + 1)):
            remove_visit(work, state, near[seed, j])
            work.priority[near[seed, j]] = -np.inf
    other = model.customers[random_below(random, len(model.customers))]
    for i in range(work.lists.counts[QUEUED]):
        work.lists.is_queued[work.lists.queue[i]] = False
    work.lists.counts[QUEUED] = 0
    if kind & 2:
        reach = random_below(random, near.shape[1] + 1)
        for j in range(-1, reach):
            node = other if j < 0 else near[other, j]
            work.priority[node] = np.inf
            if state.tour_of[node] < 0:
                enqueue(work.lists, node)
    forced = work.lists.counts[QUEUED]
    for centre in (seed, other):
        for node in near[centre]:
            for i in range(-1, near.shape[1]):
                candidate = node if i < 0 else near[node, i]
                if state.tour_of[candidate] < 0:
                    enqueue(work.lists, candidate)
    shuffle_queue(work, forced)


@inlined
def _queue_candidates(work: Workspace, state: RouteState, seed: int) -> None:
    """Queue all compulsory customers that are not visited, or the optional ones near `seed` and another customer."""
    model = work.model
    if not model.optional:
        if work.lists.counts[QUEUED] < state.sums[LEFT_OUT]:
            for node in model.customers:
                if state.tour_of[node] < 0:
                    enqueue(work.lists, node)
        return
    other = model.customers[random_below(work.random, len(model.customers))]
    for j in range(work.near.shape[1]):
        for centre in (seed, other):
            if state.tour_of[work.near[centre, j]] < 0:
                enqueue(work.lists, work.near[centre, j])
