"""The base of all solvers that work on a `RouteModel`: tiny instances, paths, and the best answer so far."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from baselines.trivial import SQUARE, solve_trivial
from tsp.budget import Clock
from tsp.problems import get_problem
from tsp.solution import check, is_preferable, no_answer
from tsp.solvers import InstanceSolver, most_nodes_refusal, slow_refusal

from .model import closed, is_modelled, model_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tsp.instance import Instance
    from tsp.problems import Problem
    from tsp.solution import Solution
    from tsp.solvers import Task

    from .model import RouteModel
    from .state import Tours

MOST_NODES = 20_000
"""The most nodes for which a model is made."""

PAIR = 1.6e-8
"""Seconds for each pair of nodes that a matrix takes to read, or a single tour to build."""

PATH_PAIR = 5.5e-8
"""The same for paths, which are solved as cycles by a matrix."""

NODE = 3e-5
"""Seconds for each node that the first of several tours between points take."""


class ModelSolver(InstanceSolver):
    """A solver of every problem that has a model; a subclass yields better and better tours."""

    keeps_free_ends = True

    def supports(self, problem: Problem) -> bool:
        """Whether every rule and objective term has a reading in the model."""
        return is_modelled(problem)

    def warm_up(self, problem: Problem) -> None:
        """Compile; what is compiled serves every problem."""
        list(self.search(model_of(get_problem("tsp"), SQUARE), Clock(0.0), seed=0, initial=None))

    def refusal(self, problem: Problem, instance: Instance, time_limit: float) -> str | None:
        """Refuse more than `MOST_NODES` nodes, or so many that the first tours alone do not fit into the time."""
        if problem.shape.has_several_tours and instance.matrix is None:
            needed = NODE * instance.size
        else:
            needed = (PATH_PAIR if problem.shape.is_path else PAIR) * instance.size**2
        return most_nodes_refusal(self, instance, MOST_NODES) or slow_refusal(self, instance, needed, time_limit)

    def solve_one(self, task: Task) -> Solution:
        """Search until the subclass or the clock ends the search, and keep the best answer."""
        problem, instance, initial, report = task.problem, task.instance, task.initial, task.report
        trivial = solve_trivial(problem, instance)
        if trivial is not None:
            return trivial
        shape, place, path = closed(problem, instance)
        model = model_of(shape, place)
        start = path.question(shape, initial) if path is not None and initial is not None else initial
        answer = initial
        for tours in self.search(model, task.clock, seed=task.seed, initial=start):
            found = check(shape, place, tours)
            found = found if path is None else path.answer(problem, instance, found)
            if answer is None or is_preferable(problem, found, answer):
                answer = found
                if report is not None and found.feasible:
                    report(found)
        return answer or no_answer(seconds=0.0, solver=self.name)

    @abstractmethod
    def search(self, model: RouteModel, clock: Clock, *, seed: int, initial: Solution | None) -> Iterator[Tours]:
        """Yield answers as long as time allows; `initial` is a solution of the model's instance."""
