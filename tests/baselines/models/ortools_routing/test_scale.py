import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.models.ortools_routing.builder import build_model
from baselines.models.ortools_routing.scale import LARGEST_SUM
from baselines.models.ortools_routing.settings import Settings
from tsp.budget import Clock
from tsp.instance import Instance
from tsp.metrics import METRICS
from tsp.problems import get_problem


def cost_unit(instance, resolution):
    return build_model(get_problem("tsp"), instance, Settings(resolution=resolution), Clock(60)).unit


@given(
    n=st.integers(1, 6),
    largest=st.floats(0, 1e30) | st.integers(0, 10**30),
    resolution=st.integers(1, 10**18),
)
def test_no_tour_of_a_matrix_overflows(n, largest, resolution):
    matrix = np.full((n, n), float(largest))
    matrix[0, -1] = float(largest) / 2 if isinstance(largest, float) else float(largest // 2)
    instance = Instance(matrix=matrix)
    scale = cost_unit(instance, resolution)
    assert n * scale * instance.distances.max() <= LARGEST_SUM * (1 + 1e-9)
    if instance.integral and n * largest <= LARGEST_SUM:
        assert scale == 1.0


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e5, 1e20])
@pytest.mark.parametrize("metric", METRICS)
def test_no_tour_of_points_overflows(metric, size):
    points = np.random.default_rng(0).uniform(-size, size, (40, METRICS[metric].dimensions[-1]))
    instance = Instance(points, metric=metric)
    scale = cost_unit(instance, 10**15)
    assert 40 * scale * instance.distances.max() <= LARGEST_SUM * (1 + 1e-9)
    assert scale == 1.0 or not instance.integral or size == 1e20
