# pyright: standard, reportMissingImports=false
# (Ray is an extra, and its types are incomplete.)
"""`RayWorkers`: workers that are processes of a Ray cluster, of this machine alone or of many."""

from __future__ import annotations

import logging
import os
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import RayActorError, RayTaskError

from tsp.interrupts import SIGNALS
from tsp.workers.pool import Argument, Worker, WorkerDiedError, Workers, begin

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence


class RayWorkers(Workers):
    """As many workers as the cluster has processors for.

    Args:
        address: of a running cluster, such as `ray://host:10001`; None: that of `RAY_ADDRESS`, else one on this machine
            for as long as these workers.
        threads: number of processors that each worker occupies.
        start: called once in each worker, before its first task.

    Raises:
        ValueError: when the cluster cannot be reached, or has too few processors for one worker.
    """

    def __init__(
        self, address: str | None = None, *, threads: int = 1, start: Callable[[], None] | None = None
    ) -> None:
        self._is_own = not ray.is_initialized()
        if self._is_own:
            # Without "local", Ray would look for a cluster that a file names, even after it was killed.
            named = address or os.environ.get("RAY_ADDRESS")
            place = named or "local"
            try:
                with _kept_handlers():
                    # Ray's client takes no settings: the cluster has its own.
                    ray.init(place, **({} if "://" in place else {"include_dashboard": False, **QUIET}))
            except (ConnectionError, RuntimeError, ValueError, OSError) as error:
                sentence = " ".join(str(error).split())
                source = f"RAY_ADDRESS={named}" if named and not address else f"--workers {named or 'ray'}"
                raise ValueError(f"{source}: no Ray cluster ({sentence})") from None
        super().__init__(int(ray.cluster_resources().get("CPU", 0)) // threads)
        if self.count < 1:
            self.close()
            raise ValueError(f"--threads {threads}: more than the processors of the Ray cluster, expected fewer")
        self._actor = ray.remote(num_cpus=threads)(_Actor)
        self._start = start

    def start_worker(self) -> Worker:
        """Start one actor."""
        return _RayWorker(self._actor.remote(), self._start)

    def wait(self, workers: Sequence[Worker]) -> list[Worker]:
        """See `Workers.wait`."""
        by_answer = {worker.answer: worker for worker in workers if isinstance(worker, _RayWorker)}
        # Not `ray.wait`, which turns every signal into Ctrl-C.
        return [by_answer[answer] for answer in wait(by_answer, return_when=FIRST_COMPLETED).done]

    def close(self) -> None:
        """End all workers, and the cluster if it was started for them."""
        super().close()
        if self._is_own:
            ray.shutdown()


QUIET: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
"""Settings with which Ray prints only errors: messages of the toolkit come back with the results."""


@contextmanager
def _kept_handlers() -> Generator[None]:
    """Keep the handlers of signals: Ray's own one ends the program at SIGTERM before it can say how far it is."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():
            signal.signal(number, handler)


class _Actor:
    """The process of a worker, as Ray sees it."""

    def call(self, function: Callable[[Argument], object], argument: Argument) -> object:
        return function(argument)


class _RayWorker(Worker):
    """An actor, and its next result; it is not restarted by Ray, but replaced by `Workers`."""

    def __init__(self, actor: Any, start: Callable[[], None] | None) -> None:  # noqa: ANN401 (made by Ray)
        self._actor = actor
        self.answer = actor.call.remote(begin, start).future()

    def send(self, function: Callable[[Argument], object], argument: Argument) -> None:
        """See `Worker.send`."""
        self.answer = self._actor.call.remote(function, argument).future()

    def result(self) -> object:
        """See `Worker.result`."""
        try:
            return self.answer.result()
        except RayActorError:
            raise WorkerDiedError from None
        except RayTaskError as error:
            raise (error.cause if isinstance(error.cause, Exception) else error) from None

    def kill(self) -> None:
        """See `Worker.kill`."""
        ray.kill(self._actor)
