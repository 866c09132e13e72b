"""The page's application: its files, and a few addresses that answer in JSON or as a stream of events.

What computes is a POST with JSON. `solve` and `steps` answer with server-sent events, one for each better solution or
step; when the reader leaves, the job ends.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tsp import __version__
from tsp.composition import limits_of
from tsp.page.fields import Fields
from tsp.page.guard import Guard
from tsp.page.limits import DISTRIBUTIONS, KEPT, MOST_DAY_NODES, MOST_NODES, MOST_SECONDS, SHORT_JOB_SECONDS
from tsp.page.workers import EVENT, REFUSED, RESULT, TOO_BUSY, BusyError, Message, Workers
from tsp.problems import PROBLEMS
from tsp.validation import flag, shown, whole_number

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from starlette.requests import Request

    from tsp.page.workers import Job
    from tsp.problems import Problem

STATIC = Path(__file__).with_name("static")

HEARTBEAT = 1.0
"""Seconds without an event after which a sign of life is sent, which finds out whether the reader is still there."""

TOO_LONG = "it took too long, and was ended"

EXPORTS = ("csv", "json", "tour", "sol", "instance")


class RefusedError(Exception):
    """A request that is answered with a sentence and a status."""

    def __init__(self, sentence: str, status: int = 422) -> None:
        super().__init__(sentence)
        self.status = status


class Page:
    """The application's state: the workers, and the instances that readers have made."""

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self.places: OrderedDict[str, bytes] = OrderedDict()

    def keep(self, key: str, blob: bytes) -> None:
        """Remember an instance, and forget the one that was used longest ago."""
        self.places[key] = blob
        self.places.move_to_end(key)
        while len(self.places) > KEPT:
            self.places.popitem(last=False)

    def place(self, fields: Fields) -> bytes:
        """The instance that a request names."""
        key = fields.text("instance", most=64)
        if key not in self.places:
            raise RefusedError(f"instance {key!r}: unknown here, send it again", 404)
        self.places.move_to_end(key)
        return self.places[key]

    async def short(self, name: str, arguments: dict[str, Any], seconds: float = SHORT_JOB_SECONDS) -> Any:  # noqa: ANN401
        """The result of a job without events."""
        try:
            async with self.workers.job(name, arguments, seconds) as job:
                message = await job.end()
        except BusyError as error:
            raise RefusedError(str(error), 503) from None
        except TimeoutError:
            raise RefusedError(TOO_LONG, 504) from None
        if message.kind != RESULT:
            raise RefusedError(str(message.content), 422 if message.kind == REFUSED else 500)
        return message.content

    async def about(self, request: Request) -> Response:
        """What the page can do."""
        return JSONResponse(
            {
                "version": __version__,
                "ready": self.workers.ready > 0,
                "problems": [_problem_view(problem) for problem in PROBLEMS.values()],
                "distributions": DISTRIBUTIONS,
                "most_nodes": MOST_NODES,
                "most_seconds": MOST_SECONDS,
            }
        )

    async def instance(self, request: Request) -> Response:
        """Make an instance."""
        body = await request.body()
        fields = await asyncio.to_thread(Fields.parse, body)
        view, blob = await self.short("instance", {"fields": fields})
        key = hashlib.sha256(body).hexdigest()[:32]
        self.keep(key, blob)
        return JSONResponse({"id": key, **view})

    async def solve(self, request: Request) -> Response:
        """Solve an instance; better solutions are events."""
        fields = Fields.parse(await request.body())
        blob = self.place(fields)
        spec = fields.text("solver", most=300)
        seconds = fields.number("seconds", 2.0, least=0.01, most=MOST_SECONDS)
        seed = fields.whole("seed", 1234, least=0, most=2**32 - 1)
        fields.finish()
        arguments = {"blob": blob, "spec": spec, "seconds": seconds, "seed": seed}
        return self._stream("solve", arguments, 1.5 * seconds + SHORT_JOB_SECONDS)

    async def steps(self, request: Request) -> Response:
        """Build a policy's tour; its steps are events."""
        fields = Fields.parse(await request.body())
        blob, spec = self.place(fields), fields.text("solver", "policy", most=300)
        fields.finish()
        return self._stream("steps", {"blob": blob, "spec": spec}, SHORT_JOB_SECONDS)

    async def day(self, request: Request) -> Response:
        """Plan the rest of a day."""
        fields = Fields.parse(await request.body())
        blob = self.place(fields)
        visited = [
            whole_number(node, f"visited[{i}]", least=0, most=MOST_NODES)
            for i, node in enumerate(fields.list("visited", most=2 * MOST_DAY_NODES))
        ]
        spec = fields.text("solver", "session-recourse", most=300)
        ends = flag(fields.take("ends", False), "ends")
        seconds = fields.number("seconds", 0.5, least=0.01, most=MOST_SECONDS)
        seed = fields.whole("seed", 1234, least=0, most=2**32 - 1)
        fields.finish()
        arguments = {"blob": blob, "spec": spec, "seconds": seconds, "visited": visited, "ends": ends, "seed": seed}
        return JSONResponse(await self.short("day", arguments))

    async def export(self, request: Request) -> Response:
        """Write a file."""
        fields = await asyncio.to_thread(Fields.parse, await request.body())
        blob, kind = self.place(fields), fields.text("kind", most=20)
        if kind not in EXPORTS:
            raise ValueError(f"kind: {shown(kind)}, expected one of {', '.join(EXPORTS)}")
        tours = None if kind == "instance" else fields.list("tours", most=MOST_NODES)
        fields.finish()
        return JSONResponse(await self.short("export", {"blob": blob, "kind": kind, "tours": tours}))

    def _stream(self, name: str, arguments: dict[str, Any], seconds: float) -> Response:
        if self.workers.is_full:
            raise RefusedError(TOO_BUSY, 503)
        return StreamingResponse(
            self._events(name, arguments, seconds),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    async def _events(self, name: str, arguments: dict[str, Any], seconds: float) -> AsyncGenerator[str]:
        yield _event("state", {"state": "waiting"})
        try:
            async with self.workers.job(name, arguments, seconds) as job:
                while not job.has_ended:
                    message = await _next(job)
                    if message is None:
                        yield ": still there\n\n"
                    elif message.kind == EVENT:
                        yield _event("state" if "state" in message.content else "found", message.content)
                    elif message.kind == RESULT:
                        yield _event("done", message.content)
                    else:
                        yield _event("refused", {"error": str(message.content)})
        except BusyError as error:
            yield _event("refused", {"error": str(error)})
        except TimeoutError:
            yield _event("refused", {"error": TOO_LONG})


async def _next(job: Job) -> Message | None:
    """The next message of a job; None where there is none for a while."""
    try:
        async with asyncio.timeout(HEARTBEAT):
            return await job.next()
    except TimeoutError:
        return None


def _event(kind: str, content: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(content, allow_nan=False, separators=(',', ':'))}\n\n"


def _problem_view(problem: Problem) -> dict[str, Any]:
    """A problem with the limits that it takes."""
    return {
        "name": problem.name,
        "title": problem.title,
        "story": problem.story,
        "limits": limits_of(problem),
        "lives": bool(problem.reveals),
    }


def _sentences(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Answer what a request is refused for with a sentence."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except RefusedError as refusal:
            return JSONResponse({"error": str(refusal)}, refusal.status)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 422)

    return answered


async def _index(request: Request) -> Response:
    return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})


def make_app(*, host: str = "127.0.0.1", workers: int = 2) -> Starlette:
    """The application.

    Args:
        host: the address that the server listens on.
        workers: the number of processes that compute.
    """
    page = Page(Workers(workers))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        page.workers.start()
        try:
            yield
        finally:
            page.workers.close()

    posts = {
        "instance": page.instance,
        "solve": page.solve,
        "steps": page.steps,
        "day": page.day,
        "export": page.export,
    }
    routes = [
        Route("/", _index),
        Route("/api/about", page.about),
        *(Route(f"/api/{name}", _sentences(handler), methods=["POST"]) for name, handler in posts.items()),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard, host=host)], lifespan=lifespan)
