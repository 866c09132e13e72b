import signal
import threading

import pytest

from tsp.interrupts import noted_interrupts


@pytest.fixture(autouse=True)
def usual():
    """Signals raise `KeyboardInterrupt`, as they do in a terminal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_the_first_interrupt_is_noted_and_no_more():
    calls = []
    with noted_interrupts(lambda: calls.append(1)) as noted:
        assert not noted()
        signal.raise_signal(signal.SIGINT)
        assert noted()
    assert noted()
    assert calls == [1]


def test_the_second_interrupt_is_raised():
    with noted_interrupts():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_afterwards_interrupts_are_raised_again():
    with pytest.raises(ValueError, match="inside"), noted_interrupts():
        raise ValueError("inside")
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_other_threads_leave_signals_alone():
    seen = []

    def work():
        with noted_interrupts() as noted:
            seen.append((signal.getsignal(signal.SIGINT), noted()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(signal.default_int_handler, False)]


def test_a_handler_that_is_not_the_usual_one_stays():
    def own(*_):
        pass

    signal.signal(signal.SIGINT, own)
    with noted_interrupts() as noted:
        signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is own
    assert not noted()
    signal.signal(signal.SIGINT, signal.default_int_handler)
