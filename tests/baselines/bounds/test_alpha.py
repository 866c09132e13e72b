import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_trees import KINDS, edges_to_nearest, path_maxima, symmetric_instance

from baselines.bounds.alpha import alpha_candidates
from baselines.bounds.ascent import ascend
from baselines.kernels.geometry import geometry_of
from tsp.budget import Clock


@settings(max_examples=30)
@given(st.integers(5, 20), st.integers(0, 999), KINDS, st.integers(1, 6))
def test_candidates_have_the_smallest_growth_of_the_one_tree_that_must_contain_their_edge(n, seed, kind, k):
    instance = symmetric_instance(n, seed, kind)
    geometry = geometry_of(instance)
    found = ascend(geometry, edges_to_nearest(geometry, n - 1), Clock(60.0), steps=30)
    tree, multipliers = found.tree, found.multipliers
    chosen = alpha_candidates(found, k)
    weights = instance.distances + multipliers[:, None] + multipliers
    edges = [(i, int(tree.parent[i])) for i in tree.order[1:].tolist()]
    alpha = weights - path_maxima(edges, weights)
    leaf, end = tree.ends.tolist()
    alpha[leaf] = alpha[:, leaf] = weights[leaf] - weights[leaf, end]
    alpha = np.maximum(alpha, 0.0)
    for i, j in edges:
        alpha[i, j] = alpha[j, i] = 0.0
    for i in range(n):
        others = np.delete(np.arange(n), i)
        row = chosen[i].tolist()
        assert len(set(row)) == min(k, n - 1)
        assert i not in row
        np.testing.assert_allclose(
            alpha[i, row], np.sort(alpha[i, others])[: len(row)], atol=1e-9 * np.abs(weights).max()
        )
