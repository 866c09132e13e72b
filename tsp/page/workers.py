"""Processes that do the page's jobs, so that solving blocks nothing and ends with the reader who asked for it.

A worker does one job at a time. A job whose reader has left is interrupted as by Ctrl-C; where that does not end it at
once, its process is replaced.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from tsp.page.limits import MOST_WAITING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from multiprocessing.connection import Connection

GRACE = 0.5
"""Seconds that an interrupted job has to end before its process is replaced."""

EVENT, RESULT, REFUSED, FAILED, STOPPED = "event", "result", "refused", "failed", "stopped"
"""Kinds of messages from a worker; all but the first end a job."""


class Message(NamedTuple):
    """A message from a worker: its kind, and what it says."""

    kind: str
    content: Any


TOO_BUSY = "too many jobs are waiting; try again in a few seconds"
NO_PROCESS = "no process that computes could be started; the terminal shows why"


class BusyError(Exception):
    """A job cannot be done now; the message is a sentence for the reader."""


def work(connection: Connection) -> None:
    """Do jobs until the server is gone; runs in a process of its own."""
    from tsp.page.jobs import JOBS

    def emit(content: dict[str, Any]) -> None:
        connection.send(Message(EVENT, content))

    while True:
        try:
            name, arguments = connection.recv()
        except KeyboardInterrupt:  # of a job that has just ended, or the server's own, which then closes the connection
            continue
        except (EOFError, OSError):
            return
        try:
            message = Message(RESULT, JOBS[name](emit, **arguments))
        except KeyboardInterrupt:
            message = Message(STOPPED, None)
        except ValueError as error:
            message = Message(REFUSED, str(error))
        except MemoryError:
            message = Message(REFUSED, "out of memory; expected fewer nodes")
        except (BrokenPipeError, ConnectionError):
            return
        except Exception as error:  # a fault of the toolkit: the terminal shows it whole
            traceback.print_exc()
            message = Message(FAILED, f"the {name} failed with {type(error).__name__}; the terminal shows more")
        with suppress(KeyboardInterrupt):
            try:
                connection.send(message)
            except OSError:
                return


class Worker:
    """One process, and the thread that passes its messages on to the event loop."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs,), daemon=True, name="tsp-page-worker")
        self.process.start()
        theirs.close()
        self.messages: asyncio.Queue[Message] = asyncio.Queue()
        self.is_lost = False
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._pass_on, args=(loop, self.messages), daemon=True).start()

    def _pass_on(self, loop: asyncio.AbstractEventLoop, messages: asyncio.Queue[Message]) -> None:
        while True:
            try:
                message = self.connection.recv()
            except Exception:
                self.is_lost = True
                message = Message(FAILED, "the process that computes has ended")
                with suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(messages.put_nowait, message)
                return
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(messages.put_nowait, message)

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.connection.close()


class Job:
    """A job that is being done: its messages, one after the other."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.has_ended = False

    async def next(self) -> Message:
        """The next message; all but an event end the job."""
        message = await self.worker.messages.get()
        self.has_ended = message.kind != EVENT
        return message

    async def end(self) -> Message:
        """The message that ends the job."""
        while True:
            message = await self.next()
            if self.has_ended:
                return message


class Workers:
    """A fixed number of workers, and the queue in front of them."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.ready = 0
        self._idle: asyncio.LifoQueue[Worker] = asyncio.LifoQueue()
        self._all: set[Worker] = set()
        self._waiting = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start the processes, and warm them up meanwhile; jobs wait for the first that is warm."""
        for _ in range(self.count):
            self._spawn()

    def _spawn(self) -> None:
        worker = Worker()
        self._all.add(worker)
        task = asyncio.get_running_loop().create_task(self._prepare(worker))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _prepare(self, worker: Worker) -> None:
        worker.connection.send(("warm_up", {}))
        await Job(worker).end()
        if worker.is_lost:
            self._all.discard(worker)
            sys.stderr.write("tsp: a process of the page ended while it started\n")
            return
        self.ready += 1
        self._idle.put_nowait(worker)

    @property
    def is_full(self) -> bool:
        """Whether as many jobs wait as may."""
        return self._waiting >= MOST_WAITING

    def close(self) -> None:
        """End all processes."""
        for worker in self._all:
            worker.close()

    @asynccontextmanager
    async def job(self, name: str, arguments: dict[str, Any], seconds: float) -> AsyncGenerator[Job]:
        """Do a job; when the block ends before the job does, the job is stopped.

        Args:
            name: of `tsp.page.jobs.JOBS`.
            arguments: of the job.
            seconds: after which a message is waited for no longer.

        Raises:
            BusyError: where too many jobs wait, or there is no worker.
            TimeoutError: by the time limit.
        """
        if self.is_full:
            raise BusyError(TOO_BUSY)
        if not self._all:
            raise BusyError(NO_PROCESS)
        self._waiting += 1
        try:
            while (worker := await self._idle.get()).is_lost:  # it ended while it had nothing to do
                self._replace(worker)
        finally:
            self._waiting -= 1
        job = Job(worker)
        try:
            worker.connection.send((name, arguments))
            async with asyncio.timeout(seconds):
                yield job
        finally:
            if job.has_ended and not worker.is_lost:
                self._idle.put_nowait(worker)
            else:
                task = asyncio.get_running_loop().create_task(self._stop(job))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _stop(self, job: Job) -> None:
        """Interrupt a job, and take its worker back or replace it."""
        worker = job.worker
        if sys.platform != "win32" and worker.process.pid is not None and not worker.is_lost:
            with suppress(ProcessLookupError):
                os.kill(worker.process.pid, signal.SIGINT)
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE):
                    await job.end()
        if job.has_ended and not worker.is_lost:
            self._idle.put_nowait(worker)
            return
        self._replace(worker)

    def _replace(self, worker: Worker) -> None:
        self._all.discard(worker)
        self.ready -= 1
        worker.close()
        self._spawn()
