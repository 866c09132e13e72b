"""`Batch`: what the policy sees lies in the unit square, what the user is told stays in his own units."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from envs.batch import from_coordinates, from_instances
from tsp.instance import Instance

POINTS = st.integers(1, 8).flatmap(lambda n: arrays(np.float64, (n, 2), elements=st.floats(-1e100, 1e100)))


def instance(points, **fields):
    return Instance(np.asarray(points, dtype=float), **fields)


@given(POINTS)
def test_any_instance_is_scaled_into_the_unit_square_and_can_be_scaled_back(points):
    batch = from_instances([Instance(points)], distances=False)
    seen = batch.coordinates[0].double().numpy()
    assert batch.coordinates.dtype == torch.float32
    assert ((seen >= 0) & (seen <= 1)).all()
    scale = float(batch.scale[0])
    back = seen * scale + points.min(0)
    # float32 keeps 24 bits of a place in the square; float64 keeps 53 of a place in the plane
    assert np.abs(back - points).max() <= scale * 2.0**-24 + np.abs(points).max() * 2.0**-50


@pytest.mark.parametrize(
    "points",
    [
        [[3.0, -7.0]],
        [[5.0, 5.0]] * 4,
        [[1e9, 1e9], [2e9, 1e9], [1e9, 3e9]],
        [[1e9, 1e9], [1e9 + 1, 1e9], [1e9, 1e9 + 1]],
        [[0.0, 0.0], [5e-324, 0.0]],
        [[-1e100, 0.0], [1e100, 0.0]],
    ],
    ids=["one point", "all equal", "1e9-sized", "far from the origin", "smallest extent", "largest extent"],
)
def test_degenerate_instances_give_finite_numbers(points):
    batch = from_instances([instance(points)])
    for tensor in (batch.coordinates, batch.scale, batch.distances):
        assert torch.isfinite(tensor).all()
    assert batch.coordinates.min() == 0
    assert batch.coordinates.max() <= 1
    assert batch.scale[0] > 0


def test_the_picture_keeps_its_proportions():
    batch = from_instances([instance([[10, 10], [14, 10], [10, 12]])])
    assert batch.scale[0] == 4
    assert batch.coordinates[0].tolist() == [[0, 0], [1, 0], [0, 0.5]]


def test_distances_are_the_instances_own_with_their_rounding():
    batch = from_instances([instance([[0, 0], [1, 1], [3, 0]], metric="EUC_2D")])
    assert batch.distances.dtype == torch.float64
    assert batch.distances[0].tolist() == [[0, 1, 3], [1, 0, 2], [3, 2, 0]]


def test_a_matrix_beside_coordinates_decides_the_distances():
    matrix = np.array([[0, 5, 9], [1, 0, 2], [4, 7, 0]], dtype=float)
    batch = from_instances([instance([[0, 0], [1, 0], [0, 1]], matrix=matrix)])
    assert np.array_equal(batch.distances[0].numpy(), matrix)
    origins, destinations = torch.tensor([[0, 1]]), torch.tensor([[1, 0]])
    assert batch.legs(origins, destinations).tolist() == [[5, 1]]


def test_smaller_instances_are_padded():
    batch = from_instances([instance([[0, 0], [2, 0]]), instance([[0, 0], [1, 0], [0, 4]])])
    assert (batch.count, batch.size) == (2, 3)
    assert batch.padding.tolist() == [[False, False, True], [False, False, False]]
    assert batch.coordinates[0, 2].tolist() == [0, 0]
    assert batch.distances[0, 2].tolist() == [0, 0, 0]


def test_equal_sizes_need_no_padding():
    assert from_instances([instance([[0, 0], [2, 0]])] * 3).padding is None


@pytest.mark.parametrize(
    "refused",
    [
        Instance(np.zeros((3, 3)), name="in space"),
        Instance(matrix=np.ones((3, 3)), name="in space"),
    ],
    ids=["three dimensions", "a bare matrix"],
)
def test_what_has_no_picture_in_the_plane_is_refused_by_name(refused):
    with pytest.raises(ValueError, match="in space: a policy needs coordinates in the plane"):
        from_instances([instance([[0, 0]]), refused])


def test_generated_batches_measure_plain_euclidean_legs():
    batch = from_coordinates(torch.tensor([[[0.0, 0.0], [0.3, 0.4]], [[0.0, 0.0], [0.0, 1.0]]]))
    legs = batch.legs(torch.tensor([[0, 0], [1, 1]]), torch.tensor([[1, 0], [0, 1]]))
    assert legs.tolist() == pytest.approx(np.array([[0.5, 0.0], [1.0, 0.0]]))


def test_rows_choose_instances_with_all_that_belongs_to_them():
    batch = from_instances([instance([[0, 0], [k, 0]] + [[0, 1]] * k) for k in (1, 2, 3)])
    chosen = batch.rows(torch.tensor([2, 0]))
    for whole, part in zip(batch, chosen, strict=True):
        assert torch.equal(whole[[2, 0]], part)
