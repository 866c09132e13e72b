"""`tsp serve`: the page in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsp.cli.command import DONE, Command
from tsp.cli.console import say
from tsp.cli.options import at_once, port

if TYPE_CHECKING:
    import argparse

NEEDED = ("starlette", "uvicorn")
"""What the extra `page` installs."""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `tsp serve`."""
    command.add_argument("--port", type=port, default=8000, help="port (default 8000; 0: a free one)")
    command.add_argument("--host", default="127.0.0.1", help="address (default 127.0.0.1, this machine alone)")
    command.add_argument("--workers", type=at_once, default=3, help="number of solvers that run at once (default 3)")
    command.add_argument("--open", action="store_true", help="open the page in a browser")


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C."""
    try:
        from tsp.page.server import serve
    except ModuleNotFoundError as error:
        if error.name not in NEEDED:
            raise
        hint = 'pip install "travelling-scientist[page]"'
        raise ValueError(f"tsp serve needs the package {error.name!r}, which is not installed: {hint}") from None
    serve(
        host=arguments.host,
        port=arguments.port,
        workers=arguments.workers,
        opens=arguments.open,
        announce=lambda address: say(f"the page is at {address} (Ctrl-C ends it)"),
    )
    return DONE


COMMAND = Command("show the page in the browser", "tsp serve --open", add_options=add_options, run=run)
