"""The ablations of the search under rules: each part alone, and not neither."""

import numpy as np
import pytest

from tsp.budget import Budget
from tsp.instance import Instance
from tsp.problems import get_problem
from tsp.solvers.registry import make

CVRP = get_problem("cvrp")
BUDGET = Budget(60.0, seed=1)


@pytest.fixture(scope="module")
def instances():
    """Instances of two long tours, in some of which insertion leaves reversals that shorten a tour."""
    rng = np.random.default_rng(0)
    return [Instance(rng.random((60, 2)), demands=np.ones(60), capacity=30.0) for _ in range(8)]


def lengths(spec, instances):
    solver = make(spec)
    answers = solver.solve(CVRP, instances, BUDGET)
    assert all(answer.feasible and answer.solver == spec for answer in answers)
    return [answer.objective for answer in answers]


def test_without_ruin_and_recreate_the_first_answer_is_shortened_once(instances, monkeypatch):
    def iterate(*arguments):
        raise AssertionError("an iteration of ruin and recreate")

    monkeypatch.setattr("baselines.routes.search.iterate", iterate)
    found, inserted = lengths("ls(ruin_recreate=false)", instances), lengths("insertion", instances)
    assert all(a <= b for a, b in zip(found, inserted, strict=True))
    assert found != inserted


def test_without_descent_the_same_iterations_give_other_tours(instances):
    whole, without = lengths("ls(kicks=300)", instances), lengths("ls(kicks=300, descent=false)", instances)
    assert whole != without
    assert sum(without) < sum(lengths("ls(ruin_recreate=false)", instances))


def test_both_parts_cannot_be_switched_off():
    with pytest.raises(ValueError, match="ruin_recreate and descent: both are false, expected at most one of them"):
        make("ls(ruin_recreate=false, descent=false)")


@pytest.mark.parametrize("spec", ["ls(ruin_recreate=false)", "ls(descent=false)"])
@pytest.mark.parametrize("name", ["tsp", "atsp", "shpp"])
def test_closed_tours_and_paths_have_no_ablation(spec, name):
    assert not make(spec).supports(get_problem(name))
