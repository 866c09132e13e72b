"""Workers: tasks run in other processes, of this machine or of a Ray cluster, by one mechanism."""

from tsp.workers.pool import ATTEMPTS, LostError, Workers
from tsp.workers.processes import ProcessWorkers

__all__ = ["ATTEMPTS", "LostError", "ProcessWorkers", "Workers"]
