"""Damaged or unwritable files of compiled kernels cost a compilation, not an answer."""

import errno
import os
import random
import time

import pytest
from numba import njit

from baselines.kernels import cache
from baselines.kernels.cache import KernelCache, keep, kernel_cache


def double(x):
    return 2 * x


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """A function that compiles `double` with a cache in a folder, as in a new process; and the folder."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path / "kernels")
    cache._note.cache_clear()  # noqa: SLF001

    def make(patience=60):
        with kernel_cache():
            stored = KernelCache(double, patience)
        function = njit(double)
        keep(function, stored)
        return function

    return make, tmp_path / "kernels"


def test_stored_code_is_used_again(compiled):
    make, folder = compiled
    assert make()(3) == 6
    assert {path.suffix for path in folder.rglob("*.nb?")} == {".nbi", ".nbc"}
    again = make()
    assert again(3) == 6
    assert sum(again.stats.cache_hits.values()) == 1


def test_a_process_waits_for_the_code_that_another_one_compiles(compiled):
    make, _ = compiled
    begun, begin = os.pipe()
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            try:
                os.read(begun, 1)
                function = make()
                assert function(3) == 6
                os._exit(sum(function.stats.cache_hits.values()))
            finally:
                os._exit(9)
        children.append(child)
    function = make()
    with function._cache.alone():  # noqa: SLF001
        os.write(begin, b"12")
        time.sleep(0.5)
        assert [os.waitpid(child, os.WNOHANG)[0] for child in children] == [0, 0]
        assert function(3) == 6
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [1, 1]


def test_a_process_that_keeps_its_code_for_too_long_is_not_waited_for(compiled):
    make, _ = compiled
    with make()._cache.alone():  # noqa: SLF001
        begin = time.monotonic()
        assert make(patience=0.2)(3) == 6
        assert 0.2 <= time.monotonic() - begin < 30


def test_stored_code_is_loaded_while_another_process_compiles(compiled):
    make, _ = compiled
    make()(3)
    with make()._cache.alone():  # noqa: SLF001
        begin = time.monotonic()
        again = make(patience=60)
        assert again(3) == 6
        assert time.monotonic() - begin < 30
    assert sum(again.stats.cache_hits.values()) == 1


def test_code_of_another_signature_is_not_loaded(compiled):
    """Between a look into the index and one into the code, another process may have changed both."""
    make, folder = compiled
    function = make()
    function(3)
    function(3.0)
    one, other = sorted(folder.rglob("*.nbc"))
    one.write_bytes(other.read_bytes())
    again = make()
    assert again(3) == 6
    assert isinstance(again(3), int)
    assert sum(again.stats.cache_hits.values()) == 0


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "other", "noise"])
def test_damaged_code_is_compiled_anew_and_said_once(compiled, ending, damage):
    make, folder = compiled
    make()(3)
    path = next(folder.rglob(f"*{ending}"))
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    changed = {"empty": b"", "cut": content[:-7], "flipped": content, "other": b"\x80\x04N."}
    path.write_bytes(changed.get(damage, random.Random(0).randbytes(len(content))))
    with pytest.warns(UserWarning, match=r"compiled code in .+ is damaged \(.+\), and is made anew"):
        assert make()(3) == 6
    assert len(list(folder.rglob("*.lock"))) == 1, "another process may wait for it"
    again = make()
    assert again(3) == 6
    assert sum(again.stats.cache_hits.values()) == 1


def test_a_full_disk_is_said_and_the_code_runs(compiled, monkeypatch):
    make, _ = compiled

    def write(self, path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("baselines.kernels.cache.CheckedFile._write", write)
    function = make()
    with pytest.warns(UserWarning, match=r"cannot be kept in .+ \(No space left on device\)"):
        assert function(3) == 6
