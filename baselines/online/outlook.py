"""`look_ahead`: what a plan of a session promises under its laws, by following it on drawn days."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tsp.laws import appearances_ahead
from tsp.solution import Outlook, check
from tsp.solvers import onward_of
from tsp.underway import end_to_list

from .appearances import draw_scenarios, end_of_first_wait, follow, is_appearing_session, releases_of
from .planning import Plan, departures
from .sessions import is_session, position_of, sessions_of

if TYPE_CHECKING:
    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution

    from .sessions import Floats

DRAWS = 10_000
"""Number of drawn days; a probability is then within 0.01 of the true one."""
CELLS = 512
"""Cells of the grid of times by which nodes are left, skipped and left out."""
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def look_ahead(problem: Problem, instance: Instance, solution: Solution) -> Outlook | None:
    """What a plan promises if its order is kept, and left where that is better; None where it is no session's."""
    if not solution.feasible:
        return None
    if is_appearing_session(problem):
        return _look_for_nodes(problem, instance, solution)
    if not is_session(problem):
        return None
    done = () if instance.underway is None else instance.underway.visited
    onward = onward_of(instance, solution.tours[0].tolist(), done)
    sessions, position = sessions_of(problem, instance), position_of(problem, instance)
    stays = position.undecided and onward[:1] == [position.here]
    ways = departures(sessions, position)
    way = next((one for one in ways if one.stays == stays), ways[0])
    following = list(dict.fromkeys(node for node in onward if node != position.here))
    plan = Plan(sessions, way.position, following, cells=CELLS, seed=0, complete=False)
    found = plan.follow(DRAWS, 0)
    following_node = position.here if stays else found.order[0] if found.order else instance.finish
    expected = _collected(problem, instance) + way.prize + found.mean
    outlook = _outlook(following_node, found.order, expected, found.in_time, found.arrivals)
    return outlook if instance.late_price is None else outlook._replace(late=found.late)


def _look_for_nodes(problem: Problem, instance: Instance, solution: Solution) -> Outlook:
    """What a plan promises where nodes appear: the next step is made, and then the better of two rules is followed."""
    done = () if instance.underway is None else instance.underway.visited
    onward = onward_of(instance, solution.tours[0].tolist(), done)
    session, position = releases_of(problem, instance), position_of(problem, instance)
    ahead = appearances_ahead(instance)
    appears = draw_scenarios(ahead, DRAWS, 0)
    last = np.where(np.isfinite(ahead), ahead, -np.inf).max(axis=1)
    waits = onward[:1] == [position.here]
    order = list(dict.fromkeys(node for node in onward if node != position.here))
    if waits and not order:  # for any node
        order = [node for node in np.argsort(last).tolist() if not position.gone[node] and np.isfinite(last[node])]
    now = np.full(DRAWS, position.now)
    if waits:
        now = end_of_first_wait(session, appears, ~position.gone, position.here, position.now)
    both = [follow(session, appears, last, position.here, now, order, patient=patient) for patient in (True, False)]
    found = max(both, key=lambda promise: promise.mean)
    following_node = position.here if waits else order[0] if order else instance.finish
    return _outlook(following_node, order, _collected(problem, instance) + found.mean, found.in_time, found.arrivals)


def _collected(problem: Problem, instance: Instance) -> float:
    """The prize of the visits so far, without the price of a late end."""
    instance = instance if instance.late_price is None else replace(instance, late_price=0.0)
    done = () if instance.underway is None else instance.underway.visited
    return check(problem, instance, [[instance.depot, *done, *end_to_list(instance, done)]]).objective or 0.0


def _outlook(following: int, order: list[int], expected: float, in_time: Floats, arrivals: Floats) -> Outlook:
    """The outlook of an order that was followed on drawn days, with the times of arrival `[DRAWS, m]` on each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a node that is never reached
        quantiles = np.nanquantile(arrivals, QUANTILES, axis=0).T if order else np.empty((0, 5))
    least = int(np.argmin(in_time)) if order else None
    drops = None if least is None or in_time[least] > 1 - 0.5 / DRAWS else order[least]
    return Outlook(following, tuple(order), expected, in_time, quantiles, drops)
