"""Solvers of other authors, and how each problem is stated for them."""
