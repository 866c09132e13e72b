"""Classical solvers: constructions, local search, OR-Tools. They know neither torch nor environments."""

__toolkit__ = "travelling-scientist"
