"""The search by rules: a move changes what it says it changes, and tiny instances are solved."""

from dataclasses import replace

import numpy as np
import pytest
from brute_force import best_by_enumeration
from compiled import compiled
from hypothesis import assume, given
from hypothesis import strategies as st
from instances import tiny_instance

from baselines.heuristics.constructive import Insertion
from baselines.routes import descent, evaluation, recreate, ruin, search
from baselines.routes import model as models
from baselines.routes.descent import is_reversible
from baselines.routes.edits import clear, copy, insert
from baselines.routes.evaluation import is_feasible, shortfall, totals_of, weighted
from baselines.routes.model import PENALTY, PRIZE, closed, model_of
from baselines.routes.search import RouteSearch
from baselines.routes.state import empty_state, tours_of
from baselines.routes.workspace import CHANGED, QUEUED, TOUCHED, calibrated, make_workspace
from envs.generators import generate_instances
from tsp.budget import Budget
from tsp.instance import Instance, Underway
from tsp.problems import PROBLEMS, get_problem
from tsp.solution import check

MODELLED = [name for name, problem in PROBLEMS.items() if RouteSearch().supports(problem)]
PLENTY = Budget(60.0)
descend, recreate_all, ruin_some = map(compiled, (descent.descend, recreate.recreate, ruin.ruin))
best_insertion = compiled(recreate.best_insertion)
refresh, copy_tours = compiled(evaluation.refresh), compiled(search.copy_tours)
cases = given(name=st.sampled_from(MODELLED), seed=st.integers(0, 1000), n=st.integers(4, 9))


def begun(name, seed, n):
    """A search and its tours after one iteration."""
    problem, instance, _ = closed(get_problem(name), tiny_instance(name, seed, n))
    model = model_of(problem, instance)
    state = empty_state(model)
    clear(model, state)
    work, _ = calibrated(make_workspace(model, seed, descends=is_reversible(model)), state)
    recreate_all(work, state, ruin_some(work, state))
    return problem, instance, work, state


def finish_iteration(work):
    work.lists.strings_removed[:] = -1
    work.lists.counts[:] = 0
    work.lists.is_queued[:] = False


def numbers(state):
    """All stored numbers of the tours, without unused entries."""
    used = [slice(0, size + 2) for size in state.sizes]
    rows = [
        [array[k, used[k]].tolist() for k in range(len(used))] for array in (state.stops, state.begin, state.latest)
    ]
    places = np.where(state.tour_of >= 0, state.position, 0)
    return (
        rows,
        state.sizes.tolist(),
        state.length.tolist(),
        state.load.tolist(),
        state.tour_of.tolist(),
        places.tolist(),
    )


def assert_consistent(problem, instance, work, state):
    """The tours' numbers are those of their visits, and the checker agrees with them."""
    model = work.model
    fresh = empty_state(model)
    clear(model, fresh)
    for k in range(model.tours):
        for p in range(1, state.sizes[k] + 1):
            insert(model, fresh, k, p - 1, int(state.stops[k, p]))
    assert numbers(fresh) == numbers(state)
    assert state.sums == pytest.approx(fresh.sums, abs=1e-9)
    found = check(problem, instance, tours_of(model, state))
    totals = totals_of(model, state)
    kept = all(is_feasible(model, state, k) for k in range(model.tours))
    assert found.feasible == (kept and shortfall(model, totals) == 0.0), found.violations
    if found.objective is not None:
        own = model_of(problem, instance)
        sign = 1.0 if problem.objective.sense == "min" else -1.0
        assert sign * weighted(own, totals) == pytest.approx(found.objective)


@cases
def test_ruin_and_recreate_keep_the_numbers_of_tours_consistent(name, seed, n):
    problem, instance, work, state = begun(name, seed, n)
    for _ in range(10):
        finish_iteration(work)
        recreate_all(work, state, ruin_some(work, state))
        assert_consistent(problem, instance, work, state)


@cases
def test_a_descent_visits_the_same_customers_and_makes_no_tour_longer(name, seed, n):
    problem, instance, work, state = begun(name, seed, n)
    assume(work.descends)
    visited = state.tour_of.copy()
    finish_iteration(work)
    for k in range(work.model.tours):  # everything is to be examined, in tours that are far from the best
        state.stops[k, 1 : state.sizes[k] + 1] = np.sort(state.stops[k, 1 : state.sizes[k] + 1])
        refresh(work.model, state, k)
        work.lists.strings_removed[k], work.lists.changed[k] = 0, k
    work.lists.counts[CHANGED] = work.model.tours
    worse = state.length.copy()
    work.lists.touched[: len(work.model.customers)] = work.model.customers
    work.lists.counts[TOUCHED] = len(work.model.customers)
    descend(work, state)
    assert (state.tour_of == visited).all()
    assert (state.length <= worse + 1e-9).all()
    assert work.lists.counts[QUEUED] == 0
    assert not work.lists.is_queued.any()
    assert_consistent(problem, instance, work, state)


@given(seed=st.integers(0, 1000), n=st.integers(5, 7))
def test_a_descent_leaves_no_better_reversal_where_all_are_near(seed, n):
    _, instance, work, state = begun("op", seed, n)
    assume(work.descends)
    distances = instance.distances
    work.lists.touched[: len(work.model.customers)] = work.model.customers
    work.lists.counts[TOUCHED] = len(work.model.customers)
    descend(work, state)
    stops = state.stops[0, : state.sizes[0] + 2]
    for i in range(1, len(stops) - 1):
        for j in range(i + 1, len(stops) - 1):
            old = distances[stops[i - 1], stops[i]] + distances[stops[j], stops[j + 1]]
            new = distances[stops[i - 1], stops[j]] + distances[stops[i], stops[j + 1]]
            assert new >= old - 1e-9


@cases
def test_the_cost_of_an_insertion_is_what_it_adds_to_the_objective(name, seed, n):
    _, _, work, state = begun(name, seed, n)
    model = work.model
    finish_iteration(work)
    ruin_some(work, state)
    for node in model.customers[state.tour_of[model.customers] < 0]:
        before = totals_of(model, state)
        promised, k, p = best_insertion(work, state, node, before.longest, before.end, 2**40)
        if k < 0:
            continue
        prizes = model.weights.prize * model.nodes[PRIZE, node] - model.weights.penalty * model.nodes[PENALTY, node]
        insert(model, state, k, p, int(node))
        actual = weighted(model, totals_of(model, state)) - weighted(model, before) - prizes
        if model.weights.makespan or model.weights.longest:  # the latest end, or the longest tour, may even become less
            assert actual <= promised + 1e-9 * max(1.0, abs(promised))
        else:
            assert actual == pytest.approx(promised, abs=1e-9 * max(1.0, abs(before.length)))


@cases
def test_an_insertion_is_found_exactly_where_the_checker_allows_one(name, seed, n):
    problem, instance, work, state = begun(name, seed, n)
    model = work.model
    finish_iteration(work)
    ruin_some(work, state)
    # without the triangle inequality a removal may delay what follows
    assume(all(is_feasible(model, state, k) for k in range(model.tours)))
    spare = empty_state(model)
    for node in model.customers[state.tour_of[model.customers] < 0]:
        totals = totals_of(model, state)
        _, k, _ = best_insertion(work, state, node, totals.longest, totals.end, 2**40)
        possible = False
        for tour in range(model.tours):
            for p in range(state.sizes[tour] + 1):
                copy(state, spare)
                insert(model, spare, tour, p, int(node))
                wrong = check(problem, instance, tours_of(model, spare)).violations
                possible |= all("not visited" in sentence or "collects" in sentence for sentence in wrong)
        assert (k >= 0) == possible


@cases
def test_a_rejected_iteration_is_undone_exactly(name, seed, n):
    _, _, work, state = begun(name, seed, n)
    kept = empty_state(work.model)
    clear(work.model, kept)
    copy(state, kept)
    before = numbers(kept)
    for _ in range(10):
        finish_iteration(work)
        recreate_all(work, state, ruin_some(work, state))
        copy_tours(kept, state, work.lists.changed, work.lists.counts[CHANGED])
        assert numbers(state) == before == numbers(kept)


@pytest.mark.parametrize("name", ["op", "pctsp", "top"])
def test_forbidden_customers_stay_out_and_forced_ones_are_inserted(name):
    _, _, work, state = begun(name, 3, 12)
    came_in = False
    for _ in range(500):
        finish_iteration(work)
        perturbed = ruin_some(work, state)
        priority = work.priority.copy()
        out = state.tour_of < 0
        assert perturbed == priority.any()
        assert out[np.isneginf(priority)].all()
        recreate_all(work, state, perturbed)
        assert not work.priority.any()
        assert (state.tour_of[np.isneginf(priority)] < 0).all()
        came_in |= bool((state.tour_of[np.isposinf(priority) & out] >= 0).any())
    assert came_in


def test_a_region_that_pays_only_as_a_whole_is_found():
    """Ten prizes far away, none of which is worth the way alone: insertion leaves them out."""
    rng = np.random.default_rng(0)
    near, far = rng.random((10, 2)), 10.0 + 0.1 * rng.random((10, 2))
    penalties = np.append(0.0, np.repeat([1.0, 4.0], 10))
    instance = Instance(np.vstack([[0.5, 0.5], near, far]), prizes=np.ones(21), penalties=penalties, min_prize=5.0)
    (first,) = Insertion().solve(get_problem("pctsp"), [instance], PLENTY)
    (answer,) = RouteSearch(iterations=1000).solve(get_problem("pctsp"), [instance], PLENTY)
    assert len(first.tours[0]) <= 11 < 21 == len(answer.tours[0])


@pytest.mark.parametrize("name", MODELLED)
def test_tiny_instances_are_solved(name):
    problem = get_problem(name)
    for seed in range(8):
        instance = tiny_instance(problem, seed, 6)
        best, _ = best_by_enumeration(problem, instance)
        (answer,) = RouteSearch(iterations=1000).solve(problem, [instance], PLENTY)
        assert answer.feasible == (best is not None)
        if best is not None:
            assert answer.objective == pytest.approx(best)


@pytest.mark.parametrize("name", ["op", "pctsp", "cvrp", "mtsp"])
def test_the_search_is_never_worse_than_insertion_and_better_on_some(name):
    problem = get_problem(name)
    instances = [tiny_instance(problem, seed, 30) for seed in range(6)]
    first = Insertion().solve(problem, instances, PLENTY)
    found = RouteSearch(iterations=500).solve(problem, instances, PLENTY)
    pairs = [(a.objective, b.objective) for a, b in zip(first, found, strict=True) if a.feasible]
    assert not any(problem.is_better(inserted, searched) for inserted, searched in pairs)
    assert any(problem.is_better(searched, inserted) for inserted, searched in pairs)


def test_the_same_seed_and_iterations_give_the_same_answer():
    problem = get_problem("op")
    instance = tiny_instance(problem, 1, 40)
    tours = [RouteSearch(iterations=300).solve(problem, [instance], PLENTY)[0].tours[0].tolist() for _ in range(2)]
    assert tours[0] == tours[1]


def test_a_good_initial_solution_is_never_made_worse():
    problem = get_problem("cvrp")
    instance = tiny_instance(problem, 0, 30)
    (good,) = RouteSearch(iterations=2000).solve(problem, [instance], PLENTY)
    (kept,) = RouteSearch(iterations=0).solve(problem, [instance], PLENTY, initial=[good])
    assert kept.objective <= good.objective


def test_visits_made_before_stay_first():
    problem = get_problem("op")
    points = np.random.default_rng(3).random((20, 2))
    instance = Instance(points, prizes=np.ones(20), max_length=3.0, underway=Underway((7, 3)))
    (answer,) = RouteSearch(iterations=300).solve(problem, [instance], PLENTY)
    assert answer.feasible
    assert answer.tours[0][:3].tolist() == [0, 7, 3]


def test_customers_with_narrow_windows_that_do_not_fit_at_first_are_inserted_later():
    """Points along a line with narrow windows in a random order: one tour alone is allowed."""
    rng = np.random.default_rng(5)
    order = np.append(0, 1 + rng.permutation(24))
    points = rng.random((25, 2))
    legs = np.linalg.norm(points[order] - points[np.roll(order, 1)], axis=1)
    at = np.empty(25)
    at[order] = np.cumsum(legs) - legs[0]
    windows = np.stack([np.maximum(at - 0.2, 0.0), at + 0.2], axis=1)
    windows[0] = 0.0, 100.0
    (answer,) = RouteSearch(iterations=2000).solve(
        get_problem("tsptw"), [Instance(points, time_windows=windows)], PLENTY
    )
    assert answer.feasible, answer.violations


@pytest.mark.parametrize("name", ["cvrp", "op", "cvrptw"])
def test_distances_from_points_give_the_answer_of_a_table(monkeypatch, name):
    problem, instances = get_problem(name), generate_instances(name, "x", 60, 2, 0)
    tabled = RouteSearch(iterations=200).solve(problem, instances, PLENTY)
    monkeypatch.setattr(models, "MOST_IN_TABLE", 0)
    computed = RouteSearch(iterations=200).solve(problem, instances, PLENTY)
    assert [answer.objective for answer in computed] == pytest.approx([answer.objective for answer in tabled])


@pytest.mark.parametrize("name", ["cvrp", "cvrptw", "op", "mtsp"])
def test_computed_distances_of_open_routes_give_the_answer_of_a_table(monkeypatch, name):
    problem, seeds = get_problem(name), (1, 3, 9)
    instances = [replace(tiny_instance(problem, seed), end=None, free_end=True) for seed in seeds]
    assert not any(instance.matrix is not None for instance in instances)
    monkeypatch.setattr(models, "MOST_IN_TABLE", 0)
    for instance, answer in zip(instances, RouteSearch(iterations=300).solve(problem, instances, PLENTY), strict=True):
        best, _ = best_by_enumeration(problem, instance)
        assert answer.objective == (None if best is None else pytest.approx(best))


@pytest.mark.parametrize("name", ["cvrp", "cvrptw", "op"])
def test_large_instances_have_answers(name):
    problem, instances = get_problem(name), generate_instances(name, "x", 6000, 1, 0)
    (first,) = RouteSearch(iterations=0).solve(problem, instances, PLENTY)
    (better,) = RouteSearch(iterations=2000).solve(problem, instances, PLENTY)
    assert first.feasible
    assert problem.is_better(better.objective, first.objective)


def test_memory_for_tours_is_bounded_where_no_rule_bounds_their_visits(monkeypatch):
    monkeypatch.setattr(models, "MOST_STOPS", 200)
    instance = generate_instances("cvrp", "uniform", 40, 1, 0)[0]
    model = model_of(get_problem("cvrp"), replace(instance, capacity=1e9))
    assert model.most_visits == 40
    assert model.tours == 5
    assert empty_state(model).stops.shape == (5, 42)


def test_the_search_ends_where_all_prizes_are_collected():
    points = np.random.default_rng(0).random((10, 2))
    instance = Instance(points, prizes=np.ones(10), max_length=100.0)
    (answer,) = RouteSearch(iterations=10**15).solve(get_problem("op"), [instance], Budget(1e6))
    assert answer.objective == 9.0


def test_iterations_below_zero_are_refused():
    with pytest.raises(ValueError, match="iterations: -1, expected 0 or more"):
        RouteSearch(iterations=-1)
