"""The solver that is used where the user names none."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tsp.composition import problem_of
from tsp.problems import Session, Shape
from tsp.solvers.registry import load, make

if TYPE_CHECKING:
    from tsp.instance import Instance
    from tsp.problems import Problem

SEARCHES = ("ls", "session-recourse", "hindsight", "ortools")
"""Searches in order of preference: the first that supports the problem is used."""

ALPHA_PAYS = 3e-4
"""Seconds a node from which on alpha-nearness saves more time than it takes (benchmarks/augmentation.py)."""

MEANS_PAY = 40
"""Nodes above which, where nodes appear, planning by the means collects more than `hindsight`
(benchmarks/surrogates.py)."""

PROVED = {Shape.CYCLE: 50, Shape.PATH: 50}
"""Shape of tours → the most nodes for which CP-SAT often proves optimality in a second or two."""

PROVED_ELSE = 20
"""The same for all other shapes."""


@cache
def _search(problem: Problem) -> str:
    """The first of `SEARCHES` that supports a problem; found once, because making solvers takes time."""
    return next((name for name in SEARCHES if make(name).supports(problem)), SEARCHES[-1])


def default_spec(instance: Instance, time_limit: float) -> tuple[str, str | None]:
    """The solver spec for an instance, and a note for the user, or None.

    The local search starts from scratch: neither a policy's tour nor a learned guide makes it better in the same
    time (docs/augmentation.md, docs/amortization.md). Where prizes are hidden, a search improves the tour for
    the expected prizes alone (certainty equivalence), so a shipped policy is used, if it was trained on
    instances of that size. After the search, CP-SAT may prove the answer to a small instance optimal; for larger
    ones a bound shows how good the answer is.
    """
    problem, size = problem_of(instance), instance.size
    search, note = _search(problem), None
    if problem.reveals:
        shipped = load("policies.zoo:find_policy")(problem.name, size, matrix=instance.matrix is not None)
        planar = instance.matrix is None and instance.coordinates is not None and instance.coordinates.shape[1] == 2
        if shipped is not None and size >= 4 and (shipped.distances or planar):
            low, high = shipped.sizes
            if low <= size <= high:
                return "policy", None
            name = instance.name or "instance"
            note = (
                f"{name}: {size} nodes; policy {shipped.name} was trained on {low} to {high} nodes, so {search} is used"
            )
    if problem.rule(Session) is not None:
        return "means" if search == "hindsight" and size > MEANS_PAY else search, None
    if search == "ls" and problem.shape.is_closed and instance.symmetric and time_limit >= ALPHA_PAYS * size:
        search = "ls(candidates=alpha)"
    return f"{search}+{proof_spec(problem, size)}", note


def proof_spec(problem: Problem, size: int) -> str:
    """The stage that proves how good the answer is."""
    return "cpsat" if size <= PROVED.get(problem.shape, PROVED_ELSE) else "bound"
