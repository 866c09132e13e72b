"""Muon: its steps are orthogonal for matrices, Adam's for all other parameters."""

import torch

from policies.training.muon import ITERATIONS, RMS, Muon, orthogonalize, split_parameters


def test_an_orthogonalized_matrix_keeps_its_singular_vectors_and_has_singular_values_near_one():
    torch.manual_seed(0)
    matrices = torch.randn(3, 24, 40)
    for x in (matrices, matrices.transpose(1, 2)):
        values = torch.linalg.svdvals(orthogonalize(x))
        assert ITERATIONS == 5
        assert values.min() > 0.5
        assert values.max() < 1.3
    u, s, v = torch.linalg.svd(matrices[0], full_matrices=False)
    aligned = u.T @ orthogonalize(matrices)[0] @ v.T  # diagonal in the same vectors
    assert (aligned - aligned.diag().diag()).abs().max() < 0.05
    assert s.min() > 0


def test_a_step_of_a_matrix_is_as_long_as_one_of_adam():
    torch.manual_seed(0)
    weight = torch.zeros(64, 64, requires_grad=True)
    optimizer = Muon([weight], [], lr=0.1)
    weight.grad = torch.randn(64, 64)
    optimizer.step()
    assert abs(float(weight.detach().square().mean().sqrt()) / (0.1 * RMS) - 1) < 0.3


def test_stacked_matrices_are_made_orthogonal_one_by_one():
    torch.manual_seed(0)
    stacked, parts = (
        torch.zeros(48, 16, requires_grad=True),
        [torch.zeros(16, 16, requires_grad=True) for _ in range(3)],
    )
    stacked.grad = torch.randn(48, 16)
    for part, gradient in zip(parts, stacked.grad.split(16), strict=True):
        part.grad = gradient.clone()
    Muon([stacked], [], lr=0.1).step()
    Muon(parts, [], lr=0.1).step()
    torch.testing.assert_close(stacked, torch.cat(parts))


def test_other_parameters_take_the_steps_of_adam():
    torch.manual_seed(0)
    ours, theirs = torch.zeros(7, requires_grad=True), torch.zeros(7, requires_grad=True)
    own = Muon([], [ours], lr=0.01, betas=(0.9, 0.99))
    adam = torch.optim.Adam([theirs], lr=0.01, betas=(0.9, 0.99))
    for _ in range(5):
        ours.grad = torch.randn(7)
        theirs.grad = ours.grad.clone()
        own.step()
        adam.step()
    torch.testing.assert_close(ours, theirs)


def test_parameters_are_split_into_matrices_between_layers_and_others():
    parameters = [torch.zeros(16, 16), torch.zeros(48, 16), torch.zeros(16, 2), torch.zeros(16)]
    matrices, others = split_parameters(parameters, 16)
    assert [tuple(p.shape) for p in matrices] == [(16, 16), (48, 16)]
    assert [tuple(p.shape) for p in others] == [(16, 2), (16,)]
