"""The search by rules: what its moves promise is what happens, and tiny instances are solved."""

import numpy as np
import pytest
from baselines.routes.rule_search import RuleSearch, best_place, prepare
from brute_force import best_by_enumeration
from compiled import compiled
from hypothesis import assume, given
from hypothesis import strategies as st
from instances import tiny_instance

from baselines.heuristics.constructive import Insertion
from baselines.routes import insertion, rule_search
from baselines.routes.insertion import (
    clear,
    copy,
    empty_routes,
    keeps_rules,
    put,
    shortfall,
    totals_of,
    tours_of,
    weighted,
)
from baselines.routes.model import closed, model_of
from tsp.budget import Budget
from tsp.instance import Instance, Underway
from tsp.problems import PROBLEMS, get_problem
from tsp.solution import check

MODELLED = [name for name, problem in PROBLEMS.items() if RuleSearch().supports(problem)]
PLENTY = Budget(60.0)
descend, recreate, ruin = map(compiled, (rule_search.descend, rule_search.recreate, rule_search.ruin))
refresh, take_over = compiled(insertion.refresh), compiled(rule_search.take_over)
cases = given(name=st.sampled_from(MODELLED), seed=st.integers(0, 1000), n=st.integers(4, 9))


def begun(name, seed, n):
    """A search and tours that it has been at for a moment."""
    problem, instance, _ = closed(get_problem(name), tiny_instance(name, seed, n))
    model = model_of(problem, instance)
    routes = empty_routes(model)
    clear(model, routes)
    search, _ = prepare(model, routes, seed)
    recreate(search, routes, ruin(search, routes))
    return problem, instance, search, routes


def settle(search):
    search.struck[:] = -1
    search.counts[:] = 0
    search.waiting[:] = False


def numbers(routes):
    """All that tours say of themselves, where it means something."""
    used = [slice(0, size + 2) for size in routes.sizes]
    rows = [
        [array[k, used[k]].tolist() for k in range(len(used))] for array in (routes.stops, routes.begin, routes.latest)
    ]
    places = np.where(routes.tour_of >= 0, routes.place, 0)
    return (
        rows,
        routes.sizes.tolist(),
        routes.length.tolist(),
        routes.load.tolist(),
        routes.tour_of.tolist(),
        places.tolist(),
    )


def assert_true(problem, instance, search, routes):
    """The tours' numbers are those of their visits, and the checker agrees with them."""
    model = search.model
    fresh = empty_routes(model)
    clear(model, fresh)
    for k in range(model.tours):
        for p in range(1, routes.sizes[k] + 1):
            put(model, fresh, k, p - 1, int(routes.stops[k, p]))
    assert numbers(fresh) == numbers(routes)
    found = check(problem, instance, tours_of(model, routes))
    totals = totals_of(model, routes)
    kept = all(keeps_rules(model, routes, k) for k in range(model.tours))
    assert found.feasible == (kept and shortfall(model, totals) == 0.0), found.violations
    if found.objective is not None:
        own = model_of(problem, instance)
        sign = 1.0 if problem.objective.sense == "min" else -1.0
        assert sign * weighted(own, totals) == pytest.approx(found.objective)


@cases
def test_what_ruin_and_recreate_say_of_tours_is_true(name, seed, n):
    problem, instance, search, routes = begun(name, seed, n)
    for _ in range(10):
        settle(search)
        recreate(search, routes, ruin(search, routes))
        assert_true(problem, instance, search, routes)


@cases
def test_a_descent_visits_the_same_and_makes_no_tour_longer(name, seed, n):
    problem, instance, search, routes = begun(name, seed, n)
    assume(search.turns)
    visited = routes.tour_of.copy()
    settle(search)
    for k in range(search.model.tours):  # all is to be looked at, in tours that are far from best
        routes.stops[k, 1 : routes.sizes[k] + 1] = np.sort(routes.stops[k, 1 : routes.sizes[k] + 1])
        refresh(search.model, routes, k)
        search.struck[k], search.changed[k] = 0, k
    search.counts[1] = search.model.tours
    worse = routes.length.copy()
    search.touched[: len(search.model.customers)] = search.model.customers
    search.counts[2] = len(search.model.customers)
    descend(search, routes)
    assert (routes.tour_of == visited).all()
    assert (routes.length <= worse + 1e-9).all()
    assert search.counts[0] == 0
    assert not search.waiting.any()
    assert_true(problem, instance, search, routes)


@given(seed=st.integers(0, 1000), n=st.integers(5, 7))
def test_a_descent_leaves_no_better_reversal_where_all_are_near(seed, n):
    _, _, search, routes = begun("op", seed, n)
    assume(search.turns)
    distances = search.model.distances
    search.touched[: len(search.model.customers)] = search.model.customers
    search.counts[2] = len(search.model.customers)
    descend(search, routes)
    stops = routes.stops[0, : routes.sizes[0] + 2]
    for i in range(1, len(stops) - 1):
        for j in range(i + 1, len(stops) - 1):
            old = distances[stops[i - 1], stops[i]] + distances[stops[j], stops[j + 1]]
            new = distances[stops[i - 1], stops[j]] + distances[stops[i], stops[j + 1]]
            assert new >= old - 1e-9


@cases
def test_the_cost_of_a_place_is_what_it_adds(name, seed, n):
    _, _, search, routes = begun(name, seed, n)
    model = search.model
    settle(search)
    ruin(search, routes)
    for node in model.customers[routes.tour_of[model.customers] < 0]:
        before = totals_of(model, routes)
        promised, k, p = best_place(search, routes, node, before.longest, before.end, 2**40)
        if k < 0:
            continue
        prizes = model.weights.prize * model.prizes[node] - model.weights.penalty * model.penalties[node]
        put(model, routes, k, p, int(node))
        actual = weighted(model, totals_of(model, routes)) - weighted(model, before) - prizes
        if model.weights.makespan or model.weights.longest:  # the latest end, or the longest tour, may even become less
            assert actual <= promised + 1e-9
        else:
            assert actual == pytest.approx(promised, abs=1e-9 * max(1.0, abs(before.length)))


@cases
def test_a_place_is_found_where_and_only_where_the_checker_allows_one(name, seed, n):
    problem, instance, search, routes = begun(name, seed, n)
    model = search.model
    settle(search)
    ruin(search, routes)
    spare = empty_routes(model)
    for node in model.customers[routes.tour_of[model.customers] < 0]:
        totals = totals_of(model, routes)
        _, k, _ = best_place(search, routes, node, totals.longest, totals.end, 2**40)
        possible = False
        for tour in range(model.tours):
            for p in range(routes.sizes[tour] + 1):
                copy(routes, spare)
                put(model, spare, tour, p, int(node))
                wrong = check(problem, instance, tours_of(model, spare)).violations
                possible |= all("not visited" in sentence or "collects" in sentence for sentence in wrong)
        assert (k >= 0) == possible


@cases
def test_what_is_not_kept_is_put_back_exactly(name, seed, n):
    _, _, search, routes = begun(name, seed, n)
    kept = empty_routes(search.model)
    clear(search.model, kept)
    copy(routes, kept)
    before = numbers(kept)
    for _ in range(10):
        settle(search)
        recreate(search, routes, ruin(search, routes))
        take_over(search, kept, routes)
        assert numbers(routes) == before == numbers(kept)


@pytest.mark.parametrize("name", ["op", "pctsp", "top"])
def test_who_is_barred_stays_out_and_the_welcome_come_in(name):
    _, _, search, routes = begun(name, 3, 12)
    came_in = False
    for _ in range(500):
        settle(search)
        swayed = ruin(search, routes)
        favour = search.favour.copy()
        out = routes.tour_of < 0
        assert swayed == favour.any()
        assert out[np.isneginf(favour)].all()
        recreate(search, routes, swayed)
        assert not search.favour.any()
        assert (routes.tour_of[np.isneginf(favour)] < 0).all()
        came_in |= bool((routes.tour_of[np.isposinf(favour) & out] >= 0).any())
    assert came_in


def test_a_region_that_pays_only_as_a_whole_is_found():
    """Ten prizes far away, none of which is worth the way alone: insertion leaves them out."""
    rng = np.random.default_rng(0)
    near, far = rng.random((10, 2)), 10.0 + 0.1 * rng.random((10, 2))
    penalties = np.append(0.0, np.repeat([1.0, 4.0], 10))
    instance = Instance(np.vstack([[0.5, 0.5], near, far]), prizes=np.ones(21), penalties=penalties, min_prize=5.0)
    (first,) = Insertion().solve(get_problem("pctsp"), [instance], PLENTY)
    (answer,) = RuleSearch(iterations=1000).solve(get_problem("pctsp"), [instance], PLENTY)
    assert len(first.tours[0]) <= 11 < 21 == len(answer.tours[0])


@pytest.mark.parametrize("name", MODELLED)
def test_tiny_instances_are_solved(name):
    problem = get_problem(name)
    for seed in range(8):
        instance = tiny_instance(problem, seed, 6)
        best, _ = best_by_enumeration(problem, instance)
        (answer,) = RuleSearch(iterations=1000).solve(problem, [instance], PLENTY)
        assert answer.feasible == (best is not None)
        if best is not None:
            assert answer.objective == pytest.approx(best)


@pytest.mark.parametrize("name", ["op", "pctsp", "cvrp", "mtsp"])
def test_it_is_never_worse_than_insertion_and_better_with_time(name):
    problem = get_problem(name)
    instances = [tiny_instance(problem, seed, 30) for seed in range(6)]
    first = Insertion().solve(problem, instances, PLENTY)
    found = RuleSearch(iterations=500).solve(problem, instances, PLENTY)
    pairs = [(a.objective, b.objective) for a, b in zip(first, found, strict=True) if a.feasible]
    assert not any(problem.is_better(inserted, searched) for inserted, searched in pairs)
    assert any(problem.is_better(searched, inserted) for inserted, searched in pairs)


def test_the_same_seed_and_iterations_give_the_same_answer():
    problem = get_problem("op")
    instance = tiny_instance(problem, 1, 40)
    tours = [RuleSearch(iterations=300).solve(problem, [instance], PLENTY)[0].tours[0].tolist() for _ in range(2)]
    assert tours[0] == tours[1]


def test_a_good_start_is_kept():
    problem = get_problem("cvrp")
    instance = tiny_instance(problem, 0, 30)
    (good,) = RuleSearch(iterations=2000).solve(problem, [instance], PLENTY)
    (kept,) = RuleSearch(iterations=0).solve(problem, [instance], PLENTY, initial=[good])
    assert kept.objective <= good.objective


def test_what_was_visited_stays():
    problem = get_problem("op")
    points = np.random.default_rng(3).random((20, 2))
    instance = Instance(points, prizes=np.ones(20), max_length=3.0, underway=Underway((7, 3)))
    (answer,) = RuleSearch(iterations=300).solve(problem, [instance], PLENTY)
    assert answer.feasible
    assert answer.tours[0][:3].tolist() == [0, 7, 3]


def test_late_customers_who_do_not_fit_at_first_are_fitted_in():
    """Points along a line with narrow windows in a random order: one tour alone is allowed."""
    rng = np.random.default_rng(5)
    order = np.append(0, 1 + rng.permutation(24))
    points = rng.random((25, 2))
    legs = np.linalg.norm(points[order] - points[np.roll(order, 1)], axis=1)
    at = np.empty(25)
    at[order] = np.cumsum(legs) - legs[0]
    windows = np.stack([np.maximum(at - 0.2, 0.0), at + 0.2], axis=1)
    windows[0] = 0.0, 100.0
    (answer,) = RuleSearch(iterations=2000).solve(
        get_problem("tsptw"), [Instance(points, time_windows=windows)], PLENTY
    )
    assert answer.feasible, answer.violations


def test_it_ends_by_itself_where_all_is_collected():
    points = np.random.default_rng(0).random((10, 2))
    instance = Instance(points, prizes=np.ones(10), max_length=100.0)
    (answer,) = RuleSearch(iterations=10**15).solve(get_problem("op"), [instance], Budget(1e6))
    assert answer.objective == 9.0


def test_iterations_below_zero_are_refused():
    with pytest.raises(ValueError, match="iterations: -1, expected 0 or more"):
        RuleSearch(iterations=-1)
