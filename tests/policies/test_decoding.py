"""Decoding strategies: which node is chosen, how often, and never a forbidden one."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from policies.decoding import Greedy, Sampling

FORBIDDEN = float("-inf")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@st.composite
def masked_logits(draw):
    """Logits `[1, P, n]` as a decoder gives them, within ±10 and -inf where forbidden; at least one is allowed."""
    n = draw(st.integers(1, 12))
    values = draw(arrays(np.float32, (1, 3, n), elements=st.floats(-10, 10, width=32)))
    forbidden = draw(arrays(np.bool_, (1, 3, n)))
    forbidden[..., draw(st.integers(0, n - 1))] = False
    values[forbidden] = FORBIDDEN
    return torch.from_numpy(values)


@given(masked_logits())
def test_greedy_decoding_takes_the_most_probable_node(logits):
    chosen = Greedy().select(logits, None)
    assert torch.equal(logits.gather(-1, chosen[..., None])[..., 0], logits.max(-1).values)


@settings(max_examples=60)
@given(masked_logits(), st.sampled_from([0.05, 1.0, 5.0]), st.integers(0, 2**31))
def test_sampling_never_takes_a_forbidden_node(logits, temperature, seed):
    many = logits.expand(64, -1, -1)
    chosen = Sampling(temperature).select(many, generator(seed))
    assert torch.isfinite(many.gather(-1, chosen[..., None])).all()


@settings(max_examples=60)
@given(masked_logits(), st.sampled_from([0.0, 2.0**-24, 0.5, 1 - 2.0**-24, 1.0]))
def test_sampling_never_takes_a_forbidden_node_at_the_ends_of_the_random_numbers(logits, number):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "rand", lambda shape, **_: torch.full(shape, number))
        chosen = Sampling().select(logits, None)
    assert torch.isfinite(logits.gather(-1, chosen[..., None])).all()
    if number == 0:
        assert torch.equal(chosen, torch.isfinite(logits).int().argmax(-1))  # the first that is allowed


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_sampling_frequencies_are_the_probabilities(temperature):
    logits = torch.tensor([1.0, FORBIDDEN, 0.0, -2.0, 2.5, FORBIDDEN])
    draws = 100_000
    chosen = Sampling(temperature).select(logits.expand(1, draws, 6), generator())
    found = torch.bincount(chosen[0], minlength=6) / draws
    expected = (logits / temperature).softmax(0)
    deviation = (expected * (1 - expected) / draws).sqrt()
    assert ((found - expected).abs() <= 4 * deviation).all()


def test_trajectories_draw_independently():
    chosen = Sampling().select(torch.zeros(50, 20, 4), generator())
    assert torch.bincount(chosen.flatten(), minlength=4).numpy() == pytest.approx(250, abs=60)
    assert len(chosen.unique(dim=0)) == 50


def test_a_generator_fixes_the_draws():
    logits = torch.zeros(2, 3, 7)
    assert torch.equal(Sampling().select(logits, generator(3)), Sampling().select(logits, generator(3)))


def test_a_low_temperature_is_greedy():
    logits = torch.randn(5, 4, 9, generator=generator())
    assert torch.equal(Sampling(1e-3).select(logits, generator()), Greedy().select(logits, None))


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_is_positive(temperature):
    with pytest.raises(ValueError, match=r"temperature: .* expected a positive number"):
        Sampling(temperature)
