"""`Workers`: run tasks in several processes; a task whose worker dies is run again by another worker.

A kind of worker says how a process is started and killed, how a task is sent to it and how its result comes back. What
is sent in which order, and what happens where a worker dies, is the same for all kinds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Self, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

ATTEMPTS = 3
"""How often a task is run before it counts as lost, where its worker dies each time."""

Argument = TypeVar("Argument")
Result = TypeVar("Result")


DIED = "a worker process ended unexpectedly, perhaps out of memory"


class WorkerDiedError(Exception):
    """The process of a worker has ended before it gave a result."""


class Worker(ABC):
    """A process that runs one task at a time; when it has started, it gives a first result, None."""

    @abstractmethod
    def send(self, function: Callable[[Argument], object], argument: Argument) -> None:
        """Let the process call a function.

        Raises:
            WorkerDiedError: when the process has ended.
        """

    @abstractmethod
    def result(self) -> object:
        """What the function returned, as soon as it has returned.

        Raises:
            WorkerDiedError: when the process has ended.
            Exception: what the function raised.
        """

    @abstractmethod
    def kill(self) -> None:
        """End the process at once."""


def begin(start: Callable[[], None] | None) -> None:
    """The first task of a worker, whose result says that it has started."""
    if start is not None:
        start()


class LostError(OSError):
    """A task is lost, because each worker that ran it died."""


@dataclass
class _Task(Generic[Argument]):
    index: int
    argument: Argument
    attempts: int = 0


class _Tasks(Generic[Argument]):
    """The tasks that no worker has: those to run again come first."""

    def __init__(self, arguments: Iterable[Argument]) -> None:
        self.again: deque[_Task[Argument]] = deque()
        self._source = (_Task(index, argument) for index, argument in enumerate(arguments))

    def next(self) -> _Task[Argument] | None:
        """The next task, or None."""
        return self.again.popleft() if self.again else next(self._source, None)

    @property
    def is_waiting(self) -> bool:
        """Whether a task waits to be run again, or for a worker that starts."""
        return bool(self.again)


class Workers(ABC):
    """A number of workers, which start when they are first used and run until they are closed.

    Args:
        count: number of workers.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._idle: list[Worker] = []
        self._starting: list[Worker] = []
        self._deaths = 0
        """Number of workers that died while they started, since the last result."""

    @abstractmethod
    def start_worker(self) -> Worker:
        """Start one worker."""

    @abstractmethod
    def wait(self, workers: Sequence[Worker]) -> list[Worker]:
        """Wait until some of these workers have a result, or have died; return those."""

    def __enter__(self) -> Self:
        """Give the workers; they are closed in the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all workers."""
        self.close()

    def start(self) -> None:
        """Start all workers, and wait until they have started.

        Raises:
            LostError: when workers died `ATTEMPTS` times while they started.
            Exception: what their first task raised.
        """
        while len(self._idle) < self.count:
            self._start_missing(0)
            for worker in self.wait(self._starting):
                self._collect(worker)

    def close(self) -> None:
        """End all workers."""
        for worker in (*self._idle, *self._starting):
            worker.kill()
        self._idle, self._starting = [], []

    def run(
        self,
        function: Callable[[Argument], Result],
        arguments: Iterable[Argument],
        *,
        lost: Callable[[Argument], Result] | None = None,
    ) -> Generator[tuple[int, Result]]:
        """Call a function for each argument, in the workers.

        An argument is taken only when a worker is free for it, and no other result is awaited until the caller has
        taken the last: no more than `count` arguments and results are in memory. Where the caller stops early,
        the workers with a task are ended.

        Args:
            function: a function of a module; it, the arguments and the results are pickled.
            arguments: of its calls.
            lost: what a call gives whose worker died `ATTEMPTS` times.

        Yields:
            the position of an argument and the result, as soon as there is one.

        Raises:
            LostError: when workers died `ATTEMPTS` times, and there is no `lost`.
            Exception: what the function raised.
        """
        tasks, busy = _Tasks(arguments), dict[Worker, _Task[Argument]]()
        try:
            while True:
                self._give_out(function, tasks, busy)
                if not busy and not tasks.is_waiting:
                    return
                for worker in self.wait([*busy, *self._starting]):
                    task = busy.pop(worker, None)
                    has_died, result = self._collect(worker)
                    if task is None:
                        continue
                    if not has_died:
                        yield task.index, cast("Result", result)
                    elif task.attempts < ATTEMPTS:
                        tasks.again.append(task)
                    elif lost is None:
                        raise LostError(DIED)
                    else:
                        yield task.index, lost(task.argument)
        finally:
            for worker in busy:
                worker.kill()

    def _give_out(
        self, function: Callable[[Argument], object], tasks: _Tasks[Argument], busy: dict[Worker, _Task[Argument]]
    ) -> None:
        """Send tasks to idle workers, and start workers as long as there are more tasks and too few of them."""
        while len(busy) < self.count and (task := tasks.next()) is not None:
            if not self._idle:
                tasks.again.appendleft(task)
                self._start_missing(len(busy))
                return
            worker = self._idle.pop()
            try:
                worker.send(function, task.argument)
            except WorkerDiedError:  # it died idle: that is not the task's fault
                worker.kill()
                tasks.again.appendleft(task)
            else:
                task.attempts += 1
                busy[worker] = task

    def _start_missing(self, busy: int) -> None:
        """Start workers until there are as many as there should be."""
        while busy + len(self._idle) + len(self._starting) < self.count:
            self._starting.append(self.start_worker())

    def _collect(self, worker: Worker) -> tuple[bool, object]:
        """Whether a worker has died, and its result otherwise; then it is idle."""
        is_new = worker in self._starting
        if is_new:
            self._starting.remove(worker)
        try:
            result = worker.result()
        except WorkerDiedError:
            worker.kill()
            self._deaths += is_new
            if self._deaths >= ATTEMPTS:
                raise LostError(DIED) from None
            return True, None
        except BaseException:
            worker.kill()
            raise
        self._idle.append(worker)
        self._deaths = 0
        return False, result
