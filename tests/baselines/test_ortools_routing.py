import json
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.ortools_routing import (
    LARGEST_SUM,
    MOST_NODES,
    TABLE,
    FirstSolution,
    Metaheuristic,
    ORToolsSolver,
    Settings,
    integer_scale,
)
from tsp.budget import Budget, Clock
from tsp.instance import Instance
from tsp.metrics import METRICS
from tsp.problems import get_problem
from tsp.solution import check

TSP = get_problem("tsp")
CIRCLE = np.stack([np.cos(turn := np.arange(24) * np.pi / 12), np.sin(turn)], axis=1)
AROUND = 24 * 2 * np.sin(np.pi / 24)


def solve(instance, solver=None, limit=0.3, **kwargs):
    return (solver or ORToolsSolver()).solve(TSP, [instance], Budget(limit), **kwargs)[0]


def scattered(scale=1.0, metric="euclidean"):
    """Points of a circle in random order; around it is the best tour."""
    return Instance(scale * np.random.default_rng(0).permutation(CIRCLE), metric=metric)


@pytest.mark.parametrize("scale", [1e-200, 1e-9, 1.0, 1e9, 1e30])
def test_best_tour_is_found_whatever_the_unit(scale):
    assert solve(scattered(scale)).objective == pytest.approx(scale * AROUND)


def test_whole_distances_beyond_int64_are_solved():
    instance = Instance(matrix=np.floor(1e25 * scattered().distances))
    assert solve(instance).objective == pytest.approx(1e25 * AROUND)


def test_small_distances_count_beside_a_far_outlier():
    instance = Instance(np.vstack([scattered().coordinates, [[1e4, 0.0]]]))
    assert solve(instance).objective < 2e4 + AROUND


@pytest.mark.parametrize("name", get_args(FirstSolution))
def test_every_first_solution_works(name):
    assert solve(scattered(), ORToolsSolver(first_solution=name), limit=0.2).objective == pytest.approx(AROUND)


@pytest.mark.parametrize("name", get_args(Metaheuristic))
@pytest.mark.parametrize("resolution", [1_000, 10**15])
def test_every_metaheuristic_works_at_every_resolution(name, resolution):
    solver = ORToolsSolver(metaheuristic=name, resolution=resolution)
    assert solve(scattered(), solver, limit=0.2).objective == pytest.approx(AROUND)


@given(
    n=st.integers(1, 6),
    largest=st.floats(0, 1e30) | st.integers(0, 10**30),
    resolution=st.integers(1, 10**18),
)
def test_no_tour_overflows(n, largest, resolution):
    matrix = np.full((n, n), float(largest))
    matrix[0, -1] = float(largest) / 2 if isinstance(largest, float) else float(largest // 2)
    instance = Instance(matrix=matrix)
    scale = integer_scale(instance, resolution)
    assert n * scale * instance.distances.max() <= LARGEST_SUM * (1 + 1e-9)
    if instance.integral and n * largest <= LARGEST_SUM:
        assert scale == 1.0


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e5, 1e20])
@pytest.mark.parametrize("metric", METRICS)
def test_no_tour_of_points_overflows(metric, size):
    points = np.random.default_rng(0).uniform(-size, size, (40, METRICS[metric].dimensions[-1]))
    instance = Instance(points, metric=metric)
    scale = integer_scale(instance, 10**15)
    assert 40 * scale * instance.distances.max() <= LARGEST_SUM * (1 + 1e-9)
    assert scale == 1.0 or not instance.integral or size == 1e20


def test_warm_start_is_read_from_any_depot():
    instance = Instance(scattered().coordinates, depot=7)
    order = np.argsort(np.arctan2(*instance.coordinates.T))
    best = check(TSP, instance, [order])
    seen = []
    # A limit in which a first solution is made, but hardly more.
    answer = solve(instance, limit=0.05, initial=[best], report=lambda _, solution: seen.append(solution.objective))
    assert answer.objective == pytest.approx(AROUND)
    assert all(objective == pytest.approx(AROUND) for objective in seen)  # so it did start there


def test_start_is_the_answer_where_there_is_no_time():
    instance = scattered()
    start = check(TSP, instance, [np.arange(24)])
    ended = Clock(1e-9)
    solver = ORToolsSolver()
    answer = solver.solve_one(TSP, instance, ended, seed=0, initial=start, candidates=None, report=None)
    assert answer.objective == start.objective
    nothing = solver.solve_one(TSP, instance, ended, seed=0, initial=None, candidates=None, report=None)
    assert nothing.violations == ("no answer within the time limit",)


def test_more_nodes_than_fit_into_memory_are_not_tried():
    instance = Instance(np.random.default_rng(0).random((MOST_NODES + 1, 2)))
    assert not solve(instance).tours
    assert "distances" not in vars(instance)  # no matrix was made


def test_large_model_is_given_up_in_time():
    instance = Instance(np.random.default_rng(0).random((MOST_NODES, 2)))
    start = check(TSP, instance, [np.arange(MOST_NODES)])
    assert solve(instance, limit=0.01, initial=[start]).objective == start.objective


def test_table_is_well_formed():
    rows = json.loads(TABLE.read_text(encoding="utf-8"))["settings"]
    keys = [(row["problem"], row["size"], row["time_limit"]) for row in rows]
    assert len(set(keys)) == len(keys) > 0
    assert {(size, limit) for _, size, limit in keys} >= {(n, limit) for n in (20, 50, 100) for limit in (0.1, 1.0)}
    for row in rows:
        get_problem(row["problem"])
        assert row["first_solution"] in get_args(FirstSolution)
        assert row["metaheuristic"] in get_args(Metaheuristic)
        assert row["instances"] >= 1
        assert row["made_by"].startswith("python benchmarks/tune_ortools.py")
        settings = Settings(**{key: row[key] for key in Settings._fields})
        # What was chosen is what came out best of what was tried.
        means = {name: mean for name, mean in row["means"].items() if mean is not None}
        assert means[str(settings)] == min(means.values())


@pytest.mark.parametrize("size", [4, 20, 70, 100, 3000])
@pytest.mark.parametrize("limit", [0.01, 0.1, 1.0, 60.0])
def test_description_names_the_settings_used(size, limit):
    solver = ORToolsSolver()
    used = solver.settings(TSP, size, limit)
    text = solver.describe(TSP, size, limit)
    assert str(used) in text
    assert "tuned at" in text


def test_settings_come_from_the_nearest_row():
    text = ORToolsSolver().describe(TSP, 60, 0.7)
    assert "(tuned at 50 nodes and 1 s" in text


def test_options_go_before_the_table():
    solver = ORToolsSolver(first_solution="SAVINGS", metaheuristic="TABU_SEARCH", guided_lambda=0.3, resolution=77)
    assert solver.settings(TSP, 50, 1.0) == Settings("SAVINGS", "TABU_SEARCH", 0.3, 77)
    assert "SAVINGS, TABU_SEARCH, 77 steps" in solver.describe(TSP, 50, 1.0)


@pytest.mark.parametrize("option", [{"guided_lambda": 0.0}, {"resolution": 0}])
def test_impossible_options_are_refused(option):
    with pytest.raises(ValueError, match=next(iter(option))):
        ORToolsSolver(**option)
