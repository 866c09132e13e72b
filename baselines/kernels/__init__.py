"""Compiled functions that all searches share: distances and random numbers."""
