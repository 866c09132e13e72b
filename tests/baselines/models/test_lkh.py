"""LKH, where its package is installed."""

import numpy as np
import pytest

from tsp.budget import Budget
from tsp.instance import Instance
from tsp.problems import get_problem
from tsp.solution import check
from tsp.solvers.registry import make

pytest.importorskip("elkai", reason="needs the extra lkh")

TSP = get_problem("tsp")


def solve(instance, spec="lkh", **kwargs):
    return make(spec).solve(TSP, [instance], Budget(1.0), **kwargs)[0]


@pytest.mark.parametrize("symmetric", [True, False])
def test_small_instances_are_solved_to_the_proved_optimum(symmetric):
    rng = np.random.default_rng(0)
    instance = Instance(rng.random((9, 2))) if symmetric else Instance(matrix=rng.random((9, 9)))
    best = make("cpsat").solve(TSP, [instance], Budget(30.0))[0]
    assert solve(instance).objective == pytest.approx(best.objective, rel=1e-6)


def test_a_better_initial_solution_is_kept():
    instance = Instance(np.random.default_rng(0).random((9, 2)))
    best = solve(instance)
    assert solve(instance, initial=[best]).objective == best.objective
    worse = check(TSP, instance, [np.arange(9)])
    assert solve(instance, initial=[worse]).objective == pytest.approx(best.objective)


def test_huge_distances_are_scaled():
    points = np.random.default_rng(0).random((30, 2))
    assert solve(Instance(1e9 * points)).tours[0].tolist() == solve(Instance(points)).tours[0].tolist()


def test_too_many_nodes_and_no_runs_are_refused():
    assert "solves at most" in solve(Instance(np.random.default_rng(0).random((2_001, 2)))).violations[0]
    with pytest.raises(ValueError, match="runs: 0, expected 1 or more"):
        make("lkh(runs=0)")
