"""Ruin and recreate with descent, for every problem that has a model: the anytime search by rules.

Each iteration removes visits (`ruin`), inserts customers (`recreate`) and shortens the tours
(`descent`); simulated annealing decides whether the search continues from the result. Where compulsory
customers do not all fit, those that were missing most often have the largest weight.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import Array, Nodes, geometry_of, inlined, kernel, nearest_neighbours, part
from baselines.kernels.randomness import RANGE, random_bits
from baselines.trivial import SQUARE
from tsp.budget import Budget, Clock
from tsp.instance import Instance
from tsp.problems import get_problem

from .construction import insert_cheapest, insert_in_order, no_offers, savings_tours
from .descent import descend, descend_everywhere, is_reversible
from .edits import clear, copy, copy_sums, set_tours
from .evaluation import NEGLIGIBLE, Totals, is_feasible, recount, shortfall, totals_of, weighted
from .insertion import MOST_CHEAPEST, InsertionByRules
from .model import PRIZE
from .model_solver import ModelSolver
from .recreate import recreate
from .ruin import ruin
from .state import USED, RouteState, Tours, empty_state, tours_of
from .workspace import CHANGED, STALE, TOUCHED, Worklists, Workspace, calibrated, make_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tsp.problems import Problem
    from tsp.solution import Solution

    from .model import RouteModel

HOTTEST, COLDEST = 2.0, 0.1
"""Temperatures at the start and at the end, in the cost of a leg or the worth of a visit."""

PREPARATION = 0.2
"""The share of the time that the first answer may take."""

LEAST_PREPARATION = 0.05
"""Seconds that the first answer may always take: with less time, all of it is best used by insertion."""

AT_ONCE = 1000
"""Customers that are inserted between two looks at the clock."""

BETWEEN_ANSWERS = 20.0
"""The time between two answers, as a multiple of the time that checking one takes."""

BETWEEN_LOOKS = 1e-3
"""Seconds between two readings of the clock."""

BATCH = 100
"""Iterations at one temperature where the number of iterations is given."""

KEPT_COST, KEPT_SHORTFALL, BEST_COST, BEST_SHORTFALL = range(4)
"""The slots of `costs`: cost by the search's weights and shortfall of the kept tours; cost by the problem's own
weights and shortfall of the best."""


@kernel
def iterate(
    work: Workspace,
    objective: RouteModel,
    now: RouteState,
    kept: RouteState,
    best: RouteState,
    costs: Array,
    count: int,
    temperature: float,
) -> bool:
    """Ruin, recreate and descend `count` times at a temperature.

    Args:
        work: the working memory.
        objective: the problem with its own weights.
        now: tours to change, the same as `kept`.
        kept: the tours that annealing accepted last.
        best: the best tours so far.
        costs: `[4]`, the costs and shortfalls of `kept` and of `best`.
        count: number of iterations.
        temperature: in units of the cost.

    Returns:
        whether `best` was changed.
    """
    improved = False
    recount(work.model, now)
    copy_sums(now, kept)
    for _ in range(count):
        allowance = -temperature * np.log(1.0 - random_bits(work.random) / RANGE)
        perturbed = ruin(work, now)
        recreate(work, now, perturbed)
        if work.descends:
            descend(work, now)
        totals = totals_of(work.model, now)
        if _is_accepted(work, now, kept, totals, costs, allowance):
            copy_tours(now, kept, work.lists.changed, work.lists.counts[CHANGED])
            _mark_stale(work.lists)
            costs[KEPT_COST], costs[KEPT_SHORTFALL] = weighted(work.model, totals), shortfall(work.model, totals)
            cost = weighted(objective, totals)
            margin = NEGLIGIBLE * max(1.0, abs(costs[BEST_COST]))
            if costs[KEPT_SHORTFALL] < costs[BEST_SHORTFALL] or (
                costs[KEPT_SHORTFALL] == costs[BEST_SHORTFALL] and cost < costs[BEST_COST] - margin
            ):
                _copy_stale(work.lists, now, best)
                costs[BEST_COST], costs[BEST_SHORTFALL] = cost, costs[KEPT_SHORTFALL]
                improved = True
        else:
            copy_tours(kept, now, work.lists.changed, work.lists.counts[CHANGED])
        for i in range(work.lists.counts[CHANGED]):
            work.lists.strings_removed[work.lists.changed[i]] = -1
        work.lists.counts[CHANGED] = 0
        work.lists.counts[TOUCHED] = 0
    return improved


@inlined
def _is_accepted(
    work: Workspace, now: RouteState, kept: RouteState, totals: Totals, costs: Array, allowance: float
) -> bool:
    """Whether the search continues from `now`, not from `kept`; counts the absences of compulsory customers."""
    for i in range(work.lists.counts[CHANGED]):
        if not is_feasible(work.model, now, np.int64(work.lists.changed[i])):
            return False
    cost, missing = weighted(work.model, totals), shortfall(work.model, totals)
    is_cheaper = cost < costs[KEPT_COST] + allowance
    if missing == 0.0 or costs[KEPT_SHORTFALL] == 0.0 or work.model.optional:
        return missing < costs[KEPT_SHORTFALL] or (missing == costs[KEPT_SHORTFALL] and is_cheaper)
    old, new = _total_absences(work, kept), _total_absences(work, now)
    for node in work.model.customers:
        if now.tour_of[node] < 0:
            work.absences[node] += 1.0
    return new < old or (new == old and is_cheaper)


@inlined
def _total_absences(work: Workspace, state: RouteState) -> float:
    """The sum of the absences of the customers that are missing."""
    total = 0.0
    for node in work.model.customers:
        if state.tour_of[node] < 0:
            total += work.absences[node]
    return total


@inlined
def _mark_stale(lists: Worklists) -> None:
    """Record that the changed tours differ from those of the best answer."""
    for i in range(lists.counts[CHANGED]):
        k = lists.changed[i]
        if not lists.is_stale[k]:
            lists.is_stale[k] = True
            lists.stale[lists.counts[STALE]] = k
            lists.counts[STALE] += 1


@inlined
def _copy_stale(lists: Worklists, state: RouteState, best: RouteState) -> None:
    """Make `best` the same as `state`."""
    copy_tours(state, best, lists.stale, lists.counts[STALE])
    for i in range(lists.counts[STALE]):
        lists.is_stale[lists.stale[i]] = False
    lists.counts[STALE] = 0


@part
def copy_tours(state: RouteState, to: RouteState, tours: Nodes, count: int) -> None:
    """Make the first `count` of `tours`, which alone may differ, and the sums the same in `to` as in `state`."""
    copy_sums(state, to)
    for i in range(count):
        k = tours[i]
        for p in range(1, to.sizes[k] + 1):
            to.tour_of[to.stops[k, p]] = -1
    for i in range(count):
        k = tours[i]
        for p in range(state.sizes[k] + 2):
            node = state.stops[k, p]
            to.stops[k, p] = node
            to.begin[k, p] = state.begin[k, p]
            to.latest[k, p] = state.latest[k, p]
            if 0 < p <= state.sizes[k]:
                to.tour_of[node], to.position[node] = k, p
        to.sizes[k] = state.sizes[k]
        to.length[k] = state.length[k]
        to.load[k] = state.load[k]


class Found(NamedTuple):
    """The best of the first answers: its shortfall, its cost and its tours."""

    shortfall: float
    cost: float
    tours: Tours


class RouteSearch(ModelSolver):
    """Ruin and recreate until the clock runs out, from the best of insertion's answers and `initial`.

    Args:
        iterations: stop after this number, so that the answer depends on the instance and the seed alone, if
            the time suffices; None stops when the time is up.
        ruin_recreate: whether to iterate; if not, descent shortens the first answer once.
        descent: whether to shorten tours by reversals, where the rules allow them.
    """

    def __init__(self, *, iterations: int | None = None, ruin_recreate: bool = True, descent: bool = True) -> None:
        if iterations is not None and iterations < 0:
            raise ValueError(f"iterations: {iterations}, expected 0 or more")
        if not ruin_recreate and not descent:
            raise ValueError("ruin_recreate and descent: both are false, expected at most one of them to be")
        self.name = "ls"
        self.iterations = iterations
        self.ruin_recreate = ruin_recreate
        self.descent = descent

    def warm_up(self, problem: Problem) -> None:
        """Compile; what is compiled serves every problem."""
        one = RouteSearch(iterations=1, ruin_recreate=self.ruin_recreate, descent=self.descent)
        one.solve(get_problem("tsp"), [SQUARE], Budget(60.0))
        delivered = Instance(SQUARE.coordinates, demands=np.array([0.0, 1.0, 1.0, 1.0]), capacity=2.0)
        one.solve(get_problem("cvrp"), [delivered], Budget(60.0))
        nearest_neighbours(geometry_of(SQUARE), 1)  # of large instances, by a library that takes time to import

    def search(self, model: RouteModel, clock: Clock, *, seed: int, initial: Solution | None) -> Iterator[Tours]:
        """The best of the first answers, then better ones."""
        work = make_workspace(model, seed, descends=self.descent and is_reversible(model))
        state, found = empty_state(model), Found(np.inf, np.inf, [])
        for tours in self._first_answers(work, state, clock, seed, initial):
            set_tours(model, state, tours)
            totals = totals_of(model, state)
            missing, cost = shortfall(model, totals), weighted(model, totals)
            feasible = all(is_feasible(model, state, k) for k in range(int(state.sums[USED])))
            if feasible and (missing, cost) < (found.shortfall, found.cost):
                found = Found(missing, cost, tours)
                yield tours
        if np.isinf(found.shortfall) or clock.remaining <= 0.0:
            return
        used = len(found.tours)
        model = model._replace(tours=min(model.tours, used + 2 + used // 4))
        now, kept, best = empty_state(model), empty_state(model), empty_state(model)
        set_tours(model, best, found.tours)
        work, scale = calibrated(work._replace(model=model), best)
        yield from self._improve(model, work, now, kept, best, scale, clock)

    def _first_answers(
        self, work: Workspace, state: RouteState, clock: Clock, seed: int, initial: Solution | None
    ) -> Iterator[Tours]:
        """The initial answer, those of savings and of greedy insertion in several orders, and those of insertion."""
        model = work.model
        if initial is not None:
            yield [tour.tolist() for tour in initial.tours]
        left = clock.remaining
        share = left if self.iterations is not None else min(left, max(LEAST_PREPARATION, PREPARATION * left))
        own = Clock(share)
        if model.several and not model.optional:
            yield savings_tours(work)
        else:
            clear(model, state)
            offers = no_offers(model)
            while own.remaining > 0.0 and insert_cheapest(model, state, offers, AT_ONCE):
                pass
            yield self._completed(work, state, model.customers)
        for rank in work.ranks:
            if own.remaining <= 0.0:
                return
            clear(model, state)
            yield self._completed(work, state, model.customers[np.argsort(rank[model.customers])])
        if len(model.customers) <= MOST_CHEAPEST:
            yield from InsertionByRules(clock).search(model, own, seed=seed, initial=None)

    def _completed(self, work: Workspace, state: RouteState, order: Nodes) -> Tours:
        """The tours with the other customers inserted in an order, and shortened."""
        insert_in_order(work, state, order)
        if work.descends:
            descend_everywhere(work, state)
            work.lists.strings_removed[:] = -1
            work.lists.counts[:] = 0
        return tours_of(work.model, state)

    def _improve(
        self,
        model: RouteModel,
        work: Workspace,
        now: RouteState,
        kept: RouteState,
        best: RouteState,
        scale: float,
        clock: Clock,
    ) -> Iterator[Tours]:
        """Answers better than `best`, which is changed."""
        copy(best, now)
        if not self.ruin_recreate:
            if work.descends:
                descend_everywhere(work, now)
                yield tours_of(model, now)
            return
        copy(best, kept)
        costs = np.empty(4)
        totals = totals_of(model, best)
        costs[BEST_COST], costs[BEST_SHORTFALL] = weighted(model, totals), shortfall(model, totals)
        costs[KEPT_COST], costs[KEPT_SHORTFALL] = weighted(work.model, totals), costs[BEST_SHORTFALL]
        if _has_all_prizes(model, costs):
            return
        improved, wait = False, 0.0
        for count, cooled in self._batches(clock):
            temperature = HOTTEST * scale * (COLDEST / HOTTEST) ** cooled
            improved |= iterate(work, model, now, kept, best, costs, count, temperature)
            if improved and (clock.elapsed >= wait or clock.remaining <= 0.0):
                began = clock.elapsed
                yield tours_of(model, best)
                improved, wait = False, clock.elapsed + BETWEEN_ANSWERS * (clock.elapsed - began)
                if _has_all_prizes(model, costs):
                    return
        if improved:
            yield tours_of(model, best)

    def _batches(self, clock: Clock) -> Iterator[tuple[int, float]]:
        """The number of iterations in each batch, and the share of the time or of all iterations before it."""
        if self.iterations is not None:
            for done in range(0, self.iterations, BATCH):
                if clock.remaining <= 0.0:
                    return
                yield min(BATCH, self.iterations - done), done / self.iterations
            return
        start, count = clock.remaining, 10
        while (left := clock.remaining) > 0.0:
            yield count, 1.0 - left / start
            spent = max(left - clock.remaining, 1e-6)
            count = int(np.clip(count * min(BETWEEN_LOOKS, left) / spent, 1, 2 * count))


def _has_all_prizes(model: RouteModel, costs: Array) -> bool:
    """Whether nothing can be better, since all prizes are collected and nothing else counts."""
    if (
        costs[BEST_SHORTFALL] > 0.0
        or model.weights.length
        or model.weights.longest
        or model.weights.makespan
        or model.weights.penalty
    ):
        return False
    return bool(
        costs[BEST_COST] <= model.weights.prize * model.nodes[PRIZE, model.customers].sum() * (1.0 - NEGLIGIBLE)
    )
