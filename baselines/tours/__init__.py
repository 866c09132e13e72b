"""Searches of closed tours through every node by the lengths of edges alone; paths become such tours."""
