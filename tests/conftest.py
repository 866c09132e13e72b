"""Fixtures and Hypothesis profiles for all tests."""

import os
import signal
import sys
from functools import wraps
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("fuzz", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure(config):
    """Where coverage is measured, compile kernels without its tracer, which makes that half as long again."""
    is_controller = bool(config.getoption("numprocesses", None))
    if is_traced() and not is_controller:
        from numba.core import compiler

        compiler.compile_extra = untraced(compiler.compile_extra)


def is_traced() -> bool:
    return type(sys.gettrace()).__name__ == "CTracer"


def untraced(function):
    """The function, called without coverage's tracer."""

    @wraps(function)
    def call(*args, **kwargs):
        if not is_traced():
            return function(*args, **kwargs)
        tracer = sys.gettrace()
        tracer.stop()
        try:
            return function(*args, **kwargs)
        finally:
            tracer.start()

    return call


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real instances with known optima; tests that need it skip where it is missing."""
    folder = Path(os.environ.get("TSP_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (folder / "tsplib").is_dir():
        pytest.skip(f"no instance data at {folder}; set TSP_DATA to the folder that holds tsplib/")
    return folder


@pytest.fixture(autouse=True, scope="session")
def one_torch_thread() -> None:
    """Tests run in parallel, one thread each."""
    try:
        import torch
    except ModuleNotFoundError:
        return
    torch.set_num_threads(1)


@pytest.fixture
def tsp(capsys, monkeypatch, tmp_path):
    """Run a command in an empty folder: its exit code, standard output and standard error."""
    from tsp.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def ctrl_c(monkeypatch):
    """Press Ctrl-C, once or more often, right after a given call of a method."""

    def arrange(owner, name, *, call=1, times=1):
        method, calls = getattr(owner, name), count(1)

        def interrupted(*args, **kwargs):
            result = method(*args, **kwargs)
            if next(calls) == call:
                for _ in range(times):
                    signal.raise_signal(signal.SIGINT)
            return result

        monkeypatch.setattr(owner, name, interrupted)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it
    try:
        yield arrange
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
