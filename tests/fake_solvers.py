"""Fake solvers with fixed answers and times, and an instance for them."""

import os
from dataclasses import dataclass, field

from tsp.instance import Instance
from tsp.problems import get_problem
from tsp.solution import check, no_answer
from tsp.solvers import InstanceSolver

TSP = get_problem("tsp")
# A rectangle of 3 by 4: around it 14; crossing along the long sides 18, along the short sides 16.
RECTANGLE = Instance([[0, 0], [0, 3], [4, 3], [4, 0]])
AROUND, LONG, SHORT = [0, 1, 2, 3], [0, 2, 1, 3], [0, 1, 3, 2]


@dataclass
class FixedTour:
    """Answers every instance with one tour (or none), and reports a fixed time."""

    name: str
    tour: list | None
    seconds: float = 0.0
    bound: float | None = None
    one_shot: bool = False
    problems: tuple = ("tsp",)
    calls: list = field(default_factory=list)

    def supports(self, problem):
        return problem.name in self.problems

    def warm_up(self, problem):
        self.calls.append("warm up")

    def solve(self, problem, instances, budget, *, initial=None, candidates=None, report=None):
        self.calls.append((len(instances), budget, initial))
        answers = []
        for i, instance in enumerate(instances):
            if self.tour is None:
                answers.append(no_answer(seconds=self.seconds, solver=self.name, bound=self.bound))
                continue
            tours = [self.tour]
            answers.append(check(problem, instance, tours, seconds=self.seconds, bound=self.bound, solver=self.name))
            if report is not None:
                report(i, answers[-1])
        return answers


class OneByOne(InstanceSolver):
    """Answers with the nodes in order and the process id as bound; 1 node is an error, 2 nodes end the process."""

    name = "one-by-one"

    def __init__(self):
        self.seen = []

    def supports(self, problem):
        return True

    def solve_one(self, task):
        size = task.instance.size
        if size == 1:
            raise ValueError("too small")
        if size == 2:
            os._exit(1)
        self.seen.append((task.clock.limit, task.seed, task.initial, task.candidates))
        solution = check(task.problem, task.instance, [range(size)], bound=os.getpid())
        if task.report is not None:
            task.report(solution)
        return solution
