"""2-opt with Or-moves, iterated with local kicks until the clock runs out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .array_tour import ArrayTour, LOG_SIZE, predecessor, reverse, reverse_path, successor, swap_runs, undo
from .geometry import Geometry, Nodes, distance, jit

SEGMENT = 3
LONGEST_KICK = 50


class WorkQueue(NamedTuple):
    ring: Nodes
    waiting: NDArray[np.bool_]
    ends: NDArray[np.int64]


@jit
def push(queue: WorkQueue, node: int) -> None:
    if not queue.waiting[node]:
        queue.waiting[node] = True
        i = queue.ends[0] + queue.ends[1]
        n = len(queue.ring)
        queue.ring[i if i < n else i - n] = node
        queue.ends[1] += 1


@jit
def pop(queue: WorkQueue) -> int:
    i = queue.ends[0]
    node = queue.ring[i]
    queue.ends[0] = i + 1 if i + 1 < len(queue.ring) else 0
    queue.ends[1] -= 1
    queue.waiting[node] = False
    return node


@jit
def random_below(state, limit: int) -> int:
    """splitmix64."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.int64((z >> np.uint64(11)) % np.uint64(limit))


@jit
def improve_node(geometry, near, tour, queue, a, least):
    n = len(tour.nodes)
    for forward in (True, False):
        b = successor(tour, a) if forward else predecessor(tour, a)
        ab = distance(geometry, a, b)
        for c in near[a]:
            if c == a:
                continue
            ac = distance(geometry, a, c)
            if ac >= ab:
                break
            d = successor(tour, c) if forward else predecessor(tour, c)
            delta = ac + distance(geometry, b, d) - ab - distance(geometry, c, d)
            if delta < -least:
                if forward:
                    reverse_path(tour, b, c)
                else:
                    reverse_path(tour, a, d)
                push(queue, a)
                push(queue, b)
                push(queue, c)
                push(queue, d)
                return delta
    for forward in (True, False):
        before = predecessor(tour, a) if forward else successor(tour, a)
        last = a
        for length in range(1, SEGMENT + 1):
            if length > 1:
                last = successor(tour, last) if forward else predecessor(tour, last)
            after = successor(tour, last) if forward else predecessor(tour, last)
            if length > n - 3:
                break
            removed = distance(geometry, before, a) + distance(geometry, last, after) - distance(geometry, before, after)
            if removed <= least:
                continue
            start = tour.position[a] if forward else tour.position[last]
            for c in near[a]:
                if c == a:
                    continue
                ac = distance(geometry, a, c)
                if ac >= removed:
                    break
                offset = tour.position[c] - start
                if offset < 0:
                    offset += n
                if offset < length:
                    continue
                for to_next in (True, False):
                    e = successor(tour, c) if to_next else predecessor(tour, c)
                    offset = tour.position[e] - start
                    if offset < 0:
                        offset += n
                    if offset < length:
                        continue
                    delta = ac + distance(geometry, last, e) - distance(geometry, c, e) - removed
                    if delta < -least:
                        x = c if to_next else e
                        gap = tour.position[x] - start
                        if gap < 0:
                            gap += n
                        gap = gap - length + 1
                        swap_runs(tour, start, length, gap)
                        if forward != to_next:
                            reverse_path(tour, a if forward else last, last if forward else a)
                        push(queue, a)
                        push(queue, last)
                        push(queue, c)
                        push(queue, e)
                        push(queue, before)
                        push(queue, after)
                        return delta
    return 0.0


@jit
def descend(geometry, near, tour, queue, least, work):
    """Until queue is empty, or log nearly full, or work nodes moved."""
    total = 0.0
    stop = tour.count[1] + work
    while queue.ends[1] > 0 and tour.count[0] + 4 < LOG_SIZE and tour.count[1] < stop:
        a = pop(queue)
        tour.count[1] += 1
        while True:
            if tour.count[0] + 4 >= LOG_SIZE: break
            delta = improve_node(geometry, near, tour, queue, a, least)
            if delta == 0.0:
                break
            total += delta
    return total


@jit
def kick(geometry, tour, queue, longest, random):
    n = len(tour.nodes)
    first = random_below(random, n)
    la = 1 + random_below(random, longest)
    lb = 1 + random_below(random, longest)
    nodes = tour.nodes
    a = nodes[first - 1 if first > 0 else n - 1]
    b = nodes[first]
    c = nodes[(first + la - 1) % n]
    d = nodes[(first + la) % n]
    e = nodes[(first + la + lb - 1) % n]
    f = nodes[(first + la + lb) % n]
    swap_runs(tour, first, la, lb)
    for x in (a, b, c, d, e, f):
        push(queue, x)
    return (
        distance(geometry, a, d) + distance(geometry, e, b) + distance(geometry, c, f)
        - distance(geometry, a, b) - distance(geometry, c, d) - distance(geometry, e, f)
    )


@jit
def iterate(geometry, near, tour, queue, least, longest, kicks, random):
    total = 0.0
    for _ in range(kicks):
        tour.count[0] = 0
        delta = kick(geometry, tour, queue, longest, random)
        delta += descend(geometry, near, tour, queue, least, 1 << 40)
        if delta > least or queue.ends[1] > 0:
            undo(tour)
            while queue.ends[1] > 0:
                pop(queue)
        else:
            total += delta
    return total
