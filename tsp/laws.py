"""Laws of hidden attributes: the equally likely outcomes of each node, and what is expected of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tsp.instance import LAWS, Instance, Realization

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsp.instance import Array


def expected(instance: Instance) -> Realization:
    """The means of an instance's laws: what certainty equivalence plans with.

    Of waits, it is the mean of the finite ones; a prize counts 0 in outcomes in which nobody is there.
    """
    times, waits, prizes = instance.law_service_times, instance.law_waits, instance.law_prizes
    return Realization(
        service_times=None if times is None else times.mean(axis=1),
        waits=None if waits is None else _finite_mean(waits),
        prizes=None if prizes is None else (prizes * _is_there(waits)).mean(axis=1),
    )


def _is_there(waits: Array | None) -> NDArray[np.bool_] | bool:
    return True if waits is None else np.isfinite(waits)


def _finite_mean(waits: Array) -> Array:
    there = np.isfinite(waits)
    counts = there.sum(axis=1)
    mean = np.where(there, waits, 0.0).sum(axis=1) / np.maximum(counts, 1)
    return np.where(counts > 0, mean, np.inf)


def with_known(instance: Instance, realization: Realization, nodes: list[int]) -> Instance:
    """The instance after the real values of some nodes became known: all their outcomes are the real one."""
    changes: dict[str, Array] = {}
    for name in LAWS:
        law, real = getattr(instance, name), getattr(realization, name.removeprefix("law_"))
        if law is not None and real is not None:
            changes[name] = law.copy()
            changes[name][nodes] = real[nodes, None]
    if instance.prizes is not None and realization.prizes is not None:
        changes["prizes"] = instance.prizes.copy()
        changes["prizes"][nodes] = realization.prizes[nodes]
    return replace(instance, **changes)
