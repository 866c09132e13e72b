"""The attributes of instances, and an error for those that a file format cannot hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsp.instance import LAWS, LIMITS, NODE_VALUES
from tsp.problems import get_problem

if TYPE_CHECKING:
    from collections.abc import Collection

    from tsp.instance import Instance

OTHERS = ("time_windows", "num_tours", "end", "underway", "fixed_edges", "objective")
ATTRIBUTES = (*NODE_VALUES, *LAWS, *LIMITS, *OTHERS)
"""All attributes of an instance except its distances and those for display."""


def require_held(instance: Instance, held: Collection[str], what: str) -> None:
    """Refuse an instance with an attribute that is not one of `held`, those that a file of the kind `what` can hold.

    Raises:
        ValueError: naming the instance and its attributes that would be lost.
    """
    lost = [name for name in ATTRIBUTES if name not in held and getattr(instance, name) is not None]
    if instance.free_start:
        lost.append("free start")
    if instance.free_end and "free_end" not in held:
        lost.append("free end")
    if instance.is_clock and "is_clock" not in held and "time_windows" in held:
        lost.append("times of day")
    if instance.depot != 0 and not get_problem(instance.problem).shape.is_closed:
        lost.append(f"depot {instance.node_name(instance.depot)}, not the first node")
    if lost:
        raise ValueError(f"{instance.name or 'instance'}: {what} cannot hold its {' and '.join(lost)}")
