from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_trees import KINDS, path_maxima, symmetric_instance

from baselines.bounds.spanning_tree import empty_tree, graph_of, path_maximum, range_maxima, span
from baselines.kernels.geometry import geometry_of


@settings(max_examples=40)
@given(st.integers(3, 30), st.integers(0, 999), KINDS)
def test_longest_edge_between_two_nodes_of_the_tree_is_the_largest_key_between_their_ranks(n, seed, kind):
    instance = symmetric_instance(n, seed, kind)
    geometry = geometry_of(instance)
    multipliers = np.random.default_rng(seed).normal(size=n)
    graph = graph_of(geometry, np.array(list(combinations(range(n), 2))))
    tree = empty_tree(n)
    span(graph, multipliers, tree)
    weights = instance.distances + multipliers[:, None] + multipliers
    expected = path_maxima([(i, int(tree.parent[i])) for i in tree.order[1:].tolist()], weights)
    longest = range_maxima(tree)
    for i, j in permutations(range(n), 2):
        assert path_maximum(longest, tree.rank[i], tree.rank[j]) == pytest.approx(expected[i, j], rel=1e-12, abs=1e-12)
