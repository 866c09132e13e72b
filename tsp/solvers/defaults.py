"""Which solver is used where the user names none."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tsp.problems import get_problem
from tsp.solvers.registry import load, make

if TYPE_CHECKING:
    from tsp.instance import Instance
    from tsp.problems import Problem

SEARCHES = ("ls", "ortools")
"""The first that knows every rule of the problem improves whatever it is given."""

ALPHA_PAYS = 3e-4
"""Seconds a node from which on alpha-nearness is worth what it takes (benchmarks/augmentation.py)."""

PROVED = {"cycle": 50, "path": 50}
"""By the shape of tours: nodes up to which CP-SAT often proves optimality in a second or two."""

PROVED_ELSE = 20


@cache
def _search(problem: Problem) -> str:
    """The first of `SEARCHES` for a problem; found once, since making solvers takes a while."""
    return next((name for name in SEARCHES if make(name).supports(problem)), SEARCHES[-1])


def default_spec(instance: Instance, time_limit: float) -> tuple[str, str | None]:
    """The solver spec for an instance, and a note for the user where there is something to say.

    The local search starts alone: neither a policy's tour nor a learned guide makes it better in the
    same time (docs/augmentation.md, docs/amortization.md). Where prizes are hidden a search only
    improves what is expected, so a shipped policy that has learned what to expect goes alone, where
    the instance is of a size that it has learned. In the end CP-SAT may prove a small answer optimal;
    else a bound tells how good it is.
    """
    problem, size = get_problem(instance.problem), instance.size
    search, note = _search(problem), None
    if problem.hides_prizes:
        shipped = load("policies.zoo:find_policy")(problem.name, size, matrix=instance.matrix is not None)
        planar = instance.matrix is None and instance.coordinates is not None and instance.coordinates.shape[1] == 2
        if shipped is not None and size >= 4 and (shipped.distances or planar):
            low, high = shipped.sizes
            if low <= size <= high:
                return "policy", None
            name = instance.name or "instance"
            note = f"{name}: {size} nodes; policy {shipped.name} learned {low} to {high} nodes, so {search} plans"
    elif search == "ls" and problem.shape == "cycle" and instance.symmetric and time_limit >= ALPHA_PAYS * size:
        search = "ls(candidates=alpha)"
    return f"{search}+{_proof(problem, size)}", note


def _proof(problem: Problem, size: int) -> str:
    """The stage that says how good the answer is."""
    return "cpsat" if size <= PROVED.get(problem.shape, PROVED_ELSE) else "bound"
