import numpy as np
import pytest

from baselines.heuristics.constructive import Insertion
from baselines.heuristics.nearest_feasible import NearestFeasible
from baselines.routes.insertion import InsertionByRules
from baselines.routes.model import closed, model_of
from tsp.budget import Budget, Clock
from tsp.instance import Instance
from tsp.problems import get_problem
from tsp.solution import check


def instance_of(name, seed, n=40):
    """Attributes for every problem, with windows around a tour that keeps them."""
    rng = np.random.default_rng([seed, n])
    points = rng.random((n, 2))
    order = np.append(0, 1 + rng.permutation(n - 1))
    legs = np.linalg.norm(points[order] - points[np.roll(order, 1)], axis=1)
    visits = np.empty(n)
    visits[order] = np.cumsum(legs) - legs[0]
    windows = np.stack([visits - rng.random(n), visits + rng.random(n)], axis=1)
    windows[0] = 0.0, 100.0
    given = {
        "prizes": rng.random(n),
        "penalties": 0.5 * rng.random(n),
        "demands": rng.random(n),
        "capacity": 4.0,
        "max_length": 2.0,
        "min_prize": n / 5,
        "num_tours": 3,
        "time_windows": np.maximum(windows, 0.0),
    }
    problem = get_problem(name)
    if not problem.shape.has_several_tours or "num_tours" not in problem.needs:
        given["num_tours"] = None
    if "max_length" not in problem.needs:
        given["max_length"] = None
    return problem, Instance(points, **given)


@pytest.mark.parametrize("name", ["op", "optw", "top", "pctsp", "tsptw", "tsptw-makespan", "cvrp", "mtsp"])
def test_insertion_is_better_than_going_to_the_nearest(name):
    total, compared = {"insertion": 0.0, "nearest": 0.0}, 0
    for seed in range(5):
        problem, instance = instance_of(name, seed)
        inserted = Insertion().solve(problem, [instance], Budget(60.0))[0]
        nearest = NearestFeasible().solve(problem, [instance], Budget(60.0))[0]
        assert inserted.feasible, inserted.violations
        if nearest.feasible:
            total["insertion"] += inserted.objective
            total["nearest"] += nearest.objective
            compared += 1
    assert compared >= 2
    assert not problem.is_better(total["nearest"], total["insertion"])


def test_customers_that_a_quota_needs_are_inserted_though_they_do_not_pay():
    problem = get_problem("pctsp")
    given = {"prizes": np.ones(5), "penalties": np.zeros(5), "min_prize": 2.0}
    instance = Instance([[0, 0], [1, 0], [2, 0], [3, 0], [9, 0]], **given)
    answer = Insertion().solve(problem, [instance], Budget(60.0))[0]
    assert sorted(answer.tours[0].tolist()) == [0, 1, 2]


@pytest.mark.parametrize("name", ["op", "pctsp", "cvrp"])
def test_when_time_is_up_an_answer_is_completed_in_an_order(name):
    problem, instance = instance_of(name, 0, n=500)
    model = model_of(*closed(problem, instance)[:2])
    answer = check(problem, instance, next(InsertionByRules().search(model, Clock(0.0), seed=0, initial=None)))
    assert answer.feasible, answer.violations
    assert len(answer.tours[0]) > 3


def test_late_opening_does_not_make_earlier_visits_late():
    problem = get_problem("tsptw")
    windows = np.array([[0, 99], [0, 99], [8, 9], [3, 3.5], [0, 99]], dtype=float)
    instance = Instance([[0, 0], [1, 0], [2, 0], [3, 0], [0, 1]], time_windows=windows)
    answer = Insertion().solve(problem, [instance], Budget(60.0))[0]
    assert answer.feasible
    order = answer.tours[0].tolist()
    assert order.index(3) < order.index(2)
