"""Learned solvers: encoders, decoder, training by REINFORCE, and the policies that ship with the toolkit."""

__toolkit__ = "travelling-scientist"
