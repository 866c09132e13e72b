"""Nodes are added where that makes products faster."""

import pytest

from policies.alignment import nodes_to_add


@pytest.mark.parametrize(
    ("device", "nodes", "added"),
    [
        ("cpu", 20, 12),
        ("cpu", 32, 0),
        ("cpu", 38, 0),
        ("cpu", 39, 25),
        ("cpu", 100, 0),
        ("cuda", 100, 4),
        ("mps", 7, 0),
    ],
)
def test_a_multiple_is_reached_unless_it_is_far(device, nodes, added):
    assert nodes_to_add(nodes, device) == added
