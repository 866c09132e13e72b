"""The learned guide: a network that proposes the edges that a local search tries."""
