"""Classical solvers: heuristics, local search, OR-Tools. They use neither torch nor environments."""

__toolkit__ = "travelling-scientist"
