from dataclasses import replace

import numpy as np
import pytest
from online_instances import whole_session
from surrogates import Surrogate, example_of, first_weights, gradient, is_hidden, moment_of, play

from tsp.instance import Underway
from tsp.laws import draw_day, expected
from tsp.problems import get_problem
from tsp.solvers.means import MeansSolver
from tsp.solvers.protocol import Request

DOP = get_problem("dop")
KICKS = "ls(kicks=30)"


def under_way(seed):
    instance = whole_session("dop", seed, 6, 4)
    return replace(instance, underway=Underway((0, 3), elapsed=60.0))


@pytest.mark.parametrize("seed", range(4))
def test_first_weights_and_a_constant_of_one_are_the_prizes_of_means(seed):
    instance = under_way(seed)
    features, prizes = moment_of(instance)
    here = np.isin(np.arange(instance.size), [0, 3])
    means = np.where(here, 0.0, expected(instance).prizes)
    np.testing.assert_allclose(prizes * (features @ first_weights()), means)
    plans = [
        solver.solve_request(Request(DOP, [instance], [60.0]))[0].tours[0].tolist()
        for solver in (
            MeansSolver(solver=KICKS),
            Surrogate(1.0, solver=KICKS),
            Surrogate(weights=first_weights(), solver=KICKS),
        )
    ]
    assert plans[0] == plans[1] == plans[2]


def test_a_constant_of_zero_plans_with_the_nodes_that_are_there_alone():
    law = [[0, 0], [0, 0], [50, 60]]
    instance = replace(whole_session("dop", 1, 2, 2), law_appears=law)
    assert is_hidden(instance).tolist() == [False, False, True]
    tours = {
        share: Surrogate(share).solve_request(Request(DOP, [instance], [0.02]))[0].tours[0].tolist() for share in (0, 1)
    }
    assert 1 in tours[0]
    assert 2 not in tours[0]
    assert 2 in tours[1]


def test_a_step_along_the_gradient_makes_plans_visit_what_anticipative_plans_do():
    """A surrogate that never plans with nodes to come is drawn towards them, and one that trusts in them is not."""
    instance = whole_session("dop", 2, 6, 4)
    example = example_of(instance, seed=1)
    hidden = is_hidden(instance)
    assert example.target[hidden].any()
    blind = first_weights()
    blind[7] = -10.0
    slopes = gradient(example, blind, np.random.default_rng(0))
    assert slopes[7] < 0  # descent raises the weight of nodes to come
    eager = example._replace(target=np.where(hidden, 0.0, example.target))
    assert gradient(eager, first_weights(), np.random.default_rng(0))[7] > 0
    again = gradient(example, blind, np.random.default_rng(0))
    np.testing.assert_array_equal(slopes, again)


def test_days_are_played_to_a_feasible_end():
    instance = whole_session("dop", 1, 6, 4)
    met = []
    prize, _, decisions = play(Surrogate(weights=first_weights()), instance, draw_day(instance, 2), 0.005, met)
    assert prize > 0
    assert decisions == len(met) > 1


def test_other_problems_are_refused_by_name():
    assert not Surrogate().supports(get_problem("opq"))
    with pytest.raises(ValueError, match=r"solver 'surrogate' does not .*'opst'"):
        Surrogate().solve_request(Request(get_problem("opst"), [whole_session("opst", 1, 3, 2)], [0.01]))
