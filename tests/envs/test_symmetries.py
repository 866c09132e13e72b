"""The eight symmetries of the square."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from envs.batch import from_instances
from envs.symmetries import augment, symmetries
from tsp.instance import Instance

SQUARES = st.integers(2, 9).flatmap(lambda n: arrays(np.float32, (2, n, 2), elements=st.floats(0, 1, width=32)))


@settings(max_examples=30)
@given(SQUARES)
def test_all_symmetries_preserve_distances_and_the_first_is_the_identity(points):
    points = torch.from_numpy(points)
    pictures = symmetries(points)
    assert pictures.shape == (8, *points.shape)
    assert torch.equal(pictures[0], points)
    assert ((pictures >= 0) & (pictures <= 1)).all()
    torch.testing.assert_close(
        torch.cdist(pictures.double(), pictures.double()),
        torch.cdist(points.double(), points.double()).expand(8, -1, -1, -1),
        atol=2e-7,  # 1 - x rounds to float32
        rtol=0,
    )


def test_the_eight_symmetries_are_distinct():
    pictures = symmetries(torch.tensor([[[0.0, 0.0], [0.25, 0.5]]]))
    assert len({tuple(p.flatten().tolist()) for p in pictures}) == 8


def test_augmented_batches_keep_padding_and_the_instances_own_distances():
    rng = np.random.default_rng(0)
    batch = from_instances([Instance(rng.random((n, 2)), metric="EUC_2D", prizes=np.ones(n)) for n in (3, 5)])
    assert "prizes" in batch.values
    pictures = augment(batch, 8)
    assert pictures.count == 16
    for k in range(8):
        copy = pictures.rows(slice(2 * k, 2 * k + 2))
        assert torch.equal(copy.coordinates, symmetries(batch.coordinates)[k])
        for name, own in {**batch._asdict(), **batch.values}.items():
            if isinstance(own, torch.Tensor) and name != "coordinates":
                assert torch.equal(own, {**copy._asdict(), **copy.values}[name])


def test_generated_batches_stay_without_padding_and_distances():
    batch = from_instances([Instance(np.eye(2))], distances=False)
    pictures = augment(batch, 3)
    assert (pictures.padding, pictures.distances) == (None, None)


@pytest.mark.parametrize("count", [0, 9])
def test_any_number_of_symmetries_but_one_to_eight_is_refused(count):
    with pytest.raises(ValueError, match=f"symmetries: {count}, expected 1 to 8"):
        augment(from_instances([Instance(np.eye(2))]), count)
