"""Laws of a day's nodes: what is known of each node gives the law of its hidden attribute."""

from __future__ import annotations

import warnings
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np

from tsp.composition import BRINGS, implied_problem, problem_of, reads, stated
from tsp.formats.columns import canonical
from tsp.formats.text import format_number
from tsp.formats.visit_log import FEATURE_ATTRIBUTES, Target
from tsp.problems import LengthBudget, TimeWindows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsp.instance import Array, Instance

    from .law import Law

OUTCOMES = {Target.DURATION: "law_service_times", Target.WAIT: "law_waits", Target.PRIZE: "law_prizes"}
"""The attribute that a target's outcomes become, in a problem that hides the target."""

MEANS = {Target.DURATION: "service_times", Target.PRIZE: "prizes"}
"""The attribute that a target's mean becomes, in other problems."""


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


def with_laws(instance: Instance, laws: Sequence[Law], *, named: bool) -> Instance:
    """The instance with what laws say of its nodes: outcomes where its problem hides the target, else their mean.

    Args:
        instance: of a day, with the features of the laws among its columns.
        laws: each of another target.
        named: whether the instance's problem was named, and is not to be chosen by its attributes.

    Raises:
        ValueError: naming the attribute, where the instance has it already or its problem does not read it.
    """
    name = instance.name or "instance"
    for law in laws:
        mean = MEANS.get(law.target)
        if mean is not None and getattr(instance, mean) is not None:
            raise ValueError(
                f"{name}: column {law.target} beside the law of the {law.target}, "
                f"expected one of them (--ignore {law.target})"
            )
        outcomes = law_outcomes(instance, law)
        hidden = _changed(instance, OUTCOMES[law.target], outcomes, named=named)
        if hidden is None and mean is not None and _reads_mean(instance, law.target):
            hidden = _changed(instance, mean, outcomes.mean(axis=1), named=named)
        if hidden is None:
            raise ValueError(f"{name}: problem {instance.problem!r} does not read the law of a {law.target}")
        instance = hidden
    return instance


def _changed(instance: Instance, attribute: str, values: Array, *, named: bool) -> Instance | None:
    """The instance with an attribute, under the problem that it then implies; None where that does not read all."""
    if attribute not in (field.name for field in fields(instance)):
        return None
    changed = replace(instance, **{attribute: values})
    changed = changed if named else replace(changed, problem=implied_problem(changed))
    read = reads(problem_of(changed))
    return changed if stated(changed) <= read and (attribute in read or attribute not in BRINGS) else None


def _reads_mean(instance: Instance, target: Target) -> bool:
    """Whether the problem of an instance reads the mean of a target."""
    problem = problem_of(instance)
    if target is Target.PRIZE:
        return "prizes" in problem.needs
    has_budget = problem.rule(LengthBudget) is not None and instance.max_length is not None
    return has_budget or problem.rule(TimeWindows) is not None


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
