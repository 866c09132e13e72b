"""`Solution` and the independent checker: is it allowed, and what is it worth?

Every answer of every solver, learned or classical, passes `check`. It works on the instance's own
distances in float64 and shares no code with the environments that train policies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tsp.problems import Problem, Rule, VisitOnce

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tsp.instance import Instance

Tours = tuple[NDArray[np.int64], ...]

PROOF = 1e-6
"""Relative distance within which bound and objective are the same: solvers that prove in integers round each edge."""


@dataclass(frozen=True, eq=False)
class Solution:
    """A checked answer.

    Attributes:
        tours: node indices (positions in the file, from 0); a tour does not repeat its first node.
        objective: in the instance's own units, recomputed in float64; None when infeasible.
        feasible: whether every rule was kept.
        violations: one sentence for each broken rule.
        seconds: wall clock from the start of solving to the answer.
        bound: proved bound on the objective (below when minimizing, above when maximizing); one
            that is not finite proves nothing and is stored as None.
        solver: name of the solver.
    """

    tours: Tours
    objective: float | None
    feasible: bool
    violations: tuple[str, ...] = ()
    seconds: float = 0.0
    bound: float | None = None
    solver: str = ""

    def __post_init__(self) -> None:
        """Keep what may be printed or written as JSON finite."""
        if self.bound is not None and not math.isfinite(self.bound):
            object.__setattr__(self, "bound", None)

    @property
    def proved_optimal(self) -> bool:
        """Whether the proved bound meets the objective (to `PROOF` of it)."""
        if self.objective is None or self.bound is None:
            return False
        return abs(self.objective - self.bound) <= PROOF * abs(self.objective)


NO_ANSWER = "no answer within the time limit"


def no_answer(*, seconds: float, solver: str, bound: float | None = None) -> Solution:
    """What a solver returns that found nothing in its time: counted, never dropped."""
    return Solution((), None, False, (NO_ANSWER,), seconds, bound, solver)


def check(
    problem: Problem,
    instance: Instance,
    tours: Sequence[ArrayLike],
    *,
    seconds: float = 0.0,
    bound: float | None = None,
    solver: str = "",
) -> Solution:
    """Check `tours` against every rule of `problem` and compute their objective.

    The caller's arrays are copied: the answer's tours are read-only, and a closed tour is returned
    as walked from the instance's depot.

    Args:
        problem: whose rules are checked.
        instance: whose distances count.
        tours: node indices, a sequence for each tour.
        seconds: wall clock the solver used, kept in the answer.
        bound: proved bound, kept in the answer.
        solver: who made the tours.

    Returns:
        the checked solution; an infeasible one has no objective and says what is violated.
    """
    arrays, violations = _as_tours(instance, tours)
    if not violations:
        for rule in problem.rules:
            violations += CHECKS[type(rule)](instance, arrays)
        violations += _check_fixed_edges(instance, arrays)
    objective = None
    if not violations:
        arrays = tuple(_from_depot(tour, instance.depot) for tour in arrays)
        objective = float(sum(TERMS[term](instance, arrays) for term in problem.objective.terms))
    for tour in arrays:
        tour.flags.writeable = False
    return Solution(arrays, objective, not violations, tuple(violations), seconds, bound, solver)


def _as_tours(instance: Instance, tours: Sequence[ArrayLike]) -> tuple[Tours, list[str]]:
    arrays: list[NDArray[np.int64]] = []
    violations: list[str] = []
    for k, tour in enumerate(tours):
        try:
            raw = np.asarray(tour)
        except ValueError:  # lists of different lengths within the tour
            raw = np.empty((0, 0))
        if raw.ndim != 1 or not (raw.size == 0 or np.issubdtype(raw.dtype, np.integer)):
            violations.append(f"tour {k}: expected a list of node numbers")
            continue
        array = raw.astype(np.int64)
        outside = array[(array < 0) | (array >= instance.size)]
        if outside.size:
            violations.append(f"tour {k}: node {outside[0]} is not one of 0 to {instance.size - 1}")
        arrays.append(array)
    return tuple(arrays), violations


def _from_depot(tour: NDArray[np.int64], depot: int) -> NDArray[np.int64]:
    return np.roll(tour, -int(np.flatnonzero(tour == depot)[0]))


def _check_visit_once(instance: Instance, tours: Tours) -> list[str]:
    if len(tours) != 1:
        return [f"{len(tours)} tours, expected one"]
    counts = np.bincount(tours[0], minlength=instance.size)
    found: list[str] = []
    for nodes, what in (
        (np.flatnonzero(counts == 0), "not visited"),
        (np.flatnonzero(counts > 1), "visited more than once"),
    ):
        if nodes.size:
            more = f" and {nodes.size - 5} more" if nodes.size > 5 else ""
            listed = ", ".join(instance.node_name(int(node)) for node in nodes[:5])
            found.append(f"{what}: {listed}{more}")
    return found


def _check_fixed_edges(instance: Instance, tours: Tours) -> list[str]:
    if instance.fixed_edges is None:
        return []
    walked = {frozenset((int(a), int(b))) for t in tours for a, b in zip(t, np.roll(t, -1), strict=True)}
    return [
        f"fixed edge {a}-{b} is not used" for a, b in instance.fixed_edges.tolist() if frozenset((a, b)) not in walked
    ]


def _length(instance: Instance, tours: Tours) -> float:
    return sum(instance.tour_length(tour) for tour in tours)


CHECKS: dict[type[Rule], Callable[[Instance, Tours], list[str]]] = {VisitOnce: _check_visit_once}
"""Each rule's check: what is violated, a sentence each."""

TERMS: dict[str, Callable[[Instance, Tours], float]] = {"length": _length}
"""Each objective term's value for feasible tours."""
