"""Distances for compiled kernels, neighbour lists, and orders along a curve.

A `Geometry` carries what a kernel needs to compute any distance of an instance on the fly, in the
instance's own rounding, so that no full matrix is ever made for points. Kernels in other modules
inline `distance`; numba's cache does not see that, so after a change here remove the `.nbi` files
beside the modules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from numba.core.options import DefaultOptions
from numpy.typing import NDArray

from tsp.metrics import GEO_PI, GEO_RADIUS

if TYPE_CHECKING:
    from tsp.instance import Instance

Array = NDArray[np.float64]
Nodes = NDArray[np.int32]
Integers = NDArray[np.int64]
Function = TypeVar("Function", bound=Callable[..., Any])


def _known(**options: bool) -> dict[str, bool]:
    """Options that numba has: those here are not part of its documented interface."""
    return {name: value for name, value in options.items() if hasattr(DefaultOptions, name)}


# Nobody takes a kernel's address for C; the way in for that would be a tenth of what there is to compile.
LEAN = _known(no_cfunc_wrapper=True)
# numba counts references to arrays even where none is made or kept; that takes over half the time of a search.
UNCOUNTED = LEAN | _known(_nrt=False)


def jit(function: Function) -> Function:
    """Compile `function` on its first call, and keep the result on disk where there is a place to write."""
    return _cached(function, **LEAN)


def kernel(function: Function) -> Function:
    """Like `jit`, for a function that makes no arrays, only changes those that it is given."""
    return _cached(function, **UNCOUNTED)


def part(function: Function) -> Function:
    """A piece of kernels, kept on disk as a part of them. Python must not call it: no way in is compiled."""
    return _compiled(function, **UNCOUNTED, **_known(no_cpython_wrapper=True))


def inlined(function: Function) -> Function:
    """A piece of one kernel, among whose lines it is compiled: that is quicker than on its own and then again there."""
    return _compiled(function, inline="always", **UNCOUNTED)


def embedded(function: Function) -> Function:
    """A piece of several kernels, compiled once and copied into each of them. Python must not call it.

    Whether a `part` is copied or called depends on its size and its number of arguments (one array is
    seven). Calls with hundreds of arguments in an inner loop make a search ten times slower.
    """
    return _compiled(function, **UNCOUNTED, **_known(no_cpython_wrapper=True, forceinline=True))


def _compiled(function: Function, **options: Any) -> Function:  # noqa: ANN401 - numba's own options
    return cast("Function", numba.njit(nogil=True, **options)(function))


def _cached(function: Function, **options: Any) -> Function:  # noqa: ANN401 - numba's own options
    try:
        return _compiled(function, cache=True, **options)
    except RuntimeError:  # neither the package's folder nor the user's cache folder can be written
        return _compiled(function, **options)


MATRIX, EUCLIDEAN, ROUNDED, CEILED, PSEUDO, MANHATTAN, MAXIMUM, GEOGRAPHICAL = range(8)

CODES = {
    "euclidean": EUCLIDEAN,
    "EUC_2D": ROUNDED,
    "EUC_3D": ROUNDED,
    "CEIL_2D": CEILED,
    "ATT": PSEUDO,
    "MAN_2D": MANHATTAN,
    "MAN_3D": MANHATTAN,
    "MAX_2D": MAXIMUM,
    "MAX_3D": MAXIMUM,
    "GEO": GEOGRAPHICAL,
}
"""For each metric of points the arithmetic that `distance` uses."""


class Geometry(NamedTuple):
    """What a kernel needs to compute distances.

    Attributes:
        code: `MATRIX`, or a value of `CODES`.
        points: `[n, 3]`, padded with zeros; for GEO on the unit sphere, whose chords give the arcs. `[0, 3]`
            with a matrix.
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
    if code == GEOGRAPHICAL:
        degrees = np.trunc(points)
        latitude, longitude, _ = (GEO_PI * (degrees + 5.0 * (points - degrees) / 3.0) / 180.0).T
        flat = np.cos(latitude)
        points = np.column_stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)])
    return Geometry(code, frozen(points), frozen(np.empty((0, 0))))


def frozen(array: Array) -> Array:
    """Read-only, as an instance's matrix is: numba compiles for each of the two kinds anew."""
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array


@kernel
def distance(geometry: Geometry, i: int, j: int) -> float:
    """Distance from node `i` to another node `j`; see `tsp.metrics` for the formulas.

    It must stay small and call no other kernel, so that it is inlined: searches take 2.5 times as
    long otherwise.
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
    return np.floor(2.0 * GEO_RADIUS * np.arcsin(min(0.5 * exact, 1.0)) + 1.0)


def leg_lengths(geometry: Geometry, origins: Nodes, destinations: Nodes) -> Array:
    """The distance from each of `origins` `[m]` to the one of `destinations` `[m]` in its place."""
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

    With an asymmetric matrix the k nearest to go to. k-d trees for points, so nothing of size n².

    Args:
        geometry: of n nodes.
        k: how many; at most n - 1 are given.

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
    """Drop each row's own node, or its last where many points coincide and it is not there."""
    n, columns = found.shape
    own = found == np.arange(n)[:, None]
    own[~own.any(axis=1), -1] = True
    return found[~own].reshape(n, columns - 1).astype(np.int32)


def delaunay_edges(plane: Array) -> Integers:
    """Edges of the Delaunay triangulation, which lead from every cluster to those around it.

    A node that shares its point with another is joined to that one.

    Args:
        plane: `[n, 2]`.

    Returns:
        node numbers `[m, 2]`, m < 3 n; none where there are no triangles (few points, or all on a line).
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
    """Nodes in the order in which a Hilbert curve through their bounding cube meets them.

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
