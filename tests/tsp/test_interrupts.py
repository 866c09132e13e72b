"""Ctrl-C is held back where it would do harm."""

import ctypes
import signal
from threading import Thread

import pytest

from tsp.interrupts import held_interrupts, interrupts_outside


def interrupted(times, note, after=lambda: None):
    """Press Ctrl-C while interrupts are held, then call `after`."""
    with held_interrupts(note) as held:
        assert not held()
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        assert held()
        after()


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_is_held_until_the_block_ends_and_a_second_is_raised_at_once(times):
    said, done = [], []
    with pytest.raises(KeyboardInterrupt):
        interrupted(times, lambda: said.append(1), lambda: done.append("the rest"))
    assert len(said) == 1
    assert done == (["the rest"] if times == 1 else [])


@pytest.mark.usefixtures("ctrl_c")  # which checks that the handler is restored
def test_another_error_is_raised_while_an_interrupt_is_held():
    with pytest.raises(ZeroDivisionError):
        interrupted(1, lambda: None, lambda: 1 / 0)


@pytest.mark.usefixtures("ctrl_c")
def test_a_note_that_cannot_be_printed_does_not_end_the_block():
    def say():
        raise RuntimeError("reentrant call")

    done = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(1, say, lambda: done.append("the rest"))
    assert done


@pytest.mark.usefixtures("ctrl_c")
def test_interrupts_are_not_held_in_other_threads_or_under_other_handlers():
    handlers = []

    def look():
        with held_interrupts(lambda: None):
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = Thread(target=look)
    thread.start()
    thread.join()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    look()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert handlers == [signal.default_int_handler, signal.SIG_IGN]


def press_from_c(done):
    """Press Ctrl-C in a function that C calls, where an exception is lost."""

    def called():
        signal.raise_signal(signal.SIGINT)
        done.append("called")

    ctypes.CFUNCTYPE(None)(called)()
    done.append("the rest")


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("depth", [1, 2])
def test_an_interrupt_in_a_function_that_c_calls_is_raised_when_the_innermost_block_ends(depth):
    def enter(depth):
        with interrupts_outside(__name__ if depth == 1 else "elsewhere"):
            if depth > 1:
                enter(depth - 1)
                done.append("the outer block")
            press_from_c(done)

    done = []
    with pytest.raises(KeyboardInterrupt):
        enter(depth)
    assert done == ["called", "the rest"]


@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupt_outside_the_functions_that_c_calls_is_raised_at_once():
    done = []
    with pytest.raises(KeyboardInterrupt), interrupts_outside("elsewhere"):
        done.append(signal.raise_signal(signal.SIGINT))
    assert not done
