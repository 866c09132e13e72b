"""Delay Ctrl-C while an exception would do harm."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


@contextmanager
def held_interrupts(note: Callable[[], object]) -> Generator[Callable[[], bool]]:
    """Hold back the first Ctrl-C: KeyboardInterrupt is raised when the block ends, or at the second Ctrl-C.

    Nothing is held where Ctrl-C would not raise KeyboardInterrupt anyway: outside the main thread, and
    where another handler is installed or the signal is ignored.

    Args:
        note: called at the first Ctrl-C.

    Yields:
        a function that returns whether an interrupt is held.
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
        with suppress(RuntimeError):  # printing fails if the signal comes while another line is being printed
            note()

    try:
        signal.signal(signal.SIGINT, hold)
        yield lambda: held
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if held:
        raise KeyboardInterrupt
