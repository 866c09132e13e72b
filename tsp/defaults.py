"""Which solver is used where the user names none."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tsp.instance import Instance

REACH = 2.0
"""A shipped policy starts the search up to this many times the largest size it was trained on."""


def default_spec(instance: Instance) -> tuple[str, str | None]:
    """The solver spec for an instance, and a note for the user where there is something to say.

    A local search improves whatever tour it is given; a shipped policy gives it the first one
    where the instance is of a size the policy can judge, farthest insertion elsewhere.
    """
    size = instance.size
    in_the_plane = instance.coordinates is not None and instance.matrix is None and instance.coordinates.shape[1] == 2
    shipped = import_module("policies.zoo").find_policy(instance.problem, size) if in_the_plane else None
    if shipped is None or size < 4:
        return "insertion+2opt", None
    low, high = shipped.sizes
    if low <= size <= high:
        return "policy+2opt", None
    learned = f"{instance.name or 'instance'}: {size} nodes; policy {shipped.name} learned {low} to {high} nodes"
    if size <= REACH * high:
        return "policy+2opt", f"{learned}, so its tour is a start for 2opt to improve"
    return "insertion+2opt", f"{learned}, so insertion gives the start for 2opt instead"
