"""Muon: momentum made orthogonal for the matrices of a network, Adam for all others (Jordan et al. 2024).

The momentum of a matrix is replaced by the nearest matrix with singular values near 1, by a
Newton-Schulz iteration; all matrices of one shape share a batch. Its root mean square is scaled to that
of an Adam step, so that both take one learning rate (Liu et al. 2025).
"""

# pyright: reportPrivateImportUsage=false
# One kernel for many tensors: `torch._foreach_…` is what PyTorch's own optimizers call.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from policies.device import fast_in_bfloat16

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic that brings singular values to between 0.7 and 1.2 in `ITERATIONS` (Jordan et al. 2024).
"""
ITERATIONS = 5
RMS = 0.2
"""Root mean square of an Adam step in units of the learning rate."""
EPS = 1e-8


class Muon(torch.optim.Optimizer):
    """Muon for matrices, Adam for other parameters.

    Args:
        matrices: `[r, c]` each; a stack of several matrices is cut into squares.
        others: the parameters for Adam.
        lr: learning rate of both.
        momentum: momentum of the matrices (Nesterov).
        betas: those of Adam.
    """

    def __init__(
        self,
        matrices: Iterable[Tensor],
        others: Iterable[Tensor],
        *,
        lr: float,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
    ) -> None:
        groups: list[dict[str, Any]] = [
            {"params": list(matrices), "momentum": momentum},
            {"params": list(others), "betas": betas},
        ]
        super().__init__([group for group in groups if group["params"]], {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - there is no loss to return
        """One step of both."""
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if params:
                (self._orthogonal if "momentum" in group else self._adam)(params, group)

    def _orthogonal(self, params: list[Tensor], group: dict[str, Any]) -> None:
        grads = [p.grad for p in params if p.grad is not None]
        buffers = [self._buffer(p, "momentum") for p in params]
        torch._foreach_lerp_(buffers, grads, 1 - group["momentum"])
        ahead = torch._foreach_lerp(grads, buffers, group["momentum"])  # noqa: SLF001
        shapes: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = {}
        for p, update in zip(params, ahead, strict=True):
            rows, columns = p.shape
            side = columns if rows % columns == 0 and rows > columns else rows
            for part, own in zip(update.split(side), p.split(side), strict=True):
                shapes.setdefault((side, columns), []).append((part, own))
        for (rows, columns), pairs in shapes.items():
            updates = orthogonalize(torch.stack([part for part, _ in pairs]))
            size = group["lr"] * RMS * max(rows, columns) ** 0.5
            torch._foreach_add_([own for _, own in pairs], list(updates), alpha=-size)

    def _adam(self, params: list[Tensor], group: dict[str, Any]) -> None:
        grads = [p.grad for p in params if p.grad is not None]
        first, second = ([self._buffer(p, name) for p in params] for name in ("first", "second"))
        beta1, beta2 = group["betas"]
        steps = [self.state[p].setdefault("step", torch.zeros(())) for p in params]
        torch._foreach_add_(steps, 1.0)
        step = float(steps[0])
        torch._foreach_lerp_(first, grads, 1 - beta1)
        torch._foreach_mul_(second, beta2)
        torch._foreach_addcmul_(second, grads, grads, 1 - beta2)
        scale = (1 - beta2**step) ** 0.5
        deviations = torch._foreach_sqrt(second)  # noqa: SLF001
        torch._foreach_add_(deviations, EPS * scale)
        torch._foreach_addcdiv_(params, first, deviations, -group["lr"] * scale / (1 - beta1**step))

    def _buffer(self, p: Tensor, name: str) -> Tensor:
        if name not in self.state[p]:
            self.state[p][name] = torch.zeros_like(p)
        return self.state[p][name]


def orthogonalize(matrices: Tensor) -> Tensor:
    """Matrices `[k, r, c]` with singular values near 1 and the same singular vectors, in their own precision."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    if fast_in_bfloat16(x.device):
        x = x.bfloat16()
    for _ in range(ITERATIONS):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.transpose(1, 2) if tall else x).to(matrices.dtype)


def split_parameters(parameters: Iterable[Tensor], width: int) -> tuple[list[Tensor], list[Tensor]]:
    """The matrices between layers of a network of this width, and all other parameters."""
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for p in parameters:
        (matrices if p.ndim == 2 and min(p.shape) >= width else others).append(p)
    return matrices, others
