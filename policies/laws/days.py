"""Laws of a day's nodes: what is known of each node gives the law of its hidden attribute."""

from __future__ import annotations

import warnings
from dataclasses import fields, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from tsp.composition import implied_problem, problem_of, reads, stated
from tsp.formats.columns import canonical
from tsp.formats.text import format_number
from tsp.formats.visit_log import FEATURE_ATTRIBUTES, Target
from tsp.problems import TimeWindows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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

    Outcomes of different laws are independent of each other. Where waits are hidden and prizes known, the prizes become
    laws of equal outcomes.

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
    outcomes = {law.target: law_outcomes(instance, law) for law in laws}
    for forms in product((OUTCOMES, MEANS), repeat=len(laws)):
        changed = _changed(instance, outcomes, dict(zip(outcomes, forms, strict=True)), named=named)
        if changed is not None:
            return changed
    targets = " and ".join(outcomes)
    raise ValueError(f"{name}: problem {instance.problem!r} does not read the law of {targets}")


def _changed(
    instance: Instance, outcomes: Mapping[Target, Array], forms: Mapping[Target, Mapping[Target, str]], *, named: bool
) -> Instance | None:
    """The instance with each target's outcomes or mean; None where the problem that it then has does not read them."""
    changes: dict[str, Array | None] = {}
    for k, (target, values) in enumerate(outcomes.items()):
        if target not in forms[target]:
            return None
        is_hidden = forms[target] is OUTCOMES
        shuffled = np.random.default_rng(k).permuted(values, axis=1) if k else values  # independent of the first law
        changes[forms[target][target]] = shuffled if is_hidden else values.mean(axis=1)
    if OUTCOMES[Target.WAIT] in changes and Target.PRIZE not in outcomes and instance.prizes is not None:
        count = outcomes[Target.WAIT].shape[1]
        changes |= {"prizes": None, OUTCOMES[Target.PRIZE]: np.tile(instance.prizes[:, None], count)}
    if not changes.keys() <= {field.name for field in fields(instance)}:
        return None
    changed = replace(instance, **changes)
    changed = changed if named else replace(changed, problem=implied_problem(changed))
    read = reads(problem_of(changed)) | ({MEANS[Target.DURATION]} if _reads_times(changed) else set())
    required = {attribute for attribute, values in changes.items() if values is not None}
    if not required.isdisjoint(OUTCOMES.values()):  # else the problem stays as it is, with what it does not read
        required |= stated(changed)
    return changed if required <= read else None


def _reads_times(instance: Instance) -> bool:
    """Whether the problem of an instance reads known durations of visits."""
    problem = problem_of(instance)
    has_budget = instance.max_length is not None and "max_length" in reads(problem)
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
