from dataclasses import replace

import numpy as np
import pytest
from instances import tiny_instance

from envs.generators import generate_set
from tsp.instance import Instance
from tsp.problems import PROBLEMS
from tsp.solvers.defaults import ALPHA_PAYS, MEANS_PAY, default_spec
from tsp.solvers.registry import make


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("time_limit", [0.001, 2.0])
def test_every_problem_has_a_default_that_supports_it(name, time_limit):
    instance = replace(tiny_instance(PROBLEMS[name], 0, 5), problem=name)
    spec, _ = default_spec(instance, time_limit)
    assert make(spec).supports(PROBLEMS[name])


def test_the_default_uses_alpha_nearness_where_there_is_time_for_it():
    instance = Instance(np.random.default_rng(0).random((1000, 2)))
    assert "alpha" in default_spec(instance, 1000 * ALPHA_PAYS)[0]
    assert "alpha" not in default_spec(instance, 999 * ALPHA_PAYS)[0]


def test_asymmetric_tours_are_searched_without_a_guide():
    instance = Instance(matrix=np.random.default_rng(0).random((30, 30)), problem="atsp")
    assert default_spec(instance, 2.0)[0] == "ls+cpsat"


def test_the_default_is_a_search_without_a_policy_where_no_prizes_are_hidden():
    assert default_spec(generate_set("op", "uniform", 30, 1, 0)[0][0], 2.0) == ("ls+bound", None)


def test_the_default_is_a_policy_where_prizes_are_hidden_and_it_was_trained_on_the_size():
    small, large = (generate_set("spctsp", "uniform", size, 1, 0)[0][0] for size in (20, 300))
    assert default_spec(small, 2.0) == ("policy", None)
    spec, note = default_spec(large, 2.0)
    assert spec == "ls+bound"
    assert note is not None
    assert "was trained on" in note


@pytest.mark.parametrize(("customers", "expected"), [(MEANS_PAY - 1, "hindsight"), (MEANS_PAY, "means")])
def test_many_nodes_that_appear_are_planned_by_their_means(customers, expected):
    assert default_spec(generate_set("dop", "hall", customers, 1, 0)[0][0], 2.0) == (expected, None)
