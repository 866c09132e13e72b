"""Searches by rules: what insertions, removals and whole orders cost in a model of any problem."""
