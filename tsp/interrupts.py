"""Ctrl-C where an exception would come at the wrong moment: it is noted, and raised when that does no harm."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


@contextmanager
def noted_interrupts(note: Callable[[], object] = lambda: None) -> Generator[Callable[[], bool]]:
    """While this is open a first Ctrl-C calls `note` and no more; a second one is raised at once.

    Only the main thread gets signals, and only while they raise `KeyboardInterrupt` is there something
    to hold back: elsewhere nothing changes.

    Yields:
        what tells whether there was one.
    """
    noted = False

    def handler(number: int, frame: object) -> None:
        nonlocal noted
        if noted:
            raise KeyboardInterrupt
        noted = True
        note()

    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if threading.current_thread() is not threading.main_thread() or not usual:
        yield lambda: False
        return
    signal.signal(signal.SIGINT, handler)
    try:
        yield lambda: noted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
