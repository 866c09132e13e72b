"""Solvers: their protocol, chains of them, solvers by name and by default, guided searches, and the online loop."""

from tsp.solvers.chain import Chain
from tsp.solvers.instance_solver import InstanceSolver
from tsp.solvers.plans import onward_of, plan_as_tour, plan_with_waits
from tsp.solvers.protocol import (
    BaseSolver,
    Candidates,
    Report,
    Request,
    Solver,
    Task,
    description_of,
    is_one_shot,
    most_nodes_refusal,
    next_probabilities,
    refusal_of,
    require_support,
    share_of,
    slow_refusal,
    solve_request,
    uses_initial,
)
from tsp.solvers.visit_times import counts_visits_apart, visit_durations

__all__ = [
    "BaseSolver",
    "Candidates",
    "Chain",
    "InstanceSolver",
    "Report",
    "Request",
    "Solver",
    "Task",
    "counts_visits_apart",
    "description_of",
    "is_one_shot",
    "most_nodes_refusal",
    "next_probabilities",
    "onward_of",
    "plan_as_tour",
    "plan_with_waits",
    "refusal_of",
    "require_support",
    "share_of",
    "slow_refusal",
    "solve_request",
    "uses_initial",
    "visit_durations",
]
