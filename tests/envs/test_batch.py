"""`Batch`: the policy sees the unit square, and values stay in the instance's own units."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from instances import tiny_instance

from envs.batch import from_coordinates, from_instances
from envs.generators import generate
from tsp.instance import Instance, Realization, Underway
from tsp.problems import PROBLEMS

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


def test_scaled_coordinates_keep_their_proportions():
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


def test_instances_of_equal_size_need_no_padding():
    assert from_instances([instance([[0, 0], [2, 0]])] * 3).padding is None


def test_an_instance_without_planar_coordinates_and_matrix_is_refused_by_name():
    with pytest.raises(ValueError, match="in space: a policy needs coordinates in the plane"):
        from_instances([instance([[0, 0]]), Instance(np.zeros((3, 3)), name="in space")])


def test_a_bare_matrix_has_no_coordinates_and_its_longest_distance_is_the_unit():
    matrix = np.array([[0, 5, 10], [1, 0, 2], [4, 7, 0]], dtype=float)
    batch = from_instances([Instance(matrix=matrix)], distances=False)
    assert not batch.coordinates.any()
    assert batch.costs()[0].numpy() == pytest.approx(matrix / 10)
    assert torch.equal(batch.with_distances().distances, batch.distances)


def test_a_matrix_in_another_unit_than_the_coordinates_decides_the_unit():
    points = np.random.default_rng(0).random((6, 2))
    walked = 80 * np.sqrt(np.square(points[:, None] - points).sum(-1))  # metres; the coordinates are of 1 by 1
    batch = from_instances([instance(points, matrix=walked)])
    plain = from_instances([instance(80 * points)])
    assert batch.scale.item() == pytest.approx(plain.scale.item(), rel=1e-5)
    torch.testing.assert_close(batch.costs(), plain.costs())


def test_distances_that_follow_from_coordinates_are_computed_when_needed():
    points = np.random.default_rng(0).random((2, 5, 2)) * 30 + 7
    own = from_instances([instance(p) for p in points])
    left = from_instances([instance(p) for p in points], distances=False)
    assert left.distances is None
    assert left.with_distances().distances.double().numpy() == pytest.approx(own.distances.numpy(), rel=1e-5, abs=1e-5)
    torch.testing.assert_close(left.costs(), own.costs(), atol=1e-5, rtol=1e-5)


def test_attributes_are_padded_and_an_instance_that_lacks_a_limit_is_not_limited():
    full = instance(
        [[0, 0], [1, 0]],
        prizes=[0, 3],
        penalties=[0, 2],
        demands=[0, 4],
        time_windows=[[0, 9], [1, 2]],
        service_times=[0, 1],
        max_length=7,
        min_prize=2,
        capacity=5,
        num_tours=3,
    )
    values = from_instances([full, instance([[0, 0], [1, 0], [0, 1]])]).values
    assert values["prizes"].tolist() == [[0, 3, 0], [0, 0, 0]]
    assert values["demands"].tolist() == [[0, 4, 0], [0, 0, 0]]
    assert values["service_times"].tolist() == [[0, 1, 0], [0, 0, 0]]
    assert values["time_windows"][0].tolist() == [[0, 9], [1, 2], [0, np.inf]]
    assert values["time_windows"][1].tolist() == [[0, np.inf]] * 3
    assert [values[name].tolist() for name in ("max_length", "capacity", "num_tours")] == [
        [7, np.inf],
        [5, np.inf],
        [3, np.inf],
    ]
    assert values["min_prize"].tolist() == [2, 0]
    assert values["prize_unit"].tolist() == [2, 1]
    assert all(value.dtype == torch.float64 for value in values.values())


def test_prizes_without_a_quota_are_measured_by_the_largest():
    batch = from_instances([instance([[0, 0], [1, 0]], prizes=[0, 8])])
    assert batch.values["prize_unit"].tolist() == [8]


def test_a_batch_has_free_ends_and_free_starts():
    batch = from_instances([instance(np.eye(2)), instance(np.eye(3)[:, :2], depot=1, end=2, free_start=True)])
    assert batch.depot.tolist() == [0, 1]
    assert batch.end.tolist() == [3, 2]  # 3 stands for none
    assert batch.finish.tolist() == [0, 2]
    assert batch.values["free_start"].tolist() == [False, True]
    assert "free_start" not in from_instances([instance(np.eye(2))]).values


def test_a_batch_has_what_a_tour_under_way_used_and_nan_where_that_is_not_given():
    begun = Underway((1,), elapsed=3.0, load=2.0)
    values = from_instances([instance(np.eye(2), underway=begun), instance(np.eye(2))]).values
    for name, used in (("elapsed", [3.0, np.nan]), ("travelled", [np.nan] * 2), ("load", [2.0, np.nan])):
        assert np.array_equal(values[name].numpy(), used, equal_nan=True)
    assert values["given"].tolist() == [1, 0]
    assert not {"elapsed", "given"} & from_instances([instance(np.eye(2))]).values.keys()


def test_a_batch_has_hidden_values_only_where_realizations_are_given():
    given = [instance(np.eye(2), prizes=[0, 1]), instance(np.eye(3)[:, :2], prizes=[0, 1, 1])]
    hidden = [Realization(np.array([0, 2.0])), Realization(np.array([0, 0.5, 3.0]))]
    assert "real_prizes" not in from_instances(given).values
    assert from_instances(given, realizations=hidden).values["real_prizes"].tolist() == [[0, 2, 0], [0, 0.5, 3]]


def test_generated_batches_measure_plain_euclidean_legs():
    batch = from_coordinates(torch.tensor([[[0.0, 0.0], [0.3, 0.4]], [[0.0, 0.0], [0.0, 1.0]]]))
    legs = batch.legs(torch.tensor([[0, 0], [1, 1]]), torch.tensor([[1, 0], [0, 1]]))
    assert legs.tolist() == pytest.approx(np.array([[0.5, 0.0], [1.0, 0.0]]))


def tensors(batch):
    return {name: x for name, x in (*batch._asdict().items(), *batch.values.items()) if isinstance(x, torch.Tensor)}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_rows_select_instances_with_all_their_attributes(problem):
    batch = from_instances([tiny_instance(problem, k, k + 3) for k in range(3)])
    whole, chosen = tensors(batch), tensors(batch.rows(torch.tensor([2, 0])))
    assert whole.keys() == chosen.keys()
    assert all(torch.equal(whole[name][[2, 0]], chosen[name]) for name in whole)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_generated_batches_hold_what_instances_hold(problem):
    batch = generate(problem, "uniform", 2, 5, torch.Generator().manual_seed(0))
    assert (batch.padding, batch.scale.tolist()) == (None, [1, 1])
    assert batch.depot.tolist() == [0, 0]
    assert batch.finish.tolist() == ([4, 4] if problem == "shpp" else [0, 0])
    assert set(PROBLEMS[problem].needs) - {"matrix"} <= batch.values.keys()


def test_a_missing_road_is_longer_than_every_tour_of_the_others():
    matrix = [[0, 3, np.inf], [4, 0, 5], [6, np.inf, 0]]
    distances = from_instances([Instance(matrix=matrix)]).distances[0].numpy()
    missing = np.isinf(matrix)
    assert (distances[~missing] == np.array(matrix)[~missing]).all()
    assert 3 + 5 + 6 < distances[missing].min() < np.inf


def test_a_stand_in_for_a_missing_road_is_longer_than_what_the_instances_own_rules_allow():
    """Time windows make an `op` an `optw`: a tour over a missing road must be late for the last of them."""
    windows = [[0, 10_000]] * 3
    matrix = [[0, 3, np.inf], [4, 0, 5], [6, np.inf, 0]]
    given = Instance(matrix=matrix, prizes=[0, 1, 1], max_length=9.0, time_windows=windows, problem="op")
    missing = np.isinf(given.distances)
    assert from_instances([given]).distances[0].numpy()[missing].min() > 10_000


def test_several_tours_under_way_are_refused():
    begun = Underway((1,), others=[Underway((2,))])
    with pytest.raises(ValueError, match="fleet: 2 tours are under way, of which environments and policies"):
        from_instances([instance(np.eye(3), name="fleet", underway=begun)])
