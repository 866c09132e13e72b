"""Streaming: large sets of instances solved shard by shard in workers, into a folder of parts."""

from tsp.streaming.parts import Counts, Parts, digests
from tsp.streaming.run import Settings, State, prepare, solve_files
from tsp.streaming.sources import Source, open_sources

__all__ = ["Counts", "Parts", "Settings", "Source", "State", "digests", "open_sources", "prepare", "solve_files"]
