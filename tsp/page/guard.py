"""The door of the page: which requests are let in.

A page on this machine can be reached by every other page that the browser shows. So the `Host` must be one that the
server was started for (else a name that is pointed here could read answers), and what computes must come from the page
itself: by its `Origin`, and as JSON, which other pages cannot send without asking first.
"""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import JSONResponse

from tsp.page.limits import BODY_SECONDS, MOST_BYTES

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})

WILDCARDS = frozenset({"0.0.0.0", "::"})

HEADERS = {
    b"content-security-policy": (
        b"default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'"
    ),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}
"""Headers of every answer: nothing is loaded from elsewhere, and no other page shows or reads this one."""


class Guard:
    """Refuses what does not come from the page, is too large or too slow; an ASGI middleware.

    Args:
        app: the application behind it.
        host: the address that the server listens on.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self.app = app
        self.any_address = host in WILDCARDS
        self.hosts = LOCAL | {host.lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with a refusal."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS.items()]
            await send(message)

        refusal = self._refusal(scope["method"], headers)
        body = b""
        if refusal is None and scope["method"] == "POST":
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    body, refusal = await _read(receive)
            except TimeoutError:
                refusal = 408, f"the request took longer than {BODY_SECONDS:g} s to arrive"
        if refusal is not None:
            status, sentence = refusal
            response = JSONResponse({"error": sentence}, status, headers={"connection": "close"})
            await response(scope, receive, send_guarded)
            return
        await self.app(scope, _replay(body, receive), send_guarded)

    def _refusal(self, method: str, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        """The status and the sentence with which a request is refused by its headers, or None."""
        host = _text(headers, b"host")
        if not self._knows(host):
            return 421, f"Host {host[:80]!r}: not an address of this page"
        if method not in ("GET", "HEAD", "POST"):
            return 405, f"{method[:20]}: expected GET or POST"
        if _text(headers, b"sec-fetch-site") not in ("", "same-origin", "none") and method == "POST":
            return 403, "the request comes from another page"
        origin = _text(headers, b"origin")
        if origin and urlsplit_or_none(origin) != ("http", host.lower()):
            return 403, f"Origin {origin[:80]!r}: the request comes from another page"
        if method != "POST":
            return None
        if _text(headers, b"content-type").partition(";")[0].strip().lower() != "application/json":
            return 415, "expected a body of the type application/json"
        length = _text(headers, b"content-length")
        if length and (not length.isdecimal() or len(length) > 18 or int(length) > MOST_BYTES):
            return 413, f"a body of {length[:20]} bytes, expected at most {MOST_BYTES}"
        return None

    def _knows(self, host: str) -> bool:
        parts = urlsplit_or_none(f"http://{host}")
        if parts is None or parts[1] != host.lower():
            return False
        try:
            name = urlsplit(f"http://{host}").hostname or ""
        except ValueError:
            return False
        return name in self.hosts or (self.any_address and _is_address(name))


def urlsplit_or_none(url: str) -> tuple[str, str] | None:
    """The scheme and the host with its port of a URL that has nothing else, or None."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc or not parts.netloc:
        return None
    return parts.scheme, parts.netloc.lower()


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _text(headers: dict[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")


async def _read(receive: Receive) -> tuple[bytes, tuple[int, str] | None]:
    """The whole body, or a refusal as soon as it is too large."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"", (400, "the request ended before its body")
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > MOST_BYTES:
            return b"", (413, f"a body of more than {MOST_BYTES} bytes")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks), None


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read to the application, and then what comes after it."""
    is_given = False

    async def replayed() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
