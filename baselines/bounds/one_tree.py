"""The Held-Karp bound of symmetric closed tours, and alpha-nearness: least 1-trees and node multipliers.

A 1-tree is a spanning tree and one more edge at one of its leaves. A tour is one, so the least
1-tree is no longer than the shortest tour. A multiplier added to every edge of a node changes all
tours alike but not all 1-trees: the ascent looks for multipliers that make the least 1-tree long,
and so much like a tour. It works on a sparse graph of neighbours; `prove` then looks for what
edges outside it could save.

Sources: Held, Karp, "The traveling-salesman problem and minimum spanning trees", Operations Research
18, 1970, and part II, Mathematical Programming 1, 1971. Helsgaun, "An effective implementation of the
Lin-Kernighan traveling salesman heuristic", European Journal of Operational Research 126, 2000: the
choice of the leaf, steps that double first, and alpha-nearness. Volgenant, Jonker, "A branch and
bound algorithm for the symmetric traveling salesman problem based on the 1-tree relaxation",
European Journal of Operational Research 9, 1982: steps that fall with the square of what is left.
"""

# To numba a number read from an array is an int; to numpy's stubs it is an array.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.kernels.geometry import MATRIX, Array, Geometry, Integers, Nodes, distance, kernel, leg_lengths, part

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tsp.budget import Clock

STEPS = 20_000
"""Steps of an ascent if there is time; where points lie evenly some 300 are enough, whatever their number."""

FIRST_STEP = 0.01
"""The first step's size in mean edges of the graph; it doubles as long as that helps."""

PATIENCE = 10
"""Steps without a longer 1-tree after which the step's size begins to fall."""

SHORT = 50
"""Steps of an ascent in which it falls from there; in one k times as long it rises first, by the root of k.

Where points lie in clusters they must all move far before the least 1-tree begins to look like a tour.
"""

POWER = 2.0
"""The step's size falls with this power of the steps that are left."""

MEMORY = 0.7
"""The share of the last step's direction in the next one's."""

BLOCK = PATIENCE
"""Steps between two looks at the clock, and before the first look for edges that were left out."""

PAUSE = 256
"""The most steps between two such looks, each of which takes the time of some ten steps."""

LOST = 1e-4
"""The part of the bound that such edges may cost before they are looked for again as soon."""

BOX = 8
"""Nodes in the smallest boxes that are compared in one go."""

NEARER = 1.0 - 1e-12
"""What gaps between boxes are multiplied by, so that no rounding makes two points nearer than their boxes."""

STACK = 256
"""Pairs of boxes that wait: at most three for each halving of either."""

EPSILON = float(np.finfo(np.float64).eps)


class Graph(NamedTuple):
    """Edges to make trees of, each in the lists of both its nodes.

    Attributes:
        first: `[n + 1]`, where each node's list begins, and the end of the last.
        node: `[2 m]`, the other nodes.
        cost: `[2 m]`, the edges' lengths.
    """

    first: Integers
    node: Nodes
    cost: Array


class Tree(NamedTuple):
    """A spanning tree as Prim's algorithm grows it, and room to grow it in.

    Attributes:
        order: `[n]`, the nodes in the order in which they came in.
        rank: `[n]`, each node's place in `order`.
        parent: `[n]`, the node that each was joined to; -1 for the first.
        key: `[n]`, the edge to the parent with its multipliers; 0 for the first.
        degree: `[n]`, edges of the 1-tree at each node.
        ends: `[2]`, the leaf that has one more edge, and where that leads.
        heap: `[n]`, nodes that wait.
    """

    order: Nodes
    rank: Nodes
    parent: Nodes
    key: Array
    degree: Nodes
    ends: Nodes
    heap: Nodes


class OneTree(NamedTuple):
    """The outcome of an ascent.

    Attributes:
        multipliers: `[n]`.
        bound: the least 1-tree's length less what the multipliers add to a tour, all rounding errors
            allowed for: no tour is shorter.
        tree: the 1-tree.
        graph: edges that the ascent was made with, and those that the proof took in.
        steps: how many were made.
    """

    multipliers: Array
    bound: float
    tree: Tree
    graph: Graph
    steps: int


def graph_of(geometry: Geometry, pairs: NDArray[np.integer]) -> Graph:
    """A connected graph of these edges, and of some between consecutive nodes where they leave parts.

    Args:
        geometry: of n nodes, n >= 3, with symmetric distances.
        pairs: `[m, 2]`, in any order, also twice.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = geometry.size
    a, b = pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)
    _, part = connected_components(coo_matrix((np.ones(len(a), dtype=np.int8), (a, b)), (n, n)), directed=False)
    between = np.flatnonzero(part[1:] != part[:-1])
    a, b = np.append(a, between), np.append(b, between + 1)
    both = np.unique(np.append(a * n + b, b * n + a))
    return _graph(n, both, _lengths(geometry, both))


def _graph(n: int, edges: Integers, cost: Array) -> Graph:
    """The graph of edges written as origin times n plus node, in order."""
    origins, nodes = edges // n, (edges % n).astype(np.int32)
    return Graph(np.append(0, np.cumsum(np.bincount(origins, minlength=n))), nodes, cost)


def _with(geometry: Geometry, graph: Graph, pairs: NDArray[np.integer]) -> Graph:
    """The graph with more edges `[m, 2]`."""
    n = geometry.size
    a, b = pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)
    old = np.repeat(np.arange(n), np.diff(graph.first)) * n + graph.node
    new = np.unique(np.append(a * n + b, b * n + a))
    places = np.searchsorted(old, new)
    fresh = old[np.minimum(places, len(old) - 1)] != new
    new, places = new[fresh], places[fresh]
    return _graph(n, np.insert(old, places, new), np.insert(graph.cost, places, _lengths(geometry, new)))


def _lengths(geometry: Geometry, edges: Integers) -> Array:
    n = geometry.size
    return leg_lengths(geometry, (edges // n).astype(np.int32), (edges % n).astype(np.int32))


def empty_tree(n: int) -> Tree:
    """Room for a tree of `n` nodes."""
    order, rank, parent, degree, heap = (np.zeros(n, dtype=np.int32) for _ in range(5))
    return Tree(order, rank, parent, np.zeros(n), degree, np.zeros(2, dtype=np.int32), heap)


@part
def _rise(heap: Nodes, place: Nodes, key: Array, i: int) -> None:
    """Move the heap's `i`th node up to where its key belongs."""
    node = heap[i]
    value = key[node]
    while i > 0:
        above = (i - 1) >> 1
        other = heap[above]
        if key[other] <= value:
            break
        heap[i] = other
        place[other] = i
        i = above
    heap[i] = node
    place[node] = i


@part
def _sink(heap: Nodes, place: Nodes, key: Array, size: int) -> None:
    """Move the heap's first node down to where its key belongs."""
    node = heap[0]
    value = key[node]
    i = 0
    while True:
        below = 2 * i + 1
        if below >= size:
            break
        if below + 1 < size and key[heap[below + 1]] < key[heap[below]]:
            below += 1
        other = heap[below]
        if key[other] >= value:
            break
        heap[i] = other
        place[other] = i
        i = below
    heap[i] = node
    place[node] = i


@kernel
def span(graph: Graph, multipliers: Array, tree: Tree) -> float:
    """Grow the least spanning tree (Prim's algorithm).

    While it grows `rank` is a node's place in the heap, -1 for one not seen yet, -2 for one in the tree.

    Returns:
        its length, multipliers included.
    """
    first, nodes, cost = graph.first, graph.node, graph.cost
    order, rank, parent, key, degree, heap = tree.order, tree.rank, tree.parent, tree.key, tree.degree, tree.heap
    n = len(multipliers)
    for i in range(n):
        rank[i] = -1
        degree[i] = 0
    node = np.int32(0)
    parent[0] = -1
    key[0] = 0.0
    size = 0
    total = 0.0
    for place in range(n):
        if place > 0:
            node = heap[0]
            size -= 1
            if size > 0:
                heap[0] = heap[size]
                _sink(heap, rank, key, size)
            total += key[node]
            degree[node] += 1
            degree[parent[node]] += 1
        order[place] = node
        rank[node] = -2
        here = multipliers[node]
        for e in range(first[node], first[node + 1]):
            other = nodes[e]
            waits = rank[other]
            if waits == -2:
                continue
            length = cost[e] + here + multipliers[other]
            if waits == -1:
                heap[size] = other
                waits = size
                size += 1
            elif length >= key[other]:
                continue
            key[other] = length
            parent[other] = node
            _rise(heap, rank, key, waits)
    for place in range(n):
        rank[order[place]] = place
    return total


@kernel
def _joined(tree: Tree, leaf: int) -> int:
    """The one node that a leaf of the spanning tree is joined to."""
    return tree.parent[leaf] if tree.parent[leaf] >= 0 else tree.order[1]


@kernel
def close(graph: Graph, multipliers: Array, tree: Tree) -> float:
    """Give one more edge to the leaf whose second nearest node is farthest.

    Returns:
        that edge's length, multipliers included.
    """
    first, nodes, cost = graph.first, graph.node, graph.cost
    longest = -np.inf
    for leaf in range(len(multipliers)):
        if tree.degree[leaf] != 1:
            continue
        joined = _joined(tree, leaf)
        least, end = np.inf, -1
        for e in range(first[leaf], first[leaf + 1]):
            length = cost[e] + multipliers[nodes[e]]
            if length < least and nodes[e] != joined:
                least, end = length, nodes[e]
        if end >= 0 and least + multipliers[leaf] > longest:
            longest = least + multipliers[leaf]
            tree.ends[0] = leaf
            tree.ends[1] = end
    tree.degree[tree.ends[0]] += 1
    tree.degree[tree.ends[1]] += 1
    return longest


class Ascent(NamedTuple):
    """An ascent at work.

    Attributes:
        multipliers: `[n]`, the current ones.
        best: `[n]`, those of the longest 1-tree.
        last: `[n]`, the last step's direction.
        tree: the current 1-tree.
        state: the step's size, the longest 1-tree's length, the step from which on the size falls (-1:
            it still doubles), and the step that helped last.
    """

    multipliers: Array
    best: Array
    last: Array
    tree: Tree
    state: Array


@kernel
def climb(graph: Graph, ascent: Ascent, begin: int, end: int, total: int) -> int:
    """Make steps `begin` to `end` of `total`.

    Returns:
        the number of steps made; fewer than `end` where the 1-tree has become a tour.
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
        if length > state[1]:
            state[1] = length
            state[3] = step
            for i in range(n):
                best[i] = multipliers[i]
            if state[2] < 0:
                state[0] *= 2.0
        elif state[2] < 0 and step - state[3] > PATIENCE:
            state[2] = step
            for i in range(n):
                multipliers[i] = best[i]
                last[i] = 0.0
            continue
        if not bent:
            return step + 1
        size = state[0]
        if state[2] >= 0:
            whole = total - state[2]
            size *= math.sqrt(max(1.0, whole / SHORT)) * ((total - step) / whole) ** POWER
        for i in range(n):
            last[i] = (1.0 - MEMORY) * (degree[i] - 2.0) + MEMORY * last[i]
            multipliers[i] += size * last[i]
    return end


def ascend(geometry: Geometry, pairs: NDArray[np.integer], clock: Clock, *, steps: int = STEPS) -> OneTree:
    """Look for multipliers that make the least 1-tree long, and prove its length a lower bound.

    Args:
        geometry: of n nodes, n >= 3, with symmetric distances. Of points it is quickest if nodes near
            each other have near numbers.
        pairs: `[m, 2]`, edges to begin with.
        clock: the ascent ends when it runs out; the last proof takes the time of some ten more steps.
        steps: how many; fewer where the clock does not suffice or the 1-tree becomes a tour.
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
        # Steps must have become small when the time is over, proofs included.
        pace = done / max(clock.elapsed - begun, 1e-9)
        total = max(done, min(steps, done + int(pace * clock.remaining)))
        over = done >= total or clock.remaining <= 0
        if not (over or tour or done >= proof):
            continue
        found = prove(geometry, graph, ascent.best)
        graph = found.graph
        if answer is None or found.bound > answer.bound:
            answer = found
        lost = ascent.state[1] - found.bound > LOST * abs(found.bound)
        if over or (tour and not lost):
            return answer._replace(steps=done)
        if lost:
            ascent.state[1] = found.bound
        else:
            pause = min(2 * pause, PAUSE)
        proof = done + pause


def prove(geometry: Geometry, graph: Graph, multipliers: Array) -> OneTree:
    """The least 1-tree of all edges, whose length, less the multipliers, no tour is shorter than.

    A spanning tree is least if no edge is shorter than the longest on the path between its ends.
    Edges that are join the graph, of each node the one that saves most, until there are none.

    Args:
        geometry: of n nodes.
        graph: edges to begin with.
        multipliers: `[n]`.
    """
    n = len(multipliers)
    multipliers = multipliers.copy()
    tree = empty_tree(n)
    boxes = _boxes(geometry, multipliers)
    partner, saved = np.empty(n, dtype=np.int32), np.empty(n)
    stack, gaps = np.empty((STACK, 2), dtype=np.int32), Geometry(geometry.code, np.zeros((2, 3)), np.empty((0, 0)))
    while True:
        span(graph, multipliers, tree)
        # What a sum of a length and two multipliers may be off by, in this tree and in another.
        error = 8.0 * EPSILON * (float(np.abs(tree.key).max()) + 4.0 * float(np.abs(multipliers).max()))
        partner[:] = -1
        saved[:] = error
        if geometry.code == MATRIX:
            _compare_all(geometry, multipliers, tree, partner, saved)
        else:
            _rank_boxes(boxes, tree.rank)
            longest = range_maxima(tree)
            _compare_boxes(geometry, multipliers, tree.rank, longest, boxes, partner, saved, stack, gaps)
        better = np.flatnonzero(partner >= 0)
        if not better.size:
            break
        graph = _with(geometry, graph, np.column_stack([better, partner[better]]))
    close(graph, multipliers, tree)
    leaf, end = int(tree.ends[0]), int(tree.ends[1])
    nearest = _nearest_but(geometry, multipliers, leaf, _joined(tree, leaf))
    if nearest != end:
        graph = _with(geometry, graph, np.array([[leaf, nearest]]))
        tree.ends[1] = nearest
        tree.degree[end] -= 1
        tree.degree[nearest] += 1
    last = distance(geometry, np.int32(leaf), np.int32(nearest)) + multipliers[leaf] + multipliers[nearest]
    length = math.fsum(tree.key) + last - 2.0 * math.fsum(multipliers)
    bound = length - 2.0 * n * error - 8.0 * EPSILON * (abs(last) + abs(length))
    return OneTree(multipliers, bound, tree, graph, 0)


def range_maxima(tree: Tree) -> Array:
    """At `[k, i]` the largest key of the 2^k nodes that came into the tree from place i on (or to the end)."""
    rows = [tree.key[tree.order]]
    while 2 ** len(rows) <= len(tree.order):
        before, half = rows[-1], 2 ** (len(rows) - 1)
        row = before.copy()
        np.maximum(before[:-half], before[half:], out=row[:-half])
        rows.append(row)
    return np.array(rows)


@kernel
def path_maximum(longest: Array, a: int, b: int) -> float:
    """The longest edge on the tree's path between the nodes that came in at `a` and at `b`, another place.

    That is the longest with which a node after the first of them came in, up to the second: before that
    one came in, no edge out of the tree so far was shorter.
    """
    if a > b:
        a, b = b, a
    k = 0
    while 2 << k <= b - a:
        k += 1
    return max(longest[k, a + 1], longest[k, b + 1 - (1 << k)])


@part
def _note(i: int, j: int, gain: float, partner: Nodes, saved: Array) -> None:
    if gain > saved[i]:
        saved[i] = gain
        partner[i] = j
    if gain > saved[j]:
        saved[j] = gain
        partner[j] = i


@kernel
def _compare_all(geometry: Geometry, multipliers: Array, tree: Tree, partner: Nodes, saved: Array) -> None:
    """For each node the edge, if any, that a least spanning tree would rather have; all pairs."""
    order, key = tree.order, tree.key
    n = len(order)
    for a in range(n):
        i = order[a]
        longest = -np.inf
        for b in range(a + 1, n):
            j = order[b]
            longest = max(longest, key[j])
            gain = longest - (distance(geometry, i, j) + multipliers[i] + multipliers[j])
            _note(i, j, gain, partner, saved)


class Boxes(NamedTuple):
    """Boxes around runs of nodes: the first around all, box v's halves at 2 v and 2 v + 1.

    Attributes:
        low: `[b, 3]`, least coordinates; infinite where a box is empty.
        high: `[b, 3]`, largest coordinates.
        multiplier: `[b]`, the least.
        ranks: `[b, 2]`, the least and the largest rank in the tree.
    """

    low: Array
    high: Array
    multiplier: Array
    ranks: Nodes


def _boxes(geometry: Geometry, multipliers: Array) -> Boxes:
    n = len(multipliers)
    smallest = 1 << max(0, math.ceil(n / BOX) - 1).bit_length()
    points = geometry.points if geometry.code != MATRIX else np.zeros((n, 3))
    low, high = np.full((smallest * BOX, 3), np.inf), np.full((smallest * BOX, 3), -np.inf)
    low[:n] = high[:n] = points
    least = np.full(smallest * BOX, np.inf)
    least[:n] = multipliers
    return Boxes(
        _halves(low, np.minimum, smallest),
        _halves(high, np.maximum, smallest),
        _halves(least, np.minimum, smallest),
        np.empty((2 * smallest, 2), dtype=np.int32),
    )


def _rank_boxes(boxes: Boxes, rank: Nodes) -> None:
    n, smallest = len(rank), len(boxes.ranks) // 2
    low, high = np.full(smallest * BOX, n, dtype=np.int32), np.full(smallest * BOX, -1, dtype=np.int32)
    low[:n] = high[:n] = rank
    boxes.ranks[:, 0] = _halves(low, np.minimum, smallest)
    boxes.ranks[:, 1] = _halves(high, np.maximum, smallest)


def _halves(values: NDArray, pick: np.ufunc, smallest: int) -> NDArray:
    """`pick` over the nodes of every box, from the values `[smallest * BOX, …]` of each node; box 0 is none."""
    row = pick.reduce(values.reshape(smallest, BOX, *values.shape[1:]), axis=1)
    rows = [row]
    while len(row) > 1:
        row = pick(row[0::2], row[1::2])
        rows.append(row)
    return np.concatenate([row[:1], *rows[::-1]])


@kernel
def _compare_boxes(
    geometry: Geometry,
    multipliers: Array,
    rank: Nodes,
    longest: Array,
    boxes: Boxes,
    partner: Nodes,
    saved: Array,
    stack: Nodes,
    gaps: Geometry,
) -> None:
    """Like `_compare_all`, without pairs in boxes so far apart that none of them can be shorter."""
    low, high, ranks = boxes.low, boxes.high, boxes.ranks
    smallest = len(low) // 2
    n = len(rank)
    stack[0, 0] = stack[0, 1] = 1
    size = 1
    while size > 0:
        size -= 1
        u, v = stack[size, 0], stack[size, 1]
        if ranks[u, 1] < 0 or ranks[v, 1] < 0:
            continue
        if u != v:
            for axis in range(3):
                gap = max(0.0, low[u, axis] - high[v, axis], low[v, axis] - high[u, axis])
                gaps.points[1, axis] = gap * NEARER
            least = distance(gaps, 0, 1) + boxes.multiplier[u] + boxes.multiplier[v]
            a, b = min(ranks[u, 0], ranks[v, 0]), max(ranks[u, 1], ranks[v, 1])
            if least >= path_maximum(longest, a, b):
                continue
        if u >= smallest and v >= smallest:
            for i in range((u - smallest) * BOX, min((u - smallest + 1) * BOX, n)):
                for j in range(i + 1 if u == v else (v - smallest) * BOX, min((v - smallest + 1) * BOX, n)):
                    length = distance(geometry, np.int32(i), np.int32(j)) + multipliers[i] + multipliers[j]
                    _note(i, j, path_maximum(longest, rank[i], rank[j]) - length, partner, saved)
        elif u == v:
            stack[size, 0], stack[size, 1] = 2 * u, 2 * u
            stack[size + 1, 0], stack[size + 1, 1] = 2 * u + 1, 2 * u + 1
            stack[size + 2, 0], stack[size + 2, 1] = 2 * u, 2 * u + 1
            size += 3
        else:
            if u > v:  # the smaller number is the larger box
                u, v = v, u
            stack[size, 0], stack[size, 1] = 2 * u, v
            stack[size + 1, 0], stack[size + 1, 1] = 2 * u + 1, v
            size += 2


@kernel
def _nearest_but(geometry: Geometry, multipliers: Array, node: int, but: int) -> int:
    """The node other than `but` to which `node` has the least edge, multipliers included."""
    least, nearest = np.inf, -1
    for j in range(len(multipliers)):
        if j not in (node, but):
            length = distance(geometry, np.int32(node), np.int32(j)) + multipliers[j]
            if length < least:
                least, nearest = length, j
    return nearest


def alpha_candidates(found: OneTree, k: int) -> Nodes:
    """Of each node's edges in the graph the `k` of least alpha: what the 1-tree grows by if it must have that edge.

    Helsgaun's alpha-nearness, looked up in the graph alone. Ties go to the shorter edge, with its
    multipliers.

    Args:
        found: the 1-tree, and the graph.
        k: how many; at most as many are given as every node has edges.

    Returns:
        node numbers `[n, k]`, least alpha first.
    """
    tree, graph = found.tree, found.graph
    k = min(k, int(np.diff(graph.first).min()))
    out = np.empty((len(found.multipliers), k), dtype=np.int32)
    _choose(graph, found.multipliers, tree, range_maxima(tree), np.empty((2, k)), out)
    return out


@kernel
def _choose(graph: Graph, multipliers: Array, tree: Tree, longest: Array, row: Array, out: Nodes) -> None:
    """Fill `out` with the neighbours of least alpha; `row` is room for a node's alphas and lengths."""
    first, nodes, cost = graph.first, graph.node, graph.cost
    alpha, lengths = row[0], row[1]
    leaf, end = tree.ends[0], tree.ends[1]
    second = np.inf
    for e in range(first[leaf], first[leaf + 1]):
        if nodes[e] == end:
            second = cost[e] + multipliers[leaf] + multipliers[end]
    for i in range(len(out)):
        for e in range(first[i], first[i + 1]):
            j = nodes[e]
            length = cost[e] + multipliers[i] + multipliers[j]
            replaced = second
            if leaf not in (np.int32(i), j):
                replaced = path_maximum(longest, tree.rank[i], tree.rank[j])
            # an edge of the 1-tree has none, whatever the last digits say
            value = max(0.0, length - replaced)
            if tree.parent[i] == j or tree.parent[j] == i:
                value = 0.0
            m = e - first[i]
            place = min(m, out.shape[1])
            while place > 0 and (
                value < alpha[place - 1] or (value == alpha[place - 1] and length < lengths[place - 1])
            ):
                place -= 1
            for q in range(min(m, out.shape[1] - 1), place, -1):
                alpha[q], lengths[q], out[i, q] = alpha[q - 1], lengths[q - 1], out[i, q - 1]
            if place < out.shape[1]:
                alpha[place], lengths[place], out[i, place] = value, length, j
