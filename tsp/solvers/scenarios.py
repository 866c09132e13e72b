"""Scenarios: a solver for known numbers plans drawn days, and they agree on the next step (Bent & Van Hentenryck 2004).

A scenario is an instance all of whose values are known. A plan for it sees what will happen, so what it expects is too
much; `rule=mean` values a first step by the best plans after it, and is therefore drawn towards steps that pay only for
those who know what comes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from tsp.budget import SHORTEST, Clock
from tsp.instance import LAWS, Realization, Underway
from tsp.laws import appearances_ahead, with_known
from tsp.solution import check, session_end
from tsp.solvers.means import MeansSolver
from tsp.solvers.plans import plan_as_tour
from tsp.solvers.protocol import BaseSolver, Request, require_support
from tsp.underway import end_to_list

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution

MOST_SCENARIOS = 200
"""The most scenarios: each is an instance in memory, and takes a millisecond or more."""

MOST_STEPS = 6
"""The most first steps that `rule=mean` compares: those that most scenarios begin with."""


class _Planned(NamedTuple):
    """The plan of a scenario after what was done.

    Attributes:
        value: its objective, in this scenario.
        onward: what is to be done; the first entry is the next step, and without any she goes home.
    """

    value: float
    onward: list[int]


class ScenariosSolver(BaseSolver):
    """Plans for drawn days, and takes the step that most of their plans begin with, or that is best on average.

    Args:
        k: number of scenarios.
        rule: `vote`: the step that most plans begin with; `mean`: the step after which the plans of all scenarios are
            worth most on average.
        solver: spec of the solver that plans a scenario.
    """

    name = "scenarios"
    uses_initial = False

    def __init__(self, *, k: int = 10, rule: Literal["vote", "mean"] = "mean", solver: str = "ls") -> None:
        if not 1 <= k <= MOST_SCENARIOS:
            raise ValueError(f"scenarios: k={k}, expected 1 to {MOST_SCENARIOS}")
        self.k, self.rule, self.planner = k, rule, MeansSolver(solver=solver)

    def supports(self, problem: Problem) -> bool:
        """Whether all nodes of the session are there, and the solver supports it with known numbers."""
        return not problem.may_wait and self.planner.supports(problem)

    def warm_up(self, problem: Problem) -> None:
        """Warm up the solver."""
        self.planner.warm_up(problem)

    def solve_request(self, request: Request) -> list[Solution]:
        """Plan each instance; the answer is the plan of the best scenario that begins with the chosen step."""
        require_support(self, request.problem)
        return [self._solve_one(request, i) for i in range(len(request.instances))]

    def _solve_one(self, request: Request, i: int) -> Solution:
        problem, instance, clock = request.problem, request.instances[i], Clock(request.limits[i])
        seed = request.seed_at(i)
        everywhere = list(range(instance.size))
        days = [with_known(instance, day, everywhere) for day in draw_days(instance, self.k, seed)]
        share = 0.5 if self.rule == "mean" else 1.0
        plans = self._plan(problem, days, (), share * clock.remaining, seed)
        votes = Counter(tuple(plan.onward[:1]) for plan in plans)
        step = max(votes, key=lambda one: (votes[one], sum(p.value for p in plans if tuple(p.onward[:1]) == one)))
        if self.rule == "mean" and len(votes) > 1:
            listed = [one for one, _ in votes.most_common(MOST_STEPS)]
            values = {
                one: self._mean_after(problem, days, one, clock.remaining / (len(listed) - j), seed)
                for j, one in enumerate(listed)
            }
            step = max(values, key=lambda one: values[one])
        chosen = max((plan for plan in plans if tuple(plan.onward[:1]) == step), key=lambda plan: plan.value)
        done = () if instance.underway is None else instance.underway.visited
        found = plan_as_tour(problem, instance, done, chosen.onward)
        return replace(found, seconds=clock.elapsed, solver=self.name)

    def _mean_after(
        self, problem: Problem, days: list[Instance], step: tuple[int, ...], seconds: float, seed: int
    ) -> float:
        """The mean value of the scenarios' plans that begin with a step."""
        return float(np.mean([plan.value for plan in self._plan(problem, days, step, seconds, seed)]))

    def _plan(
        self, problem: Problem, days: list[Instance], step: tuple[int, ...], seconds: float, seed: int
    ) -> list[_Planned]:
        """The plan of each scenario after what was done and a step; the step home has no other after it."""
        done = () if days[0].underway is None else days[0].underway.visited
        limits = [max(seconds / len(days), SHORTEST)] * len(days)
        after = [_after(problem, day, (*done, *step)) if step else day for day in days]
        found = self.planner.solve_request(Request(problem, after, limits, seed=seed))
        out: list[_Planned] = []
        for day, solution in zip(days, found, strict=True):
            ends = {day.depot, day.finish}
            known = [*done, *step]
            tour = [node for node in solution.tours[0].tolist() if node not in ends] if solution.tours else known
            made = check(problem, day, [[day.depot, *tour, *end_to_list(day, done)]])
            out.append(_Planned(made.objective if made.objective is not None else -np.inf, tour[len(done) :]))
        return out


def draw_days(instance: Instance, k: int, seed: int) -> list[Realization]:
    """K drawn days; each node has its outcomes about equally often, of appearances those that are still to come."""
    laws = {name: law for name in LAWS if (law := getattr(instance, name)) is not None}
    if instance.law_appears is not None:
        laws["law_appears"] = appearances_ahead(instance)
    is_over: NDArray[np.bool_] = np.logical_or.reduce([np.isnan(law) for law in laws.values()])
    outcomes: NDArray[np.int64] = (~is_over).sum(axis=1)
    ranked = np.argsort(is_over, axis=1, kind="stable")
    rng, nodes = np.random.default_rng(seed), np.arange(instance.size)
    first: NDArray[np.int64] = rng.integers(0, outcomes)
    spread: NDArray[np.float64] = first[:, None] + np.arange(k) * (outcomes[:, None] / k)
    drawn = rng.permuted(spread, axis=1)
    columns = ranked[nodes[:, None], drawn.astype(np.int64) % outcomes[:, None]]
    return [
        Realization(**{name.removeprefix("law_"): law[nodes, column] for name, law in laws.items()})
        for column in columns.T
    ]


def _after(problem: Problem, day: Instance, visited: tuple[int, ...]) -> Instance:
    """A drawn day after more visits."""
    elapsed = session_end(problem, day, [day.depot, *visited], None)
    return replace(day, underway=Underway(visited, elapsed=elapsed))
