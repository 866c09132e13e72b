"""Lists of near customers: the same from a table and from points, and with time windows as well."""

import numpy as np
import pytest

from baselines.routes import model as models
from baselines.routes.model import CLOSES, OPENS, SERVICE, model_of
from baselines.routes.neighbours import near_in_midpoints, near_in_sequence
from envs.generators import generate_instances
from tsp.problems import get_problem


def instance_of(name, n=60):
    return generate_instances(name, "uniform", n, 1, 5)[0]


def in_sequence(model, distances):
    """The measure as its docstring defines it, for all pairs."""
    opens, closes, service = model.nodes[[OPENS, CLOSES, SERVICE]]
    out = distances + service[:, None]
    with np.errstate(invalid="ignore"):
        early, late = opens - out - closes[:, None], opens[:, None] + out - closes
    ahead = distances + 0.2 * np.maximum(0.0, early) + np.maximum(0.0, late)
    return np.minimum(ahead, ahead.T)


@pytest.mark.parametrize("name", ["cvrp", "cvrptw", "tsptw"])
def test_near_customers_are_those_of_the_smallest_measure_in_ascending_order(name):
    instance = instance_of(name)
    model = model_of(get_problem(name), instance)
    apart = in_sequence(model, instance.distances)
    np.fill_diagonal(apart, np.inf)
    apart[:, [model.start, model.end]] = np.inf
    assert (near_in_sequence(model, 10) == np.argsort(apart, axis=1)[:, :10]).all()


def test_the_middles_of_windows_count_where_a_window_is_bounded():
    instance = instance_of("cvrptw")
    model = model_of(get_problem("cvrptw"), instance)
    middle = instance.time_windows.mean(axis=1)
    apart = instance.distances + instance.distances.T + np.abs(middle[:, None] - middle)
    np.fill_diagonal(apart, np.inf)
    apart[:, instance.depot] = np.inf
    assert (near_in_midpoints(model, 5) == np.argsort(apart, axis=1)[:, :5]).all()


@pytest.mark.parametrize("name", ["cvrp", "op", "cvrptw"])
def test_lists_from_points_are_those_from_a_table(monkeypatch, name):
    instance = instance_of(name, 40)
    tabled = near_in_sequence(model_of(get_problem(name), instance), 8)
    monkeypatch.setattr(models, "MOST_IN_TABLE", 0)
    computed = model_of(get_problem(name), instance)
    assert computed.geometry.code != models.MATRIX
    assert (near_in_sequence(computed, 8) == tabled).all()


def test_one_customer_has_no_neighbours():
    model = model_of(get_problem("cvrp"), instance_of("cvrp", 1))
    assert near_in_sequence(model, 30).shape == (2, 0)
