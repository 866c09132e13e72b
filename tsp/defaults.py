"""Which solver is used where the user names none."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from tsp.problems import get_problem
from tsp.registry import make

if TYPE_CHECKING:
    from tsp.instance import Instance
    from tsp.problems import Problem

REACH = 2.0
"""A shipped policy starts the search up to this many times the largest size it was trained on."""


CLASSICAL = (
    ("insertion", "2opt"),
    ("insertion", "insertion+ortools"),
    ("insertion", "insertion"),
    ("ortools", "ortools"),
)
"""What starts, and what improves whatever started: the first pair of which both can is taken."""


@cache
def _classical(problem: Problem) -> tuple[str, str]:
    """The first pair of `CLASSICAL` for a problem; found once, since making solvers takes a while."""
    return next((pair for pair in CLASSICAL if make("+".join(pair)).supports(problem)), CLASSICAL[-1])


def default_spec(instance: Instance) -> tuple[str, str | None]:
    """The solver spec for an instance, and a note for the user where there is something to say.

    A classical search improves whatever it is given; a shipped policy gives it the first solution
    where there is one and the instance is of a size it can judge. Where prizes are hidden a search
    only improves what is expected, so a policy that has learned what to expect goes alone.
    """
    problem, size = get_problem(instance.problem), instance.size
    first, search = _classical(problem)
    classical = search if search.startswith(first) else f"{first}+{search}"
    planar = instance.coordinates is not None and instance.coordinates.shape[1] == 2
    find = import_module("policies.zoo").find_policy
    shipped = find(problem.name, size, matrix=instance.matrix is not None)
    judges = shipped is not None and (shipped.distances or (planar and instance.matrix is None))
    if shipped is None or not judges or size < 4:
        return classical, None
    improved = "policy" if problem.hides_prizes else f"policy+{search}"
    low, high = shipped.sizes
    if low <= size <= high:
        return improved, None
    learned = f"{instance.name or 'instance'}: {size} nodes; policy {shipped.name} learned {low} to {high} nodes"
    if size <= REACH * high:
        return improved, f"{learned}, so its tour is a start for {search} to improve"
    return classical, f"{learned}, so {first} gives the start for {search} instead"
