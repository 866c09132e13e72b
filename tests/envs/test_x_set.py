"""Instances like set X: the ranges, kinds and shares of the paper."""

import numpy as np
import pytest

from envs.generators import generate_instances
from envs.x_set import GRID, draw_instance


def drawn(count=200, customers=100):
    rng = np.random.default_rng(0)
    return [draw_instance(rng, customers) for _ in range(count)]


def test_nodes_are_different_points_of_the_grid():
    for points, _, _ in drawn(50):
        whole = points * GRID
        assert (whole == np.rint(whole)).all()
        assert whole.min() >= 0
        assert whole.max() <= GRID
        assert len(np.unique(whole, axis=0)) == 101


def test_a_third_of_the_depots_is_in_the_centre_and_a_third_in_the_corner():
    depots = np.array([points[0] for points, _, _ in drawn()])
    assert (depots == 0.5).all(axis=1).mean() == pytest.approx(1 / 3, abs=0.1)
    assert (depots == 0.0).all(axis=1).mean() == pytest.approx(1 / 3, abs=0.1)


def test_the_seven_kinds_of_demand_occur_and_the_depot_has_none():
    ranges = {(demands[1:].min(), demands[1:].max()) for _, demands, _ in drawn()}
    assert {(1.0, 1.0), (1.0, 10.0), (5.0, 10.0), (1.0, 100.0), (50.0, 100.0)} <= ranges
    assert all(demands[0] == 0.0 for _, demands, _ in drawn(20))


def test_a_route_has_room_for_three_to_twenty_five_mean_demands_and_for_every_customer():
    for _, demands, capacity in drawn():
        assert capacity >= demands.max()
        assert 3.0 <= capacity / demands[1:].mean() <= max(26.0, demands.max() / demands[1:].mean())


def test_clusters_are_denser_than_scattered_points():
    def nearest(points):
        away = np.linalg.norm(points[:, None] - points, axis=2) + 10.0 * np.eye(len(points))
        return away.min(axis=1).mean()

    found = [nearest(points) for points, _, _ in drawn(60)]
    assert min(found) < 0.5 * max(found)


def test_the_same_seed_gives_the_same_instances_and_more_of_them_begin_with_the_same():
    two, three = (generate_instances("cvrp", "x", 20, count, 7) for count in (2, 3))
    assert [a.fingerprint for a in two] == [b.fingerprint for b in three[:2]]
    assert two[0].fingerprint != two[1].fingerprint
