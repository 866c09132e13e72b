"""The processes that compute."""

import asyncio
import os
import signal

import pytest
from pages import generated

pytest.importorskip("starlette", reason="the extra `page` is not installed")

from tsp.page.fields import Fields
from tsp.page.workers import FAILED, RESULT, BusyError, Workers


async def made(workers):
    async with workers.job("instance", {"fields": Fields(generated(size=200))}, 120) as job:
        return await job.end()


def with_worker(act):
    async def run():
        workers = Workers(1)
        workers.start()
        try:
            return await act(workers)
        finally:
            workers.close()

    return asyncio.run(run())


def test_a_worker_that_is_killed_is_replaced_and_its_reader_told():
    async def act(workers):
        first = await made(workers)
        _, blob = first.content
        arguments = {"blob": blob, "spec": "ls", "seconds": 30.0, "seed": 1}
        async with workers.job("solve", arguments, 60) as job:
            await job.next()
            os.kill(job.worker.process.pid, signal.SIGKILL)
            last = await job.end()
        return first.kind, last.kind, (await made(workers)).kind

    assert with_worker(act) == (RESULT, FAILED, RESULT)


@pytest.mark.slow
def test_a_worker_that_ends_while_it_is_idle_is_replaced():
    async def act(workers):
        async with workers.job("instance", {"fields": Fields(generated())}, 120) as job:
            await job.end()
        os.kill(job.worker.process.pid, signal.SIGKILL)
        await job.next()  # the news of it
        return (await made(workers)).kind

    assert with_worker(act) == RESULT


@pytest.mark.slow
def test_a_job_that_takes_too_long_is_ended():
    async def act(workers):
        _, blob = (await made(workers)).content
        arguments = {"blob": blob, "spec": "ls", "seconds": 60.0, "seed": 1}
        with pytest.raises(TimeoutError):
            async with workers.job("solve", arguments, 0.3) as job:
                await job.end()
        return (await made(workers)).kind

    assert with_worker(act) == RESULT


def test_without_a_worker_nothing_is_waited_for():
    async def act():
        with pytest.raises(BusyError, match="no process"):
            await made(Workers(1))

    asyncio.run(act())
