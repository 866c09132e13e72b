"""What runs share: held interrupts and a log that ends with the checkpoint."""

import signal
from threading import Thread

import pytest

from policies.run_directory import append_row, drop_rows_after, held_interrupts


def interrupted(times, say, after=lambda: None):
    """Ctrl-C while interrupts are held, and what comes after it."""
    with held_interrupts(say) as held:
        assert not held()
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        assert held()
        after()


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_is_held_until_the_block_ends_and_a_second_is_not(times):
    said, done = [], []
    with pytest.raises(KeyboardInterrupt):
        interrupted(times, said.append, lambda: done.append("the rest"))
    assert len(said) == 1
    assert done == (["the rest"] if times == 1 else [])


@pytest.mark.usefixtures("ctrl_c")  # which looks whether the handler is put back
def test_another_error_goes_its_way():
    with pytest.raises(ZeroDivisionError):
        interrupted(1, lambda _: None, lambda: 1 / 0)


@pytest.mark.usefixtures("ctrl_c")
def test_a_note_that_cannot_be_said_now_is_left_unsaid():
    def say(text):
        raise RuntimeError("reentrant call")

    done = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(1, say, lambda: done.append("the rest"))
    assert done


@pytest.mark.usefixtures("ctrl_c")
def test_other_threads_and_other_handlers_are_left_alone():
    handlers = []

    def look():
        with held_interrupts(lambda _: None):
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = Thread(target=look)
    thread.start()
    thread.join()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    look()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert handlers == [signal.default_int_handler, signal.SIG_IGN]


@pytest.mark.parametrize("torn", ["", "st", "step,loss\n", "step,loss\n4,0.5\n", "step,loss\n2,0.7\n4,0.5\n6,0"])
def test_a_torn_log_goes_on_after_the_checkpoint(tmp_path, torn):
    path = tmp_path / "metrics.csv"
    path.write_text(torn)
    drop_rows_after(path, 3)
    append_row(path, {"step": 4, "loss": 0.5})
    assert path.read_text().split() == ["step,loss", *(["2,0.7"] if "2,0.7" in torn else []), "4,0.5"]
