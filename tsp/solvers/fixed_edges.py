"""Fixed edges of a closed tour, as part of the distances."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tsp.underway import Reduced

if TYPE_CHECKING:
    from tsp.instance import Instance
    from tsp.problems import Problem


def without_fixed_edges(problem: Problem, instance: Instance) -> Reduced | None:
    """The instance with distances by which the shortest tours use the fixed edges; None where none is fixed.

    Every other edge at an end of a fixed one becomes longer by more than any tour is long. A tour uses the fewest of
    those where it uses all fixed edges, and then a number that is the same for all such tours.

    Args:
        problem: of closed tours; others are refused by `Problem.validate`.
        instance: with nothing under way.
    """
    if instance.fixed_edges is None:
        return None
    longest = np.where(np.isfinite(instance.distances), instance.distances, 0.0).max(axis=1)
    ends = np.bincount(instance.fixed_edges.ravel(), minlength=instance.size) > 0
    matrix = instance.distances + (1.0 + longest.sum()) * (ends[:, None].astype(float) + ends)
    first, second = instance.fixed_edges.T
    for a, b in ((first, second), (second, first)):
        matrix[a, b] = instance.legs(a, b)
    changed = replace(instance, matrix=matrix, fixed_edges=None, best_known=None)
    return Reduced(problem, changed, np.arange(instance.size))
