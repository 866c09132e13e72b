"""The base of all solvers that work on a `RouteModel`: tiny instances, paths, and the best answer so far."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from baselines.trivial import SQUARE, solve_trivial
from tsp.budget import Clock
from tsp.problems import get_problem
from tsp.solution import Solution, check, is_preferable
from tsp.solvers import InstanceSolver

from .model import closed, is_modelled, model_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tsp.problems import Problem
    from tsp.solvers import Task

    from .model import RouteModel
    from .state import Tours

MOST_NODES = 5_000
"""Nodes up to which a model, which holds all distances, is made."""


class ModelSolver(InstanceSolver):
    """A solver of every problem that has a model; a subclass yields better and better tours."""

    def supports(self, problem: Problem) -> bool:
        """Whether every rule and objective term has a reading in the model."""
        return is_modelled(problem)

    def warm_up(self, problem: Problem) -> None:
        """Compile; what is compiled serves every problem."""
        list(self.search(model_of(get_problem("tsp"), SQUARE), Clock(0.0), seed=0, initial=None))

    def solve_one(self, task: Task) -> Solution:
        """Search until the subclass or the clock ends the search, and keep the best answer."""
        problem, instance, initial, report = task.problem, task.instance, task.initial, task.report
        trivial = solve_trivial(problem, instance)
        if trivial is not None:
            return trivial
        if instance.size > MOST_NODES:
            sentence = f"{instance.size} nodes: {self.name} takes on at most {MOST_NODES}"
            return initial or Solution((), None, False, (sentence,))
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
        assert answer is not None
        return answer

    @abstractmethod
    def search(self, model: RouteModel, clock: Clock, *, seed: int, initial: Solution | None) -> Iterator[Tours]:
        """Yield at least one answer, then answers that may be better; `initial` is of the model's instance."""
