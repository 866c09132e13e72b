"""Workers: tasks run in other processes, of this machine or of a Ray cluster, by one mechanism."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsp.workers.pool import ATTEMPTS, LostError, Workers
from tsp.workers.processes import ProcessWorkers

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ATTEMPTS", "LostError", "ProcessWorkers", "Workers", "open_workers"]


def open_workers(place: int | str, threads: int, start: Callable[[], None] | None = None) -> Workers:
    """Workers of this machine or of a cluster.

    Args:
        place: a number of processes of this machine, or `ray`, or the address of a Ray cluster, `ray://…`.
        threads: number of processors that each worker of a cluster occupies.
        start: called once in each worker, before its first task.

    Raises:
        ValueError: in one sentence, for a cluster that cannot be reached, or without Ray.
    """
    if isinstance(place, int):
        return ProcessWorkers(place, start)
    try:
        from tsp.workers.ray_cluster import RayWorkers
    except ImportError:
        raise ValueError(
            f"--workers {place}: needs the package 'ray', which is not installed: "
            'pip install "travelling-scientist[ray]"'
        ) from None
    return RayWorkers(None if place == RAY else place, threads=threads, start=start)


RAY = "ray"
"""The place of workers on the Ray cluster of `RAY_ADDRESS`, or else on one of this machine alone."""
