"""Distances for compiled kernels, neighbour lists, and orders along a space-filling curve.

A `Geometry` has the data from which a kernel computes any distance of an instance when it is needed, with the
instance's own rounding, so that no full matrix is made for points.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from numba.core.options import DefaultOptions
from numpy.typing import NDArray

from baselines.kernels.cache import KernelCache, keep, kernel_cache
from tsp.metrics import GEO_PI, GEO_RADIUS, GEOM_RADIUS

if TYPE_CHECKING:
    from tsp.instance import Instance

Array = NDArray[np.float64]
Nodes = NDArray[np.int32]
Integers = NDArray[np.int64]
Function = TypeVar("Function", bound=Callable[..., Any])


def _known(**options: bool) -> dict[str, bool]:
    """The options that this version of numba has: they are not part of its documented interface."""
    return {name: value for name, value in options.items() if hasattr(DefaultOptions, name)}


# Kernels are not called from C; compiling an entry point for that would take a tenth of the time.
LEAN = _known(no_cfunc_wrapper=True)
# numba counts references to arrays even where none is created or stored, in more than half of a search's time.
UNCOUNTED = LEAN | _known(_nrt=False)


def jit(function: Function) -> Function:
    """Compile `function` on its first call, and keep the result on disk where that can be written."""
    return _cached(function, **LEAN)


def kernel(function: Function) -> Function:
    """Like `jit`, for a function that creates no arrays and changes only its arguments."""
    return _cached(function, **UNCOUNTED)


def short_kernel(function: Function) -> Function:
    """Like `kernel`, for a short function that is always inlined into other kernels, as `embedded` is."""
    return _cached(function, **UNCOUNTED, **_known(forceinline=True))


def part(function: Function) -> Function:
    """A part of kernels, kept on disk with them. Python must not call it: no entry point is compiled."""
    return _compiled(function, **UNCOUNTED, **_known(no_cpython_wrapper=True))


def inlined(function: Function) -> Function:
    """A part of one kernel, compiled as lines of that kernel, which is faster than compiling it separately too."""
    return _compiled(function, inline="always", **UNCOUNTED)


def embedded(function: Function) -> Function:
    """A short part of kernels, compiled once and always inlined into its callers.

    Without this, inlining depends on the size and the arguments of the function; where it fails, searches take
    ten times as long.
    """
    return _compiled(function, **UNCOUNTED, **_known(no_cpython_wrapper=True, forceinline=True))


def _compiled(function: Function, **options: Any) -> Function:  # noqa: ANN401 - numba's own options
    return cast("Function", numba.njit(nogil=True, **options)(function))


def _cached(function: Function, **options: Any) -> Function:  # noqa: ANN401 - numba's own options
    try:
        with kernel_cache():
            stored = KernelCache(function)
    except RuntimeError:  # neither the package's folder nor the user's cache folder can be written
        return _compiled(function, **options)
    compiled = _compiled(function, **options)
    keep(compiled, stored)
    return compiled


MATRIX, EUCLIDEAN, ROUNDED, CEILED, PSEUDO, MANHATTAN, MAXIMUM, GEOGRAPHICAL, GEOMETRICAL, FLOORED = range(10)
"""Kinds of distances: looked up in a matrix, or one of the formulas of `tsp.metrics`."""

CODES = {
    "euclidean": EUCLIDEAN,
    "EUC_2D": ROUNDED,
    "EUC_3D": ROUNDED,
    "CEIL_2D": CEILED,
    "CEIL_3D": CEILED,
    "FLOOR_2D": FLOORED,
    "FLOOR_3D": FLOORED,
    "ATT": PSEUDO,
    "MAN_2D": MANHATTAN,
    "MAN_3D": MANHATTAN,
    "MAX_2D": MAXIMUM,
    "MAX_3D": MAXIMUM,
    "GEO": GEOGRAPHICAL,
    "GEOM": GEOMETRICAL,
}
"""For each metric of points the kind of its distances."""


class Geometry(NamedTuple):
    """The data of the distances of an instance, for kernels.

    Attributes:
        code: `MATRIX`, or a value of `CODES`.
        points: `[n, 3]`, padded with zeros; for GEO and GEOM points of the unit sphere, whose chords give
            the arcs. `[0, 3]` with a matrix.
        matrix: `[n, n]`, row = from; `[0, 0]` with points.
    """

    code: int
    points: Array
    matrix: Array

    @property
    def size(self) -> int:
        """Number of nodes."""
        return max(len(self.points), len(self.matrix))

    def subset(self, nodes: NDArray[np.integer]) -> Geometry:
        """The geometry of `nodes` alone, renumbered in the order given."""
        if self.code == MATRIX:
            return self._replace(matrix=frozen(self.matrix[np.ix_(nodes, nodes)]))
        return self._replace(points=frozen(self.points[nodes]))


def table_of(instance: Instance) -> Geometry:
    """The geometry of an instance with all its distances in a matrix, which is shared, not copied."""
    return Geometry(MATRIX, frozen(np.empty((0, 3))), instance.distances)


def geometry_of(instance: Instance) -> Geometry:
    """The geometry of an instance as it is given: points, or else the matrix."""
    if instance.matrix is not None:
        return table_of(instance)
    code = CODES[instance.metric]
    assert instance.coordinates is not None
    points = np.zeros((instance.size, 3))
    points[:, : instance.coordinates.shape[1]] = instance.coordinates
    if code in (GEOGRAPHICAL, GEOMETRICAL):
        degrees = np.trunc(points)
        minutes = GEO_PI * (degrees + 5.0 * (points - degrees) / 3.0) / 180.0
        latitude, longitude, _ = (minutes if code == GEOGRAPHICAL else np.radians(points)).T
        flat = np.cos(latitude)
        points = np.column_stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)])
    return Geometry(code, frozen(points), frozen(np.empty((0, 0))))


def frozen(array: Array) -> Array:
    """The array made read-only, as an instance's matrix is: numba compiles separately for writable arrays."""
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array


@short_kernel
def distance(geometry: Geometry, i: int, j: int) -> float:
    """Distance from node `i` to node `j`; see `tsp.metrics` for the formulas.

    It must be inlined, and so call no other kernel: otherwise searches of tours take a third longer.
    """
    code = geometry.code
    if code == MATRIX:
        return geometry.matrix[i, j]
    points = geometry.points
    x = points[i, 0] - points[j, 0]
    y = points[i, 1] - points[j, 1]
    z = points[i, 2] - points[j, 2]
    exact = np.sqrt(x * x + y * y + z * z)
    if code == EUCLIDEAN:
        return exact
    if code == ROUNDED:
        return np.floor(exact + 0.5)
    if code == CEILED:
        return np.ceil(exact)
    if code == PSEUDO:
        return np.ceil(np.sqrt((x * x + y * y + z * z) / 10.0))
    if code == MANHATTAN:
        return np.floor(abs(x) + abs(y) + abs(z) + 0.5)
    if code == MAXIMUM:
        return np.floor(max(abs(x), abs(y), abs(z)) + 0.5)
    if code == FLOORED:
        return np.floor(exact)
    if i == j:
        return 0.0
    radius = GEO_RADIUS if code == GEOGRAPHICAL else GEOM_RADIUS
    return np.floor(2.0 * radius * np.arcsin(min(0.5 * exact, 1.0)) + 1.0)


def leg_lengths(geometry: Geometry, origins: Nodes, destinations: Nodes) -> Array:
    """The distances from `origins` `[m]` to `destinations` `[m]`, pair by pair."""
    lengths = np.empty(len(origins))
    _measure(geometry, origins, destinations, lengths)
    return lengths


@kernel
def _measure(geometry: Geometry, origins: Nodes, destinations: Nodes, lengths: Array) -> None:
    for i in range(len(lengths)):
        lengths[i] = distance(geometry, origins[i], destinations[i])


def tour_length(geometry: Geometry, tour: Nodes) -> float:
    """Length of the closed tour."""
    return float(leg_lengths(geometry, np.roll(tour, 1), tour).sum())


def nearest_neighbours(geometry: Geometry, k: int) -> Nodes:
    """The `k` nearest other nodes of each node, nearest first, by true (not rounded) distance.

    With an asymmetric matrix, the nearest by the distance to them. Points are put in a k-d tree, so no array has
    size n².

    Args:
        geometry: of n nodes.
        k: number of neighbours; at most n - 1 are given.

    Returns:
        node numbers `[n, min(k, n - 1)]`.
    """
    n = geometry.size
    k = min(k, n - 1)
    if k == 0:
        return np.empty((n, 0), dtype=np.int32)
    if geometry.code == MATRIX:
        return _nearest_in_matrix(geometry.matrix, k)
    from scipy.spatial import KDTree

    tree = KDTree(geometry.points, balanced_tree=False, compact_nodes=False)
    norm = {MANHATTAN: 1.0, MAXIMUM: np.inf}.get(geometry.code, 2.0)
    _, found = tree.query(geometry.points, k=k + 1, p=norm)
    return _without_self(np.asarray(found))


def _nearest_in_matrix(matrix: Array, k: int) -> Nodes:
    out = np.empty((len(matrix), k), dtype=np.int32)
    for i, row in enumerate(matrix):
        row = row.copy()
        row[i] = np.inf
        nearest = np.argpartition(row, k - 1)[:k]
        out[i] = nearest[np.argsort(row[nearest], kind="stable")]
    return out


def _without_self(found: NDArray[np.integer]) -> Nodes:
    """Remove each row's own node, or the last one where many points coincide and the own node is missing."""
    n, columns = found.shape
    own = found == np.arange(n)[:, None]
    own[~own.any(axis=1), -1] = True
    return found[~own].reshape(n, columns - 1).astype(np.int32)


def delaunay_edges(plane: Array) -> Integers:
    """Edges of the Delaunay triangulation, which connect every cluster with those around it.

    A node that shares its point with another is connected to that node.

    Args:
        plane: `[n, 2]`.

    Returns:
        node numbers `[m, 2]`, m < 3 n; none where there are no triangles (few points, or points on a line).
    """
    from scipy.spatial import Delaunay, QhullError

    if len(plane) < 4:
        return np.empty((0, 2), dtype=np.int64)
    try:
        found = Delaunay(plane)
    except QhullError:
        return np.empty((0, 2), dtype=np.int64)
    triangles = found.simplices
    sides = [triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]], found.coplanar[:, [0, 2]]]
    edges = np.sort(np.concatenate(sides).astype(np.int64), axis=1)
    keys = np.unique(edges[:, 0] * len(plane) + edges[:, 1])
    return np.column_stack([keys // len(plane), keys % len(plane)])


def hilbert_order(points: Array, bits: int = 20) -> NDArray[np.int64]:
    """Nodes in their order along a Hilbert curve through their bounding cube.

    Source: Skilling, "Programming the Hilbert curve", AIP Conference Proceedings 707, 2004.

    Args:
        points: `[n, d]`, with d times `bits` at most 63.
        bits: the curve's depth.
    """
    low = points.min(axis=0)
    side = float((points - low).max())
    cells = np.zeros(points.shape, dtype=np.int64)
    if side > 0:
        cells = np.minimum((points - low) / side * 2**bits, 2**bits - 1).astype(np.int64)
    axes = list(cells.T.copy())
    for bit in range(bits - 1, 0, -1):
        mask, below = 1 << bit, (1 << bit) - 1
        for axis in axes:
            turned = (axis & mask) != 0
            swap = np.where(turned, 0, (axes[0] ^ axis) & below)
            axes[0] ^= np.where(turned, below, swap)
            axis ^= swap
    for i in range(1, len(axes)):
        axes[i] ^= axes[i - 1]
    flip = np.zeros(len(points), dtype=np.int64)
    for bit in range(bits - 1, 0, -1):
        flip ^= np.where((axes[-1] & (1 << bit)) != 0, (1 << bit) - 1, 0)
    key = np.zeros(len(points), dtype=np.int64)
    for bit in range(bits - 1, -1, -1):
        for axis in axes:
            key = (key << 1) | (((axis ^ flip) >> bit) & 1)
    return np.argsort(key, kind="stable")
