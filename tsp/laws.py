"""Laws of hidden attributes: the equally likely outcomes of each node, and what is expected of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tsp.instance import LAWS, Instance, Realization
from tsp.tolerance import allowance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsp.instance import Array


def expected(instance: Instance) -> Realization:
    """The means of an instance's laws: what certainty equivalence plans with.

    Of waits and of times at which nodes appear, it is the mean of the finite ones that are still to come; a prize
    counts 0 in outcomes in which nobody is there, or the node never appears.
    """
    times, waits, prizes = instance.law_service_times, instance.law_waits, instance.law_prizes
    appears = None if instance.law_appears is None else appearances_ahead(instance)
    if prizes is not None:
        prizes = (prizes * _is_there(waits)).mean(axis=1)
    elif appears is not None and instance.prizes is not None:
        prizes = instance.prizes * np.isfinite(appears).sum(axis=1) / (~np.isnan(appears)).sum(axis=1)
    return Realization(
        service_times=None if times is None else times.mean(axis=1),
        waits=None if waits is None else _finite_mean(waits),
        prizes=prizes,
        appears=None if appears is None else _finite_mean(appears),
    )


def draw_day(source: Instance | Realization, seed: int) -> Realization:
    """A real day: an outcome of each node, at random, of an instance's laws or of a realization's true ones.

    Raises:
        ValueError: where there is no law.
    """
    is_hidden = isinstance(source, Realization)
    known: dict[str, Array] = (
        source.true_laws if is_hidden else {name: law for name in LAWS if (law := getattr(source, name)) is not None}
    )
    if not known:
        raise ValueError("a real day: there is no law to draw it from")
    law = next(iter(known.values()))
    size, outcomes = len(law), law.shape[1]
    drawn = np.random.default_rng(seed).integers(0, outcomes, size, dtype=np.int64)
    values = {name.removeprefix("law_"): law[np.arange(size), drawn] for name, law in known.items()}
    return Realization(**values, true_laws=known if is_hidden else {})


def time_now(instance: Instance) -> float:
    """The time at which what an instance says is known: where its tour stands, or before the first step."""
    if instance.underway is not None and instance.underway.elapsed is not None:
        return instance.underway.elapsed
    return 0.0 if instance.time_windows is None else float(instance.time_windows[instance.depot, 0])


def appearances_ahead(instance: Instance) -> Array:
    """The times at which nodes may appear `[n, K]`, NaN for those that did not happen; of nodes that are there, all."""
    law = instance.law_appears
    assert law is not None
    is_ahead = _is_ahead(law, time_now(instance))
    return np.where(is_ahead | ~is_ahead.any(axis=1, keepdims=True), law, np.nan)


def _is_ahead(times: Array, now: float) -> NDArray[np.bool_]:
    return times > now + allowance(now)


def _is_there(waits: Array | None) -> NDArray[np.bool_] | bool:
    return True if waits is None else np.isfinite(waits)


def _finite_mean(values: Array) -> Array:
    finite = np.isfinite(values)
    counts = finite.sum(axis=1)
    mean = np.where(finite, values, 0.0).sum(axis=1) / np.maximum(counts, 1)
    return np.where(counts > 0, mean, np.inf)


def with_known(instance: Instance, realization: Realization, nodes: list[int]) -> Instance:
    """The instance after the real values of some nodes became known: all their outcomes are the real one.

    Times at which nodes appear are known of all nodes that are there now. A node that is not there although all of
    its outcomes are over never appears.
    """
    changes: dict[str, Array] = {}
    for name in LAWS:
        law, real = getattr(instance, name), getattr(realization, name.removeprefix("law_"))
        if law is None or real is None:
            continue
        changes[name] = law.copy()
        if name == "law_appears":
            now = time_now(instance)
            is_known = ~_is_ahead(real, now)
            changes[name][~is_known & ~_is_ahead(law, now).any(axis=1)] = np.inf
            changes[name][is_known] = real[is_known, None]
        else:
            changes[name][nodes] = real[nodes, None]
    if instance.prizes is not None and realization.prizes is not None:
        changes["prizes"] = instance.prizes.copy()
        changes["prizes"][nodes] = realization.prizes[nodes]
    return replace(instance, **changes)
