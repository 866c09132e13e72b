"""Compiled kernels are kept by a hash of all sources, so that no edit of a called part is ignored."""

import signal
from pathlib import Path

import numba
import pytest
from llvmlite.binding import ExecutionEngine
from numba.core import config

from baselines.kernels.cache import (
    PACKAGE,
    PREFIX,
    KernelCache,
    cache_folder,
    folder_of,
    keep,
    kernel_cache,
    sources_hash,
)
from baselines.kernels.geometry import distance


def test_the_hash_follows_every_module_of_the_package(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.py").write_text("A = 1\n")
    (tmp_path / "inner" / "b.py").write_text("B = 1\n")
    first = sources_hash(tmp_path)
    assert sources_hash(tmp_path) == first
    (tmp_path / "inner" / "b.py").write_text("B = 2\n")
    assert sources_hash(tmp_path) != first
    (tmp_path / "inner" / "b.py").write_text("B = 1\n")
    assert sources_hash(tmp_path) == first
    (tmp_path / "inner" / "b.py").rename(tmp_path / "inner" / "c.py")
    assert sources_hash(tmp_path) != first


def test_kernels_are_kept_in_the_folder_of_the_hash_and_other_functions_are_not():
    assert cache_folder().name == PREFIX + sources_hash(PACKAGE)
    before = config.CACHE_DIR
    with kernel_cache():
        assert str(cache_folder()) == config.CACHE_DIR
    assert before == config.CACHE_DIR
    assert Path(distance._cache.cache_path).is_relative_to(cache_folder())  # noqa: SLF001


def test_folders_of_other_sources_are_removed(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    folders = []
    for text in ("A = 1\n", "A = 2\n"):
        (tmp_path / "a.py").write_text(text)
        folders.append(folder_of(tmp_path))
        folders[-1].mkdir(parents=True)
    assert folders[0] != folders[1]
    assert list((tmp_path / "__pycache__").iterdir()) == [folders[1]]


def test_a_folder_that_the_user_names_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "mine"))
    assert folder_of(tmp_path).parent == tmp_path / "mine"


def double(number):
    return 2 * number


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_while_a_kernel_is_compiled_interrupts_and_the_kernel_is_whole(tmp_path, monkeypatch):
    """LLVM calls Python when it has compiled a kernel, and an exception raised there would be lost."""
    find = ExecutionEngine._find_module_ptr  # noqa: SLF001 - called by what LLVM calls
    pressed = []

    def press(self, pointer):
        if not pressed:
            pressed.append(signal.raise_signal(signal.SIGINT))
        return find(self, pointer)

    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(ExecutionEngine, "_find_module_ptr", press)
    kernel = numba.njit(double)
    keep(kernel, KernelCache(double))
    with pytest.raises(KeyboardInterrupt):
        kernel(1)
    assert pressed
    assert kernel(1) == 2
