"""The server of the page: one address, one process that answers, and a few that compute."""

from __future__ import annotations

import socket
import webbrowser
from typing import TYPE_CHECKING

import uvicorn

from tsp.page.app import make_app

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_CONNECTIONS = 128
"""Connections at once; more are answered with 503."""


def serve(*, host: str, port: int, workers: int, opens: bool, announce: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C.

    Args:
        host: address to listen on.
        port: number of the port; 0 takes a free one.
        workers: number of processes that compute.
        opens: whether to open a browser.
        announce: called with the page's address.

    Raises:
        ValueError: where the address cannot be had.
    """
    with _listen(host, port) as listener:
        number = listener.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{number}/"
        config = uvicorn.Config(
            make_app(host=host, workers=workers),
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="on",
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=1,
            ws="none",
            http="h11",
        )
        announce(address)
        if opens:
            webbrowser.open(address)  # the socket listens already
        uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen()
        except OSError:
            listener.close()
            raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ValueError(
            f"{host}:{port}: cannot be listened on ({reason}); expected another --host or --port"
        ) from None
    return listener
