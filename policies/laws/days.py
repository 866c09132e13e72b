"""Laws of a day's nodes: what is known of each node gives the law of its hidden attribute."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tsp.composition import implied_problem, problem_of
from tsp.formats.columns import canonical
from tsp.formats.text import format_number
from tsp.formats.visit_log import FEATURE_ATTRIBUTES, Target
from tsp.problems import LengthBudget, TimeWindows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsp.instance import Array, Instance
    from tsp.problems import Problem

    from .law import Law

MEANS = {Target.DURATION: "service_times", Target.PRIZE: "prizes"}
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


def with_laws(instance: Instance, laws: Sequence[Law], *, named: bool) -> Instance:
    """The instance with what laws say of its nodes: the mean, where the problem does not hide their target.

    Args:
        instance: of a day, with the features of the laws among its columns.
        laws: each of another target.
        named: whether the instance's problem was named, and is not to be chosen by its attributes.

    Raises:
        ValueError: naming the attribute, where the instance has it already or its problem does not read it.
    """
    name = instance.name or "instance"
    for law in laws:
        attribute = MEANS.get(law.target)
        if attribute is not None and getattr(instance, attribute) is not None:
            raise ValueError(
                f"{name}: column {law.target} beside the law of the {law.target}, "
                f"expected one of them (--ignore {law.target})"
            )
        problem = problem_of(instance)
        if attribute is None or not _reads(problem, instance, law.target):
            raise ValueError(f"{name}: problem {problem.name!r} does not read the law of a {law.target}")
        instance = replace(instance, **{attribute: law_outcomes(instance, law).mean(axis=1)})
        instance = instance if named else replace(instance, problem=implied_problem(instance))
    return instance


def _reads(problem: Problem, instance: Instance, target: Target) -> bool:
    """Whether a problem reads the mean of a target."""
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
