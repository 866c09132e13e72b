"""The subgradient ascent of the Held-Karp bound: multipliers of the nodes that make the minimum 1-tree long.

The longer the minimum 1-tree, the more it is like a tour. The ascent works on a sparse graph of neighbours;
`one_tree.prove` finds the edges outside the graph that matter.

Sources: Held, Karp, "The traveling-salesman problem and minimum spanning trees", part II, Mathematical
Programming 1, 1971. Helsgaun, "An effective implementation of the Lin-Kernighan traveling salesman heuristic",
European Journal of Operational Research 126, 2000: steps that double at first. Volgenant, Jonker, "A branch and
bound algorithm for the symmetric traveling salesman problem based on the 1-tree relaxation", European Journal
of Operational Research 9, 1982: steps that fall with the square of what is left.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import Array, Geometry, kernel

from .one_tree import OneTree, prove
from .spanning_tree import Graph, SpanningTree, close, empty_tree, graph_of, span

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsp.budget import Clock

STEPS = 20_000
"""Steps of an ascent if there is time. Where points are evenly distributed, about 300 suffice, whatever n is."""

FIRST_STEP = 0.01
"""Size of the first step, in mean edges of the graph; it doubles as long as the bound improves."""

PATIENCE = 10
"""Steps without an improvement after which the size begins to fall."""

SHORT = 50
"""Steps during which the size falls in a short ascent; in one k times as long it first rises by the root of k.

Where points form clusters, multipliers must change much before the 1-tree begins to look like a tour.
"""

POWER = 2.0
"""Exponent of the share of the steps that are left, with which the size falls."""

MEMORY = 0.7
"""The share of the previous step's direction in the next direction."""

BLOCK = PATIENCE
"""Steps between two readings of the clock, and before the first proof."""

PAUSE = 256
"""The most steps between two proofs, each of which takes the time of about ten steps."""

LOST = 1e-4
"""Relative loss of the bound by edges outside the graph, above which the interval between proofs does not grow."""


SIZE, LONGEST, FALLS_FROM, IMPROVED_AT = range(4)
"""Slots of `Ascent.state`: the size of the next step, the length of the longest 1-tree, the step from which on
the size falls (-1 while it doubles), and the step that found the longest 1-tree."""


class Ascent(NamedTuple):
    """The state of an ascent.

    Attributes:
        multipliers: `[n]`, the current multipliers.
        best: `[n]`, the multipliers of the longest 1-tree.
        last: `[n]`, the direction of the previous step.
        tree: the current 1-tree.
        state: `[4]`, slots `SIZE`, `LONGEST`, `FALLS_FROM`, `IMPROVED_AT`.
    """

    multipliers: Array
    best: Array
    last: Array
    tree: SpanningTree
    state: Array


@kernel
def climb(graph: Graph, ascent: Ascent, begin: int, end: int, total: int) -> int:
    """Make steps `begin` to `end` of `total`.

    Returns:
        the number of steps made so far; less than `end` where the 1-tree has become a tour.
    """
    multipliers, best, last, tree, state = ascent.multipliers, ascent.best, ascent.last, ascent.tree, ascent.state
    degree = tree.degree
    n = len(multipliers)
    for step in range(begin, end):
        length = span(graph, multipliers, tree) + close(graph, multipliers, tree)
        bent = False
        for i in range(n):
            length -= 2.0 * multipliers[i]
            bent = bent or degree[i] != 2
        if length > state[LONGEST]:
            state[LONGEST] = length
            state[IMPROVED_AT] = step
            for i in range(n):
                best[i] = multipliers[i]
            if state[FALLS_FROM] < 0:
                state[SIZE] *= 2.0
        elif state[FALLS_FROM] < 0 and step - state[IMPROVED_AT] > PATIENCE:
            state[FALLS_FROM] = step
            for i in range(n):
                multipliers[i] = best[i]
                last[i] = 0.0
            continue
        if not bent:
            return step + 1
        size = state[SIZE]
        if state[FALLS_FROM] >= 0:
            whole = total - state[FALLS_FROM]
            size *= math.sqrt(max(1.0, whole / SHORT)) * ((total - step) / whole) ** POWER
        for i in range(n):
            last[i] = (1.0 - MEMORY) * (degree[i] - 2.0) + MEMORY * last[i]
            multipliers[i] += size * last[i]
    return end


def ascend(geometry: Geometry, pairs: NDArray[np.integer], clock: Clock, *, steps: int = STEPS) -> OneTree:
    """Find multipliers that make the minimum 1-tree long, and prove its length a lower bound.

    Args:
        geometry: of n nodes, n >= 3, with symmetric distances. With points it is fastest if nodes near
            each other have near numbers.
        pairs: `[m, 2]`, the edges to begin with.
        clock: the ascent ends when it runs out; the last proof takes the time of about ten more steps.
        steps: number of steps; there are fewer where the time is too short or the 1-tree becomes a tour.
    """
    n = geometry.size
    graph = graph_of(geometry, pairs)
    size = FIRST_STEP * float(graph.cost.mean())
    ascent = Ascent(np.zeros(n), np.zeros(n), np.zeros(n), empty_tree(n), np.array([size, -np.inf, -1.0, 0.0]))
    answer: OneTree | None = None
    done, total, pause, proof = 0, steps, BLOCK, BLOCK
    begun = clock.elapsed
    while True:
        end = min(done + BLOCK, proof, total)
        made = climb(graph, ascent, done, end, total)
        done, tour = made, made < end
        # The size of the steps must be small when the time is up, so their number is chosen to fill the time.
        pace = done / max(clock.elapsed - begun, 1e-9)
        total = max(done, min(steps, done + int(pace * clock.remaining)))
        over = done >= total or clock.remaining <= 0
        if not (over or tour or done >= proof):
            continue
        found = prove(geometry, graph, ascent.best)
        graph = found.graph
        if answer is None or found.bound > answer.bound:
            answer = found
        lost = ascent.state[LONGEST] - found.bound > LOST * abs(found.bound)
        if over or (tour and not lost):
            return answer._replace(steps=done)
        if lost:
            ascent.state[LONGEST] = found.bound
        else:
            pause = min(2 * pause, PAUSE)
        proof = done + pause
