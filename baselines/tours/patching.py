"""A first tour for asymmetric distances: the cycles of the cheapest assignment, joined into one.

Karp, "A patching algorithm for the nonsymmetric traveling-salesman problem", SIAM Journal on Computing
8, 1979. Where many distances are equal, as in scheduling, it is close to optimal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from baselines.kernels.geometry import Array


def patched_tour(matrix: Array) -> NDArray[np.int64]:
    """Join the two largest cycles of the cheapest assignment, at least cost, until there is one.

    Args:
        matrix: `[n, n]`, row = from, n >= 2; the diagonal is not read.

    Returns:
        the nodes `[n]` in the tour's order.
    """
    from scipy.optimize import linear_sum_assignment

    cost = matrix.copy()
    np.fill_diagonal(cost, np.inf)
    after = np.asarray(linear_sum_assignment(cost)[1])
    cycles = sorted(_cycles(after), key=len)
    while len(cycles) > 1:
        a, b = cycles.pop(), cycles.pop()
        # i is followed by the successor of j, and j by the successor of i.
        change = cost[np.ix_(a, after[b])] + cost[np.ix_(b, after[a])].T
        change -= cost[a, after[a]][:, None] + cost[b, after[b]]
        i, j = np.unravel_index(change.argmin(), change.shape)
        after[[a[i], b[j]]] = after[[b[j], a[i]]]
        cycles.append(np.concatenate([a, b]))
    return _cycles(after)[0]


def _cycles(after: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The cycles of a permutation, each from its smallest node on."""
    left = np.ones(len(after), dtype=bool)
    found: list[NDArray[np.int64]] = []
    for start in range(len(after)):
        cycle: list[int] = []
        node = start
        while left[node]:
            left[node] = False
            cycle.append(node)
            node = int(after[node])
        if cycle:
            found.append(np.array(cycle))
    return found
