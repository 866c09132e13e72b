"""The learned guide: a network that says which edges a local search should try."""
