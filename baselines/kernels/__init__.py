"""Compiled functions used by all searches: distances and random numbers."""
