"""Certainty equivalence: a solver for known numbers plans with the means of uncertain ones.

It is the natural opponent of planners that know the law: simple, and strong where a session is long. A `buffer` above 1
plans with longer visits, so that fewer of them are broken off.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsp.instance import LAWS
from tsp.laws import expected, time_now
from tsp.problems import LateEnd, LengthBudget, Problem, Session, TimeWindows
from tsp.solution import session_end
from tsp.solvers.chain import better_of
from tsp.solvers.plans import plan_as_tour, plan_with_waits
from tsp.solvers.protocol import BaseSolver, require_support, solve_request
from tsp.solvers.registry import make
from tsp.underway import end_to_list, is_undecided

if TYPE_CHECKING:
    from tsp.instance import Array, Instance, Realization
    from tsp.solution import Solution
    from tsp.solvers.protocol import Request


class _Known(NamedTuple):
    """An instance with known numbers in place of uncertain ones.

    Attributes:
        place: of the instance that it stands for.
        instance: has the means.
        done: the visits and decisions that it takes as made.
    """

    place: int
    instance: Instance
    done: tuple[int, ...]


MOST_BUFFER = 1000
"""The largest buffer: with it, no visit fits that takes a thousandth of the session."""


class MeansSolver(BaseSolver):
    """Plans as if every visit took a fixed time: its mean, times a buffer.

    At a node whose wait and prize she has just seen, it plans both ways, with the visit and without, and takes the
    better one.

    Args:
        solver: spec of the solver that plans with these numbers.
        buffer: factor of the mean times, above 0 and up to 1000.
    """

    name = "means"
    uses_initial = False

    def __init__(self, *, solver: str = "ls", buffer: float = 1.0) -> None:
        if not 0 < buffer <= MOST_BUFFER:
            raise ValueError(f"means: buffer={buffer:g}, expected a number above 0, up to {MOST_BUFFER}")
        self.solver, self.buffer = make(solver), buffer

    def supports(self, problem: Problem) -> bool:
        """Whether the problem is a session, and the solver supports it with known numbers."""
        return problem.rule(Session) is not None and self.solver.supports(with_known_times(problem))

    def warm_up(self, problem: Problem) -> None:
        """Warm up the solver."""
        self.solver.warm_up(with_known_times(problem))

    def solve_request(self, request: Request) -> list[Solution]:
        """Plan each instance with fixed numbers; the answer is checked with the means themselves."""
        require_support(self, request.problem)
        problem = request.problem
        known = [one for i in range(len(request.instances)) for one in self._known(request, i)]
        both = [sum(one.place == i for one in known) for i in range(len(request.instances))]
        changed = replace(
            request,
            problem=with_known_times(problem),
            instances=[one.instance for one in known],
            limits=[request.limits[one.place] / both[one.place] for one in known],
            initial=None,
            report=None,
        )
        out: list[Solution | None] = [None] * len(request.instances)
        for one, found in zip(known, solve_request(self.solver, changed), strict=True):
            before, seconds = out[one.place], found.seconds
            if found.tours:
                found = self._checked(problem, request.instances[one.place], one, found)
            found = replace(found, bound=None, solver=self.name)
            if before is not None:
                seconds += before.seconds
                found = better_of(problem, before, found)
            out[one.place] = replace(found, seconds=seconds)
        return [solution for solution in out if solution is not None]

    def _checked(self, problem: Problem, instance: Instance, one: _Known, found: Solution) -> Solution:
        """The plan as a tour of the instance: what was done, and a stay at each node that is to come."""
        known = {instance.depot, instance.finish, *one.done}
        onward = [node for node in found.tours[0].tolist() if node not in known]
        if problem.may_wait:
            appears = self._means(instance).appears
            assert appears is not None
            return plan_with_waits(problem, instance, [node for node in onward if np.isfinite(appears[node])])
        if problem.may_stay:
            onward = np.repeat(onward, 2).tolist()
        # With a buffer below 1, the last visits of a plan may be too late by the means.
        return plan_as_tour(problem, instance, one.done, onward)

    def _known(self, request: Request, i: int) -> list[_Known]:
        """The instance with fixed numbers; two of them where she may stay at the node that she has just come to."""
        problem, instance = request.problem, request.instances[i]
        done: tuple[int, ...] = () if instance.underway is None else instance.underway.visited
        out = [_Known(i, self._with_means(problem, instance, done), done)]
        if is_undecided(problem, done, instance.finish):
            stay = done + done[-1:]
            out.append(_Known(i, self._with_means(problem, instance, stay), stay))
        return out

    def _means(self, instance: Instance) -> Realization:
        """What is planned with."""
        return expected(instance)

    def _with_means(self, problem: Problem, instance: Instance, done: tuple[int, ...]) -> Instance:
        """The instance with fixed numbers after what was done: the time so far counts as travelled."""
        means, underway, back, limit = self._means(instance), None, 0.0, instance.max_length or 0.0
        service = instance.service_times if means.service_times is None else means.service_times
        times = np.zeros(instance.size) if service is None else self.buffer * service
        prizes = instance.prizes if means.prizes is None else means.prizes.copy()
        assert prizes is not None
        if means.waits is not None:
            times += np.where(np.isfinite(means.waits), self.buffer * means.waits, instance.max_length or 0.0)
        if instance.underway is not None:
            elapsed = instance.underway.elapsed
            if elapsed is None or done != instance.underway.visited:
                tour = [instance.depot, *done, *end_to_list(instance, done)]
                elapsed = session_end(problem, instance, tour, None)
            if instance.late_price is not None and done:  # the way to the end is open, however late she is
                back = elapsed + (0.0 if instance.free_end else float(instance.legs(done[-1], instance.finish)))
            times[list(done)] = 0.0
            if problem.may_stay:  # nodes seen and left count nothing
                stays = [a for a, b in pairwise(done) if a == b]
                prizes[np.setdiff1d(done, stays)] = 0.0
            nodes = tuple(node for node in dict.fromkeys(done) if node != instance.depot)
            in_time = problem.may_wait or instance.time_windows is not None
            used = {"elapsed": elapsed if in_time else None, "travelled": None if in_time else elapsed}
            underway = replace(instance.underway, visited=nodes, **used)
        windows = instance.time_windows if means.appears is None else _from_appearance(instance, means.appears)
        if means.appears is not None:
            prizes = np.where(np.isinf(means.appears), 0.0, prizes)
        without = dict.fromkeys((*LAWS, "late_price"))
        known = replace(instance, **without, prizes=prizes, service_times=times, underway=underway)
        if windows is None:
            return replace(known, max_length=max(limit, back))
        windows = windows.copy()  # the end closes when the session is over
        windows[[*done], 0] = 0.0  # a node that was seen may have been left before it opens
        windows[instance.finish, 1] = max(min(windows[instance.finish, 1], limit), back)
        return replace(known, time_windows=windows, max_length=None)


def _from_appearance(instance: Instance, appears: Array) -> Array:
    """Time windows that open when nodes appear; those of a node that appears after its window are as they were."""
    windows = np.tile([0.0, np.inf], (instance.size, 1)) if instance.time_windows is None else instance.time_windows
    opens, closes = windows.T
    ends = [instance.depot, instance.finish]
    later = np.where(appears <= closes, np.maximum(opens, np.where(np.isinf(appears), 0.0, appears)), opens)
    later[ends] = opens[ends]
    return np.stack([later, closes], axis=1)


class MyopicSolver(MeansSolver):
    """Plans as if no further node appeared, and waits where no node that is there can be visited.

    Args:
        solver: spec of the solver that plans.
    """

    name = "myopic"

    def __init__(self, *, solver: str = "ls") -> None:
        super().__init__(solver=solver)

    def supports(self, problem: Problem) -> bool:
        """Whether nodes appear during the session, and the solver supports it with known numbers."""
        return problem.may_wait and super().supports(problem)

    def _means(self, instance: Instance) -> Realization:
        means, law = super()._means(instance), instance.law_appears
        assert law is not None
        assert means.appears is not None
        return replace(means, appears=np.where(law.max(axis=1) > time_now(instance), np.inf, means.appears))


def with_known_times(problem: Problem) -> Problem:
    """The problem with known times in place of a session: with a length budget, or with time windows alone.

    When a node appears, its window opens.
    """
    others = tuple(rule for rule in problem.rules if not isinstance(rule, Session | LateEnd))
    limit = TimeWindows() if problem.may_wait else LengthBudget()
    return replace(problem, rules=others if problem.rule(TimeWindows) else (*others, limit))
