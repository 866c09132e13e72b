import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_trees import KINDS, edges_to_nearest, minimum_spanning_tree, symmetric_instance

from baselines.bounds.one_tree import prove
from baselines.bounds.spanning_tree import graph_of
from baselines.kernels.geometry import geometry_of


@settings(max_examples=60)
@given(st.integers(3, 40), st.integers(0, 999), KINDS, st.integers(1, 8), st.floats(0, 3))
def test_proof_finds_the_minimum_one_tree_of_all_edges_whatever_edges_it_begins_with(n, seed, kind, k, spread):
    instance = symmetric_instance(n, seed, kind)
    rng = np.random.default_rng(seed)
    multipliers = spread * instance.distances.mean() * rng.normal(size=n)
    geometry = geometry_of(instance)
    found = prove(geometry, graph_of(geometry, edges_to_nearest(geometry, k)), multipliers)
    weights = instance.distances + multipliers[:, None] + multipliers
    edges = minimum_spanning_tree(weights)
    tree = sum(weights[e] for e in edges)
    degree = np.bincount(np.ravel(edges), minlength=n)
    closed = [np.partition(np.delete(weights[leaf], leaf), 1)[1] for leaf in np.flatnonzero(degree == 1)]
    allowed = 1e-9 * (1.0 + np.abs(weights).sum())
    # equally short trees may have different leaves, and the edges of the graph decide which leaf is chosen
    assert found.bound <= tree + max(closed + [np.inf] * (kind == "ties")) - 2 * multipliers.sum() + allowed
    assert found.tree.key.sum() == pytest.approx(tree, abs=allowed)
