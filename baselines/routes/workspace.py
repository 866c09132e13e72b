"""Working memory of the search by rules, which its kernels share: queues, penalties of absence, the random state."""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import Array, Nodes, embedded, part
from baselines.kernels.randomness import random_below

from .edits import remove
from .evaluation import NEGLIGIBLE, totals_of
from .model import CLOSES, DEMAND, OPENS, PENALTY, WORTH
from .neighbours import near_in_sequence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from baselines.kernels.randomness import Random

    from .model import RouteModel
    from .state import RouteState

NEIGHBOURS = 30
"""Customers near each node: where it is inserted, and which are removed with it."""

LONGEST_CHAIN = 6
"""The most reversals in a chain of the descent."""

SLOPE = 0.1
"""The weight of the length where the objective has none, so that of equal answers the shorter is better."""

QUEUED, CHANGED, TOUCHED, STALE, EMPTY = range(5)
"""The slots of `Worklists.counts`."""

PRICE, STEP = range(2)
"""The slots of `Workspace.quota_price`."""


class Worklists(NamedTuple):
    """The nodes that an iteration has yet to process, and the changes that it has made.

    Attributes:
        queue: `[n]`, the customers to insert, or in descent the nodes to examine.
        is_queued: `[n]`, the same set as flags.
        changed: `[tours]`, the tours that differ from those kept.
        stale: `[tours]`, the tours that differ from those of the best answer.
        is_stale: `[tours]`, the same set as flags.
        strings_removed: `[tours]`, number of strings removed from each tour; -1 where it is not changed.
        touched: `[2 m]`, nodes at which edges were changed; nodes beyond its length are not examined.
        counts: `[5]`, the numbers of entries in `queue`, `changed`, `touched` and `stale`; and the tour at which the
            search for one without visits begins.
    """

    queue: Nodes
    is_queued: NDArray[np.bool_]
    changed: Nodes
    stale: Nodes
    is_stale: NDArray[np.bool_]
    strings_removed: Nodes
    touched: Nodes
    counts: NDArray[np.int64]


class Workspace(NamedTuple):
    """The working memory of the kernels of ruin, recreate and descent.

    Attributes:
        model: the problem, with the weights that the search minimizes.
        near: `[n, k]`, the customers near each node, nearest first.
        descends: whether recreate is followed by descent.
        ranks: `[o, n]`, the place of each customer in the orders of insertion.
        absences: `[n]`, number of iterations in which each compulsory customer was missing, plus one.
        lists: the worklists of the current iteration.
        reversals: `[2 LONGEST_CHAIN]`, the first and last positions of a chain's reversals.
        quota_price: `[2]`, the price of a unit of prize while a quota is not met, and the unit of its changes.
        priority: `[n]`, infinite for customers that are forced in, minus infinity for forbidden ones, else 0.
        random: the generator's state.
    """

    model: RouteModel
    near: Nodes
    descends: bool
    ranks: Nodes
    absences: Array
    lists: Worklists
    reversals: Nodes
    quota_price: Array
    priority: Array
    random: Random


@embedded
def enqueue(lists: Worklists, node: int) -> None:
    """Add `node` to the queue, unless it is in it."""
    if not lists.is_queued[node]:
        lists.is_queued[node] = True
        lists.queue[lists.counts[QUEUED]] = node
        lists.counts[QUEUED] += 1


@embedded
def mark_changed(lists: Worklists, k: int) -> None:
    """Record that tour `k` differs from the one kept."""
    if lists.strings_removed[k] < 0:
        lists.strings_removed[k] = 0
        lists.changed[lists.counts[CHANGED]] = k
        lists.counts[CHANGED] += 1


@embedded
def mark_touched(lists: Worklists, node: int) -> None:
    """Record that an edge at `node` was changed."""
    if lists.counts[TOUCHED] < len(lists.touched):
        lists.touched[lists.counts[TOUCHED]] = node
        lists.counts[TOUCHED] += 1


@part
def shuffle_queue(work: Workspace, first: int) -> None:
    """Shuffle the queue, except for its `first` customers."""
    count = work.lists.counts[QUEUED]
    for i in range(first, count):
        j = i + random_below(work.random, count - i)
        work.lists.queue[i], work.lists.queue[j] = work.lists.queue[j], work.lists.queue[i]


@part
def remove_visit(work: Workspace, state: RouteState, node: int) -> None:
    """Remove a customer, if it is visited, and record the changes."""
    k = np.int64(state.tour_of[node])
    if k < 0:
        return
    p = state.position[node]
    mark_touched(work.lists, state.stops[k, p - 1])
    mark_touched(work.lists, state.stops[k, p + 1])
    remove(work.model, state, node)
    mark_changed(work.lists, k)


def make_workspace(model: RouteModel, seed: int, *, descends: bool) -> Workspace:
    """The working memory of a search."""
    n, m = model.size, len(model.customers)
    return Workspace(
        model=model,
        near=near_in_sequence(model, NEIGHBOURS),
        descends=descends,
        ranks=_ranks(model),
        absences=np.ones(n),
        lists=Worklists(
            queue=np.zeros(n, dtype=np.int32),
            is_queued=np.zeros(n, dtype=np.bool_),
            changed=np.zeros(model.tours, dtype=np.int32),
            stale=np.zeros(model.tours, dtype=np.int32),
            is_stale=np.zeros(model.tours, dtype=np.bool_),
            strings_removed=np.full(model.tours, -1, dtype=np.int32),
            touched=np.zeros(2 * m, dtype=np.int32),
            counts=np.zeros(5, dtype=np.int64),
        ),
        reversals=np.zeros(2 * LONGEST_CHAIN, dtype=np.int32),
        quota_price=np.zeros(2),
        priority=np.zeros(n),
        random=np.array([seed % 2**64], dtype=np.uint64),
    )


def calibrated(work: Workspace, state: RouteState) -> tuple[Workspace, float]:
    """The working memory of a search that starts at `state`, and the cost of a visit, the unit of temperatures."""
    model = work.model
    totals = totals_of(model, state)
    m = len(model.customers)
    visits = max(1, m - totals.left_out)
    leg = _typical_leg(work, totals.length / (visits + 1))
    worth = (
        abs(model.weights.prize) * totals.collected
        + model.weights.penalty * model.nodes[PENALTY, model.customers].sum() / m * visits
    )
    timed = model.weights.makespan * totals.end / max(totals.length, NEGLIGIBLE)
    costs = leg * (model.weights.length + model.weights.longest + timed), worth / visits
    scale = next((cost for cost in costs if cost > 0.0), NEGLIGIBLE)
    if model.weights.length == 0.0:
        slope = SLOPE * (model.weights.longest + timed + worth / max(totals.length, NEGLIGIBLE))
        model = model._replace(weights=model.weights._replace(length=float(slope)))
    price = np.array([0.0, scale * visits / max(totals.collected, NEGLIGIBLE)])
    return work._replace(model=model, quota_price=price), float(scale)


def _typical_leg(work: Workspace, mean: float) -> float:
    """The mean distance of a customer to its second nearest, at most `mean`, the mean leg of a first answer."""
    customers = work.model.customers
    away = work.model.legs(customers[:, None], work.near[customers])
    second = min(1, away.shape[1] - 1)
    return mean if second < 0 else min(mean, max(float(np.partition(away, second)[:, second].mean()), mean / 100.0))


def _ranks(model: RouteModel) -> Nodes:
    """Each customer's place in the orders of insertion `[o, n]`.

    They are: farthest, nearest, heaviest, most valuable, first to close, first to open.

    An order in which all customers are equal is left out.
    """
    customers = model.customers
    far = model.legs(model.start, customers) + model.legs(customers, model.end)
    columns = [
        far,
        -far,
        -model.nodes[DEMAND, customers],
        -model.nodes[WORTH, customers],
        model.nodes[CLOSES, customers],
        model.nodes[OPENS, customers],
    ]
    keys = [key for key in columns if np.ptp(np.where(np.isinf(key), 0.0, key)) > 0.0]
    orders = np.array([customers[np.argsort(key, kind="stable")] for key in keys or [far]])
    ranks = np.zeros((len(orders), model.size), dtype=np.int32)
    np.put_along_axis(ranks, orders, np.arange(len(customers), dtype=np.int32)[None], axis=1)
    return ranks
