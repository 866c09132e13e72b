"""Routing problems as batched Markov decision processes in torch, composed from the problem's rules."""

__toolkit__ = "travelling-scientist"
