from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from instances import tiny_instance

from baselines.routes.giant_tour import decode, decoded_tours, empty_plan
from baselines.routes.model import closed, is_modelled, model_of
from tsp.problems import PROBLEMS, Objective, Shape, get_problem
from tsp.solution import check

MODELLED = [problem for problem in PROBLEMS.values() if is_modelled(problem)]


def test_all_but_split_deliveries_and_sessions_are_modelled():
    assert [p.name for p in PROBLEMS.values() if p not in MODELLED] == ["opst", "opq", "dop", "sdvrp"]


def test_sum_and_maximum_of_several_tours_are_not_mixed():
    mtsp = get_problem("mtsp")
    mixed = Objective(("length", "longest"))
    assert not is_modelled(type(mtsp)("mixed", "", "", Shape.TOURS, mtsp.rules, mixed))


@given(st.sampled_from(MODELLED), st.integers(0, 40), st.randoms(use_true_random=False))
def test_cost_of_an_order_is_what_the_checker_finds(problem, seed, random):
    shape, instance, _ = closed(problem, tiny_instance(problem, seed, 6))
    model = model_of(shape, instance)
    order = model.customers.copy()
    random.shuffle(order)
    plan = empty_plan(model)
    cost, count = decode(model, order, plan)
    tours = decoded_tours(model, plan, count)
    found = check(shape, instance, tours)
    sign = 1 if problem.objective.sense == "min" else -1
    if found.feasible:
        assert sign * found.objective == pytest.approx(cost, abs=1e-9)
    else:
        assert cost > model.missing / 100
    visits = [node for tour in tours for node in tour if node not in (model.start, model.end)]
    assert len(set(visits)) == len(visits) == count


def cuts(order):
    """All ways to cut an order into tours."""
    for bits in range(2 ** (len(order) - 1)):
        ends = [0, *(i + 1 for i in range(len(order) - 1) if bits >> i & 1), len(order)]
        yield [order[a:b] for a, b in pairwise(ends)]


@pytest.mark.parametrize("name", ["cvrp", "cvrptw", "mtsp"])
def test_order_is_cut_where_it_costs_least(name):
    problem, rng = get_problem(name), np.random.default_rng(0)
    for seed in range(30):
        instance = tiny_instance(problem, seed, 6)
        model = model_of(problem, instance)
        order = rng.permutation(model.customers)
        closing = [instance.finish] if instance.finish != instance.depot else []
        found = [
            check(problem, instance, [[instance.depot, *t, *closing] for t in cut]) for cut in cuts(order.tolist())
        ]
        best = min((solution.objective for solution in found if solution.feasible), default=None)
        cost, _ = decode(model, order, empty_plan(model))
        assert cost > model.missing / 2 if best is None else cost == pytest.approx(best)


def test_a_tour_ends_where_that_is_best():
    problem = get_problem("pctsp")
    given = {"penalties": np.array([0.0, 5.0, 5.0, 1.0]), "prizes": np.ones(4), "min_prize": 1.0}
    instance = type(tiny_instance(problem, 1, 4))([[0, 0], [1, 0], [2, 0], [50, 0]], **given)
    model = model_of(problem, instance)
    plan = empty_plan(model)
    cost, count = decode(model, np.array([1, 2, 3], dtype=np.int32), plan)
    assert decoded_tours(model, plan, count) == [[0, 1, 2]]
    assert cost == 5.0
