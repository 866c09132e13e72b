"""Ctrl-C where an exception would come at the wrong moment: it is held back until it does no harm."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


@contextmanager
def held_interrupts(note: Callable[[], object]) -> Generator[Callable[[], bool]]:
    """Hold back Ctrl-C: it raises KeyboardInterrupt when the block ends, or at once when it comes again.

    Nothing is held where Ctrl-C would not raise KeyboardInterrupt here anyway: in another thread than
    the main one, and where someone else handles or ignores it.

    Args:
        note: called when the first Ctrl-C comes.

    Yields:
        What says whether an interrupt is held.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield lambda: False
        return
    held = False

    def hold(*_: object) -> None:
        nonlocal held
        if held:
            raise KeyboardInterrupt
        held = True
        with suppress(RuntimeError):  # what is said may fall into the middle of another line's writing
            note()

    try:
        signal.signal(signal.SIGINT, hold)
        yield lambda: held
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if held:
        raise KeyboardInterrupt
