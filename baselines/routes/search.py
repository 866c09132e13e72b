"""Ruin and recreate with descent, for every problem that has a model: the anytime search by rules.

Each iteration removes visits (`ruin`), inserts customers (`recreate`) and shortens the tours
(`descent`); simulated annealing decides whether the search continues from the result. Where compulsory
customers do not all fit, those that were missing most often have the largest weight.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.kernels.geometry import Array, inlined, kernel, part
from baselines.kernels.randomness import RANGE, random_bits
from baselines.trivial import SQUARE
from tsp.budget import Budget, Clock
from tsp.problems import get_problem

from .descent import descend, descend_everywhere, is_reversible
from .edits import copy, set_tours
from .evaluation import NEGLIGIBLE, Totals, is_feasible, shortfall, totals_of, weighted
from .insertion import GRACE, InsertionByRules
from .model import PRIZE
from .model_solver import ModelSolver
from .recreate import recreate
from .ruin import ruin
from .state import RouteState, Tours, empty_state, tours_of
from .workspace import CHANGED, TOUCHED, Workspace, make_workspace

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

WORKSPACE_PAIR = 5e-8
"""Seconds that the working memory, with its lists of neighbours, takes for each pair of nodes."""

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
    for _ in range(count):
        allowance = -temperature * np.log(1.0 - random_bits(work.random) / RANGE)
        perturbed = ruin(work, now)
        recreate(work, now, perturbed)
        if work.descends:
            descend(work, now)
        totals = totals_of(work.model, now)
        if _is_accepted(work, now, kept, totals, costs, allowance):
            copy_changed(work, now, kept)
            costs[KEPT_COST], costs[KEPT_SHORTFALL] = weighted(work.model, totals), shortfall(work.model, totals)
            cost = weighted(objective, totals)
            margin = NEGLIGIBLE * max(1.0, abs(costs[BEST_COST]))
            if costs[KEPT_SHORTFALL] < costs[BEST_SHORTFALL] or (
                costs[KEPT_SHORTFALL] == costs[BEST_SHORTFALL] and cost < costs[BEST_COST] - margin
            ):
                copy(now, best)
                costs[BEST_COST], costs[BEST_SHORTFALL] = cost, costs[KEPT_SHORTFALL]
                improved = True
        else:
            copy_changed(work, kept, now)
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


@part
def copy_changed(work: Workspace, state: RouteState, to: RouteState) -> None:
    """Make the changed tours of `to` the same as those of `state`."""
    for i in range(work.lists.counts[CHANGED]):
        k = work.lists.changed[i]
        for p in range(1, to.sizes[k] + 1):
            to.tour_of[to.stops[k, p]] = -1
    for i in range(work.lists.counts[CHANGED]):
        k = work.lists.changed[i]
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

    def search(self, model: RouteModel, clock: Clock, *, seed: int, initial: Solution | None) -> Iterator[Tours]:
        """The best of the first answers, then better ones."""
        first: list[Tours] = [] if initial is None else [[tour.tolist() for tour in initial.tours]]
        left = clock.remaining
        share = left if self.iterations is not None else min(left, max(LEAST_PREPARATION, PREPARATION * left))
        for tours in InsertionByRules(clock).search(model, Clock(share), seed=seed, initial=None):
            yield tours
            first.append(tours)
        used = max(len(tours) for tours in first)
        model = model._replace(tours=min(model.tours, used + 2 + used // 4))
        now, kept, best = empty_state(model), empty_state(model), empty_state(model)
        costs = np.full(4, np.inf)
        for tours in first:
            set_tours(model, now, tours)
            totals = totals_of(model, now)
            cost, missing = weighted(model, totals), shortfall(model, totals)
            feasible = all(is_feasible(model, now, k) for k in range(model.tours))
            if feasible and (missing, cost) < (costs[BEST_SHORTFALL], costs[BEST_COST]):
                costs[BEST_COST], costs[BEST_SHORTFALL] = cost, missing
                copy(now, best)
        needed = max(0.0, WORKSPACE_PAIR * len(model.distances) ** 2 - GRACE)
        if np.isinf(costs[BEST_SHORTFALL]) or _has_all_prizes(model, costs) or clock.remaining <= needed:
            return
        work, scale = make_workspace(model, best, seed, descends=self.descent and is_reversible(model))
        copy(best, now)
        if not self.ruin_recreate:
            if work.descends:
                descend_everywhere(work, now)
                yield tours_of(model, now)
            return
        copy(best, kept)
        totals = totals_of(model, best)
        costs[KEPT_COST], costs[KEPT_SHORTFALL] = weighted(work.model, totals), shortfall(model, totals)
        for count, cooled in self._batches(clock):
            temperature = HOTTEST * scale * (COLDEST / HOTTEST) ** cooled
            if iterate(work, model, now, kept, best, costs, count, temperature):
                yield tours_of(model, best)
                if _has_all_prizes(model, costs):
                    return

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
