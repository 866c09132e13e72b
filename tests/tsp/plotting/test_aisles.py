from itertools import pairwise

import numpy as np
import pytest

from envs.halls import layout
from tsp.instance import Instance
from tsp.plotting import plot_tour
from tsp.plotting.aisles import aisle_ways, run_along_x
from tsp.problems import get_problem
from tsp.solution import check


@pytest.mark.parametrize("seed", range(6))
def test_ways_have_the_length_of_the_walks_in_a_hall_and_pass_no_wall(seed):
    hall = layout(seed)
    assert run_along_x(hall.walls)
    walk = aisle_ways(hall.walls)
    points = np.vstack([hall.coffee, hall.stands])
    rng = np.random.default_rng(seed)
    for a, b in rng.integers(len(points), size=(60, 2)):
        way = walk(points[a], points[b])
        steps = np.diff(way, axis=0)
        assert (np.abs(steps) < 1e-12).any(axis=1).all()  # parallel to the axes
        assert np.abs(steps).sum() == pytest.approx(hall.walking(points[[a, b]])[0, 1], abs=0.03)
        for (x0, y0), (x1, y1) in pairwise(way):
            across = (hall.walls[:, 0, 1] - y0) * (hall.walls[:, 0, 1] - y1) < 0
            assert not (across & (hall.walls[:, 0, 0] < x0) & (x0 < hall.walls[:, 1, 0]) & (x0 == x1)).any()


def test_a_hall_is_drawn_along_its_aisles():
    hall = layout(1)
    points = hall.stands[:4]
    instance = Instance(points, matrix=hall.walking(points), walls=hall.walls)
    axes = plot_tour(instance, check(get_problem("tsp"), instance, [range(4)])).axes[0]
    steps = np.diff(axes.lines[-1].get_xydata(), axis=0)
    assert (np.abs(steps) < 1e-12).any(axis=1).all()
    assert len(axes.lines) == len(hall.walls) + 1
