"""Shortest ways around walls: segments in the plane that nobody passes through.

A shortest way turns at ends of walls only, so that it is a path in the visibility graph, whose nodes are its two
ends and those of the walls, and whose edges are the straight lines that meet no wall. Walls have no thickness: a way
may touch them, and pass between two of them wherever there is a gap, but not where they meet.

Whether a line meets a wall is decided a hair's breadth (`HAIR`) beside the walls' ends, so that rounding does not
matter; lengths are those between the ends themselves.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

HAIR = 1e-10
"""The distance of a turn from the end of a wall, relative to the largest coordinate of the walls."""

MOST_WALLS = 300
"""The most walls for which ways are sought, which takes some ten seconds."""


class Walls:
    """Walls in the plane, and the shortest ways around them.

    Attributes:
        segments: the two ends of each wall `[w, 2, 2]`.
        corners: the ends where a way may turn `[c, 2]`: those beside which there is more than half of a turn of room.
    """

    def __init__(self, segments: Array) -> None:
        """Find the corners.

        Raises:
            ValueError: for a wall whose ends are the same, and more walls than `MOST_WALLS`.
        """
        if len(segments) > MOST_WALLS:
            raise ValueError(f"{len(segments)} walls, expected at most {MOST_WALLS}")
        lengths = np.linalg.norm(segments[:, 1] - segments[:, 0], axis=1)
        if not lengths.all():
            k = int(np.flatnonzero(lengths == 0)[0])
            x, y = segments[k, 0].tolist()
            raise ValueError(f"walls[{k}]: begins and ends at {x:g}, {y:g}, expected different ends")
        self.segments = segments
        self._hair = HAIR * float(np.abs(segments).max(initial=0.0))
        along = (segments[:, 1] - segments[:, 0]) / lengths[:, None]
        # A little longer, so that no way leads between walls that meet up to rounding.
        self._solid = segments + 0.5 * self._hair * np.stack([-along, along], axis=1)
        turns = [(end, turn) for end in np.unique(segments.reshape(-1, 2), axis=0) for turn in [self._turn(end)]]
        kept = [(end, turn) for end, turn in turns if turn is not None]
        self.corners = np.array([end for end, _ in kept]).reshape(-1, 2)
        self._turns = np.array([turn for _, turn in kept]).reshape(-1, 2)  # three for each corner, `[3 c, 2]`

    def _turn(self, end: Array) -> Array | None:
        """Three points `[3, 2]` on a way around an end of walls; None where walls leave no more than half a turn."""
        near = self._distances_to_walls(end[None])[0] <= self._hair
        towards = (self.segments[near] - end).reshape(-1, 2)
        towards = towards[np.linalg.norm(towards, axis=1) > 2 * self._hair]  # not the wall's end that is here
        angles = np.sort(np.arctan2(towards[:, 1], towards[:, 0]))
        rooms = np.diff(angles, append=angles[0] + 2 * np.pi)
        widest = int(rooms.argmax())
        first, room = angles[widest], rooms[widest]
        if room <= np.pi + 1e-9:
            return None
        directions = np.array([first + np.pi / 2, first + room / 2, first + room - np.pi / 2])
        return end + self._hair * np.column_stack((np.cos(directions), np.sin(directions)))

    def _distances_to_walls(self, points: Array) -> Array:
        """The distance of each point to each wall `[n, w]`."""
        start, along = self.segments[:, 0], self.segments[:, 1] - self.segments[:, 0]
        away = points[:, None] - start
        share = np.clip((away * along).sum(-1) / (along * along).sum(-1), 0.0, 1.0)
        return np.linalg.norm(away - share[..., None] * along, axis=-1)

    def find_on_wall(self, points: Array) -> tuple[int, int] | None:
        """A point that lies on a wall, and that wall; None where all lie beside them."""
        found = np.argwhere(self._distances_to_walls(points) <= 2 * self._hair)
        return None if not len(found) else (int(found[0, 0]), int(found[0, 1]))

    def _can_see(self, origins: Array, targets: Array) -> Flags:
        """Whether the straight lines from origins `[m, 2]` to targets `[k, 2]` meet no wall `[m, k]`."""
        rows = max(1, 50_000 // max(len(targets), 1))  # a block that stays in the cache
        blocks = [self._can_see_block(origins[i : i + rows], targets) for i in range(0, len(origins), rows)]
        return np.concatenate([np.empty((0, len(targets)), dtype=bool), *blocks])

    def _can_see_block(self, origins: Array, targets: Array) -> Flags:
        sees = np.ones((len(origins), len(targets)), dtype=bool)
        center = self.segments.reshape(-1, 2)[:1].sum(axis=0)
        p, q = origins - center, targets - center
        base = _cross(p[:, None], q)
        for start, end in self._solid - center:
            along = end - start
            length = float(np.hypot(*along))
            p_side, q_side = _cross(along, p - start) / length, _cross(along, q - start) / length
            # Which side of the line each end of the wall is on: the area of the triangle of the three points.
            of_start = base + _cross(q, start) + _cross(start, p)[:, None]
            of_end = base + _cross(q, end) + _cross(end, p)[:, None]
            meets = (of_start * of_end <= 0) & (np.multiply.outer(p_side, q_side) <= 0)
            level = np.ix_(*(np.flatnonzero(np.abs(side) < 0.1 * self._hair) for side in (p_side, q_side)))
            if level[0].size and level[1].size:  # lines along the wall
                p_place, q_place = ((x - start) @ along / length for x in (p[level[0][:, 0]], q[level[1][0]]))
                last = np.maximum(p_place[:, None], q_place)
                meets[level] = (last >= 0) & (np.minimum(p_place[:, None], q_place) <= length)
            sees &= ~meets
        return sees

    def _legs_to_corners(self, points: Array) -> Array:
        """The length of the straight line from each point to each corner `[n, c]`, infinite where it meets a wall."""
        sees = self._can_see(points, self._turns).reshape(len(points), -1, 3).any(axis=-1)
        return np.where(sees, _lengths(points, self.corners), np.inf)

    @cached_property
    def _between_corners(self) -> tuple[Array, NDArray[np.int64]]:
        """The shortest ways between corners `[c, c]`, and a corner on each of them, -1 where it is straight."""
        count = len(self.corners)
        sees = self._can_see(self._turns, self._turns).reshape(count, 3, count, 3).any(axis=(1, 3))
        shortest = np.where(sees, _lengths(self.corners, self.corners), np.inf)
        np.fill_diagonal(shortest, 0.0)
        by_way_of = np.full((count, count), -1)
        for k in range(count):
            way = shortest[:, k, None] + shortest[None, k]
            is_shorter = way < shortest
            shortest[is_shorter] = way[is_shorter]
            by_way_of[is_shorter] = k
        return shortest, by_way_of

    def distances(self, points: Array) -> Array:
        """The lengths of the shortest ways between points `[n, 2]` that lie beside the walls.

        Returns:
            a symmetric matrix `[n, n]`, infinite where walls leave no way.
        """
        shortest = np.where(self._can_see(points, points), _lengths(points, points), np.inf)
        if len(self.corners):
            legs = self._legs_to_corners(points)
            to_last = np.full_like(legs, np.inf)
            for k, onward in enumerate(self._between_corners[0]):
                np.minimum(to_last, legs[:, k, None] + onward, out=to_last)
            for k in range(len(self.corners)):
                np.minimum(shortest, to_last[:, k, None] + legs[None, :, k], out=shortest)
        np.fill_diagonal(shortest, 0.0)
        return np.minimum(shortest, shortest.T)

    def route(self, origin: Array, destination: Array) -> Array:
        """The shortest way between two points, with the corners where it turns `[k, 2]`; straight where none is."""
        ends = np.stack([origin, destination])
        if not len(self.corners) or self._can_see(ends[:1], ends[1:]).all():
            return ends
        legs = self._legs_to_corners(ends)
        shortest, _ = self._between_corners
        lengths = legs[0][:, None] + shortest + legs[1]
        first, last = np.unravel_index(int(lengths.argmin()), lengths.shape)
        if not np.isfinite(lengths[first, last]):
            return ends
        turns = [*self._corners_from(int(first), int(last)), int(last)]
        return np.concatenate([ends[:1], self.corners[turns], ends[1:]])

    def _corners_from(self, first: int, last: int) -> list[int]:
        """The corners of the shortest way between two corners, without the last."""
        middle = int(self._between_corners[1][first, last])
        if middle < 0:
            return [] if first == last else [first]
        return [*self._corners_from(first, middle), *self._corners_from(middle, last)]


def _cross(a: Array, b: Array) -> Array:
    """The cross product of vectors `[..., 2]` in the plane."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _lengths(a: Array, b: Array) -> Array:
    """The straight distances from `[m, 2]` to `[k, 2]`."""
    return np.hypot(a[:, None, 0] - b[None, :, 0], a[:, None, 1] - b[None, :, 1])
