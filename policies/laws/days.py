"""Laws of a day's nodes: what is known of each node gives the law of its hidden attribute."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tsp.composition import problem_of
from tsp.formats.columns import canonical
from tsp.formats.text import format_number
from tsp.formats.visit_log import FEATURE_ATTRIBUTES, Target
from tsp.problems import LengthBudget, TimeWindows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsp.instance import Array, Instance

    from .law import Law

ATTRIBUTES = {Target.DURATION: "service_times", Target.PRIZE: "prizes"}
"""The attribute that a target's mean becomes, in a problem in which the target is not hidden."""


def law_outcomes(instance: Instance, law: Law) -> Array:
    """The equally likely outcomes of each node, increasing, in units of the instance `[n, K]`; 0 at both ends of tours.

    A node with a feature that the logs do not have gets the pooled law, and a warning names the feature.

    Raises:
        ValueError: where the instance lacks a feature of the law.
    """
    nodes = np.setdiff1d(np.arange(instance.size), [instance.depot, instance.finish])
    features = {name: _feature(instance, law, name, nodes.tolist()) for name in law.encoder.names}
    surprises = law.encoder.surprises(features)
    if surprises:
        named = ", ".join(surprises[:5]) + (", …" if len(surprises) > 5 else "")
        warnings.warn(
            f"{instance.name or 'instance'}: not in the logs of the {law.target}: {named}; "
            "such nodes get the law of all visits",
            stacklevel=2,
        )
    found = law.outcomes(features, len(nodes))
    out = np.zeros((instance.size, found.shape[1]))
    out[nodes] = found if law.target is Target.PRIZE else instance.units.lengths(found)
    return out


def with_law(instance: Instance, law: Law) -> Instance:
    """The instance with what a law says of its nodes: the mean, where the problem has no hidden attribute for it.

    Raises:
        ValueError: naming the attribute, where the instance has it already or its problem does not read it.
    """
    name, problem = instance.name or "instance", problem_of(instance)
    attribute = ATTRIBUTES.get(law.target)
    has_budget = problem.rule(LengthBudget) is not None and instance.max_length is not None
    reads = {
        Target.DURATION: has_budget or problem.rule(TimeWindows) is not None,
        Target.PRIZE: "prizes" in problem.needs,
        Target.WAIT: False,
    }
    if attribute is None or not reads[law.target]:
        raise ValueError(f"{name}: problem {problem.name!r} does not read the law of a {law.target}")
    if getattr(instance, attribute) is not None:
        raise ValueError(
            f"{name}: column {law.target} beside the law of the {law.target}, "
            f"expected one of them (--ignore {law.target})"
        )
    return replace(instance, **{attribute: law_outcomes(instance, law).mean(axis=1)})


def _feature(instance: Instance, law: Law, name: str, nodes: Sequence[int]) -> list[str]:
    """The texts of a feature at some nodes."""
    columns = {canonical(heading): column for heading, column in instance.extras.items()}
    values: Array | None = getattr(instance, FEATURE_ATTRIBUTES[name]) if name in FEATURE_ATTRIBUTES else None
    if name not in columns and values is None:
        raise ValueError(
            f"{instance.name or 'instance'}: no column {name!r}, expected the features of the law of the "
            f"{law.target}: {', '.join(law.encoder.names)}"
        )
    return [columns[name][i] if values is None else format_number(float(values[i])) for i in nodes]
