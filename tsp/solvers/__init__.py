"""Solvers: their protocol and chains of them, by name, by default, led by a guide, and online."""

from tsp.solvers.chain import Chain
from tsp.solvers.protocol import (
    Candidates,
    InstanceSolver,
    Report,
    Solver,
    is_one_shot,
    require_support,
    solve_in_limits,
)

__all__ = [
    "Candidates",
    "Chain",
    "InstanceSolver",
    "Report",
    "Solver",
    "is_one_shot",
    "require_support",
    "solve_in_limits",
]
