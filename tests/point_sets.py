"""Sets of points for tests of neighbour lists, and the conditions on every such list."""

import numpy as np
from hypothesis import strategies as st


@st.composite
def point_sets(draw):
    """5 to 60 points: anywhere, on a small grid (many coincide), or on a line."""
    n = draw(st.integers(5, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["anywhere", "grid", "line", "one place"]))
    if kind == "anywhere":
        return rng.random((n, 2))
    if kind == "grid":
        return rng.integers(0, 4, (n, 2)).astype(float)
    if kind == "line":
        return np.outer(rng.random(n), [1.0, 2.0]) + 3.0
    return np.ones((n, 2))


def is_whole(neighbours, n, k):
    own = np.arange(n)[:, None]
    rows = np.sort(neighbours, axis=1)
    return (
        neighbours.shape == (n, k)
        and (neighbours >= 0).all()
        and (neighbours < n).all()
        and (neighbours != own).all()
        and (np.diff(rows, axis=1) > 0).all()
    )
