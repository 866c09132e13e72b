from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.ortools_cpsat import LARGEST_SUM, MOST_NODES, SLACK, CPSATSolver, integer_distances
from tsp.budget import Budget, Clock
from tsp.instance import Instance
from tsp.problems import get_problem
from tsp.solution import check

TSP = get_problem("tsp")
SOLVER = CPSATSolver()


def solve(instance, **kwargs):
    return SOLVER.solve(TSP, [instance], Budget(30.0), **kwargs)[0]


def shortest(instance):
    tours = np.array([(0, *order) for order in permutations(range(1, instance.size))])
    return instance.legs(tours, np.roll(tours, -1, axis=1)).sum(axis=1).min()


def drawn(kind, n):
    rng = np.random.default_rng([n, 3])
    return {
        "points": lambda: Instance(rng.random((n, 2))),
        "rounded points": lambda: Instance(rng.integers(0, 100, (n, 2)), metric="EUC_2D"),
        "symmetric": lambda: Instance(matrix=np.abs(np.subtract.outer(x := rng.random(n), x)) + np.eye(n)),
        "asymmetric": lambda: Instance(matrix=rng.random((n, n))),
        "whole asymmetric": lambda: Instance(matrix=rng.integers(0, 50, (n, n))),
        "huge": lambda: Instance(1e9 * rng.random((n, 2))),
        "tiny": lambda: Instance(1e-9 * rng.random((n, 2))),
        "coincident": lambda: Instance(rng.integers(0, 2, (n, 2))),
    }[kind]()


@pytest.mark.parametrize("n", range(1, 9))
@pytest.mark.parametrize(
    "kind",
    ["points", "rounded points", "symmetric", "asymmetric", "whole asymmetric", "huge", "tiny", "coincident"],
)
def test_optimum_is_the_best_of_all_tours_and_is_proved(kind, n):
    instance = drawn(kind, n)
    answer = solve(instance)
    assert answer.objective == pytest.approx(shortest(instance), rel=1e-6)
    assert answer.proved_optimal
    assert answer.bound <= answer.objective


def test_whole_distances_are_proved_to_the_last_unit():
    instance = drawn("whole asymmetric", 8)
    answer = solve(instance)
    assert answer.bound == answer.objective == shortest(instance)


@settings(max_examples=50)
@given(
    st.integers(4, 9).flatmap(
        lambda n: st.lists(st.floats(0, 1e12, allow_subnormal=False), min_size=n * n, max_size=n * n)
    )
)
def test_scaled_distances_never_exceed_the_true_ones_and_never_overflow(values):
    n = round(len(values) ** 0.5)
    instance = Instance(matrix=np.array(values).reshape(n, n))
    steps, unit = integer_distances(instance)
    assert (steps * unit <= instance.distances).all()
    assert (instance.distances - steps * unit < unit).all()
    assert n * int(steps.max()) <= LARGEST_SUM
    if instance.integral:
        assert unit == 1.0
    elif n * steps.max() < LARGEST_SUM / 2:
        least = (instance.distances + np.diag(np.full(n, np.inf))).min(axis=1).sum() or instance.distances.max()
        assert n * unit <= SLACK * least


def test_start_is_the_answer_where_there_is_no_time():
    instance = drawn("points", 20)
    start = check(TSP, instance, [np.arange(20)])
    ended = Clock(1e-9)
    answer = SOLVER.solve_one(TSP, instance, ended, seed=0, initial=start, candidates=None, report=None)
    assert answer.objective == start.objective
    nothing = SOLVER.solve_one(TSP, instance, ended, seed=0, initial=None, candidates=None, report=None)
    assert nothing.violations == ("no answer within the time limit",)


def test_too_many_nodes_are_left_to_others_in_a_sentence():
    n = MOST_NODES + 1
    instance = Instance(np.random.default_rng(0).random((n, 2)))
    assert solve(instance).violations == (f"{n} nodes: cpsat takes on at most {MOST_NODES}",)
    start = check(TSP, instance, [np.arange(n)])
    assert solve(instance, initial=[start]).objective == start.objective


def test_without_a_proof_the_bound_stays_below_the_answer():
    instance = Instance(np.random.default_rng(1).random((70, 2)))
    start = check(TSP, instance, [np.arange(70)])
    answer = SOLVER.solve(TSP, [instance], Budget(0.5), initial=[start])[0]
    assert answer.objective <= start.objective
    assert answer.bound is None or 0 <= answer.bound <= answer.objective


def test_workers_are_stated():
    assert CPSATSolver(workers=2).describe(TSP, 20, 1.0) == "cpsat: 2 workers for each instance."
    with pytest.raises(ValueError, match="workers: 0"):
        CPSATSolver(workers=0)
