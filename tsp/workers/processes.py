"""`ProcessWorkers`: workers that are processes of this machine."""

from __future__ import annotations

import atexit
import signal
import traceback
from multiprocessing import get_context
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from tsp.workers.pool import Argument, Worker, WorkerDiedError, Workers, begin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection


class ProcessWorkers(Workers):
    """Processes of this machine; a fresh Python each, so that no state of this one comes along.

    Args:
        count: number of processes.
        start: called once in each process, before its first task.
    """

    def __init__(self, count: int, start: Callable[[], None] | None = None) -> None:
        super().__init__(count)
        self._start = start

    def start_worker(self) -> Worker:
        """Start one process."""
        return _Process(self._start)

    def wait(self, workers: Sequence[Worker]) -> list[Worker]:
        """See `Workers.wait`."""
        by_pipe: dict[Any, Worker] = {worker.pipe: worker for worker in workers if isinstance(worker, _Process)}
        return [by_pipe[pipe] for pipe in wait(list(by_pipe))]


_running: WeakSet[_Process] = WeakSet()


@atexit.register
def _end_all() -> None:
    """End the processes of workers that were not closed, for which Python would wait."""
    for process in list(_running):
        process.kill()


class _Process(Worker):
    """A process at the other end of a pipe; where either end dies, the other one sees the pipe's end."""

    def __init__(self, start: Callable[[], None] | None) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, start))
        self._process.start()
        theirs.close()
        _running.add(self)

    def send(self, function: Callable[[Argument], object], argument: Argument) -> None:
        """See `Worker.send`."""
        try:
            self.pipe.send((function, argument))
        except OSError:
            raise WorkerDiedError from None

    def result(self) -> object:
        """See `Worker.result`."""
        try:
            result, error = self.pipe.recv()
        except (EOFError, OSError):
            raise WorkerDiedError from None
        if error is not None:
            raise error
        return result

    def kill(self) -> None:
        """See `Worker.kill`."""
        _running.discard(self)
        self._process.kill()
        self._process.join()
        self._process.close()
        self.pipe.close()


def _serve(pipe: Connection, start: Callable[[], None] | None) -> None:
    """Run tasks until the pipe ends; the work of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process: the first one ends the others
    function, argument = begin, start
    while True:
        result, error = None, None
        try:
            result = function(argument)
        except Exception as raised:
            raised.add_note(traceback.format_exc())
            error = raised
        try:
            pipe.send((result, error))
        except BrokenPipeError:
            return
        except Exception as unsent:  # it cannot be pickled
            pipe.send((None, TypeError(f"{unsent}: {error or type(result)}")))
        try:
            function, argument = pipe.recv()
        except EOFError:
            return
