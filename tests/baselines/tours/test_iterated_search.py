from itertools import combinations

import numpy as np
import pytest
from compiled import compiled
from hypothesis import given
from hypothesis import strategies as st

from baselines.kernels.geometry import geometry_of, nearest_neighbours
from baselines.tours import lin_kernighan, two_opt, work_queue
from baselines.tours.array_tour import LOG_SIZE
from baselines.tours.iterated_search import LinKernighan, TwoOptSolver
from baselines.tours.kicks import UNLIMITED, iterate, kick
from baselines.tours.search_state import EXCHANGE, LIN_KERNIGHAN, MOST_TOUCHED, TWO_OPT, make_search
from baselines.tours.work_queue import LENGTH
from tsp.budget import Budget
from tsp.formats import read
from tsp.instance import Instance
from tsp.problems import get_problem
from tsp.solution import check
from tsp.solvers.registry import make

TSP = get_problem("tsp")
LONG = Budget(60.0)
push = compiled(work_queue.push)
try_chain = compiled(lin_kernighan.try_lin_kernighan)
MOVES = {
    "2-opt": (compiled(two_opt.try_two_opt), True),
    "or-move": (compiled(two_opt.try_or_move), True),
    "exchange": (compiled(two_opt.try_exchange), False),
    "lin-kernighan": (lambda search, a: try_chain(search, np.empty(MOST_TOUCHED, dtype=np.int32), a), True),
}
SOLVERS = [TwoOptSolver, LinKernighan]


def solve(instance, budget=LONG, *, solver=LinKernighan, kicks=None, **kwargs):
    return solver(kicks=kicks).solve(TSP, [instance], budget, **kwargs)[0]


def some_instance(n, seed, *, symmetric=True, whole=False):
    rng = np.random.default_rng([n, seed])
    if symmetric:
        return Instance(100 * rng.random((n, 2)), metric="EUC_2D" if whole else "euclidean")
    return Instance(matrix=rng.integers(0, 20, (n, n)) if whole else rng.random((n, n)))


def search_from(instance, tour, k=10, moves=LIN_KERNIGHAN):
    geometry = geometry_of(instance)
    moves = moves if instance.symmetric else EXCHANGE
    return make_search(geometry, moves, np.array(tour), nearest_neighbours(geometry, k))


@st.composite
def searches(draw, least=4, symmetric=None):
    n = draw(st.integers(least, 14))
    symmetric = draw(st.booleans()) if symmetric is None else symmetric
    instance = some_instance(n, draw(st.integers(0, 99)), symmetric=symmetric, whole=draw(st.booleans()))
    moves = draw(st.sampled_from([TWO_OPT, LIN_KERNIGHAN]))
    return instance, search_from(instance, draw(st.permutations(range(n))), draw(st.integers(1, 13)), moves)


@given(st.data(), st.sampled_from(sorted(MOVES)))
def test_a_move_returns_the_change_of_the_tours_length(data, name):
    move, symmetric = MOVES[name]
    instance, search = data.draw(searches(symmetric=symmetric))
    for node in np.array(data.draw(st.permutations(range(instance.size))), dtype=np.int32):
        before = instance.tour_length(search.tour.nodes)
        delta = move(search, node)
        assert delta <= 0
        assert instance.tour_length(search.tour.nodes) - before == pytest.approx(delta, abs=1e-9)
        assert sorted(search.tour.nodes.tolist()) == list(range(instance.size))


@given(searches(), st.integers(0, 2**64 - 1))
def test_a_kick_returns_the_change_of_the_tours_length(case, seed):
    instance, search = case
    before = instance.tour_length(search.tour.nodes)
    delta = kick(search, (instance.size - 2) // 2, np.array([seed], dtype=np.uint64))
    assert instance.tour_length(search.tour.nodes) - before == pytest.approx(delta, abs=1e-9)
    assert sorted(search.tour.nodes.tolist()) == list(range(instance.size))


@given(searches(), st.integers(0, 2**64 - 1))
def test_rejected_kicks_are_undone_completely(case, seed):
    instance, search = case
    longest, random = (instance.size - 2) // 2, np.array([seed], dtype=np.uint64)
    while search.queue.span[LENGTH] > 0:
        iterate(search, 1, 1000, longest, 0.0, random)
    for _ in range(20):
        nodes, length = search.tour.nodes.copy(), instance.tour_length(search.tour.nodes)
        delta = iterate(search, 1, UNLIMITED, longest, 0.0, random)
        after = instance.tour_length(search.tour.nodes)
        assert after - length == pytest.approx(delta, abs=1e-9)
        assert delta <= search.least
        if after > length + 1e-9:
            assert np.array_equal(search.tour.nodes, nodes)
        assert search.queue.span[LENGTH] == 0
        assert not search.queue.queued.any()


def test_a_kick_that_fills_the_log_is_undone_completely():
    n = 3 * LOG_SIZE // 2
    instance = some_instance(n, 0)
    search = search_from(instance, np.random.default_rng(0).permutation(n), k=5)
    search.queue.queued[:] = False
    search.queue.span[LENGTH] = 0
    nodes = search.tour.nodes.copy()
    assert iterate(search, 1, UNLIMITED, 50, 0.0, np.array([0], dtype=np.uint64)) == 0
    assert np.array_equal(search.tour.nodes, nodes)
    assert search.queue.span[LENGTH] == 0


@pytest.mark.parametrize("name", MOVES)
def test_each_kind_of_move_alone_shortens_a_bad_tour(name):
    move, symmetric = MOVES[name]
    instance = some_instance(60, 0, symmetric=symmetric)
    search = search_from(instance, range(60))
    before = instance.tour_length(search.tour.nodes)
    for node in np.arange(60, dtype=np.int32):
        while move(search, node) < 0:
            pass
    assert instance.tour_length(search.tour.nodes) < 0.8 * before


def improving_reversal(instance, tour):
    """Any 2-opt move that shortens the tour."""
    for i, j in combinations(range(len(tour)), 2):
        other = np.concatenate([tour[:i], tour[i:j][::-1], tour[j:]])
        if instance.tour_length(other) < instance.tour_length(tour) - 1e-9:
            return i, j
    return None


def improving_exchange(instance, tour):
    """Any exchange of two neighbouring runs that shortens the tour."""
    for i, j, k in combinations(range(len(tour) + 1), 3):
        other = np.concatenate([tour[:i], tour[j:k], tour[i:j], tour[k:]])
        if instance.tour_length(other) < instance.tour_length(tour) - 1e-9:
            return i, j, k
    return None


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("moves", [TWO_OPT, LIN_KERNIGHAN])
@pytest.mark.parametrize("seed", range(3))
def test_a_local_optimum_with_full_lists_has_no_improving_move(seed, moves, symmetric, whole):
    instance = some_instance(20, seed, symmetric=symmetric, whole=whole)
    search = search_from(instance, range(20), 19, moves)
    change = -1.0
    while change < 0:  # a change elsewhere may allow a move at a node outside the queue
        for node in range(20):
            push(search.queue, np.int32(node))
        change = iterate(search, 1, UNLIMITED, 1, 0.0, np.array([0], dtype=np.uint64))
    improving = improving_reversal if symmetric else improving_exchange
    assert improving(instance, search.tour.nodes) is None


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("symmetric", [True, False])
def test_same_kicks_and_seed_give_the_same_tour(symmetric, solver):
    instance = some_instance(150, 0, symmetric=symmetric)
    start = [check(TSP, instance, [np.arange(150)])]
    first, again = (solve(instance, solver=solver, kicks=50, initial=start) for _ in range(2))
    other = solve(instance, Budget(60.0, seed=1), solver=solver, kicks=50, initial=start)
    assert first.tours[0].tolist() == again.tours[0].tolist()
    assert first.tours[0].tolist() != other.tours[0].tolist()


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("symmetric", [True, False])
def test_kicks_improve_on_the_local_optimum(symmetric, solver):
    instance = some_instance(150, 0, symmetric=symmetric)
    start = [check(TSP, instance, [np.arange(150)])]
    begun = solve(instance, solver=solver, kicks=0, initial=start)
    assert solve(instance, solver=solver, kicks=10_000, initial=start).objective < 0.99 * begun.objective


def test_a_search_of_few_nodes_ends_before_the_time_limit():
    assert solve(some_instance(6, 0)).seconds < LONG.time_limit / 2


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("symmetric", [True, False])
def test_an_optimal_initial_tour_is_returned(symmetric, solver):
    instance = some_instance(30, 0, symmetric=symmetric)
    start = solve(instance, solver=solver, kicks=30_000)
    again = solve(instance, solver=solver, kicks=500, initial=[start])
    assert again.objective == pytest.approx(start.objective, rel=1e-12)


def test_too_little_time_returns_the_initial_tour():
    instance = some_instance(3_000, 0)
    start = check(TSP, instance, [np.random.default_rng(0).permutation(3_000)])
    assert solve(instance, Budget(1e-9), initial=[start]).objective <= start.objective
    assert solve(instance, Budget(1e-9)).feasible


def test_many_nodes_at_few_points_are_visited_point_by_point():
    places = np.random.default_rng(0).random((30, 2))
    visitors = np.random.default_rng(1).permutation(np.repeat(np.arange(30), 40))
    crowd, alone = Instance(places[visitors]), Instance(places)
    best = solve(alone, kicks=3_000).objective
    assert solve(crowd, kicks=3_000).objective == pytest.approx(best)
    scattered = check(TSP, crowd, [np.random.default_rng(2).permutation(crowd.size)])
    assert solve(crowd, kicks=3_000, initial=[scattered]).objective == pytest.approx(best)


def test_given_candidates_replace_the_nearest_neighbours():
    instance = some_instance(40, 0)
    start = check(TSP, instance, [np.arange(40)])
    itself = np.arange(40)[:, None]
    assert solve(instance, kicks=0, initial=[start], candidates=[itself]).objective == start.objective
    nearest = nearest_neighbours(geometry_of(instance), 8).astype(np.int64)
    found = solve(instance, kicks=0, initial=[start], candidates=[nearest[:, ::-1]])
    assert found.objective < 0.6 * start.objective


@pytest.mark.parametrize(
    ("candidates", "match"),
    [
        (np.zeros((9, 3), dtype=np.int64), r"shape \(9, 3\), expected \(10, k\)"),
        (np.zeros((10, 0), dtype=np.int64), r"shape \(10, 0\), expected \(10, k\)"),
        (np.full((10, 3), 10), "candidates: a node outside 0 to 9"),
        (np.full((10, 3), -1), "candidates: a node outside 0 to 9"),
    ],
)
def test_invalid_candidates_are_refused(candidates, match):
    with pytest.raises(ValueError, match=match):
        solve(some_instance(10, 0), candidates=[candidates])


def test_a_negative_number_of_kicks_is_refused():
    with pytest.raises(ValueError, match="kicks: -1, expected 0 or more"):
        TwoOptSolver(kicks=-1)


@pytest.mark.data
@pytest.mark.parametrize(("name", "optimum"), [("berlin52", 7542), ("bayg29", 1610), ("gr96", 55209)])
@pytest.mark.parametrize("solver", SOLVERS)
def test_small_instances_are_solved_to_the_known_optimum(data_folder, name, optimum, solver):
    (instance,) = read(data_folder / "tsplib" / f"{name}.tsp")
    assert solve(instance, solver=solver, kicks=40_000).objective == optimum


@pytest.mark.data
@pytest.mark.parametrize("solver", SOLVERS)
def test_asymmetric_instance_is_solved_to_the_known_optimum(data_folder, solver):
    (instance,) = read(data_folder / "atsp" / "ftv33.atsp")
    assert solve(instance, solver=solver, kicks=40_000).objective == 1286


def test_without_time_for_a_search_a_matrix_is_answered_by_the_nearest_neighbour(monkeypatch):
    monkeypatch.setattr("baselines.tours.iterated_search.PATCHING_TIME", 1.0)
    many = Instance(matrix=np.random.default_rng(0).random((60, 60)))
    problem = get_problem("atsp")
    answer, nearest = (make(spec).solve(problem, [many], Budget(0.5, seed=1))[0] for spec in ("ls", "nearest"))
    assert answer.objective == pytest.approx(nearest.objective)
