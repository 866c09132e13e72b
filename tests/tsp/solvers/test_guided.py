import time
from dataclasses import replace

import numpy as np
import pytest

from tsp.budget import Budget
from tsp.instance import Instance, Underway
from tsp.problems import get_problem
from tsp.solution import check
from tsp.solvers import InstanceSolver
from tsp.solvers.guided import Guided, make_guide
from tsp.solvers.registry import make

TSP = get_problem("tsp")


class Ring:
    """A guide whose only candidate is the next node, after a delay."""

    name = "ring"
    seconds = 0.0

    def __init__(self):
        self.asked = []

    def warm_up(self):
        pass

    def candidates(self, problem, instances):
        self.asked += [instance.name for instance in instances]
        time.sleep(self.seconds * len(instances))
        return [(np.arange(instance.size)[:, None] + 1) % instance.size for instance in instances]


class Follower(InstanceSolver):
    """A search that goes from each node to its first candidate."""

    name = "follower"

    def __init__(self):
        self.limits = []

    def supports(self, problem):
        return True

    def solve_one(self, task):
        size = task.instance.size
        self.limits.append(task.clock.limit)
        if task.candidates is None:
            return check(task.problem, task.instance, [np.arange(size)[::-1]])
        tour = [0]
        while len(tour) < size:
            tour.append(int(task.candidates[tour[-1], 0]))
        found = check(task.problem, task.instance, [tour])
        if task.report is not None:
            task.report(found)
        return found


def points(n, name=""):
    return Instance(np.random.default_rng(n).random((n, 2)), name=name)


def test_a_guided_search_gets_the_candidates_of_the_guide():
    answers = Guided(Ring(), Follower()).solve(TSP, [points(6), points(9)], Budget(1.0))
    assert [answer.tours[0].tolist() for answer in answers] == [list(range(6)), list(range(9))]
    assert {answer.solver for answer in answers} == {"ring-follower"}


def test_a_guide_is_used_for_symmetric_closed_tours_alone():
    guide = Ring()
    begun = replace(points(8, "begun"), underway=Underway((3,)))
    one_way = Instance(matrix=np.random.default_rng(0).random((7, 7)), name="one-way")
    answers = Guided(guide, Follower()).solve(TSP, [begun, points(9, "plain"), one_way], Budget(1.0))
    assert guide.asked == ["plain"]
    assert [len(answer.tours[0]) for answer in answers] == [8, 9, 7]
    Guided(guide, Follower()).solve(get_problem("shpp"), [points(6, "path")], Budget(1.0))
    assert guide.asked == ["plain"]


def test_given_candidates_replace_those_of_the_guide():
    guide = Ring()
    back = (np.arange(6)[:, None] - 1) % 6
    answer = Guided(guide, Follower()).solve(TSP, [points(6)], Budget(1.0), candidates=[back])[0]
    assert answer.tours[0].tolist() == [0, 5, 4, 3, 2, 1]
    assert guide.asked == []


def test_the_time_of_a_guide_is_charged_to_the_search():
    guide, search, seen = Ring(), Follower(), []
    guide.seconds = 0.05
    answers = Guided(guide, search).solve(
        TSP, [points(6), points(7)], Budget(1.0), report=lambda i, solution: seen.append((i, solution.seconds))
    )
    assert max(search.limits) <= 0.95
    assert min(answer.seconds for answer in answers) >= 0.05
    assert [i for i, _ in seen] == [0, 1]
    assert min(seconds for _, seconds in seen) >= 0.05


@pytest.mark.parametrize("spec", ["ls", "ls(candidates=quadrant)", "ls(candidates=alpha)", "guided-ls"])
def test_local_search_finds_small_optima_with_every_guide(spec):
    instance = points(9)
    solver = make(spec)
    found = solver.solve(TSP, [instance], Budget(5.0))[0]
    best = make("cpsat").solve(TSP, [instance], Budget(30.0))[0]
    assert found.objective == pytest.approx(best.objective)
    assert found.solver == spec


def test_local_search_with_kicks_gives_the_same_tour_with_one_thread_and_two():
    instances = [points(n) for n in (40, 60, 80)]
    alone, together = (
        make("ls(kicks=300, candidates=alpha)").solve(TSP, instances, Budget(60.0, threads=threads))
        for threads in (1, 2)
    )
    assert [s.tours[0].tolist() for s in alone] == [s.tours[0].tolist() for s in together]


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        ("ls(candidates=magic)", "expected distance or quadrant or alpha or learned"),
        ("ls(path=there)", "path: there, expected only together with candidates=learned"),
        ("ls(neighbours=0)", "expected 1 or more"),
        ("ls(kicks=-1)", "expected 0 or more"),
    ],
)
def test_invalid_options_of_the_local_search_are_refused(spec, match):
    with pytest.raises(ValueError, match=match):
        make(spec)


def test_guides_are_made_by_name():
    assert make_guide("quadrant", neighbours=None).name == "quadrant"


def test_a_guide_that_takes_most_of_the_time_is_left_out():
    guide = Ring()
    guide.seconds_a_node = 0.01
    for limit in (0.3, 0.5):
        Guided(guide, Follower()).solve(TSP, [points(20, f"within {limit} s")], Budget(limit))
    assert guide.asked == ["within 0.5 s"]
