"""Construction heuristics, and classical heuristics of single problems."""
