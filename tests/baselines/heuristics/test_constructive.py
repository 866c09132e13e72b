import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.heuristics.constructive import MOST_EXACT, Insertion, NearestNeighbour, SpaceFillingCurve
from tsp.budget import Budget
from tsp.instance import Instance
from tsp.metrics import METRICS
from tsp.problems import get_problem

TSP = get_problem("tsp")
SOLVERS = [NearestNeighbour(), Insertion(), Insertion(rule="cheapest"), SpaceFillingCurve()]
IDS = ["nearest", "farthest", "cheapest", "spacefilling"]


def solve(solver, instance, **kwargs):
    return solver.solve(TSP, [instance], Budget(1.0), **kwargs)[0]


def walk_to_nearest(instance):
    """Nearest neighbour in plain Python."""
    tour, left = [instance.depot], set(range(instance.size)) - {instance.depot}
    while left:
        tour.append(min(sorted(left), key=lambda node: instance.distances[tour[-1], node]))
        left.remove(tour[-1])
    return tour


def insert(instance, rule):
    """Insertion in plain Python."""
    d = instance.distances
    tour, left = [instance.depot], set(range(instance.size)) - {instance.depot}

    def place(node):
        costs = [d[a, node] + d[node, b] - d[a, b] for a, b in zip(tour, tour[1:] + tour[:1], strict=True)]
        return min(costs), int(np.argmin(costs))

    while left:
        if rule == "farthest":
            node = max(sorted(left), key=lambda node: min(d[a, node] for a in tour))
        else:
            node = min(sorted(left), key=lambda node: place(node)[0])
        tour.insert(place(node)[1] + 1, node)
        left.remove(node)
    return tour


def some_instance(kind, n):
    rng = np.random.default_rng([n, 7])
    if kind == "matrix":
        return Instance(matrix=rng.random((n, n)))
    dimensions = METRICS[kind].dimensions[-1]
    return Instance(100 * rng.random((n, dimensions)), metric=kind, depot=n // 2)


@pytest.mark.parametrize("n", [4, 5, 30, 60])
@pytest.mark.parametrize("kind", ["euclidean", "matrix"])
def test_nearest_neighbour_visits_the_nearest_node_next(kind, n):
    instance = some_instance(kind, n)
    assert solve(NearestNeighbour(), instance).tours[0].tolist() == walk_to_nearest(instance)


@pytest.mark.parametrize("rule", ["farthest", "cheapest"])
@pytest.mark.parametrize("n", [4, 5, 30, 60])
@pytest.mark.parametrize("kind", ["euclidean", "matrix"])
def test_insertion_inserts_by_its_rule_where_it_costs_least(kind, n, rule):
    instance = some_instance(kind, n)
    expected = instance.tour_length(insert(instance, rule))
    assert solve(Insertion(rule=rule), instance).objective == pytest.approx(expected)


@pytest.mark.parametrize("kind", METRICS)
@pytest.mark.parametrize("solver", SOLVERS[:3], ids=IDS[:3])
def test_construction_beats_a_random_order_by_far_under_every_metric(solver, kind):
    instance = some_instance(kind, 100)
    assert solve(solver, instance).objective < 0.5 * instance.tour_length(np.arange(100))


@pytest.mark.parametrize("kind", ["euclidean", "CEIL_2D", "EUC_3D"])
@pytest.mark.parametrize("solver", SOLVERS, ids=IDS)
def test_large_instances_get_far_better_tours_than_random_ones(solver, kind):
    n = 2 * MOST_EXACT + 1_234
    rng = np.random.default_rng(2)
    dimensions = METRICS[kind].dimensions[-1]
    instance = Instance(
        1000 * np.vstack([rng.random((n - 500, dimensions)), np.full((500, dimensions), 0.5)]), metric=kind
    )
    answer = solve(solver, instance)
    assert answer.feasible
    assert answer.objective < 0.1 * instance.tour_length(rng.permutation(n))


def test_restricted_insertion_is_about_as_good_as_full_insertion():
    instance = Instance(np.random.default_rng(3).random((MOST_EXACT + 500, 2)))
    full = 0.81 * np.sqrt(instance.size)  # what farthest insertion gives on uniform points
    assert solve(Insertion(), instance).objective < 1.05 * full


def test_restricted_insertion_depends_on_the_seed():
    instance = Instance(np.random.default_rng(4).random((MOST_EXACT + 500, 2)))
    tours = [Insertion().solve(TSP, [instance], Budget(1.0, seed=seed))[0].tours[0].tolist() for seed in (0, 0, 1)]
    assert tours[0] == tours[1] != tours[2]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12))
def test_coinciding_points_are_solved(points):
    instance = Instance(np.array(points, dtype=float))
    for solver in SOLVERS:
        assert solve(solver, instance).feasible


def test_a_space_filling_curve_through_a_grid_steps_to_neighbours_only():
    side = 16
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2) + 0.5
    tour = SpaceFillingCurve().construct(Instance(np.vstack([grid / side, [[0, 0], [1, 1]]])), seed=0)
    inner = [node for node in tour.tolist() if node < side * side]
    steps = np.abs(np.diff(grid[inner], axis=0)).sum(axis=1)
    assert (steps == 1).all()


def test_a_space_filling_curve_without_coordinates_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="bare: spacefilling needs coordinates"):
        solve(SpaceFillingCurve(), Instance(matrix=np.ones((5, 5)), name="bare"))


def test_construction_heuristics_are_one_shot():
    assert all(solver.one_shot for solver in SOLVERS)


@pytest.mark.parametrize("solver", SOLVERS, ids=IDS)
@pytest.mark.parametrize("ends", [{}, {"end": 7}, {"free_start": True}, {"free_start": True, "end": 7}])
def test_a_path_keeps_its_fixed_ends(solver, ends):
    instance = Instance(np.random.default_rng(0).random((30, 2)), depot=3, **ends)
    problem = get_problem("shpp")
    answer = solver.solve(problem, [instance], Budget(1.0))[0]
    assert answer.feasible, answer.violations
    assert answer.objective < 0.5 * instance.path_length(np.arange(30))
    again = solver.solve(problem, [instance], Budget(1.0), initial=[answer])[0]
    assert again.objective == pytest.approx(answer.objective)
