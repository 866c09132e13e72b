"""Solvers of other authors, and how each is told a problem."""
