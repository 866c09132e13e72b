"""First answers: savings and cheapest insertion keep the rules and do what they promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from instances import tiny_instance

from baselines.routes.construction import insert_cheapest, insert_in_order, no_offers, savings_tours
from baselines.routes.edits import clear
from baselines.routes.evaluation import totals_of, weighted
from baselines.routes.model import closed, is_modelled, model_of
from baselines.routes.state import empty_state, tours_of
from baselines.routes.workspace import make_workspace
from envs.generators import generate_instances
from tsp.instance import Instance
from tsp.problems import PROBLEMS, get_problem
from tsp.solution import check

MODELLED = [name for name, problem in PROBLEMS.items() if is_modelled(problem)]
FLEETS = [
    name
    for name in MODELLED
    if PROBLEMS[name].shape.has_several_tours and not model_of(PROBLEMS[name], tiny_instance(name, 1)).optional
]


def begun(problem, instance):
    model = model_of(problem, instance)
    state = empty_state(model)
    clear(model, state)
    return model, state, make_workspace(model, 0, descends=False)


def broken_rules(found):
    """What the checker complains of, apart from visits and prizes that are missing."""
    return [text for text in found.violations if "not visited" not in text and "collects" not in text]


@given(name=st.sampled_from(MODELLED), seed=st.integers(0, 1000), n=st.integers(4, 12))
def test_insertion_breaks_no_rule(name, seed, n):
    problem, instance, _ = closed(get_problem(name), tiny_instance(name, seed, n))
    model, state, work = begun(problem, instance)
    insert_cheapest(model, state, no_offers(model), n)
    assert not broken_rules(check(problem, instance, tours_of(model, state)))
    clear(model, state)
    insert_in_order(work, state, model.customers)
    assert not broken_rules(check(problem, instance, tours_of(model, state)))


@given(seed=st.integers(0, 1000))
@pytest.mark.parametrize("name", ["op", "pctsp", "tsp"])
def test_cheapest_insertion_inserts_what_a_comparison_of_all_places_would(name, seed):
    problem, instance = get_problem(name), generate_instances(name, "uniform", 9, 1, seed)[0]
    model, state, _ = begun(problem, instance)
    while insert_cheapest(model, state, no_offers(model), 1):  # new offers each time: all places are compared
        pass
    afresh = tours_of(model, state)
    clear(model, state)
    insert_cheapest(model, state, no_offers(model), 100)
    assert tours_of(model, state) == afresh


@given(name=st.sampled_from(FLEETS), seed=st.integers(0, 1000), n=st.integers(4, 12))
def test_savings_visit_every_customer_once_and_break_no_other_rule_than_the_number_of_tours(name, seed, n):
    problem, instance = get_problem(name), tiny_instance(name, seed, n)
    model, _, work = begun(problem, instance)
    tours = savings_tours(work)
    ends = {model.start, model.end}
    assert sorted(node for tour in tours for node in tour if node not in ends) == sorted(model.customers.tolist())
    alone = check(
        problem,
        instance,
        [[model.start, node, *([model.end] if len(ends) > 1 else [])] for node in model.customers.tolist()],
    )
    if not any("tours" not in text for text in alone.violations):  # else a customer cannot even be visited alone
        found = check(problem, instance, tours)
        assert all("tours" in text for text in found.violations), found.violations


def test_savings_are_those_of_clarke_and_wright():
    """Two pairs of close customers, far apart from each other: each pair shares a tour, in either order."""
    instance = Instance([[0, 0], [5, 0], [6, 0], [0, 7], [0, 8]], demands=[0, 1, 1, 1, 1], capacity=2.0)
    _, _, work = begun(get_problem("cvrp"), instance)
    assert sorted(sorted(tour) for tour in savings_tours(work)) == [[0, 1, 2], [0, 3, 4]]


@pytest.mark.parametrize("name", ["cvrp", "cvrptw"])
def test_savings_are_better_than_insertion_in_an_order(name):
    problem, instance = get_problem(name), generate_instances(name, "x", 300, 1, 3)[0]
    model, state, work = begun(problem, instance)
    saved = check(problem, instance, savings_tours(work))
    insert_in_order(work, state, model.customers)
    assert saved.feasible
    assert saved.objective < weighted(model, totals_of(model, state))


def test_a_quota_is_met_at_the_lowest_cost_for_the_prize():
    given_values = {"prizes": np.ones(5), "penalties": np.zeros(5), "min_prize": 2.0}
    instance = Instance([[0, 0], [1, 0], [2, 0], [3, 0], [9, 0]], **given_values)
    model, state, _ = begun(get_problem("pctsp"), instance)
    assert not insert_cheapest(model, state, no_offers(model), 5)
    assert sorted(tours_of(model, state)[0]) == [0, 1, 2]
