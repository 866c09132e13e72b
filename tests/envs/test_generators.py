"""Generators draw what they say, in the unit square, and the same again from the same seed."""

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from envs.generators import GENERATORS, generate, generate_instances

EVERY = pytest.mark.parametrize("distribution", sorted(GENERATORS))


def draw(distribution, count=50, size=40, seed=0):
    return generate(distribution, count, size, torch.Generator().manual_seed(seed))


@EVERY
@pytest.mark.parametrize(("count", "size"), [(1, 1), (3, 2), (4, 3), (2, 101)])
def test_shape_and_range(distribution, count, size):
    points = draw(distribution, count, size)
    assert points.shape == (count, size, 2)
    assert points.dtype == torch.float32
    assert ((points >= 0) & (points <= 1)).all()


@EVERY
def test_a_seed_fixes_the_instances_whatever_torch_drew_before(distribution):
    first = draw(distribution)
    torch.rand(7)
    assert torch.equal(first, draw(distribution))
    assert not torch.equal(first, draw(distribution, seed=1))


@EVERY
def test_instances_of_one_batch_differ(distribution):
    assert len(np.unique(draw(distribution).numpy(), axis=0)) == 50


def mean_nearest(points):
    """Mean distance from a node to the nearest other, over all instances."""
    return float(np.mean([cKDTree(p).query(p, k=2)[0][:, 1].mean() for p in points.double().numpy()]))


def test_uniform_points_fill_the_square_evenly():
    points = draw("uniform", count=200)
    quarters = (points > 0.5).long() @ torch.tensor([1, 2])
    shares = torch.bincount(quarters.flatten(), minlength=4) / quarters.numel()
    assert shares.numpy() == pytest.approx(0.25, abs=0.02)


def test_clustered_points_lie_closer_than_mixed_ones_and_those_closer_than_uniform_ones():
    clusters, mixed, uniform = (mean_nearest(draw(d, count=200)) for d in ("clusters", "mixed", "uniform"))
    assert clusters < 0.7 * uniform
    assert clusters < mixed < uniform


@pytest.mark.parametrize("size", [2, 10, 50, 120])
def test_posters_hang_in_rows_along_aisles_each_board_once_with_coffee_at_node_0(size):
    for hall in draw("hall", count=20, size=size).numpy():
        coffee, posters = hall[0], hall[1:]
        assert coffee == pytest.approx([0.5, 0.02])
        assert len(np.unique(posters, axis=0)) == size - 1
        assert posters[:, 1].min() > 0.1
        columns = np.unique(posters[:, 0].round(5))
        rows = np.unique(posters[:, 1].round(5))
        # about three boards a poster, so far fewer lines than posters once there are many
        assert 2 * len(columns) * len(rows) <= max(4 * 3 * size, 32)
        if size >= 50:
            assert len(columns) < size / 3
            gaps = np.diff(columns)
            assert gaps.max() == pytest.approx(1.5 * gaps.min(), rel=0.01)  # the columns come in pairs


def test_an_unknown_distribution_names_the_nearest():
    with pytest.raises(ValueError, match="unknown distribution 'unifrom'; did you mean 'uniform'"):
        draw("unifrom")


@EVERY
def test_no_node_at_all_is_refused(distribution):
    with pytest.raises(ValueError, match="size: 0, expected at least one node"):
        draw(distribution, size=0)


@pytest.mark.parametrize("distribution", [*GENERATORS, "kool"])
def test_instances_are_named_and_fixed_by_their_seed(distribution):
    first, again = (generate_instances("tsp", distribution, size=6, count=3, seed=5) for _ in range(2))
    assert [i.name for i in first] == [f"{distribution}6[{k}]" for k in range(3)]
    assert [i.fingerprint for i in first] == [i.fingerprint for i in again]
    assert {(i.size, i.problem, i.metric) for i in first} == {(6, "tsp", "euclidean")}


def test_an_unknown_distribution_of_instances_is_refused():
    with pytest.raises(ValueError, match="unknown distribution 'cool'; did you mean 'kool'"):
        generate_instances("tsp", "cool", size=6, count=3, seed=5)
