"""Make parts of kernels, which only kernels may call, callable for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba

if TYPE_CHECKING:
    from collections.abc import Callable


def compiled(part: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel that calls `part`."""
    return numba.njit(lambda *args: part(*args))
