"""Proved bounds, and the guides of local searches that use the same computations."""
