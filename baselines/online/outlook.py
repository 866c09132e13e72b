"""`look_ahead`: what a plan of a session promises under its laws, by following it on drawn days."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from tsp.solution import Outlook, check
from tsp.solvers import onward_of

from .planning import Plan, departures
from .sessions import is_session, position_of, sessions_of

if TYPE_CHECKING:
    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution

DRAWS = 10_000
"""Number of drawn days; a probability is then within 0.01 of the true one."""
CELLS = 512
"""Cells of the grid of times by which nodes are left, skipped and left out."""
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def look_ahead(problem: Problem, instance: Instance, solution: Solution) -> Outlook | None:
    """What a plan promises if its order is kept, and left where that is better; None where it is no session's."""
    if not is_session(problem) or not solution.feasible:
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a node that is never reached
        arrivals = np.nanquantile(found.arrivals, QUANTILES, axis=0).T if found.order else np.empty((0, 5))
    collected = check(problem, instance, [[instance.depot, *done]]).objective or 0.0
    least = int(np.argmin(found.in_time)) if found.order else None
    drops = None if least is None or found.in_time[least] > 1 - 0.5 / DRAWS else found.order[least]
    following_node = position.here if stays else found.order[0] if found.order else instance.finish
    return Outlook(
        following_node, tuple(found.order), collected + way.prize + found.mean, found.in_time, arrivals, drops
    )
