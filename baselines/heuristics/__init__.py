"""Constructions and the classical heuristics of single problems."""
