"""The exact plan of a small day whose durations are hidden, and the exact value of a plan made with another law.

One tour from home, n posters with known prizes, whole minutes. The duration of a visit is drawn from equally likely
outcomes and known when it is over. A visit that is not over when she has to leave for home counts nothing and ends the
day. The state is the set of posters visited, the last one and the time.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Array = NDArray[np.float64]


@njit(cache=True)
def plan(walks: Integers, prizes: Array, durations: Integers, session: int) -> tuple[float, Integers]:
    """The best policy under a law.

    Args:
        walks: whole minutes between the posters and home, which is last `[n + 1, n + 1]`.
        prizes: of the posters `[n]`.
        durations: equally likely outcomes `[n, K]`, whole minutes.
        session: minutes.

    Returns:
        its expected prize, and the next poster in each state `[2^n, n + 1, session + 1]`, -1 for home.
    """
    n, outcomes = durations.shape
    values = np.zeros((1 << n, n + 1, session + 1))
    choices = np.full((1 << n, n + 1, session + 1), -1, dtype=np.int64)
    for visited in range((1 << n) - 1, -1, -1):
        for last in range(n + 1):
            if (last < n and not (visited >> last) & 1) or (last == n and visited):
                continue
            for time in range(session + 1):
                best = 0.0
                for node in range(n):
                    if (visited >> node) & 1:
                        continue
                    arrival, end = time + walks[last, node], session - walks[node, n]
                    if arrival > end:
                        continue
                    total = 0.0
                    for k in range(outcomes):
                        leave = arrival + durations[node, k]
                        if leave <= end:
                            total += prizes[node] + values[visited | (1 << node), node, leave]
                    if total / outcomes > best + 1e-12:
                        best = total / outcomes
                        choices[visited, last, time] = node
                values[visited, last, time] = best
    return values[0, n, 0], choices


@njit(cache=True)
def value(walks: Integers, prizes: Array, durations: Integers, session: int, choices: Integers) -> float:
    """The expected prize of the policy `choices` under the law `durations`; arguments as in `plan`."""
    n, outcomes = durations.shape
    chance = np.zeros((1 << n, n + 1, session + 1))
    chance[0, n, 0] = 1.0
    collected = 0.0
    for visited in range(1 << n):
        for last in range(n + 1):
            for time in range(session + 1):
                here, node = chance[visited, last, time], choices[visited, last, time]
                if here == 0.0 or node < 0:
                    continue
                arrival, end = time + walks[last, node], session - walks[node, n]
                for k in range(outcomes):
                    leave = arrival + durations[node, k]
                    if leave <= end:
                        collected += here / outcomes * prizes[node]
                        chance[visited | (1 << node), node, leave] += here / outcomes
    return collected
