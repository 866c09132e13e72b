"""`RecourseSolver`: plans for the average cost where prizes are hidden, without a network.

Its orders come from a randomized greedy construction. The module `recourse`, which `policy` uses too, compares and
improves them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from envs.batch import from_instances
from envs.routing_env import RoutingEnv
from tsp.budget import Budget
from tsp.instance import Instance
from tsp.problems import PrizeQuota, Problem, VisitAtMostOnce
from tsp.solution import Solution, check
from tsp.solvers import InstanceSolver, Task, most_nodes_refusal

from .device import threads
from .recourse import ENDED, THOROUGH, best_plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_NODES = 1_000
"""Largest number of nodes at which a round of the search keeps short time limits."""
DRAWN = 64
"""Number of orders that are constructed; the best of them are improved."""
DRAWN_NODES = 6_400
"""Largest number of nodes in all these orders together; fewer orders are constructed where it is exceeded."""
CHOICES = 3
"""Number of best nodes from which the construction draws the next one."""
LEAST_PRIZE = 1e-12
"""Smallest divisor of costs, where a prize is smaller."""


class RecourseSolver(InstanceSolver):
    """The order of visits that costs least on average, by local search from randomized greedy orders.

    An order is followed until the real prizes meet the quota; the answer shows it up to where it ends
    if all prizes are as expected. The search ends at the time limit, or earlier where no move saves: the
    answer is then a function of the instance and the seed alone.

    Args:
        starts: number of greedy orders that are improved, in addition to the plan so far where there is one.
    """

    def __init__(self, *, starts: int = THOROUGH.starts) -> None:
        if starts < 1:
            raise ValueError(f"recourse: starts={starts}, expected 1 or more")
        self.name = "recourse"
        self.starts = starts

    def supports(self, problem: Problem) -> bool:
        """Whether the problem is one tour that hides prizes, without other rules and with terms in `ENDED`."""
        return (
            problem.expects_prizes
            and problem.shape.has_one_depot_tour
            and {type(rule) for rule in problem.rules} <= {VisitAtMostOnce, PrizeQuota}
            and problem.objective.sense == "min"
            and ENDED.keys() >= set(problem.objective.terms)
        )

    def warm_up(self, problem: Problem) -> None:
        """Import modules, and run the search once on two nodes."""
        two = Instance(np.eye(2), prizes=np.ones(2), penalties=np.zeros(2), min_prize=1.0)
        self.solve(problem, [two], Budget())

    def refusal(self, problem: Problem, instance: Instance, time_limit: float) -> str | None:
        """Refuse more than `MOST_NODES` nodes."""
        return most_nodes_refusal(self, instance, MOST_NODES)

    def solve_one(self, task: Task) -> Solution:
        """Draw orders, improve the best ones until the clock runs out, and end the best one at its best end."""
        problem, instance = task.problem, task.instance
        drawn = max(self.starts, min(DRAWN, DRAWN_NODES // instance.size))
        orders = greedy_orders(instance, drawn, np.random.default_rng(task.seed))
        effort = replace(THOROUGH, starts=self.starts)
        if task.initial is not None:
            orders = np.vstack([orders, _completed(task.initial.tours[0], orders[0])])
            effort = replace(effort, starts=self.starts + 1)
        in_plane = instance.coordinates is not None and instance.coordinates.shape[1] == 2
        # a batch takes coordinates in the plane, or a matrix
        known = instance if in_plane else replace(instance, matrix=instance.distances)
        env = RoutingEnv(problem)
        with torch.inference_mode(), threads(1):
            batch = from_instances([known])
            plan = best_plan(env, batch, torch.from_numpy(orders)[None], effort=effort, clock=task.clock)
        solution = check(problem, instance, env.tours(plan[0], instance))
        if task.report is not None:
            task.report(solution)
        return solution


def greedy_orders(instance: Instance, count: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Orders `[count, T]` of all nodes between the ends of the tour.

    The next node is drawn among those with the least extra cost for each unit of expected prize.
    """
    assert instance.prizes is not None
    saved = 0.0 if instance.penalties is None else instance.penalties
    cost = (instance.distances - saved) / np.maximum(instance.prizes, LEAST_PRIZE)
    ends = {instance.depot, instance.finish}
    orders = np.empty((count, instance.size - len(ends)), dtype=np.int64)
    done = np.zeros((count, instance.size), dtype=bool)
    done[:, list(ends)] = True
    rows, at = np.arange(count), np.full(count, instance.depot)
    for step in range(orders.shape[1]):
        choices = min(CHOICES, orders.shape[1] - step)
        best = np.where(done, np.inf, cost[at]).argpartition(choices - 1)[:, :choices]
        at = best[rows, random.integers(choices, size=count)]
        orders[:, step] = at
        done[rows, at] = True
    return orders


def _completed(tour: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """An order of the same nodes as `order`: first those of the tour, in its order."""
    visited = tour[np.isin(tour, order)]
    return np.concatenate([visited, order[~np.isin(order, visited)]])
