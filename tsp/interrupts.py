"""Ctrl-C and SIGTERM: both raise KeyboardInterrupt, which can be delayed while it would do harm."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from types import FrameType

    Handler = Callable[[int, FrameType | None], object]

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """SIGTERM, which is treated as Ctrl-C."""


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """The exit code of a program that was interrupted: 128 and the signal's number."""
    return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)


def raise_terminated(number: int, frame: FrameType | None) -> NoReturn:
    """Handle SIGTERM."""
    raise Terminated


@contextmanager
def termination_interrupts() -> Generator[None]:
    """Let SIGTERM raise `Terminated`, outside threads, where nothing else handles it."""
    if not _is_main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    try:
        signal.signal(signal.SIGTERM, raise_terminated)
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def held_interrupts(note: Callable[[], object]) -> Generator[Callable[[], bool]]:
    """Hold back the first interrupt: KeyboardInterrupt is raised when the block ends, or at the second one.

    Nothing is held that would not raise KeyboardInterrupt anyway: outside the main thread, and where another handler
    is installed or the signal is ignored.

    Args:
        note: called at the first interrupt.

    Yields:
        a function that returns whether an interrupt is held.
    """
    ours = (signal.default_int_handler, raise_terminated)
    handlers = {number: handler for number, handler in _handlers().items() if handler in ours}
    held: type[KeyboardInterrupt] | None = None

    def hold(number: int, frame: FrameType | None) -> None:
        nonlocal held
        kind = Terminated if number == signal.SIGTERM else KeyboardInterrupt
        if held is not None:
            raise kind
        held = kind
        with suppress(RuntimeError):  # printing fails if the signal comes while another line is being printed
            note()

    with _replaced(handlers, hold):
        yield lambda: held is not None
    if held is not None:
        raise held


@contextmanager
def interrupts_outside(module: str) -> Generator[None]:
    """Postpone signals that come while functions of a module run: what they raise is lost where C calls them.

    Args:
        module: the name of the module whose functions C calls.
    """
    given = _handlers()
    postponed: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        caller = frame
        while caller is not None and caller.f_globals.get("__name__") != module:
            caller = caller.f_back
        if caller is None:
            given[number](number, frame)
        else:
            postponed.append(number)

    with _replaced(given, handle):
        yield
    for number in postponed:
        given[number](number, None)


def _handlers() -> dict[int, Handler]:
    """The functions that handle the signals; none outside the main thread."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS} if _is_main_thread() else {}
    return {number: handler for number, handler in handlers.items() if callable(handler)}


@contextmanager
def _replaced(handlers: Mapping[int, Handler], handle: Handler) -> Generator[None]:
    """Let one function handle these signals, and at the end those that handled them before."""
    try:
        for number in handlers:
            signal.signal(number, handle)
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
