import numpy as np
import pytest
from brute_force import best_by_enumeration
from clocks import TickingClock
from instances import tiny_instance

from baselines.heuristics.tsiligirides import Tsiligirides
from baselines.routes.model import model_of
from envs.generators import generate_instances
from tsp.budget import Budget
from tsp.formats import read
from tsp.instance import Instance
from tsp.problems import PROBLEMS, get_problem

OP = get_problem("op")


def solve(instance, tours, seed=0, problem=OP):
    return Tsiligirides(tours=tours).solve(problem, [instance], Budget(60.0, seed=seed))[0]


def some_instance():
    rng = np.random.default_rng(0)
    return Instance(rng.random((50, 2)), prizes=rng.integers(1, 9, 50), max_length=3.0)


def test_more_tours_are_better_and_the_seed_determines_the_answer():
    instance = some_instance()
    few, many, again, other = solve(instance, 1), solve(instance, 2_000), solve(instance, 2_000), solve(instance, 1, 1)
    assert many.objective > few.objective
    assert many.tours[0].tolist() == again.tours[0].tolist()
    assert few.tours[0].tolist() != other.tours[0].tolist()


@pytest.mark.parametrize("name", ["op", "optw"])
def test_tiny_instances_are_solved_nearly_to_the_optimum(name):
    problem = get_problem(name)
    for seed in range(8):
        instance = tiny_instance(problem, seed, 5)
        best, _ = best_by_enumeration(problem, instance)
        assert solve(instance, 300, problem=problem).objective == (
            None if best is None else pytest.approx(best, rel=0.3)
        )


def test_high_prizes_nearby_are_drawn_more_often_than_low_prizes():
    # prize over distance is ten times as large: to the fourth power, ten thousand times as often
    instance = Instance([[0, 0], [1, 0], [-1, 0], [0, 1]], prizes=[0, 10, 1, 0], max_length=2.0)
    firsts = [solve(instance, 1, seed).tours[0].tolist() for seed in range(50)]
    assert firsts.count([0, 1]) >= 48


def test_problems_of_one_tour_that_collects_prizes_are_supported_alone():
    assert [name for name, problem in PROBLEMS.items() if Tsiligirides().supports(problem)] == ["op", "optw", "op10"]


def test_zero_tours_are_refused():
    with pytest.raises(ValueError, match="tours: 0, expected 1 or more"):
        Tsiligirides(tours=0)


@pytest.mark.data
def test_the_instances_of_the_paper_are_solved_within_five_percent(data_folder):
    path = data_folder / "op" / "tsiligirides" / "tsiligirides_problem_2_budget_30.txt"
    found = read(path)
    instance = found[0] if isinstance(found, list) else found
    found = [solve(instance, 3_000, seed).objective for seed in range(5)]
    assert np.median(found) >= 0.95 * instance.best_known


def test_the_clock_is_read_after_every_tour_that_takes_long():
    instance, clock = generate_instances("op", "uniform", 20, 1, 0)[0], TickingClock(30.0)
    assert list(Tsiligirides().search(model_of(get_problem("op"), instance), clock, seed=0, initial=None))
    assert clock.readings < 40
